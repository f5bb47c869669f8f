"""Fields against manufactured solutions: advection, diffusion and reaction, every condition on either side, every order."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from hypothesis import strategies as st

import symdyn as sd
from symdyn.models.boundary import Condition, Dirichlet, Neumann, Robin
from symdyn.models.operators import dx, laplacian
from symdyn.models.pde import PDESystem

__all__ = ["Field", "by_solution", "fields"]

u, x, t = sp.symbols("u x t")
END = 0.2


class Field(NamedTuple):
    """``u' = speed dx(u) + flux dx(u^2) + diffusion laplacian(u) + growth u^power + source`` on (0, 1).

    Without an order it is solved by Fourier modes.
    """

    order: int | None
    left: str
    right: str
    speed: Fraction
    flux: Fraction
    diffusion: Fraction
    growth: Fraction
    power: int
    waves: tuple[int, int]
    phase: Fraction


def fields() -> st.SearchStrategy[Field]:
    """Fields between two walls, or on a circle."""
    orders = st.sampled_from((2, 4, 6))
    walls = st.tuples(orders, *[st.sampled_from(("Dirichlet", "Neumann", "Robin", "steep Robin"))] * 2)
    circle = st.tuples(orders | st.none(), st.just("Periodic"), st.just("Periodic"))
    tenths = st.builds(Fraction, st.integers(-10, 10), st.just(10))
    return st.builds(
        lambda order_and_sides, *rest: Field(*order_and_sides, *rest),
        circle | walls, tenths, tenths.map(lambda f: f / 4),
        st.builds(Fraction, st.integers(1, 10), st.just(20)),
        tenths, st.sampled_from((1, 2, 3)), st.tuples(st.integers(1, 3), st.integers(1, 3)), tenths,
    )  # fmt: skip


def by_solution(field: Field) -> None:
    """The error on a grid of 48 cells is that on 24 divided by 2 to the order, or no more than that of the steps."""
    k, m = field.waves
    if field.left == "Periodic":
        exact = sp.sin(2 * sp.pi * (x - t * m / 4) + field.phase) + sp.Rational(1, 3) * sp.cos(2 * sp.pi * k * x) * sp.exp(-t)
    else:
        exact = sp.sin(k * x - m * t + field.phase) + sp.cos((m + 1) * x) * sp.exp(-t) / 3 + x * t / 2
    rational = [sp.Rational(f.numerator, f.denominator) for f in field[3:7]]
    errors = [_error(field, exact, rational, n) for n in (24, 48)]
    size = float(np.abs(sp.lambdify(x, exact.subs(t, END))(np.linspace(0, 1, 17))).max())
    # what is left of the order, where the coarse grid is not yet in its range; and the tolerance of the steps
    allowed = (errors[0] * 2.0 ** (0.8 - field.order) if field.order else 0.0) + 2e-8 * size
    assert errors[1] <= allowed, f"{field}: errors {errors[0]:.2e}, {errors[1]:.2e}, order {np.log2(errors[0] / errors[1]):.2f}"
    assert errors[0] < 0.2 * size, f"{field}: error {errors[0]:.2e} on 24 cells"


def _error(field: Field, exact: sp.Expr, rational: list[sp.Expr], n: int) -> float:
    speed, flux, diffusion, growth = rational
    done = (
        speed * sp.diff(exact, x) + flux * sp.diff(exact**2, x) + diffusion * sp.diff(exact, x, 2) + growth * exact**field.power
    )
    rate = speed * dx(u) + flux * dx(u**2) + diffusion * laplacian(u) + growth * u**field.power + sp.diff(exact, t) - done
    boundary: Any = "periodic"
    if field.left != "Periodic":
        boundary = {
            side: _condition(kind, exact.subs(x, place), normal * sp.diff(exact, x).subs(x, place))
            for side, kind, place, normal in (("left", field.left, 0, -1), ("right", field.right, 1, 1))
        }
    system = PDESystem({u: rate}, (0, 1), boundary=boundary, initial={u: exact.subs(t, 0)})
    grid = system.discretize(n, order=field.order) if field.order else system.discretize(n, scheme="spectral")
    data = sd.simulate(grid, [0, END], rtol=1e-9, atol=1e-11, progress=False)
    wanted = sp.lambdify(x, exact.subs(t, END))(data.x.values)
    return float(np.abs(data.u.values[-1] - wanted).max())


def _condition(kind: str, value: sp.Expr, slope: sp.Expr) -> Condition:
    """The condition of a kind that the solution meets; `slope` is along the outward normal."""
    if kind == "Dirichlet":
        return Dirichlet(value)
    if kind == "Neumann":
        return Neumann(slope)
    a = 10 if kind == "steep Robin" else 1
    return Robin(a, 1, a * value + slope)
