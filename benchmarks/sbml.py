"""SBML models beside libRoadRunner: until a model is ready, single runs, and batches of parameter points."""

from __future__ import annotations

import itertools
import lzma
import os
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import symdyn as sd
from benchmarks.compile_time import mark
from benchmarks.harness import Sample, Settings, attempt, interleaved, paired
from benchmarks.results import Ratio, Result

__all__ = ["generated", "sbml"]

ROOT = Path(__file__).parents[1]
#: Published problems, where they are; the name of the archive may stand in the environment.
ARCHIVE = Path(os.environ.get("SYMDYN_PETAB_PROBLEMS", ROOT.parent / "shared" / "data" / "petab_problems.tar.xz"))
#: Lengths of time courses, by the last measurement of each problem.
LENGTHS = {
    "Bachmann_MSB2011": 240.0, "Boehm_JProteomeRes2014": 240.0, "Borghans_BiophysChem1997": 30.0, "Bruno_JExpBot2016": 180.0,
    "Crauste_CellSystems2017": 40.0, "Elowitz_Nature2000": 590.0, "Fujita_SciSignal2010": 3600.0, "Perelson_Science1996": 7.0,
    "Rahman_MBS2016": 22.0, "Raia_CancerResearch2011": 120.0, "Sneyd_PNAS2002": 5.0, "Weber_BMC2015": 60.0,
}  # fmt: skip
SPECIES, REACTIONS, POINTS = 500, 800, 1000
RTOL, ATOL = 1e-6, 1e-9
PEER = "libRoadRunner"
#: How many times faster batches should be.
GOALS = {"batch": 10.0}
#: Seconds after which a model gets no further rounds, and the fewest that it gets, so that all take minutes.
PATIENCE, FEWEST = 6.0, 3


@dataclass(frozen=True)
class _Published:
    """A model, what is simulated of it, and its name."""

    name: str
    text: str
    length: float

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0, self.length, 101)

    def new(self, number: int) -> str:
        """The text with a parameter renamed, so that no cache knows the model."""
        known = re.search(r"<(?:parameter|localParameter) [^>]*\bid=\"(\w+)\"", self.text)
        name = known[1] if known else "k"
        return re.sub(rf"(?<=[\"> ]){name}(?=[\"< ])", f"{name}_{number}", self.text)


def generated(species: int = SPECIES, reactions: int = REACTIONS, seed: int = 0) -> str:
    """A random network of mass action in SBML: each species decays and is made; the others are conversions and bindings."""
    random = np.random.default_rng(seed)
    lines, constants = [], {}
    for k in range(reactions):
        constants[f"k{k}"] = float(random.lognormal(-1, 0.5))
        if k < species:
            a, b = k, int(random.integers(species))
            lines.append(f"S{a} -> {'S' + str(b) if b != a else '0'}, k{k}")
        else:
            a, b, c = (int(i) for i in random.choice(species, 3, replace=False))
            lines.append(f"S{a} + S{b} -> S{c}, k{k}")
    text = "\n".join([*lines, *(f"{name} = {value!r}" for name, value in constants.items())])
    text += "\n" + "\n".join(f"S{k}(0) = {int(random.integers(1, 100))}" for k in range(species))
    return sd.ReactionNetwork.from_text(text).to_sbml()


def _models(quick: bool) -> Iterator[_Published]:
    yield _Published("Goldbeter 1991", (ROOT / "examples" / "data" / "goldbeter1991.xml").read_text(), 100.0)
    if ARCHIVE.exists():
        with lzma.open(ARCHIVE) as raw, tarfile.open(fileobj=raw) as members:
            for member in members:
                name = Path(member.name).parent.name
                file = members.extractfile(member) if Path(member.name).name == f"model_{name}.xml" else None
                if file is not None and (not quick or name.startswith("Bo")):
                    yield _Published(name, file.read().decode("utf-8-sig"), LENGTHS[name])
    size = (50, 80) if quick else (SPECIES, REACTIONS)
    yield _Published(f"generated, {size[0]} species, {size[1]} reactions", generated(*size), 10.0)


def _ready(m: _Published, text: str) -> None:
    """Until the first result of a model that is new."""
    sd.simulate(sd.read_sbml(text, as_="ode"), m.times[[0, -1]], rtol=RTOL, atol=ATOL, progress=False)


def _peer(text: str) -> Any:
    import roadrunner

    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = RTOL, ATOL
    return runner


