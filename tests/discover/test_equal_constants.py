"""Constants that the data do not tell apart, and curves through positive states."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd

pytest.importorskip("sklearn")

from symdyn.discover.whole.continuity import cut_up, settled
from symdyn.discover.whole.equal import STRONG, _chosen, _ratios, simplest, tied
from symdyn.discover.whole.fits import Fitter
from symdyn.discover.whole.problem import prepared
from symdyn.discover.whole.states import declared
from symdyn.discover.whole.terms import CandidateTerm, EquationModel
from symdyn.discover.whole.ties import Tie
from symdyn.inference.data import observations

X = CandidateTerm((1,))


def fitted(rate, noise, points=200, seed=0):
    """The fit of ``x' = a x + b`` to a decay with normal noise."""
    times = np.linspace(0, 3, points)
    values = 2 + 3 * np.exp(-rate * times) + noise * np.random.default_rng(seed).normal(size=points)
    data = pd.DataFrame({"time": times, "x": values})
    whole = declared(data)
    fitter = Fitter(prepared(observations(whole, data)))
    model = EquationModel(1, [(0, X, -rate, []), (0, CandidateTerm((0,)), 2 * rate, [])])
    fit = fitter.fit(model, np.array([[5.0]]), 1, 25, fall=1e-6)
    return fitter, fit


def test_a_constant_that_is_one_is_one_and_another_is_not():
    fitter, fit = fitted(1.0, 0.01)
    found, ties = tied(fitter, fit)
    at = next(k for k, (_, term) in enumerate(fit.model.terms) if term.key == "x0")
    assert Tie(at, Fraction(-1)) in ties
    assert found.model.theta[at] == pytest.approx(-1, abs=1e-12)
    # the other constant is then known better than before: the state goes to 2
    assert abs(found.model.theta[1 - at] - 2) < abs(fit.model.theta[1 - at] - 2)
    assert found.score == fit.score
    fitter, fit = fitted(0.7, 0.01)
    assert tied(fitter, fit)[1] == []


def test_a_tie_is_the_least_squares_under_the_tie():
    fitter, fit = fitted(1.0, 0.01)
    problem, pieces = fitter.problem, cut_up(fitter, fit)
    at = next(k for k, (_, term) in enumerate(fit.model.terms) if term.key == "x0")
    row = np.eye(2)[[at]]
    model, starts, rss = settled(fitter, fit.model, pieces, fit.starts, (row, np.array([-1.0])))
    # with the rate one, x(t) = b + (s - b) exp(-t) is linear in b and s
    design = np.stack([1 - np.exp(-problem.t), np.exp(-problem.t)], axis=1)
    w = problem.w[:, 0]
    (b, s), left, *_ = np.linalg.lstsq(design * w[:, None], problem.x[:, 0] * w, rcond=None)
    assert model.theta[1 - at] == pytest.approx(b, rel=1e-5)
    assert starts[0, 0] == pytest.approx(s, rel=1e-5)
    assert rss.sum() == pytest.approx(left[0], rel=1e-5)


def test_a_rival_whose_constant_is_one_goes_before_a_model_with_a_term_more():
    # x' = 2 - x, and the same with a square that noise has bought
    fitter, fit = fitted(1.0, 0.01)
    square = EquationModel(1, [*fit.model.parts, (0, CandidateTerm((2,)), 1e-3, [])])
    more = fitter.fit(square, fit.starts, 1, 25, fall=1e-6)
    bought = replace(more, score=fit.score - 1.0)
    first, *others = simplest(fitter, bought, [fit])
    assert first.model.key == fit.model.key
    assert [(f.model.key, f.score) for f in others] == [(more.model.key, bought.score)]
    assert first.score < bought.score - STRONG
    # where there is none, the order stays
    fitter, fit = fitted(0.7, 0.01)
    more = fitter.fit(EquationModel(1, [*fit.model.parts, (0, CandidateTerm((2,)), 1e-3, [])]), fit.starts, 1, 25, fall=1e-6)
    assert simplest(fitter, more, [replace(fit, score=more.score + 1.0)])[0] is more


def test_ties_are_told_and_need_not_be_where_there_is_no_noise():
    times = np.linspace(0, 8, 200)
    x, y = sp.symbols("x y")
    system = sd.ODESystem({x: x - 0.5 * x * y, y: 0.5 * x * y - y}, initial={x: 1.0, y: 3.0})
    run = sd.simulate(system, times, rtol=1e-10, progress=False)
    exact = np.stack([run[s].values.ravel() for s in "xy"])
    noisy = exact * (1 + 0.01 * np.random.default_rng(1).normal(size=exact.shape))

    def recovered(values):
        columns = dict(zip("xy", values, strict=True))
        return sd.recover(None, pd.DataFrame({"time": times, **columns}), progress=False)

    told = recovered(noisy)
    assert sp.expand(told.terms["f_x"]).coeff(x, 1).subs(y, 0) == 1
    assert "taken as equal" in str(told)
    assert "taken as equal" not in str(recovered(exact))


