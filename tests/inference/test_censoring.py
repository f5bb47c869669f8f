"""Censored measurements: probabilities against mpmath, optima in closed form and by another optimiser, and what is refused."""

from __future__ import annotations

import mpmath
import numpy as np
import pandas as pd
import pytest
import sympy as sp
from scipy import optimize, stats

import symdyn as sd
from symdyn.errors import RecoveryError
from symdyn.inference.censoring import censored_score
from symdyn.inference.noise_laws import LAWS

x, k, A = sp.symbols("x k A")
DECAY = sd.ODESystem({x: -k * x}, initial={x: A})
#: Distributions of scale 1.
EXACT = {
    "normal": lambda z, v: mpmath.ncdf(z),
    "lognormal": lambda z, v: mpmath.ncdf(z),
    "laplace": lambda z, v: mpmath.exp(z) / 2 if z < 0 else 1 - mpmath.exp(-z) / 2,
    "student": lambda z, v: (1 + mpmath.sign(z) * (1 - mpmath.betainc(v / 2, 0.5, 0, v / (v + z * z), regularized=True))) / 2,
}


def _parameters(name: str, s: float, v: float) -> tuple[np.ndarray, ...]:
    return (np.array(s), np.array(v)) if name == "student" else (np.array(s),)


def _value(name: str, limits: tuple[float, float], h: float, s: float, v: float) -> float:
    return float(censored_score(LAWS[name], np.array(limits), np.array(h), _parameters(name, s, v)).value)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("limits", [(-np.inf, 1.2), (3.0, np.inf), (0.7, 1.9), (4.0, 4.01), (-np.inf, 0.02), (12.0, np.inf)])
def test_log_probabilities_and_their_slopes(name, limits):
    """Against many digits, in both tails and in narrow intervals; slopes against differences of fourth order."""
    h, s, v = 1.7, 0.45, 2.5
    found = censored_score(LAWS[name], np.array(limits), np.array(h), _parameters(name, s, v))
    with mpmath.workdps(150):
        logs = name == "lognormal"
        place = [mpmath.log(y) if logs and 0 < y < np.inf else mpmath.mpf(y) for y in limits]
        middle = mpmath.log(h) if logs else mpmath.mpf(h)
        ends = [
            mpmath.mpf(i) if np.isinf(y) else EXACT[name]((z - middle) / mpmath.mpf(s), mpmath.mpf(v))
            for i, (y, z) in enumerate(zip(limits, place, strict=True))
        ]
        expected = float(mpmath.log(ends[1] - ends[0]))
    assert float(found.value) == pytest.approx(expected, rel=1e-11)
    for i, step in enumerate(((1e-4, 0, 0), (0, 1e-4, 0), (0, 0, 1e-3))[: len(found.scores)]):
        moved = [_value(name, limits, *(a + n * d for a, d in zip((h, s, v), step, strict=True))) for n in (-2, -1, 1, 2)]
        slope = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * max(step))
        assert float(found.scores[i]) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert np.linalg.eigvalsh(found.information[:2, :2]).min() > -1e-9 * np.trace(found.information[:2, :2])


@pytest.mark.parametrize(
    ("noise", "law"),
    [
        (("normal", 0.5), stats.norm), (("lognormal", 0.3), stats.norm), (("laplace", 0.4), stats.laplace),
        (("student", 0.4, 3.0), stats.t(3.0)),
    ],
)  # fmt: skip
def test_the_optimum_of_a_censored_decay_in_closed_form(noise, law):
    """Of 20 repeats 5 and 14 lie below 2 at two times: the curve passes where the law has these shares below the limit."""
    shares, rows = np.array([5, 14]) / 20, []
    for i in range(20):
        rows += [(i, 0.0, "NA"), (i, 1.0, "<2" if i < 5 else ">2"), (i, 3.0, "<= 2" if i < 14 else ">=2")]
    data = pd.DataFrame(rows, columns=["trajectory", "time", "x"])
    fit = sd.fit(DECAY, data, noise=noise, parameters={A: (0.1, 100)}, starts=2)
    quantiles = noise[1] * law.ppf(shares)
    curve = 2 * np.exp(-quantiles) if noise[0] == "lognormal" else 2 - quantiles
    rate = np.log(curve[0] / curve[1]) / 2
    assert fit.parameters["k"] == pytest.approx(rate, rel=1e-5)
    assert fit.parameters["A"] == pytest.approx(curve[0] * np.exp(rate), rel=1e-5)
    assert fit.log_likelihood == pytest.approx(20 * float(np.sum(shares * np.log(shares) + (1 - shares) * np.log1p(-shares))))
    assert fit.residuals.empty


