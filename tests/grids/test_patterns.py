"""Whole runs: patterns and their thresholds, conservation, agreement of routes, and orders by manufactured solutions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.ndimage import label

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.grids.manufactured_solutions import convergence
from symdyn.models import zoo
from symdyn.models.boundary import Dirichlet, Neumann, Robin
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import div, dx, grad, laplacian, mean
from symdyn.models.pde import PDESystem

u, v, s, x, y, t, D, h = sp.symbols("u v s x y t D h")
QUIET = {"progress": False}
EXACT = {"rtol": 1e-10, "atol": 1e-14, **QUIET}
GOOD = {"rtol": 1e-8, "atol": 1e-10, **QUIET}


# ---- Turing ------------------------------------------------------------------------------------


def growth(d, k2):
    """Rate of growth of a wave in Schnakenberg's system with a = 0.1, b = 0.9, and its direction."""
    jacobian = np.array([[0.8, 1.0], [-1.8, -1.0]]) - k2 * np.diag([1.0, d])
    values, vectors = np.linalg.eig(jacobian)
    return values.real.max(), vectors[:, values.real.argmax()].real


def test_turing_patterns_arise_at_the_critical_diffusion():
    # d J_uu + J_vv = 2 sqrt(d det J) with det J = 1
    critical = ((2 + np.sqrt(4 + 4 * 0.8)) / 1.6) ** 2
    assert critical == pytest.approx(8.5676, abs=1e-4)
    k2 = 1 / np.sqrt(critical)
    length = np.pi / np.sqrt(k2) * 2  # between walls: the critical wave is the second mode
    pde = zoo.schnakenberg((0, length))
    for factor in (0.97, 1.03):
        d = critical * factor
        rate, direction = growth(d, k2)
        assert rate * (factor - 1) > 0
        wave = sp.cos(sp.sqrt(k2) * x) * 1e-5
        start = {u: 1 + float(direction[0]) * wave, v: sp.Rational(9, 10) + float(direction[1]) * wave}
        found = sd.simulate(
            pde.discretize(64, order=6),
            [0.0, 20.0],
            method="imex",
            rtol=1e-10,
            atol=1e-14,
            initial=start,
            parameters={"d": d},
            **QUIET,
        )
        mode = np.cos(np.sqrt(k2) * found.x.values)
        size = [float((frame - 1) @ mode) for frame in found.u.values.reshape(2, -1)]
        assert np.log(size[1] / size[0]) / 20 == pytest.approx(rate, rel=1e-4)


def test_other_waves_decay_at_the_critical_diffusion():
    critical = 8.567585
    for k2 in (0.05, 0.2, 0.6, 1.5):
        assert growth(critical, k2)[0] < 0


# ---- Gray and Scott ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gray_scott():
    spot = sp.exp(-100 * ((x - sp.Rational(1, 4)) ** 2 + (y - sp.Rational(1, 4)) ** 2))
    pde = zoo.gray_scott(Rectangle(0.5, 0.5)).with_initial({u: 1 - spot / 2, v: spot / 4})
    found = sd.simulate(pde.discretize(40, order=4), [0.0, 100.0], method="tsit5", **GOOD)
    assert float(found.v[..., -1, :, :].max()) > 0.2  # it has not died out
    return pde, found


@pytest.mark.parametrize("method", ["imex", "imex3", "etdrk4"])
def test_routes_of_gray_scott_agree(gray_scott, method):
    pde, reference = gray_scott
    found = sd.simulate(
        pde.discretize(40, order=4),
        [0.0, 100.0],
        method=method,
        **QUIET,
        **{"step": 0.5} if method == "etdrk4" else {"rtol": 1e-7, "atol": 1e-9},
    )
    for name in ("u", "v"):
        assert float(np.abs(found[name] - reference[name]).max()) < 1e-5


def test_differences_of_gray_scott_approach_the_spectral_solution():
    spot = sp.exp(-100 * (x - sp.Rational(1, 4)) ** 2)
    pde = zoo.gray_scott((0, 0.5)).with_initial({u: 1 - spot / 2, v: spot / 4})
    options = dict(rtol=1e-7, atol=1e-9, method="imex", **QUIET)
    spectral = sd.simulate(pde.discretize(150, scheme="spectral"), [0.0, 100.0], **options).v.values.ravel()[150:]
    assert spectral.max() > 0.2
    errors = []
    for order in (2, 4, 6):  # every third of 450 cells has its center at one of 150
        found = sd.simulate(pde.discretize(450, order=order), [0.0, 100.0], **options).v.values.ravel()[450:]
        errors.append(np.abs(found[1::3] - spectral).max())
    assert errors[1] < 0.1 * errors[0]
    assert errors[2] < 0.3 * errors[1]


