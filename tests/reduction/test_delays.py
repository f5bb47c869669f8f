"""Delay coordinates of Lorenz' equations and of Lotka and Volterra's beside published and independent numbers."""

import dataclasses
from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.errors import DeclarationError


@cache
def lorenz():
    def rate(t, u):
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    t = np.arange(0, 200 - 0.0005, 0.001)
    return solve_ivp(rate, (0, 200), (-8.0, 8.0, 27.0), "DOP853", t_eval=t, rtol=1e-12, atol=1e-12).y[0]


def test_havok_of_lorenz():
    with pytest.warns(UserWarning, match="of 15 modes are above the noise"):
        found = sd.reduction.delays(lorenz(), delays=100, modes=15, step=0.001)
    assert found.relative[[1, 2, 3, 4, 9, 14]] == pytest.approx(
        [0.1532, 0.01996, 2.354e-3, 2.829e-4, 7.907e-9, 3.50e-13], rel=2e-3
    )
    assert 11 <= found.above_noise < 15
    whole = found.havok()
    beside = [5.197, 9.870, 13.656, 18.682, 23.284, 28.507, 33.556, 38.79, 44.09, 49.43, 54.73, 60.2, 65.3]
    assert np.abs(np.diag(whole.matrix, 1)) == pytest.approx(beside, rel=1e-3)
    pairs = [
        0.001 + 3.116j,
        -0.048 + 11.22j,
        -0.111 + 21.27j,
        -0.105 + 34.34j,
        -0.064 + 51.04j,
        -0.030 + 72.4j,
        -0.012 + 101.3j,
    ]
    up = whole.eigenvalues[whole.eigenvalues.imag > 0]
    assert np.abs(up - pairs).max() < 0.05
    assert whole.intermittent(3).mean() == pytest.approx(0.021, abs=5e-4)  # of a normal distribution 0.0027
    # rank; antisymmetry, least and last share explained, kurtosis, error of v_1 over 50 units of time
    table = {
        8: (0.0050, 0.99982, 0.428, 14.6, 4.6e-2),
        10: (0.0038, 0.99982, 0.443, 26.4, 3.3e-2),
        12: (0.0057, 0.99982, 0.450, 40.4, 2.7e-2),
        15: (0.0075, 0.874, 0.067, 24.2, 0.40),
    }
    for rank, (antisymmetry, least, last, kurtosis, error) in table.items():
        cut = dataclasses.replace(found, modes=found.modes[:, :rank], coordinates=found.coordinates[:, :rank])
        lin = cut.havok()
        assert lin.antisymmetry == pytest.approx(antisymmetry, abs=1e-4)
        assert lin.explained[:-1].min() == pytest.approx(least, abs=1e-3)
        assert lin.explained[-1] == pytest.approx(last, abs=2e-3)
        assert lin.kurtosis == pytest.approx(kurtosis, abs=0.1)
        run = sd.simulate(lin, lin.times[:50000:10], rtol=1e-8, atol=1e-12, progress=False)
        true = cut.coordinates[2:50002:10, 0]
        assert np.linalg.norm(run.v_1.values - true) / np.linalg.norm(true) == pytest.approx(error, rel=0.03)
    series = run.x.values  # the observable is the series, up to what the modes leave out
    assert series.shape == (5000,)


def test_a_companion_map_of_lotka_and_volterra():
    system = sd.ODESystem.from_text("x' = x/2 - x*y/2; y' = x*y/2 - y/2; x(0) = 1; y(0) = 2")
    t = np.arange(0, 200, 0.1)
    data = sd.simulate(system, t, rtol=1e-12, atol=1e-13, progress=False)
    x = data.x.values - data.x.values.mean()
    up = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    assert np.diff(up - x[up] / (x[up + 1] - x[up])).mean() * 0.1 == pytest.approx(13.2169657876, abs=2e-4)
    train, truth = data[["x", "y"]].isel(time=slice(0, 1000)), np.stack([data.x, data.y], axis=1)[1000:]
    for count, bound in ((20, 0.106), (40, 0.040), (64, 5.7e-3)):  # with a ridge in place of the pseudo-inverse
        step = sd.reduction.delays(train, delays=count, modes=1).dmd(center=True)
        assert step.weights.size == 4 * count
        found = step.forecast(500, after=truth[:count])
        free = np.stack([found.x, found.y], axis=1)
        assert np.linalg.norm(free - truth[count : count + 500]) / np.linalg.norm(truth[count : count + 500]) < bound


def test_delay_maps_do_not_foretell_lorenz():
    """Valid times below a third of a Lyapunov time, as linear maps of delays have them."""
    x = lorenz()[::10]
    step = sd.reduction.delays(x[:10000], delays=100, modes=1, step=0.01).dmd(rank=20)
    valid = []
    for begin in range(10200, 11500, 100):
        found = step.forecast(400, after=x[begin - 100 : begin]).x.values
        wrong = np.flatnonzero(np.abs(found - x[begin : begin + 400]) > 0.3 * x[:10000].std())
        valid.append((wrong[0] if len(wrong) else 400) * 0.01 * 0.9056)
    assert np.median(valid) < 0.35


def test_as_many_modes_as_are_above_the_noise():
    t = np.linspace(0, 200, 8001)
    clean = np.cos(t) + 0.3 * np.cos(2.3 * t)
    assert sd.reduction.delays(clean, 120, step=0.025).rank == 4  # two frequencies
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(8001)
    assert sd.reduction.delays(noisy, 120, step=0.025).rank <= 5


def test_whole_numbers_of_a_dataset_are_series_too():
    data = xr.Dataset({"n": ("time", np.arange(300) % 7), "u": ("time", np.cos(np.arange(300.0)))}, {"time": np.arange(300.0)})
    assert sd.reduction.delays(data, 10, 2).names == ("n", "u")


def test_what_delays_do_not_take_is_refused():
    t = np.linspace(0, 20, 401)
    for call, message in (
        (lambda: sd.reduction.delays(np.cos(t)), "give step="),
        (lambda: sd.reduction.delays(np.cos(t), 300, step=0.05), "too few for 300 delays"),
        (lambda: sd.reduction.delays(np.full(401, np.nan), 10, step=0.05), "not finite"),
        (lambda: sd.reduction.delays(np.zeros(401), 10, step=0.05), "all values of the series are 0"),
        (lambda: sd.reduction.delays(np.cos(t), 10, 2, step=0.05).dmd(rank=11), "rank is 11"),
        (lambda: sd.reduction.delays(np.cos(t), 10, 2, step=0.05).havok().intermittent(0), "threshold is 0"),
        (lambda: sd.reduction.delays(np.cos(t), 10, 2, step=0.05).dmd(rank=2).forecast(1, after=[1.0]), "after has the shape"),
    ):
        with pytest.raises(DeclarationError, match=message):
            call()
