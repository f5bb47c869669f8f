"""simulate(): exact solutions, layout of results, failures, reproducibility."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

x, y, a, b, t, mu = sp.symbols("x y a b t mu")
DECAY = sd.ODESystem({x: -a * x}, parameters={a: 1.0}, initial={x: 1.0})
PREDATION = sd.ODESystem({x: a * x - x * y, y: b * x * y - y}, parameters={a: 1.0, b: 0.5}, initial={x: 2.0, y: 0.5})
TIMES = np.linspace(0.0, 5.0, 26)


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas4", "rodas5p"])
def test_exponential_decay(method):
    data = sd.simulate(DECAY, TIMES, method=method, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(data.x.values, np.exp(-TIMES), rtol=2e-7)


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas4", "rodas5p"])
def test_time_dependent_right_hand_side(method):
    # x' = -x + cos t has the solution (cos t + sin t)/2 - exp(-t)/2 from x(0) = 0
    system = sd.ODESystem({x: -x + sp.cos(t)}, initial={x: 0})
    data = sd.simulate(system, TIMES, method=method, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(data.x.values, (np.cos(TIMES) + np.sin(TIMES) - np.exp(-TIMES)) / 2, atol=1e-7)


def test_conserved_quantity_of_predation():
    data = sd.simulate(PREDATION, np.linspace(0, 50, 501), rtol=1e-10, atol=1e-12)
    v = 0.5 * data.x - np.log(data.x) + data.y - np.log(data.y)
    assert float(abs(v - v[0]).max()) < 1e-7


def test_sweeps_are_labelled_and_broadcast():
    rates = xr.DataArray([0.1, 0.2, 0.3], dims="group", coords={"group": ["low", "mid", "high"]})
    data = sd.simulate(DECAY, [0.0, 1.0], parameters={"a": rates}, initial={x: [1.0, 2.0]}, trajectories=2, rtol=1e-9)
    assert dict(data.x.sizes) == {"group": 3, "x0": 2, "trajectory": 2, "time": 2}
    assert data.x.sel(group="mid", x0=2.0, time=1.0).values == pytest.approx([2 * np.exp(-0.2)] * 2, rel=1e-6)
    assert data.status.dims == ("group", "x0", "trajectory")
    assert int(data.status.max()) == 0


def test_a_value_for_each_trajectory():
    start = xr.DataArray([1.0, 2.0, 4.0], dims="trajectory")
    data = sd.simulate(DECAY, [0.0, 1.0], initial={x: start}, rtol=1e-9)
    np.testing.assert_allclose(data.x.values[:, 1], np.array([1, 2, 4]) * np.exp(-1), rtol=1e-6)


def test_observables():
    system = sd.ODESystem({x: -a * x}, {a: 1.0}, initial={x: 1.0}, observables={"double": 2 * x + t, "rate": a})
    data = sd.simulate(system, TIMES)
    np.testing.assert_allclose(data["double"], 2 * data.x + data.time, rtol=1e-14)
    assert (data["rate"] == 1.0).all()


def test_maps_are_iterated_exactly():
    logistic = sd.DiscreteSystem({x: a * x * (1 - x)}, {a: 3.7}, initial={x: 0.3})
    data = sd.simulate(logistic, range(51))
    value, wanted = 0.3, []
    for _ in range(51):
        wanted.append(value)
        value = 3.7 * value * (1 - value)
    np.testing.assert_allclose(data.x.values[:20], wanted[:20], rtol=1e-9)  # chaos doubles rounding each step
    fibonacci = sd.DiscreteSystem({x: y, y: x + y}, initial={x: 0, y: 1})
    assert sd.simulate(fibonacci, [0, 10, 50]).x.values.ravel().tolist() == [0.0, 55.0, 12586269025.0]


def test_a_time_dependent_map():
    triangular = sd.DiscreteSystem({x: x + t + 1}, initial={x: 0})
    assert sd.simulate(triangular, range(5)).x.values.ravel().tolist() == [0.0, 1.0, 3.0, 6.0, 10.0]


def test_stiffness_is_noticed_and_passed_on():
    oscillator = sd.ODESystem({x: y, y: mu * (1 - x**2) * y - x}, initial={x: 2, y: 0})
    data = sd.simulate(oscillator, [0.0, 1000.0, 2000.0], parameters={mu: [1.0, 1000.0]}, rtol=1e-8, atol=1e-8)
    assert data.attrs["method"] == "dop853"
    assert data.attrs["stiff_trajectories"] == "1 passed on to rodas5p"
    # van der Pol at mu = 1000, x(2000): test set for initial value problem solvers (Mazzia & Magherini)
    assert float(data.x.isel(mu=1, time=-1)) == pytest.approx(1.706167732170469, rel=1e-5)


def test_stiffness_is_noticed_in_a_short_run():
    """Robertson's reactions: 'dop853' alone would take 147 steps."""
    text = "a' = -0.04*a + 1e4*b*c; b' = 0.04*a - 1e4*b*c - 3e7*b^2; c' = 3e7*b^2; a(0) = 1; b(0) = 0; c(0) = 0"
    data = sd.simulate(sd.ODESystem.from_text(text), [0.0, 0.4], atol=1e-11)
    assert data.attrs["stiff_trajectories"] == "1 passed on to rodas5p"
    # SUNDIALS, cvRoberts_dns: its output at 0.4
    np.testing.assert_allclose([data.a[-1], data.b[-1], data.c[-1]], [9.8517e-1, 3.3864e-5, 1.4794e-2], rtol=5e-5)


