"""Tasks in worker processes."""

import math

import pytest

from symdyn.studies._pool import Workers, can_travel


@pytest.fixture(params=[1, 2])
def workers(request):
    pool = Workers(request.param)
    yield pool
    pool.close()


def test_every_task_is_done_once_and_workers_are_kept(workers):
    for _ in range(2):
        assert dict(workers.run("math:sqrt", [(k * k,) for k in range(7)])) == {k: k for k in range(7)}


def test_the_error_of_a_task_reaches_the_caller(workers):
    with pytest.raises(ValueError, match="math domain"):
        list(workers.run("math:sqrt", [(1.0,), (-1.0,)]))
    assert dict(workers.run("math:sqrt", [(4.0,), (9.0,)])) == {0: 2.0, 1: 3.0}


def test_a_function_that_others_cannot_find_runs_here():
    assert can_travel((math.sqrt, 1))
    assert not can_travel((lambda x: x, 1))
    assert dict(Workers(2).run("builtins:callable", [(lambda: 1,), (lambda: 2,)])) == {0: True, 1: True}


def test_leaving_early_ends_the_workers():
    running = Workers(2).run("time:sleep", [(0.0,), (60.0,), (60.0,)])
    assert next(running)[0] == 0
    running.close()  # would wait a minute if the workers were not ended
