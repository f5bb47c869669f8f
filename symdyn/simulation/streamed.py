"""One trajectory of a large state that is written while it is computed, part by part in time.

Each part begins at the state in which the one before ended, which is kept with it: what is computed after an interrupt is
bitwise what would have been computed without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from symdyn_kernels.status import SUCCESS

from symdyn.errors import DeclarationError
from symdyn.integration.kernel import ArrayKernel
from symdyn.simulation.chunks import Chunk, compute
from symdyn.simulation.ensemble import Progress, default_threads
from symdyn.simulation.plan import Plan, Segments
from symdyn.simulation.stored import Stored
from symdyn.simulation.verdict import Outcome

__all__ = ["StreamedRun", "segments", "stream"]

#: Counts of a run, which add up.
COUNTS = ("steps", "rejected", "evaluations", "details")


def segments(plan: Plan, every: int, *, executor: bool) -> Segments:
    """The parts of a trajectory.

    Raises
    ------
    DeclarationError
        For ensembles, random methods, systems whose state is small, and what a part does not know of those before.
    """
    kernel, design = plan.kernel, plan.design
    reasons = (
        (design.size != 1, f"there are {design.size} trajectories; leave out every=, by which they are stored one by one"),
        (not isinstance(kernel, ArrayKernel), f"{kernel.title} keeps few numbers; leave it out"),
        (kernel.stochastic, "random numbers of a part do not follow those of the one before"),
        (bool(plan.system.events), "events may depend on what happened before a part"),
        (plan.recipe["until"] is not None, "until= ends a trajectory within a part"),
        (plan.reductions is not None, "reduce= keeps no trajectories"),
        (executor, "parts follow each other, and an executor computes them at once"),
        (plan.frame.declared is not plan.system, "time runs backwards"),
    )
    for wrong, why in reasons:
        if wrong:
            raise DeclarationError(f"every={every} of the store is of one trajectory of fields: {why}")
    return Segments(design.shape, 0, 1, every=every, times=plan.times.size)


class StreamedRun(Stored):
    """Writes the parts of a trajectory to a store as they come.

    Parameters
    ----------
    plan : Plan
    store : ChunkStore
        Whose grid has segments.
    """

    grid: Segments

    @property
    def missing(self) -> list[int]:
        """Missing parts: all after the first that is missing, and none after a failure."""
        if any(o.failed for o in self.outcomes.values()):
            return []
        first = next((i for i in range(len(self.grid)) if i not in self.outcomes), len(self.grid))
        return [*range(first, len(self.grid))]

    @property
    def rows(self) -> int:
        return int(not self.missing)

    @property
    def outcome(self) -> Outcome:
        total = Outcome.total(self.outcomes.values())
        return total._replace(interrupted=int(bool(self.missing)), passed_on=min(total.passed_on, 1))


def stream(sink: StreamedRun, *, threads: int | None, progress: bool) -> None:
    """Compute the parts that the store lacks; after an interrupt the remaining ones are missing."""
    plan, grid, store, todo = sink.plan, sink.grid, sink.store, sink.missing
    bar = Progress(len(grid), progress, plan.kernel.method, begin=len(grid) - len(todo))
    known = store.beside(todo[0] - 1) if todo and todo[0] else {}
    try:
        for index in todo:
            span = grid.span(index)
            times = plan.times[span] if index == 0 else plan.times[span.start - 1 : span.stop]
            part = plan.going_on(times, known.get("state"))
            chunk = compute(part, 0, 1, threads=threads or default_threads(), report=bar.update)
            if not chunk.complete:
                return
            run = _added(chunk, known)
            known = {"state": run.values[:, -1, : plan.kernel.size], **{name: getattr(run, name) for name in COUNTS}}
            mine = replace(chunk, run=run._replace(values=run.values[:, 1:] if index else run.values))
            final = index == len(grid) - 1 or bool(chunk.run.status[0] != SUCCESS)
            store.write(index, part, mine, final=final, beside=known)
            bar.next()
            if chunk.stopped or sink.outcomes[index].failed:
                return
    except KeyboardInterrupt:
        pass
    finally:
        bar.close()


def _added(chunk: Chunk, known: dict[str, np.ndarray]) -> Any:
    """The run of a part with the counts of all parts until its end."""
    return chunk.run._replace(**{name: getattr(chunk.run, name) + known[name] for name in COUNTS if name in known})
