"""Errors of the disk at operations of stored runs, checkpoints, recoveries and the cache: nothing is lost or changed.

A sample; ``python -m tests.faults`` lets every operation fail.
"""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("zarr")

from tests.faults.campaign import SUBJECTS, disturbed
from tests.faults.faulty import faults


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
