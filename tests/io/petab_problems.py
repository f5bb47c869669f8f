"""Published PEtab problems beside libRoadRunner and the package petab: ``python -m tests.io.petab_problems ARCHIVE``.

Of each problem the largest relative differences of right-hand sides from libRoadRunner's at 20 random points, and of
simulations from the published ones; the log-likelihood, and by how much petab's own differs, of our simulations and of the
published ones; and by how much the gradient differs from difference quotients, relative to its largest entry, some way from the
published values, where it vanishes.  `petab_problems.txt` beside this file has the lines of the last run.
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
from symdyn.io.petab.lanes import Accuracy
from tests.io.petab_suite import unpack

__all__ = ["difference_of_gradients", "differences_of_objectives", "differences_of_rates", "differences_of_simulations"]

KEYS = ["observableId", "simulationConditionId", "time"]
#: How far from the published coordinates gradients are compared, in the first of so many directions in which simulations go
#: through; steps of quotients, until they agree; and tolerances of both.
AWAY, DIRECTIONS, STEPS, AGREE, ACCURACY = 0.05, 100, (1e-3, 1e-4, 1e-5), 1e-6, Accuracy(rtol=1e-11, atol=1e-13)


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


def _published(problem: sd.PetabProblem, file: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Our simulations and the published ones, with the same names of observables and conditions."""
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
    return found, wanted


def _alike(found: pd.DataFrame, wanted: pd.DataFrame) -> bool:
    """Whether the rows of two tables are of the same measurements."""
    return len(found) == len(wanted) and bool((found[KEYS].to_numpy() == wanted[KEYS].to_numpy()).all())


def differences_of_simulations(problem: sd.PetabProblem, file: Path) -> float:
    """The largest difference from published simulations, over the largest of its observable."""
    found, wanted = _published(problem, file)
    if not _alike(found, wanted):
        found, wanted = (t.groupby(KEYS).simulation.mean().reset_index() for t in (found, wanted))
    merged = found.simulation.to_numpy(), wanted.simulation.to_numpy(dtype=float)
    size = wanted.assign(size=np.abs(merged[1])).groupby("observableId")["size"].transform("max").to_numpy()
    return float((np.abs(merged[0] - merged[1]) / size).max())


def differences_of_objectives(problem: sd.PetabProblem, path: Path, file: Path) -> tuple[float, float]:
    """By how much petab's log-likelihood differs, of our simulations and of published ones.

    NaN where rows are others, and where noise depends on states, which petab does not evaluate.
    """
    from petab.v1 import Problem
    from petab.v1.calculate import calculate_llh

    given = Problem.from_yaml(path)
    tables = given.measurement_df, given.observable_df, given.parameter_df
    found, wanted = _published(problem, file)

    def difference(simulations: pd.DataFrame) -> float:
        measured, *others = tables
        table = measured.assign(simulation=simulations.simulation.to_numpy(dtype=float)).drop(columns="measurement")
        try:
            return float(calculate_llh(measured, table, *others)) - problem.objective()
        except ValueError as error:
            if "model states are currently not supported" not in str(error):
                raise
            return np.nan

    return difference(found), difference(wanted) if _alike(found, wanted) else np.nan


def difference_of_gradients(problem: sd.PetabProblem) -> float:
    """The largest difference of the gradient of a fit from extrapolated central quotients, over its largest entry."""
    values = {name: float(problem.parameters.nominal[name]) for name in problem.estimated}
    own = sd.fit(problem, starts=1, guesses=values).problem
    own.how = ACCURACY
    begun = own.coordinates([values[n] for n in own.names])
    none, inside = np.zeros((len(begun), 0, 0)), (own.low + 2 * STEPS[0], own.high - 2 * STEPS[0])

    def quotients(theta: np.ndarray, step: float) -> np.ndarray:
        ahead, behind = (own.totals(theta + s * step * np.eye(len(theta)), none) for s in (1, -1))
        return -(ahead - behind) / (4 * step)

    drawn = (np.random.default_rng(seed).normal(size=begun.shape) for seed in range(DIRECTIONS))
    places = (np.clip(begun + AWAY * d, *inside) for d in drawn)
    theta = next(p for p in places if np.isfinite(quotients(p, STEPS[0])).all())
    gradient, least = own.expand(np.zeros(1, dtype=int), theta[None], none[:1]).gradient[0], np.inf
    for h in STEPS:
        apart = np.abs(gradient - (4 * quotients(theta, h / 2) - quotients(theta, h)) / 3).max()
        least = min(least, float(apart / np.abs(gradient).max()))
        if least < AGREE:
            break
    return least


def main() -> None:
    """Print a line for each problem."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(unpack(Path(sys.argv[1]), Path(folder)).glob("*/*/*.yaml")):
            if path.stem != path.parent.name:
                continue
            problem = sd.read_petab(path)
            model, file = (next(path.parent.glob(f"{kind}*")) for kind in ("model", "simulatedData"))
            own, published = differences_of_objectives(problem, path, file)
            print(
                f"{path.stem:26} rates {differences_of_rates(problem, model):.1e}"
                f"  simulations {differences_of_simulations(problem, file):.1e}  log-likelihood {problem.objective():9.3f}"
                f"  petab's {own:8.1e} and {published:8.1e}  gradient {difference_of_gradients(problem):.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
