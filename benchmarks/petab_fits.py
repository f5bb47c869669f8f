"""Fits of published PEtab problems, beside pyPESTO with AMICI: ``python -m benchmarks.petab_fits --peer PYTHON --out FILE``.

Of each problem the CPU seconds of the objective with its gradient at the published values, and of a fit from 20 starts (or
``--starts``), with how many of them end within 0.1 of the published values or above: in the log-likelihood, with the densities
of priors where a problem has them, as Bachmann's.  The peer runs in its own interpreter (``pip install amici pypesto petab
fides`` there, and cmake, swig and a BLAS beside), takes its default optimiser for such problems, fides, with AMICI's gradients,
its tolerances and its choice of sensitivities, and starts of its own.  Everything runs on one thread; compilation is excluded
on both sides.
Problems come from an archive, ``SYMDYN_PETAB_PROBLEMS`` or ``../shared/data/petab_problems.tar.xz``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tarfile
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.sbml import ARCHIVE

__all__ = ["measured"]

PROBLEMS = (
    "Boehm_JProteomeRes2014", "Fujita_SciSignal2010", "Borghans_BiophysChem1997", "Rahman_MBS2016", "Bruno_JExpBot2016",
    "Bachmann_MSB2011",
)  # fmt: skip
#: Of which the speed is compared.
COMPARED = ("Boehm_JProteomeRes2014", "Fujita_SciSignal2010", "Bachmann_MSB2011")
STARTS, NEAR, REPEATS = 20, 0.1, 5
PEER = Path(__file__).with_name("petab_fits_peer.py")


def measured(path: Path, starts: int = STARTS) -> dict[str, Any]:
    """What symdyn takes for a problem: CPU seconds of a gradient and a fit, log-likelihoods, and starts that reach them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = sd.read_petab(path)
        values = {name: float(problem.parameters.nominal[name]) for name in problem.estimated}
        published = float(problem.objective(values) + problem.log_prior(values))
        fit = sd.fit(problem, starts=1, guesses=values)  # compiles
        none, one = np.zeros((1, 0, 0)), np.zeros(1, dtype=int)
        theta = fit.problem.coordinates([values[n] for n in fit.problem.names])
        begin = time.process_time()
        for _ in range(REPEATS):
            fit.problem.expand(one, theta[None], none)
        gradient = (time.process_time() - begin) / REPEATS
        begin = time.process_time()
        found = sd.fit(problem, starts=starts)
        spent = time.process_time() - begin
    told = {"gradient": gradient, "fit": spent, "published": published}
    return told | _reached(found.ends["log_posterior"].to_numpy(), published)


def _peer(python: str, path: Path, starts: int, published: float) -> dict[str, Any]:
    """What the peer takes, and which of its starts come near the published values; a gradient alone of 0 starts."""
    environment = {**os.environ, "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    call = [python, str(PEER), str(path), str(starts), str(REPEATS)]
    done = subprocess.run(call, capture_output=True, text=True, env=environment)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found | _reached(np.array(found.pop("ends")), published) if starts else found


def _reached(ends: np.ndarray, published: float) -> dict[str, Any]:
    """The best of log-likelihoods at the ends of starts, and how many are near the published one or above."""
    return {"best": float(np.nanmax(ends)), "reached": int((ends > published - NEAR).sum()), "starts": len(ends)}


def _when(run: str) -> dict[str, str]:
    """When a row is measured and in which run: sides of different runs are not divided by each other."""
    return {"measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}, {os.getloadavg()[0]:.1f}", "run": run}


def _lines(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        f"CPU seconds of one thread; measured: when, UTC, and the load of the machine then, on {os.cpu_count()} cores",
        f"reached: of so many starts, how many end at most {NEAR} below the published values, priors included",
        "",
        f"{'problem':26s} {'':16s} gradient        fit     published          best   reached  starts   measured",
    ]
    for name, sides in found.items():
        for side, own in sides.items():
            if "failed" in own:
                lines.append(f"{name:26s} {side:16s} failed: {own['failed']}")
                continue
            fit = (
                f"{own['fit']:10.2f} {own['published']:13.4f} {own['best']:13.4f} {own['reached']:9d} {own['starts']:7d}"
                if "fit" in own
                else f"{'':10s} {own['published']:13.4f} {'no fit':>13s} {'':17s}"
            )
            lines.append(f"{name:26s} {side:16s} {own['gradient']:8.4f} {fit}   {own['measured']}")
        if (
            len(sides) == 2
            and all("failed" not in own for own in sides.values())
            and len({o["run"] for o in sides.values()}) == 1
        ):
            ours, theirs = sides.values()
            ratios = [f"{theirs[k] / ours[k]:{width}.2f}" for k, width in (("gradient", 8), ("fit", 10)) if k in theirs]
            lines.append(f"{'':26s} {'peer / symdyn':16s} {' '.join(ratios)}")
    return lines


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--peer", help="interpreter with amici, pypesto, petab and fides")
    reader.add_argument("--only", default="", help="problems whose name contains this")
    reader.add_argument("--starts", type=int, default=STARTS, help="of symdyn")
    reader.add_argument("--peer-starts", type=int, default=STARTS, help="of the peer; its gradient alone if 0")
    reader.add_argument("--journal", type=Path, help="keeps rows; a later run adds what is missing")
    reader.add_argument("--out", type=Path, help="the table")
    given = reader.parse_args()
    found: dict[str, dict[str, Any]] = {}
    run = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    if given.journal is not None and given.journal.exists():
        found = json.loads(given.journal.read_text())
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(ARCHIVE) as opened:
            opened.extractall(folder, filter="data")
        for name in PROBLEMS:
            if given.only not in name:
                continue
            [path] = Path(folder).glob(f"**/{name}/{name}.yaml")
            own = found.setdefault(name, {})
            if "symdyn" not in own:
                own["symdyn"] = measured(path, given.starts) | _when(run)
            if given.peer and name in COMPARED and "pyPESTO, AMICI" not in own:
                own["pyPESTO, AMICI"] = _peer(given.peer, path, given.peer_starts, own["symdyn"]["published"]) | _when(run)
            if given.journal is not None:
                given.journal.write_text(json.dumps(found))
            if given.out is not None:
                given.out.write_text("\n".join(_lines(found)) + "\n")
    print("\n".join(_lines(found)))


if __name__ == "__main__":
    main()
