"""First tasks of newcomers: those that once failed; ``python -m tests.docs.first_tasks`` runs all fifty."""

from __future__ import annotations

import warnings

import pytest

from tests.docs.first_tasks import run, tasks

FAILED_ONCE = ("C4", "P2", "P3", "P6", "D2", "D5", "D7", "S2", "S5", "S10")


def test_there_are_ten_for_each_kind_of_user():
    assert {kind: sum(title.startswith(kind) for title in tasks()) for kind in "GCPDS"} == dict.fromkeys("GCPDS", 10)


@pytest.mark.parametrize("name", FAILED_ONCE)
def test_a_task_works(name):
    ((title, code),) = [(t, c) for t, c in tasks().items() if t.startswith(f"{name}.")]
    if name.startswith("P"):
        pytest.importorskip("sklearn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        run(title, code)
