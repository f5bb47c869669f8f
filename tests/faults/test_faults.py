"""Errors of the disk at operations of stored runs, checkpoints, recoveries and the cache: nothing is lost or changed.

A sample; ``python -m tests.faults`` lets every operation fail, and ends processes at random moments.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("zarr")

from tests.faults.campaign import SUBJECTS, disturbed
from tests.faults.faulty import faults

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_fault_loses_and_changes_nothing(name, caplog):
    caplog.set_level(logging.CRITICAL, logger="symdyn")
    found = list(disturbed(name, step={"checkpoint": 1, "cache": 3}.get(name, 23)))
    assert found
    assert [f for f in found if f.loss is not None] == []


def test_a_fault_is_noticed(tmp_path):
    with faults(tmp_path, 1) as faulty:
        (tmp_path / "0").write_text("text")
        with pytest.raises(OSError, match="No space left on device"):
            (tmp_path / "1").write_text("text")
    assert faulty.operations == ["open /0", "open /1"]
    with faults(tmp_path, 0) as faulty:  # reading needs no room
        assert (tmp_path / "0").read_text() == "text"
    assert faulty.count == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are copied by fork")
@pytest.mark.parametrize("campaign", ["kills", "interrupts"])
def test_runs_that_are_ended_are_resumed(campaign):
    """In a process of its own, for a copy of one that has threads may hang."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, str(ROOT)]))}
    command = [sys.executable, "-m", "tests.faults", "zarr store", "cache", "--campaign", campaign, "--times", "2"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 faults, 0 with a loss" in done.stdout
