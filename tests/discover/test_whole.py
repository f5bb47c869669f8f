"""Whole right-hand sides from data: structures, constants within their intervals, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd

pytest.importorskip("sklearn")

from symdyn.discover.options import RecoverOptions
from symdyn.discover.whole.continuity import cut_up, linear
from symdyn.discover.whole.fits import Fitter
from symdyn.discover.whole.matching import WeakMatching
from symdyn.discover.whole.problem import prepared
from symdyn.discover.whole.reduction import reduced
from symdyn.discover.whole.search import EquationSearch
from symdyn.discover.whole.states import declared
from symdyn.discover.whole.terms import INV, Atom, CandidateTerm, EquationModel
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations

x, y, z = sp.symbols("x y z")

LOTKA_VOLTERRA = {
    x: sp.Rational(13, 10) * x - sp.Rational(9, 10) * x * y,
    y: sp.Rational(8, 10) * x * y - sp.Rational(9, 5) * y,
}
LORENZ = {x: 10 * (y - x), y: 28 * x - y - x * z, z: x * y - sp.Rational(8, 3) * z}
ROSSLER = {x: -y - z, y: x + y / 5, z: sp.Rational(1, 5) + x * z - sp.Rational(57, 10) * z}
PENDULUM = {x: y, y: -sp.Rational(9, 10) * sp.sin(x) - sp.Rational(1, 4) * y}
BUDWORM = {x: sp.Rational(3, 5) * x * (1 - x / 8) - x**2 / (1 + x**2)}


def data(equations, start, *, end=10.0, points=300, noise=0.0, seed=0):
    """A run with noise relative to each value."""
    system = sd.ODESystem(equations, initial=dict(zip(equations, start, strict=True)))
    run = sd.simulate(system, np.linspace(0, end, points), rtol=1e-11, atol=1e-12, progress=False)
    rng = np.random.default_rng(seed)
    columns = {"time": run.time.values}
    for s in equations:
        values = run[s.name].values.ravel()
        columns[s.name] = values * (1 + noise * rng.normal(size=values.size))
    return pd.DataFrame(columns)


def coefficients(expression):
    """The terms of an expanded expression with their coefficients."""
    parts = (term.as_independent(x, y, z, as_Add=False) for term in sp.Add.make_args(sp.expand(expression)))
    return {shape: coefficient for coefficient, shape in parts}


def shapes(expression):
    return set(coefficients(expression))


def recovered(frame, **options):
    return sd.recover(None, frame, progress=False, **options)


@pytest.mark.parametrize(
    ("equations", "start"),
    [(LOTKA_VOLTERRA, (0.44, 4.6)), (LORENZ, (-8.0, 7.0, 27.0)), (PENDULUM, (2.0, 0.0))],
    ids=["Lotka-Volterra", "Lorenz", "pendulum"],
)
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_structure_and_the_constants_are_those_of_the_truth(equations, start, noise):
    found = recovered(data(equations, start, noise=noise, end=4.0 if equations is LORENZ else 10.0))
    for state, side in equations.items():
        term = found.terms[f"f_{state}"]
        assert shapes(term) == shapes(side)
        values = coefficients(term)
        for shape, true in coefficients(side).items():
            assert float(values[shape]) == pytest.approx(float(true), rel=1e-5 if noise == 0 else 0.03)
    assert found.system.names == tuple(s.name for s in equations)
    assert noise or not found.table["weight"][0] < 0.5  # NaN where a search without noise ends at its first model


def test_a_saturating_loss_is_found_without_noise():
    found = recovered(data(BUDWORM, (0.3,), end=20.0))
    difference = sd.ODESystem({x: found.terms["f_x"] - BUDWORM[x]}).drift[0]
    along = np.linspace(0.35, 5.0, 20)
    assert np.abs([float(difference.subs(x, v)) for v in along]).max() < 1e-4
    assert found.table["parameters"][0] <= 5


@pytest.mark.parametrize(
    ("equations", "start", "end", "most"),
    [
        ({x: sp.exp(-2 * x) - sp.Rational(1, 10)}, (0.0,), 10.0, 3),
        ({x: 3 / (1 + y**3) - x, y: 2 / (1 + x**2) - y}, (0.4, 0.1), 10.0, 6),
        (
            {x: 1 - x * y / (sp.Rational(1, 2) + x + 2 * y), y: x * y / (sp.Rational(1, 2) + x + 2 * y) - y / 5},
            (0.2, 1.5),
            30.0,
            9,
        ),
        ({x: sp.Rational(39, 50) * x * (1 - x / 81) - sp.Rational(9, 10) * x**2 / (450 + x**2)}, (2.76,), 10.0, 4),
        ({x: y, y: sp.Rational(5, 3) - sp.sin(x) - sp.Rational(16, 25) * y * sp.Abs(y)}, (1.5, -0.2), 10.0, 4),
    ],
    ids=[
        "a rate and an offset",
        "two states that repress each other",
        "two states that compete",
        "an optimum away from the grid",
        "three terms of which no two stand out",
    ],
)
def test_constants_inside_terms_are_found_without_noise(equations, start, end, most):
    frame = data(equations, start, end=end)
    found = recovered(frame)
    assert found.table["parameters"][0] <= most
    run = {s: frame[s.name].to_numpy()[::7] for s in equations}
    for state, side in equations.items():
        values = [sp.lambdify(list(equations), e)(*run.values()) for e in (found.terms[f"f_{state}"], side)]
        np.testing.assert_allclose(*values, atol=1e-3)


def test_intervals_cover_the_truth():
    covered, total = 0, 0
    for seed in range(4):
        found = recovered(data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.01, points=100, seed=seed))
        frame = found.intervals.set_index("constant")
        for drift, side in zip(found.system.drift, LOTKA_VOLTERRA.values(), strict=True):
            named = coefficients(drift)
            for shape, true in coefficients(side).items():
                row = frame.loc[named[shape].name]
                covered += row["lower"] <= float(true) <= row["upper"]
                total += 1
    assert total == 16
    # 90 % intervals: 9 of 16 or fewer would happen once in a thousand
    assert covered >= 10


def test_intervals_of_a_chaotic_flow_cover_the_truth():
    covered, total = 0, 0
    for seed in range(2):
        found = recovered(data(LORENZ, (-8.0, 8.0, 27.0), noise=0.02, points=134, end=4.0, seed=seed))
        frame = found.intervals.set_index("constant")
        assert np.isfinite(frame["standard error"]).all()
        for drift, side in zip(found.system.drift, LORENZ.values(), strict=True):
            named = coefficients(drift)
            for shape, true in coefficients(side).items():
                row = frame.loc[named[shape].name]
                covered += row["lower"] <= float(true) <= row["upper"]
                total += 1
    assert total == 14
    # 90 % intervals: 8 of 14 or fewer would happen twice in a thousand
    assert covered >= 9


def test_a_stretched_run_has_the_optimum_of_its_pieces():
    frame = data(LORENZ, (-8.0, 8.0, 27.0), noise=0.02, points=200, end=5.0)
    search = EquationSearch(prepared(observations(declared(frame), frame)))
    best = search.run()
    pieces = cut_up(search.fitter, best)
    assert len(pieces.joined) == len(pieces.cut) - 1 > 0
    starts = search.fitter.run(best)[pieces.cut[:, 0]]
    model = linear(search.fitter, best.model, pieces, starts)
    assert model.mismatch < 0.05
    assert model.move()[1] < 0.1  # in standard deviations
    # what the constraints leave free: constants and the first initial values
    assert model.basis.shape[1] == len(best.model.theta) + 3
    # the slopes of ends by initial values are those of differences
    moved = starts.copy()
    moved[0, 1] += 1e-4
    change = linear(search.fitter, best.model, pieces, moved)
    assert change.mismatch > model.mismatch
    step, _ = change.move()
    joined = moved + step[len(best.model.theta) :].reshape(starts.shape)
    theta = best.model.theta + step[: len(best.model.theta)]
    assert linear(search.fitter, best.model.with_theta(theta), pieces, joined).mismatch < 1e-2


@pytest.mark.parametrize(
    ("equations", "start", "end", "points", "noise"),
    [(ROSSLER, (-4.0, -4.0, 0.02), 118.2, 600, 0.01), (LORENZ, (-8.0, 7.0, 27.0), 10.0, 1001, 0.2)],
    ids=["many turns", "much noise"],
)
def test_chaos_is_no_reason_for_more_terms(equations, start, end, points, noise):
    frame = data(equations, start, end=end, points=points)
    states = [s.name for s in equations]
    frame[states] += noise * frame[states].std().to_numpy() * np.random.default_rng(0).normal(size=(points, 3))
    found = recovered(frame)
    assert [shapes(found.terms[f"f_{s}"]) for s in states] == [shapes(e) for e in equations.values()]


def test_a_right_hand_side_is_matched_with_all_terms_that_are_given():
    frame = data(LOTKA_VOLTERRA, (1.2, 1.1))
    problem = prepared(observations(declared(frame), frame), {})
    side = WeakMatching(problem, [CandidateTerm(e) for e in ((1, 0), (2, 0), (1, 1))]).whole(0, 2)
    found = {term.exponents: c for _, term, c, _ in side.parts}
    assert found == {
        (1, 0): pytest.approx(1.3, abs=1e-3),
        (2, 0): pytest.approx(0.0, abs=1e-3),
        (1, 1): pytest.approx(-0.9, abs=1e-3),
    }


def test_counts_that_begin_small_start_above_zero():
    """The curve through 2, 3, 29, 92, ... of Gause (1934) overshoots below zero, from where no population grows."""
    table = pd.read_csv(Path(__file__).parents[2] / "examples/data/gause1934_table4.csv", comment="#")
    counts = pd.DataFrame({"t": table["day"], "x": table["aurelia_halfloop_alone"]}).dropna().astype(float)
    problem = prepared(observations(declared(counts), counts))
    assert (problem.smooth > 0).all()
    assert (problem.nodes[1:] > 0).all()
    # below the first of data that are negative a curve may be
    shifted = prepared(observations(declared(counts), counts.assign(x=counts["x"] - 3)))
    assert shifted.smooth[0, 0] < -1
    found = sd.recover(None, counts, progress=False, options=RecoverOptions(process=False))
    assert sp.expand(found.terms["f_x"]).as_coefficients_dict().keys() == {x, x**2}


def test_few_data_are_said_to_be_few():
    found = recovered(data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.01, points=8))
    assert "which cannot tell equations apart" in " ".join(found.warnings)
    # initial values of windows count
    problem = prepared(found.observations)
    one, two = (problem.score(problem.seen.copy(), 3, 0.0, starts) for starts in (1, 2))
    # 16 data less 2 initial values that every model has
    assert two - one == pytest.approx((14 / (14 - 5 - 2) * 5 - 14 / (14 - 3 - 2) * 3) * np.log(8))


def test_noise_that_is_given_is_not_estimated():
    frame = data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.01, points=100)
    seen = observations(declared(frame), frame)
    problem = prepared(seen, {0: 0.05})
    before = problem.w.copy()
    np.testing.assert_allclose(before[:, 0], 20.0)
    problem.reweighed(problem.smooth)
    np.testing.assert_allclose(problem.w[:, 0], 20.0)
    assert not np.allclose(problem.w[:, 1], before[:, 1], rtol=1e-6)
    even = data(LOTKA_VOLTERRA, (0.44, 4.6), points=100)
    even[["x", "y"]] += 0.02 * np.random.default_rng(3).normal(size=(100, 2))
    found = recovered(even, options=RecoverOptions(noise={"x": 0.02, y: 0.02}))
    assert [shapes(found.terms[f"f_{s}"]) for s in (x, y)] == [shapes(e) for e in LOTKA_VOLTERRA.values()]
    with pytest.raises(RecoveryError, match="the noise of x is -1; expected a positive"):
        recovered(frame, options=RecoverOptions(noise={"x": -1}))


def test_two_trajectories_are_fitted_together():
    frames = [data(LOTKA_VOLTERRA, start, noise=0.01, seed=k) for k, start in enumerate([(0.44, 4.6), (2.0, 1.0)])]
    found = recovered(frames)
    assert [shapes(found.terms[f"f_{s}"]) for s in (x, y)] == [shapes(e) for e in LOTKA_VOLTERRA.values()]
    assert found.starts[0].shape == (2, 2)
    np.testing.assert_allclose(found.starts[0], [[0.44, 4.6], [2.0, 1.0]], rtol=0.03)
    assert "x(0) of trajectory 1" in set(found.intervals["constant"])


def test_missing_values_and_uneven_times():
    frame = data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.005)
    frame = frame[np.random.default_rng(1).random(len(frame)) < 0.6].reset_index(drop=True)
    frame.loc[::7, "y"] = np.nan
    found = recovered(frame)
    assert [shapes(found.terms[f"f_{s}"]) for s in (x, y)] == [shapes(e) for e in LOTKA_VOLTERRA.values()]


def test_the_same_data_give_the_same_numbers():
    frame = data(PENDULUM, (2.0, 0.0), noise=0.01)
    first, second = recovered(frame), recovered(frame)
    assert first.table.equals(second.table)
    assert first.intervals.equals(second.intervals)


def test_a_part_of_the_data_can_be_held_out():
    found = recovered(data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.01), heldout=0.3)
    assert 0 < found.table["heldout_one_step"][0] < 0.1
    assert 0 < found.table["heldout_free_run"][0] < 0.1


def test_a_budget_ends_the_search_with_a_note():
    found = recovered(data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.05), budget=1e-3)
    assert "ended at its budget of time" in " ".join(found.warnings)
    assert not found.complete
    assert found.table["rms"][0] < 0.2


def test_a_search_that_was_interrupted_is_resumed_bit_for_bit(tmp_path):
    frame, file = data(PENDULUM, (2.0, 0.0), noise=0.01), tmp_path / "search.npz"
    begun = 0

    def stop(stage, fraction):
        nonlocal begun
        begun += 1
        if begun == 60:
            raise KeyboardInterrupt

    first = sd.recover(None, frame, progress=stop, checkpoint=file)
    assert not first.complete
    assert "interrupted" in " ".join(first.warnings)
    assert file.exists()
    resumed, never = recovered(frame, checkpoint=file), recovered(frame)
    assert resumed.complete
    assert not file.exists()
    assert resumed.table.equals(never.table)
    assert resumed.intervals.equals(never.intervals)
    assert resumed.evaluations == never.evaluations > first.evaluations


def test_windows_are_those_asked_for(monkeypatch):
    frame, used, fit = data(LOTKA_VOLTERRA, (0.44, 4.6), noise=0.01), [], Fitter.fit

    def spy(fitter, model, starts, windows, *args, **options):
        used.append(windows)
        return fit(fitter, model, starts, windows, *args, **options)

    monkeypatch.setattr(Fitter, "fit", spy)
    recovered(frame, options=RecoverOptions(windows=7))
    assert used[:3] == [7, 2, 1]
    assert set(used) == {7, 2, 1}


@pytest.mark.parametrize(
    ("side", "start", "end", "shape"),
    [
        (sp.exp(-x), 0.0, 5.0, {sp.exp(-x)}),
        (-sp.Rational(3, 2) * x / (30 + x), 4.0, 40.0, None),
        (sp.Rational(1, 2) - sp.Rational(3, 2) * x / (sp.Rational(7, 10) + x), 4.0, 12.0, None),
    ],
    ids=["exponential", "nearly linear", "saturating"],
)
def test_clean_data_give_the_simplest_form(side, start, end, shape):
    found = recovered(data({x: side}, (start,), end=end))
    term = found.terms["f_x"]
    assert shape is None or shapes(term) == shape
    assert found.table["parameters"][0] <= 3
    assert np.isfinite(found.intervals["standard error"]).all()
    assert len(found.table) > 1  # a weight is a share among several
    along = np.linspace(start, 0.9 * start + 0.1, 5)
    values = [float((term - side).subs(x, v)) for v in along]
    np.testing.assert_allclose(values, 0.0, atol=1e-3)


def saturating(offset):
    """A fit of c x/(K + x) to x' = 2, and its fitter."""
    frame = data({x: sp.Integer(2)}, (1.0,), end=2.0, points=60)
    fitter = Fitter(prepared(observations(declared(frame), frame)))
    term = CandidateTerm((1,), (Atom(INV, (1.0,), offset, 1, (-1,)),), 5.0)
    return fitter, EquationModel(1, [(0, term, 2.0, term.values)])


def test_a_saturating_term_that_saturates_all_along_is_a_constant():
    fitter, model = saturating(-1e-9)
    fit = reduced(fitter, fitter.fit(model, np.array([[1.0]]), 1))
    assert fit.model.key == ((0, "1"),)
    assert fit.model.theta[0] == pytest.approx(2, rel=1e-6)


def test_a_pole_among_the_data_is_no_model():
    fitter, model = saturating(-3.0)
    assert fitter.pole(model)
    assert fitter.fit(model, np.array([[1.0]]), 1, 0) is None


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: f.head(5), "a trajectory has 5 values of x; .* need 8 or more"),
        (lambda f: f.assign(y=np.inf), "infinite values, the first in row 0 .* mark missing ones as NaN"),
        (lambda f: [f, f.assign(y=np.nan)], "a trajectory has 0 values of y"),
        (lambda f: f[["time"]], "no column that changes beside time"),
        (lambda f: f.to_numpy(), "data of type ndarray .* have no times"),
    ],
)
def test_what_cannot_be_recovered_is_refused(change, match):
    frame = data(LOTKA_VOLTERRA, (0.44, 4.6), points=60)
    with pytest.raises(RecoveryError, match=match):
        recovered(change(frame))
