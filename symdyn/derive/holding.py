r"""Exact steps of equations that are linear in their own state while the rest is held, such as gated (liquid) networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.derive.sampled_inputs import inputs_in_steps
from symdyn.derive.time_steps import right_sides, stepped
from symdyn.errors import DeclarationError
from symdyn.models.discrete import DiscreteSystem
from symdyn.system import System

__all__ = ["hold"]


def hold(system: System, step: Any = "h", order: int = 2) -> DiscreteSystem:
    r"""The map of exact steps in which other states, gates and time are held.

    Each right-hand side is :math:`\dot x_i = c_i\,x_i + r_i`, where :math:`c_i` and :math:`r_i` may depend on other states, on
    time, and on gates, which are functions of any state such as :math:`1 / (1 + e^{-(w_1 x_1 + w_2 x_2)})`.  While these are
    held the step is

    .. math:: x_i' = e^{c_i h} x_i + \frac{e^{c_i h} - 1}{c_i}\,r_i .

    With order 1 they are held at their values at the beginning of the step; with order 2 at those in its middle, where a step
    of order 1 over half the length leads.  Without gates, coupling and time a step is exact.  For :math:`c_i < 0` steps of any
    length lead towards the equilibrium :math:`-r_i / c_i` and not beyond it.  Where a :math:`c_i` that depends on states or
    time is exactly 0 the quotient is 0/0, and a simulation fails; near 0 it loses digits where :math:`c_i` has gates of states.

    Parameters
    ----------
    system : ODESystem
        Without events, delays, algebraic equations and unknown terms.  Inputs over time are held as all else, with the values
        that they have in the moment; those of the map are numbers of its steps, of order 2 also ``u_middle``.
    step : symbol, str, expression or number, optional
        Length h of a step, a parameter of the map; with inputs a number.
    order : {2, 1}, optional

    Returns
    -------
    DiscreteSystem
        Its time counts steps.

    Raises
    ------
    DeclarationError
        For other systems and orders, and right-hand sides that are not linear in their own state outside of gates.

    References
    ----------
    Hasani, Lechner, Amini, Rus & Grosu, AAAI 35 (2021) 7657: liquid time constants; Hochbruck & Ostermann, Acta Numer. 19
    (2010) 209: exponential integrators.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.derive.hold(sd.ODESystem.from_text("x' = 1 - 2*x"), 0.5))
    x[t+1] = 0.367879441171442*x + 0.316060279414279
    """
    if order not in (1, 2) or isinstance(order, bool):
        raise DeclarationError(f"order is {order!r}; expected 2, or 1")
    rates, h = right_sides(system, step, "hold", ["inputs"])
    sides = {x: _linear(f, x) for x, f in rates.items()}
    t, now = system.time, {x: x for x in rates}
    begin = inputs_in_steps(system.inputs, h, sp.S.Zero)
    rows = _step(sides, {**now, **begin, t: h * t}, h if order == 1 else h / 2)
    if order == 2:
        middle = inputs_in_steps(system.inputs, h, sp.Rational(1, 2))
        rows = _step(sides, {**rows, **middle, t: h * (t + sp.Rational(1, 2))}, h)
    return stepped(system, rows, h, f"exact steps with held gates, order {order}")


def _linear(f: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """The coefficient of x and the rest."""
    gates: dict[sp.Symbol, sp.Expr] = {}

    def opened(e: sp.Expr) -> sp.Expr:
        if x not in e.free_symbols or e == x:
            return e
        if e.is_Add or e.is_Mul or (e.is_Pow and e.exp.is_Integer and e.exp.is_positive):
            return e.func(*map(opened, e.args))
        gates[gate := sp.Dummy("gate")] = e
        return gate

    form = opened(f)
    coefficient = sp.expand(form.diff(x))
    if x in coefficient.free_symbols:
        raise DeclarationError(f"the rate of {x} is not linear in {x} outside of functions of it: {f}")
    return coefficient.xreplace(gates), form.xreplace({x: sp.S.Zero}).xreplace(gates)


def _step(
    sides: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]], at: Mapping[sp.Symbol, sp.Expr], h: sp.Expr
) -> dict[sp.Symbol, sp.Expr]:
    """New states after h, with everything held where the states and time are `at`."""
    rows = {}
    for x, linear in sides.items():
        c, r = dag.replace(linear, at)
        grown = sp.exp(c * h)
        # e^z - 1 = tanh(z/2) (e^z + 1) keeps its digits near 0; of gates sympy takes long over it
        gated = any(f.free_symbols & sides.keys() for f in linear[0].atoms(sp.Function))
        raised = grown - 1 if c.is_number or gated else sp.tanh(c * h / 2) * (grown + 1)
        reached = h if c == 0 else raised / c
        if c != 0 and not c.free_symbols & at.keys() and c.is_zero is not False:  # parameters may be 0
            reached = sp.Piecewise((h, sp.Eq(c, 0)), (reached, True))
        rows[x] = grown * x + reached * r
    return rows
