"""Fits of published PEtab problems from near the published values: ``python -m benchmarks.petab_perturbed --out FILE``.

Local fits begin at the published values times the exponentials of normal deviates of a given size, six for each size; those on
linear scales move by as many parts of their size.  Which come back tells a fault of derivatives, bounds or damping, from which
none would, from a likelihood with many maxima, where they end in others.  The gradient at the published values is compared with
central difference quotients.  Problems as for `benchmarks.petab_fits`.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import symdyn as sd
from benchmarks.petab_fits import NEAR, PROBLEMS
from benchmarks.sbml import ARCHIVE
from symdyn.inference.held import climb

__all__ = ["measured"]

SIZES, EACH, STEP, SEED = (0.01, 0.1, 0.3, 1.0, 2.0), 6, 1e-5, 1


def measured(path: Path) -> list[str]:
    """A line for each size of perturbations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = sd.read_petab(path)
        values = {name: float(problem.parameters.nominal[name]) for name in problem.estimated}
        published = float(problem.objective(values) + problem.log_prior(values))
        own = sd.fit(problem, starts=1, guesses=values).problem
        theta, none = own.coordinates([values[n] for n in own.names]), np.zeros((EACH, 0, 0))
        gradient = own.expand(np.zeros(1, dtype=int), theta[None], none[:1]).gradient[0]
        steps = STEP * np.eye(len(theta))
        ahead, behind = (own.totals(theta + s * steps, np.zeros((len(theta), 0, 0))) for s in (1, -1))
        inside = np.isfinite(ahead) & np.isfinite(behind)  # priors end at bounds
        wrong = np.abs(gradient + (ahead - behind) / (4 * STEP))[inside].max() / np.abs(gradient).max()
        found, rng = [], np.random.default_rng(SEED)
        for size in SIZES:
            begun = np.clip(theta + size * rng.normal(size=(EACH, len(theta))), own.low, own.high)
            begin = time.process_time()
            ends = np.sort(-0.5 * climb(own, begun, none, iterations=own.iterations).total)[::-1]
            spent, back = time.process_time() - begin, int((ends > published - NEAR).sum())
            found.append(
                f"{path.stem:26s} {published:10.3f} {wrong:9.1e} {size:6.2f} {back:7d} {ends[0]:11.3f} {ends[EACH // 2]:11.3f} "
                f"{spent:9.1f}"
            )
    return found


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--only", nargs="*", default=[""], help="problems whose names contain one of these")
    reader.add_argument("--out", type=Path, help="the table")
    given = reader.parse_args()
    lines = [
        f"log-likelihoods, priors included; back: of {EACH} fits, how many end at most {NEAR} below the published value or "
        "above",
        f"gradient: largest difference from central quotients with steps of {STEP:g}, relative to the largest entry",
        "",
        f"{'problem':26s} {'published':>10s} {'gradient':>9s} {'size':>6s} {'back':>7s} {'best':>11s} {'middle':>11s} "
        f"{'CPU s':>9s}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(ARCHIVE) as opened:
            opened.extractall(folder, filter="data")
        for name in PROBLEMS:
            if any(part in name for part in given.only):
                [path] = Path(folder).glob(f"**/{name}/{name}.yaml")
                lines += measured(path)
                if given.out is not None:
                    given.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
