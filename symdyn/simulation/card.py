"""Chunks that stay on a CUDA card: blocks are reduced there, and only the sums are transferred."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np

from symdyn.codegen.kernel import Batch, Run, Signals
from symdyn.simulation.plan import Plan
from symdyn.simulation.reduce import Statistics, blocks
from symdyn.simulation.verdict import Outcome

__all__ = ["sum_on_card"]

#: Seconds between updates of the progress.
POLL = 0.1


def sum_on_card(
    plan: Plan, batch: Batch, start: int, *, report: Callable[[float], Any]
) -> tuple[Run, dict[int, dict[str, np.ndarray]], Outcome, bool]:
    """Run a batch, the rows of the design from `start` on, and reduce it; a `symdyn.simulation.chunks.Chunk`."""
    from symdyn.codegen.cuda.kernel import CudaKernel  # imports CUDA's compilers, which only a plan for a card needs

    count = len(batch.initial)
    places = list(blocks(start, start + count, plan.design.trajectories))
    bounds = np.array([begin - start for _, begin, _ in places] + [count])
    kernel, signals = cast(CudaKernel, plan.kernel), Signals.new()
    reduction = kernel.reduction(lambda: cast(CudaKernel, plan.successor), plan.frame.observer)
    run = kernel.empty(count, 0)._replace(aside=np.empty((count, 0)))  # nothing of events is summed up
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(reduction.run, run, batch, plan.options, bounds, signals)
        while True:
            try:
                summed = running.result(timeout=POLL)
                break
            except TimeoutError:
                report(int(signals.done[0]))
            except KeyboardInterrupt:  # the card completes its current launch
                signals.stop[0] = 1
    report(int(signals.done[0]))
    found: dict[int, Statistics] = {}
    for b, (point, _, _) in enumerate(places):
        if point not in found:
            found[point] = plan.statistics()
        found[point].add_summed(*summed.summary[:, b])
    run.passage[:] += plan.origin
    # of all values only those of the first trajectory that failed came back
    kept = run if summed.failed is None else run._replace(values=np.broadcast_to(summed.failed, (count, *summed.failed.shape)))
    outcome = Outcome.of(kept, plan.times, start, passed_on=plan.passed_on(summed.passed_on))
    nothing = np.empty((0, plan.times.size, plan.frame.columns))
    arrays = {point: statistics.arrays() for point, statistics in found.items()}
    return run._replace(values=nothing, aside=run.aside[:0]), arrays, outcome, bool(signals.stop[0])