def test_gray_scott_without_feed_conserves_what_it_should():
    # with F = 0 the sum of u and v falls by k v; with k = 0 as well it stays
    pde = zoo.gray_scott(Rectangle(2.5, 2.5))
    for method, options in (("imex", {}), ("sbdf2", {"step": 0.5}), ("etdrk4", {"step": 0.5})):
        found = sd.simulate(pde, [0.0, 50.0], grid=32, method=method, parameters={"F": 0.0, "k": 0.0}, **options, **QUIET)
        total = (found.u + found.v).mean(["x", "y"]).values.ravel()
        assert total[1] == pytest.approx(total[0], abs=1e-12)


@pytest.mark.parametrize(("feed", "removal"), [(0.026, 0.061), (0.0367, 0.0649)])
def test_spots_of_gray_scott_divide_from_the_start_that_it_has(feed, removal):
    """Pearson (1993), figure 3: for these rates spots multiply until they fill the plane."""
    pde = zoo.gray_scott(Rectangle(0.8, 0.8))
    found = sd.simulate(
        pde.discretize(80, scheme="spectral"),
        [0.0, 1000.0, 3000.0],
        method="etdrk4",
        step=5,
        parameters={"F": feed, "k": removal},
        **QUIET,
    )
    spots = [label(frame > 0.15)[1] for frame in found.v.values]
    assert spots[0] == 1
    assert spots[2] > spots[1] > 1


def test_the_start_of_gray_scott_goes_with_the_diffusion():
    """A square of side 62 sqrt(Dv): in lengths of that unit the same for all, in one dimension, too."""
    for scale, domain in ((1.0, (0, 0.8)), (100.0, (-40, 40))):
        pde = zoo.gray_scott(domain)
        rates = {"Du": 2e-5 * scale**2, "Dv": 1e-5 * scale**2}
        v = sd.simulate(pde, [0.0], grid=400, parameters=rates, **QUIET).v
        assert float(v.sum()) * 0.002 == pytest.approx(62 * np.sqrt(1e-5) / 2, rel=0.02)
        assert float(v.max()) == pytest.approx(0.5, rel=0.02)
        assert float(v.values.ravel()[0]) == pytest.approx(0, abs=1e-12)


# ---- fourth order ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["finite differences", "spectral"])
def test_cahn_hilliard_conserves_mass_and_loses_energy(scheme):
    pde = zoo.cahn_hilliard(Rectangle(32, 32))
    found = sd.simulate(pde.discretize(32, scheme=scheme), np.linspace(0, 40, 11), method="imex", rtol=1e-5, atol=1e-7, **QUIET)
    masses = found.u.mean(["x", "y"]).values.ravel()
    assert np.abs(masses - masses[0]).max() < 1e-13
    energy = found.energy.values.ravel()
    assert (np.diff(energy) < 0).all()
    assert energy[-1] < 0.9 * energy[0]


def test_cahn_hilliard_between_walls_goes_through_them_with_nothing():
    kappa = sp.Symbol("kappa")
    w = u**3 - u - kappa * laplacian(u)
    pde = PDESystem({u: laplacian(w)}, (0, 20), boundary={u: "no-flux", w: "no-flux"}, parameters={kappa: 1})
    start = {u: 0.1 * sp.cos(sp.pi * x / 5) + sp.Rational(1, 5) * sp.cos(sp.pi * x / 20)}
    implicit = sd.simulate(pde, [0.0, 5.0], grid=50, method="imex", initial=start, **GOOD)
    explicit = sd.simulate(pde, [0.0, 5.0], grid=50, method="bs32", initial=start, **GOOD)
    assert float(np.abs(implicit.u - explicit.u).max()) < 1e-6
    assert float(implicit.u.mean("x").values.ravel()[-1]) == pytest.approx(0, abs=1e-14)
    assert float(implicit.steps.values.ravel()[0]) < 0.5 * float(explicit.steps.values.ravel()[0])


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_waves_of_swift_hohenberg_grow_as_they_should(k):
    pde = zoo.swift_hohenberg(Rectangle(4 * np.pi, 4 * np.pi))
    wave = 1e-7 * sp.cos(k * x / 2) * sp.cos(y / 2)
    found = sd.simulate(
        pde.discretize(16, scheme="spectral"), [0.0, 2.0], method="etdrk4", step=0.1, initial={u: wave}, **QUIET
    ).u.values.reshape(2, -1)
    ratio = (found[1] @ found[0]) / (found[0] @ found[0])
    assert np.log(ratio) / 2 == pytest.approx(0.2 - (1 - k**2 / 4 - 1 / 4) ** 2, rel=1e-6)


# ---- fronts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["imex", "etdrk4"])
def test_the_front_of_ablowitz_and_zeppetella_travels_as_it_is(method):
    found = sd.simulate(zoo.fisher_kpp((0, 60)).discretize(300, order=6), [0.0, 8.0], method=method, step=0.02, **QUIET)
    speed = 5 / np.sqrt(6)
    exact = (1 + np.exp((found.x.values - 20 - 8 * speed) / np.sqrt(6))) ** -2
    assert np.abs(found.u.values.reshape(2, -1)[1] - exact).max() < 1e-5


