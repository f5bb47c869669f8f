"""Tasks in worker processes of this machine."""

import math
import operator
import os
import signal
import time

import numpy as np
import pytest
import xarray as xr

import symdyn as sd
from symdyn.simulation.executors import Here
from symdyn.simulation.processes import Processes, can_travel


@pytest.fixture(params=[1, 2], scope="module")
def workers(request):
    pool = Processes(request.param)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def pair():
    pool = Processes(2)
    yield pool
    pool.close()


def test_every_task_is_done_once_and_workers_are_kept(workers):
    for _ in range(2):
        assert dict(workers.run(math.sqrt, [(k * k,) for k in range(7)])) == {k: k for k in range(7)}


def test_common_arguments_come_first(pair):
    for executor in (Here(), pair):
        assert dict(executor.run(operator.sub, [(1,), (2,)], (10,))) == {0: 9, 1: 8}
        assert dict(executor.run(operator.sub, [(1,), (2,)], (20,))) == {0: 19, 1: 18}


def test_the_error_of_a_task_reaches_the_caller(workers):
    with pytest.raises(ValueError, match="math domain"):
        list(workers.run(math.sqrt, [(1.0,), (-1.0,)]))
    assert dict(workers.run(math.sqrt, [(4.0,), (9.0,)])) == {0: 2.0, 1: 3.0}


def test_a_function_that_others_cannot_find_runs_here():
    assert can_travel((math.sqrt, 1))
    assert not can_travel((lambda x: x, 1))
    assert dict(Processes(2).run(callable, [(lambda: 1,), (lambda: 2,)])) == {0: True, 1: True}


def test_leaving_early_ends_the_workers():
    running = Processes(2).run(time.sleep, [(0.0,), (60.0,), (60.0,)])
    assert next(running)[0] == 0
    running.close()  # would wait a minute if the workers were not ended


def test_a_lost_worker_costs_its_task_only(pair):
    assert dict(pair.run(operator.neg, [(1,), (2,)])) == {0: -1, 1: -2}
    before = [worker._process.pid for worker in pair._pool]
    running = pair.run(time.sleep, [(0.0,), (0.3,), (0.3,)])
    next(running)
    os.kill(before[0], signal.SIGKILL)
    assert sorted(i for i, _ in running) == [1, 2]
    assert {worker._process.pid for worker in pair._pool} - set(before)


def test_a_sweep_gives_the_bits_of_this_process(pair, tmp_path):
    system = sd.ODESystem.from_text("x' = -a*x; x(0) = 1")
    options = dict(parameters={"a": np.linspace(0, 3, 40)}, progress=False)
    expected = sd.simulate(system, [0, 1, 2], **options)
    xr.testing.assert_identical(sd.simulate(system, [0, 1, 2], executor=pair, layout=sd.Layout(chunk=16), **options), expected)
    stored = sd.simulate(system, [0, 1, 2], executor=pair, store=tmp_path / "run", **options)
    xr.testing.assert_identical(stored.load(), expected)


def test_a_task_that_takes_every_worker_down_is_an_error(monkeypatch):
    monkeypatch.setattr("symdyn.simulation.processes.RETRIES", 1)
    with pytest.raises(sd.SymdynError, match=r"lost with one worker process after another \(exit code 3\)"):
        list(Processes(2).run(os._exit, [(3,), (3,)]))
