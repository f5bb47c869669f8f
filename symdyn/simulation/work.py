"""Chunks computed one by one in this process or by the workers of an executor, until all are complete or interrupted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from symdyn.simulation.chunk_store import ChunkStore
from symdyn.simulation.chunks import Chunk, compute
from symdyn.simulation.cluster import connected
from symdyn.simulation.ensemble import Progress, default_threads
from symdyn.simulation.executors import Executor
from symdyn.simulation.gather import Sink
from symdyn.simulation.plan import CHUNK_BYTES, ChunkGrid, Plan
from symdyn.simulation.request import checked, software
from symdyn.simulation.verdict import Outcome

__all__ = ["bundled", "work"]

#: Most tasks for each slot of an executor, and at least: more of them cost the scheduler time and balance the load no better.
TASKS, LEAST_TASKS = 64, 4096


def work(sink: Sink, executor: Executor | None, *, threads: int | None, progress: bool) -> None:
    """Compute the chunks that the sink lacks; after an interrupt the remaining ones are missing."""
    plan, grid, todo = sink.plan, sink.grid, sink.missing
    bar = Progress(plan.design.size, progress, plan.kernel.method, begin=sink.rows)
    try:
        if executor is None:
            sink.shared = not connected()
            for index in todo:
                bar.note(len(sink.outcomes), len(grid))
                chunk = compute(plan, *grid.bounds(index), threads=threads or default_threads(), report=bar.update)
                bar.next()
                sink.take(index, chunk)
                if chunk.stopped:
                    return
        else:
            sink.shared = False
            packages = plan.kernel.packages
            common = (software(*packages), packages, _parts, plan, grid, threads or 1, sink.address)
            bundles = bundled(todo, plan, grid, executor.slots)
            with closing(executor.run(checked, [(bundle,) for bundle in bundles], common)) as answers:
                for place, chunks in answers:
                    for index, answer in zip(bundles[place], chunks, strict=True):
                        if isinstance(answer, Chunk):
                            sink.take(index, answer)
                        else:
                            sink.outcomes[index], sink.shared = answer, True
                        start, stop = grid.bounds(index)
                        bar.update(stop - start)
                        bar.next()
                    bar.note(len(sink.outcomes), len(grid))
    except KeyboardInterrupt:
        sink.shared = sink.shared and executor is None
    finally:
        bar.close()


def bundled(todo: Sequence[int], plan: Plan, grid: ChunkGrid, slots: int) -> list[Sequence[int]]:
    """Chunks in the bundles that are tasks of an executor.

    Parameters
    ----------
    todo : sequence of int
        Missing chunks.
    plan, grid : Plan, ChunkGrid
    slots : int
        Tasks that run at once.

    Returns
    -------
    list of sequence of int
        Single chunks unless there are very many; the trajectories of a bundle take no more memory than a chunk may.
    """
    size = -(-len(todo) // max(LEAST_TASKS, TASKS * slots)) or 1
    if plan.reductions is None:
        size = min(size, max(1, CHUNK_BYTES // (math.prod(grid.box) * plan.row_bytes)))
    return [todo[i : i + size] for i in range(0, len(todo), size)]


def _parts(
    plan: Plan, grid: ChunkGrid, threads: int, address: tuple[str, str] | None, bundle: Sequence[int]
) -> list[Chunk | Outcome]:
    """Compute chunks on a worker; a worker with access to the store writes them there and returns the outcomes alone."""
    store = None if address is None else _store(*address)
    found: list[Chunk | Outcome] = []
    for index in bundle:
        chunk = compute(plan, *grid.bounds(index), threads=threads)
        if store is not None:
            store.write(index, plan, chunk)
        found.append(chunk if store is None else chunk.outcome)
    return found


@lru_cache(maxsize=4)
def _store(path: str, token: str) -> ChunkStore | None:
    """The store with this token, if this machine has access to it."""
    store = ChunkStore.find(Path(path))
    return store if store is not None and store.manifest["token"] == token else None
