"""Disturb every operation on files of every subject: ``python -m tests.faults``; the exit code is 1 if anything was lost."""

from __future__ import annotations

import logging
import sys
import time

from tests.faults.campaign import SUBJECTS, disturbed


def main() -> None:
    """Print what was lost, and how many faults were tried."""
    logging.getLogger("symdyn").setLevel(logging.CRITICAL)
    count, lost = 0, 0
    for name in sys.argv[1:] or SUBJECTS:
        begin, before = time.perf_counter(), count
        for found in disturbed(name):
            count += 1
            if found.loss is not None:
                lost += 1
                print(f"{name}: {found.operation}: {found.loss} [{found.error}]", flush=True)
        print(f"{name}: {count - before} faults in {time.perf_counter() - begin:.0f} s", flush=True)
    print(f"{count} faults, {lost} with a loss")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
