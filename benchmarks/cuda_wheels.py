"""The wheels that ``python -m benchmarks cuda`` needs on a machine with a card and no network, and what they weigh.

    python -m benchmarks.cuda_wheels wheels                      # a machine with Python 3.12 and what JAX brings
    python -m benchmarks.cuda_wheels wheels --there freeze.txt   # or with what `pip freeze` says there

There: ``pip install --no-index --no-deps wheels/*.whl``, then the line of benchmarks/README.md in the sources.

Pip resolves with the versions of constraints.txt and fetches only what is not there.  The limit cannot be kept on a machine
that has neither llvmlite nor CUDA's compilers: llvmlite takes 60 MB, nvidia-nvvm 75, nvidia-cuda-nvrtc 58, nvidia-nvjitlink 47.
``jax[cuda13]`` brings the three compilers.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["LIMIT", "main", "missing", "names", "weighed"]

ROOT = Path(__file__).parents[1]
#: What the command imports; crn-jax and diffrax are peers, whose rows say so where they are missing.
NEEDED = ("numba-cuda[cu13]", "numba", "llvmlite", "sympy", "scipy", "xarray", "pandas", "crn-jax", "diffrax")
#: What a machine with JAX has.
THERE = ("jax", "jaxlib", "numpy", "scipy", "ml_dtypes", "opt_einsum")
#: MB (10^6 bytes) of all wheels together.
LIMIT = 50.0
PYTHON = "3.12"
PLATFORMS = ("2_28", "2_27", "2_24", "2_17", "2_12")
#: Older names of the last two.
OLDER = ("manylinux2014_x86_64", "manylinux2010_x86_64")


def names(given: Iterable[str]) -> set[str]:
    """Normalised names of packages, of which some may be files as ``pip freeze`` writes them.

    Examples
    --------
    >>> sorted(names(["ml_dtypes", "Jax==0.10.2"]))
    ['jax', 'ml-dtypes']
    """
    lines: list[str] = []
    for item in given:
        lines += Path(item).read_text().splitlines() if Path(item).is_file() else [item]
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line.strip()) for line in lines)
    return {re.sub(r"[-_.]+", "-", m.group()).lower() for m in found if m}


def missing(report: dict, there: set[str]) -> list[str]:
    """Requirements ``name==version`` of a report of pip that are not there.

    Examples
    --------
    >>> rows = [{"metadata": {"name": n, "version": "1"}} for n in ("numba", "ml_dtypes")]
    >>> missing({"install": rows}, {"ml-dtypes"})
    ['numba==1']
    """
    found = [(row["metadata"]["name"], row["metadata"]["version"]) for row in report["install"]]
    return sorted(f"{name}=={version}" for name, version in found if not names([name]) & there)


def weighed(folder: Path, limit: float = LIMIT) -> tuple[str, bool]:
    """A line for every wheel, the heaviest first, and their sum; whether it is within the limit, in MB."""
    sizes = sorted(((path.stat().st_size / 1e6, path.name.split("-")[0]) for path in folder.glob("*.whl")), reverse=True)
    total = sum(size for size, _ in sizes)
    lines = [f"{size:8.2f} MB  {name}" for size, name in sizes]
    verdict = "within" if total <= limit else "MORE THAN"
    return "\n".join([*lines, f"{total:8.2f} MB  in all, {verdict} {limit:g} MB"]), total <= limit


def _pip(*arguments: str) -> None:
    platforms = [*(f"manylinux_{p}_x86_64" for p in PLATFORMS), *OLDER]
    chosen = [
        f"--python-version={PYTHON}",
        "--implementation=cp",
        "--only-binary=:all:",
        *(f"--platform={p}" for p in platforms),
    ]
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet", *chosen], check=True)


def main(arguments: list[str] | None = None) -> int:
    """Collect the wheels; 0 if they keep within the limit, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda_wheels", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--there", nargs="+", default=THERE, help="packages of that machine, or files of `pip freeze`")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"MB ({LIMIT:g})")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if any(chosen.folder.iterdir()):
        parser.error(f"{chosen.folder} is not empty; expected a folder for these wheels alone")
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        constraints = f"--constraint={ROOT / 'constraints.txt'}"
        target = f"--target={scratch}/none"
        _pip("install", "--dry-run", "--ignore-installed", target, f"--report={report}", constraints, *NEEDED)
        wanted = missing(json.loads(report.read_text()), names(chosen.there))
    if wanted:
        _pip("download", "--no-deps", f"--dest={chosen.folder}", *wanted)
    text, kept = weighed(chosen.folder, chosen.limit)
    sys.stdout.write(f"{text}\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
