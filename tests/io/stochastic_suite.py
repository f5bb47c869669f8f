"""Judge cases of the SBML stochastic test suite: ``python -m tests.io.stochastic_suite ARCHIVE`` prints which are not met.

With the mean m and standard deviation s of n runs and those of the process, mu and sigma, the suite demands that
``sqrt(n) (m - mu)/sigma`` lies in its `meanRange` and ``sqrt(n/2) (s^2/sigma^2 - 1)`` in its `sdRange`, but at 3 times at most.
The guide of the suite says that the second cannot be expected of case 3, which is far from normal.  `stochastic_suite.txt` has
the lines of the last run, with 10,000 runs of each case.

References
----------
Evans, Gillespie, Wilkinson, Bioinformatics 24, 285 (2008).
"""

from __future__ import annotations

import csv
import io
import re
import sys
import warnings
from pathlib import Path

import numpy as np

import symdyn as sd
from tests.io.semantic_suite import cases

__all__ = ["judge"]

#: Points that may lie outside.
STRAY = 3
SKEWED = ("00003",)


def judge(number: str, files: dict[str, bytes], runs: int, seed: int = 1) -> str:
    """'passed', 'refused: ...' or 'wrong: ...' of a case, whose newest file is read as a network."""
    settings = dict(re.findall(r"(?m)^(\w+):[ \t]*(.*)$", files["settings.txt"].decode()))
    rows = [r for r in csv.reader(io.StringIO(files["results.csv"].decode("utf-8-sig"))) if any(r)]
    expected = dict(zip([c.strip() for c in rows[0]], np.array([[float(c) for c in r] for r in rows[1:]]).T, strict=True))
    newest = max(name for name in files if name.startswith("sbml-"))
    try:
        net = sd.read_sbml(files[newest].decode(), as_="network")
        data = sd.simulate(net, next(iter(expected.values())), trajectories=runs, seed=seed, progress=False)
    except sd.SymdynError as error:
        return f"refused: {error}"
    ranges = {"mean": settings["meanRange"], "sd": settings["sdRange"]}
    outside = dict.fromkeys(ranges, 0)
    for column in settings["output"].replace(" ", "").split(","):
        name, kind = column.rsplit("-", 1)
        values, sigma = data[name].transpose("time", "trajectory").values, expected[f"{name}-sd"]
        got = values.mean(axis=1) if kind == "mean" else values.std(axis=1, ddof=1)
        want = expected[column]
        fixed = sigma == 0
        if not np.allclose(got[fixed], want[fixed] if kind == "mean" else 0, rtol=1e-9, atol=1e-9):
            return f"wrong: {column} where nothing is random"
        got, want, sigma = got[~fixed], want[~fixed], sigma[~fixed]
        score = np.sqrt(runs) * (got - want) / sigma if kind == "mean" else np.sqrt(runs / 2) * ((got / sigma) ** 2 - 1)
        least, most = map(float, ranges[kind].strip("() ").split(","))
        outside[kind] += int(np.sum((score < least) | (score > most)))
    for kind, count in outside.items():
        if count > STRAY and not (kind == "sd" and number in SKEWED):
            return f"wrong: {kind} at {count} times"
    return "passed"


def main() -> None:
    """Print the outcome of each case, for 10,000 runs or as many as the second argument says."""
    warnings.simplefilter("ignore")
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    for number, files in sorted(cases(Path(sys.argv[1])).items()):
        print(number, judge(number, files, runs))


if __name__ == "__main__":
    main()
