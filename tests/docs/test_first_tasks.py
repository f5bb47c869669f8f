"""First tasks of newcomers: those that once failed; ``python -m tests.docs.first_tasks`` runs all of them."""

from __future__ import annotations

import warnings

import pytest

from tests.docs.first_tasks import PAGES, TABLE, lines, run, table, tasks

FAILED_ONCE = (
    "C4", "P2", "P3", "P6", "D2", "D5", "D7", "S2", "S5", "S10", "G14", "G17", "G18", "P11", "P13", "S14", "S15", "S16", "S18",
    "C27", "P26", "S29",
)  # fmt: skip


def test_there_are_thirty_for_each_kind_of_user():
    assert {kind: sum(title.startswith(kind) for title in tasks()) for kind in "GCPDS"} == dict.fromkeys("GCPDS", 30)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_none_takes_more_lines_than_in_the_other_program(page):
    assert [task.title for task in tasks(page).values() if lines(task.code) > lines(task.other)] == []
    assert TABLE.findall(page.read_text()) == [table(page)], "python -m tests.docs.first_tasks --table"


def test_work_does_not_hide_in_checks():
    checks = [line for task in tasks().values() for line in task.code.splitlines() if line.strip().startswith("assert")]
    assert [line for line in checks if any(call in line for call in ("sd.simulate", "sd.fit", "sd.recover"))] == []
    assert max(len(line) for task in tasks().values() for line in task.code.splitlines()) <= 190  # the others are as long


@pytest.mark.parametrize("name", FAILED_ONCE)
def test_a_task_works(name):
    ((title, task),) = [(t, c) for t, c in tasks().items() if t.startswith(f"{name}.")]
    if name.startswith("P"):
        pytest.importorskip("sklearn")
    if name == "G14":
        pytest.importorskip("libsbml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        run(title, task.code)
