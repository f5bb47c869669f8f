"""``python -m benchmarks SUITE``, one of the suites below or ``all``: tables on standard output, JSON in out/benchmarks."""

from __future__ import annotations

import argparse

from benchmarks.compile_time import compile_time
from benchmarks.derivation import derivation
from benchmarks.ensembles import ode, stiff
from benchmarks.projection import projection
from benchmarks.ssa import ssa
from benchmarks.stochastic import sde

SUITES = {
    "ode": ode,
    "stiff": stiff,
    "compile": compile_time,
    "sde": sde,
    "ssa": ssa,
    "derivation": derivation,
    "projection": projection,
}


def main() -> None:
    """Run one suite, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", choices=[*SUITES, "all"])
    chosen = parser.parse_args().suite
    for name, suite in SUITES.items():
        if chosen in (name, "all"):
            suite()


if __name__ == "__main__":
    main()
