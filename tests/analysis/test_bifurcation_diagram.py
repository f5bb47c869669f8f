"""Attractors of maps: periods and outcomes against known ones, thresholds, attractors side by side, and the figure."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.analysis import bifurcation_diagram, plot_bifurcations, steady_states
from symdyn.models import zoo

x, y, r = sp.symbols("x y r")

C_PA = [0, 0.05, 0.10, 0.25, 0.35, 0.50, 1.0]
#: Laboratory population of the paper, and the one of Dennis et al., Ecological Monographs 71 (2001) 277-303.
SETS = {
    "1997": {"mu_a": 0.96},
    "2001": {"b": 10.45, "c_el": 0.01731, "c_ea": 0.01310, "mu_l": 0.200, "mu_a": 0.96},
}
#: From another computation, 20 000 steps after 20 000: outcome, period and exponent (None where it was not noted).
KNOWN = {
    "1997": [
        ("fixed point", 1, -0.2988), ("cycle", 8, -0.0257), ("quasi-periodic", 0, 0.0001), ("chaos", 0, 0.0251),
        ("chaos", 0, 0.1045), ("chaos", 0, None), ("cycle", 3, -0.1869),
    ],
    "2001": [
        ("quasi-periodic", 0, 0.0001), ("chaos", 0, 0.0282), ("cycle", 26, None), ("cycle", 8, None),
        ("chaos", 0, 0.0959), ("cycle", 3, None), ("cycle", 6, None),
    ],
}  # fmt: skip


@pytest.mark.parametrize("which", ["1997", "2001"])
def test_flour_beetles(which):
    found = bifurcation_diagram(zoo.flour_beetle(), "c_pa", C_PA, parameters=SETS[which], steps=200_000)
    outcomes, periods, exponents = zip(*KNOWN[which], strict=True)
    assert tuple(found.outcome.values) == outcomes
    assert tuple(found.period.values) == periods
    for value, known in zip(found.lyapunov.values, exponents, strict=True):
        assert known is None or value == pytest.approx(known, abs=0.003)


def test_a_short_sample_of_weak_chaos():
    # one orbit of 20 000 steps gave 0.0724; others of that length scatter by 0.004, about what a longer one tells
    starts = xr.DataArray(np.linspace(60.0, 250.0, 60), dims="start")
    options = dict(parameters=SETS["1997"], initial={"L": starts})
    short = bifurcation_diagram(zoo.flour_beetle(), "c_pa", 0.5, **options)
    chaotic = short.lyapunov.values[short.outcome.values == "chaos"]
    assert len(chaotic) > 40
    mean, spread = chaotic.mean(), chaotic.std(ddof=1)
    assert abs(0.0724 - mean) < 3 * spread
    long = bifurcation_diagram(zoo.flour_beetle(), "c_pa", 0.5, parameters=SETS["1997"], steps=2_000_000)
    assert long.lyapunov.item() == pytest.approx(mean, abs=4 * math.hypot(spread / math.sqrt(len(chaotic)), 3e-4))


def test_attractors_side_by_side():
    # where the chaos of the flour beetle is about to end a cycle of period 3 is there already
    starts = xr.DataArray([[250, 144.2], [5, 63.2], [100, 18.2]], dims=("state", "start"))
    initial = dict(zip("LPA", starts, strict=True))
    found = bifurcation_diagram(zoo.flour_beetle(), "c_pa", [0.5], parameters=SETS["1997"], initial=initial)
    assert found.outcome.dims == ("c_pa", "start")
    assert found.outcome.values.tolist() == [["chaos", "cycle"]]
    assert found.period.values.tolist() == [[0, 3]]


def test_deaths_of_adults():
    rates = [0.007629, 0.04, 0.27, 0.50, 0.73, 0.96]
    found = bifurcation_diagram(zoo.flour_beetle(), "mu_a", rates)
    assert found.period.values.tolist() == [1, 1, 2, 1, 1, 1]
    assert found.lyapunov.values[0] == pytest.approx(-0.0449, abs=2e-4)
    for mu_a, point in (
        (0.007629, (22.608, 17.962, 385.181)),
        (0.04, (46.524, 36.964, 265.423)),
        (0.96, (74.545, 59.226, 49.003)),
    ):
        np.testing.assert_allclose([found[s].sel(mu_a=mu_a).values[-1] for s in "LPA"], point, atol=6e-4)
        rest = steady_states(zoo.flour_beetle(), {"mu_a": mu_a}, positive=True)
        np.testing.assert_allclose([rest[s].values[-1] for s in "LPA"], point, atol=6e-4)
        assert rest.stable.values.tolist() == [False, True]


def test_period_doubling_of_the_logistic_map():
    for threshold, before in ((3.0, 1), (1 + math.sqrt(6), 2)):
        values = threshold + np.arange(-40, 41) * 5e-4 + 2.5e-4
        periods = bifurcation_diagram(zoo.logistic_map(), "r", values, initial={"x": 0.3}).period.values
        assert set(periods[values < threshold]) == {before}
        assert set(periods[values > threshold]) == {2 * before}


def test_exponents_of_cycles_are_exact():
    # the fixed point 1 - 1/r has the multiplier 2 - r; the 2-cycle 4 + 2 r - r^2
    found = bifurcation_diagram(zoo.logistic_map(), "r", [2.5, 3.2], initial={"x": 0.3})
    exact = [math.log(0.5), math.log(abs(4 + 2 * 3.2 - 3.2**2)) / 2]
    np.testing.assert_allclose(found.lyapunov, exact, atol=1e-12)
    assert found.x.dims == ("r", "sample")
    assert found.x.values[0] == pytest.approx(0.6)


def test_a_rotation_is_quasi_periodic_and_a_rational_one_a_cycle():
    # the delayed logistic map has an invariant circle just above r = 2 (Pounder & Rogers, J. Math. Biol. 10, 1980)
    delayed = sd.DiscreteSystem({x: r * x * (1 - y), y: x}, initial={x: 0.4, y: 0.4})
    found = bifurcation_diagram(delayed, r, [1.9, 2.05])
    assert found.outcome.values.tolist() == ["fixed point", "quasi-periodic"]
    turn = sd.DiscreteSystem({x: sp.cos(r) * x - sp.sin(r) * y, y: sp.sin(r) * x + sp.cos(r) * y}, initial={x: 1, y: 0})
    found = bifurcation_diagram(turn, r, [2 * math.pi / 7, 1.0])
    assert found.outcome.values.tolist() == ["cycle", "quasi-periodic"]
    assert found.period.values.tolist() == [7, 0]


def test_long_cycles_and_growth():
    turn = sd.DiscreteSystem({x: sp.cos(r) * x - sp.sin(r) * y, y: sp.sin(r) * x + sp.cos(r) * y}, initial={x: 1, y: 0})
    assert bifurcation_diagram(turn, r, [2 * math.pi / 100]).period.item() == 0
    assert bifurcation_diagram(turn, r, [2 * math.pi / 100], max_period=120).period.item() == 100
    stable = bifurcation_diagram(zoo.logistic_map(), "r", [3.5], max_period=2)
    assert (stable.outcome.item(), stable.period.item()) == ("cycle", 0)
    growth = bifurcation_diagram(sd.DiscreteSystem({x: r * x}, initial={x: 1}), r, [0.9, 1.0, 1.1])
    assert growth.outcome.values.tolist() == ["fixed point", "fixed point", "unbounded"]
    assert np.isnan(growth.lyapunov.values[2])


def test_the_random_map_has_no_period():
    noisy = sd.DiscreteSystem({x: r * x + sp.Symbol("dW")}, {r: 0.5}, initial={x: 0})
    found = bifurcation_diagram(noisy, r, [0.5], steps=1000, burn_in=10, seed=2)
    assert found.period.item() == 0
    assert found.lyapunov.item() == pytest.approx(math.log(0.5))
    assert found.attrs["seed"] == 2
    assert found.x.values.std() == pytest.approx(1 / math.sqrt(0.75), rel=0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(parameters={"r": 3}), "the parameter r is among parameters too; give its values once"),
        (dict(samples=20), "samples is 20; expected more than max_period=64, and at most steps=20000"),
        (dict(samples=30_000), "samples is 30000"),
        (dict(tolerance=0), "tolerance is 0; expected a positive number"),
        (dict(neutral=-1), "neutral is -1; expected a positive number"),
        (dict(max_period=0), "max_period is 0; expected a whole number from 1"),
        (dict(steps="many"), "steps is 'many'"),
        (dict(parameters={"q": 3}), "'q' is not a parameter"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        bifurcation_diagram(zoo.logistic_map(), "r", [3, 3.2], **options)


def test_unknown_parameters_and_other_kinds():
    with pytest.raises(sd.DeclarationError, match="'s' is not a parameter"):
        bifurcation_diagram(zoo.logistic_map(), "s", [3])
    with pytest.raises(sd.DeclarationError, match="got ODESystem"):
        bifurcation_diagram(zoo.lorenz(), "r", [3])


def test_the_figure():
    starts = xr.DataArray([0.2, 0.3], dims="start")
    found = bifurcation_diagram(zoo.logistic_map(), "r", np.linspace(3, 4.1, 23), initial={"x": starts}, steps=1000)
    figure = plot_bifurcations(found, "x")
    top, below = figure.axes
    assert (top.get_ylabel(), below.get_xlabel()) == ("x", "r")
    assert below.get_ylabel() == "Lyapunov exponent"
    assert len(top.lines) == 2  # one for each start
    np.testing.assert_allclose(below.lines[1].get_ydata()[:19], found.lyapunov.values[:19, 1])
    assert top.get_xlim() == (3, 4.1)
    plt.close(figure)


def test_figures_that_cannot_be():
    found = bifurcation_diagram(zoo.logistic_map(), "r", [3.1, 3.2], steps=1000)
    with pytest.raises(sd.DeclarationError, match="'y' is not a state of this diagram; its states: x"):
        plot_bifurcations(found, "y")
    with pytest.raises(sd.DeclarationError, match="the parameter r has no dim of its own"):
        plot_bifurcations(found.isel(r=0))
    with pytest.raises(sd.DeclarationError, match="expected a dataset from bifurcation_diagram"):
        plot_bifurcations(xr.Dataset())
