"""Time of a search: what a limit leaves, what an interrupt keeps, and how far a longer one goes."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.inference.budget import LEVELS, Budget, LateError
from symdyn.inference.problem import SelectionProblem
from symdyn.inference.selection import Selection

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
