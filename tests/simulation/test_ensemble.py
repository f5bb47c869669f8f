"""Parts of an ensemble: all of it, in threads, whatever happens on the way."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import INTERRUPTED, SUCCESS

import symdyn as sd
from symdyn.codegen.kernel import Batch, CpuKernel, Options
from symdyn.errors import DeclarationError
from symdyn.simulation import ensemble
from symdyn.simulation.ensemble import _parts, default_threads, launch_parallel

TIMES = np.linspace(0, 1, 4)


def decay() -> CpuKernel:
    """x' = -a x."""
    x, a = sp.symbols("x a")
    return sd.compile(sd.ODESystem({x: -a * x}), method="tsit5")


def batch(count: int) -> Batch:
    """Every trajectory starts at 1 and has a rate of its own."""
    return Batch(np.ones((count, 1)), np.linspace(0.5, 2, count)[:, None], TIMES, np.arange(count))


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("lanes", [1, 8, 32])
@pytest.mark.parametrize("count", [1, 2, 7, 33, 1000, 4097])
@pytest.mark.parametrize("alike", [False, True])
def test_parts_are_all_of_the_ensemble_in_order(alike, count, lanes, threads):
    parts = _parts(count, lanes, threads, rounds=8, alike=alike)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
    assert all(part.stop > part.start for part in parts)
    assert all(part.start % lanes == 0 for part in parts)
    assert len(parts) >= min(threads, -(-count // lanes) // 2)  # no thread idles for want of parts
    assert len(parts) == 1 or threads > 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_trajectory_is_run_once_for_any_number_of_threads(threads):
    kernel, count, reported = decay(), 700, []
    run = kernel.empty(count, TIMES.size)
    assert launch_parallel(kernel, run, batch(count), Options(), threads=threads, report=reported.append)
    assert (run.status == SUCCESS).all()
    assert reported[-1] == count
    exact = np.exp(-batch(count).parameters * TIMES)
    assert np.abs(run.values[..., 0] - exact).max() < 1e-5


def test_threads_that_another_run_takes_at_once_stay_alive(monkeypatch):
    taken = []

    class Waiting(list):
        """Where another run stands, and takes what comes."""

        def append(self, pool):
            taken.append(pool)

    monkeypatch.setattr(ensemble, "_WAITING", {2: Waiting()})
    kernel = decay()
    assert launch_parallel(kernel, kernel.empty(700, TIMES.size), batch(700), Options(), threads=2, report=lambda done: None)
    assert taken.pop().submit(int).result() == 0


def test_threads_may_use_all_processors_afterwards(monkeypatch):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system has no sched_getaffinity")
    seen, launch = {}, CpuKernel.launch

    def spied(*arguments, **options):
        seen[threading.get_ident()] = os.sched_getaffinity(0)
        return launch(*arguments, **options)

    monkeypatch.setattr(CpuKernel, "launch", spied)
    monkeypatch.setattr(ensemble, "_processors", lambda: 2)
    kernel, before = decay(), os.sched_getaffinity(0)
    assert launch_parallel(kernel, kernel.empty(700, 4), batch(700), Options(), threads=2, report=lambda done: None)
    assert set(map(frozenset, seen.values())) == {frozenset(before)}
    assert os.sched_getaffinity(0) == before


def test_an_interrupt_keeps_what_is_done_and_marks_the_rest(monkeypatch):
    begun, launch = threading.Event(), CpuKernel.launch

    def slow(self, run, part, options, *, signals, **further):
        if begun.is_set() and not signals.stop[0]:
            threading.Event().wait(0.2)
        begun.set()
        return launch(self, run, part, options, signals=signals, **further)

    def interrupt(done):
        raise KeyboardInterrupt

    monkeypatch.setattr(CpuKernel, "launch", slow)
    monkeypatch.setattr(ensemble, "POLL", 0.01)
    kernel, count = decay(), 2000
    run = kernel.empty(count, TIMES.size)
    run.values[:] = np.nan
    assert not launch_parallel(kernel, run, batch(count), Options(), threads=2, report=interrupt)
    assert set(run.status) == {SUCCESS, INTERRUPTED}
    assert np.isnan(run.values[run.status == INTERRUPTED, -1]).all()
    assert np.isfinite(run.values[run.status == SUCCESS]).all()


def test_a_thread_during_whose_start_it_was_interrupted_is_waited_for(monkeypatch):
    """The pool does not know it; it went on writing to memory that was stored as finished trajectories."""
    launch, start = CpuKernel.launch, threading.Thread.start

    def slow(self, run, part, options, *, signals, **further):
        threading.Event().wait(0.3)
        return launch(self, run, part, options, signals=signals, **further)

    def interrupted(thread):
        start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(CpuKernel, "launch", slow)
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    monkeypatch.setattr("symdyn.simulation.ensemble._WAITING", {})
    kernel, count = decay(), 100
    run = kernel.empty(count, TIMES.size)
    run.values[:], run.status[:] = np.nan, SUCCESS  # as memory may be found
    assert not launch_parallel(kernel, run, batch(count), Options(), threads=1, report=lambda done: None)
    assert (run.status == INTERRUPTED).all()


def test_an_interrupt_at_the_end_of_a_chunk_is_heard(monkeypatch):
    """The first chunk was done when it came; the second is not begun."""
    original = ensemble.wait

    def late(pending, timeout):
        original(pending)
        raise KeyboardInterrupt

    monkeypatch.setattr(ensemble, "wait", late)
    x = sp.Symbol("x")
    with pytest.warns(UserWarning, match="4 of 8 trajectories"):
        data = sd.simulate(sd.ODESystem({x: -x}), TIMES, initial={x: 1}, trajectories=8, layout=sd.Layout(chunk=4, threads=1))
    assert data.status.values.tolist() == [SUCCESS] * 4 + [INTERRUPTED] * 4


def test_an_error_in_a_thread_ends_the_run(monkeypatch):
    def broken(*arguments, **options):
        raise DeclarationError("no such rate")

    monkeypatch.setattr(CpuKernel, "launch", broken)
    kernel = decay()
    with pytest.raises(DeclarationError, match="no such rate"):
        launch_parallel(kernel, kernel.empty(700, 4), batch(700), Options(), threads=2, report=lambda done: None)


def test_threads_by_environment_are_read_or_refused(monkeypatch):
    monkeypatch.setenv("SYMDYN_NUM_THREADS", "3")
    assert default_threads() == 3
    for text in ("0", "many", "-2"):
        monkeypatch.setenv("SYMDYN_NUM_THREADS", text)
        with pytest.raises(DeclarationError, match=f"SYMDYN_NUM_THREADS is '{text}'; expected a whole number from 1"):
            default_threads()
    monkeypatch.delenv("SYMDYN_NUM_THREADS")
    assert default_threads() >= 1
