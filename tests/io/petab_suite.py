"""Judge cases of the PEtab test suite: ``python -m tests.io.petab_suite ARCHIVE`` prints which are not met.

A case is met if the likelihood, chi2, priors and every simulation lie within the tolerances of its solution.
"""

from __future__ import annotations

import collections
import lzma
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

import symdyn as sd

__all__ = ["judge", "unpack"]


def unpack(archive: Path, folder: Path) -> Path:
    """Write the files of an archive into a folder."""
    with lzma.open(archive) as raw, tarfile.open(fileobj=raw) as members:
        members.extractall(folder, filter="data")
    return folder


def judge(case: Path) -> str:
    """'passed', 'refused: ...' or 'wrong: ...' of a folder with a problem and its solution."""
    expected = yaml.safe_load((case / f"_{case.name}_solution.yaml").read_text())
    try:
        problem = sd.read_petab(case / f"_{case.name}.yaml")
        found = {"llh": problem.objective(), "chi2": problem.chi2()}
        table = problem.simulate()
        prior = problem.log_prior()
    except sd.SymdynError as error:
        return f"refused: {error}"
    for name, value in found.items():
        if not abs(value - expected[name]) <= expected[f"tol_{name}"]:
            return f"wrong: {name} is {value}, expected {expected[name]}"
    if "unnorm_log_posterior" in expected:
        posterior = found["llh"] + prior
        if not abs(posterior - expected["unnorm_log_posterior"]) <= expected["tol_llh"]:
            return f"wrong: the posterior is {posterior}, expected {expected['unnorm_log_posterior']}"
    wanted = pd.read_csv(case / expected["simulation_files"][0], sep="\t")
    if len(wanted) != len(table) or list(wanted.observableId) != list(table.observableId):
        return "wrong: rows of the table of simulations"
    error = np.abs(table.simulation.to_numpy() - wanted.simulation.to_numpy(dtype=float)).max()
    return "passed" if error <= expected["tol_simulations"] else f"wrong: simulations differ by {error}"


def main() -> None:
    """Print the cases that are not met, and how many there are of each outcome."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        cases = sorted(p.parent for p in unpack(Path(sys.argv[1]), Path(folder)).rglob("_*_solution.yaml"))
        outcomes = {f"{c.parent.name}/{c.name}": judge(c) for c in cases}
    for name, outcome in outcomes.items():
        if outcome != "passed":
            print(name, outcome[:300])
    print(dict(collections.Counter(outcome.partition(":")[0] for outcome in outcomes.values())))


if __name__ == "__main__":
    main()