def _peer_ready(m: _Published, text: str) -> None:
    _peer(text).simulate(0, m.length, 2)


def _wall(job: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def _batch(runner: Any, m: _Published, names: list[str], points: np.ndarray) -> None:
    for row in points:
        runner.resetToOrigin()
        for name, value in zip(names, row, strict=True):
            runner.setValue(name, float(value))
        runner.reset()
        runner.simulate(0, m.length, len(m.times))


def _difference(found: Any, runner: Any, m: _Published) -> float:
    """The largest difference between both over the largest value of the state."""
    runner.resetToOrigin()
    names = [*runner.model.getFloatingSpeciesIds()]
    runner.timeCourseSelections = [f"[{name}]" for name in names]
    theirs = np.asarray(runner.simulate(0, m.length, len(m.times)))
    ours = np.stack([found[name].values if name in found else np.full(len(m.times), np.nan) for name in names], axis=1)
    return float(np.nanmax(np.abs(ours - theirs) / np.abs(theirs).max(axis=0, initial=1e-300)))


def sbml(settings: Settings) -> Result:
    """Models in SBML: wall seconds until a new one is ready, CPU-seconds of single runs and of batches of parameter points."""
    result = Result({"models": []})
    numbers, count = itertools.count(mark()), 50 if settings.quick else POINTS
    sd.simulate(sd.read_sbml(next(_models(True)).text, as_="ode"), [0.0, 1.0], progress=False)
    for m in _models(settings.quick):
        ready: dict[str, list[float]] = {"symdyn": [], PEER: []}
        begin = time.perf_counter()
        for k in range(settings.rounds):
            if k >= FEWEST and time.perf_counter() - begin > PATIENCE:
                break
            text = m.new(next(numbers))
            ready["symdyn"].append(_wall(partial(_ready, m, text)))
            ready[PEER].append(attempt(partial(_wall, partial(_peer_ready, m, text)))[0] or float("nan"))
        system = sd.read_sbml(m.text, as_="ode")
        names = [p.name for p in system.parameters if system.defaults[p] > 0]
        values = np.array([system.defaults[p] for p in system.parameters if p.name in names])
        points = values * np.random.default_rng(1).lognormal(sigma=0.1, size=(count, len(names)))
        lanes = {n: xr.DataArray(column, dims="trajectory") for n, column in zip(names, points.T, strict=True)}
        ours = partial(sd.simulate, system, m.times, rtol=RTOL, atol=ATOL, progress=False, on_failure="nan")
        runner, note = attempt(partial(_peer, m.text))
        jobs: dict[str, Callable[[], Any]] = {"one": ours, "batch": partial(ours, parameters=lanes)}
        few, alone = max(count // 10, 10), partial(_batch, runner, m, [], np.empty((1, 0)))
        if not note and not (note := attempt(alone)[1]):
            few = max(10, min(few, int(PATIENCE / 5 / _wall(alone))))
            batch = partial(_batch, runner, m, names, points[:few])
            if not (note := attempt(batch)[1]):
                jobs |= {"one, peer": alone, "batch, peer": batch}
        turn = sum(map(_wall, jobs.values()))
        seconds = interleaved(jobs, max(min(settings.rounds, FEWEST), min(settings.rounds, int(PATIENCE / turn))))
        row = {"model": m.name, "states": len(system.states)}
        label = "ready, wall s", "single run, CPU ms", f"{count} points, CPU s"
        cells = [Sample(tuple(ready["symdyn"])), seconds["one"].map(lambda s: 1e3 * s), seconds["batch"]]
        result.tables["models"].append({**row, "package": "symdyn", **dict(zip(label, cells, strict=True))})
        if note:
            result.tables["models"].append({**row, "package": PEER, "note": note})
            continue
        single, many = seconds["one, peer"].map(lambda s: 1e3 * s), seconds["batch, peer"].map((count / few).__mul__)
        theirs = [Sample(tuple(ready[PEER])), single, many]
        apart = _difference(ours(), runner, m)
        result.tables["models"].append(
            {**row, "package": PEER, **dict(zip(label, theirs, strict=True)), "largest difference": apart}
        )
        for what, mine, other in zip(("ready", "single run", "batch"), cells, theirs, strict=True):
            result.ratios.append(
                Ratio(f"{m.name}: {what}, {PEER} / symdyn", paired(lambda a, b: b / a, mine, other), GOALS.get(what))
            )
    return result