def _detected() -> tuple[np.ndarray, np.ndarray]:
    t = np.linspace(0, 6, 25)
    return t, 5 * np.exp(-0.6 * t) + 0.4 * np.random.default_rng(3).normal(size=25)


def test_limits_of_detection_against_another_optimiser():
    """Tobit's likelihood, maximised by Nelder and Mead's method; substituting the limit would bend the curve."""
    t, y = _detected()
    seen = np.clip(y, 0.5, 4.0)

    def minus(p: np.ndarray) -> float:
        h, s = p[0] * np.exp(-p[1] * t), np.exp(p[2])
        inside = (seen > 0.5) & (seen < 4.0)
        terms = np.where(inside, stats.norm.logpdf(seen, h, s), 0.0)
        terms += np.where(seen <= 0.5, stats.norm.logcdf(0.5, h, s), 0) + np.where(seen >= 4.0, stats.norm.logsf(4.0, h, s), 0)
        return -float(terms.sum())

    best = optimize.minimize(
        minus, [4, 0.5, -1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    )
    fit = sd.fit(DECAY, {"t": t, "x": seen}, parameters={A: (0.1, 100)}, limits={"x": (0.5, 4.0)}, starts=4)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-8)
    assert [fit.parameters[n] for n in ("A", "k", "deviation_x")] == pytest.approx(
        [best.x[0], best.x[1], np.exp(best.x[2])], rel=1e-4
    )
    text = pd.DataFrame({"t": t, "x": ["<0.5" if v <= 0.5 else ">4" if v >= 4 else repr(float(v)) for v in seen]})
    again = sd.fit(DECAY, text, parameters={A: (0.1, 100)}, starts=4)
    assert again.parameters == fit.parameters
    assert len(fit.residuals) == int(((seen > 0.5) & (seen < 4)).sum())


def test_gradients_are_those_of_the_likelihood():
    t, y = _detected()
    cells = ["<0.5" if v < 0.5 else f"{np.floor(v)}..{np.floor(v) + 1}" if i % 3 else repr(float(v)) for i, v in enumerate(y)]
    fit = sd.fit(DECAY, {"t": t, "x": cells}, noise="student", parameters={A: (0.1, 100)}, starts=1)
    theta = fit.theta + 0.1
    which = np.zeros(1, dtype=int)
    slope = fit.problem.expand(which, theta[None], fit.scaled_starts[None]).gradient[0]
    for i in range(len(theta)):
        moved = np.repeat(theta[None], 4, axis=0)
        moved[:, i] += 1e-4 * np.array([-2, -1, 1, 2])
        values = -0.5 * fit.problem.expand(np.zeros(4, dtype=int), moved, np.repeat(fit.scaled_starts[None], 4, 0)).rss.sum(1)
        assert slope[i] == pytest.approx((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 12e-4, rel=1e-5, abs=1e-6)


def test_a_censored_fit_is_saved_profiled_and_drawn(tmp_path):
    t, y = _detected()
    fit = sd.fit(DECAY, {"t": t, "x": np.maximum(y, 0.5)}, parameters={A: (0.1, 100)}, limits={"x": (0.5, None)}, starts=2)
    fit.save(tmp_path / "fit.nc")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert again.log_likelihood == fit.log_likelihood
    assert [line.get_marker() for line in fit.plot().axes[0].lines] == ["None", "o", "v", "^"]
    with pytest.raises(RecoveryError, match="residuals of censored measurements are not known"):
        fit.bootstrap(2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limits": {"z": (0, 1)}}, "limits names z, which is not measured; measured are x"),
        ({"limits": {"x": (1, 0.5)}}, "the first must be below the second"),
        ({"limits": {"x": (None, None)}}, "expected .smallest, largest., None where there is none"),
        ({"limits": {"x": [None, None]}}, "expected .smallest, largest."),
        ({"limits": {"x": 0.5}}, "expected .smallest, largest."),
        ({"limits": {"x": (0, None)}, "noise": "lognormal"}, "needs positive values, but x has a limit of 0"),
        ({"limits": {}}, "limits is empty; leave it out"),
        ({"limits": [0.5]}, "expected a mapping from columns to"),
        ({"limits": {"x": (0.5, None)}, "noise": "poisson"}, "x has censored measurements, which poisson noise does not take"),
        ({"limits": {"x": (0.5, None)}, "windows": 2}, "windows has an effect"),
    ],
)
def test_limits_that_are_refused(options, message):
    data = {"t": [0, 1, 2, 3, 4], "x": [5, 3, 1, 0, 0]}
    with pytest.raises(RecoveryError, match=message):
        sd.fit(sd.ODESystem({x: -k * x}), data, starts=1, **options)


