"""Ordinary differential equations: x' = f(x, p, t)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn import dag
from symdyn.attached import FlowVerbs
from symdyn.declaration import lookup, name_of, read_equations
from symdyn.errors import DeclarationError
from symdyn.models._delays import check_delays, now, read_history
from symdyn.models._higher_order import first_order
from symdyn.models.events import Event, event_of, listed_events, observed_events
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText
from symdyn.system import Equation, System

__all__ = ["ODESystem"]


class ODESystem(FlowVerbs, System):
    r"""A system of ordinary differential equations.

    .. math:: \dot x_i = f_i(x, p, t)

    Parameters
    ----------
    equations : mapping or iterable of Eq
        From each state (a symbol, a name or ``x(t)``) to its right-hand side, or equations
        ``Eq(Derivative(x(t), t), rhs)``.  Undefined functions such as ``f(x, y)`` are unknown terms.  Equations of higher
        order, ``Eq(x(t).diff(t, 2), rhs)`` or ``x'' = ...`` in text, bring in the derivatives as further states ``x_dot``,
        ``x_dot2`` ..., whose initial values are those of ``x(t).diff(t)``, ``x'(0)`` in text.
    parameters : mapping, optional
        Default values; keys are symbols or names.  Every free symbol that is no state and not time is a parameter.
    initial, observables : mapping, optional
        Default initial values, which may be expressions of parameters and of other states, for their initial values; named
        expressions that a simulation reports in addition to the states.
    events : Event or sequence of Event, optional
        Instantaneous changes when a condition turns true, or at given times (`symdyn.dose`).
    history : mapping, optional
        Of systems with delays, states before the first time: numbers or expressions of time and parameters.  By default a state
        had its initial value all along; that of a state with a history is the history at the first time, unless `initial` says
        otherwise.
    time : Symbol or str, optional
        The independent variable, ``t`` by default (``time`` if a state is called ``t``).

    Attributes
    ----------
    drift : tuple of Expr
        Right-hand sides in the order of `states`.

    Raises
    ------
    DeclarationError
        If names clash, an expression is not a real scalar, or a delay is negative.

    Notes
    -----
    A state at another time is a function of it, with ``X = Function("x")`` for the state x: ``X(t - 1)``, ``X(t - tau)`` with a
    parameter, of which every trajectory may have its own value, or ``X(t - 2 - x**2)``.  Steps end where such a state may have
    a jump in a derivative, the first time plus sums of constant delays, and are not longer than the shortest of these; a step
    that looks up its own solution, which delays that depend on states or time allow, is repeated until it agrees with that.
    Jumps that move with the states are left to the error control.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, y, a, b = sp.symbols("x y a b")
    >>> print(sd.ODESystem({x: a * x - x * y, y: x * y - b * y}, parameters={a: 1, b: 0.5}))
    x' = a*x - x*y
    y' = -b*y + x*y

    A neuron that fires and is reset:

    >>> v, I = sp.symbols("v I")
    >>> print(sd.ODESystem({v: I - v}, {I: 1.5}, events=sd.Event(v >= 1, {v: 0})))
    v' = I - v
    when v >= 1, v = 0
    >>> t, x, c = sp.Symbol("t"), sp.Function("x"), sp.Symbol("c")
    >>> print(sd.ODESystem([sp.Eq(x(t).diff(t, 2), -x(t) - c * x(t).diff(t))], initial={x(t): 0, x(t).diff(t): 1}))
    x' = x_dot
    x_dot' = -c*x_dot - x

    A delay, and the states before the first time; in text ``x' = -x(t - tau)`` and ``x(t <= 0) = cos(t)``:

    >>> X, tau = x, sp.Symbol("tau")
    >>> print(sd.ODESystem({"x": -X(t - tau)}, {tau: 1}, history={"x": sp.cos(t)}))
    x' = -x(t - tau)
    x(t <= 0) = cos(t)
    """

    drift: tuple[sp.Expr, ...]
    events: tuple[Event, ...]
    kind: ClassVar[str] = "ode"
    sides: ClassVar[tuple[str, ...]] = ("drift",)
    text_options: ClassVar[tuple[str, ...] | None] = ()
    eventful: ClassVar[bool] = True
    delayed: ClassVar[bool] = True

    def __init__(
        self,
        equations: Mapping[Any, Any] | Iterable[sp.Eq],
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        history: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        if not isinstance(equations, Mapping):
            equations, observables = first_order(equations, observables)
        rows, observed, time = read_equations(equations, time, observables)
        swap = now(rows, [*rows.values(), *observed.values(), *(s for e in listed_events(events) for s in e.sides)], time)
        rows = {s: e.xreplace(swap) for s, e in rows.items()}
        observed = {name: e.xreplace(swap) for name, e in observed.items()}
        moments = observed_events(events, observed, swap)
        for event in moments:
            for state in event.assignments:
                lookup(state, rows, "state")
        states, before = tuple(rows), read_history(history, tuple(rows), time)
        further = [side for event in moments for side in event.sides]
        sides = [*rows.values(), *further, *before.values()]
        self.settle(states, sides, observed, time, parameters=parameters, initial=initial, provenance=provenance)
        check_delays(rows.values(), [*further, *observed.values()], states, time, before)
        self.__dict__.update(drift=tuple(rows.values()), events=moments, history=before)

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls({x: a * x * (1 - x) - x * y, y: x * y - b * y}, {a: 2, b: 0.5}, initial={x: 0.5, y: 0.3})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style != "prime" or model.noise:
            raise DeclarationError("an ODESystem is written x' = ..., without noise; see SDESystem and DiscreteSystem")
        read: dict[str, Any] = {"events": [*map(event_of, model.events), *options.get("events", ())]}
        read["history"] = {**model.history, **{name_of(k): v for k, v in (options.get("history") or {}).items()}}
        return cls(model.equations, **{**options, **read})

    @cached_property
    def _text(self) -> str:
        rows = (f"{s}' = {f}" for s, f in zip(self.states, self.drift, strict=True))
        before = (f"{s}({self.time} <= 0) = {dag.written_exactly(e)}" for s, e in self.history.items())
        return "\n".join([*rows, *map(str, self.events), *before])

    def equations(self) -> list[Equation]:
        """The equations as text and as LaTeX.

        Returns
        -------
        list of Equation
            One for each state.

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.ODESystem.from_text("x' = y; y' = -x").equations()]
        ["x' = y", "y' = -x"]
        """
        sides = zip(self.states, self.drift, strict=True)
        return [Equation(f"{s}'", str(f), rf"\dot{{{sp.latex(s)}}}", sp.latex(f)) for s, f in sides]


KINDS.register("ode", ODESystem)
