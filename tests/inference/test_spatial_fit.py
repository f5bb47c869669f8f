"""Fits of fields: spreading and decay in closed form, places, numbers, conditions, files, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy import stats
from scipy.optimize import minimize_scalar

import symdyn as sd
from symdyn.models.operators import at, mean

D, k, s, u, w, X = sp.symbols("D k s u w x")
#: A cosine between walls without flux: its amplitude decays at the rate k + D (pi/2)^2.
COSINE = sd.PDESystem.from_text(
    "u' = D*laplacian(u) - k*u; u(0) = 1 + cos(pi*x/2)", domain=(0, 2), observables={"total": mean(u)}
)
GRID = COSINE.discretize(60, order=4)
COLONY = sd.BulkCellSystem(
    domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=sd.ODESystem.from_text("v' = a - v"), secreted="v", influx=0,
    efflux=0.2, parameters={"D": 1, "tau": 0.5},
)  # fmt: skip
#: Quadratic elements hold 1 + x without error.
DISK = sd.PDESystem.from_text("u' = -k*u; u(0) = 1 + x", domain=sd.Disk(1)).mesh(0.7)
HOURS = np.linspace(0, 1.5, 6)
BOUNDS = {D: (0.01, 10), k: (0.01, 10)}


def field(x: np.ndarray, t: np.ndarray, diffusion: float, decay: float) -> np.ndarray:
    t = np.asarray(t)[:, None]
    return np.exp(-decay * t) * (1 + np.exp(-diffusion * (np.pi / 2) ** 2 * t) * np.cos(np.pi * np.asarray(x) / 2))


def measured(places: list[float], seed: int | None = None, noise: float = 0.02) -> xr.Dataset:
    values = field(np.array(places), HOURS, 0.3, 0.5)
    if seed is not None:
        values = values + noise * np.random.default_rng(seed).normal(size=values.shape)
    return xr.Dataset({"u": (("time", "x"), values)}, {"time": HOURS, "x": places})


def measured_disk() -> xr.Dataset:
    return xr.Dataset({"u": (("time", "x", "y"), np.ones((3, 2, 1)))}, {"time": [0, 1, 2], "x": [0, 0.3], "y": [0.2]})


def test_values_and_errors_are_those_of_regression_on_the_closed_solution() -> None:
    """Places between the centres of cells; the information of the fit is that of the slopes of the closed solution."""
    places = [0.1, 0.55, 1.0, 1.87]
    found = sd.fit(GRID, measured(places, 0), noise=0.02, parameters=BOUNDS, starts=2)
    exact = {D: 0.3, k: 0.5}
    steps = {D: (1e-5, 0.0), k: (0.0, 1e-5)}
    ends = [[field(np.array(places), HOURS, 0.3 + q * a, 0.5 + q * b) for q in (1, -1)] for a, b in steps.values()]
    slopes = np.stack([(above - below).ravel() / 2e-5 for above, below in ends], axis=1)
    errors = 0.02 * np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)))
    table = found.intervals.set_index("constant")
    for (q, value), error in zip(exact.items(), errors, strict=True):
        assert abs(found.parameters[q.name] - value) < 3 * error
        assert table.loc[q.name, "standard error"] == pytest.approx(error, rel=0.15)
    assert sorted(found.residuals["x"].unique()) == places
    assert found.predict([0.7], trajectory=2).u.item() == pytest.approx(
        field(np.array([1.0]), [0.7], 0.3, 0.5).item(), abs=0.03
    )


def test_variables_of_other_names_are_named() -> None:
    with pytest.warns(UserWarning, match="not measured are ignored: v"):
        sd.fit(GRID, measured([0.5]).assign(v=("time", HOURS)), noise=0.1, parameters=BOUNDS, starts=1)


def test_the_gradient_is_that_of_the_closed_likelihood() -> None:
    places = [0.2, 1.4]
    data = measured(places, 1)
    found = sd.fit(GRID, data, noise=0.02, parameters=BOUNDS, starts=1, guesses={D: 0.25, k: 0.6})
    theta = np.log([0.35, 0.45])
    local = found.problem.expand(np.zeros(1, dtype=int), theta[None], found.scaled_starts[None])

    def value(q: np.ndarray) -> float:
        return -0.5 * (((data.u.values - field(places, HOURS, *np.exp(q))) / 0.02) ** 2).sum()

    quotients = [(value(theta + e) - value(theta - e)) / 2e-6 for e in 1e-6 * np.eye(2)]
    np.testing.assert_allclose(local.gradient[0], quotients, rtol=2e-3)


def test_numbers_with_a_scale_conditions_and_a_probe() -> None:
    """Means fall at the rate k alone; a condition gives another initial field; probes stand in the same table."""
    rows = {}
    for name, height in (("full", 1.0), ("half", 0.5)):
        rows[name] = {
            "time": HOURS,
            "light": 3 * height * np.exp(-0.5 * HOURS),
            "probe": height * field(np.array([0.3]), HOURS, 0.3, 0.5)[:, 0],
        }
    found = sd.fit(
        GRID, rows, observables={"light": s * mean(u), "probe": at(u, 0.3)}, noise=0.01, parameters={**BOUNDS, s: (0.1, 10)},
        conditions={"full": {}, "half": {u: (1 + sp.cos(sp.pi * X / 2)) / 2}}, starts=1,
    )  # fmt: skip
    assert [found.parameters[n] for n in "Dks"] == pytest.approx([0.3, 0.5, 3], rel=2e-3)


def test_initial_fields_may_hold_fitted_parameters_and_fits_are_kept(tmp_path) -> None:
    grid = sd.PDESystem.from_text("u' = -k*u; u(0) = w*(1 + x)", domain=(0, 1)).discretize(8)
    times = np.array([0.0, 1.0, 2.0])
    data = xr.Dataset(
        {"u": (("x", "time"), [2.0 * 1.25 * np.exp(-0.4 * times), 2.0 * 1.5 * np.exp(-0.4 * times)])},
        {"time": times, "x": [0.25, 0.5]},
    )
    found = sd.fit(grid, data, noise=0.1, parameters={"k": (0.01, 10), "w": (0.1, 10)}, starts=2)
    assert [found.parameters[n] for n in "kw"] == pytest.approx([0.4, 2], rel=1e-4)
    found.save(tmp_path / "field.nc")
    again = sd.Fit.load(tmp_path / "field.nc")
    assert again.parameters == found.parameters
    assert again.system.shape == (8,)
    assert again.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-9)


def test_places_at_the_seam_of_a_periodic_axis() -> None:
    """A wave at the seam, as far from the centres as a place can be; walls would be an error of 2e-3."""
    ring = sd.PDESystem.from_text("u' = -k*u; u(0) = cos(pi*x)", domain=(0, 2), boundary="periodic").discretize(20, order=4)
    data = xr.Dataset({"u": (("time", "x"), np.exp(-0.5 * HOURS)[:, None] * [1, 1])}, {"time": HOURS, "x": [0.0, 2.0]})
    found = sd.fit(ring, data, noise=0.02, parameters={k: (0.01, 10)}, starts=1)
    # a cubic spline at a maximum, half a cell from the centres: 5/384 (pi h)^4 is the error of an interval at most
    assert np.abs(found.residuals["measured"] - found.residuals["expected"]).max() < 5 / 384 * (np.pi * 0.1) ** 4 * 1.05


def test_values_at_places_of_a_mesh() -> None:
    """The estimate and its error are those of regression on the closed solution (1 + x) exp(-k t)."""
    t, places = np.array([0.0, 0.7, 1.5]), np.array([-0.3, 0.0, 0.4])
    noise = 0.02 * np.random.default_rng(3).normal(size=(3, 3, 1))
    values = ((1 + places) * np.exp(-0.5 * t)[:, None])[..., None] + noise
    data = xr.Dataset({"u": (("time", "x", "y"), values)}, {"time": t, "x": places, "y": [0.2]})
    found = sd.fit(DISK, data, noise=0.02, parameters={k: (0.1, 2)}, guesses={k: 0.4}, starts=1, rtol=1e-5)
    model = lambda q: (1 + places) * np.exp(-q * t)[:, None]  # noqa: E731
    best = minimize_scalar(lambda q: ((values[..., 0] - model(q)) ** 2).sum(), bounds=(0.1, 2), options={"xatol": 1e-9})
    assert found.parameters["k"] == pytest.approx(best.x, rel=1e-3)
    error = 0.02 / np.sqrt(((t[:, None] * model(best.x)) ** 2).sum())
    assert found.intervals["standard error"][0] == pytest.approx(error, rel=1e-3)


def test_places_outside_of_a_mesh_are_refused() -> None:
    with pytest.raises(sd.DeclarationError, match="lies outside of the Disk"):
        sd.fit(DISK, measured_disk().assign_coords(x=[0.9, 1.0], y=[0.9]), parameters={k: (0.1, 2)})


def test_a_colony_on_a_mesh(tmp_path: Path) -> None:
    """A cell beside a bulk that does not reach it: v' = a - v from 0.2 is a + (0.2 - a) exp(-t)."""
    cell = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.2, centers=[(0, 0)], kinetics=sd.ODESystem.from_text("v' = a - v; v(0) = 0.2"),
        secreted="v", influx=0, efflux=0, parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip
    t = np.array([0.0, 0.5, 1.0])
    data = {"time": t, "v_1": 1.3 - 1.1 * np.exp(-t), "U": np.zeros(3)}
    options = {"noise": 0.01, "parameters": {"a": (0.5, 3)}}
    with pytest.raises(sd.RecoveryError, match="U is measured, and its initial values are not fitted"):
        sd.fit(cell.full(mesh=0), data, **options)
    found = sd.fit(cell.full(mesh=0), data, **options, guesses={"a": 1.1}, starts=1, rtol=1e-5, initial={"U": 0})
    assert found.parameters["a"] == pytest.approx(1.3, abs=1e-3)
    slope = 1 - np.exp(-t)
    assert found.intervals["standard error"][0] == pytest.approx(0.01 / np.sqrt((slope**2).sum()), rel=1e-3)
    with pytest.raises(sd.DeclarationError, match="no text that reads back"):
        found.save(tmp_path / "colony.nc")
    assert not list(tmp_path.iterdir())
    placed = xr.Dataset({"U": (("time", "x", "y"), np.ones((3, 2, 1)))}, {"time": t, "x": [0.3, 0.5], "y": [0.1]})
    with pytest.raises(sd.RecoveryError, match="the data have the dim x; of a colony U is the mean"):
        sd.fit(cell.full(mesh=0), placed, **options, initial={"U": 0})