def test_an_interval_of_which_no_positive_number_is_the_middle():
    data = {"t": [0, 1, 2, 3], "x": ["5", "3", "2", "-1..1"]}
    with pytest.raises(RecoveryError, match=r"but x has an interval from -1 to 1; write <1"):
        sd.fit(DECAY, data, noise="lognormal", parameters={A: (0.1, 100)})


def test_limits_in_tables_that_nobody_reads_are_refused():
    data = {"t": [0, 1, 2], "x": ["5", "3", "<1"]}
    with pytest.raises(RecoveryError, match=r"the column 'x' has a limit in row 2 .from 0. in place of a measurement"):
        sd.fit(sd.ReactionNetwork.from_text("x -> 0, k"), data, noise=1.0)
    with pytest.raises(RecoveryError, match=r"the interval '2\.\.1' in row 2"):
        sd.fit(sd.ODESystem({x: -k * x}), {"t": [0, 1, 2], "x": ["5", "3", "2..1"]})
    with pytest.raises(RecoveryError, match="limits has no effect on fits of systems with randomness"):
        sd.fit(sd.ReactionNetwork.from_text("x -> 0, k"), {"t": [0, 1, 2], "x": [5, 3, 1]}, noise=1.0, limits={"x": (1, None)})


def test_the_bootstrap_of_censored_data_has_the_spread_of_fits_to_new_data():
    """Draws at or below the limit are censored again; the spread is that of maxima of the likelihood written here."""
    t = np.linspace(0, 4, 9)
    data = {"t": t, "x": 3 * np.exp(-t) + 0.1 * np.cos(7 * t)}
    fit = sd.fit(sd.ODESystem.from_text("x' = -k*x; x(0) = 3"), data, limits={"x": (0.3, None)}, noise=0.1, starts=2)
    samples = fit.bootstrap(200, parametric=True, seed=1)["parameters"]["k"].values
    rng, found = np.random.default_rng(5), []
    for _ in range(300):
        y = 3 * np.exp(-fit.parameters["k"] * t) + 0.1 * rng.normal(size=9)
        below = y <= 0.3

        def loss(rate, y=y, below=below):
            m = 3 * np.exp(-rate * t)
            return -(stats.norm.logpdf(y[~below], m[~below], 0.1).sum() + stats.norm.logcdf((0.3 - m[below]) / 0.1).sum())

        found.append(optimize.minimize_scalar(loss, bounds=(0.3, 3), method="bounded").x)
    assert samples.std() == pytest.approx(np.std(found), rel=0.2)  # 200 and 300 draws: 3 standard errors
    assert samples.mean() == pytest.approx(np.mean(found), abs=4 * np.std(found) / np.sqrt(200))
    with pytest.raises(sd.RecoveryError, match="pass parametric=True"):
        fit.bootstrap(5)
    several = {"t": t, "x": ["3", "2.2", "1.1", "0.7", "0.4", "<0.3", "0.2", "<0.1", "<0.3"]}
    wide = sd.fit(sd.ODESystem.from_text("x' = -k*x; x(0) = 3"), several, noise=0.1, starts=1)
    with pytest.raises(sd.RecoveryError, match=r"the limits 0\.1 and 0\.3 in one trajectory"):
        wide.bootstrap(5, parametric=True)
