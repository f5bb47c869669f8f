"""Delay coordinates of Lorenz' equations and of Lotka and Volterra's beside published and independent numbers."""

import dataclasses
from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.stats import kurtosis

import symdyn as sd
from symdyn.errors import DeclarationError


@cache
def lorenz():
    def rate(t, u):
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    t = np.arange(0, 200 - 0.0005, 0.001)
    return solve_ivp(rate, (0, 200), (-8.0, 8.0, 27.0), "DOP853", t_eval=t, rtol=1e-12, atol=1e-12).y[0]


def havok(modes, rank, step):
    """Modes (m, rank) within the margins of their slopes, and the matrix that takes them to the slopes, by plain numpy."""
    v = modes[:, :rank]
    slopes = (v[:-4] - 8 * v[1:-3] + 8 * v[3:-1] - v[4:]) / (12 * step)
    matrix = np.linalg.lstsq(v[2:-2], slopes, rcond=None)[0].T
    return v[2:-2], 1 - ((slopes - v[2:-2] @ matrix.T) ** 2).sum(axis=0) / (slopes**2).sum(axis=0), matrix


def test_havok_of_lorenz():
    """Beside plain numpy; and, within four deviations of trajectories that begin 1e-9 apart, beside another trajectory's."""
    x = lorenz()
    with pytest.warns(UserWarning, match="of 15 modes are above the noise"):
        found = sd.reduction.delays(x, delays=100, modes=15, step=0.001)
    q, r = np.linalg.qr(np.lib.stride_tricks.sliding_window_view(x, x.size - 99).T)
    _, sizes, right = np.linalg.svd(r.T)
    assert found.relative[:8] == pytest.approx(sizes[:8] / sizes[0], rel=1e-9)
    other, deviations = [0.1532, 0.01996, 2.354e-3, 2.829e-4, 7.907e-9], [0.0018, 1.5e-4, 2.7e-5, 8.9e-7, 2.5e-10]
    assert (np.abs(found.relative[[1, 2, 3, 4, 9]] - other) < 4 * np.array(deviations)).all()
    assert found.relative[14] == pytest.approx(3.5e-13, rel=0.25)
    assert 11 <= found.above_noise < 15
    whole = found.havok()
    beside = [5.197, 9.870, 13.656, 18.682, 23.284, 28.507, 33.556, 38.79, 44.09, 49.43, 54.73, 60.2, 65.3]
    assert np.abs(np.diag(whole.matrix, 1)) == pytest.approx(beside, rel=0.05)
    assert 0.011 < whole.intermittent(3).mean() < 0.031  # of a normal distribution 0.0027
    assert whole.explained[:-1].min() == pytest.approx(0.874, abs=0.1)  # rounding of its matrix
    for rank in (8, 10):
        own, explained, matrix = havok(q @ right[:rank].T, rank, 0.001)
        inner, force = matrix[:-1, :-1], own[:, -1]
        cut = dataclasses.replace(found, modes=found.modes[:, :rank], coordinates=found.coordinates[:, :rank])
        lin = cut.havok()
        assert np.abs(lin.matrix) == pytest.approx(np.abs(inner), rel=1e-4, abs=1e-4)
        assert lin.antisymmetry == pytest.approx(np.linalg.norm(inner + inner.T) / np.linalg.norm(inner), rel=1e-3)
        assert lin.explained == pytest.approx(explained, abs=1e-6)
        assert lin.kurtosis == pytest.approx(kurtosis(force), rel=1e-4)
    assert explained[:-1].min() == pytest.approx(0.99982, abs=4e-5)
    assert explained[-1] == pytest.approx(0.443, abs=0.015)
    run = sd.simulate(lin, lin.times[:10000:10], rtol=1e-8, atol=1e-12, progress=False)
    steps = expm(0.001 * np.vstack([matrix[:-1], np.zeros(rank)]))[:-1]
    z = np.empty((10000, rank - 1))
    z[0] = own[0, :-1]
    for k in range(1, len(z)):  # the force is held at its mean over a step
        z[k] = steps @ np.append(z[k - 1], (force[k - 1] + force[k]) / 2)
    assert np.abs(np.abs(run.v_1.values) - np.abs(z[::10, 0])).max() < 1e-4 * np.abs(z[:, 0]).max()
    assert run.x.values.shape == (1000,)  # the observable is the series, up to what the modes leave out


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
