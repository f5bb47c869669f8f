"""Intervals hold the truth as often as they say, when the terms are the right ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp
from scipy.stats import binom

from benchmarks.discovery import coverage

x, y = coverage.x, coverage.y


def small(name, library):
    return replace(coverage.CASES[name], library=library, exact=[])


@pytest.mark.parametrize(
    ("name", "noise", "library", "repeats"),
    [
        ("Lotka-Volterra", 0.025, [x * y, x], 50),
        ("Leslie-Gower", 0.02, [1 / (1 + coverage.h * x + coverage.k * y)], 40),
    ],
)
def test_intervals_of_recovered_constants_cover_the_truth(monkeypatch, name, noise, library, repeats):
    monkeypatch.setitem(coverage.CASES, name, small(name, library))
    table = coverage.run(repeats, [(name, noise)], first=500)
    assert list(table["constant"]) == list(coverage.CASES[name].constants)
    exact = int(table["exact"][0])
    assert exact > 0.9 * repeats
    # outside of these with probability 0.002 for each constant if the intervals hold the truth nine times in ten
    least, most = binom.ppf([0.001, 0.999], exact, 0.9)
    for share in table["covered"]:
        assert least <= share * exact <= most
    assert table["deviation"].between(0.7, 1.4).all()


def test_only_recoveries_with_the_right_terms_count():
    case = coverage.CASES["Lotka-Volterra"]
    law = sp.Symbol("f_1") * x * y
    recovery = type("Found", (), {"formulas": dict(case.truth)})()
    assert case.found(recovery)
    assert case.names(recovery) == {"f_1": "f_1", "g_1": "g_1"}
    recovery.formulas = {u: sp.Symbol(f"c_{u.func}") * x * y for u in case.truth}
    assert case.names(recovery) == {"f_1": "c_f", "g_1": "c_g"}
    recovery.formulas = {u: law + sp.Symbol("f_2") * x for u in case.truth}
    assert not case.found(recovery)
    noisy, same = case.data(0.01, 3), case.data(0.01, 3)
    assert (noisy[0]["x"] == same[0]["x"]).all()
