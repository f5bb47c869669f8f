"""Periods, extremes, phases, lags and synchrony of signals for which they are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

from symdyn.cells import phases
from symdyn.errors import DeclarationError

TURN = 2 * np.pi


def dataset(t, *traces, name="v"):
    return xr.Dataset({f"{name}_{j + 1}": ("time", np.asarray(x, float)) for j, x in enumerate(traces)}, {"time": t})


def order_of(errors, ratio=2.0):
    """Observed order of errors as the step is divided again and again."""
    return np.polyfit(np.arange(len(errors)), -np.log(np.abs(errors)) / np.log(ratio), 1)[0]


# ---- traces ------------------------------------------------------------------------------------------


def test_traces_by_cell_with_further_dims_first():
    t = np.arange(5.0)
    data = xr.Dataset(
        {f"v_{j}": (("D", "time", "trajectory"), np.full((2, 5, 3), float(j))) for j in (10, 2, 1)}
        | {"w_1": ("time", t), "U": ("time", t), "steps_1": ("D", [1, 2])},
        {"time": t, "D": [0.1, 1.0]},
    )
    found = phases.cell_traces(data)
    assert found.dims == ("D", "trajectory", "cell", "time")
    assert found.name == "v"
    assert found["cell"].values.tolist() == [1, 2, 10]
    np.testing.assert_array_equal(found.sel(cell=10), 10)
    assert phases.cell_traces(data, "w").sizes["cell"] == 1


def test_states_with_underscores_and_numbers_keep_them():
    data = xr.Dataset({"mRNA_2_1": ("time", [0.0]), "mRNA_2_2": ("time", [1.0])}, {"time": [0.0]})
    assert phases.cell_traces(data, "mRNA_2").values.tolist() == [[0], [1]]


# ---- period ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "offset"), [(8.25, 1.7), (3.3, 0.0), (40.0, -5.0)])
def test_period_of_sinusoids(length, offset):
    t = np.linspace(0, 400, 8001)
    found = phases.period(dataset(t, offset + 0.4 * np.sin(TURN * t / length + 1)))
    assert found.dims == ("cell",)
    assert float(found[0]) == pytest.approx(length, rel=1e-8)


def test_period_converges_with_fourth_order():
    length, errors = 7.123, []
    for n in (250, 500, 1000, 2000):
        # quotients of few crossings, so that errors at both ends do not average out; many phases, so that none is lucky
        t = np.linspace(0, 100, n + 1)
        shifts = np.linspace(0, TURN, 40, endpoint=False)
        wave = [np.exp(np.sin(TURN * t / length + s)) for s in shifts]
        errors.append(float(np.sqrt(((phases.period(dataset(t, *wave)) - length) ** 2).mean())))
    assert errors[-1] < 1e-7
    assert order_of(errors) > 3.7


def test_period_of_relaxation_oscillations():
    # van der Pol: 6.6632868593 at mu = 1 (Andersen & Geer, SIAM J. Appl. Math. 42 (1982) 678); at mu = 10 by section
    for mu, known in ((1.0, 6.6632868593), (10.0, None)):

        def rate(t, y, mu=mu):
            return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]

        def section(t, y):
            return y[0]

        section.direction = 1
        run = solve_ivp(rate, (0, 200), [2, 0], "LSODA", rtol=1e-11, atol=1e-12, dense_output=True, events=section)
        if known is None:
            known = np.diff(run.t_events[0])[-3:].mean()
        t = np.linspace(0, 200, 20001)
        x = run.sol(t)[0]
        data = dataset(t, x, 3 + x)
        np.testing.assert_allclose(phases.period(data), known, rtol=2e-7)
        theta = phases.phase(data).sel(cell=1, time=slice(100, 180)).values
        np.testing.assert_allclose(np.diff(theta), TURN * 0.01 / known, rtol=2e-4)  # even, unlike the trace


def test_period_on_uneven_times():
    rng = np.random.default_rng(1)
    t = np.sort(np.concatenate([[0, 300], rng.uniform(0, 300, 6000)]))
    assert float(phases.period(dataset(t, np.sin(TURN * t / 9)))[0]) == pytest.approx(9, rel=1e-5)


def test_of_two_frequencies_the_stronger_one_counts():
    t = np.linspace(0, 6000, 120001)
    beating = 2 + np.sin(TURN * t / 8) + 0.7 * np.sin(TURN * t / 9 + 1)
    # both zeros of each turn of the faster phasor stay within asin(0.7) of it
    assert float(phases.period(dataset(t, beating))[0]) == pytest.approx(8, abs=2 * np.arcsin(0.7) / TURN * 8 / (3000 / 8))


def test_small_bumps_within_a_cycle_do_not_count():
    t = np.linspace(0, 500, 20001)
    bumpy = np.sin(TURN * t / 10) + 0.06 * np.sin(TURN * t * 1.7)
    assert float(phases.period(dataset(t, bumpy))[0]) == pytest.approx(10, rel=2e-3)


def test_no_period_without_oscillation():
    t = np.linspace(0, 200, 4001)
    rest, ramp = np.full_like(t, 1.5), t / 200
    noise = 1.5 + 1e-15 * np.sin(9 * t)
    fading = 1.5 + np.exp(-t / 5) * np.sin(t)
    broken = np.where(t > 150, np.nan, np.sin(t))
    slow = np.sin(TURN * t / 150)
    data = dataset(t, rest, ramp, noise, fading, broken, slow, np.full_like(t, np.nan), np.sin(t))
    assert np.isnan(phases.period(data)[:-1]).all()
    assert float(phases.period(data)[-1]) == pytest.approx(TURN, rel=1e-7)


def test_small_oscillations_on_request():
    t = np.linspace(0, 100, 4001)
    data = dataset(t, 1 + 1e-5 * np.sin(t))
    assert np.isnan(phases.period(data)[0])
    assert float(phases.period(data, least=0)[0]) == pytest.approx(TURN, rel=1e-6)


def test_only_late_times_count():
    t = np.linspace(0, 300, 6001)
    chirp = np.where(t < 150, np.sin(TURN * t / 5), np.sin(TURN * t / 10))
    assert float(phases.period(dataset(t, chirp), after=150)[0]) == pytest.approx(10, rel=1e-6)


# ---- extremes ----------------------------------------------------------------------------------------


def test_extremes_between_samples():
    errors = []
    for n in (100, 200, 400):
        t = np.linspace(0, 60, n + 1)
        found = phases.extremes(dataset(t, 3 + 2 * np.sin(t + 0.3), np.exp(np.cos(1.1 * t))))
        assert found["highest"].values == pytest.approx([5, np.e], abs=4e-2 * (100 / n) ** 4)
        errors.append(float(found["lowest"][1] - np.exp(-1)))
    found = phases.extremes(dataset(t, 3 + 2 * np.sin(t + 0.3)))
    assert float(found["amplitude"][0]) == pytest.approx(2, abs=1e-5)
    assert float(found["mean"][0]) == pytest.approx(3, abs=1e-7)  # over whole cycles, wherever the record ends
    assert abs(errors[-1]) < 1e-4


def test_extremes_converge_with_fourth_order():
    errors = []
    for n in (200, 400, 800, 1600):
        t = np.linspace(0, 60, n + 1)
        waves = [np.exp(np.sin(1.1 * t + s)) for s in np.linspace(0, 1, 20)]
        errors.append(float(np.sqrt(((phases.extremes(dataset(t, *waves))["highest"] - np.e) ** 2).mean())))
    assert order_of(errors) > 3.5


def test_extremes_where_a_trace_grows_or_rests():
    t = np.linspace(0, 10, 101)
    found = phases.extremes(dataset(t, t, np.full_like(t, 2.0), np.where(t > 9, np.nan, t)), after=5)
    np.testing.assert_allclose(found["highest"], [10, 2, np.nan])
    np.testing.assert_allclose(found["lowest"], [5, 2, np.nan])
    np.testing.assert_allclose(found["mean"], [7.5, 2, np.nan])


# ---- phases ------------------------------------------------------------------------------------------


def test_phase_of_sinusoids_is_their_argument():
    t = np.linspace(0, 100, 4001)
    arguments = [TURN * t / 8 + s for s in (0.3, -1.0, 2.5)]
    found = phases.phase(dataset(t, *[1 + np.sin(a) for a in arguments]))
    assert found.dims == ("cell", "time")
    for theta, a in zip(found.values, arguments, strict=True):
        known = np.isfinite(theta)
        assert known[330:-330].all()
        off = (theta[known] - a[known]) / TURN
        np.testing.assert_allclose(off - np.round(off[0]), 0, atol=1e-7)


@pytest.mark.parametrize("lag", [-0.9, 7.4, -33.5, 90.0, 179.0, -120.0, 0.0])
def test_lag_in_degrees_is_positive_behind(lag):
    t = np.linspace(0, 200, 4001)
    behind = np.radians(lag)
    data = dataset(t, 1.5 + 0.4 * np.sin(0.76 * t), 1.2 + 0.5 * np.sin(0.76 * t - behind))
    found = phases.phase_lag(data)
    np.testing.assert_allclose(found, [0, lag], atol=1e-4)
    np.testing.assert_allclose(phases.phase_lag(data, reference=2), [-lag, 0], atol=1e-4)


def test_lag_of_equal_relaxation_oscillations_is_their_delay():
    t = np.linspace(0, 300, 12001)

    def sharp(s):
        return np.tanh(8 * np.sin(TURN * s / 12)) + 0.3 * np.sin(TURN * s / 12 + 1)

    found = phases.phase_lag(dataset(t, sharp(t), sharp(t - 2)))
    assert float(found[1]) == pytest.approx(360 * 2 / 12, abs=1e-3)


def test_no_lag_of_cells_that_are_not_locked():
    t = np.linspace(0, 2000, 20001)
    found = phases.phase_lag(dataset(t, np.sin(t), np.sin(1.05 * t), np.ones_like(t)))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True])


def test_order_parameter_of_known_phases():
    t = np.linspace(0, 200, 4001)
    for angles in ([0, 0.4, 1.1], [0, TURN / 3, 2 * TURN / 3], [0, np.pi], [0.2] * 4):
        found = phases.order_parameter(dataset(t, *[1 + np.sin(t + a) for a in angles]))
        assert found.dims == ("time",)
        np.testing.assert_allclose(found.sel(time=slice(20, 180)), abs(np.exp(1j * np.array(angles)).mean()), atol=1e-5)


def test_order_parameter_of_drifting_cells():
    t = np.linspace(0, 400, 8001)
    found = phases.order_parameter(dataset(t, np.sin(t), np.sin(1.04 * t))).dropna("time")
    exact = np.abs(np.cos(0.02 * found["time"]))
    np.testing.assert_allclose(found, exact, atol=1e-3)


def test_resting_cells_do_not_take_part_in_the_order_parameter():
    t = np.linspace(0, 200, 4001)
    both = phases.order_parameter(dataset(t, np.sin(t), np.ones_like(t), np.sin(t + 1)))
    assert float(both.sel(time=100)) == pytest.approx(np.cos(0.5), abs=1e-6)
    assert np.isnan(phases.order_parameter(dataset(t, np.sin(t), np.ones_like(t)))).all()
    assert np.isnan(both[0])
    assert np.isnan(both[-1])


def test_cycle_lengths_one_by_one():
    t = np.linspace(0, 100, 10001)
    (middles, lengths), (_, none) = phases.cycle_lengths(dataset(t, np.sin(TURN * t / 5), np.ones_like(t)))
    np.testing.assert_allclose(lengths, 5, rtol=1e-8)
    np.testing.assert_allclose(middles % 5, 2.5, rtol=1e-7)
    assert none.size == 0


# ---- synchrony ---------------------------------------------------------------------------------------


def test_synchrony_of_shifted_sinusoids():
    # whole periods: the variance of the mean of m sinusoids of phases s is |mean exp(i s)|^2 times that of one
    t = np.linspace(0, 40 * TURN, 16001)
    for angles in ([0, 0, 0], [0, 1.0, 2.5], [0, np.pi]):
        found = phases.synchrony(dataset(t, *[5 + 2 * np.sin(t + a) for a in angles]), after=20 * TURN)
        assert float(found) == pytest.approx(abs(np.exp(1j * np.array(angles)).mean()) ** 2, abs=1e-6)


def test_synchrony_of_independent_noise_is_one_over_m():
    noise = np.random.default_rng(3).normal(size=(8, 40000))
    assert float(phases.synchrony(dataset(np.arange(40000.0), *noise))) == pytest.approx(1 / 8, rel=0.05)


def test_synchrony_without_variance():
    t = np.linspace(0, 10, 101)
    assert np.isnan(phases.synchrony(dataset(t, np.ones_like(t), np.zeros_like(t))))
    assert np.isnan(phases.synchrony(dataset(t, np.sin(t), np.full_like(t, np.nan))))


# ---- batches and errors ------------------------------------------------------------------------------


def test_batches_are_the_single_runs(monkeypatch):
    t = np.linspace(0, 120, 1201)
    lengths = np.linspace(3, 30, 12).reshape(4, 3)
    waves = np.sin(TURN * t / lengths[..., None]) + 2
    waves[2, 1, 700] = np.nan
    batch = xr.DataArray(waves, dims=("D", "cell", "time"), coords={"D": range(4), "time": t})
    whole = phases.period(batch)
    monkeypatch.setattr("symdyn.cells._cycles.CHUNK", 1500)  # one or two traces at a time
    xr.testing.assert_identical(phases.period(batch), whole)
    for d in range(4):
        np.testing.assert_array_equal(phases.period(batch[d]), whole[d])
        np.testing.assert_array_equal(phases.order_parameter(batch[d]), phases.order_parameter(batch)[d])
        np.testing.assert_array_equal(phases.phase_lag(batch[d]), phases.phase_lag(batch)[d])
    assert np.isnan(whole[2, 1])
    np.testing.assert_allclose(whole.values[whole.notnull()], lengths[whole.notnull()], rtol=1e-5)


def test_one_trace_without_cells():
    t = np.linspace(0, 100, 1001)
    trace = xr.DataArray(np.sin(t), dims="time", coords={"time": t})
    assert float(phases.period(trace)) == pytest.approx(TURN, rel=1e-6)
    with pytest.raises(DeclarationError, match="one trace alone"):
        phases.synchrony(trace)


def test_errors_say_what_is_wrong():
    t = np.linspace(0, 10, 101)
    data = dataset(t, np.sin(t), np.cos(t))
    with pytest.raises(DeclarationError, match="'z' is no state of the cells of this dataset; those are v"):
        phases.cell_traces(data, "z")
    with pytest.raises(DeclarationError, match=r"no states of cells.*its variables: U"):
        phases.period(xr.Dataset({"U": ("time", t)}, {"time": t}))
    with pytest.raises(DeclarationError, match="got ndarray"):
        phases.period(np.sin(t))
    with pytest.raises(DeclarationError, match="leave it out"):
        phases.period(phases.cell_traces(data), "v")
    with pytest.raises(DeclarationError, match="no cell 3 to refer to; the cells are 1, 2"):
        phases.phase_lag(data, reference=3)
    with pytest.raises(DeclarationError, match="after 20 there are fewer than 4 times"):
        phases.period(data, after=20)
    with pytest.raises(DeclarationError, match="at least 4, increasing"):
        phases.period(data.isel(time=slice(0, 3)))
    with pytest.raises(DeclarationError, match="expected time among them"):
        phases.period(phases.cell_traces(data).isel(time=0))
