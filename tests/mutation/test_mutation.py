"""The runner of mutants: which changes it makes, how it runs them, and that its report is kept in order."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest

from symdyn.inference import criterion
from tests.mutation.__main__ import EQUIVALENT, REPORT, scores
from tests.mutation.mutants import mutants, mutated, sample
from tests.mutation.packages import PACKAGES, ROOT
from tests.mutation.runner import SURVIVED, TIMEOUT, _exchange, in_a_copy

SOURCE = '''
"""Docstring 1."""
__all__ = ["f"]
LIMIT: float = 2.0
class A:
    """Docstring 2."""
    size: int = 3
    def f(self, x: int = 1, *, y="text") -> int | None:
        """Docstring 3."""
        if not x or x[-1] < 4:
            raise ValueError(f"got {x + 1}", 7)
        LOG.info("a note", 8)
        x += min(x)
        return [a for a in zip(x, y, strict=True) if a]
'''


def test_every_change_is_one_that_a_test_can_notice():
    found = mutants("m.py", SOURCE)
    assert [(m.function, m.before, m.after) for m in found] == [
        ("", "2.0", "2.02"),
        ("", "3", "4"),
        ("", "3", "2"),
        ("", "1", "2"),
        ("", "1", "0"),
        ("A.f", "not x or x[-1] < 4", "not x and x[-1] < 4"),
        ("A.f", "not x", "x"),
        ("A.f", "x[-1] < 4", "x[-1] <= 4"),
        ("A.f", "x[-1] < 4", "x[-1] > 4"),
        ("A.f", "-1", "1"),
        ("A.f", "1", "2"),
        ("A.f", "1", "0"),
        ("A.f", "4", "5"),
        ("A.f", "4", "3"),
        ("A.f", "x += min(x)", "x -= min(x)"),
        ("A.f", "min", "max"),
        ("A.f", "return [a for a in zip(x, y, strict=True) if a]", "return None"),
        ("A.f", "a", "not a"),
    ]
    original = ast.unparse(ast.parse(SOURCE))
    texts = {ast.unparse(mutated(SOURCE, m.number)) for m in found}
    assert len(texts) == len(found)
    assert original not in texts


def test_samples_are_the_same_where_other_lines_change():
    every = PACKAGES["dag"].mutants()
    drawn = sample(every, 20, seed=1)
    assert len({(m.path, m.line) for m in drawn}) == 20
    assert drawn != sample(every, 20, seed=2)
    assert sample([m for m in every if m.line > 60], 20, seed=1)[:5] == [m for m in drawn if m.line > 60][:5]


def test_a_function_is_exchanged_in_a_copy_of_the_process_alone():
    path = "symdyn/inference/criterion.py"
    source = (ROOT / path).read_text()
    mutant = next(m for m in mutants(path, source) if m.function == "weights" and m.after == "return None")
    tree = mutated(source, mutant.number)
    assert in_a_copy(lambda: (_exchange(mutant, tree), criterion.weights([1.0])), 60) == (True, None)
    assert criterion.weights([1.0]).tolist() == [1.0]


def endless():
    while True:
        pass


@pytest.mark.parametrize(
    ("work", "seconds", "result"), [(lambda: "done", 60, "done"), (lambda: os._exit(3), 60, None), (endless, 0.1, TIMEOUT)]
)
def test_copies_end(work, seconds, result):
    assert in_a_copy(work, seconds) == result


def test_the_report_names_a_reason_for_every_mutant_that_counts_as_equivalent():
    report, reasons = (json.loads(Path(p).read_text()) for p in (REPORT, EQUIVALENT))
    assert list(report) == [name for name in PACKAGES if name in report]
    survived = {name for found in report.values() for name, (outcome, _) in found.items() if outcome == SURVIVED}
    assert set(reasons) <= survived
    assert all(reasons.values())
    table = {line.split()[0]: int(line.split()[-2]) for line in scores(report, reasons).splitlines()[1:]}
    assert all(table[name] >= 90 for name in ("inference", "derive", "methods", "codegen", "dag", "parsing"))
