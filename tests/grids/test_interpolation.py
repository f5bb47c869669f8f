"""Values of fields at points: exact polynomials, orders, waves, and what they decide."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

u, v, x, y, t, D, s = sp.symbols("u v x y t D s")
TIGHT = {"rtol": 1e-10, "atol": 1e-12, "progress": False}


def seen(expression, points, cells, *, domain=(0, 2), boundary="no-flux", **grid):
    """Values of an expression of position at points, as a probe of a field sees them."""
    probes = {f"p{k}": sd.at(u, *np.atleast_1d(p).tolist()) for k, p in enumerate(points)}
    pde = sd.PDESystem({u: 0 * u}, domain=domain, observables=probes, boundary=boundary).discretize(cells, **grid)
    data = sd.simulate(pde, [0, 1], initial={u: expression}, method="bs32", progress=False)
    return np.array([data[name].values[0] for name in probes])


@pytest.mark.parametrize(("order", "degree"), [(2, 3), (4, 5)])
def test_polynomials_are_exact_between_cells_and_at_walls(order, degree):
    points = np.array([0, 0.01, 0.3, 0.77, 1, 1.99, 2])
    found = seen(x**degree - x, points, 16, order=order)
    np.testing.assert_allclose(found, points**degree - points, atol=1e-12)


@pytest.mark.parametrize(("boundary", "most"), [("no-flux", 6.5625 / 24), ("periodic", 0.5625 / 24)])
def test_errors_are_below_those_of_cubic_interpolation(boundary, most):
    """Of cubics |s (s - 1) (s - 2) (s - 3)| h^4 / 24 times the fourth derivative, with s from 1 to 2, at walls from -1/2 on."""
    points = np.array([0.003, 0.41, 1.2, 1.99])
    for cells in (32, 64):
        found = seen(sp.sin(sp.pi * x), points, cells, boundary=boundary)
        assert 0 < abs(found - np.sin(np.pi * points)).max() < most * (2 / cells * np.pi) ** 4


@pytest.mark.parametrize("cells", [15, 16])
def test_waves_are_exact_on_spectral_grids(cells):
    points = np.array([0, 0.125, 0.3, 1.9, *(2 / cells * np.array([0.5, 2.5, 2.5 + 1e-15, 2.5 + 1e-8, cells - 0.5]))])
    wave = sp.sin(sp.pi * x) + sp.cos(5 * sp.pi * x)
    found = seen(wave, points, cells, boundary="periodic", scheme="spectral")
    np.testing.assert_allclose(found, np.sin(np.pi * points) + np.cos(5 * np.pi * points), atol=1e-13)


def test_two_dimensions():
    points = np.array([[0.3, 0.77], [1.95, 0.02], [1, 0.5]])
    found = seen(x**3 * y**2 - y, points, (8, 9), domain=sd.Rectangle(2, 1))
    np.testing.assert_allclose(found, points[:, 0] ** 3 * points[:, 1] ** 2 - points[:, 1], atol=1e-13)


@pytest.mark.parametrize("method", ["bs32", "imex", "etdrk4"])
def test_a_condition_at_a_point_ends_a_trajectory(method):
    """u = exp(-D pi^2 t) cos(pi x) + 1 falls to 1.4 at 0.2."""
    pde = sd.PDESystem({u: D * sd.laplacian(u)}, domain=(0, 2), parameters={D: 0.1}, boundary="periodic").discretize(
        32, scheme="spectral"
    )
    run = sd.simulate(
        pde, [0, 3], initial={u: "1 + cos(pi*x)"}, until="at(u, 0.2) < 1.4", method=method, rtol=1e-8, progress=False
    )
    assert abs(run.first_passage.item() - np.log(np.cos(0.2 * np.pi) / 0.4) / (0.1 * np.pi**2)) < 1e-5


def test_feedback_and_events_at_a_point():
    """u' = 1 - u(x0) with u = 0 at first is 1 - exp(-t) everywhere; it is halved where it is 1/2 at 1.5."""
    half = sd.Event(sd.at(u, 1.5) >= 0.5, {u: u / 2})
    pde = sd.PDESystem(
        {u: 1 - sd.at(u, sp.Rational(1, 3)) + D * sd.laplacian(u)}, domain=(0, 2), parameters={D: 0.01}, events=half
    )
    data = sd.simulate(pde.discretize(12), [0, 1, 2], initial={u: 0}, **TIGHT)
    first, again = np.log(2), np.log(1.5)  # from 0 and from 1/4 to 1/2
    np.testing.assert_allclose(data.fired_at.values.ravel()[:3], first + again * np.arange(3), rtol=1e-7)
    read = sd.PDESystem.from_text("u' = -u + at(u, 1/3); when at(u, 0.3) > 1, u = 0; m := at(u, 0.5)", domain=(0, 1))
    assert read.observables[sp.Symbol("m")] == sd.at(u, 0.5)
    assert "when at(u, 0.3) > 1, u = 0" in str(read)


def test_limited_fluxes_contain_numbers_of_the_field():
    """u' = dx(u u(0.3)) with u = x + a, away from walls, is a' = 0.3 + a; with the mean, which is 1, a wave has speed 1."""
    line = sd.PDESystem({u: sd.dx(sd.at(u, 0.3) * u)}, domain=(0, 0.6)).discretize(64, advection="upwind")
    data = sd.simulate(line, [0, 0.1], initial={u: x}, **TIGHT)
    np.testing.assert_allclose((data.u[-1] - data.x)[10:40], 0.3 * np.exp(0.1) - 0.3, atol=1e-10)
    ring = sd.PDESystem({u: -sd.dx(sd.mean(u) * u)}, domain=(0, 1), boundary="periodic").discretize(64, advection="weno5")
    data = sd.simulate(ring, [0, 0.1], initial={u: 1 + sp.sin(2 * sp.pi * x) / 3}, **TIGHT)
    np.testing.assert_allclose(data.u[-1], 1 + np.sin(2 * np.pi * (data.x - 0.1)) / 3, atol=1e-3)


def test_points_that_are_none_of_the_domain_are_refused():
    for point, message in (((3,), "outside of the domain from 0 to 2"), ((D,), "expected a number"), ((1, 1), "2 coordinates")):
        with pytest.raises(sd.DeclarationError, match=message):
            sd.PDESystem({u: sd.at(u, *point)}, domain=(0, 2))
        with pytest.raises(sd.DeclarationError, match=message):
            sd.PDESystem({u: -u}, domain=(0, 2), events=sd.Event(sd.at(u, *point) > 1, {u: 0}))
    with pytest.raises(sd.DeclarationError, match="outside of the domain"):
        sd.simulate(sd.PDESystem({u: -u}, domain=(0, 2)).discretize(8), [0, 1], initial={u: 1}, until=sd.at(u, 5) < 0.5)
    sd.PDESystem({u: sd.at(u, 0.1 + 0.2)}, domain=(0, 0.3))  # by rounding, not outside
    with pytest.raises(sd.DeclarationError, match="nests one mean"):
        sd.PDESystem({u: sd.at(sd.mean(u), 1)}, domain=(0, 2))


def test_a_manufactured_solution_with_feedback_keeps_the_order():
    pde = sd.PDESystem({u: sd.laplacian(u) - u * sd.at(u, 0.3)}, domain=(0, 1))
    found = sd.grids.convergence(
        pde, {u: sp.cos(sp.pi * x) * sp.exp(-t) + 2}, points=(16, 32, 64), time=0.2, rtol=1e-9, atol=1e-11
    )
    assert found.u_order.values[-1] > 1.9