def test_a_colony_is_reduced_over_what_is_fitted() -> None:
    """Cells without influx and a bulk without efflux: v' = a - v from 0.2, and U' = -U/tau from 0.4."""
    cell = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.2, centers=[(0, 0)], kinetics=sd.ODESystem.from_text("v' = a - v; v(0) = 0.2"),
        secreted="v", influx=0, efflux=0, parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip
    t = np.array([0.0, 0.5, 1.0, 2.0])
    data = {"time": t, "v_1": 1.3 - 1.1 * np.exp(-t), "U": 0.4 * np.exp(-t / 0.8)}
    bounds = {"a": (0.5, 3), "tau": (0.1, 3)}
    found = sd.fit(cell, data, noise=0.01, parameters=bounds, guesses={"a": 1.1}, starts=2, initial={"U": 0.4})
    assert found.parameters["a"] == pytest.approx(1.3, abs=1e-6)
    assert found.parameters["tau"] == pytest.approx(0.8, abs=1e-6)
    slopes = 1 - np.exp(-t), 0.4 * t / 0.8**2 * np.exp(-t / 0.8)
    exact = [0.01 / np.sqrt((s**2).sum()) for s in slopes]
    np.testing.assert_allclose(found.intervals["standard error"], exact, rtol=1e-5)
    assert "colony.reduce()" in found.notes[0]
    assert found.system.ranges.delay[sp.Symbol("tau")] == 3


