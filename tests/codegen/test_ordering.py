"""The order of pivots of a sparse elimination, against the same rule on sets."""

from __future__ import annotations

import random

import pytest

from symdyn.codegen.ordering import markowitz


def eliminated(n, pattern, choose):
    """Rows of the factors where pivots are chosen by a rule, and the number of updates."""
    entries = {(i, j) for i, j in pattern} | {(i, i) for i in range(n)}
    left, updates, steps = set(range(n)), 0, []
    while left:
        p = choose(entries, left)
        left.remove(p)
        rows = {i for i in left if (i, p) in entries}
        columns = {j for j in left if (p, j) in entries}
        entries |= {(i, j) for i in rows for j in columns}
        updates += len(rows) * len(columns)
        steps.append((p, rows, columns))
    return entries, updates, steps


def cheapest(depth):
    """The rule: fewest changed entries, then the shortest chain of pivots before, then the first."""

    def choose(entries, left):
        def cost(q):
            changed = sum((i, q) in entries for i in left - {q}) * sum((q, j) in entries for j in left - {q})
            return changed, depth[q], q

        p = min(left, key=cost)
        for q in left - {p}:
            if (p, q) in entries or (q, p) in entries:
                depth[q] = max(depth[q], depth[p] + 1)
        return p

    return choose


@pytest.mark.parametrize("seed", range(8))
def test_pivots_are_those_of_the_rule_and_factors_those_of_the_elimination(seed):
    rng = random.Random(seed)
    n = 12 + seed
    pattern = [(rng.randrange(n), rng.randrange(n)) for _ in range(3 * n)]
    depth = [0] * n
    _, updates, steps = eliminated(n, pattern, cheapest(depth))
    found = markowitz(n, pattern)
    assert sorted(found.order) == list(range(n))
    assert found.updates == updates
    assert [depth[p] for p in found.order] == sorted(depth)
    place = {p: k for k, p in enumerate(found.order)}
    for p, rows, columns in steps:
        assert {i for i in range(n) if p in found.lower[i]} == rows
        assert set(found.upper[p]) == columns
    for row in (*found.lower, *found.upper):
        assert row == sorted(row, key=place.__getitem__)


def test_rows_without_others_are_left_alone():
    found = markowitz(3, [])
    assert (found.order, found.lower, found.upper, found.updates) == ([0, 1, 2], [[], [], []], [[], [], []], 0)