@pytest.mark.parametrize("method", ["imex", "imex3", "etdrk4", "sbdf2"])
def test_routes_agree_between_walls_that_change_with_time(method):
    # values at one end, Robin at the other and a scalar that is driven by the field
    pde = PDESystem(
        {u: D * laplacian(u) + u * (1 - u) - s * u},
        (0, 3),
        odes={s: mean(u) - s},
        boundary={"left": Dirichlet(1 + sp.sin(t) / 2), "right": Robin(1, D, s)},
        parameters={D: 0.4},
        initial={u: sp.exp(-x), s: 0.2},
    )
    for order in (2, 4):
        reference = sd.simulate(pde.discretize(30, order=order), [0.0, 1.0, 2.0], method="tsit5", **EXACT)
        options = {"step": 0.01, **QUIET} if method == "sbdf2" else GOOD
        found = sd.simulate(pde.discretize(30, order=order), [0.0, 1.0, 2.0], method=method, **options)
        bound = 1e-3 if method == "sbdf2" else 2e-6
        assert max(float(np.abs(found[name] - reference[name]).max()) for name in ("u", "s")) < bound


# ---- manufactured solutions --------------------------------------------------------------------


def test_order_two_between_robin_walls_that_change_with_time():
    pde = PDESystem(
        {u: D * laplacian(u) - u**3}, Rectangle(1, 1), boundary={"x": Robin(h, D), "bottom": Dirichlet(0), "top": Neumann(0)}
    )
    exact = {u: "exp(-t)*cos(2*x + y) + x*y"}
    for order, points in ((2, (16, 32)), (4, (12, 24))):
        found = convergence(
            pde, exact, points=points, time=0.2, parameters={D: 0.5, h: 2.0}, order=order, method="imex", **GOOD
        )
        assert float(found.u_order[-1]) == pytest.approx(order, abs=0.35)


def test_order_of_nonlinear_diffusion_in_divergence_form():
    pde = PDESystem({u: div((1 + u**2) * grad(u))}, (0, 1), boundary={"left": Dirichlet(0), "right": Robin(1, 1)})
    found = convergence(
        pde,
        {u: "sin(2*x + t)"},
        points=(12, 24, 48),
        time=0.1,
        method="imex",
        implicit={u: "2*laplacian(u)"},
        rtol=1e-8,
        atol=1e-10,
        **QUIET,
    )
    assert found.u_order.values[1:] == pytest.approx(2, abs=0.2)
    assert (found.u_rms <= found.u_error).all()


def test_order_of_fields_with_a_scalar():
    pde = PDESystem({u: laplacian(u) + s * u}, (0, 1), odes={s: mean(u**2) - s})
    found = convergence(
        pde, {u: sp.cos(sp.pi * x) * sp.exp(-t), s: sp.cos(t)}, points=(10, 20), time=0.5, method="etdrk4", step=0.005, **QUIET
    )
    assert float(found.u_order[-1]) == pytest.approx(2, abs=0.1)
    assert float(found.s_order[-1]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(("method", "order"), [("imex", 4), ("imex3", 3), ("sbdf2", 2), ("etdrk4", 4), ("rk4", 4)])
def test_orders_in_time_of_spectral_schemes(method, order):
    pde = PDESystem({u: sp.Rational(1, 10) * laplacian(u) - dx(u**2) / 2}, (0, 2 * np.pi), boundary="periodic")
    exact = {u: sp.sin(x - t) + sp.cos(x) ** 2 * sp.cos(3 * t)}
    steps = (1 / 16, 1 / 32, 1 / 64)
    found = convergence(pde, exact, points=20, time=0.5, steps=steps, scheme="spectral", method=method, **QUIET)
    assert float(found.u_order[-1]) == pytest.approx(order, abs=0.3)


def test_observed_orders_need_two_runs():
    pde = PDESystem({u: laplacian(u)}, (0, 1))
    with pytest.raises(DeclarationError, match=r"observed orders need two grids or steps at least: points is 16"):
        convergence(pde, {u: "t"}, points=16)


# ---- what is refused ---------------------------------------------------------------------------


def test_methods_say_what_they_miss():
    pde = PDESystem({u: div(u * grad(u))}, (0, 1), initial={u: 1 + x})
    for method in ("imex", "imex3", "etdrk4"):
        with pytest.raises(DeclarationError, match=f"'{method}' has nothing to treat implicitly or exactly"):
            sd.simulate(pde, [0.0, 1.0], grid=16, method=method, **QUIET)
    with pytest.raises(DeclarationError, match="'spectral' needs a periodic box"):
        sd.simulate(pde.discretize(16, scheme="spectral"), [0.0, 1.0], method="imex", **QUIET)
    assert (sd.simulate(zoo.fisher_kpp((0, 9)), [0, 1], grid=16, initial={u: 0.5}, method="sbdf2", **QUIET).steps == 1000).all()
