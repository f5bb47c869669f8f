"""Fuzz every reader: ``python -m tests.fuzz --seconds 60 --out fuzz/`` adds to a report, and writes the inputs that fail.

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

    read = TARGETS[name]().read

    def one(data: bytes) -> None:
        with contextlib.suppress(SymdynError):
            read(data)

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], "-timeout=2", "-rss_limit_mb=4000"], one)
    atheris.Fuzz()


def record(folder: Path, name: str, found: dict[str, Any]) -> None:
    """Add what became of a reader to the report of a folder, and write the inputs that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    readers = json.loads(path.read_text())["readers"] if path.exists() else {}
    counts = {"read": 0, "refused": 0, **readers.get(name, {}).get("counts", {})}
    for kind, count in found["counts"].items():
        counts[kind] = counts.get(kind, 0) + count
    before = readers.get(name, {"failures": {}, "answers": 0, "peak_kb": 0})
    failures = dict(before["failures"])
    for words, failure in found["failures"].items():
        (folder / f"{name.replace(' ', '_')}-{failure['digest']}").write_bytes(bytes.fromhex(failure["input"]))
        failures[words] = failure["digest"]
    most = {key: max(before[key], found[key]) for key in ("answers", "peak_kb")}
    readers[name] = {"counts": counts, "failures": failures, **most}
    total = sum(sum(reader["counts"].values()) for reader in readers.values())
    path.write_text(json.dumps({"executions": total, "readers": readers}, indent=1) + "\n")


def main() -> None:
    """Fuzz the readers and write the report; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=f"of {', '.join(TARGETS)}; all unless named")
    parser.add_argument("--seconds", type=float, default=60, help="for all readers together, on each of the processes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the report, which is added to, and of the inputs that fail")
    parser.add_argument("--atheris", metavar="TARGET", choices=TARGETS)
    given = parser.parse_args()
    if given.atheris:
        with_atheris(given.atheris)
        return
    share = given.seconds * given.processes / len(given.targets)
    results: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(given.processes) as pool:
        for name, found in zip(given.targets, pool.map(lambda n: fuzzed(n, share, given.seed), given.targets), strict=True):
            results[name] = found
            counts = found["counts"]
            words = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
            print(f"{name:14} {sum(counts.values()):8} executions: {words}; {found['answers']} different answers", flush=True)
            for failure in found["failures"]:
                print(f"    {failure}", flush=True)
            if given.out is not None:
                record(given.out, name, found)
    failed = sum(len(found["failures"]) for found in results.values())
    total = sum(sum(found["counts"].values()) for found in results.values())
    print(f"{total} executions, {failed} different failures")
    if given.out is not None:
        print(f"{json.loads((given.out / 'report.json').read_text())['executions']} executions in all of {given.out}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
