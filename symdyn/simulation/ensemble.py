"""Ensembles: parts of a kernel's trajectories in threads, with progress, and an interrupt that retains finished results."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np
from symdyn_kernels.status import TOO_MANY_STEPS

from symdyn.bar import bar, drawn
from symdyn.codegen.kernel import Batch, Kernel, Options, Run, Signals
from symdyn.errors import DeclarationError, SymdynError
from symdyn.identity import remembered

__all__ = ["GivenUpError", "Progress", "default_threads", "given_up", "launch_parallel"]

#: Parts of an ensemble for each thread, if all had the greatest length.
PARTS = 8
#: Share of an ensemble of random trajectories from the same values that threads take in one part each.
ALIKE = 3 / 4
#: Trajectories for each lane in the shortest part: lanes idle while the last trajectories of a part end, which takes longest
#: for jump processes.
ROUNDS, RANDOM_ROUNDS = 8, 32
#: Seconds between updates of the progress.
POLL = 0.1
#: States, and steps times states, of a single trajectory that is run without another thread; files of models that took more.
FEW_STATES, FEW_UPDATES = 60, 30_000
_LONG: set[str] = set()
#: For each thread, who is asked whether the result of its run is still wanted, and its signals.
_ASKED = threading.local()
#: Threads that wait for the next run, by their number: to start one takes longer than many a run.
_WAITING: dict[int, list[ThreadPoolExecutor]] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WAITING.clear)  # a copy of a process has none of its threads


class GivenUpError(SymdynError):
    """A run ended early because its result is not wanted any longer, see `given_up`."""


def default_threads() -> int:
    """Processors this process may use, or SYMDYN_NUM_THREADS.

    Raises
    ------
    DeclarationError
        If that variable is no number of threads.
    """
    asked = os.environ.get("SYMDYN_NUM_THREADS")
    if not asked:
        return _processors()
    if not asked.isdecimal() or int(asked) < 1:
        raise DeclarationError(f"SYMDYN_NUM_THREADS is {asked!r}; expected a whole number from 1")
    return int(asked)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Progress:
    """A bar that counts finished trajectories; not shown in pipes and for short runs."""

    def __init__(self, total: int, show: bool, title: str, begin: int = 0) -> None:
        self._bar = bar(show, total=total, initial=begin, desc=title, unit="traj", delay=0.5) if drawn(show) else None
        self._before = 0.0

    def update(self, done: float) -> None:
        """Show that `done` trajectories of the present launch are finished."""
        if self._bar is not None:
            self._bar.update(done - self._before)
            self._before = done

    def next(self) -> None:
        """The present launch is over; counting starts again at zero."""
        self._before = 0.0

    def note(self, done: int, chunks: int) -> None:
        """Show how many chunks are done, where there are several."""
        if chunks > 1 and self._bar is not None:
            self._bar.set_postfix_str(f"{done} of {chunks} chunks", refresh=False)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


@contextmanager
def given_up(asked: Callable[[], bool]) -> Iterator[None]:
    """Runs within end soon after `asked` says so, with a `GivenUpError`; it is asked by the thread that runs.

    >>> with given_up(lambda: False):
    ...     pass
    """
    before = getattr(_ASKED, "asked", None)
    _ASKED.asked = asked
    try:
        yield
    finally:
        _ASKED.asked = before


def launch_parallel(
    kernel: Kernel, run: Run, batch: Batch, options: Options, *, threads: int, report: Callable[[float], Any]
) -> bool:
    """Fill `run`; returns False if it was interrupted, when unfinished trajectories have the status INTERRUPTED."""
    count = len(batch.initial)
    threads = threads if kernel.parallel else 1
    lanes = kernel.lanes(-(-count // threads))
    some = [[v[k] for k in (0, count // 2, -1)] for v in (batch.initial, batch.parameters)]
    alike = kernel.stochastic and all(np.array_equal(a, b) and np.array_equal(b, c) for a, b, c in some)
    parts = _parts(count, lanes, threads, RANDOM_ROUNDS if kernel.stochastic else ROUNDS, alike=alike)
    workers = min(threads, len(parts))
    kernel.prepare(lanes, threads // workers)
    if count == 1 and _ended_at_once(kernel, run, batch, options, lanes):
        report(1.0)
        return True
    left = iter(parts)  # shared by all threads: each takes the next part when it is done with one
    done: list[slice] = []  # parts that no thread writes to any longer
    stop = np.zeros(1, np.int64)
    signals = [Signals.new(stop) for _ in range(workers)]

    def work(i: int) -> None:
        if workers > 1:
            _settle(i, workers)
        fill(signals[i])

    def fill(own: Signals) -> None:
        for rows in left:
            try:
                kernel.launch(run.part(rows), batch.part(rows), options, signals=own, lanes=lanes)
            finally:
                done.append(rows)

    pending: set[Future[None]] = set()
    asked = getattr(_ASKED, "asked", None)
    with _threads(workers, stop) as pool:
        try:
            for i in range(workers):
                pending.add(pool.submit(work, i))
            while pending:
                finished, pending = wait(pending, timeout=POLL)
                report(sum(int(s.done[0]) + _part_done(s, batch.times) for s in signals))
                if asked is not None and asked():
                    raise GivenUpError("the run was given up: nobody waits for it any longer")
                for future in finished:
                    future.result()
        except BaseException as error:
            stop[0] = 1
            if not isinstance(error, KeyboardInterrupt):
                raise
    if stop[0]:
        fill(Signals.new(stop))  # interrupted kernels mark the trajectories that have not begun
        while len(done) < len(parts):  # the pool does not know a thread during whose start it was interrupted
            time.sleep(POLL / 10)
    return not stop[0]


def _ended_at_once(kernel: Kernel, run: Run, batch: Batch, options: Options, lanes: int) -> bool:
    """Run a trajectory of few steps and states in this thread: another one takes longer to begin than such a run takes.

    Returns False, and remembers the model, if there are more steps, after which an interrupt could not be noticed in time.
    """
    limit = kernel.family.limit(options)
    if kernel.size > FEW_STATES or kernel.large or "max_steps" not in kernel.reads or kernel.path in _LONG:
        return False
    few = FEW_UPDATES // max(1, kernel.size)
    kernel.launch(run, batch, _limited(options, min(limit, few)), signals=_own_signals(), lanes=lanes)
    if run.status[0] != TOO_MANY_STEPS or limit <= few:
        return True
    _LONG.add(kernel.path)
    for mine, new in zip(run, kernel.empty(1, batch.times.size), strict=True):
        mine[:] = new
    run.values[:] = np.nan
    return False


@remembered(16)
def _limited(options: Options, steps: int) -> Options:
    return replace(options, max_steps=steps)


class _OwnSignals(Signals):
    """Signals of a thread, which lasts: compiled functions remember where they are."""

    __slots__ = ()
    lasting = True


def _own_signals() -> Signals:
    """The signals of this thread, for runs that nobody stops or watches."""
    try:
        return _ASKED.signals
    except AttributeError:
        _ASKED.signals = _OwnSignals(*Signals.new())
        return _ASKED.signals


@contextmanager
def _threads(number: int, stop: np.ndarray) -> Iterator[ThreadPoolExecutor]:
    """Threads: those of an earlier run that wait, or new ones; they wait for the next run, or end where one was stopped."""
    waiting = _WAITING.setdefault(number, [])
    try:
        pool = waiting.pop()
    except IndexError:  # there are none, or another thread was faster
        pool = ThreadPoolExecutor(number)
    try:
        yield pool
    except BaseException:
        pool.shutdown()
        raise
    if stop[0]:
        pool.shutdown()
    else:
        waiting.append(pool)  # the last that happens here: another thread may take it at once


def _part_done(signals: Signals, times: np.ndarray) -> float:
    """Part of the present trajectory that is done, where the kernel says which time it has reached."""
    t = float(signals.reached[0])
    return (t - times[0]) / (times[-1] - times[0]) if t > times[0] else 0.0


def _parts(count: int, lanes: int, threads: int, rounds: int, *, alike: bool = False) -> list[slice]:
    """Parts of an ensemble: of equal length at first, shorter towards the end, so that all threads end at nearly the same time.

    The shortest has `rounds` trajectories for each lane, unless threads would be idle for it.  Where trajectories are `alike`,
    so that long parts take as long, each thread has most of its share in its first part.

    Examples
    --------
    >>> [p.stop - p.start for p in _parts(2000, 8, 2, rounds=8)]
    [128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 120, 88, 64, 64, 64, 64]
    >>> [p.stop - p.start for p in _parts(2000, 8, 2, rounds=32, alike=True)]
    [752, 752, 256, 240]
    """
    if threads == 1:
        return [slice(0, count)]
    least = lanes * min(rounds, -(-count // (threads * lanes))) if lanes > 1 else 1
    parts, begin = list[slice](), 0
    while begin < count:
        length = max(least, min(count // (PARTS * threads), (count - begin) // (2 * threads)))
        if alike and len(parts) < threads:
            length = max(length, int(ALIKE * count / threads))
        end = min(count, begin + -(-length // lanes) * lanes)
        parts.append(slice(begin, end))
        begin = end
    return parts


def _settle(number: int, threads: int) -> None:
    """Move this thread to a processor of its own, and leave it free to move again.

    With one thread for every processor, Linux may place a new thread on the processor of its creator until it balances the
    load after some milliseconds: short ensembles would run on one processor.
    """
    if hasattr(os, "sched_setaffinity") and threads >= _processors():
        allowed = sorted(os.sched_getaffinity(0))
        with suppress(OSError):
            os.sched_setaffinity(0, {allowed[number % len(allowed)]})
            os.sched_setaffinity(0, allowed)
