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
import xarray as xr

import symdyn as sd
from symdyn.declaration import RESERVED_NAMES
from symdyn.io._sbml_reader import read
from symdyn.io.exchange.odes import to_odes

__all__ = ["cases", "judge"]


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


def _values(system: sd.ODESystem, run: xr.Dataset, name: str) -> np.ndarray:
    """A quantity at the output times; parameters are constant."""
    name += "_" * (name in RESERVED_NAMES)  # as the reader calls it
    constant = next((v for s, v in system.defaults.items() if s.name == name), np.nan)
    return run[name].values if name in run else np.full(run.sizes["time"], constant)


def main(archive: str, out: str | None = None) -> None:
    """Print the cases that are not met, and how many there are of each outcome, and keep both in a file."""
    warnings.simplefilter("ignore")
    outcomes = {number: judge(files) for number, files in sorted(cases(Path(archive)).items())}
    unmet = {number: outcome for number, outcome in outcomes.items() if outcome not in ("passed", "flux balance")}
    for number, outcome in unmet.items():
        print(number, outcome[:200])
    counts = dict(collections.Counter(outcome.partition(":")[0] for outcome in outcomes.values()))
    print(counts)
    if out is not None:
        Path(out).write_text(json.dumps({"outcomes": counts, "not met": unmet}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