def cell_without_exchange() -> sd.BulkCellSystem:
    """v' = 1 - v and U' = -U/tau."""
    return sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.2, centers=[(0, 0)], kinetics=sd.ODESystem.from_text("v' = 1 - v; v(0) = 0.2"),
        secreted="v", influx=0, efflux=0, parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip


def test_a_colony_stays_where_its_reduction_holds(tmp_path: Path) -> None:
    """Data of tau = 40 under a prior about 1: the estimate is the end of the prior, for which the equations were reduced."""
    t, prior = np.array([0.0, 0.5, 1.0, 2.0]), stats.lognorm(0.2)
    data = {"time": t, "U": 0.4 * np.exp(-t / 40)}
    found = sd.fit(cell_without_exchange(), data, noise=1e-4, priors={"tau": prior}, starts=2, initial={"U": 0.4})
    tau = found.parameters["tau"]
    assert tau == pytest.approx(prior.ppf(1 - 1e-4), rel=1e-9)
    assert found.system.ranges.delay[sp.Symbol("tau")] == pytest.approx(tau, rel=1e-12)
    assert "within most of the priors: tau from 0.4753 to 2.104" in found.notes[0]
    found.save(tmp_path / "colony.nc")
    again = sd.Fit.load(tmp_path / "colony.nc")
    assert again.parameters == found.parameters
    np.testing.assert_allclose(again.predict(t).U, 0.4 * np.exp(-t / tau), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial": {"U": sp.Symbol("x")}}, "U begins with an expression of x; a colony that is fitted begins with a uniform"),
        ({"parameters": {"tau": (0.1, 3), "U": (0, 1)}}, "the initial value of U is not fitted itself; give it as"),
        ({"parameters": {"tau": ("a", 3)}}, r"the bounds of tau are \('a', 3\); expected a pair"),
        ({}, "U is measured, and its initial values are not fitted; give initial="),
    ],
)
def test_beginnings_of_a_colony(options: dict[str, object], message: str) -> None:
    data = {"time": np.arange(4.0), "U": np.exp(-np.arange(4.0))}
    with pytest.raises(sd.RecoveryError, match=message):
        sd.fit(cell_without_exchange(), data, **({"parameters": {"tau": (0.1, 3)}} | options))


