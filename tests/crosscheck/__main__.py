"""Compare two ways on random models: ``python -m tests.crosscheck --examples 10000``; a disagreement shrinks to a small model.

The examples are shared among the checks, or all of those that are named.  With ``--out`` the numbers are added to a file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import hypothesis

from tests.crosscheck.checks import CHECKS
from tests.crosscheck.running import agreeing


def main() -> None:
    """Run the checks; the exit code is 1 where two ways disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", default=list(CHECKS), help=f"of {', '.join(CHECKS)}; all unless named")
    parser.add_argument("--examples", type=int, default=1000, help="models in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file of the numbers of models, which is added to")
    given = parser.parse_args()
    total = sum(CHECKS[name].share for name in given.checks)
    failed = 0
    for name in given.checks:
        begin = time.perf_counter()
        examples = max(1, round(given.examples * CHECKS[name].share / total))
        count, disagreement = agreeing(CHECKS[name], lambda test: hypothesis.seed(given.seed)(test), max_examples=examples)
        print(f"{name}: {count} models, {time.perf_counter() - begin:.0f} s", flush=True)
        if disagreement is not None:
            failed += 1
            print("    ".join(["", f"{type(disagreement).__name__}: {disagreement}", *notes(disagreement)]), flush=True)
        if given.out is not None:
            record(given.out, name, count, 0 if disagreement is None else 1)
    sys.exit(1 if failed else 0)


def notes(disagreement: Exception) -> list[str]:
    """The smallest model as hypothesis writes it."""
    return [f"\n    {note}" for note in getattr(disagreement, "__notes__", [])]


def record(path: Path, name: str, count: int, disagreements: int) -> None:
    """Add to a file how many models of a check were compared."""
    checks = json.loads(path.read_text())["checks"] if path.exists() else {}
    before = checks.get(name, {"models": 0, "disagreements": 0})
    checks[name] = {"models": before["models"] + count, "disagreements": before["disagreements"] + disagreements}
    path.write_text(json.dumps({"models": sum(c["models"] for c in checks.values()), "checks": checks}, indent=1) + "\n")


if __name__ == "__main__":
    main()
