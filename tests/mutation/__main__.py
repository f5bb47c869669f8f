"""Score of the tests of the core: ``python -m tests.mutation inference derive --sample 40 --seed 0``.

The report (``tests/mutation/report.json``) keeps what became of each mutant that the code still has; these are not run again,
or, with ``--again``, they alone.  ``tests/mutation/equivalent.json`` names those that no test can tell apart, and why.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

import platformdirs

from tests.mutation.mutants import Mutant, sample
from tests.mutation.packages import PACKAGES
from tests.mutation.runner import SURVIVED, Runner

HERE = Path(__file__).parent
REPORT, EQUIVALENT = HERE / "report.json", HERE / "equivalent.json"
#: Imported before anything of symdyn, so that this is done once.
OTHERS = ("sympy", "numba", "llvmlite.binding", "xarray", "pandas", "scipy.stats", "scipy.optimize", "scipy.integrate")
OTHERS += ("scipy.sparse.linalg", "matplotlib.pyplot", "matplotlib.animation", "tqdm", "platformdirs")


def scores(report: dict[str, Any], reasons: dict[str, str]) -> str:
    """The table of the report: equivalent mutants do not count."""
    rows = [f"{'package':12}{'mutants':>9}{'killed':>8}{'equivalent':>12}{'survived':>10}{'score':>8}"]
    for name, found in report.items():
        equal = sum(outcome == SURVIVED and mutant in reasons for mutant, (outcome, _) in found.items())
        left = sum(outcome == SURVIVED for outcome, _ in found.values()) - equal
        killed = len(found) - equal - left
        score = 100 * killed / max(killed + left, 1)
        rows.append(f"{name:12}{len(found):9}{killed:8}{equal:12}{left:10}{score:7.0f} %")
    return "\n".join(rows)


def main() -> None:
    """Run mutants and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", help=f"of {', '.join(PACKAGES)}; none prints the report")
    parser.add_argument("--sample", type=int, default=40, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="go on with the same command after them")
    parser.add_argument("--limit", type=float, default=40, help="seconds that the tests of one mutant may take")
    parser.add_argument("--slowest", type=float, default=10, help="seconds beyond which a test is left out")
    parser.add_argument("--again", choices=("survived", "all"), help="of the report; instead of a sample")
    parser.add_argument("--report", type=Path, default=REPORT)
    cache = Path(platformdirs.user_cache_dir("symdyn-mutation", appauthor=False))
    parser.add_argument("--record", type=Path, default=cache, help="folder: what tests call; remove it after they changed")
    given = parser.parse_args()
    until = time.time() + given.seconds
    report = json.loads(given.report.read_text()) if given.report.exists() else {}
    reasons = json.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else {}
    given.record.mkdir(parents=True, exist_ok=True)
    for name in OTHERS if given.packages else ():
        importlib.import_module(name)
    for name in given.packages:
        package = PACKAGES[name]
        every = package.mutants()
        report[name] = {k: v for k, v in report.get(name, {}).items() if k in {m.name for m in every}}
        if given.again is None:
            chosen = [m for m in sample(every, given.sample, given.seed) if m.name not in report[name]]
        else:
            known = report[name].items()
            again = {k for k, (outcome, _) in known if given.again == "all" or (outcome == SURVIVED and k not in reasons)}
            chosen = list({m.name: m for m in every if m.name in again}.values())

        def done(mutant: Mutant, outcome: str, test: str, count: int, name: str = name) -> None:
            print(f"{outcome:9}{mutant.line:5} {mutant.name}   [{test or f'{count} tests'}]", flush=True)
            report.setdefault(name, {})[mutant.name] = [outcome, test]
            kept = {n: report[n] for n in PACKAGES if n in report}
            given.report.write_text(json.dumps(kept, indent=1) + "\n")

        runner = Runner(package, given.record / f"{name}.pickle", given.limit, given.slowest)
        if not runner.run(chosen, done, until):
            print("the time is up; the same command goes on", flush=True)
            break
    print(scores(report, reasons))


if __name__ == "__main__":
    main()
