"""Fixed-step schemes as textbook mathematics: one step as expressions of the states, the increments and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.methods.options import FixedStepOptions, MethodOptions, check_whole
from symdyn.system import System

__all__ = [
    "FixedStepScheme", "MapScheme", "StepSymbols", "StochasticScheme", "dot", "mean_areas", "refuse_all_but_diffusions",
    "refuse_all_but_late_diffusions", "second_areas",
]  # fmt: skip


@dataclass(frozen=True)
class StepSymbols:
    """Symbols of one step besides states, parameters and time, in the order of the driver's lane rows.

    Attributes
    ----------
    h, sqrt_h : Symbol
        The step and its root.
    dW : tuple of Symbol
        Increment of each Wiener process over the step.
    dZ, dY : tuple of Symbol
        Their integrals ``int (W(s) - W(t)) ds`` over the step, and the integrals of these; empty unless the scheme needs them.

    Examples
    --------
    >>> import symdyn as sd
    >>> symbols = StepSymbols.fresh(sd.SDESystem.example(), noises=2, integrals=0)
    >>> symbols.h, symbols.dW, symbols.dZ
    (h, (dW1, dW2), ())
    """

    h: sp.Symbol
    sqrt_h: sp.Symbol
    dW: tuple[sp.Symbol, ...] = ()
    dZ: tuple[sp.Symbol, ...] = ()
    dY: tuple[sp.Symbol, ...] = ()

    @classmethod
    def fresh(cls, system: System, noises: int, integrals: int) -> StepSymbols:
        """Symbols whose names no symbol of the system has.

        Parameters
        ----------
        system : System
        noises : int
            Number of Wiener processes.
        integrals : int
            Of each process that there are symbols for: 0, 1 for dZ or 2 for dZ and dY.

        Returns
        -------
        StepSymbols

        Examples
        --------
        >>> import symdyn as sd
        >>> StepSymbols.fresh(sd.ODESystem.from_text("x' = -h*x"), noises=1, integrals=1)
        StepSymbols(h=h_, sqrt_h=sqrt_h, dW=(dW1,), dZ=(dZ1,), dY=())
        """
        taken = {s.name for s in (*system.states, *system.parameters, system.time)}

        def new(name: str) -> sp.Symbol:
            while name in taken:
                name += "_"
            taken.add(name)
            return sp.Symbol(name)

        rows = [tuple(new(f"{name}{k}") for k in range(1, noises + 1)) for name in ("dW", "dZ", "dY")[: 1 + integrals]]
        return cls(new("h"), new("sqrt_h"), *rows)


@dataclass(frozen=True, kw_only=True)
class FixedStepScheme:
    r"""A scheme with steps of equal length.

    Attributes
    ----------
    name, reference : str
    step : callable
        ``step(system, symbols)`` gives the new states as a tuple of expressions, with `StepSymbols`.
    applies : callable
        ``applies(system)`` gives None, or the reason why the scheme cannot integrate the system.
    order : float, optional
        Order of convergence without noise, where it is one.
    integrals : int
        Of the path that a step uses besides the increments dW: 0, 1 for dZ or 2 for dZ and dY.
    options : type
        Of the method, a subclass of `MethodOptions`.

    Raises
    ------
    DeclarationError
        If ``integrals`` is another number than 0, 1 and 2.

    Examples
    --------
    The midpoint rule, :math:`x' = x + h f(x + \tfrac h2 f(x))`, of an autonomous system:

    >>> import symdyn as sd
    >>> def step(system, symbols):
    ...     half = {x: x + symbols.h / 2 * f for x, f in zip(system.states, system.drift)}
    ...     return tuple(x + symbols.h * f.xreplace(half) for x, f in zip(system.states, system.drift))
    >>> midpoint = FixedStepScheme(
    ...     name="midpoint", reference="Runge, Math. Ann. 46 (1895) 167", order=2, step=step,
    ...     applies=lambda system: system.unmet(["drift"]),
    ... )
    >>> decay = sd.ODESystem.from_text("x' = -x")
    >>> [new] = midpoint.step(decay, StepSymbols.fresh(decay, 0, 0))
    >>> print(sp.expand(new))
    h**2*x/2 - h*x + x
    """

    name: str
    reference: str
    step: Callable[[Any, StepSymbols], tuple[sp.Expr, ...]]
    applies: Callable[[System], str | None]
    order: float | None = None
    integrals: int = 0
    options: type[MethodOptions] = FixedStepOptions

    def __post_init__(self) -> None:
        check_whole(0, integrals=self.integrals)
        if self.integrals > 2:
            raise DeclarationError(f"integrals is {self.integrals}; expected 0, 1 or 2")


@dataclass(frozen=True, kw_only=True)
class StochasticScheme(FixedStepScheme):
    """A scheme for stochastic differential equations.

    Attributes
    ----------
    strong_order, weak_order : float
        Orders of convergence for the systems to which the scheme applies (the lowest, where it depends on the noise).

    Raises
    ------
    DeclarationError
        If ``integrals`` is another number than 0, 1 and 2.

    References
    ----------
    Kloeden & Platen, Numerical Solution of Stochastic Differential Equations (1992), secs. 9.6 and 9.7.

    Examples
    --------
    >>> import symdyn as sd
    >>> scheme = sd.METHODS["euler-maruyama"]
    >>> scheme.strong_order, scheme.weak_order
    (0.5, 1.0)
    >>> noise = sd.SDESystem.from_text("dX = -X*dt + s*dW")
    >>> print(*scheme.step(noise, StepSymbols.fresh(noise, 1, 0)))
    -X*h + X + dW1*s
    """

    strong_order: float
    weak_order: float


@dataclass(frozen=True, kw_only=True)
class MapScheme(FixedStepScheme):
    """The iteration of a map, whose step has length 1.

    Attributes
    ----------
    name, reference, step, applies, order, integrals, options
        As of `FixedStepScheme`.

    Raises
    ------
    DeclarationError
        If ``integrals`` is another number than 0, 1 and 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> doubling = sd.DiscreteSystem.from_text("x[t+1] = 2*x")
    >>> sd.METHODS["iterate"].step(doubling, StepSymbols.fresh(doubling, 0, 0))
    (2*x,)
    """

    options: type[MethodOptions] = MethodOptions


def refuse_all_but_diffusions(system: System) -> str | None:
    """None for a drift with Wiener noise, also with events and inputs, else the reason that schemes give.

    With delays steps of a higher order would have to contain integrals of the noise that states of the past had within them.
    """
    reason = refuse_all_but_late_diffusions(system)
    if reason or not system.delays:
        return reason
    return (
        f"it has the delay {system.delays[0]}, and its order needs integrals of the noise that this had; use 'euler-maruyama', "
        "'heun' or 'milstein'"
    )


def refuse_all_but_late_diffusions(system: System) -> str | None:
    """The same of schemes that take delays, too."""
    return system.unmet(["drift", "diffusion"], ["events", "shuffled", "inputs", "delays"])


def dot(row: Iterable[sp.Expr], increments: Sequence[sp.Expr]) -> sp.Expr:
    """Sum of the products of a row of the diffusion matrix with increments."""
    return sp.Add(*(g * d for g, d in zip(row, increments, strict=True)))


def mean_areas(symbols: StepSymbols) -> list[sp.Expr]:
    """The areas ``dZ/h - dW/2`` of the paths against their chords, as products, which numbers before them leave as they are."""
    return [(dZ - symbols.h * dW / 2) / symbols.h for dW, dZ in zip(symbols.dW, symbols.dZ, strict=True)]


def second_areas(symbols: StepSymbols) -> list[sp.Expr]:
    """The areas ``dY/h^2 - dZ/(2 h) + dW/12``, which are independent of the former and of dW, of variance h/720."""
    h, each = symbols.h, zip(symbols.dW, symbols.dZ, symbols.dY, strict=True)
    return [(dY - h * dZ / 2 + h**2 * dW / 12) / h**2 for dW, dZ, dY in each]
