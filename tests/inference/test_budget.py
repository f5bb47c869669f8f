"""Time of a search: what a limit leaves, what an interrupt keeps, and how far a longer one goes."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.bar import bar
from symdyn.inference.budget import LEVELS, Budget, LateError
from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.problem import SelectionProblem
from symdyn.inference.report import Report
from symdyn.inference.selection import Selection
from symdyn.inference.simulated_data import SimulatedData
from tests.inference.fit_cases import CASES, discrete, fitted, network, observed, shot

x = sp.Symbol("x")
f = sp.Function("f")
TIMES = np.linspace(0, 4, 41)
DATA = {"t": TIMES, "x": 1 / (1 + 4 * np.exp(-TIMES)) + 0.02 * np.random.default_rng(0).normal(size=41)}


def test_without_a_limit_there_are_no_further_levels():
    assert list(Budget().levels()) == []
    assert list(Budget(60.0).levels()) == list(range(1, LEVELS + 1))
    assert list(Budget(0.0).levels()) == []


def test_the_clock_may_have_begun_before():
    assert Budget(10.0, began=time.monotonic() - 11).over()
    assert Budget(10.0, began=time.monotonic() - 9).share(0.5).left() <= 0.5


def test_a_late_stage_is_ended_but_not_when_it_is_done():
    seen = []
    progress = Budget(0.0).stopping(seen.append)
    progress(3, 3)
    with pytest.raises(LateError):
        progress(1, 3)
    assert seen == [1.0, 1 / 3]


def test_an_interrupt_with_nothing_found_is_raised():
    budget = Budget()
    with pytest.raises(KeyboardInterrupt), budget.keeping(lambda: None):
        raise KeyboardInterrupt
    assert not budget.interrupted


@pytest.mark.parametrize("moment", [1, 3, 5])
def test_an_interrupt_at_any_moment_keeps_the_best_so_far(moment):
    fit, calls = Selection.fit, []

    def interrupted(selection, *args, **options):
        calls.append(selection.pieces)
        if len(calls) == moment + 1:
            raise KeyboardInterrupt
        return fit(selection, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Selection, "fit", interrupted)
        patch.setattr(SelectionProblem, "polish", lambda self, selection, count: selection.ranked()[:count])
        found = sd.recover(sd.ODESystem({x: f(x)}), DATA, library=3, surrogate=None, progress=False)
    assert len(calls) == moment + 1
    assert not found.complete
    assert any("the search was interrupted" in note for note in found.warnings)


def test_a_longer_budget_searches_further():
    # ten terms of which the search without a limit fits a part of the neighbours alone
    library = [x**k for k in range(8)] + [sp.sin(x), sp.exp(-x)]
    counts = []
    for budget in (None, 20.0):
        found = sd.recover(
            sd.ODESystem({x: f(x)}), DATA, library=library, surrogate=None, progress=False, budget=budget
        )  # fmt: skip
        assert found.complete
        counts.append(found.evaluations)
    assert counts[1] > 1.2 * counts[0]


def no_step(self):
    raise AssertionError("a step after the end of the time")


@pytest.mark.parametrize("name", sorted({*CASES} - {"abc"}))
def test_a_fit_without_time_is_one_of_its_starts(tmp_path, monkeypatch, name):
    case = CASES[name](tmp_path)
    if name not in ("shot", "discrete"):  # which begin at what multiple shooting finds at once
        monkeypatch.setattr(LevenbergMarquardt, "step", no_step)
    found = fitted(case, budget=1e-9)
    assert "the search ended at its budget of time, after 0 iterations" in found.notes
    assert np.isfinite(found.log_posterior)
    assert found.log_posterior == pytest.approx(found.ends["log_posterior"][0], rel=1e-6, abs=1e-6)
    assert (found.ends["log_posterior"].diff()[1:] <= 0).all()


def test_a_population_without_time_is_that_of_the_prior(tmp_path):
    found = fitted(network("abc"), budget=1e-9)
    assert "the search ended at its budget of time, after 40 simulations" in found.notes
    assert found.problem.likelihood.simulations == 40


@pytest.mark.parametrize("case", [shot, discrete, observed, lambda: network("particle"), lambda: network("abc")])
def test_an_interrupt_before_there_is_anything_is_raised(tmp_path, monkeypatch, case):
    def interrupted(self, *args):
        raise KeyboardInterrupt

    for owner, name in ((LevenbergMarquardt, "begin"), (SimulatedData, "like")):
        monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted(case())


def test_an_interrupt_of_a_population_keeps_the_last_whole_one(tmp_path, monkeypatch):
    like, made = SimulatedData.like, []

    def counted(self, *args):
        made.append(0)
        if len(made) == 3:
            raise KeyboardInterrupt
        return like(self, *args)

    monkeypatch.setattr(SimulatedData, "like", counted)
    found = fitted(network("abc"))
    used = found.problem.likelihood.simulations
    assert f"the search was interrupted after {used} simulations; this is the best so far" in found.notes
    monkeypatch.undo()
    # the options that it says lead there again
    arguments, how = network("abc")
    assert fitted((arguments, how | {"likelihood": found.problem.likelihood})).ends.equals(found.ends)
    found.save(tmp_path / "fit.nc")
    assert sd.Fit.load(tmp_path / "fit.nc").log_posterior == found.log_posterior


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "budget is 0; expected a positive number of seconds, or None"),
        ({"budget": -3.0}, r"budget is -3\.0; expected a positive number"),
        ({"budget": float("nan")}, "budget is nan; expected a positive number"),
        ({"budget": "10m"}, "budget is '10m'; expected a positive number"),
        ({"budget": True}, "budget is True; expected a positive number"),
        ({"checkpoint": 3}, "checkpoint is 3; expected the path of a file, or None"),
        ({"progress": "bar"}, "progress is 'bar'; expected True, False, or what to call with stage and fraction, or None"),
    ],
)
def test_wrong_limits_of_a_fit_are_refused_as_those_of_a_search(options, message):
    with pytest.raises(sd.RecoveryError, match=message):
        fitted(observed(), **options)
    with pytest.raises(sd.RecoveryError, match=message):
        sd.recover(sd.ODESystem({x: f(x)}), DATA, **options)


@pytest.mark.parametrize("name", ["observed", "softened", "particle"])
def test_the_progress_of_a_fit_goes_from_stage_to_stage(tmp_path, name):
    seen = []
    fitted(CASES[name](tmp_path), progress=lambda stage, fraction: seen.append((stage, fraction)))
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert stages == [s for s in ("beginning", "softened", "starts", "polish") if s != "softened" or name != "observed"]
    for stage in stages:
        fractions = [fraction for s, fraction in seen if s == stage]
        assert all(0 <= a <= b <= 1 for a, b in zip(fractions, [*fractions[1:], 1.0], strict=True))
        assert fractions[-1] == pytest.approx(1.0)
    assert [stage for stage, _ in seen] == sorted((stage for stage, _ in seen), key=stages.index)


def test_a_false_of_numpy_shows_no_bar(monkeypatch):
    shown = []
    monkeypatch.setattr("symdyn.inference.report.bar", lambda show, **how: shown.append(show) or bar(False))
    for target in (None, True, False, np.True_, np.False_):
        with Report(target, "fit", {}):
            pass
    assert shown == [True, True, False, True, False]


def test_an_iteration_that_would_end_late_is_not_begun(monkeypatch):
    """Iterations take 3 s by a clock of their own: of 10 s the search has 8.5 s, which the third exceeds little."""
    clock, step = [0.0], LevenbergMarquardt.step
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow(self):
        clock[0] += 3.0
        step(self)

    monkeypatch.setattr(LevenbergMarquardt, "step", slow)
    found = fitted(observed(), budget=10.0)
    assert clock[0] == 9.0
    assert found.notes[-1].startswith("the search ended at its budget of time, after 3 iterations")
