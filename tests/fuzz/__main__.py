"""Fuzz every reader: ``python -m tests.fuzz --seconds 60 --out fuzz/`` writes a report and the inputs that fail.

Each reader runs in a process of its own, under limits of time and memory and with a hook that notices evaluated text; one that
dies by a signal is started anew.  ``--atheris TARGET`` runs one reader under the coverage-guided engine of that package.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fuzz.targets import TARGETS


def fuzzed(name: str, seconds: float, seed: int) -> dict[str, Any]:
    """What became of a reader in so many seconds."""
    total: dict[str, Any] = {"counts": {}, "failures": {}, "answers": 0, "peak_kb": 0}
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while (left := end - time.monotonic()) > min(1.0, seconds / 2):
            current = Path(folder) / "current"
            options = ["--seconds", str(left), "--seed", str(seed), "--current", str(current)]
            run = [sys.executable, "-m", "tests.fuzz.worker", name, *options]
            done = subprocess.run(run, capture_output=True, text=True, check=False)
            seed += 1_000_003
            if done.returncode != 0:
                held = current.read_bytes() if current.exists() else b""
                data = held[8 : 8 + int.from_bytes(held[:8], "little")]
                words = f"crash of the process ({done.returncode}): {done.stderr.strip().splitlines()[-1:]}"
                total["failures"][words] = {"input": data.hex(), "digest": str(seed)}
                total["counts"]["crash"] = total["counts"].get("crash", 0) + 1
                continue
            found = json.loads(done.stdout.splitlines()[-1])[name]
            for kind, count in found["counts"].items():
                total["counts"][kind] = total["counts"].get(kind, 0) + count
            total["failures"] |= found["failures"]
            total["answers"] += found["answers"]
            total["peak_kb"] = max(total["peak_kb"], found["peak_kb"])
    return total


def with_atheris(name: str) -> None:
    """Run one reader under atheris, until it is interrupted."""
    import atheris  # the extra 'fuzz'

    from symdyn.errors import SymdynError

    def one(data: bytes) -> None:
        with contextlib.suppress(SymdynError):
            TARGETS[name].read(data)

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], "-timeout=2", "-rss_limit_mb=4000"], one)
    atheris.Fuzz()


def main() -> None:
    """Fuzz the readers and write the report; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=f"of {', '.join(TARGETS)}; all unless named")
    parser.add_argument("--seconds", type=float, default=60, help="for all readers together, on each of the processes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the report and of the inputs that fail")
    parser.add_argument("--atheris", metavar="TARGET", choices=TARGETS)
    given = parser.parse_args()
    if given.atheris:
        with_atheris(given.atheris)
        return
    share = given.seconds * given.processes / len(given.targets)
    with ThreadPoolExecutor(given.processes) as pool:
        results = dict(zip(given.targets, pool.map(lambda n: fuzzed(n, share, given.seed), given.targets), strict=True))
    failed = 0
    for name, found in results.items():
        counts = found["counts"]
        failed += len(found["failures"])
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        print(f"{name:14} {sum(counts.values()):8} executions: {words}; {found['answers']} different answers")
        for failure in found["failures"]:
            print(f"    {failure}")
    total = sum(sum(found["counts"].values()) for found in results.values())
    print(f"{total} executions, {failed} different failures")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        for name, found in results.items():
            for k, failure in enumerate(found["failures"].values()):
                (given.out / f"{name.replace(' ', '_')}-{k}").write_bytes(bytes.fromhex(failure.pop("input")))
        (given.out / "report.json").write_text(json.dumps({"executions": total, "readers": results}, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
