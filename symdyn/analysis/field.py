"""The right-hand side of a system and its derivatives as numpy functions of states and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symdyn.analysis._compiled import LANES, CompiledBatch, CompiledProgram
from symdyn.codegen.differentiate import derivatives
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import Lowering, lower
from symdyn.codegen.program import Program
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, numeric_values
from symdyn.gradients import gradients
from symdyn.system import System

__all__ = ["Field", "parameter_row"]

#: Relative error of computed eigenvalues: closer to the axis their sign is undetermined.
ROUNDING = 2e-15
#: Calls for single points after which a program is compiled.
FEW = 40


class Field:
    r"""Where a system rests, :math:`f(x, p) = 0`, as arrays: batch first, float64.

    For an ODE system `f` is its drift, for a map it is :math:`F(x) - x`.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Autonomous and without unknown terms.

    Raises
    ------
    DeclarationError
        For other kinds of systems and for right-hand sides that depend on time.
    CompileError
        For unknown terms and functions without numerical counterpart.
    """

    def __init__(self, system: System) -> None:
        sides = system.deterministic("the analysis of steady states")
        self.system, self.states, self.is_map = system, system.states, system.whole_steps
        if system.time_dependent:
            raise DeclarationError(f"the right-hand side depends on {system.time}; steady states need an autonomous system")
        self.expressions = tuple(e - s for e, s in zip(sides, self.states, strict=True)) if self.is_map else tuple(sides)
        self._blocks = [("lane", ()), ("y", self.states), ("p", system.parameters)]
        self._slopes: dict[sp.Symbol, Program] = {}
        self._calls: dict[str, int] = {}
        self._compiled: dict[str, CompiledProgram] = {}
        self._batches: dict[str, CompiledBatch] = {}
        self._value = lower("f", self._blocks, self.expressions, self.system.names)

    @cached_property
    def _jacobian(self) -> Program:
        # on the graph of operations: what is linear, or occurs in several sides, costs next to nothing there
        build = Lowering(self._blocks)
        values, inputs = ([build.value(e) for e in row] for row in (self.expressions, self.states))
        zero, rows = build.constant(0), derivatives(build, values, inputs)
        entries = [row.get(s, zero) for row in rows for s in inputs]
        return build.program("jacobian", entries, [""] * len(entries))

    def __call__(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Values (..., n) at states (..., n) and parameters (..., k)."""
        return self._run(self._value, x, p)

    def jacobian(self, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Derivatives by the states, (..., n, n)."""
        n = len(self.states)
        return self._run(self._jacobian, x, p).reshape(*x.shape, n)

    def slope(self, x: np.ndarray, p: np.ndarray, parameter: sp.Symbol) -> np.ndarray:
        """Derivatives by one parameter, (..., n)."""
        if parameter not in self._slopes:
            entries = [of.get(parameter, sp.S.Zero) for of in gradients(self.expressions, [parameter])]
            self._slopes[parameter] = lower(f"slope{len(self._slopes)}", self._blocks, entries, [""] * len(entries))
        return self._run(self._slopes[parameter], x, p)

    def _run(self, program: Program, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        if x.ndim == 1:
            calls = self._calls[program.name] = self._calls.get(program.name, 0) + 1
            if calls > FEW:
                if program.name not in self._compiled:
                    self._compiled[program.name] = CompiledProgram(program)
                found = self._compiled[program.name](x, p)
                return found if np.isfinite(found).all() else _evaluated(program, x.astype(np.longdouble), p)
        found = self._many(program, x, p)
        bad = ~np.isfinite(found).all(axis=-1) & np.isfinite(x).all(axis=-1)
        if bad.any():  # products of high powers may overflow though their ratios do not
            found[bad] = _evaluated(
                program,
                x[bad].astype(np.clongdouble if np.iscomplexobj(x) else np.longdouble),
                np.broadcast_to(p, (*x.shape[:-1], p.shape[-1]))[bad],
            )
        return found

    def _many(self, program: Program, x: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Outputs (..., k) at many points, compiled after some calls."""
        size = int(np.prod(x.shape[:-1]))
        if x.dtype != float or size < LANES // 2:
            return _evaluated(program, x, p)
        name = f"{program.name}, many"
        calls = self._calls[name] = self._calls.get(name, 0) + 1
        if calls <= FEW:
            return _evaluated(program, x, p)
        if name not in self._batches:
            self._batches[name] = CompiledBatch(program)
        rows = np.broadcast_to(p, (*x.shape[:-1], p.shape[-1])).reshape(size, -1)
        return self._batches[name](x.reshape(size, -1), rows).reshape(*x.shape[:-1], -1)

    def eigenvalues(self, x: np.ndarray, p: np.ndarray, tangent: np.ndarray | None = None) -> np.ndarray:
        """Eigenvalues of the linearisation, the least stable first; within the span of `tangent` (n, m) if it is given.

        For a map they are multipliers, sorted by absolute value.
        """
        matrix = self.jacobian(x, p)
        if self.is_map:
            matrix = matrix + np.eye(len(self.states))
        if tangent is not None:
            matrix = tangent.T @ matrix @ tangent
        if not np.isfinite(matrix).all():
            return np.full(matrix.shape[-1], np.nan + 0j)
        with np.errstate(all="ignore"):
            values = np.linalg.eigvals(matrix) if matrix.size else np.empty(0)
        key = np.abs(values) if self.is_map else values.real
        return values[np.argsort(-key, kind="stable")].astype(complex)

    def stable(self, eigenvalues: np.ndarray) -> bool:
        """Whether small perturbations decay, by more than rounding could feign."""
        if self.is_map:
            return bool((np.abs(eigenvalues) < 1 - ROUNDING).all())
        return bool((eigenvalues.real < -ROUNDING * np.abs(eigenvalues).max(initial=0)).all())


def _evaluated(program: Program, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Outputs (..., k) in double precision, computed in that of the states."""
    states = [x[..., i] for i in range(x.shape[-1])]
    with np.errstate(all="ignore"):
        values = evaluate(program, [], states, [p[..., i] for i in range(p.shape[-1])])
        found = np.empty((*x.shape[:-1], len(values)), complex if np.iscomplexobj(x) else float)
        for k, v in enumerate(values):
            found[..., k] = v
    return found


def parameter_row(system: System, parameters: Mapping[Any, Any] | None, without: Any = None) -> np.ndarray:
    """One number for each parameter, defaults included, in the order of the system; NaN for the one left out.

    Raises
    ------
    DeclarationError
        For unknown names, values that are no numbers, and parameters without a value.
    """
    values = {**system.defaults, **numeric_values(parameters, system.parameters, "parameter")}
    free = None if without is None else lookup(without, system.parameters, "parameter")
    missing = [s.name for s in system.parameters if s not in values and s != free]
    if missing:
        raise DeclarationError(f"no value for the parameter {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
    return np.array([values.get(s, np.nan) if s != free else np.nan for s in system.parameters], dtype=float)
