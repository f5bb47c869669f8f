"""Trajectories of Rosenbrock methods whose steps are kept, and their transposed steps: derivatives through stiff phases."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.adjoint import StepRecord
from symdyn_kernels.arguments.parts import Control, Tolerances
from symdyn_kernels.arguments.stiff_adjoint import StiffBackwardArguments, StiffForwardArguments, StiffTableau

from symdyn import dag
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.lower import lower
from symdyn.codegen.reverse import adjoint_program
from symdyn.gradients import gradients
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import Rosenbrock
from symdyn.simulation.adjoints import AdjointKernel, LaneFunctions, adjoint_weights, compiled_lanes

__all__ = ["StiffAdjointKernel"]


class StiffAdjointKernel(AdjointKernel):
    r"""The same of a Rosenbrock method, with the Jacobian, dense, and derivatives of its products.

    Where rates depend on time the clock is one of the states, which gives the same numbers as the method's own terms.

    Parameters
    ----------
    system : ODESystem
        With inputs, and events at known times; without what else there may be.
    method : str
    moving : set of Symbol
        Parameters by which costs are differentiated: known times must not depend on them.
    """

    @staticmethod
    def _scheme(method: str) -> Any:
        return METHODS[method]

    def _prepare(self) -> None:
        system = self.system
        states, drift = system.states, tuple(system.part("drift"))
        if system.time in dag.free_symbols(drift):
            clock = sp.Dummy("clock")
            states, drift = (*states, clock), (*(e.xreplace({system.time: clock}) for e in drift), sp.S.One)
        self._functions = _functions(states, drift, system.time, system.parameters)
        self._stiff_tableau = _tableau(self.scheme)
        self.width = len(states)

    def _advance(self, segment: Any, tolerances: Tolerances, control: Control, record: StepRecord) -> None:
        rhs, jacobian, *_ = self._functions.addresses
        arguments = StiffForwardArguments(
            rhs, jacobian, segment.parameters, segment.last, self._stiff_tableau, tolerances, control, record
        )
        plain_driver("adjoint_stiff").forward(arguments)

    def _transpose(self, what: str, segment: Any, record: StepRecord, *rest: np.ndarray) -> None:
        rhs, jacobian, pull, bend = self._functions.addresses
        steps, parts, pulls, adjoint, gradient = rest
        arguments = StiffBackwardArguments(
            rhs, jacobian, pull, bend, segment.parameters, self._stiff_tableau, record, steps, parts, pulls, adjoint, gradient
        )
        getattr(plain_driver("adjoint_stiff"), what)(arguments)


@lru_cache(maxsize=32)
def _functions(
    states: tuple[sp.Symbol, ...], drift: tuple[sp.Expr, ...], time: sp.Symbol, parameters: tuple[sp.Symbol, ...]
) -> LaneFunctions:
    """Machine code of rates, Jacobian, its transposed product, and the derivatives of w' J u, for one lane."""
    blocks = [("lane", (time,)), ("y", states), ("p", parameters)]
    rows, stage, weights = gradients(drift, states), [sp.Dummy(f"stage_{s.name}") for s in states], adjoint_weights(states)
    entries = [row.get(s, sp.S.Zero) for row in rows for s in states]
    products = [sp.Add(*(e * u for s, u in zip(states, stage, strict=True) if (e := row.get(s)) is not None)) for row in rows]
    return compiled_lanes(
        "adjoint_stiff",
        lower("rhs", blocks, drift, [str(s) for s in states]),
        lower("jacobian", blocks, entries, [f"d{f}/d{s}" for f in states for s in states]),
        adjoint_program("pull", drift, time, states, weights, parameters),
        adjoint_program("bend", products, time, (*states, *stage), weights, parameters),
    )


def _tableau(scheme: Rosenbrock) -> StiffTableau:
    a, c = np.zeros((2, scheme.stages, scheme.stages))
    for table, rows in ((a, scheme.a), (c, scheme.c)):
        for i, row in enumerate(rows):
            table[i + 1, : len(row)] = row
    dense = np.zeros((len(scheme.dense), scheme.stages))  # rows of some methods leave out the last stages
    for i, row in enumerate(scheme.dense):
        dense[i, : len(row)] = row
    return StiffTableau(float(scheme.gamma), a, c, dense)
