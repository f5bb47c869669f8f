"""The process that runs PySR 2: ``python _pysr_worker.py FOLDER``; imports nothing of symdyn, so that numba stays away.

Reads ``samples.npz`` and ``task.json`` in the folder, writes ``hall_of_fame.csv`` there; PySR's own files go to ``runs``.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

__all__ = ["main"]


def main(folder: Path) -> None:
    """Search, and write complexity, loss and equation of every formula in the hall of fame."""
    # this file's own folder comes first on the path and holds a pysr.py of its own
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    import numpy as np
    from pysr import PySRRegressor, TemplateExpressionSpec

    samples = np.load(folder / "samples.npz", allow_pickle=False)
    x, y, weights = samples["X"], samples["y"], samples["weights"]
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    keywords = task["search"]
    keywords["operators"] = {int(arity): names for arity, names in keywords["operators"].items()}
    if task["template"] is not None:
        keywords["expression_spec"] = TemplateExpressionSpec(**task["template"])
    search = PySRRegressor(**keywords, output_directory=str(folder / "runs"))
    search.fit(x, y, weights=weights, **task["fit"])
    with (folder / "hall_of_fame.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Complexity", "Loss", "Equation"])
        table.writerows(search.equations_[["complexity", "loss", "equation"]].itertuples(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
