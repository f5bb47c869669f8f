"""SBML models beside libRoadRunner: until a model is ready, single runs, and batches of parameter points."""

from __future__ import annotations

import itertools
import lzma
import os
import re
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
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
#: Relative tolerance of references, those among which one is as accurate as the peer, and the points at which errors are taken.
TIGHT, LOOSER, ACCURATE = 1e-10, (1e-3, 1e-4, 1e-5, 1e-6, 1e-7), 8
PEER = "libRoadRunner"
#: How many times faster batches should be.
GOALS = {"batch": 10.0, "batch of equal accuracy": 10.0}
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


def _values(data: xr.Dataset, names: list[str]) -> np.ndarray:
    """Species (points, T, n) of a batch."""
    return np.stack([data[name].values for name in names], axis=-1)


def _peer_values(runner: Any, m: _Published, names: list[str], lanes: Mapping[str, xr.DataArray]) -> np.ndarray:
    """The same species of the peer."""
    runner.timeCourseSelections = [f"[{name}]" for name in names]
    found = []
    for k in range(ACCURATE):
        runner.resetToOrigin()
        for name, column in lanes.items():
            runner.setValue(name, float(column[k]))
        runner.reset()
        found.append(np.array(runner.simulate(0, m.length, len(m.times))))
    return np.stack(found)


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference over the largest value of the state in its time course, or over what tolerances distinguish."""
    return float((np.abs(found - expected) / np.maximum(np.abs(expected).max(axis=1, keepdims=True), ATOL / RTOL)).max())


@dataclass(frozen=True)
class _Accuracy:
    """Errors of both at the same tolerances, and the loosest relative tolerance at which symdyn's is no larger."""

    ours: float
    theirs: float
    apart: float
    rtol: float


def _accuracy(system: sd.System, m: _Published, lanes: Mapping[str, xr.DataArray]) -> _Accuracy:
    """Of some points, beside runs of 1e-10; those of both packages should be close to each other."""
    few = {name: column[:ACCURATE] for name, column in lanes.items()}
    run = partial(sd.simulate, system, m.times, parameters=few, progress=False)
    tight = run(rtol=TIGHT, atol=TIGHT * ATOL / RTOL, method="rodas5p")
    runner = _peer(m.text)
    names = [name for name in runner.model.getFloatingSpeciesIds() if name in tight]
    reference, theirs = _values(tight, names), _peer_values(runner, m, names, few)
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = TIGHT, TIGHT * ATOL / RTOL
    apart, bound = _error(_peer_values(runner, m, names, few), reference), _error(theirs, reference)
    errors = {rtol: _error(_values(run(rtol=rtol, atol=rtol * ATOL / RTOL), names), reference) for rtol in LOOSER}
    enough = [rtol for rtol, error in errors.items() if error <= bound]
    return _Accuracy(errors[RTOL], bound, apart, max(enough, default=min(LOOSER)))


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
        sizes = re.findall(r"<compartment [^>]*\bid=\"(\w+)\"", m.text)  # another size means another start to the peer
        names = [p.name for p in system.parameters if system.defaults[p] > 0 and p.name not in sizes]
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
        exact: _Accuracy | None = None
        if not note:
            exact, note = attempt(partial(_accuracy, system, m, lanes))
        if exact is not None:
            loose = {"rtol": exact.rtol, "atol": exact.rtol * ATOL / RTOL}
            jobs["batch of equal accuracy"] = partial(ours, parameters=lanes, **loose)
        turn = sum(map(_wall, jobs.values()))
        seconds = interleaved(jobs, max(min(settings.rounds, FEWEST), min(settings.rounds, int(PATIENCE / turn))))
        row = {"model": m.name, "states": len(system.states)}
        label = "ready, wall s", "single run, CPU ms", f"{count} points, CPU s"
        cells = [Sample(tuple(ready["symdyn"])), seconds["one"].map(lambda s: 1e3 * s), seconds["batch"]]
        own: dict[str, Any] = {**row, "package": "symdyn", **dict(zip(label, cells, strict=True))}
        result.tables["models"].append(own)
        if exact is None:
            result.tables["models"].append({**row, "package": PEER, "note": note})
            continue
        single, many = seconds["one, peer"].map(lambda s: 1e3 * s), seconds["batch, peer"].map((count / few).__mul__)
        theirs = [Sample(tuple(ready[PEER])), single, many]
        equal = seconds["batch of equal accuracy"]
        own |= {"error": exact.ours, "rtol of the peer's error": exact.rtol, f"{count} points at it, CPU s": equal}
        result.tables["models"].append(
            {
                **row,
                "package": PEER,
                **dict(zip(label, theirs, strict=True)),
                "error": exact.theirs,
                "references apart": exact.apart,
            }
        )
        pairs = [*zip(("ready", "single run", "batch"), cells, theirs, strict=True), ("batch of equal accuracy", equal, many)]
        for what, mine, other in pairs:
            result.ratios.append(
                Ratio(f"{m.name}: {what}, {PEER} / symdyn", paired(lambda a, b: b / a, mine, other), GOALS.get(what))
            )
    return result
