"""Two threads beside one, for every family of methods."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks import grids
from benchmarks.harness import Sample, Settings, cpu_seconds, interleaved, paired
from benchmarks.networks import NETWORKS
from benchmarks.results import Ratio, Result
from symdyn.codegen.kernel import CpuKernel
from symdyn.models import zoo
from symdyn.system import System

__all__ = ["threads"]

#: Turns of each job for every round of the other suites: wall clock is disturbed more than CPU time, and turns are short.
TURNS = 4
#: Of ensembles, and of one trajectory, whose threads wait for each other in every step.
GOAL, GOAL_ONE = 1.9, 1.8
#: Cells along each side of the film, and its steps; all of its cells are in the memory of one trajectory.
CELLS, STEPS = 512, 4000


@dataclass(frozen=True)
class Case:
    """A family, an ensemble for it, and options of the simulation."""

    family: str
    system: System
    times: np.ndarray
    trajectories: int
    options: Mapping[str, Any] = field(default_factory=dict)
    sweep: str = ""

    def job(self, threads: int, share: int) -> Callable[[], object]:
        """The whole simulation, from values to the labelled dataset."""
        count = max(1, self.trajectories // share)
        values: dict[str, Any] = {"trajectories": count}
        if self.sweep:
            number = float(next(v for p, v in self.system.defaults.items() if p.name == self.sweep))
            values = {"parameters": {self.sweep: np.linspace(0.9 * number, 1.1 * number, count)}}
        return partial(
            sd.simulate, self.system, self.times, layout=sd.Layout(threads=threads), progress=False, **values, **self.options
        )


def _cases() -> tuple[Case, ...]:
    x, mu, sigma, r = sp.symbols("x mu sigma r")
    motion = sd.SDESystem({x: mu * x}, {x: sigma * x}, parameters={mu: 0.5, sigma: 0.8}, initial={x: 1.0})
    logistic = sd.DiscreteSystem({x: r * x * (1 - x)}, parameters={r: 3.6}, initial={x: 0.4})
    schloegl, seeded = NETWORKS[0].network, {"seed": 1}
    film = grids.system()
    spot = dict(zip(film.states, grids.start((CELLS, CELLS)), strict=True))
    swept = {"method": "euler", "step": grids.STEP, "initial": spot}
    return (
        Case("explicit ODE: dop853", zoo.lorenz(), np.linspace(0, 5, 101), 32768, {"method": "dop853"}, "rho"),
        Case("explicit ODE: tsit5", zoo.lorenz(), np.linspace(0, 5, 101), 32768, {"method": "tsit5"}, "rho"),
        Case("Rosenbrock: rodas5p", zoo.van_der_pol(), np.linspace(0, 2000, 101), 8192, {"method": "rodas5p"}, "mu"),
        Case("SDE: euler-maruyama", motion, np.linspace(0, 1, 101), 65536, {"step": 1e-3, **seeded}),
        Case("map: iterate", logistic, np.arange(0.0, 4001.0, 40.0), 65536, {}, "r"),
        Case("SSA", schloegl, np.linspace(0, 10, 101), 8192, seeded),
        Case("tau-leaping", schloegl, np.linspace(0, 10, 101), 1024, {"method": "tau", **seeded}),
        Case("PDE: euler, 512 by 512 cells", film, np.array([0.0, STEPS * grids.STEP]), 1, swept),
    )


def _serial_share(job: Callable[[], object]) -> float:
    """The share of a job's CPU time that is spent outside kernels, where there is one thread."""
    spent: list[float] = []
    launch = CpuKernel.launch

    def timed(*arguments: Any, **options: Any) -> Any:
        begin = time.thread_time()
        try:
            return launch(*arguments, **options)
        finally:
            spent.append(time.thread_time() - begin)

    with patch.object(CpuKernel, "launch", timed):
        begin = time.process_time()
        job()
        total = time.process_time() - begin
    return max(0.0, 1 - sum(spent) / total)


@contextmanager
def _beside(job: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Runs a job here and in another process at once: how much more two processors of this machine do than one."""

    def serve() -> None:
        while there.recv():
            job()
            there.send(True)

    def both() -> None:
        here.send(True)
        job()
        here.recv()

    here, there = multiprocessing.Pipe()
    job()  # the copy of this process has what it compiled
    other = multiprocessing.get_context("fork").Process(target=serve, daemon=True)
    other.start()
    try:
        yield both
    finally:
        here.send(False)
        other.join()


def threads(settings: Settings) -> Result:
    """Two threads beside one for every family: whole simulations, wall clock, and what CPU time says where others are busy.

    Two processes at once, of one thread each, share nothing but the machine: what they reach is what it gives.
    """
    result = Result({"threads": []})
    for case in _cases():
        one, two = (case.job(n, 4 if settings.quick else 1) for n in (1, 2))
        with _beside(one) as both:
            wall = interleaved({"one": one, "two": two, "both": both}, settings.rounds * TURNS, time.perf_counter)
        row = {
            "family": case.family,
            "one thread, s": wall["one"],
            "two threads, s": wall["two"],
            "best / best": wall["one"].low / wall["two"].low,
            "two processes / one": paired(lambda a, b: 2 * a / b, wall["one"], wall["both"]),
        }
        result.tables["threads"].append(row)
        ratio, shared = paired(lambda a, b: a / b, wall["one"], wall["two"]), case.trajectories == 1
        result.ratios.append(Ratio(f"{case.family}: two threads / one, wall clock", ratio, GOAL_ONE if shared else GOAL))
        if shared:  # threads that wait for each other spin: CPU time says nothing of the wall clock
            continue
        work = interleaved({"one": one, "two": two}, settings.rounds, cpu_seconds)
        serial = Sample(tuple(_serial_share(two) for _ in range(settings.rounds)))
        # two threads take the serial part and half of the rest
        expected = paired(lambda a, b, s: a / (b * (s + (1 - s) / 2)), work["one"], work["two"], serial)
        row |= {
            "CPU time of two / of one": paired(lambda a, b: a / b, work["two"], work["one"]),
            "serial share": serial,
            "ratio by CPU time": expected,
        }
        result.ratios.append(Ratio(f"{case.family}: two threads / one, by CPU time", expected, GOAL))
    return result
