"""Cross-validation against the closed forms of linear regression, leave-one-out by samples, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.errors import RecoveryError

x, a, b, u = sp.symbols("x a b u")
#: x(t) = a t
LINE = sd.ODESystem({x: a + 0 * x}, initial={x: 0})


def _line() -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(1.0, 13)
    return t, 0.7 * t + 0.3 * np.random.default_rng(0).normal(size=12)


def _data(t: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"t": np.r_[0, t], "x": np.r_[np.nan, y]}


@pytest.mark.parametrize("noise", [0.3, None])
def test_leaving_out_each_measurement_of_a_line(noise):
    """Residuals r/(1 - h) with the leverage h, and the scale from the sum of squares of the others (Cook & Weisberg 1982)."""
    t, y = _line()
    found = sd.fit(LINE, _data(t, y), noise=noise, starts=2).cross_validate(12, by="measurement", seed=4)
    h = t**2 / (t**2).sum()
    r = y - t * (t * y).sum() / (t**2).sum()
    scale = np.full(12, noise) if noise else np.sqrt(((r**2).sum() - r**2 / (1 - h)) / 11)
    expected = stats.norm.logpdf(r / (1 - h), 0, scale)
    table = found.table.sort_values("time")
    np.testing.assert_allclose(table["log_density"], expected, atol=3e-5)
    assert found.log_score == pytest.approx(expected.sum(), abs=1e-4)
    assert found.error == pytest.approx(np.sqrt(12 * expected.var(ddof=1)), abs=1e-4)
    np.testing.assert_allclose(table["measured"] - table["expected"], r / (1 - h), atol=3e-5)


def test_blocks_trajectories_and_conditions():
    """Each fold is foretold by the slope of the others: of lines, the sum of t y over that of the squares of t."""
    t, y = _line()
    blocks = sd.fit(LINE, _data(t, y), noise=0.3, starts=2).cross_validate(3)
    for f, rows in enumerate(np.array_split(np.arange(12), 3)):
        others = np.setdiff1d(np.arange(12), rows)
        slope = (t[others] * y[others]).sum() / (t[others] ** 2).sum()
        assert blocks.parameters["a"][f] == pytest.approx(slope, rel=1e-6)
        assert blocks.table.query("fold == @f")["time"].tolist() == t[rows].tolist()
    parts = {"low": (1.0, y), "high": (2.0, 2 * y + 0.1), "higher": (3.0, 3 * y - 0.1)}
    scaled = sd.ODESystem({x: a * u + 0 * x}, {u: 1}, initial={x: 0})
    fit = sd.fit(
        scaled, {n: _data(t, z) for n, (_, z) in parts.items()}, noise=0.3, starts=2,
        conditions={n: {u: v} for n, (v, _) in parts.items()},
    )  # fmt: skip
    found = fit.cross_validate(by="condition")
    for f, name in enumerate(parts):
        others = [p for n, p in parts.items() if n != name]
        slope = sum(v * (t * z).sum() for v, z in others) / sum(v**2 * (t**2).sum() for v, _ in others)
        assert found.parameters["a"][f] == pytest.approx(slope, rel=1e-6)
        assert set(found.table.query("fold == @f")["condition"]) == {name}
    assert len(fit.cross_validate(2, by="trajectory").parameters) == 2


def test_a_needless_parameter_foretells_no_better_and_a_wrong_form_worse():
    t = np.linspace(0, 5, 31)
    y = 4 * np.exp(-0.8 * t) + 0.1 * np.random.default_rng(1).normal(size=31)
    data, scores = {"t": t, "x": y}, {}
    forms = {"right": "x' = -a*x", "more": "x' = -a*x + b*x^2", "wrong": "x' = -a"}
    for name, text in forms.items():
        scores[name] = sd.fit(sd.ODESystem.from_text(text), data, starts=4).cross_validate(5, by="measurement")
    wrong, more = scores["right"].compare(scores["wrong"]), scores["right"].compare(scores["more"])
    assert wrong["difference"] > 3 * wrong["error"]
    assert more["difference"] > -2 * more["error"]


def test_the_same_seed_gives_the_same_folds():
    fit = sd.fit(LINE, _data(*_line()), noise=0.3, starts=2)
    first, again, other = (fit.cross_validate(3, by="measurement", seed=s) for s in (1, 1, 2))
    assert first.table.equals(again.table)
    assert not first.table["fold"].equals(other.table["fold"])


@pytest.mark.filterwarnings("ignore:the declared initial value")
def test_censored_measurements_are_foretold_by_their_probability():
    t, y = _line()
    fit = sd.fit(LINE, _data(t, np.maximum(y, 3)), noise=0.3, starts=2, limits={"x": (3, None)})
    found = fit.cross_validate(12, by="measurement")
    row = found.table.sort_values("time").iloc[0]
    assert row["log_density"] == pytest.approx(stats.norm.logcdf(3, row["expected"], 0.3), rel=1e-9)
    assert (row["lower"], row["upper"]) == (-np.inf, 3)
    exact = sd.fit(LINE, _data(t, np.maximum(y, 3)), noise=0.3, starts=2).cross_validate(12, by="measurement")
    with pytest.raises(RecoveryError, match="differ in their measurements, limits or folds"):
        found.compare(exact)  # a probability and a density


def test_values_that_only_a_fold_tells_apart_are_refused():
    """Of the slope a u + b every condition tells one number: without the other the fit would stay where all data put it."""
    t, y = _line()
    slopes = sd.ODESystem({x: a * u + b + 0 * x}, {u: 1}, initial={x: 0})
    fit = sd.fit(
        slopes, {"one": _data(t, y), "two": _data(t, 2 * y)}, noise=0.3, starts=2, conditions={"one": {u: 1}, "two": {u: 2}}
    )
    with pytest.raises(RecoveryError, match="without the fold 0 the data do not tell a; divide"):
        fit.cross_validate(by="condition")
    assert len(fit.cross_validate(3).parameters) == 3


def test_what_is_refused():
    t, y = _line()
    fit = sd.fit(LINE, _data(t, y), noise=0.3, starts=2)
    for options, message in (
        ({"by": "day"}, "by is 'day'"), ({"folds": 20}, "12 times, fewer than the 20 folds"),
        ({"by": "condition"}, "the fit has no conditions"), ({"by": "trajectory"}, "1 trajectories, too few for 2 folds"),
        ({"folds": 13, "by": "measurement"}, "12 measurements, fewer than the 13 folds"),
        ({"seed": 1}, "seed has no effect on blocks of times"),
        ({"by": "trajectory", "seed": 1}, "seed has no effect on one fold for each trajectory"),
    ):  # fmt: skip
        with pytest.raises(RecoveryError, match=message):
            fit.cross_validate(**options)
    free = sd.fit(sd.ODESystem({x: a + 0 * x}), [{"t": t, "x": y}, {"t": t, "x": y + 1}], noise=0.3, starts=2)
    with pytest.raises(RecoveryError, match=r"without the fold 0 the data do not tell x.1. of trajectory 0"):
        free.cross_validate(by="trajectory")
    few = sd.fit(sd.ODESystem({x: a + 0 * x}), {"t": t[:4], "x": y[:4]}, initial={x: b}, parameters={b: (-9, 9)}, starts=2)
    with pytest.raises(RecoveryError, match="without the fold 0 there are 2 data, which cannot tell 2 values and the scale"):
        few.cross_validate(2)
    with pytest.raises(RecoveryError, match="not with a float"):
        fit.cross_validate(2).compare(1.0)
    with pytest.raises(RecoveryError, match="differ in their measurements, limits or folds"):
        fit.cross_validate(2).compare(fit.cross_validate(3))
    network = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g; k = 5; X(0) = 0")
    random = sd.fit(network, {"t": [0, 1, 2, 3], "X": [0, 4, 5, 6]}, noise=1.0, likelihood="lna", starts=1)
    with pytest.raises(RecoveryError, match="a path depend on each other, so that folds by time are none"):
        random.cross_validate()
    with pytest.raises(RecoveryError, match="hold one trajectory, which cannot be left out"):
        random.cross_validate(by="trajectory")


def test_leave_one_out_by_samples_of_a_line():
    """With the prior N(0, 1) of the slope and known noise the foretold laws are normal, in closed form."""
    pytest.importorskip("arviz", reason="arviz is not installed")
    pytest.importorskip("emcee", reason="emcee is not installed")
    t, y = _line()
    fit = sd.fit(LINE, _data(t, y), noise=0.3, priors={a: stats.norm(0, 1)}, starts=2)
    samples = fit.sample(150, tune=80, seed=1)
    found = fit.loo(samples)
    expected = []
    for i in range(12):
        others = np.arange(12) != i
        precision = 1 + (t[others] ** 2).sum() / 0.09
        mean = (t[others] * y[others]).sum() / 0.09 / precision
        expected.append(stats.norm.logpdf(y[i], t[i] * mean, np.sqrt(0.09 + t[i] ** 2 / precision)))
    np.testing.assert_allclose(found.loo_i.values, expected, atol=0.03)
    assert found.elpd_loo == pytest.approx(sum(expected), abs=0.05)
    assert (found.pareto_k < 0.7).all()
    for system, times, values in (
        (LINE, t[:6], y[:6]),
        (LINE, t, 0.99 * y),
        (sd.ODESystem({x: b + 0 * x}, initial={x: 0}), t, y),
    ):
        other = sd.fit(system, _data(times, values), noise=0.3, starts=2)
        with pytest.raises(RecoveryError, match="the samples are of a fit to other measurements, or of other values"):
            other.loo(samples)
