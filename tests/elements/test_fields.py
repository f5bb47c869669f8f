"""Fields on discs and polygons: exact solutions with their orders, walls, methods, figures, and refusals."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import j0, j1, jn_zeros

import symdyn as sd
from symdyn.analysis import continuation, steady_states
from symdyn.errors import DeclarationError, SymdynError
from symdyn.grids import animate, snapshots, space_time

ELL = sd.Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])


def error(pde: sd.PDESystem, size: float, exact) -> float:
    """Root mean square of the error at rest."""
    system = pde.mesh(size)
    found = steady_states(system, initial=dict.fromkeys(pde.names, 0), starts=1)
    away = found.u.values[0] - exact(found.x.values, found.y.values)
    weights = system.elements.weights
    return float(np.sqrt(weights @ away**2 / weights.sum()))


def test_poisson_on_an_ell_is_of_third_order():
    text = "u' = laplacian(u) + 2*pi**2*sin(pi*x)*sin(pi*y)"
    pde = sd.PDESystem.from_text(text, domain=ELL, boundary=sd.Dirichlet(0))
    coarse, fine = (error(pde, h, lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y)) for h in (0.2, 0.1))
    assert np.log2(coarse / fine) > 2.7
    assert fine < 5e-5


def test_the_corner_of_the_ell_lowers_the_order_to_four_thirds():
    # r^(2/3) cos(2/3 phi), phi from the bisector of the corner, is harmonic and vanishes on both of its sides
    exact = "(x**2 + y**2)**(1/3)*cos(2/3*atan2(-x - y, y - x))"
    pde = sd.PDESystem.from_text("u' = laplacian(u)", domain=ELL, boundary=sd.Dirichlet(exact))

    def corner(x, y):
        return (x**2 + y**2) ** (1 / 3) * np.cos(2 / 3 * np.arctan2(-x - y, y - x))

    coarse, fine = (error(pde, h, corner) for h in (0.2, 0.05))
    assert np.log2(coarse / fine) / 2 == pytest.approx(4 / 3, abs=0.25)


@pytest.mark.parametrize("wall", ["Neumann", "Robin", "Dirichlet"])
def test_helmholtz_on_a_disc_is_of_third_order(wall):
    k = 3.0
    condition = {
        "Neumann": sd.Neumann(-k * j1(k)), "Robin": sd.Robin(2, 1, 2 * j0(k) - k * j1(k)), "Dirichlet": sd.Dirichlet(j0(k)),
    }[wall]  # fmt: skip
    pde = sd.PDESystem.from_text("u' = laplacian(u) + k**2*u; k = 3", domain=sd.Disk(1), boundary=condition)
    coarse, fine = (error(pde, h, lambda x, y: j0(k * np.hypot(x, y))) for h in (0.2, 0.1))
    assert np.log2(coarse / fine) > 2.7
    assert fine < 5e-5


def test_heat_in_a_disc_decays_as_bessel_functions_do():
    a = float(jn_zeros(0, 1)[0])
    text = "u' = D*laplacian(u); m := mean(u); square := integral(u**2); twice := 2*u; D = 1"
    heat = sd.PDESystem.from_text(text, domain=sd.Disk(1), boundary=sd.Dirichlet(0))
    start = {"u": lambda x, y: j0(a * np.hypot(x, y))}
    data = sd.simulate(
        heat, [0, 0.1, 0.2], initial=start, parameters={"D": [0.5, 1]}, grid=0.15, rtol=1e-8, atol=1e-10, progress=False
    )
    decay = np.exp(-np.outer([0.5, 1], a * a * data.time.values))
    assert data.m.values == pytest.approx(2 * j1(a) / a * decay, rel=1e-4)
    assert data.square.values == pytest.approx(np.pi * j1(a) ** 2 * decay**2, rel=1e-4)
    assert (data.twice == 2 * data.u).all()
    assert data.attrs["scheme"] == "quadratic finite elements"


@pytest.mark.parametrize(("method", "options"), [("imex", {}), ("imex3", {}), ("sbdf2", {"step": 1e-3}), ("bs32", {})])
def test_values_at_the_wall_move_in_time(method, options):
    # quadratic in space, so that the elements are exact; -u^3 is treated explicitly
    text = "u' = laplacian(u) - u**3 + cos(t)*(x**2 + y) - 2*sin(t) + sin(t)**3*(x**2 + y)**3"
    pde = sd.PDESystem.from_text(text, domain=ELL, boundary=sd.Dirichlet("sin(t)*(x**2 + y)"))
    given = options or {"rtol": 1e-6, "atol": 1e-8}
    data = sd.simulate(pde, [0, 0.2], initial={"u": 0}, grid=0.5, method=method, progress=False, **given)
    exact = np.sin(0.2) * (data.x.values**2 + data.y.values)
    assert data.u.values[-1] == pytest.approx(exact, abs=2e-6)


def test_flow_and_flux_through_the_wall_balance():
    # d/dt of the integral is the flux through the wall, of a wind that leaves
    text = "u' = 0.3*laplacian(u) - dx(u) + 0.1*dy(u**2); total := integral(u)"
    pde = sd.PDESystem.from_text(text, domain=sd.Disk(1), boundary=sd.Neumann(0.5))
    system = pde.mesh(0.3)
    y = 1 + 0.1 * system.elements.points[:, 0]
    rate = system.forms.right(y, 0.0, np.empty(0)).sum()
    # of u = 1 + x/10: -area/10, no wind along y, and 0.3 * 0.5 * 2 pi
    assert rate == pytest.approx(-np.pi / 10 + 0.3 * np.pi, rel=1e-4)


def test_the_first_pattern_on_a_disc_is_born_at_the_square_of_a_zero_of_j0():
    pde = sd.PDESystem.from_text("u' = laplacian(u) + r*u - u**3", domain=sd.Disk(1), boundary=sd.Dirichlet(0))
    rest = continuation(pde, "r", (4, 7), start={"u": 0}, at=4, grid=0.25)
    born = rest.isel(point=(rest.special == "branch point").values)
    assert born.r.values == pytest.approx([jn_zeros(0, 1)[0] ** 2], rel=1e-4)
    pattern = continuation(pde.mesh(0.25), "r", (4, 7), start=born.isel(point=0), switch=0)
    assert pattern.stable.values[[0, -1]].all()
    # weakly nonlinear: A^2 = (r - r0) <J^2>/<J^4>
    x, w = np.polynomial.legendre.leggauss(40)
    x, w = (x + 1) / 2, w / 2
    mode = j0(jn_zeros(0, 1)[0] * x)
    slope = (w * x * mode**2).sum() / (w * x * mode**4).sum()
    away = pattern.r.values - float(born.r[0])
    near = (away > 1e-3) & (away < 0.1)
    size = pattern.u.values @ (pde.mesh(0.25).elements.weights * j0(jn_zeros(0, 1)[0] * np.hypot(pattern.x, pattern.y)).values)
    amplitude = size / (2 * np.pi * (w * x * mode**2).sum())
    assert amplitude[near] ** 2 / away[near] == pytest.approx(slope, rel=0.02)


def test_snapshots_are_drawn_on_the_triangles():
    pde = sd.PDESystem.from_text("u' = laplacian(u)", domain=ELL, boundary=sd.Dirichlet(0))
    data = sd.simulate(pde, [0, 0.02, 0.05], initial={"u": 1}, grid=0.4, progress=False)
    figure = snapshots(data, times=2)
    assert len([ax for ax in figure.axes if ax.get_title() or ax.get_title(loc="left")]) == 2
    assert len(figure.axes[0].collections) == 1
    plt.close(figure)
    for draw in (space_time, animate):
        with pytest.raises(DeclarationError, match="snapshots"):
            draw(data)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("u' = laplacian(laplacian(u))", {}, "order 4"),
        ("u' = div(u*grad(u))", {}, "derivatives, means or integrals inside"),
        ("u' = dx(dx(u))", {}, "twice along one axis"),
        ("u' = laplacian(u) - mean(u)", {}, "derivatives, means or integrals inside"),
        ("u' = laplacian(u)", {"boundary": "periodic"}, "one wall"),
        ("u' = laplacian(u)", {"boundary": {"left": sd.Dirichlet(1)}}, "one wall"),
        ("u' = laplacian(v); v' = u", {"boundary": {"v": sd.Dirichlet(0)}}, "normal derivative of v"),
        ("u' = laplacian(u); s' = mean(u)", {"odes": ["s"]}, "scalars"),
        ("u' = laplacian(x*u)", {}, "positions inside"),
    ],
)
def test_what_elements_do_not_cover_is_refused(text, options, words):
    with pytest.raises(SymdynError, match=words):
        sd.PDESystem.from_text(text, domain=sd.Disk(1), **options).mesh(0.5)


@pytest.mark.parametrize(
    "domain", [sd.Disk(1), sd.Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])], ids=["disc", "L"]
)
def test_values_at_points(domain):
    """Quadratic fields are exact."""
    text = "u' = -u; p := at(u, 0.3, 0.2); q := 2*at(u**2, 0, 0.5) + mean(1 + 0*u)"
    run = sd.simulate(
        sd.PDESystem.from_text(text, domain=domain), [0, 1], initial={"u": "x**2 + y"}, grid=0.4, rtol=1e-9, progress=False
    )
    np.testing.assert_allclose(run.p, 0.29 * np.exp([0, -1]), rtol=1e-7)
    np.testing.assert_allclose(run.q, 1 + 0.5 * np.exp([0, -2]), rtol=0.02)  # the square is interpolated


@pytest.mark.parametrize("radius", [1e-9, 1.0, 1e8])
def test_values_at_points_of_the_curved_boundary_and_of_any_size(radius):
    matrices = sd.PDESystem.from_text("u' = -u", domain=sd.Disk(radius)).mesh(0.5 * radius).elements
    plane = matrices.points @ [3.0, -2.0] / radius
    for point in [(0.6, 0.8), (-0.28, 0.96), (0.3, 0.2), (-0.5, 0.55)]:
        weights = matrices.weights_at((point[0] * radius, point[1] * radius))
        assert weights @ plane == pytest.approx(3 * point[0] - 2 * point[1], abs=1e-6)  # linear fields are exact
    with pytest.raises(DeclarationError, match="outside"):
        matrices.weights_at((0.61 * radius, 0.8 * radius))


def test_wrong_requests_are_refused():
    disc = sd.PDESystem.from_text("u' = laplacian(u); u(0) = 1", domain=sd.Disk(1))
    with pytest.raises(DeclarationError, match="mesh"):
        disc.discretize(10)
    with pytest.raises(DeclarationError, match="has grids"):
        sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1)).mesh(0.1)
    with pytest.raises(DeclarationError, match="larger than"):
        sd.simulate(disc, [0, 1], grid=9.0, progress=False)
    with pytest.raises(DeclarationError, match="diagonal modes"):
        sd.simulate(disc, [0, 1], grid=0.5, method="etdrk4", progress=False)
    pointed = sd.PDESystem.from_text("u' = laplacian(u); m := at(u, 0.8, 0.8)", domain=sd.Disk(1))
    with pytest.raises(DeclarationError, match="outside"):
        sd.simulate(pointed, [0, 1], initial={"u": 1}, grid=0.5, progress=False)
    with pytest.raises(DeclarationError, match="until"):
        sd.simulate(disc, [0, 1], grid=0.5, until="t > 0.5", progress=False)
    with pytest.raises(DeclarationError, match="shape"):
        sd.simulate(disc, [0, 1], initial={"u": np.ones(7)}, grid=0.5, progress=False)
