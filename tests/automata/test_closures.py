"""Closures against sums over blocks of cells, and against chains, for which their first steps are exact."""

import itertools

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError

from .rules import L, R, domany_kinzel, s


def test_mean_field_of_domany_and_kinzel():
    """rho' = 2 p1 rho (1 - rho) + p2 rho^2, with the fixed point (2 p1 - 1)/(2 p1 - p2) (Kinzel, Z. Phys. B 58 (1985) 229)."""
    closed = domany_kinzel(8).mean_field()
    assert isinstance(closed, sd.DiscreteSystem)
    data = sd.simulate(closed, [0, 1, 2, 2000], progress=False).s.values
    assert data[:3] == pytest.approx([1, 0.8, 0.704], abs=1e-15)
    assert data[3] == pytest.approx((1.2 - 1) / (1.2 - 0.8), abs=1e-12)


def test_mean_field_of_two_names():
    p = sp.Symbol("p")
    closed = sd.Automaton({R: p * L[0] * R[1], L: 1 - R[-3]}, 9, {p: 0.5}, initial={"R": 0.4, "L": 0.7}).mean_field()
    data = sd.simulate(closed, [0, 1], progress=False)
    assert data.R.values[1] == pytest.approx(0.5 * 0.7 * 0.4, abs=1e-15)
    assert data.L.values[1] == pytest.approx(0.6, abs=1e-15)


def by_blocks(density, pair, a, b):
    """The next density and pair density in the pair closure, by a sum over three cells in a row."""
    joint = {(1, 1): pair, (1, 0): density - pair, (0, 1): density - pair, (0, 0): 1 - 2 * density + pair}
    single = {1: density, 0: 1 - density}
    chance = {0: 0.0, 1: a, 2: b}
    one = sum(p * chance[sum(c)] for c, p in joint.items())
    two = 0.0
    for x, y, z in itertools.product((0, 1), repeat=3):
        if single[y] > 0:
            two += joint[x, y] * joint[y, z] / single[y] * chance[x + y] * chance[y + z]
    return one, two


def test_pairs_of_domany_and_kinzel():
    closed = domany_kinzel(8).pairs()
    data = sd.simulate(closed, range(51), progress=False)
    density, pair = 1.0, 1.0
    for t in range(51):
        assert data.s.values[t] == pytest.approx(density, abs=1e-13)
        assert data.s_pair.values[t] == pytest.approx(pair, abs=1e-13)
        density, pair = by_blocks(density, pair, 0.6, 0.8)


@pytest.mark.parametrize("start", [1.0, 0.3])
def test_pairs_are_exact_for_two_steps(start):
    """Cells of an infinite line depend on three after two steps: a ring of five is long enough."""
    chain = domany_kinzel(5).step_operator()
    p = np.ones(1)
    for _ in range(5):
        p = np.kron(p, [1 - start, start])
    exact = [chain.density(chain.evolve(p, t))[0] for t in range(3)]
    closed = sd.simulate(domany_kinzel(5).pairs(), range(3), initial={"s": start}, progress=False)
    assert closed.s.values == pytest.approx(exact, abs=1e-14)
    pair = chain.evolve(p, 1) @ (chain.bits(0) * chain.bits(1))
    assert closed.s_pair.values[1] == pytest.approx(pair, abs=1e-14)
    mean = sd.simulate(domany_kinzel(5).mean_field(), range(3), initial={"s": start}, progress=False).s.values
    assert mean[:2] == pytest.approx(exact[:2], abs=1e-14)
    assert abs(mean[2] - exact[2]) > (1e-3 if start < 1 else -1)  # the mean field is not


def test_pairs_of_a_rule_with_a_gap_are_those_of_blocks():
    """Rule 90 on independent cells: the next cells are independent again at the density 2 rho (1 - rho), exactly."""
    closed = sd.simulate(sd.Automaton(sp.Ne(s[-1], s[1]), 9).pairs(), [0, 1], initial={"s": 0.2}, progress=False)
    assert closed.s.values[1] == pytest.approx(0.32, abs=1e-15)
    # neighbours depend on four different cells in a row, two by two
    assert closed.s_pair.values[1] == pytest.approx(0.32**2, abs=1e-15)


def test_what_has_no_pairs_is_refused():
    with pytest.raises(DeclarationError, match=r"one name of cells; this automaton has R, L"):
        sd.Automaton({R: L[0], L: R[0]}, 4).pairs()
    with pytest.raises(DeclarationError, match=r"22 cells in a row; the pair closure takes 12"):
        sd.Automaton(s[-10] * s[10], 40).pairs()