def test_a_stiff_system_without_a_jacobian_stays_with_the_explicit_method():
    """No code is generated for the derivative of gamma; far from the beginning x follows cos(t), up to 1e-4."""
    relaxing = sd.ODESystem({x: -1e4 * (x - sp.cos(t)) + sp.gamma(2 + x / 10)}, initial={x: 1})
    data = sd.simulate(relaxing, [0.0, 1.0])
    assert data.attrs["stiff_trajectories"] == "passed on to rodas5p"  # none was
    assert float(data.x[-1]) == pytest.approx(np.cos(1.0), abs=3e-4)


def test_a_non_stiff_problem_stays_with_the_explicit_method():
    assert sd.simulate(PREDATION, [0.0, 500.0]).attrs["stiff_trajectories"] == "passed on to rodas5p"
    assert "stiff_trajectories" not in sd.simulate(PREDATION, [0.0, 500.0], method="dop853").attrs


# ---- reproducibility ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas4", "rodas5p"])
def test_bitwise_equal_for_any_layout(method):
    starts = xr.DataArray(np.linspace(0.5, 3.0, 67), dims="trajectory")
    runs = [
        sd.simulate(PREDATION, TIMES, initial={x: starts}, method=method, layout=sd.Layout(**layout))
        for layout in (
            {"threads": 1},
            {"threads": 2},
            {"threads": 3, "chunk": 10},
            {"lanes": 1},
            {"lanes": 8, "chunk": 7},
            {"lanes": 16},
            {"lanes": 32},
        )
    ]
    for other in runs[1:]:
        assert other.x.values.tobytes() == runs[0].x.values.tobytes()
        assert other.y.values.tobytes() == runs[0].y.values.tobytes()
    assert runs[0].steps.equals(runs[2].steps)


# ---- failures ----------------------------------------------------------------------------------


def test_blow_up_is_named_and_nothing_is_lost():
    explosion = sd.ODESystem({x: a * x**2}, parameters={a: 1.0})  # x(t) = 1/(1/x0 - t)
    with pytest.raises(sd.SimulationError, match=r"1 of 3 trajectories failed.*x0\[2\].*x\(0\) = 1, a = 1") as caught:
        sd.simulate(explosion, [0.0, 0.5, 1.5], initial={x: [0.1, 0.2, 1.0]})
    data = caught.value.dataset
    assert data.status.values.ravel().tolist() == [0, 0, 1]
    assert float(data.x[2, 1]) == pytest.approx(2.0, rel=1e-4)
    assert np.isnan(data.x[2, 2])
    assert float(data.x[1, 2]) == pytest.approx(1 / (5 - 1.5), rel=1e-4)


def test_failures_as_nan():
    pole = sd.ODESystem({x: sp.log(1 - t)}, initial={x: 0})
    data = sd.simulate(pole, [0.0, 0.5, 2.0], on_failure="nan")
    assert int(data.status.max()) != 0
    assert np.isnan(data.x.values[2])
    assert float(data.x[1]) == pytest.approx(-0.5 * np.log(0.5) - 0.5, rel=1e-4)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_an_infinite_jacobian_fails_and_does_not_freeze(method):
    # x' = 1 - sqrt(x) leaves zero, where the Jacobian is infinite: the explicit method does, the others must say they cannot
    root = sd.ODESystem({x: 1 - sp.sqrt(x)}, initial={x: 0})
    with pytest.raises(sd.SimulationError, match="not a number"):
        sd.simulate(root, [0.0, 1.0], method=method)
    found = float(sd.simulate(root, [0.0, 1.0], rtol=1e-9).x[1])
    s = np.sqrt(found)  # t = -2 s - 2 log(1 - s)
    assert -2 * s - 2 * np.log(1 - s) == pytest.approx(1.0, abs=1e-6)


