"""What chunks cost beside the computation: the scheduler of a cluster, the process that asks, and the files of a store."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.harness import Sample, Settings
from benchmarks.results import Ratio, Result
from symdyn.simulation.chunk_store import ChunkStore
from symdyn.simulation.cluster import Cluster

__all__ = ["scheduling"]

WORKERS = 2
COUNTS, QUICK = (1_000, 10_000, 100_000), (200, 400)
#: Numbers from which on there is one round.
SLOW = 10_000
#: Seconds of the scheduler for a task, of a resumed run for a chunk, and the growth of its memory, that count as small.
TASK, RESUME, FLAT = 5e-3, 1e-3, 0.8


@dataclass(frozen=True)
class Usage:
    """CPU-seconds and resident bytes of the scheduler, and of this process; the wall clock."""

    scheduler: float
    scheduler_memory: float
    client: float
    client_memory: float
    clock: float

    def since(self, begin: Usage, count: int) -> dict[str, float]:
        """Columns of a table, for `count` pieces of work."""
        return {
            "scheduler, CPU ms": 1e3 * (self.scheduler - begin.scheduler) / count,
            "client, CPU ms": 1e3 * (self.client - begin.client) / count,
            "wall, ms": 1e3 * (self.clock - begin.clock) / count,
            "scheduler, MB": self.scheduler_memory / 1e6,
            "client, MB": self.client_memory / 1e6,
        }


class Measured:
    """A cluster of this machine whose scheduler is a process of its own.

    Attributes
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any, scheduler: int) -> None:
        import psutil

        self.client = client
        self._processes = psutil.Process(scheduler), psutil.Process()

    def usage(self) -> Usage:
        """What was used until now."""
        numbers = []
        for process in self._processes:
            times = process.cpu_times()
            numbers += [times.user + times.system, float(process.memory_info().rss)]
        return Usage(*numbers, time.perf_counter())


@contextmanager
def cluster() -> Iterator[Measured]:
    """A scheduler and workers of one thread."""
    from distributed import Client

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> int:
        command = [sys.executable, "-m", "dask", *options, "--no-dashboard"]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return started[-1].pid

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "scheduler.json")
        try:
            scheduler = start("scheduler", "--port", "0", "--scheduler-file", file)
            for _ in range(WORKERS):
                start("worker", "--scheduler-file", file, "--nthreads", "1", "--no-nanny")
            with Client(scheduler_file=file, set_as_default=False) as client:
                client.wait_for_workers(WORKERS)
                yield Measured(client, scheduler)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def _tasks(there: Measured, count: int) -> dict[str, float]:
    """Tasks that do nothing."""
    begin = there.usage()
    for _ in Cluster(there.client).run(abs, [(i,) for i in range(count)]):
        pass
    return there.usage().since(begin, count)


def _chunks(there: Measured, count: int, folder: Path) -> dict[str, float]:
    """Chunks of one trajectory of one state at two times, which workers write; then the store is resumed and opened."""
    decay, path = sd.ODESystem.from_text("x' = -x; x(0) = 1"), folder / f"{count}.zarr"
    options = {"trajectories": count, "layout": sd.Layout(chunk=1), "method": "tsit5", "progress": False}
    begin = there.usage()
    sd.simulate(decay, [0.0, 1.0], executor=there.client, store=path, **options)
    found = there.usage().since(begin, count)
    sizes = [(entry.stat().st_size, entry.stat().st_blocks) for entry in path.rglob("*") if entry.is_file()]
    bytes_, blocks = np.sum(sizes, axis=0)
    found |= {"objects": len(sizes) / count, "bytes": bytes_ / count, "bytes of the disk": 512 * blocks / count}
    clock = time.perf_counter()
    sd.simulate(decay, [0.0, 1.0], store=path, **options)
    found["resume, ms"] = 1e3 * (time.perf_counter() - clock) / count
    store = ChunkStore.find(path)
    assert store is not None
    clock = time.perf_counter()
    store.dataset()
    return found | {"open, s": time.perf_counter() - clock}


def scheduling(settings: Settings) -> Result:
    """What a chunk costs the scheduler, the client and the store of a cluster; memory for up to 100,000 of them."""
    result = Result({"tasks": [], "chunks": []})
    with cluster() as there, tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm"
        _tasks(there, 100), _chunks(there, 100, warm)
        for count in QUICK if settings.quick else COUNTS:
            rounds = 1 if count >= SLOW else settings.rounds
            for name in result.tables:
                rows = []
                for k in range(rounds):
                    rows.append(_tasks(there, count) if name == "tasks" else _chunks(there, count, Path(folder) / f"{k}"))
                samples = {column: Sample(tuple(float(row[column]) for row in rows)) for column in rows[0]}
                result.tables[name].append({name: count, **samples})
    few, many = result.tables["tasks"][0], result.tables["tasks"][-1]
    memory = few["scheduler, MB"].median / many["scheduler, MB"].median
    resume = result.tables["chunks"][-1]["resume, ms"]
    result.ratios = [
        Ratio("scheduler: 5 ms / CPU time of a task", few["scheduler, CPU ms"].map(lambda v: 1e3 * TASK / v), 1.0),
        Ratio("scheduler: memory after few tasks / after many", Sample((memory,)), FLAT),
        Ratio("store: 1 ms / time of a complete chunk when a run is resumed", resume.map(lambda v: 1e3 * RESUME / v), 1.0),
    ]
    return result
