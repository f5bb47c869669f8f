"""Residuals that are noise pass at the stated level, those of a wrong model do not, and weights allow for it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import binom

import symdyn as sd
from symdyn.inference.criterion import weights
from symdyn.inference.misfit import LEVEL, StateResiduals, misfit

x = sp.Symbol("x")
f = sp.Function("f")


def left(e, noise=np.nan, given=False):
    return [StateResiduals("x", (e,), (np.ones(len(e)),), 10.0, noise, given)]


def test_white_residuals_pass_at_the_stated_level():
    rng, runs = np.random.default_rng(1), 2000
    called = sum(misfit(left(rng.normal(size=80), 1.0, given=True), 0).missed > 0 for _ in range(runs))
    # the sum of both tests' levels, and more than that only by chance: once in a thousand
    assert called <= binom.isf(1e-3, runs, LEVEL)


def test_what_is_missed_of_residuals_that_are_all_alike():
    # 1/(1 - r) with r = (N - 1)/N
    e = np.ones(40)
    found = misfit(left(e), 0)
    assert found.missed == pytest.approx(0.5 * 40 * np.log(40))
    assert "correlate by 0.97" in found.notes[0]


def test_alternating_residuals_count_by_their_size_alone():
    e = 2.0 * (-1.0) ** np.arange(60)
    assert misfit(left(e, 2.0, given=True), 0).missed == 0
    assert misfit(left(e), 0).missed == 0  # nothing is known of the noise
    assert misfit(left(e, 1.0, given=True), 0).missed == pytest.approx(0.5 * 60 * np.log(4))
    assert "4 times that of the given noise" in misfit(left(e, 1.0, given=True), 0).notes[0]


def test_an_estimate_of_the_noise_is_less_certain_than_a_given_one():
    e = np.sqrt(1.8) * (-1.0) ** np.arange(60)
    assert misfit(left(e, 1.0), 0).missed == 0
    assert misfit(left(e, 1.0, given=True), 0).missed > 0


def test_residuals_by_which_the_integration_errs_are_no_misfit():
    assert misfit(left(1e-6 * np.ones(40), 1e-9), 0).missed == 0


def test_weights_are_those_of_a_power_of_the_likelihood():
    assert weights([0.0, 8.0], missed=3.0) == pytest.approx(weights([0.0, 2.0]))


def logistic(sides, points=61):
    t = np.linspace(0, 5, points)
    run = sd.simulate(sd.ODESystem(sides, initial={x: 0.05}), t, progress=False)
    return {"t": t, "x": np.ravel(run["x"]) + 0.02 * np.random.default_rng(0).normal(size=points)}


@pytest.mark.parametrize(("side", "right"), [(2 * x - x**2 / 2, True), (x * sp.log(5 / x), False)])
def test_a_truth_that_is_not_in_the_library_gets_a_note_and_no_certainty(side, right):
    found = sd.recover(sd.ODESystem({x: f(x)}), logistic({x: side}), library=2, surrogate=None, progress=False)
    notes = [text for text in found.warnings if "x is not noise" in text]
    assert len(notes) == (0 if right else 1)
    alone = weights(found.table["bic"])[0]
    if right:
        assert set(sp.Poly(found.terms[f(x)], x).as_dict()) == {(1,), (2,)}
        assert found.table["weight"][0] == pytest.approx(alone, abs=0.05)
    else:
        assert alone > 0.99
        assert found.table["weight"][0] < 0.9
