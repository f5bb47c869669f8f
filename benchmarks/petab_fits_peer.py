"""pyPESTO with AMICI for `benchmarks.petab_fits`, in an interpreter of its own: prints one line of JSON; no fit of 0 starts."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import numpy as np

__all__ = ["main"]


def main(path: str, starts: int, repeats: int) -> None:
    """Measure one problem; compiled models stay beside the problem."""
    import petab.v1 as petab
    import pypesto.optimize
    import pypesto.petab

    logging.disable(logging.CRITICAL)
    given = petab.Problem.from_yaml(path)
    importer = pypesto.petab.PetabImporter(given, output_folder=str(Path(path).parent / "amici"), model_name=Path(path).stem)
    problem = importer.create_problem()
    x = np.array(given.x_nominal_free_scaled, dtype=float)
    value = float(problem.objective(x, sensi_orders=(0, 1))[0])
    begin = time.process_time()
    for _ in range(repeats):
        problem.objective(x, sensi_orders=(0, 1))
    gradient = (time.process_time() - begin) / repeats
    told = {"gradient": gradient, "published": -value}
    if starts:
        np.random.seed(0)
        begin = time.process_time()
        found = pypesto.optimize.minimize(
            problem, optimizer=pypesto.optimize.FidesOptimizer(verbose=logging.ERROR), n_starts=starts, progress_bar=False
        )
        told["fit"] = time.process_time() - begin
        told["ends"] = (-np.array(found.optimize_result.fval, dtype=float)).tolist()
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
