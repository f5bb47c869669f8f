r"""Backward error analysis: the differential equation whose flow a map follows.

A map near the identity, :math:`x' = x + h\,\varphi_1(x) + h^2 \varphi_2(x) + \dots`, is the flow over the time h of
:math:`\dot x = f_0 + h f_1 + h^2 f_2 + \dots`.  With :math:`D_1 = f, D_{i+1} = D_i' f`, the Taylor series of that flow is
:math:`x + \sum_i h^i D_i / i!`, and its terms of order :math:`h^{k+1}` give :math:`f_k` from those before it.  The series need
not converge; cut off after :math:`h^p` it describes the map up to :math:`h^{p+2}` a step.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import sympy as sp

from symdyn.declaration import as_symbol
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["modified_equation"]

#: Of coefficients that are not exact, relative to those whose difference they are.
ROUNDING = 1e-12


def modified_equation(system: System, step: Any = "h", order: int = 2) -> ODESystem:
    r"""The differential equation that a map with small steps follows, to any order in their length.

    .. math:: \dot x = f_0(x, t) + h f_1(x, t) + \dots + h^p f_p(x, t), \qquad
              x(t + h) = \text{map}(x(t)) + O(h^{p+2})

    Of an integrator of order q the first q terms are those of the equation that it integrates and q - 1 zeros; what comes after
    tells what it does instead.  Of an optimiser it is the flow that explains its path.

    Parameters
    ----------
    system : DiscreteSystem
        Whose right-hand sides are x for h = 0 and have derivatives by h; without random numbers, events and inputs.
    step : symbol or str, optional
        The length h of a step, a parameter of the map.
    order : int, optional
        The power p of h up to which terms are derived.

    Returns
    -------
    ODESystem
        In the same states, with h as a parameter; its time is h times the number of steps.

    Raises
    ------
    DeclarationError
        For other systems and steps, and for maps that do not become the identity for h = 0.

    See Also
    --------
    symdyn.derive.discretize : the map that a method makes of a differential equation.

    References
    ----------
    Hairer, Lubich & Wanner, Geometric Numerical Integration, 2nd ed. (2006), IX.1.

    Examples
    --------
    Explicit Euler steps move an oscillator outwards, at the rate h/2:

    >>> import symdyn as sd
    >>> steps = sd.ODESystem.from_text("q' = p; p' = -q").discretize("euler")
    >>> print(steps.modified_equation(order=1))
    q' = h*q/2 + p
    p' = h*p/2 - q
    """
    if reason := system.unmet(["map"]):
        raise DeclarationError(f"a modified equation: {reason}")
    if system.unknowns:
        raise DeclarationError(f"{system.unknowns[0]} is an unknown term; fill it in with with_terms before")
    if not isinstance(order, int) or isinstance(order, bool) or order < 0:
        raise DeclarationError(f"order is {order!r}; expected 0, 1, 2, or a higher whole number")
    named = as_symbol(step, "the step")
    h = next((p for p in system.parameters if p.name == named.name), None)
    if h is None:
        raise DeclarationError(
            f"the map has no parameter {named}; step= names the length of its steps, one of {system.parameters}"
        )
    small = sp.Dummy("h", positive=True)  # so that sqrt(h**2) is h
    t = system.time
    states = (*system.states, t)
    sides = [*(_in_time(f.xreplace({h: small}), t, small) for f in system.deterministic("a modified equation")), t + small]
    terms = [_coefficients(f, x, small, order + 1) for f, x in zip(sides, states, strict=True)]
    rates: list[list[sp.Expr]] = []
    for k in range(order + 1):
        known = _flow_term(rates, states, k + 1)
        rates.append([_apart(c[k + 1], e) for c, e in zip(terms, known, strict=True)])
    found = {
        x: sp.Add(*(h**k * rate[i] for k, rate in enumerate(rates))) for i, x in enumerate(system.states)
    }  # fmt: skip
    made = ODESystem(
        found,
        observables={name: _in_time(e, t, h) for name, e in system.observables.items()},
        initial=system.initial,
        time=t,
        provenance=(*system.provenance, f"modified equation up to {h}**{order}"),
    )
    return made.with_parameters({p: v for p, v in system.defaults.items() if p in made.parameters})


def _apart(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """The difference of two sums, without what coefficients that are not exact leave by rounding."""
    left, right = (sp.expand(e).as_coefficients_dict() for e in (a, b))
    terms = []
    for term in {**left, **right}:
        rest, size = left[term] - right[term], max(abs(left[term]), abs(right[term]))
        if rest.is_Float:
            apart = ROUNDING * size
            whole = sp.Integer(round(float(rest)) if apart < 1e-3 else 0)  # of large numbers none is told from the next
            rest = whole if abs(rest - whole) <= apart else rest
        terms.append(rest * term)
    return sp.Add(*terms)


def _in_time(e: sp.Expr, t: sp.Symbol, h: sp.Symbol) -> sp.Expr:
    """A side in the time h times the number of steps."""
    return sp.cancel(sp.together(e.xreplace({t: t / h}))) if t in e.free_symbols else e


def _coefficients(f: sp.Expr, x: sp.Symbol, h: sp.Symbol, most: int) -> list[sp.Expr]:
    """Those of a side in powers of h."""
    found = []
    for k in range(most + 1):
        value = f.xreplace({h: sp.S.Zero})
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            raise DeclarationError(
                f"the map of {x} has no derivative {k} by the step where it is 0, so that it follows no flow"
            )
        found.append(value / factorial(k))
        f = f.diff(h)
    if sp.simplify(found[0] - x) != 0:
        raise DeclarationError(f"{x} becomes {found[0]} in a step of length 0, and remains {x} under a flow")
    return found


def _flow_term(rates: list[list[sp.Expr]], states: tuple[sp.Symbol, ...], power: int) -> list[sp.Expr]:
    """What the rates, by power of h and state, contribute to the power of h of the flow over h, (n,)."""
    total = [sp.S.Zero] * len(states)
    # terms[m] of D_i, which stand before h**m / i! h**i
    terms: list[list[sp.Expr]] = rates
    for i in range(1, power + 1):
        m = power - i
        if m < len(terms):
            total = [a + b / factorial(i) for a, b in zip(total, terms[m], strict=True)]
        terms = [
            [
                sp.Add(
                    *(e.diff(x) * rates[j][n] for j in range(k + 1) for e in (terms[k - j][own],) for n, x in enumerate(states))
                )
                for own in range(len(states))
            ]
            for k in range(len(rates))
        ]
    return total
