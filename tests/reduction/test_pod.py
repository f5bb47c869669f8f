"""Reduced systems against published tables, exact solutions and the full systems."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from examples.reduced_field import exact
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.errors import DeclarationError
from tests.reduction.fields import ACCURATE, TIMES, burgers, burgers_runs, fitzhugh_nagumo

TRAINED = (0.005, 0.02, 0.05)


def test_the_full_equation_comes_to_cole_and_hopf_as_the_square_of_its_grid():
    wrong = []
    for cells in (128, 256):
        (full, x), nu = burgers(cells), 0.01
        run = sd.simulate(full, TIMES, parameters={"nu": nu}, **ACCURATE)
        truth = np.array([np.sin(np.pi * x), *(exact(x, t, nu) for t in TIMES[1:])])
        found = np.stack([run[f"u{i}"].values for i in range(cells)], axis=1)
        wrong.append(np.linalg.norm(found - truth) / np.linalg.norm(truth))
    assert wrong[0] / wrong[1] == pytest.approx(4, rel=0.02)


# modes, points, projection, exact Galerkin, with interpolation: another implementation at another tolerance (numpy, BDF)
@pytest.mark.parametrize(
    ("modes", "points", "projection", "galerkin", "interpolated"),
    [
        (5, 5, 9.97e-3, 4.07e-2, 4.95e-2),
        (10, 10, 7.03e-5, 3.42e-4, 3.38e-4),
        (10, 20, 7.03e-5, 3.42e-4, 3.42e-4),
        (20, 20, 2.10e-9, 2.0e-8, 2.2e-8),
    ],
)
def test_burgers_at_a_viscosity_that_was_not_trained(modes, points, projection, galerkin, interpolated):
    runs, new = burgers_runs(*TRAINED), burgers_runs(0.01)
    exact = sd.reduction.pod(burgers()[0], runs, modes, exact=2)
    found = exact.error(new)
    assert float(found.projection) == pytest.approx(projection, rel=0.01)
    deim = float(sd.reduction.pod(burgers()[0], runs, modes, points).error(new).error)
    if modes < 20:
        assert float(found.error) == pytest.approx(galerkin, rel=0.01)
        assert deim == pytest.approx(interpolated, rel=0.01)
    else:  # there the tolerances of the numpy run count
        assert float(found.error) < galerkin
        assert deim < interpolated
    assert exact.parameters == (sp.Symbol("nu"),)


def test_points_by_pivoted_qr_are_as_good():
    runs, new = burgers_runs(*TRAINED), burgers_runs(0.01)
    found = sd.reduction.pod(burgers()[0], runs, 10, 10, selection="qr")
    assert float(found.error(new).error) < 5e-4
    assert found.interpolation.condition < 15


def test_fitzhugh_nagumo():
    full, blocks, run = fitzhugh_nagumo()
    assert run.v0.values[:200].max() == pytest.approx(1.257257, abs=1e-6)
    assert run.v0.values[-1] == pytest.approx(-0.091254, abs=1e-6)
    assert run.v511.values[-1] == pytest.approx(-0.096371, abs=1e-6)
    train = run.isel(time=slice(None, None, 8))
    for modes, projection, galerkin, interpolated in ((5, 9.1e-4, 2.35e-3, 6.6e-3), (10, 2.1e-5, 9.8e-5, 6.9e-5)):
        exact = sd.reduction.pod(full, train, modes, exact=3, blocks=blocks).error(run)
        assert float(exact.projection) == pytest.approx(projection, rel=0.02)
        assert float(exact.error) == pytest.approx(galerkin, rel=0.02)
        assert float(sd.reduction.pod(full, train, modes, modes, blocks=blocks).error(run).error) == pytest.approx(
            interpolated, rel=0.05
        )
    small = sd.reduction.pod(full, train, 20, 20, blocks=blocks)
    found = small.error(run, rtol=1e-9)
    assert float(found.projection) == pytest.approx(3.3e-8, rel=0.02)
    assert small.interpolation.condition == pytest.approx(15.1, rel=0.01)
    assert float(found.error) < 5.0e-7  # that of a solver at larger tolerances


GRID = "u' = nu*laplacian(u) - dx(u**2/2); nu = 0.02"


@pytest.mark.parametrize(
    ("rate", "points"),
    [
        (GRID, 11),  # terms whose sum over the cells vanishes have one dimension less
        ("u' = nu*laplacian(u) + a*u*(1 - u)*(u - 1/4); nu = 0.02; a = 3", 12),
        ("u' = nu*laplacian(u) + tanh(u) - u*mean(u); nu = 0.1", 24),
    ],
)
@pytest.mark.parametrize("boundary", [sd.Dirichlet(0), sd.Dirichlet(0.2), "no-flux"])
def test_with_all_modes_a_grid_is_reproduced(rate, points, boundary):
    """As many modes as cells: the reduced system is the full one in other coordinates, whatever is interpolated."""
    full = sd.PDESystem.from_text(rate, domain=(0, 1), boundary=boundary, initial={"u": "0.2 + sin(pi*x)"}).discretize(12)
    rng = np.random.default_rng(0)
    t = np.linspace(0, 0.5, 5)
    runs = [sd.simulate(full, t, initial={"u": rng.normal(size=12)}, progress=False) for _ in range(12)]
    new = sd.simulate(full, t, rtol=1e-10, atol=1e-12, progress=False)
    if rate == GRID and boundary != "no-flux":
        points = 12
    for number in (None, points):
        small = sd.reduction.pod(full, runs, 12, number)
        assert float(small.error(new, rtol=1e-10).error) < 1e-7


def test_reactions_of_two_fields_on_a_plane():
    """The rates of a system with all of its modes are those of the grid, at any state."""
    text = "u' = D*laplacian(u) - u*v**2 + F*(1 - u); v' = D*laplacian(v)/2 + u*v**2 - (F + k)*v; D = 0.01; F = 0.04; k = 0.06"
    full = sd.PDESystem.from_text(text, domain=sd.Rectangle(1, 1), boundary="periodic").discretize((4, 4))
    rng = np.random.default_rng(1)
    runs = [
        sd.simulate(full, [0, 1], initial={"u": rng.random((4, 4)), "v": rng.random((4, 4))}, progress=False) for _ in range(16)
    ]
    small = sd.reduction.pod(full, runs, 16, 16)
    state = rng.random(32)
    z = small.project(state)
    program = lower("rates", [("lane", []), ("y", small.states), ("p", small.parameters)], small.drift, small.names)
    rates = np.array(evaluate(program, [], list(z.values()), [small.defaults[p] for p in small.parameters]))
    p = np.array([full.defaults[s] for s in full.parameters])
    expected = full.model().rates(state, 0.0, p)
    assert small.basis.modes @ rates == pytest.approx(expected, abs=1e-9)


def test_a_recurrent_network_is_compressed():
    """128 neurons with random weights and two signals; errors of the read-out beside a numpy implementation."""
    rng, n = np.random.default_rng(0), 128
    weights = rng.normal(size=(n, n)) * 0.9 / np.sqrt(n)
    gains, bias, read = rng.normal(size=(n, 2)), rng.normal(size=n) * 0.2, rng.normal(size=(2, n)) / np.sqrt(n)
    x, t = sp.symbols(f"x0:{n}"), sp.Symbol("t")
    omega, phase = sp.symbols("omega0:6"), sp.symbols("phase0:6")
    signals = [0.6 * sum(sp.sin(omega[3 * k + j] * t + phase[3 * k + j]) for j in range(3)) for k in range(2)]
    inner = sd.DenseLayers("W", [(weights, bias, "identity")])(*map(sp.tanh, x))
    rates = {x[i]: -x[i] + inner[i] + gains[i, 0] * signals[0] + gains[i, 1] * signals[1] for i in range(n)}
    full = sd.ODESystem(rates, dict.fromkeys(omega + phase, 0.3), initial=dict.fromkeys(x, 0))

    def run(seed):
        own = np.random.default_rng(seed)
        w, p = own.uniform(0.1, 0.6, (2, 3)).ravel(), own.uniform(0, 6.3, (2, 3)).ravel()
        values = dict(zip(omega + phase, [*w, *p], strict=True))
        return sd.simulate(full, np.linspace(0, 40, 801), parameters=values, method="tsit5", progress=False)

    train, held = [run(s) for s in range(6)], [run(s) for s in (100, 101, 102)]
    for modes, points, expected in ((12, 16, 0.120), (24, 32, 0.082), (32, 48, 0.072)):
        small = sd.reduction.pod(full, train, modes, points, center=True)
        found = []
        for data in held:
            (seen,) = small.layout.read(data)
            z = small._repeated(seen, small.basis.project(seen.values), {"rtol": 1e-6})
            apart, wanted = (small.basis.lift(z) - seen.values)[0] @ read.T, seen.values[0] @ read.T
            found.append(np.linalg.norm(apart) / np.linalg.norm(wanted - wanted.mean(axis=0)))
        assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_a_term_that_vanishes_in_all_runs_is_left_out():
    full = sd.ODESystem.from_text("x' = -x + sin(y); y' = -y; x(0) = 1; y(0) = 0")
    small = sd.reduction.pod(full, sd.simulate(full, [0, 0.5, 1], progress=False), 1)
    assert [str(e) for e in small.drift] == ["-1.0*z_1"]


def test_what_does_not_fit_is_refused():
    full, runs = burgers()[0], burgers_runs(0.01)
    linear = sd.ODESystem.from_text("x' = -x; y' = x - y; x(0) = 1; y(0) = 0")
    few = sd.simulate(linear, [0, 1, 2], progress=False)
    pod = sd.reduction.pod
    pde = sd.PDESystem.from_text(GRID, domain=(0, 1))
    for call, message in (
        (lambda: pod(full, runs, 300), "300 modes of the states, but the runs determine"),
        (lambda: pod(full, runs, 0), "modes is 0"),
        (lambda: pod(full, runs, 3, exact=4), "exact is 4"),
        (lambda: pod(full, runs, 3, manifold="cubic"), "manifold is 'cubic'"),
        (lambda: pod(full, runs, 3, selection="grid"), "selection is 'grid'"),
        (lambda: pod(full, few, 3), "the runs have no variable u0"),
        (lambda: pod(linear, few, 1, 1), "points has no effect"),
        (lambda: pod(pde, runs, 3), "give it a grid with pde.discretize"),
        (lambda: pod(linear, few, {"x": 1}, blocks={"x": ["x"]}), "y has none"),
        (lambda: pod(linear, few, 1).lift({"z_2": 1}), "no value of the coordinate z_1"),
        (lambda: pod(pde.discretize(8), sd.simulate(pde.discretize(8), [0, 1], initial={"u": 1}, progress=False), 1, weights=1),
         "weights belong to an ODESystem"),
        (lambda: pod(pde.discretize(8), sd.simulate(pde.discretize(9), [0, 1], initial={"u": 1}, progress=False), 1),
         "with x: 8 of the grid"),
    ):  # fmt: skip
        with pytest.raises(DeclarationError, match=message.replace("(", r"\(")):
            call()
