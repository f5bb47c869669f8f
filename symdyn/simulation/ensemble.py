"""Ensembles: parts of a kernel's trajectories in threads, with progress, and an interrupt that keeps what is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from symdyn.bar import bar
from symdyn.codegen.kernel import Batch, Kernel, Options, Run, Signals

__all__ = ["Progress", "default_threads", "launch_parallel"]

#: Parts a thread gets on average: enough that no thread idles long at the end.
PARTS = 8
#: Seconds between looks at the progress.
POLL = 0.1


def default_threads() -> int:
    """Processors this process may use, or SYMDYN_NUM_THREADS."""
    asked = os.environ.get("SYMDYN_NUM_THREADS")
    if asked:
        return max(1, int(asked))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Progress:
    """A bar that counts finished trajectories; silent in pipes and for runs that end at once."""

    def __init__(self, total: int, show: bool, title: str) -> None:
        self._bar = bar(show, total=total, desc=title, unit="traj", delay=0.5)
        self._before = 0

    def update(self, done: int) -> None:
        """Show that `done` trajectories of the present launch are finished."""
        self._bar.update(done - self._before)
        self._before = done

    def next(self) -> None:
        """The present launch is over; counting starts again at zero."""
        self._before = 0

    def close(self) -> None:
        self._bar.close()


def launch_parallel(
    kernel: Kernel, run: Run, batch: Batch, options: Options, *, threads: int, report: Callable[[int], Any]
) -> bool:
    """Fill `run`; returns False if it was interrupted, when unfinished trajectories have the status INTERRUPTED."""
    count = len(batch.initial)
    lanes = kernel.lanes(count)
    parts = 1 if threads == 1 else min(PARTS * threads, -(-count // lanes))
    bounds = [min(count, -(-count * i // parts // lanes) * lanes) for i in range(parts)] + [count]
    signals = [Signals(stop, np.zeros(1, np.int64)) for stop in [np.zeros(1, np.int64)] for _ in range(parts)]
    kernel.functions(lanes)

    def job(i: int) -> None:
        rows = slice(bounds[i], bounds[i + 1])
        if rows.start < rows.stop:
            kernel.launch(run.part(rows), batch.part(rows), options, signals=signals[i], lanes=lanes)

    complete = True
    with ThreadPoolExecutor(threads) as pool:
        pending = {pool.submit(job, i) for i in range(parts)}
        while pending:
            try:
                finished, pending = wait(pending, timeout=POLL)
                report(sum(int(s.done[0]) for s in signals))
                for future in finished:
                    future.result()
            except KeyboardInterrupt:
                complete = False
                signals[0].stop[0] = 1  # shared by all parts
            except BaseException:
                signals[0].stop[0] = 1
                raise
    return complete
