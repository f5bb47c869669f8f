"""Chunks computed one by one in this process or by the workers of an executor, until all are complete or interrupted."""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache
from pathlib import Path

from symdyn.simulation.chunk_store import ChunkStore
from symdyn.simulation.chunks import Chunk, compute
from symdyn.simulation.cluster import connected
from symdyn.simulation.ensemble import Progress, default_threads
from symdyn.simulation.executors import Executor
from symdyn.simulation.gather import Sink
from symdyn.simulation.plan import ChunkGrid, Plan
from symdyn.simulation.request import checked, software
from symdyn.simulation.verdict import Outcome

__all__ = ["work"]


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
            common = (software(*plan.kernel.packages), plan.kernel.packages, _part, plan, grid, threads or 1, sink.address)
            with closing(executor.run(checked, [(index,) for index in todo], common)) as answers:
                for place, answer in answers:
                    index = todo[place]
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


def _part(plan: Plan, grid: ChunkGrid, threads: int, address: tuple[str, str] | None, index: int) -> Chunk | Outcome:
    """Compute a chunk on a worker; a worker with access to the store writes it there and returns the outcome alone."""
    chunk = compute(plan, *grid.bounds(index), threads=threads)
    store = None if address is None else _store(*address)
    if store is None:
        return chunk
    store.write(index, plan, chunk)
    return chunk.outcome


@lru_cache(maxsize=4)
def _store(path: str, token: str) -> ChunkStore | None:
    """The store with this token, if this machine has access to it."""
    store = ChunkStore.find(Path(path))
    return store if store is not None and store.manifest["token"] == token else None
