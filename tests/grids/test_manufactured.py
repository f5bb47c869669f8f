"""Manufactured solutions: sources and conditions against derivatives that numbers give, and the orders that they observe."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.grids.manufactured_solutions import manufactured
from symdyn.models.boundary import Dirichlet, Neumann, Robin
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import div, dx, grad, laplacian, mean
from symdyn.models.pde import PDESystem

u, v, s, x, y, t, D, h = sp.symbols("u v s x y t D h")


def source(made, pde, state):
    """What was added to a rate, as a function of (x, y, t)."""
    k = pde.states.index(state)
    e = made.rates[k] - pde.rates[k]
    return sp.lambdify((x, y, t), e.subs(made.defaults), "mpmath")


# ---- what is added -----------------------------------------------------------------------------


def test_the_source_is_the_residual_that_numerical_derivatives_give():
    pde = PDESystem({u: div((1 + u**2) * grad(u)) - dx(u * y) + D * u}, Rectangle(1, 1), boundary=Dirichlet(0))
    made = manufactured(pde, {u: "exp(-t)*sin(2*x + y**2)"}, parameters={D: 0.3})
    found = source(made, pde, u)
    diff, sin, exp = mpmath.diff, mpmath.sin, mpmath.exp

    def exact(x, y, t):
        return exp(-t) * sin(2 * x + y * y)

    def flux(axis):
        def f(x, y, t):
            e = exact(x, y, t)
            return (1 + e**2) * diff(exact, (x, y, t), tuple(int(k == axis) for k in range(3))) - (axis == 0) * e * y

        return f

    with mpmath.workdps(40):
        for point in ((0.1, 0.2, 0.3), (0.7, 0.9, 1.5)):
            p = tuple(map(mpmath.mpf, point))
            wanted = diff(exact, p, (0, 0, 1)) - mpmath.mpf("0.3") * exact(*p)
            wanted -= diff(flux(0), p, (1, 0, 0)) + diff(flux(1), p, (0, 1, 0))
            assert float(found(*p)) == pytest.approx(float(wanted), rel=1e-10)


def test_walls_get_the_values_that_the_solution_has_there():
    sides = {"left": Dirichlet(0), "right": Neumann(0), "bottom": Robin(h, D, 0), "top": "no-flux"}
    pde = PDESystem({u: D * laplacian(u)}, Rectangle(2, 1), boundary=sides)
    made = manufactured(pde, {u: x**2 * y + t * y**3})
    (left, right), (bottom, top) = made.conditions[u]
    assert left.value == t * y**3
    assert right.value == 4 * y
    assert sp.expand(bottom.value + D * x**2) == 0  # h*0 - D*u_y at y = 0
    assert sp.expand(top.value - x**2 - 3 * t) == 0
    assert bottom.coefficients == (h, D)
    assert made.initial[u] == x**2 * y
    assert made.provenance[-1].startswith("with manufactured solution u = ")


def test_operands_have_values_at_walls_too():
    w = u**3 - laplacian(u)
    pde = PDESystem({u: laplacian(w)}, (0, 1), boundary={u: "no-flux", w: Dirichlet(0)})
    made = manufactured(pde, {u: t + x**4})
    left, right = next(row for k, row in made.conditions.items() if k not in made.fields)[0]
    assert sp.expand(left.value - t**3) == 0
    assert sp.expand(right.value - (1 + t) ** 3 + 12) == 0


def test_means_and_scalars_are_carried_out():
    pde = PDESystem({u: laplacian(u) + s * u}, (0, 2), odes={s: mean(u**2) - s})
    made = manufactured(pde, {u: sp.cos(sp.pi * x) * t, s: t})
    k = made.states.index(s)
    assert sp.expand(made.rates[k] - pde.rates[k] - (1 - t**2 / 2 + t)) == 0
    assert made.conditions[u][0][0].value == 0  # no flux at 0, exactly
    assert made.conditions[u][0][1].value == 0


def test_a_solution_that_is_exact_needs_no_source():
    pde = PDESystem({u: laplacian(u) + u}, (0, 1), boundary="periodic")
    made = manufactured(pde, {u: sp.exp(t - 4 * sp.pi**2 * t) * sp.sin(2 * sp.pi * x)})
    assert made.rates == pde.rates


@pytest.mark.parametrize(
    ("exact", "message"),
    [
        ({}, "no exact expression for u, s"),
        ({"u": "x", "s": "x*t"}, "the exact s is .*; it may not depend on x"),
        ({"u": "x*s", "s": "t"}, "the exact u is .*; it may not depend on s"),
        ({"w": "x"}, "w"),
        ({"u": "sin(exp(sin(x)))", "s": "t"}, "of the exact solution has no closed form"),
    ],
)
def test_what_is_no_solution_is_refused(exact, message):
    pde = PDESystem({u: laplacian(u)}, (0, 1), odes={s: mean(u)})
    with pytest.raises(DeclarationError, match=message):
        manufactured(pde, exact)


def test_unknown_terms_are_refused():
    f = sp.Function("f")
    with pytest.raises(DeclarationError, match=r"f\(u\) is an unknown term; fill it in by with_terms"):
        manufactured(PDESystem({u: laplacian(u) + f(u)}, (0, 1)), {u: x})
