"""Judge cases of the SBML semantic test suite: ``python -m tests.io.semantic_suite ARCHIVE [OUT]`` prints which are not met.

A case is met if every value lies within ``absolute + relative * |expected|`` of its settings.
"""

from __future__ import annotations

import collections
import csv
import io
import json
import lzma
import re
import sys
import tarfile
import warnings
from pathlib import Path

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.declaration import RESERVED_NAMES
from symdyn.given_values import value_of
from symdyn.io._sbml_reader import read
from symdyn.io.exchange.networks import to_network
from symdyn.io.exchange.odes import to_odes

__all__ = ["beside_network", "cases", "judge"]


def cases(archive: Path) -> dict[str, dict[str, bytes]]:
    """The files of each case of an archive, by their endings."""
    found: dict[str, dict[str, bytes]] = {}
    with lzma.open(archive) as raw, tarfile.open(fileobj=raw) as members:
        for member in members:
            number, _, ending = Path(member.name).name.partition("-")
            handle = members.extractfile(member) if number.isdigit() and member.isfile() else None
            if handle is not None:
                found.setdefault(number, {})[ending] = handle.read()
    return found


def judge(files: dict[str, bytes]) -> str:
    """'passed', 'flux balance', 'refused: ...' or 'wrong: ...'."""
    kind = re.search(r"testType:\s*(\w+)", files["model.m"].decode())
    if kind is None or kind[1] != "TimeCourse":
        return "flux balance"
    settings = dict(re.findall(r"(?m)^(\w+):[ \t]*(.*)$", files["settings.txt"].decode()))
    rows = [r for r in csv.reader(io.StringIO(files["results.csv"].decode("utf-8-sig"))) if any(r)]
    expected = dict(zip([c.strip() for c in rows[0]], np.array([[float(c) for c in r] for r in rows[1:]]).T, strict=True))
    times = np.array([float(r[0]) for r in rows[1:]])
    newest = max(name for name in files if name.startswith("sbml-"))
    try:
        model = read(files[newest].decode())
        system = to_odes(model)
        run = sd.simulate(system, times, rtol=1e-9, atol=1e-14, progress=False)
    except sd.SymdynError as error:
        return f"refused: {error}"
    concentrations = settings.get("concentration", "").replace(" ", "").split(",")
    for name in settings["variables"].replace(" ", "").split(","):
        found = _values(system, run, name)
        quantity = next((q for q in model.quantities.values() if q.symbol.name == name), None)
        if quantity is not None and quantity.kind == "species" and quantity.home is not None:
            size = _values(system, run, quantity.home.name)
            if quantity.amount and name in concentrations:
                found = found / size
            elif not quantity.amount and name not in concentrations:
                found = found * size
        allowed = float(settings["absolute"]) + float(settings["relative"]) * np.abs(expected[name])
        with np.errstate(invalid="ignore"):
            near = np.abs(found - expected[name]) <= allowed
        if not (near | (found == expected[name]) | (np.isnan(found) & np.isnan(expected[name]))).all():
            return f"wrong: {name}"
    return "passed"


def beside_network(files: dict[str, bytes]) -> str:
    """'same' if amounts change by the propensities of the network as by the equations, at a random point; or what else."""
    try:
        model = read(files[max(name for name in files if name.startswith("sbml-"))].decode())
        network, system = to_network(model, "propensities"), to_odes(model)
    except sd.SymdynError:
        return "refused"
    rng = np.random.default_rng(0)
    numbers = {p.name: float(v) for part in (system, network) for p, v in part.numeric_defaults.items()}
    numbers |= {s.name: value_of(e, {}) for s, e in network.observables.items() if e.is_number}
    there = {network.time: 0.3, **network.numeric_defaults, **{s: float(rng.integers(3, 9)) for s in network.states}}
    here = {system.time: 0.3, **{s: numbers[s.name] for s in (*system.parameters, *system.states) if s.name in numbers}}
    held, sizes = {}, {}  # the state that is the amount of a species, or by its size in a compartment
    for s in network.states:
        held[s] = next((x for x in system.states if x.name == f"{s.name}_amount"), s)
        size = sp.S.One if held[s] != s else model.size(s)
        size = dict(system.observables).get(size, size)
        size = size.xreplace({x: model.quantities[x].value for x in size.free_symbols if x not in here})
        sizes[s] = value_of(size, {x: here[x] for x in size.free_symbols})
        here[held[s]] = there[s] / sizes[s]
    drift = dict(zip(system.states, system.drift, strict=True))
    for s, row in zip(network.states, network.changes, strict=True):
        by_network = sum(int(n) * value_of(a, there) for n, a in zip(row, network.propensities, strict=True))
        e = drift.get(held[s], sp.S.Zero)
        by_equations = sizes[s] * value_of(e, {x: here.get(x, 1.0) for x in e.free_symbols})
        if not abs(by_network - by_equations) <= 1e-9 * (1 + abs(by_equations)):
            return f"differs: {s} changes by {by_network}, in the equations by {by_equations}"
    return "same"


def _values(system: sd.ODESystem, run: xr.Dataset, name: str) -> np.ndarray:
    """A quantity at the output times; parameters are constant."""
    name += "_" * (name in RESERVED_NAMES)  # as the reader calls it
    constant = next((v for s, v in system.defaults.items() if s.name == name), np.nan)
    return run[name].values if name in run else np.full(run.sizes["time"], constant)


def main(archive: str, out: str | None = None) -> None:
    """Print the cases that are not met, and how many there are of each outcome, and keep both in a file."""
    warnings.simplefilter("ignore")
    every = sorted(cases(Path(archive)).items())
    outcomes = {number: judge(files) for number, files in every}
    beside = {number: beside_network(files) for number, files in every}
    unmet = {number: outcome for number, outcome in outcomes.items() if outcome not in ("passed", "flux balance")}
    unmet |= {f"{number} as a network": outcome for number, outcome in beside.items() if outcome not in ("same", "refused")}
    for number, outcome in unmet.items():
        print(number, outcome[:200])
    counts, networks = (
        dict(collections.Counter(outcome.partition(":")[0] for outcome in found.values())) for found in (outcomes, beside)
    )
    print(counts, "as networks:", networks)
    if out is not None:
        kept = {"outcomes": counts, "networks beside equations": networks, "not met": unmet}
        Path(out).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
