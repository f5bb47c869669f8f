"""Delays of maps: states of the past against iterations by hand and known fixed points, eigenvalues and exponents."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.io.datasets import read_dataset, write_dataset
from symdyn.models.text import text_of

t, x, y, r, k = sp.symbols("t x y r k")
X, Y = sp.Function("x"), sp.Function("y")
DELAYED = sd.DiscreteSystem({x: r * x * (1 - X(t - 1))}, {r: 1.9}, initial={x: 0.1})
HENON = "x[t+1] = 1 - a*x^2 + b*x[t-1]; a = 1.4; b = 0.3; x(0) = 0.1; x(t <= 0) = 0.3"


def iterated(step, past, count):
    """A path from the past, of which the last is the present."""
    path = list(past)
    for _ in range(count):
        path.append(step(path))
    return path[len(past) - 1 :]


def test_paths_by_hand():
    data = sd.simulate(DELAYED, range(12), initial={x: [0.1, 0.2]}, progress=False)
    for begin, found in zip((0.1, 0.2), data.x.values, strict=True):
        np.testing.assert_allclose(found, iterated(lambda p: 1.9 * p[-1] * (1 - p[-2]), [begin, begin], 11), rtol=1e-12)
    henon = sd.DiscreteSystem.from_text(HENON)
    path = iterated(lambda p: 1 - 1.4 * p[-1] ** 2 + 0.3 * p[-2], [0.3, 0.1], 20)
    np.testing.assert_allclose(sd.simulate(henon, range(21), progress=False).x, path, rtol=1e-9)
    longer = sd.DiscreteSystem(
        {x: x / 2 + Y(t - 3), y: X(t - 1)}, initial={x: 1, "x_lag1": 5, y: 2}, history={y: 3 * k}, parameters={k: 4}
    )
    found = sd.simulate(longer, range(5), progress=False)
    assert found.x.values.tolist() == [1, 12.5, 18.25, 21.125, 12.5625]  # y was 12, 12, 12 before 2
    assert found.y.values.tolist() == [2, 5, 1, 12.5, 18.25]


def test_observables_events_and_noise_of_the_past():
    walk = sd.DiscreteSystem.from_text("x[t+1] = x + s*x[t-1]*dW; late := x[t-2]; when x[t-1] >= 3, x = 0; s = 0; x(0) = 3")
    data = sd.simulate(walk, range(5), progress=False, seed=1)
    assert walk.noise == sp.symbols("dW,")
    assert walk.names == ("x", "x_lag1", "x_lag2")
    assert data.late.values.tolist() == [3, 3, 3, *data.x.values[1:3]]


def test_states_of_the_past_are_coordinates_from_which_a_run_goes_on():
    henon = sd.DiscreteSystem.from_text(HENON)
    assert henon.helpers == sd.DiscreteSystem.from_text(text_of(henon)).helpers == sp.symbols("x_lag1,")
    whole = sd.simulate(henon, range(21), progress=False)
    assert "x_lag1" in whole.coords
    assert list(sd.to_frame(whole)) == ["time", "x", "status"]
    later = sd.simulate(henon, range(10, 21), initial=whole.sel(time=10), progress=False)
    assert later.x.values.tolist() == whole.x.values[10:].tolist()
    noisy = sd.DiscreteSystem.from_text("x[t+1] = x[t-1] + dW; x(0) = 0")
    means = sd.simulate(noisy, range(3), trajectories=4, seed=1, reduce=["mean", "std"], progress=False)
    assert {"x_lag1_mean", "x_lag1_std"} <= set(means.coords)
    assert "x_mean" in means.data_vars


def test_states_of_the_past_are_coordinates_wherever_a_run_is_kept(tmp_path):
    henon = sd.DiscreteSystem.from_text(HENON)
    sweep = {"parameters": {"a": [1.4, 3]}, "on_failure": "nan", "progress": False}  # from a = 3 it escapes
    run = sd.simulate(henon, range(31), **sweep)
    assert np.isnan(run.x_lag1[1, -1])
    assert run.x_lag1.dtype == float
    for name in ("run.nc", "run.json"):
        write_dataset(run, tmp_path / name)
    sd.simulate(henon, range(31), store=tmp_path / "store.nc", **sweep)
    sd.simulate(henon, range(31), store=tmp_path / "store.zarr", **sweep)
    kept = [read_dataset(tmp_path / name) for name in ("run.nc", "run.json", "store.nc")]
    for found in (*kept, xr.open_zarr(tmp_path / "store.zarr", chunks=None)):
        assert "x_lag1" in found.coords
        assert "x_lag1" not in found.data_vars
        np.testing.assert_array_equal(found.x_lag1, run.x_lag1)
        later = sd.simulate(henon, range(10, 31), initial=found.isel(time=10, a=0), progress=False)
        assert later.x.values.tolist() == run.x.values[0, 10:].tolist()
    sd.plot(one := run.isel(a=0), ["x_lag1"], ax=(axes := Figure().subplots()))
    assert axes.lines[0].get_ydata().tolist() == one.x_lag1.values.tolist()
    moved = run.assign_coords(x_lag1=run.x_lag1 + 1e-9)
    assert sd.replay(run, progress=False).same
    assert not sd.replay(moved, progress=False).same


def test_what_is_said_of_a_model_leaves_states_of_the_past_aside():
    henon = sd.DiscreteSystem.from_text(HENON)
    run = sd.simulate(henon, range(8), progress=False)
    relative = sd.sensitivities(henon, range(4), by=["a"], relative=True, progress=False)
    told = sd.fit(henon, run, parameters={"a": (1.3, 1.5)}, starts=1, seed=0).predict([8, 9])
    assert told.x_lag1[1] == pytest.approx(told.x[0].item(), rel=1e-9)
    for found in (relative, told):
        assert not [name for name in found.data_vars if "x_lag1" in name]


def test_single_steps_of_a_recovered_map_begin_from_the_data_of_its_past():
    henon = sd.DiscreteSystem.from_text(HENON)
    hidden = sd.DiscreteSystem.from_text("x[t+1] = 1 - f(x) + b*x[t-1]; b = 0.3")
    run = sd.simulate(henon, range(40), initial={"x": 0.1, "x_lag1": 0.3}, progress=False)
    found = sd.recover(hidden, run, library=[x, x**2], surrogate=None, seed=0, progress=False)
    assert found.score().one_step["x"] == pytest.approx(1, abs=1e-6)
    assert found.score(run.isel(time=slice(5, None))).one_step["x"] == pytest.approx(1, abs=1e-6)
    shorter = sd.simulate(henon, range(6), initial={"x": 0.5, "x_lag1": -0.2}, progress=False)
    assert found.score([shorter, shorter]).free_run["x"] == pytest.approx(1, abs=1e-6)
    assert set(found.predict([40, 41], band=0.9).data_vars) >= {"x", "x_lower", "x_upper"}
    assert not {"x_lag1", "x_lag1_lower"} & set(found.predict([40, 41], band=0.9).data_vars)


def test_fixed_points_eigenvalues_and_exponents_of_henon():
    """x = (-0.7 ± sqrt(6.09)) / 2.8, eigenvalues -a x ± sqrt(a² x² + b); the exponents add up to log b, the first is 0.419."""
    henon = sd.DiscreteSystem.from_text(HENON)
    found = sd.analysis.steady_states(henon)
    np.testing.assert_allclose(sorted(found.x.values), (-0.7 + np.sqrt(6.09) * np.array([-1, 1])) / 2.8, rtol=1e-12)
    point = float(found.x.max())
    values = sd.analysis.stability(henon, {"x": point, "x_lag1": point}).eigenvalue.values
    np.testing.assert_allclose(
        sorted(values.real), -1.4 * point + np.sqrt(1.96 * point**2 + 0.3) * np.array([-1, 1]), rtol=1e-9
    )
    spectrum = sd.analysis.lyapunov_exponents(henon, steps=4000).lyapunov.values
    assert spectrum.sum() == pytest.approx(np.log(0.3), abs=1e-9)
    assert spectrum[0] == pytest.approx(0.419, abs=0.02)


def test_invariant_circle_of_the_delayed_logistic_map():
    """x = 1 - 1/r has the eigenvalues of z^2 - z + r - 1 = 0: on the unit circle at r = 2, six steps around."""
    for value, stable in ((1.99, True), (2.01, False)):
        found = sd.analysis.steady_states(DELAYED, {r: value})
        assert bool(found.stable.values[found.x.values.argmax()]) is stable
    at = sd.analysis.stability(DELAYED, {"x": 0.5, "x_lag1": 0.5}, {r: 2})
    np.testing.assert_allclose(at.eigenvalue.values[0] ** 6, 1, atol=1e-9)
    with pytest.raises(sd.DeclarationError, match="fixed points of maps are not covered yet"):
        sd.analysis.continuation(DELAYED, r, (1.5, 2.5), start={"x": 1 / 3, "x_lag1": 1 / 3})


def test_fits_of_the_past():
    data = sd.simulate(DELAYED, range(12), parameters={r: 2.1}, progress=False)[["x"]]
    late = sd.DiscreteSystem({x: r * x * (1 - X(t - 1))})
    with pytest.raises(sd.RecoveryError, match="the initial value x of x_lag1 follows that of x, which is fitted; name x_lag1"):
        sd.fit(late, data, noise=0.01)
    fit = sd.fit(late, data, noise=0.01, parameters=[r, "x", "x_lag1"], starts=3)
    assert float(fit.parameters["r"]) == pytest.approx(2.1, abs=1e-6)
    begun = sd.DiscreteSystem({x: r * x * (1 - X(t - 1))}, initial={x: k})
    assert float(sd.fit(begun, data, noise=0.01, starts=3).parameters["k"]) == pytest.approx(0.1, abs=1e-6)


def test_text_reads_back():
    for system in (DELAYED, sd.DiscreteSystem.from_text(HENON)):
        assert sd.DiscreteSystem.from_text(text_of(system)) == system
    for text in ("x[n+1] = r*x*(1 - x[n-1])", "x[t+1] = r*x*(1 - x(t-1))", "x' = r*x*(1 - x(t - 1))"):
        assert sd.DiscreteSystem.from_text(text).map == DELAYED.map
    for text in ("x[t+1] = x[t+1]", "x[t+1] = x[t-1.5]", "x[t+1] = x[s-1]"):
        with pytest.raises(sd.ParseError, match=r"only x\[t\], the value now, and x\[t-1\]"):
            sd.DiscreteSystem.from_text(text)


def test_initial_values_in_the_order_of_the_states():
    build = {"equations": {x: X(t - 2) + y, y: x}, "history": {x: 7}}
    given = {n: sd.DiscreteSystem(**build, initial=v).initial_numbers() for n, v in ((2, [1, 2]), (4, [1, 2, 3, 4]))}
    assert [[float(given[n][s]) for s in sp.symbols("x y x_lag1 x_lag2")] for n in given] == [[1, 2, 7, 7], [1, 2, 3, 4]]
    assert (
        sd.DiscreteSystem(**build, initial=np.array([1.0, 2.0])).initial == sd.DiscreteSystem(**build, initial=[1, 2]).initial
    )
    with pytest.raises(sd.DeclarationError, match="given for 4 states; in their order: x, y, x_lag1, x_lag2"):
        sd.DiscreteSystem(**build, initial=[1, 2, 3])


def test_the_state_now_may_be_called_in_sides():
    late = sd.DiscreteSystem(
        {x: X(t) / 2 + X(t - 1)}, observables={"y": X(t) + X(t - 2)}, events=sd.Event(X(t) > 9, {x: X(t) - 9})
    )
    written = sd.DiscreteSystem.from_text("x[t+1] = x/2 + x[t-1]; y := x + x[t-2]; when x > 9, x = x - 9")
    assert late == written


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sd.DiscreteSystem({x: X(t - k)}), "expected a delay of 1 to 1000 steps"),
        (lambda: sd.DiscreteSystem({x: X(t - sp.Rational(1, 2))}), "expected a delay of 1 to 1000 steps"),
        (lambda: sd.DiscreteSystem({x: X(t - 1001)}), "expected a delay of 1 to 1000 steps"),
        (lambda: sd.DiscreteSystem({x: X(t + 1)}), "looks into the future"),
        (lambda: sd.DiscreteSystem({x: x}, history={x: 1}), "has no effect"),
        (lambda: sd.DiscreteSystem({x: X(t - 1)}, history={x: t}), "depends on t; of a map it is one value"),
        (lambda: sd.DiscreteSystem({x: X(t - 1), "x_lag1": 1}), "x_lag1 is the name of the state x in the past"),
        (lambda: sd.DiscreteSystem.from_text("x[t+1] = x_lag1*x[t-1]; x_lag1 = 3"), "x_lag1 is the name of the state x in"),
        (lambda: sd.DiscreteSystem({x: sp.Function("f")(x)}).with_terms({"f": X(t - 1)}), r"a term contains x\(t - 1\)"),
    ],
)
def test_what_is_no_delay_of_a_map(build, message):
    with pytest.raises(sd.DeclarationError, match=message):
        build()
