"""Disturb all that writes files: ``python -m tests.faults``; the exit code is 1 if anything was lost.

Three campaigns: every operation on files fails in turn, processes are killed at random moments, and processes are interrupted
by Ctrl-C at random moments.  With ``--out`` the numbers are added to a file.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.campaign import SUBJECTS, Disturbed, disturbed
from tests.faults.endings import INTERRUPTED, KILLED, ended

#: Subjects of each campaign, and what disturbs one of them.
CAMPAIGNS: dict[str, tuple[list[str], Callable[[str, argparse.Namespace], Iterator[Disturbed]]]] = {
    "operations": (list(SUBJECTS), lambda name, _: disturbed(name)),
    "kills": (list(KILLED), lambda name, given: ended(name, signal.SIGKILL, given.times, given.seed)),
    "interrupts": (list(INTERRUPTED), lambda name, given: ended(name, signal.SIGINT, given.times, given.seed)),
}


def main() -> None:
    """Print what was lost, and how many faults were tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", help=f"of {', '.join(INTERRUPTED)}; all unless named")
    parser.add_argument("--campaign", choices=CAMPAIGNS, action="append", help="all unless named")
    parser.add_argument("--times", type=int, default=20, help="kills and interrupts of each subject")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, help="JSON file of the numbers, which is added to")
    given = parser.parse_args()
    logging.getLogger("symdyn").setLevel(logging.CRITICAL)
    total, losses = 0, 0
    for campaign in given.campaign or CAMPAIGNS:
        subjects, disturb = CAMPAIGNS[campaign]
        for name in (s for s in subjects if s in (given.subjects or subjects)):
            begin, count, lost = time.perf_counter(), 0, 0
            for found in disturb(name, given):
                count += 1
                if found.loss is not None:
                    lost += 1
                    print(f"{name}: {found.operation}: {found.loss} [{found.error}]", flush=True)
            print(f"{campaign}, {name}: {count} faults in {time.perf_counter() - begin:.0f} s", flush=True)
            total, losses = total + count, losses + lost
            if given.out is not None:
                record(given.out, f"{campaign}, {name}", count, lost)
    print(f"{total} faults, {losses} with a loss")
    sys.exit(1 if losses else 0)


def record(path: Path, name: str, count: int, lost: int) -> None:
    """Add to a file how many faults were tried, and how many lost anything."""
    known = json.loads(path.read_text())["subjects"] if path.exists() else {}
    before = known.get(name, {"faults": 0, "losses": 0})
    known[name] = {"faults": before["faults"] + count, "losses": before["losses"] + lost}
    sums = {key: sum(entry[key] for entry in known.values()) for key in ("faults", "losses")}
    path.write_text(json.dumps({**sums, "subjects": known}, indent=1) + "\n")


if __name__ == "__main__":
    main()
