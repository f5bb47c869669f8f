"""Fixed-step schemes as textbook mathematics: one step as expressions of the states, the increments and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.methods.options import FixedStepOptions, MethodOptions
from symdyn.system import System

__all__ = ["FixedStepScheme", "MapScheme", "StepSymbols", "StochasticScheme", "dot", "refuse_all_but_diffusions"]


@dataclass(frozen=True)
class StepSymbols:
    """What one step knows besides states, parameters and time, in the order of the driver's lane rows.

    Attributes
    ----------
    h, sqrt_h : Symbol
        The step and its root.
    dW : tuple of Symbol
        Increment of each Wiener process over the step.
    dZ : tuple of Symbol
        Their integrals ``int (W(s) - W(t)) ds`` over the step; empty unless the scheme needs them.
    """

    h: sp.Symbol
    sqrt_h: sp.Symbol
    dW: tuple[sp.Symbol, ...] = ()
    dZ: tuple[sp.Symbol, ...] = ()

    @classmethod
    def fresh(cls, system: System, noises: int, with_dz: bool) -> StepSymbols:
        """Symbols whose names no symbol of the system has."""
        taken = {s.name for s in (*system.states, *system.parameters, system.time)}

        def new(name: str) -> sp.Symbol:
            while name in taken:
                name += "_"
            taken.add(name)
            return sp.Symbol(name)

        dW = tuple(new(f"dW{k}") for k in range(1, noises + 1))
        dZ = tuple(new(f"dZ{k}") for k in range(1, noises + 1)) if with_dz else ()
        return cls(new("h"), new("sqrt_h"), dW, dZ)


@dataclass(frozen=True, kw_only=True)
class FixedStepScheme:
    """A scheme with steps of equal length.

    Attributes
    ----------
    name, reference : str
    step : callable
        ``step(system, symbols)`` gives the new states as a tuple of expressions, with `StepSymbols`.
    applies : callable
        ``applies(system)`` gives None, or the reason why the scheme cannot integrate the system.
    order : float, optional
        Order of convergence without noise, where it is one.
    needs_dz : bool
        Whether a step uses the integrals dZ besides the increments dW.
    options : type
        Of the method, a subclass of `MethodOptions`.
    """

    name: str
    reference: str
    step: Callable[[Any, StepSymbols], tuple[sp.Expr, ...]]
    applies: Callable[[System], str | None]
    order: float | None = None
    needs_dz: bool = False
    options: type[MethodOptions] = FixedStepOptions


@dataclass(frozen=True, kw_only=True)
class StochasticScheme(FixedStepScheme):
    """A scheme for stochastic differential equations.

    Attributes
    ----------
    strong_order, weak_order : float
        Orders of convergence for the systems to which the scheme applies (the lowest, where it depends on the noise).
    """

    strong_order: float
    weak_order: float


@dataclass(frozen=True, kw_only=True)
class MapScheme(FixedStepScheme):
    """The iteration of a map, whose step has length 1."""

    options: type[MethodOptions] = MethodOptions


def refuse_all_but_diffusions(system: System) -> str | None:
    """None for a system of a drift and Wiener noise, else the reason that every scheme here gives."""
    return system.unmet(["drift", "diffusion"])


def dot(row: Iterable[sp.Expr], increments: Sequence[sp.Expr]) -> sp.Expr:
    """Sum of the products of a row of the diffusion matrix with increments."""
    return sp.Add(*(g * d for g, d in zip(row, increments, strict=True)))
