"""First derivatives at walls: exact for polynomials, without growth that the equation lacks, and of full order."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.grids.closures import OPEN, closure, slope_matrix
from symdyn.grids.resolution import sawtooth
from symdyn.models.boundary import Dirichlet, Neumann, Robin
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import dx, dy, laplacian
from symdyn.models.pde import PDESystem

u, v, c, D, x, y, t = sp.symbols("u v c D x y t")
#: Between these the maximum of |u| never grows, whatever the speed and the diffusion.
WALLS = {"dirichlet": Dirichlet(0), "no-flux": Neumann(0), "robin": Robin(1, 1), "steep robin": Robin(20, 1)}


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("condition", [(1.0,), (0.0, 1.0), (1.0, 0.3), (5.0, 0.1), (0.0, 0.0, 1.0), OPEN])
def test_closures_are_exact_for_polynomials(order, condition):
    poly, h = np.polynomial.Polynomial(np.arange(1.0, order + 1 + (len(condition) > 1))), 0.1
    gamma = sum(a * (-1) ** k * poly.deriv(k)(0.0) if k else a * poly(0.0) for k, a in enumerate(condition))
    rows, weights = closure(order, condition, h)
    at = h * (np.arange(rows.shape[1]) + 0.5)
    np.testing.assert_allclose(rows @ poly(at) + weights * gamma, poly.deriv()(at[: len(rows)]), rtol=1e-7)


@pytest.mark.parametrize("order", [2, 4, 6])
def test_the_energy_changes_at_the_walls_alone(order):
    """Between Dirichlet walls, where u is 0, D is similar to a skew matrix; between open ones advection only leaves."""
    assert abs(np.linalg.eigvals(slope_matrix(60, 1 / 60, order, (1.0,), (1.0,))[0]).real).max() < 1e-9
    assert np.linalg.eigvals(-slope_matrix(60, 1 / 60, order, (1.0,), OPEN)[0]).real.max() < 1e-9


def operator_of(left, right, n, order):
    """The matrix of the rates of -c u_x + D u_xx as a function of its parameters."""
    system = PDESystem({u: -c * dx(u) + D * laplacian(u)}, (0, 1), boundary={"left": left, "right": right})
    model, found = system.discretize(n, order=order).model(), np.empty((n, n))

    def matrix(speed, diffusion):
        p = np.array([diffusion, speed])
        assert [s.name for s in model.parameters] == ["D", "c"]
        for k, row in enumerate(np.eye(n)):
            found[:, k] = model.rates(row, 0.0, p)
        return found

    return matrix


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize(("left", "right"), list(product(WALLS, WALLS)))
def test_no_growth_that_the_equation_lacks(order, left, right):
    """Of this equation nothing grows; what its differences grow by while u crosses the domain is small on any grid."""
    for n, numbers in ((20, (0.1, 1.0, 10.0, 100.0, 1000.0)), (51, (0.1, 1.0, 10.0, 100.0, 1000.0)), (160, (10.0, 100.0))):
        matrix = operator_of(WALLS[left], WALLS[right], n, order)
        for speed, peclet in product((1.0, -1.0), numbers):
            assert np.linalg.eigvals(matrix(speed, 1 / n / peclet)).real.max() < 0.1


@pytest.mark.parametrize("order", [2, 4, 6])
def test_no_transient_growth(order):
    """Between Dirichlet walls the norm of u decays; that of the differences is equivalent to it, on any grid."""
    for n in (20, 60):
        matrix = operator_of(WALLS["dirichlet"], WALLS["dirichlet"], n, order)
        for peclet in (0.1, 3.0, 30.0, 1000.0):
            values, vectors = np.linalg.eig(matrix(1.0, 1 / n / peclet))
            inverse = np.linalg.inv(vectors)
            for time in (0.01, 0.1, 1.0):
                assert np.linalg.norm((vectors * np.exp(values * time)) @ inverse, 2) < 1.6


def test_a_bump_decays_between_dirichlet_walls():
    start = sp.exp(-100 * (x - 0.5) ** 2)
    system = PDESystem({u: -dx(u) + 0.003 * laplacian(u)}, (0, 1), boundary=Dirichlet(0), initial={u: start})
    for order in (2, 4, 6):
        data = sd.simulate(system.discretize(40, order=order), [0, 1, 2, 3], progress=False)
        most = abs(data.u).max("x").values
        assert (most[1:] < 0.2).all()
        assert most[3] < 0.01


@pytest.mark.parametrize("order", [2, 4, 6])
def test_speeds_that_vary_make_nothing_grow(order):
    """Of a flow away from a point within, and of a rotation between walls, at cell Peclet numbers up to hundreds."""
    line = PDESystem({u: -(x - 0.3) * dx(u) + laplacian(u) / 10**4}, (0, 1), boundary=Dirichlet(0))
    plane = PDESystem({u: y * dx(u) - x * dy(u) + laplacian(u) / 10**4}, Rectangle(2, 2, (-1, -1)), boundary=Dirichlet(0))
    for system, n in ((line, (60,)), (plane, (18, 18))):
        model, size = system.discretize(n, order=order).model(), int(np.prod(n))
        matrix = np.array([model.rates(row, 0.0, np.empty(0)) for row in np.eye(size)]).T
        assert np.linalg.eigvals(matrix).real.max() < 0.05


def error(rate, walls, exact, n, order, end=0.3, space=(0, 1)):
    """The greatest error of a manufactured solution."""
    source = sp.diff(exact, t) - rate(exact)
    system = PDESystem({u: rate(u) + source}, space, boundary=walls, initial={u: exact.subs(t, 0)})
    data = sd.simulate(system.discretize(n, order=order), [0, end], method="tsit5", rtol=1e-10, atol=1e-12, progress=False)
    return float(abs(data.u.values[-1] - sp.lambdify(x, exact.subs(t, end))(data.x.values)).max())


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("sides", [("D", "D"), ("R", "N"), ("N", "R")])
@pytest.mark.parametrize("diffusion", [0.0, 0.02])
def test_orders_are_kept(order, sides, diffusion):
    exact, sizes = sp.sin(4 * x - 3 * t) + sp.cos(2 * x + t) / 2, (24, 48)
    slope = sp.diff(exact, x)

    def wall(kind, place, normal):
        made = {"D": Dirichlet(exact), "N": Neumann(normal * slope), "R": Robin(2, 1, 2 * exact + normal * slope)}
        return made[kind].map(lambda e: e.subs(x, place))

    def rate(w):
        if w is u:
            return -dx(u) + diffusion * laplacian(u)
        return -sp.diff(w, x) + diffusion * sp.diff(w, x, 2)

    walls = {"left": wall(sides[0], 0, -1), "right": wall(sides[1], 1, 1)}
    errors = [error(rate, walls, exact, n, order) for n in sizes]
    assert np.log2(errors[0] / errors[1]) > order - 0.6


@pytest.mark.parametrize("order", [2, 4])
def test_fluxes_between_walls_keep_their_order(order):
    exact = 1 + sp.sin(3 * x - t) / 2
    walls = {side: Dirichlet(exact.subs(x, place)) for side, place in (("left", 0), ("right", 1))}

    def rate(w):
        return -dx(u**2 / 2) + 0.05 * laplacian(u) if w is u else -sp.diff(w**2 / 2, x) + 0.05 * sp.diff(w, x, 2)

    errors = [error(rate, walls, exact, n, order) for n in (24, 48)]
    assert np.log2(errors[0] / errors[1]) > order - 0.6


@pytest.mark.parametrize("order", [2, 4, 6])
def test_derivatives_along_both_axes(order):
    """In two dimensions the derivatives of a product of polynomials that vanishes at all walls are exact."""
    poly = x * (1 - x) * (1 + y) * (2 - y) if order > 2 else x + 2 * y
    walls = {side: Dirichlet(poly.subs(s, place)) for side, s, place in
             (("left", x, 0), ("right", x, 1), ("bottom", y, -1), ("top", y, 2))}  # fmt: skip
    grid = PDESystem({u: dx(u) + 10 * dy(u)}, Rectangle(1, 3, (0, -1)), boundary=walls).discretize((20, 24), order=order)
    X, Y = np.meshgrid(*grid.centers, indexing="ij")
    exact = sp.lambdify((x, y), sp.diff(poly, x) + 10 * sp.diff(poly, y))(X, Y)
    found = grid.model().rates(sp.lambdify((x, y), poly)(X, Y).ravel(), 0.0, np.empty(0)).reshape(grid.shape)
    np.testing.assert_allclose(found, np.broadcast_to(exact, grid.shape), atol=1e-9)


def test_waves_between_a_fixed_and_a_free_end_do_not_grow():
    """u_t = v_x, v_t = u_x with u = 0 at one end and v = 0 at the other."""
    walls = {u: {"left": Dirichlet(0), "right": Neumann(0)}, v: {"left": Neumann(0), "right": Dirichlet(0)}}
    model = PDESystem({u: dx(v), v: dx(u)}, (0, 1), boundary=walls).discretize(40).model()
    matrix = np.array([model.rates(row, 0.0, np.empty(0)) for row in np.eye(80)]).T
    assert np.linalg.eigvals(matrix).real.max() < 1e-9


def test_growth_in_waves_of_two_cells_is_reported():
    growing = PDESystem({u: 30 * u - c * dx(u) + D * laplacian(u)}, (0, 1), boundary="periodic", parameters={c: 1, D: 1e-4})
    start = {u: (-1.0) ** np.arange(40)}
    with pytest.warns(UserWarning, match=r"u grew .* by t = 1 .* Peclet number .* of 250, .* at least 5000 cells"):
        sd.simulate(growing, [0, 1], initial=start, progress=False)


def test_smooth_growth_is_not_reported():
    growing = PDESystem({u: 8 * u - dx(u)}, (0, 1), boundary="periodic", initial={u: 1 + sp.sin(2 * sp.pi * x) / 2})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = sd.simulate(growing.discretize(40), [0, 1], progress=False)
    assert float(data.u[-1].max()) > 1000
    assert sawtooth(data.u.values[-1]) < 0.2


def test_too_few_cells_for_two_walls():
    with pytest.raises(sd.DeclarationError, match="10 cells along x are too few for order 6; take at least 16"):
        PDESystem({u: dx(u)}, (0, 1), boundary=Dirichlet(0)).discretize(10, order=6).model()
