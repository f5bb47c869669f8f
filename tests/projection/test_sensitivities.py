"""Derivatives of distributions with respect to parameters, against closed forms and differences."""

import numpy as np
import pytest
import scipy.stats

import symdyn as sd
from symdyn.projection import MasterEquation

BIRTH_DEATH = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1.25})
BURSTS = sd.ReactionNetwork.from_text(
    "0 -> geometric(b) X, k; 0 -> poisson(c) X, k; X -> 0, g", parameters={"b": 3, "c": 2, "k": 3, "g": 1}
)
BRUSSELATOR = sd.ReactionNetwork.from_text(
    "2 X + Y -> 3 X, c1; X -> Y, c2; 0 -> X, c3; X -> 0, c4",
    volume="V",
    parameters={"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 2},
)
DIMER = sd.ReactionNetwork.from_text("2 A -> B, f; B -> 2 A, 1", parameters={"f": 0.1})


def difference(function, equation, name):
    """Central difference of distributions."""
    value = {p.name: v for p, v in equation.network.defaults.items()}[name]
    h = 1e-4 * value
    return (function({name: value + h}) - function({name: value - h})) / (2 * h)


@pytest.mark.parametrize(("name", "change"), [("k", 1 / 1.25), ("g", -5 / 1.25**2)])
def test_poisson(name, change):
    """d p / d theta = p (n/l - 1) dl/dtheta for the Poisson distribution with the mean l = k/g, or k/g (1 - exp(-g t))."""
    equation, n = MasterEquation(BIRTH_DEATH, {"X": 70}), np.arange(71)
    s = equation.stationary_sensitivity(wrt=name)
    exact = scipy.stats.poisson(4).pmf(n) * (n / 4 - 1) * change
    assert abs(s.values - exact).sum() < 1e-13
    t = 0.8
    grown = 1 - np.exp(-1.25 * t)
    mean = 4 * grown
    slope = change * grown + (4 * t * np.exp(-1.25 * t) if name == "g" else 0.0)
    s = equation.transient_sensitivity([0.1, t], name, {"X": 0})
    exact = scipy.stats.poisson(mean).pmf(n) * (n / mean - 1) * slope
    assert abs(s.values[1] - exact).sum() < 1e-8


@pytest.mark.parametrize("name", ["b", "c", "k", "g"])
def test_bursts_against_differences(name):
    equation = MasterEquation(BURSTS, {"X": 250})
    s = equation.stationary_sensitivity(wrt=name)
    assert abs(s - difference(equation.stationary, equation, name)).sum() < 1e-6
    # the mean is k (b + c)/g
    assert float((s * s.X).sum()) == pytest.approx({"b": 3, "c": 3, "k": 5, "g": -15}[name], rel=1e-8)
    s = equation.transient_sensitivity(0.7, name, {"X": 5})
    moved = difference(lambda v: equation.transient(0.7, {"X": 5}, v, tolerance=1e-13), equation, name)
    assert abs(s - moved).sum() < 1e-6


@pytest.mark.parametrize("name", ["c1", "c2", "V"])
def test_two_species_against_differences(name):
    equation, start = MasterEquation(BRUSSELATOR, {"X": 40, "Y": 50}), {"X": 2, "Y": 4}
    s = equation.stationary_sensitivity(wrt=name)
    assert abs(s - difference(equation.stationary, equation, name)).sum() < 1e-6
    s = equation.transient_sensitivity(1.0, name, start)
    moved = difference(lambda v: equation.transient(1.0, start, v, tolerance=1e-13), equation, name)
    assert abs(s - moved).sum() < 1e-6


def test_conservation_law():
    equation, start = MasterEquation(DIMER), {"A": 20, "B": 0}
    s = equation.stationary_sensitivity(wrt="f", initial=start)
    moved = difference(lambda v: equation.stationary(v, start), equation, "f")
    assert abs(s - moved).sum() < 1e-6


def test_what_is_refused():
    equation = MasterEquation(BIRTH_DEATH)
    with pytest.raises(sd.DeclarationError, match="wrt is missing"):
        equation.stationary_sensitivity()
    with pytest.raises(sd.DeclarationError, match="'h' is not a parameter of this system"):
        equation.stationary_sensitivity(wrt="h")
    with pytest.raises(sd.DeclarationError, match="a sensitivity needs a fixed box of states: give upper bounds of X"):
        equation.transient_sensitivity(1.0, "k", {"X": 0})
    branching = sd.ReactionNetwork.from_text("X -> 2 X, 1; X -> 0, m; X -> Z, 1", parameters={"m": 2})
    with pytest.raises(sd.DeclarationError, match="weights of the sets of states"):
        MasterEquation(branching, {"X": 20, "Z": 20}).stationary_sensitivity(wrt="m", initial={"X": 1, "Z": 0})