def test_a_colony_begins_as_it_is_declared() -> None:
    t = np.array([0.0, 0.5, 1.0, 2.0])
    cell = cell_without_exchange().redeclared(initial={"U": 0.4})
    found = sd.fit(cell, {"time": t, "U": 0.4 * np.exp(-t / 0.8)}, parameters={"tau": (0.1, 3)}, noise=0.01, starts=2)
    assert found.parameters["tau"] == pytest.approx(0.8, abs=1e-6)


def test_early_data_of_a_colony() -> None:
    """One secreting cell at t = 1e-4, where the boundary layer is thin: the equations of the fit against resolved ones."""
    cell = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=sd.ODESystem.from_text("v' = a - v; v(0) = 1"),
        secreted="v", influx=1, efflux=1, parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip
    t = np.array([0.0, 1e-4, 2e-4, 3e-4])
    finest = cell.reduce(diffusion=1, frequencies=1e6, tolerance=1e-9)
    exact = sd.simulate(finest, t, parameters={"a": 300, "D": 1, "tau": 0.5}, rtol=1e-11, atol=1e-13, progress=False)
    data = {"time": t, "v_1": exact["v_1"].values}
    found = sd.fit(cell, data, parameters={"a": (10, 1e4)}, noise=1e-6, starts=2)
    assert "begins with U = 0 everywhere" in found.notes[0]
    assert found.system.ranges.frequency == pytest.approx(1e4)
    assert found.parameters["a"] == pytest.approx(300, rel=1e-4)
    values = {"a": 300}
    coarse, own = (float(r.error(values, frequencies=[1e4])[0]) for r in (cell.reduce(diffusion=1, mesh=finest), found.system))
    assert coarse > 1e-4 > own


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sd.fit(COSINE, measured([0.5])), "on a grid: give system.discretize"),
        (lambda: sd.fit(GRID, {"time": HOURS, "u": HOURS}, parameters=BOUNDS), "u varies in space; its data are"),
        (lambda: sd.fit(GRID, measured([0.5]), parameters={u: None}), "initial value of u is not fitted itself"),
        (lambda: sd.fit(GRID, measured([0.5]), windows=2), "windows has no effect on fits of fields"),
        (lambda: sd.fit(GRID, measured([0.5, 2.5])), "positions x reach from 0.5 to 2.5; the domain from 0 to 2"),
        (lambda: sd.fit(GRID, measured([0.5]).rename(u="v")), "hold no number of u"),
        (lambda: sd.fit(COLONY, {"time": HOURS, "v_1": HOURS}, parameters=["D"]), "D of a colony is fitted between 0 and inf"),
        (lambda: sd.fit(GRID, measured([0.5]), likelihood="lna"), "has an effect on systems with randomness alone"),
    ],
)  # fmt: skip
def test_what_is_refused(call, message: str) -> None:
    with pytest.raises(sd.RecoveryError, match=message):
        call()
