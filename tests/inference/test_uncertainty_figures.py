"""Figures of residuals, profiles, correlations and starts: what is drawn is what theory says."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.figure_style import COLOURS

x, a, k = sp.symbols("x a k")
TIMES = np.arange(10.0)


@pytest.fixture(scope="module")
def line() -> sd.Fit:
    data = {"t": TIMES, "x": 1 + 2 * TIMES + 0.5 * np.random.default_rng(0).normal(size=10)}
    return sd.fit(sd.ODESystem({x: a + 0 * x}), data, noise=0.5, starts=3)


@pytest.fixture(autouse=True)
def closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_correlations_are_those_of_regression(line: sd.Fit) -> None:
    """Of slope and intercept: minus the mean of the times over the root of their mean square."""
    expected = -TIMES.mean() / np.sqrt((TIMES**2).mean())
    table = line.correlations
    assert table.loc["a", "x(0)"] == pytest.approx(expected, rel=1e-5)
    assert np.diag(table) == pytest.approx(1)
    shown = line.plot_correlations().images[0].get_array()
    assert shown[0, 1] == pytest.approx(expected, rel=1e-5)


def test_profiles_of_a_line_are_parabolas(line: sd.Fit) -> None:
    axis = line.plot_profiles("a").axes[0]
    at, ratio = axis.lines[0].get_data()
    error = 0.5 / np.sqrt(((TIMES - TIMES.mean()) ** 2).sum())
    assert ratio == pytest.approx(((at - line.parameters["a"]) / error) ** 2, abs=1e-3)
    assert axis.lines[2].get_ydata()[0] == pytest.approx(2.705543)
    with pytest.raises(sd.DeclarationError, match="'b'"):
        line.plot_profiles("b")


def test_residuals_along_time_and_by_their_quantiles(line: sd.Fit) -> None:
    first, last = line.plot_residuals().axes
    assert first.lines[0].get_ydata() == pytest.approx(line.residuals["residual"].to_numpy())
    assert last.lines[0].get_ydata() == pytest.approx(np.sort(line.residuals["residual"]))
    with pytest.raises(sd.RecoveryError, match="axes are 1; expected 2"):
        line.plot_residuals(axes=[first])


def test_starts_that_end_in_several_optima_are_told_apart() -> None:
    """sin(k t) of few data has an optimum near each alias."""
    t = np.arange(6.0)
    data = {"t": t, "x": np.sin(0.7 * t)}
    wave = sd.ODESystem.from_text("y' = 1; y(0) = 0")
    fit = sd.fit(wave, data, observables={"x": sp.sin(k * sp.Symbol("y"))}, noise=0.1, parameters={k: (0.1, 9)}, starts=12)
    axis = fit.plot_parameters(below=1e6)
    best = fit.ends["log_posterior"].max()
    coloured = sum(line.get_color() == COLOURS[1] for line in axis.lines)
    assert coloured == (fit.ends["log_posterior"] > best - 0.1).sum()
    assert len(axis.lines) == len(fit.ends)
    with pytest.raises(sd.RecoveryError, match="below is 0; expected a positive"):
        fit.plot_parameters(below=0)
