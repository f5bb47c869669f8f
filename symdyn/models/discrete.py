"""Maps: x[t+1] = F(x[t], p, t), which may draw random numbers in every step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn.attached import MapVerbs
from symdyn.declaration import read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.models._delays import now
from symdyn.models._lagged_states import LaggedStates, past_states
from symdyn.models.events import Event, called, declared_events, listed_events, with_events_of
from symdyn.models.random_steps import SteppedSystem
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText
from symdyn.system import Equation, delays_in

__all__ = ["DiscreteSystem"]


class DiscreteSystem(MapVerbs, SteppedSystem):
    r"""A map that is iterated, such as a matrix population model.

    .. math:: x_{t+1} = F(x_t, p, t, \xi_t), \qquad t = 0, 1, 2, \ldots

    Symbols called ``dW``, ``dW1``, ``dW_rain`` ... are standard normal numbers :math:`\xi`, independent of one another and
    drawn anew in each step of each trajectory: ``x[t+1] = r*x*exp(s*dW - s**2/2)`` grows by log-normal factors of mean r.

    Parameters
    ----------
    equations : mapping
        From each state to its next value; in it a state's symbol means the present value.
    parameters, initial, observables, events, time :
        As for `ODESystem`.  Events act after steps: where their condition has turned true, and at the first step at or after
        the times of a schedule.  Inputs have the values at the beginning of a step.
    history : mapping, optional
        Of maps with delays, states before the first step: numbers or expressions of parameters.  By default a state had its
        initial value all along; that of a state with a history is this, unless `initial` says otherwise.

    Attributes
    ----------
    map : tuple of Expr
        Next values in the order of `states`.
    noise : tuple of Symbol
        The random numbers in them.

    Raises
    ------
    DeclarationError
        If there are no equations, a state has two, random numbers stand in an observable or an event, or a value is
        no number.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, r = sp.symbols("x r")
    >>> print(sd.DiscreteSystem({x: r * x * (1 - x)}, parameters={r: 3.2}))
    x[t+1] = r*x*(1 - x)

    Delays of whole steps, in text ``x[t-1]``, bring in states of the past, such as ``x_lag1``, which are states as all others,
    and in results coordinates; an event that changes x leaves them as they are.  The map of Henon, from x = 0.1 after x = 0.3:

    >>> X, t, a, b = sp.Function("x"), *sp.symbols("t a b")
    >>> henon = sd.DiscreteSystem({x: 1 - a * x**2 + b * X(t - 1)}, {a: 1.4, b: 0.3}, initial={x: 0.1, "x_lag1": 0.3})
    >>> print(henon)
    x[t+1] = -a*x**2 + b*x_lag1 + 1
    x_lag1[t+1] = x
    >>> sorted(sd.analysis.steady_states(henon).x.values.round(4).tolist())
    [-1.1314, 0.6314]
    """

    map: tuple[sp.Expr, ...]
    events: tuple[Event, ...]
    kind: ClassVar[str] = "map"
    sides: ClassVar[tuple[str, ...]] = ("map",)
    text_options: ClassVar[tuple[str, ...] | None] = ()
    eventful: ClassVar[bool] = True
    lagged: ClassVar[bool] = True

    def __init__(
        self,
        equations: Mapping[Any, Any],
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        history: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        rows, observed, time = read_equations(equations, time, observables)
        every = [*rows.values(), *observed.values(), *(side for e in listed_events(events) for side in e.sides)]
        lagged = LaggedStates(tuple(rows), every, time, parameters or ())
        swap = {**called(equations, tuple(rows)), **now(rows, every, time), **lagged.swap}
        initial = lagged.beginning(initial, history)
        rows = {**{s: e.xreplace(swap) for s, e in rows.items()}, **lagged.rows}
        observed = {name: e.xreplace(swap) for name, e in observed.items()}
        moments, conditions = declared_events(events, swap, tuple(rows), observed)
        sides = [*rows.values(), *conditions]
        self.settle(tuple(rows), sides, observed, time, parameters=parameters, initial=initial, provenance=provenance)
        self.__dict__.update(map=tuple(rows.values()), events=moments, helpers=past_states(rows))
        self._check_noise()

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls({x: a * x * (1 - x), y: x + b * y}, {a: 3.1, b: 0.5}, initial={x: 0.3, y: 0})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style == "differential" or model.noise:
            raise DeclarationError("a DiscreteSystem is written x[t+1] = ..., or x' = ... without dW, and has no dt")
        if model.orders:
            derivative = f"{next(iter(model.orders))}'' is a second derivative by time"
            raise DeclarationError(derivative + ", and a map has steps; write y[t+1] = x and x[t+1] = ...")
        history = {**model.history, **{name_of(k): v for k, v in (options.get("history") or {}).items()}}
        return cls(model.equations, **{**options, "events": with_events_of(model.events, options), "history": history})

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        filled = super().with_terms(terms, defaults)
        if late := delays_in(filled.expressions, filled.names):
            raise DeclarationError(
                f"a term contains {late[0]}; declare the map with this delay, which brings in states of the past"
            )
        return filled

    def equations(self) -> list[Equation]:
        """The map as text and as LaTeX.

        Returns
        -------
        list of Equation
            One for each state.

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.DiscreteSystem.from_text("x[t+1] = r*x").equations()]
        ['x[t+1] = r*x']
        """
        t = self.time
        sides = zip(self.states, self.map, strict=True)
        return [Equation(f"{s}[{t}+1]", str(f), rf"{sp.latex(s)}_{{{sp.latex(t)}+1}}", partial(sp.latex, f)) for s, f in sides]


KINDS.register("map", DiscreteSystem)