def test_max_steps():
    with pytest.raises(sd.SimulationError, match=r"larger max_steps \(method=Dop853\(max_steps=\.\.\.\)\)"):
        sd.simulate(PREDATION, [0.0, 1000.0], method=sd.methods.AdaptiveOptions(max_steps=20))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t": 5.0}, "sequence"),
        ({"t": [0, 2, 1]}, "increase strictly"),
        ({"t": [0, 1], "initial": {"z": 1}}, "'z' is not a state"),
        ({"t": [0, 1], "parameters": {a: "fast"}}, "expected numbers"),
        ({"t": [0, 1], "parameters": {a: [[1.0, 2.0]]}}, "DataArray"),
        ({"t": [0, 1], "parameters": {a: []}}, "empty sweep"),
        ({"t": [0, 1], "rtol": -1}, "positive"),
        ({"t": [0, 1], "trajectories": 0}, "whole number"),
        ({"t": [0, 1], "on_failure": "ignore"}, "expected 'raise' or 'nan'"),
        ({"t": [0, 1], "reduce": ["means"]}, "Did you mean 'mean'"),
        ({"t": [0, 1], "method": "tsti5"}, "Did you mean 'tsit5'"),
        ({"t": [0, 1], "method": "milstein"}, "cannot be used here"),
        ({"t": [0, 1], "seed": "abc"}, "whole number from 0"),
        ({"t": [0, 1], "seed": 1.7}, "whole number from 0"),
        ({"t": np.array(["2020", "2021"], "M8[Y]")}, "sequence of numbers"),
        ({"t": [0, 1], "parameters": {a: xr.DataArray([1.0, 2.0], dims="status")}}, "'status' has the name"),
        ({"t": [0, 1], "reduce": {"histogram": 1}}, "1 bins"),
        ({"t": [0, 1], "reduce": 3}, "reduce is 3; expected names of statistics"),
        ({"t": [0, 1], "reduce": [["mean"]]}, "expected names of statistics"),
        ({"t": [0, 1], "reduce": {"quantile": 0.5}}, "quantile levels are 0.5; expected numbers between 0 and 1"),
        ({"t": [0, 1], "reduce": {"quantile": "x"}}, "quantile levels are 'x'"),
        ({"t": [0, 1], "method": ["taylor"]}, "expected a name such as 'tau', or an object such as"),
        ({"t": [0, 1], "method": ""}, "unknown method ''"),
        ({"t": [0, 1], "rtol": True}, "rtol is True; expected a positive number"),
        ({"t": [0, 1], "seed": 2**64}, "below 2.63"),
        ({"t": [0, 1], "layout": {"threads": 2}}, "expected a Layout, such as symdyn.Layout"),
    ],
)
def test_bad_input_meets_one_clear_error(arguments, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.simulate(DECAY, **arguments)


def test_sweeps_whose_labels_disagree_are_refused():
    one = xr.DataArray([1.0, 2.0], dims="q", coords={"q": [0, 1]})
    other = xr.DataArray([1.0, 2.0], dims="q", coords={"q": [1, 0]})
    with pytest.raises(sd.DeclarationError, match="other labels along 'q'"):
        sd.simulate(DECAY, [0, 1], parameters={a: one}, initial={x: other})


def test_text_is_no_system():
    with pytest.raises(sd.DeclarationError, match="got str; declare one; text goes through from_text"):
        sd.simulate("x' = -x", [0, 1])


def test_missing_values_are_named():
    with pytest.raises(sd.DeclarationError, match=r"no value for the parameter a; pass parameters=\{'a': ...\}"):
        sd.simulate(sd.ODESystem({x: a * x}), [0, 1], initial={x: 1})
    with pytest.raises(sd.DeclarationError, match="no value for the state x"):
        sd.simulate(sd.ODESystem({x: a * x}), [0, 1], parameters={a: 1})


def test_results_can_be_kept_as_netcdf(tmp_path):
    data = sd.simulate(PREDATION, TIMES, parameters={a: [0.9, 1.1]})
    data.to_netcdf(tmp_path / "run.nc")
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "run.nc"), data)
