"""Ordinary differential equations: x' = f(x, p, t)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.attached import FlowVerbs
from symdyn.declaration import expression, lookup, read_equations
from symdyn.errors import DeclarationError
from symdyn.models._higher_order import first_order
from symdyn.models.events import Event, event_of, observed_events
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
    algebraic : mapping, optional
        From further states to the equations that determine them, ``0 = g(x, z, p, t)``: g, or ``Eq(left, right)``.  In text
        ``0 = z + z^3 - x for z``.  Which equation is given for which state makes no difference but for what is shown.  Their
        initial values, 0 unless given, are where Newton's method begins.  Of states with rates of change the initial values
        are kept; where they contradict a constraint that follows from the equations, by more than ten times the tolerances, a
        simulation fails and names it.
    events : Event or sequence of Event, optional
        Instantaneous changes when a condition turns true, or at given times (`symdyn.dose`).
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
        If names clash or an expression is not a real scalar.

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
    """

    drift: tuple[sp.Expr, ...]
    algebraic: tuple[sp.Symbol, ...]
    constraints: tuple[sp.Expr, ...]
    events: tuple[Event, ...]
    kind: ClassVar[str] = "ode"
    sides: ClassVar[tuple[str, ...]] = ("drift", "constraints")
    text_options: ClassVar[tuple[str, ...] | None] = ()
    eventful: ClassVar[bool] = True

    def __init__(
        self,
        equations: Mapping[Any, Any] | Iterable[sp.Eq],
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        algebraic: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        further = _residuals(algebraic)
        if not isinstance(equations, Mapping):
            equations, mapped = first_order(equations, {**further, **(observables or {})})
            further = {k: mapped[k] for k in further}
            observables = {k: mapped[k] for k in observables or {}}
        count, equations = len(equations), {**equations, **further}
        if len(equations) < count + len(further):
            both = next(k for k in further if k in [*equations][:count])
            raise DeclarationError(f"the state {both} has a rate of change and an algebraic equation")
        rows, observed, time = read_equations(equations, time, observables)
        swap = {key: state for key, state in zip(equations, rows, strict=True) if isinstance(key, AppliedUndef)}
        moments = observed_events(events, observed, swap)
        for event in moments:
            for state in event.assignments:
                lookup(state, rows, "state")
        sides = [*rows.values(), *(side for event in moments for side in event.sides)]
        self.settle(tuple(rows), sides, observed, time, parameters=parameters, initial=initial, provenance=provenance)
        unknowns = tuple(rows)[count:]
        self.__dict__.update(drift=tuple(rows.values()), algebraic=unknowns, constraints=(), free=(), events=moments)

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls({x: a * x * (1 - x) - x * y, y: x * y - b * y}, {a: 2, b: 0.5}, initial={x: 0.5, y: 0.3})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style != "prime" or model.noise:
            raise DeclarationError("an ODESystem is written x' = ..., without noise; see SDESystem and DiscreteSystem")
        events = [*map(event_of, model.events), *options.get("events", ())]
        algebraic = {**model.algebraic, **(options.get("algebraic") or {})}
        return cls(model.equations, **{**options, "events": events, "algebraic": algebraic})

    def initial_values(self, values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
        return super().initial_values({**dict.fromkeys((*self.algebraic, *self.free), 0.0), **values})

    @cached_property
    def _text(self) -> str:
        sides = zip(self.states, self.drift, strict=True)
        rows = (f"0 = {f} for {s}" if s in self.algebraic else f"{s}' = {f}" for s, f in sides)
        kept = (f"# 0 = {c} follows and is kept" for c in self.constraints)
        return "\n".join([*rows, *kept, *map(str, self.events)])

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
            Equation("0", f"{f} for {s}", "0", sp.latex(f)) if s in self.algebraic else
            Equation(f"{s}'", str(f), rf"\dot{{{sp.latex(s)}}}", sp.latex(f)) for s, f in sides
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
