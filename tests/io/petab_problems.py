"""Published PEtab problems beside libRoadRunner: ``python -m tests.io.petab_problems ARCHIVE`` prints what differs.

Of each problem: the largest relative difference of right-hand sides from libRoadRunner's at 20 random points, of the published
simulations, and the log-likelihood.  `petab_problems.txt` beside this file has the lines of the last run.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import symdyn as sd
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from tests.io.petab_suite import unpack

__all__ = ["differences_of_rates", "differences_of_simulations"]

KEYS = ["observableId", "simulationConditionId", "time"]


def differences_of_rates(problem: sd.PetabProblem, model: Path, points: int = 20) -> float:
    """The largest difference of a right-hand side from libRoadRunner's at random points, over the largest rate there."""
    import roadrunner

    peer = roadrunner.RoadRunner(str(model))
    system = problem.system
    symbols = [system.time, *system.states, *system.parameters]
    program = lower("drift", [("v", symbols)], list(system.drift), [s.name for s in system.states])
    random = np.random.default_rng(0)
    inside = peer.model
    species = [*inside.getFloatingSpeciesIds()]
    largest = 0.0
    for _ in range(points):
        states = dict(zip(system.names, random.lognormal(size=len(system.states)), strict=True))
        values = {p.name: random.lognormal() for p in system.parameters}
        for name, value in values.items():
            peer.setValue(name, value)
        for name, value in states.items():
            peer.setValue(f"[{name}]" if name in species else name, value)
        found = np.array(evaluate(program, [np.asarray(v, dtype=float) for v in (0.0, *states.values(), *values.values())]))
        rates = dict(zip(species, np.asarray(inside.getFloatingSpeciesConcentrationRates()), strict=True))
        wanted = np.array([rates[name] for name in system.names])
        largest = max(largest, float(np.abs(found - wanted).max() / np.abs(wanted).max()))
    return largest


def differences_of_simulations(problem: sd.PetabProblem, file: Path) -> float:
    """The largest difference from published simulations, over the largest of its observable."""
    wanted = pd.read_csv(file, sep="\t").rename(
        columns={"simulationCondition": "simulationConditionId", "measurement": "simulation"}
    )
    found = problem.simulate()
    if set(wanted.observableId).isdisjoint(found.observableId):
        wanted["observableId"] = "observable_" + wanted.observableId
    if set(wanted.simulationConditionId).isdisjoint(found.simulationConditionId):
        own = found.simulationConditionId.unique()
        wanted["simulationConditionId"] = wanted.simulationConditionId.map(
            dict(zip(wanted.simulationConditionId.unique(), own, strict=True))
        )
    wanted["time"] = wanted.time.astype(float)
    if not (len(found) == len(wanted) and (found[KEYS].to_numpy() == wanted[KEYS].to_numpy()).all()):
        found, wanted = (t.groupby(KEYS).simulation.mean().reset_index() for t in (found, wanted))
    merged = found.simulation.to_numpy(), wanted.simulation.to_numpy(dtype=float)
    size = wanted.assign(size=np.abs(merged[1])).groupby("observableId")["size"].transform("max").to_numpy()
    return float((np.abs(merged[0] - merged[1]) / size).max())


def main() -> None:
    """Print a line for each problem."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for yaml in sorted(unpack(Path(sys.argv[1]), Path(folder)).glob("*/*/*.yaml")):
            if yaml.stem != yaml.parent.name:
                continue
            problem = sd.read_petab(yaml)
            model, file = (next(yaml.parent.glob(f"{kind}*")) for kind in ("model", "simulatedData"))
            rates, simulations = differences_of_rates(problem, model), differences_of_simulations(problem, file)
            print(
                f"{yaml.stem:28} rates {rates:.1e}   simulations {simulations:.1e}   log-likelihood {problem.objective():.4f}"
            )


if __name__ == "__main__":
    main()
