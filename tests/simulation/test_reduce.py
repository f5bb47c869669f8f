"""Statistics gathered while an ensemble runs, against numpy on the trajectories themselves."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

x, a = sp.symbols("x a")
DECAY = sd.ODESystem({x: -a * x}, parameters={a: 1.0})
TIMES = [0.0, 0.5, 2.0]
ALL = {"mean": None, "var": None, "std": None, "min": None, "max": None, "quantile": (0.1, 0.5), "histogram": None}


def _both(count):
    start = xr.DataArray(np.random.default_rng(1).lognormal(size=count), dims="trajectory")
    whole = sd.simulate(DECAY, TIMES, initial={x: start}, parameters={a: [1.0, 2.0]})
    return whole.x, sd.simulate(DECAY, TIMES, initial={x: start}, parameters={a: [1.0, 2.0]}, reduce=ALL)


@pytest.mark.parametrize("count", [50, 1024, 5000])
def test_against_numpy(count):
    whole, reduced = _both(count)
    assert "x" not in reduced
    np.testing.assert_allclose(reduced.x_mean, whole.mean("trajectory"), rtol=1e-12)
    np.testing.assert_allclose(reduced.x_var, whole.var("trajectory", ddof=1), rtol=1e-11)
    np.testing.assert_allclose(reduced.x_std, whole.std("trajectory", ddof=1), rtol=1e-11)
    assert (reduced.x_min == whole.min("trajectory")).all()
    assert (reduced.x_max == whole.max("trajectory")).all()
    exact = whole.quantile([0.1, 0.5], dim="trajectory").transpose("a", "time", "quantile")
    spread = (whole.max("trajectory") - whole.min("trajectory")).values[..., None]
    tolerance = 1e-12 if count <= 1024 else spread / 1024
    assert (abs(reduced.x_quantile.values - exact.values) <= tolerance).all()


def test_histograms_count_everything_once():
    whole, reduced = _both(5000)
    for i in range(2):
        for g in range(3):
            counts, _ = np.histogram(whole.values[i, :, g], bins=reduced.x_edges.values[i, g])
            assert counts.tolist() == reduced.x_histogram.values[i, g].tolist()
            assert counts.sum() == 5000


def test_chunks_and_threads_do_not_change_a_bit():
    start = xr.DataArray(np.random.default_rng(2).lognormal(size=5000), dims="trajectory")
    runs = [
        sd.simulate(DECAY, TIMES, initial={x: start}, reduce=ALL, layout=sd.Layout(**layout))
        for layout in ({"threads": 1}, {"threads": 2, "chunk": 1}, {"chunk": 3000})
    ]
    for other in runs[1:]:
        xr.testing.assert_identical(runs[0].drop_attrs(), other.drop_attrs())


def test_options_of_statistics_may_be_numbers_of_numpy():
    asked = {"quantile": np.array([0.0, 1.0]), "histogram": np.int64(2)}
    data = sd.simulate(DECAY, [0.0], initial={x: xr.DataArray([1.0, 1.5, 3.5], dims="trajectory")}, reduce=asked)
    assert (data.x_quantile.values.tolist(), data.x_histogram.values.tolist()) == ([[1.0, 3.5]], [[2, 1]])


EXPLOSION = sd.ODESystem({x: x**2}, observables={"inverse": 1 / (x - 0.1)})
START = xr.DataArray([0.1, 0.2, 2.0], dims="trajectory")


def test_failed_trajectories_are_left_out_and_counted():
    data = sd.simulate(EXPLOSION, [0.0, 1.0], initial={x: START}, reduce="mean", on_failure="nan")
    assert float(data.x_mean[1]) == pytest.approx((1 / 9 + 1 / 4) / 2, rel=1e-4)
    assert data.status.values.tolist() == [0, 0, 1]
    assert data.x_count.values.tolist() == [3, 2]
    assert data.inverse_count.values.tolist() == [2, 2]  # infinite where x is 0.1
    assert "finite values among 3" in data.x_count.attrs["long_name"]
    assert data.attrs["failed_trajectories"] == "1 of 3"
    each = sd.simulate(EXPLOSION, [0.0, 1.0], initial={x: START}, on_failure="nan")
    assert each.attrs["failed_trajectories"] == "1 of 3"
    assert "failed_trajectories" not in sd.simulate(DECAY, [0.0, 1.0], initial={x: START}).attrs


@pytest.mark.parametrize("reduction", ALL)
def test_every_reduction_counts(reduction):
    """Also where chunks are merged, and where nothing is left there is no number that looks like a result."""
    start = xr.DataArray(np.repeat([0.5, 2.0], [1500, 600]), dims="trajectory")
    settings = dict(initial={x: start}, reduce={reduction: ALL[reduction]}, on_failure="nan", layout=sd.Layout(chunk=1))
    data = sd.simulate(EXPLOSION, [0.0, 1.0, 3.0], **settings)
    assert data.x_count.values.tolist() == [2100, 1500, 0]
    result = data.x_edges if reduction == "histogram" else data[f"x_{reduction}"]
    assert np.isfinite(result.values[:2]).all() or reduction in ("var", "std")
    assert np.isnan(result.values[2]).all()
    if reduction == "histogram":
        assert data.x_histogram.values.sum(axis=1).tolist() == [2100, 1500, 0]


def test_counts_of_a_store(tmp_path):
    settings = dict(initial={x: START}, reduce=["mean", "max"], on_failure="nan")
    stored = sd.simulate(EXPLOSION, [0.0, 1.0], store=tmp_path / "run", **settings).load()
    xr.testing.assert_identical(stored, sd.simulate(EXPLOSION, [0.0, 1.0], **settings))
