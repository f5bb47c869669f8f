"""A few hundred mutated inputs for every reader, the same in each run; ``python -m tests.fuzz`` runs as long as one likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("libsbml")
pytest.importorskip("zarr")

from symdyn.io.rules.pysb_values import TREE
from tests.fuzz.__main__ import record

ROOT = Path(__file__).parents[2]


ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}


def worker(
    current: Path, *arguments: str, script: tuple[str, str] = ("-m", "tests.fuzz.worker")
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *script, *arguments, "--current", str(current)]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_no_reader_crashes_hangs_or_runs_what_it_reads(tmp_path):
    done = worker(tmp_path / "current", "--executions", "100")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report) > 10
    for name, found in report.items():
        assert not found["failures"], name
        assert sum(found["counts"].values()) == 100
        assert set(found["counts"]) <= {"read", "refused"}


FRAGILE = """
import os, sys, time
from symdyn.errors import SymdynError
from tests.fuzz import targets
def read(data):
    if b"CANARY" in data: compile(data.decode("utf-8", "replace"), "text", "exec")
    if b"nan" in data: raise KeyError("nan")
    if b"sin(" in data:
        while True: pass
    if b"PK" in data: os.kill(os.getpid(), 11)
    raise SymdynError("refused")
targets.TARGETS["times"] = lambda: targets.Target((b"x",), read)
from tests.fuzz import worker
worker.SECONDS = 0.02
worker.main()
"""


def test_a_fragile_reader_is_found_out(tmp_path):
    current = tmp_path / "current"
    done = worker(current, "times", "--executions", "100000", script=("-c", FRAGILE))
    assert done.returncode == -11
    held = current.read_bytes()
    assert b"PK" in held[8 : 8 + int.from_bytes(held[:8], "little")]  # the input that ended the process
    done = worker(current, "times", "--executions", "2000", script=("-c", FRAGILE.replace('b"PK"', 'b"-never-"')))
    counts = json.loads(done.stdout)["times"]["counts"]
    assert set(counts) == {"refused", "crash", "hang", "code"}
    assert sum(counts.values()) == 2000
    run = FRAGILE.replace('compile(data.decode("utf-8", "replace"), "text", "exec")', f'exec(compile("0", {TREE!r}, "exec"))')
    done = worker(current, "times", "--executions", "2000", script=("-c", run.replace('b"PK"', 'b"-never-"')))
    assert "code" in json.loads(done.stdout)["times"]["counts"]  # what was only to be a tree


def test_reports_are_added_up(tmp_path):
    failure = {"crash KeyError at x.py:1": {"input": b"text".hex(), "digest": "d1"}}
    for seed, failures in ((3, failure), (4, {})):
        record(
            tmp_path, "times", {"counts": {"read": seed, "refused": 10}, "failures": failures, "answers": seed, "peak_kb": 7}
        )
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["executions"] == 27
    assert report["readers"]["times"]["counts"] == {"read": 7, "refused": 20}
    assert report["readers"]["times"]["failures"] == {"crash KeyError at x.py:1": "d1"}
    assert (tmp_path / "times-d1").read_bytes() == b"text"
