"""Ordinary differential equations: x' = f(x, p, t)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from numbers import Integral
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn import dag
from symdyn.attached import FlowVerbs
from symdyn.declaration import expression, read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import listed, name_of
from symdyn.models._delays import (
    at_first,
    check_delays,
    kept_span,
    named_slopes,
    now,
    read_history,
    read_span,
    refuse_idle_history,
)
from symdyn.models._higher_order import first_order
from symdyn.models._traced import traced
from symdyn.models.events import Event, declared_events, listed_events, with_events_of
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText
from symdyn.system import Equation, System, delays_in

__all__ = ["ODESystem"]


class ODESystem(FlowVerbs, System):
    r"""A system of ordinary differential equations.

    .. math:: \dot x_i = f_i(x, p, t)

    Parameters
    ----------
    equations : mapping, Eq or iterable of Eq
        From each state (a symbol, a name or ``x(t)``) to its right-hand side, or equations
        ``Eq(Derivative(x(t), t), rhs)``, or linear in the highest derivatives.  Undefined functions such as ``f(x, y)`` are
        unknown terms.  Equations of higher order, ``Eq(x(t).diff(t, 2), rhs)`` or ``x'' = ...`` in text, bring in the
        derivatives as further states ``x_dot``, ``x_dot2`` ..., whose initial values are those of ``x(t).diff(t)``, ``x'(0)``
        in text.
    parameters : mapping, optional
        Default values; keys are symbols or names.  Every free symbol that is no state and not time is a parameter.
    initial, observables : mapping, optional
        Default initial values, which may be expressions of parameters and of other states, for their initial values; named
        expressions that a simulation reports in addition to the states.
    algebraic : mapping, optional
        From further states to the equations that determine them, ``0 = g(x, z, p, t)``: g, or ``Eq(left, right)``.  In text
        ``0 = z + z^3 - x for z``.  Which equation is given for which state makes no difference but for what is shown.  Their
        initial values, 0 unless given, are where Newton's method begins.  Of states with rates of change the initial values
        are kept; where they contradict a constraint that follows from the equations, by more than ten times the tolerances, a
        simulation fails and names it.
    events : Event or sequence of Event, optional
        Instantaneous changes when a condition turns true, or at given times (`symdyn.dose`).
    history : mapping, optional
        Of systems with delays, states before the first time: numbers or expressions of time and parameters.  By default a state
        had its initial value all along; that of a state with a history is the history at the first time, unless `initial` says
        otherwise.
    history_span : (float, float), optional
        From when to when the history is known, as it is of one that was measured; in text ``x(1900 <= t <= 1907) = ...``.
        Simulations begin at its end, other beginnings and longer delays are refused.  By default it is known at all times
        before any first time.
    time : Symbol or str, optional
        The independent variable, ``t`` by default (``time`` if a state is called ``t``).

    Attributes
    ----------
    drift : tuple of Expr
        Right-hand sides in the order of `states`, of those in `algebraic` g.
    algebraic : tuple of Symbol
        States that algebraic equations determine.
    constraints : tuple of Expr
        What is 0 besides, see `index_reduced`.

    Raises
    ------
    DeclarationError
        If names clash, an expression is not a real scalar, or a delay is negative.

    Notes
    -----
    A state at another time is a function of it, with ``X = Function("x")`` for the state x: ``X(t - 1)``, ``X(t - tau)`` with a
    parameter, of which every trajectory may have its own value, or ``X(t - 2 - x**2)``.  It may stand in rates of change,
    observables and events, and in initial values, where it is the history.  Steps end where such a state may have
    a jump in a derivative, the first time plus sums of constant delays, and are not longer than the shortest of these; a step
    that looks up its own solution, which delays that depend on states or time allow, is repeated until it agrees with that.
    Where such delays look up a jump is located on the way, as often as the order of the method notices.  The slope of a state
    at another time, ``X(t - 1).diff(t)``, in text ``x'(t - 1)``, makes a neutral equation; its delay is constant, and its jumps
    stay as large as they are.

    Algebraic equations may contain delays, too, also of the states that they determine, ``0 = z - x - z(t - 1)/2 for z``: such
    equations are solved with the values of the past put in, anew after every jump.  A state without a history had its
    consistent initial value all along.  With a history that is not consistent it jumps, at the first time and, unless rates of
    change alone contain it, at sums of delays after that; outputs there are the values after the jump.  Of some thousands of
    such sums in a run only the first are met, and a warning says until when.

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

    A conserved total takes the place of a rate of change, and a binding equilibrium that of two fast reactions:

    >>> S, E, C, P, k, K = sp.symbols("S E C P k K")
    >>> enzyme = sd.ODESystem({S: -k * C, P: k * C}, {k: 2, K: 0.5}, algebraic={E: E + C - 1, C: sp.Eq(K * C, S * E)},
    ...                       initial={S: 3, P: 0})
    >>> print(enzyme)
    S' = -C*k
    P' = C*k
    0 = C + E - 1 for E
    0 = -C*K + E*S for C
    >>> sd.simulate(enzyme, [0, 1]).C.values[0].round(6).tolist()  # 3 / (3 + 0.5)
    0.857143

    A delay, and the states before the first time; in text ``x' = -x(t - tau)`` and ``x(t <= 0) = cos(t)``:

    >>> X, tau = x, sp.Symbol("tau")
    >>> print(sd.ODESystem({"x": -X(t - tau)}, {tau: 1}, history={"x": sp.cos(t)}))
    x' = -x(t - tau)
    x(t <= 0) = cos(t)
    """

    drift: tuple[sp.Expr, ...]
    algebraic: tuple[sp.Symbol, ...]
    constraints: tuple[sp.Expr, ...]
    events: tuple[Event, ...]
    kind: ClassVar[str] = "ode"
    sides: ClassVar[tuple[str, ...]] = ("drift", "constraints")
    text_options: ClassVar[tuple[str, ...] | None] = ()
    eventful: ClassVar[bool] = True
    delayed: ClassVar[bool] = True

    def __init__(
        self,
        equations: Mapping[Any, Any] | Iterable[sp.Eq] | sp.Eq,
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        algebraic: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        history: Mapping[Any, Any] | None = None,
        history_span: tuple[float, float] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        residuals = _residuals(algebraic)
        if isinstance(equations, sp.Eq):
            equations = [equations]
        if isinstance(equations, str) or not isinstance(equations, Iterable):
            hint = "; text is read by ODESystem.from_text" if isinstance(equations, str) else ""
            raise DeclarationError(
                f"equations is {equations!r}; expected a mapping from states to their rates of change, or equations sp.Eq{hint}"
            )
        if isinstance(equations, Mapping):
            equations = {k: named_slopes(side) for k, side in equations.items()}
        else:
            equations = [e.func(e.lhs, named_slopes(e.rhs), evaluate=False) if isinstance(e, sp.Eq) else e for e in equations]
            equations, mapped = first_order(equations, {**residuals, **(observables or {})})
            residuals = {k: mapped[k] for k in residuals}
            observables = {k: mapped[k] for k in observables or {}}
        count, equations = len(equations), {**equations, **residuals}
        if len(equations) < count + len(residuals):
            both = next(k for k in residuals if k in [*equations][:count])
            raise DeclarationError(f"the state {both} has a rate of change and an algebraic equation")
        rows, observed, time = read_equations(equations, time, observables)
        swap = now(rows, [*rows.values(), *observed.values(), *(s for e in listed_events(events) for s in e.sides)], time)
        rows = {s: e.xreplace(swap) for s, e in rows.items()}
        observed = {name: e.xreplace(swap) for name, e in observed.items()}
        moments, further = declared_events(events, swap, tuple(rows), observed)
        states, before = tuple(rows), read_history(history, tuple(rows), time)
        sides = [*rows.values(), *further, *before.values()]
        self.__dict__.update(history=before, history_span=read_span(history_span, before))
        begun = at_first(initial, states, time, before, [*rows.values(), *observed.values(), *further])
        self.settle(states, sides, observed, time, parameters=parameters, initial=begun, provenance=provenance)
        own = {"algebraic": states[count:], "constraints": (), "free": ()}
        self.__dict__.update(drift=tuple(rows.values()), **own, events=moments)
        self._check_delays()
        if before and not self.delays and (begun is initial or begun == initial):
            refuse_idle_history(before, time)

    def _check_delays(self) -> None:
        """Refuse delays that cannot be integrated."""
        sides = [*self.drift, *self.observables.values(), *(side for event in self.events for side in event.sides)]
        check_delays(sides, self.states, self.time, self.history)
        sloped = {call.func.__name__ for call in self.slopes}
        if early := [call for event in self.events for call in delays_in(event.sides, sloped)]:
            raise DeclarationError(f"{early[0]}, a slope at another time, is in an event; make it a state of an equation")
        if jump := next((s for event in self.events for s in event.assignments if f"{s}'" in sloped), None):
            raise DeclarationError(f"an event sets {jump}, whose slope at another time is in the equations: a jump has none")
        unknown, rows = {*self.algebraic}, zip(self.states, self.drift, strict=True)
        for call in delays_in([f for s, f in rows if s in unknown], self.names) if unknown else ():
            if moved := sorted(unknown & call.args[0].free_symbols, key=str):
                raise DeclarationError(
                    f"the delay of {call}, in an algebraic equation, depends on {moved[0]}, which these equations determine; "
                    "let it depend on time, parameters and states with rates of change"
                )

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls({x: a * x * (1 - x) - x * y, y: x * y - b * y}, {a: 2, b: 0.5}, initial={x: 0.5, y: 0.3})

    @classmethod
    def from_function(
        cls, function: Callable[..., Any], states: Any, args: Any = (), *, parameters: Mapping[Any, float] | None = None,
        time: Any = "t", **options: Any,
    ) -> Self:  # fmt: skip
        """A system from a right-hand side ``f(t, y, *args)`` that was written for numpy, as scipy's `solve_ivp` takes it.

        The function is called once, with symbols in the place of numbers; what it returns are the equations.  It may use
        arithmetic, numpy's functions of numbers, ``np.where``, products ``A @ y`` and loops, but not branch on values.

        Parameters
        ----------
        function : callable
            From time, the vector y of n states and further arguments to their n rates of change.
        states : int, str or sequence of Symbol or str
            Names of the states in the order of y, ``"x v"``; of a number n they are ``y0, y1, ...``.
        args : str or sequence of Symbol or str, optional
            Names of the arguments after y, which become parameters.
        parameters : mapping, optional
            Their values.
        time : Symbol or str, optional
            The independent variable.
        **options
            Of the class: `initial`, `observables`, `events`.

        Returns
        -------
        ODESystem

        Raises
        ------
        DeclarationError
            Where the function fails with symbols, branches on them, takes time second, ``f(y, t)``, or returns another number
            of rates than there are states; and where a name stands for two of time, states and arguments.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> def pendulum(t, y, b, c):
        ...     theta, omega = y
        ...     return [omega, -b * omega - c * np.sin(theta)]
        >>> print(sd.ODESystem.from_function(pendulum, "theta omega", "b c", parameters={"b": 0.25, "c": 5}))
        theta' = omega
        omega' = -b*omega - c*sin(theta)
        >>> A = np.array([[0, 1], [-1, 0]])
        >>> print(sd.ODESystem.from_function(lambda t, y: A @ y, 2))
        y0' = y1
        y1' = -y0
        """
        if isinstance(states, Integral):
            states = [f"y{i}" for i in range(states)]
        names, further = (n.replace(",", " ").split() if isinstance(n, str) else listed(n or ()) for n in (states, args))
        if not callable(function) or not names:
            raise DeclarationError(
                f"from_function got {function!r} and the states {states!r}; expected f(t, y) and the names of its states"
            )
        clock, *every = (sp.Symbol(name_of(n)) for n in (time, *names, *further))
        if len({clock, *every}) <= len(every):
            raise DeclarationError(
                f"time is {clock}, and states and arguments are {', '.join(map(str, every))}; expected a name of its own for "
                "each"
            )
        symbols = every[: len(names)]
        rates = traced(function, clock, symbols, every[len(names) :])
        return cls({s: expression(rate) for s, rate in zip(symbols, rates, strict=True)}, parameters, time=time, **options)

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style != "prime" or model.noise:
            raise DeclarationError("an ODESystem is written x' = ..., without noise; see SDESystem and DiscreteSystem")
        read: dict[str, Any] = {"events": with_events_of(model.events, options)}
        read["history"] = {**model.history, **{name_of(k): v for k, v in (options.get("history") or {}).items()}}
        read["history_span"] = kept_span(model, options)
        read["algebraic"] = {**model.algebraic, **(options.get("algebraic") or {})}
        return cls(model.equations, **{**options, **read})

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        filled = super().with_terms(terms, defaults)
        filled._check_delays()
        return filled

    def initial_values(self, values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
        return super().initial_values({**dict.fromkeys((*self.algebraic, *self.free), 0.0), **values})

    @cached_property
    def _text(self) -> str:
        sides = zip(self.states, dag.texts(self.drift), strict=True)
        rows = (f"0 = {f} for {s}" if s in self.algebraic else f"{s}' = {f}" for s, f in sides)
        kept = (f"# 0 = {c} follows and is kept" for c in self.constraints)
        return "\n".join([*rows, *kept, *map(str, self.events), *self._written_history])

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
        return [
            Equation("0", f"{f} for {s}", "0", partial(sp.latex, f)) if s in self.algebraic else
            Equation(f"{s}'", str(f), rf"\dot{{{sp.latex(s)}}}", partial(sp.latex, f)) for s, f in sides
        ]  # fmt: skip


def _residuals(algebraic: Mapping[Any, Any] | None) -> dict[Any, sp.Expr]:
    """What is 0, of each state."""
    if algebraic is not None and not isinstance(algebraic, Mapping):
        raise DeclarationError(
            f"algebraic is {algebraic!r}; expected a mapping from each state that an equation determines to the equation"
        )
    found = {}
    for key, value in (algebraic or {}).items():
        if value in (sp.true, sp.false):
            raise DeclarationError(f"the algebraic equation for {key} is {'always' if value == sp.true else 'never'} true")
        found[key] = value.rhs - value.lhs if isinstance(value, sp.Eq) else expression(value)
    return found


KINDS.register("ode", ODESystem)
