"""Orders in time between walls whose conditions change with time or hold a scalar, on manufactured solutions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.grids.lifting import moving_walls
from symdyn.grids.problems import make_problem
from symdyn.models.boundary import Dirichlet, Neumann, Robin
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import dx, laplacian, mean
from symdyn.models.pde import PDESystem
from tests.integrated import integrated

u, s, x, y, t, D = sp.symbols("u s x y t D")
METHODS = ("imex", "imex3", "etdrk4", "sbdf2")
#: How far orders between two steps may lie below and above that of the method: from above they approach it slowly at walls.
BELOW, ABOVE = 0.2, 0.6
EXACT = sp.cos(2 * x - 3 * t) + sp.sin(x + t) / 2 + 2


def walls(kind):
    """Conditions at both sides that the exact solution meets."""
    sides = {}
    for side, place, sign in (("left", 0, -1), ("right", 1, 1)):
        value, slope = EXACT.subs(x, place), sign * EXACT.diff(x).subs(x, place)
        sides[side] = {
            "dirichlet": Dirichlet(value), "neumann": Neumann(slope), "robin": Robin(1, 0.7, value + 0.7 * slope)
        }[kind]  # fmt: skip
    return sides


def orders(grid, method, start, end, steps):
    """Observed between pairs of steps, against an explicit method on the same grid; and the last error."""
    p = np.array([float(grid.defaults[k]) for k in grid.parameters])
    times = [0.0, end]
    reference = integrated(make_problem(grid, sd.METHODS["dop853"], p), "dop853", start, times, rtol=1e-12, atol=1e-13)
    assert reference.status == 0
    problem = make_problem(grid, sd.METHODS[method], p)
    found = [integrated(problem, method, start, times, step=end / n).frames[-1] for n in steps]
    errors = [np.abs(one - reference.frames[-1]).max() for one in found]
    return np.log2(np.divide(errors[:-1], errors[1:])), errors[-1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("kind", ["dirichlet", "neumann", "robin"])
def test_walls_that_change_with_time_leave_the_order(kind, order, method):
    reaction = u - u**2
    source = EXACT.diff(t) - 0.3 * EXACT.diff(x, 2) - reaction.subs(u, EXACT)
    pde = PDESystem({u: D * laplacian(u) + reaction + source}, (0, 1), boundary=walls(kind), parameters={D: 0.3})
    grid = pde.discretize(50, order=order)
    start = sp.lambdify(x, EXACT.subs(t, 0))(grid.centers[0])
    observed, last = orders(grid, method, start, 1.0, (40, 80))
    assert -BELOW < observed[-1] - sd.METHODS[method].order < ABOVE
    assert last < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_a_wall_that_holds_a_scalar_leaves_the_order(method):
    """The scalar follows the mean of the field, and the field the scalar; advection is explicit."""
    pde = PDESystem(
        {u: D * laplacian(u) - dx(u) + u * (1 - u), s: sp.cos(4 * t) + mean(u) - s**2},
        (0, 1), odes=[s], boundary={"left": Dirichlet(1 + s), "right": Robin(1, 0.5, s * sp.sin(t))}, parameters={D: 0.3},
    )  # fmt: skip
    grid = pde.discretize(40)
    p, start = np.array([0.3]), [*(1 - grid.centers[0] / 1.5), 0.0]
    exact = integrated(
        make_problem(grid, sd.METHODS["dop853"], p), "dop853", start, [0.0, 0.5, 1.5], rtol=1e-12, atol=1e-13
    ).frames  # fmt: skip
    problem, errors = make_problem(grid, sd.METHODS[method], p), []
    for n in (80, 160):  # after the layer of the beginning
        found = integrated(problem, method, exact[1], [0.5, 1.5], step=1 / n).frames[-1]
        errors.append(np.abs(found - exact[2]).max())
    assert -BELOW < np.log2(errors[0] / errors[1]) - sd.METHODS[method].order < ABOVE


@pytest.mark.parametrize("method", METHODS)
def test_walls_in_two_dimensions_leave_the_order(method):
    exact = 2 + sp.sin(x - y + 2 * t) + sp.cos(x * y + t) / 3
    reaction = -(u**2) / 2
    rate = 0.2 * (exact.diff(x, 2) + exact.diff(y, 2)) + reaction.subs(u, exact)
    sides = {
        "left": Dirichlet(exact.subs(x, 0)), "right": Robin(1, 0.5, (exact + exact.diff(x) / 2).subs(x, 1)),
        "bottom": Neumann(-exact.diff(y).subs(y, 0)), "top": Dirichlet(exact.subs(y, 1)),
    }  # fmt: skip
    pde = PDESystem(
        {u: D * laplacian(u) + reaction + exact.diff(t) - rate}, Rectangle(1, 1), boundary=sides, parameters={D: 0.2}
    )
    grid = pde.discretize((18, 16))
    start = sp.lambdify((x, y), exact.subs(t, 0))(*np.meshgrid(*grid.centers, indexing="ij")).ravel()
    observed, _ = orders(grid, method, start, 0.5, (40, 80))
    assert -BELOW < observed[-1] - sd.METHODS[method].order < ABOVE


def test_walls_with_jumps_are_not_lifted():
    pulse = sp.Piecewise((1, t < 1), (0, True))
    pde = PDESystem({u: laplacian(u)}, (0, 1), boundary={"left": Dirichlet(pulse), "right": Neumann(sp.sin(t))})
    assert moving_walls(pde, u) == {(0, 1): sp.sin(t)}
