r"""One-step methods as maps, with the length of the step as a symbol: what an integrator makes of a system is again a system.

Besides the explicit Runge-Kutta methods of the registry there are two splitting methods for positions q and momenta p with
:math:`\dot q = r(p)` and :math:`\dot p = g(q) - c\,p`, the symplectic Euler method and the leapfrog, which keep the symplectic
form of the conservative part and contract it by exactly the damping.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import derivative, expression
from symdyn.derive.sampled_inputs import inputs_in_steps
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.models.discrete import DiscreteSystem
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["discretize", "right_sides", "stepped"]

Sides = Mapping[sp.Symbol, sp.Expr]
#: A side at the beginning of a step and a share of it later.
At = Callable[[sp.Expr, sp.Expr], sp.Expr]
#: A coefficient of a tableau is the fraction with a denominator up to this that it rounds, where there is one.
DENOMINATOR = 100_000


def discretize(system: System, method: str, step: Any = "h", *, momenta: Iterable[Any] | None = None) -> DiscreteSystem:
    r"""The map that a method with steps of one length makes of differential equations.

    Runge-Kutta methods advance by :math:`x + h \sum_i b_i k_i`.  With momenta p whose damping is linear,

    .. math:: \dot q = r(p, t), \qquad \dot p = g(q, t) - c(t)\,p,

    ``"symplectic-euler"``, of order 1, is implicit in the damping and takes the new momenta for the positions,

    .. math:: p' = \frac{p + h\,g(q, t)}{1 + h\,c(t + h)}, \qquad q' = q + h\,r(p', t),

    and ``"leapfrog"``, of order 2, for damping that is constant in time, is

    .. math:: \bar p = e^{-ch/2} p, \quad \bar q = q + \tfrac h2 r(\bar p, t), \quad
              p^* = \bar p + h\,g(\bar q, t + \tfrac h2), \quad q' = \bar q + \tfrac h2 r(p^*, t + h), \quad
              p' = e^{-ch/2} p^*.

    Parameters
    ----------
    system : ODESystem
        Without events, delays, inputs, algebraic equations and unknown terms.
    method : str
        ``"symplectic-euler"``, ``"leapfrog"``, or an explicit Runge-Kutta method of `symdyn.METHODS`, such as ``"euler"`` and
        ``"rk4"``, of which the steps are taken and not the control of their lengths.
    step : symbol, str, expression or number, optional
        Length h of a step, a parameter of the map.
    momenta : iterable of symbols or names, optional
        Of a splitting method; unless given, the damped states and those opposite to the positions in their rates, and without
        damping all that are opposite to the first state.

    Returns
    -------
    DiscreteSystem
        Its time counts steps: equations that contain the time t have ``h*t`` in its place.

    Raises
    ------
    DeclarationError
        For other systems, unknown methods, right-hand sides that do not split, and maps that are too large to be written down.

    See Also
    --------
    symdyn.derive.modified_equation : the differential equation that a map solves exactly.

    References
    ----------
    Hairer, Lubich & Wanner, Geometric Numerical Integration, 2nd ed. (2006), I.1; for damping McLachlan & Perlmutter, J. Geom.
    Phys. 39 (2001) 276.

    Examples
    --------
    >>> import symdyn as sd
    >>> swing = sd.ODESystem.from_text("q' = p; p' = -q - c*p")
    >>> print(swing.discretize("euler"))
    q[t+1] = h*p + q
    p[t+1] = h*(-c*p - q) + p
    >>> print(swing.discretize("symplectic-euler"))
    q[t+1] = h*(-h*q + p)/(c*h + 1) + q
    p[t+1] = (-h*q + p)/(c*h + 1)
    """
    sides, h = right_sides(system, step, "discretize")
    present = h * system.time  # the time of a map counts its steps

    def at(e: sp.Expr, shift: sp.Expr) -> sp.Expr:
        return dag.replace([e], {system.time: present + shift * h})[0]

    if method in SPLITTINGS:
        chosen = None if momenta is None else [lookup(m, system.states, "state") for m in momenta]
        rows = SPLITTINGS[method](sides, *_split(sides, chosen), at, h)
    elif momenta is not None:
        raise DeclarationError(f"momenta are those of a splitting method ({', '.join(SPLITTINGS)}); {method} has none")
    else:
        rows = _tableau(method)(sides, at, h)
    return stepped(system, rows, h, f"steps of {method}")


def right_sides(system: System, step: Any, what: str, also: Iterable[str] = ()) -> tuple[dict[sp.Symbol, sp.Expr], sp.Expr]:
    """The rates of change of a system of which steps are taken, and their length; `also` are further parts that it may have.

    Raises
    ------
    DeclarationError
        For systems that are no flow, and a step with the name of something else.
    """
    if reason := system.unmet(["drift"], also):
        raise DeclarationError(f"{what}: {reason}")
    if system.unknowns:
        raise DeclarationError(f"{system.unknowns[0]} is an unknown term; fill it in with with_terms before {what}")
    h = sp.Symbol(step) if isinstance(step, str) else expression(step)
    if not h.is_Symbol and h.free_symbols & {*system.states, system.time}:
        raise DeclarationError(f"the step is {h}; expected a symbol, a number or an expression of parameters")
    if h in (*system.states, system.time) or h in system.parameters:
        raise DeclarationError(f"the step is called {h}, as a state, a parameter or the time is; give it another name by step=")
    return dict(zip(system.states, system.part("drift"), strict=True)), h


def stepped(system: System, rows: Mapping[sp.Symbol, sp.Expr], h: sp.Expr, what: str) -> DiscreteSystem:
    """The map of steps of a system, whose time counts them."""
    for side in rows.values():
        dag.refuse_growth(dag.size(side), f"one of {what} of this system")
    made = DiscreteSystem(
        rows,
        observables={
            k: e.xreplace({system.time: h * system.time, **inputs_in_steps(system.inputs, h, sp.S.Zero)})
            for k, e in system.observables.items()
        },
        initial=system.initial,
        time=system.time,
        provenance=(*system.provenance, f"{what}, of length {h}"),
    )
    return made.with_parameters({p: v for p, v in system.defaults.items() if p in made.parameters})


def _tableau(method: str) -> Callable[..., dict[sp.Symbol, sp.Expr]]:
    """The step of a Runge-Kutta method."""
    tableaus = {name: found for name, found in METHODS.items() if isinstance(found, ExplicitRungeKutta)}
    if method not in tableaus:
        known = sorted([*SPLITTINGS, *tableaus])
        raise DeclarationError(f"discretize takes {', '.join(known)}; got the method {method!r}.{suggest(str(method), known)}")
    rows = [[_exact(a) for a in row] for row in tableaus[method].a]

    def scheme(sides: Sides, at: At, h: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
        now, stages = {s: s for s in sides}, []
        for before, row in zip([[], *rows[:-1]], rows, strict=True):
            stages.append(dag.replace([at(f, sp.Add(*before)) for f in sides.values()], now))
            now = {s: s + h * sp.Add(*(a * k[i] for a, k in zip(row, stages, strict=True))) for i, s in enumerate(sides)}
        return now

    return scheme


def _exact(coefficient: float) -> sp.Expr:
    """A coefficient as the fraction that it rounds."""
    near = Fraction(coefficient).limit_denominator(DENOMINATOR)
    return sp.Rational(near.numerator, near.denominator) if float(near) == coefficient else sp.Float(coefficient)


def _symplectic_euler(sides: Sides, force: Sides, damping: Sides, at: At, h: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    new = {p: (p + h * at(g, sp.S.Zero)) / (1 + h * at(damping[p], sp.S.One)) for p, g in force.items()}
    return {s: new[s] if s in new else s + h * at(r, sp.S.Zero).xreplace(new) for s, r in sides.items()}


def _leapfrog(sides: Sides, force: Sides, damping: Sides, at: At, h: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    for p, c in damping.items():
        if at(c, sp.S.One) != c:
            raise DeclarationError(f"the leapfrog takes damping that is constant in time; that of {p} is {c}")
    shrunk = {p: sp.exp(-c * h / 2) for p, c in damping.items()}
    first = {p: shrunk[p] * p for p in force}
    middle = {q: q + h / 2 * at(r, sp.S.Zero).xreplace(first) for q, r in sides.items() if q not in force}
    kicked = {p: first[p] + h * at(g, sp.Rational(1, 2)).xreplace(middle) for p, g in force.items()}
    return {
        s: shrunk[s] * kicked[s] if s in force else middle[s] + h / 2 * at(r, sp.S.One).xreplace(kicked)
        for s, r in sides.items()
    }


def _split(sides: Sides, momenta: Collection[sp.Symbol] | None) -> tuple[dict[sp.Symbol, sp.Expr], dict[sp.Symbol, sp.Expr]]:
    """Forces g and coefficients c of the damping of the momenta.

    Unless they are given, momenta are the states with damping of their own; every state lies on the other side of those in its
    rate.

    Raises
    ------
    DeclarationError
        With the state that stands in the way.
    """
    damping = {s: -derivative(f, s) for s, f in sides.items()}
    moved = {s: {q for q in sides if q != s and (q in sides[s].free_symbols or s in sides[q].free_symbols)} for s in sides}
    momentum = dict.fromkeys(sides, False) | dict.fromkeys(momenta, True) if momenta is not None else {}
    for first in sorted(sides, key=lambda s: damping[s] == 0):
        waiting = [first] if first not in momentum else []
        momentum.setdefault(first, damping[first] != 0)
        for s in waiting:
            new = [q for q in moved[s] if q not in momentum]
            momentum |= dict.fromkeys(new, not momentum[s])
            waiting += new
    for s, others in moved.items():
        what = "momenta" if momentum[s] else "positions"
        if same := next((q for q in others if momentum[q] == momentum[s]), None):
            raise DeclarationError(
                f"{s} and {same} are both {what}, and one is in the rate of the other: the system does not split"
            )
        if damping[s] != 0 and (not momentum[s] or damping[s].free_symbols & set(sides)):
            raise DeclarationError(
                f"the rate of {s}, one of the {what}, depends on {s} other than by linear damping of a momentum"
            )
    force = {s: dag.replace([f], {s: sp.S.Zero})[0] for s, f in sides.items() if momentum[s]}
    return force, {s: damping[s] for s in force}


SPLITTINGS: Mapping[str, Callable[..., dict[sp.Symbol, sp.Expr]]] = {
    "leapfrog": _leapfrog,
    "symplectic-euler": _symplectic_euler,
}