def test_a_decay_over_decades_with_relative_noise_is_smoothed_in_its_logarithm():
    times = np.linspace(0, 10, 300)
    truth = np.exp(-times) + 1e-3
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"time": times, "x": truth * (1 + 0.05 * rng.normal(size=times.size))})
    problem = prepared(observations(declared(data), data))
    # the mean square error of a smoother of p degrees of freedom is p/n of the noise; 40 are plenty for a curve with one bend
    assert np.sqrt(np.mean((problem.smooth[:, 0] / truth - 1) ** 2)) < 0.05 * np.sqrt(40 / 300)
    assert problem.smooth.min() > 0
    falling = data.assign(x=2 - times + 0.05 * rng.normal(size=times.size))  # a straight line through zero: no logarithm
    problem = prepared(observations(declared(falling), falling))
    assert np.sqrt(np.mean((problem.smooth[:, 0] - 2 + times) ** 2)) < 0.05 * np.sqrt(20 / 300)


def test_constants_of_lorenz_with_noise_are_ratios_of_small_integers():
    # 10, 28 and 8/3, with errors of three parts in ten thousand
    truth = np.array([-10.0, 10.0, 28.0, -1.0, -1.0, 1.0, -8 / 3])
    error = 3e-4 * np.abs(truth)
    for seed in range(5):
        drawn = truth + error * np.random.default_rng(seed).normal(size=7)
        ties, evidence = _chosen(drawn, np.diag(error**2), _ratios)
        rows, values = np.stack([tie.row(7) for tie in ties]), [tie.value for tie in ties]
        assert len(ties) == 7
        assert evidence > 30
        np.testing.assert_allclose(np.linalg.solve(rows, values), truth, rtol=1e-12)


def test_constants_at_random_are_rarely_taken_as_simple_numbers():
    # the chance that evidence is twenty to one for what is not so is a twentieth
    rng, found = np.random.default_rng(0), 0
    for _ in range(60):
        theta = np.exp(rng.normal(0, 1.2, 5))
        error = rng.choice([0.001, 0.01, 0.05]) * theta
        found += bool(_chosen(theta + error * rng.normal(size=5), np.diag(error**2), _ratios)[0])
    assert found <= 8  # of 60, the 99 % quantile of the binomial distribution is 8


def test_no_more_ties_are_chosen_than_there_are_constants():
    theta, noise = np.array([1.001, 0.999, -1.0004, 1.0002, 2.7]), np.random.default_rng(3).normal(size=(5, 5))
    ties, _ = _chosen(theta, 1e-6 * (noise @ noise.T + np.eye(5)), _ratios)
    rows = np.stack([tie.row(5) for tie in ties])
    assert np.linalg.matrix_rank(rows) == len(ties) == 4
    # all but the last are one
    np.testing.assert_allclose(np.linalg.lstsq(rows, [tie.value for tie in ties], rcond=None)[0], [1, 1, -1, 1, 0], atol=1e-12)
    # 30 % know nothing: 2 pi / (0.3^2 15^2) < 1
    assert _chosen(np.array([1.0, 1.0, 1.0, 1.0, 1.0]), 0.09 * np.eye(5), _ratios) == ([], 0.0)


def test_ties_depend_on_units_which_the_note_says_and_can_be_left_out():
    # x' = 2 - x with time in minutes, x' = 2/60 - x/60 in seconds: a rate of one is told, and left as it is fitted on request
    times = np.linspace(0, 3, 200)
    values = 2 + 3 * np.exp(-times) + 0.01 * np.random.default_rng(0).normal(size=200)

    def recovered(factor, **options):
        data = pd.DataFrame({"time": factor * times, "x": values})
        found = sd.recover(None, data, progress=False, options=sd.discover.RecoverOptions(**options))
        x = sp.Symbol("x")
        return factor * float(found.terms["f_x"].coeff(x, 1)), " ".join(found.warnings)

    rate, notes = recovered(1.0)
    assert rate == -1
    assert "in other units of time and states it may be others, with RecoverOptions(ties=False) none" in notes
    fitted, notes = recovered(1.0, ties=False)
    assert "taken as equal" not in notes
    assert fitted != -1
    assert fitted == pytest.approx(-1, abs=0.02)
    assert recovered(59.0, ties=False)[0] == pytest.approx(fitted, rel=1e-3)


def test_a_note_says_where_constants_that_are_one_decide_the_first_place(monkeypatch):
    from symdyn.discover.whole import recovering

    def swapped(fitter, fit, rivals, like):
        return [replace(rivals[0], score=fit.score - 7.0), fit, *rivals[1:]]

    times = np.linspace(0, 3, 200)
    values = 2 + 3 * np.exp(-0.7 * times) + 0.01 * np.random.default_rng(0).normal(size=200)
    data = pd.DataFrame({"time": times, "x": values})
    assert "put the first model before others" not in " ".join(sd.recover(None, data, progress=False).warnings)
    monkeypatch.setattr(recovering, "simplest", swapped)
    assert "put the first model before others; in other units" in " ".join(sd.recover(None, data, progress=False).warnings)
