"""Tasks in worker processes."""

import math

import pytest

from symdyn.studies._pool import can_travel, run_tasks


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(workers):
    found = dict(run_tasks("math:sqrt", [(k * k,) for k in range(7)], workers=workers))
    assert found == {k: k for k in range(7)}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_task_reaches_the_caller(workers):
    with pytest.raises(ValueError, match="math domain"):
        list(run_tasks("math:sqrt", [(1.0,), (-1.0,)], workers=workers))


def test_a_function_that_others_cannot_find_runs_here():
    assert can_travel((math.sqrt, 1))
    assert not can_travel((lambda x: x, 1))
    assert dict(run_tasks("builtins:callable", [(lambda: 1,), (lambda: 2,)], workers=2)) == {0: True, 1: True}


def test_leaving_early_ends_the_workers():
    running = run_tasks("time:sleep", [(0.0,), (60.0,), (60.0,)], workers=2)
    assert next(running)[0] == 0
    running.close()  # would wait a minute if the workers were not ended
