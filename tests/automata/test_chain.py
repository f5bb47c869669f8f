"""Step operators against enumerated matrices, closed forms, and the stationary distribution of Peretto."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.automata import _chain
from symdyn.errors import DeclarationError, SymdynError

from .rules import DOMANY_KINZEL, L, R, configurations, domany_kinzel, domany_kinzel_matrix, ising, k, p1, p2, s

#: Reference values of the ring of Domany and Kinzel, p1 = 0.6, p2 = 0.8, from dense matrices that numpy made.
RINGS = {
    4: ((0.95402036, 0.59123171), 24.6313046369, (0.8, 0.55794030, 0.42950781, 0.26754358)),
    6: ((0.96612402, 0.75604907), 35.1699580677, (0.8, 0.55809008, 0.43716452, 0.30168665)),
    8: ((0.97119646, 0.84079855), 43.4878781694, (0.8, 0.55809008, 0.43740209, 0.30782368)),
}


WIDE = (s[-3] + 2 * s[0] + s[3] + s[1]) / 7
GIVEN, TAKEN = sp.IndexedBase("given"), sp.IndexedBase("taken")


@pytest.mark.parametrize(
    ("rule", "sites", "boundary"),
    [(WIDE, 10, "periodic"), (WIDE, 7, 1), ({GIVEN: TAKEN[2] / 3, TAKEN: TAKEN[0] / 2}, 5, "periodic")],
)
def test_cells_made_together_have_the_probabilities_of_the_matrix(rule, sites, boundary):
    """Rules of many neighbours, and cells on which nothing depends."""
    chain = sd.Automaton(rule, sites=sites, boundary=boundary).step_operator()
    dense, x = chain.matrix().toarray(), np.random.default_rng(1).normal(size=chain.shape[0])
    np.testing.assert_allclose(chain @ x, dense @ x, atol=1e-12)
    np.testing.assert_allclose(chain.rmatvec(x), dense.T @ x, atol=1e-12)


@pytest.mark.parametrize("sites", RINGS)
def test_the_ring_of_domany_and_kinzel(sites):
    moduli, extinction, densities = RINGS[sites]
    chain = domany_kinzel(sites).step_operator()
    full, empty = "1" * sites, "0" * sites
    assert np.abs(chain.spectrum(3)) == pytest.approx([1, *moduli], abs=5e-9)
    assert chain.first_passage(empty)[chain.index(full)] == pytest.approx(extinction, abs=1e-10)
    found = [chain.density(chain.evolve(chain.state(full), t)) for t in (1, 5, 10, 20)]
    for row, density in zip(found, densities, strict=True):
        assert row == pytest.approx(density, abs=5e-9)
    assert chain.stationary() == pytest.approx(chain.state(empty), abs=1e-14)


@pytest.mark.parametrize("sites", [2, 5, 7])
def test_operator_and_matrix_are_the_enumerated_matrix(sites):
    """Rows that the table of references does not have."""
    chain, exact = domany_kinzel(sites).step_operator(), domany_kinzel_matrix(sites)
    assert chain.matrix().toarray() == pytest.approx(exact, abs=1e-15)
    x = np.random.default_rng(sites).normal(size=2**sites)
    assert chain @ x == pytest.approx(exact @ x, abs=1e-13)
    assert chain.T @ x == pytest.approx(exact.T @ x, abs=1e-13)
    block = exact[1:, 1:]
    times = np.linalg.solve((np.eye(len(block)) - block).T, np.ones(len(block)))
    assert chain.first_passage(0)[1:] == pytest.approx(times, rel=1e-11)
    values = np.linalg.eigvals(exact)
    assert np.abs(chain.spectrum(4)) == pytest.approx(np.sort(np.abs(values))[::-1][:4], abs=1e-10)


@pytest.mark.parametrize(("boundary", "sites"), [("periodic", 1), ("periodic", 2), ("periodic", 3), (0, 3), (1, 3), (1, 1)])
def test_several_names_and_walls_as_enumerated(boundary, sites):
    p = sp.Symbol("p")
    rules = {R: (p * R[-2] + L[1]) / 2, L: 1 - p * R[0]}
    chain = sd.Automaton(rules, sites, {p: 0.3}, boundary=boundary).step_operator()
    states = configurations(2 * sites)
    exact = np.zeros(chain.shape)

    def at(row, i):
        return row[i % sites] if boundary == "periodic" else row[i] if 0 <= i < sites else boundary

    for j, now in enumerate(states):
        r, left = now[:sites], now[sites:]
        chance = [(0.3 * at(r, i - 2) + at(left, i + 1)) / 2 for i in range(sites)] + [1 - 0.3 * r[i] for i in range(sites)]
        exact[:, j] = np.prod(np.where(states == 1, chance, 1 - np.array(chance)), axis=1)
    assert chain.matrix().toarray() == pytest.approx(exact, abs=1e-15)
    x = np.random.default_rng(1).normal(size=len(states))
    assert chain @ x == pytest.approx(exact @ x, abs=1e-14)
    assert chain.T @ x == pytest.approx(exact.T @ x, abs=1e-14)


def test_the_parallel_ising_ring():
    r"""Peretto, Biol. Cybern. 50 (1984) 51: the parallel ring has the weights prod 2 cosh(b (s_{i-1} + s_{i+1}))."""
    chain = ising(8, 0.4).step_operator()
    spins = configurations(8, (-1, 1))
    weights = np.prod(2 * np.cosh(0.4 * (np.roll(spins, 1, axis=1) + np.roll(spins, -1, axis=1))), axis=1)
    found = chain.stationary()
    assert found == pytest.approx(weights / weights.sum(), abs=1e-15)
    assert np.abs(chain.spectrum(4)) == pytest.approx([1, np.tanh(0.8), np.tanh(0.8), 0.46954490], abs=5e-9)
    assert found @ (spins[:, 0] * spins[:, 2]) == pytest.approx(0.14730574803, abs=1e-11)
    assert found @ (spins[:, 0] * spins[:, 1]) == pytest.approx(0, abs=1e-14)
    flow = chain.matrix().toarray() * found
    assert flow == pytest.approx(flow.T, abs=1e-16)  # detailed balance


def test_large_chains_without_matrices():
    """Thirteen cells and more: independent ones, whose chain is a product; and Peretto's weights again."""
    p = sp.Symbol("p")
    lone = sd.Automaton(p * s[0], 13, {p: 0.5}).step_operator()  # cells that die, each with probability 1/2
    assert lone.density(lone.evolve(lone.state("1" * 13), 3)) == pytest.approx(np.full(13, 0.125), abs=1e-15)
    # the last of 13 dies at the maximum of geometric numbers: sum over t of 1 - (1 - 2^-t)^13
    exact = sum(1 - (1 - 0.5**t) ** 13 for t in range(200))
    assert lone.first_passage(0)[-1] == pytest.approx(exact, rel=1e-10)
    assert np.abs(lone.spectrum(2)) == pytest.approx([1, 0.5], abs=1e-10)
    chain = ising(12, 0.4).step_operator()
    spins = configurations(12, (-1, 1))
    weights = np.prod(2 * np.cosh(0.4 * (np.roll(spins, 1, axis=1) + np.roll(spins, -1, axis=1))), axis=1)
    assert chain.stationary() == pytest.approx(weights / weights.sum(), abs=1e-12)


def test_states_that_are_missed_take_for_ever():
    majority = sd.Automaton(s[0] * s[1], 3).step_operator()
    times = majority.first_passage("000")
    assert times[7] == np.inf  # the full ring stays
    assert times[:7].tolist() == [0, 1, 1, 2, 1, 2, 2]
    both = majority.first_passage(["000", "111"])
    assert both[7] == 0


@pytest.mark.parametrize("sites", [3, 13])
def test_several_stationary_distributions_are_refused(sites):
    """Both the empty and the full ring stay, of small chains as of those that have no matrix."""
    p = sp.Symbol("p")
    voter = sd.Automaton(p * s[0] + (1 - p) * s[1], sites, {p: 0.5}).step_operator()
    with pytest.raises(SymdynError, match=r"several stationary distributions.*evolve"):
        voter.stationary()
    # a martingale: from one cell of n the full ring is reached with probability 1/n
    start = voter.state("1" + "0" * (sites - 1))
    if sites == 3:
        assert voter.evolve(start, 400)[-1] == pytest.approx(1 / 3, abs=1e-12)


def test_wrong_input_is_refused():
    chain = domany_kinzel(4).step_operator()
    with pytest.raises(DeclarationError, match=r"the state is '10'; expected 4 bits, such as '0001'"):
        chain.index("10")
    with pytest.raises(DeclarationError, match=r"the state is 16"):
        chain.index(16)
    with pytest.raises(DeclarationError, match=r"the minimum -1 and the sum 1; expected 0 and 1"):
        chain.evolve([2.0, -1.0, *[0.0] * 14], 1)
    with pytest.raises(DeclarationError, match=r"the shape \(3,\); expected \(16,\)"):
        chain.evolve([1, 0, 0], 1)
    with pytest.raises(DeclarationError, match=r"steps is -1"):
        chain.evolve(chain.state(0), -1)
    with pytest.raises(DeclarationError, match=r"count is 17; expected a number of eigenvalues, 1 to 16"):
        chain.spectrum(17)
    with pytest.raises(DeclarationError, match=r"25 cells, and 2\^25 states; expected at most 24"):
        domany_kinzel(25).step_operator()
    with pytest.raises(DeclarationError, match=r"no value for the parameter b"):
        sd.Automaton(sp.Symbol("b") * s[0], 3).step_operator()
    with pytest.raises(DeclarationError, match=r"where s\[0\] = 1 is 2; expected a probability"):
        sd.Automaton(sp.Symbol("b") * s[0], 3).step_operator({"b": 2})
    with pytest.raises(DeclarationError, match=r"expected strings of 4 bits"):
        chain.first_passage([0, 0, 0, 0])
    with pytest.raises(DeclarationError, match=r"there is no cell 4"):
        chain.bits(4)


def test_passage_times_of_chains_that_hardly_ever_arrive(monkeypatch):
    """Of three cells by rational elimination, where 1 minus the matrix is singular in double precision."""
    p = Fraction(1023, 1024)
    table = [Fraction(0), p, p, p * (2 - p)]
    states = [tuple(map(int, row)) for row in configurations(3)]

    def chance(now, then):
        ones = [table[2 * now[i] + now[(i + 1) % 3]] for i in range(3)]
        return math.prod((q if b else 1 - q for q, b in zip(ones, then, strict=True)), start=Fraction(1))

    rows = [[(i == j) - chance(now, then) for j, then in enumerate(states[1:])] for i, now in enumerate(states[1:])]
    times = sp.Matrix(rows).applyfunc(lambda f: sp.Rational(f.numerator, f.denominator)).LUsolve(sp.ones(7, 1))
    assert float(times[-1]) > 1e16
    chain = sd.Automaton(DOMANY_KINZEL, 3, {p1: float(p), p2: float(p * (2 - p))}).step_operator()
    assert chain.first_passage("000")[1:] == pytest.approx([float(x) for x in times], rel=1e-13)
    monkeypatch.setattr(_chain, "DENSE", 4)  # of more states, by iteration
    with pytest.raises(SymdynError, match="too long"):
        chain.first_passage("000")
    with pytest.raises(DeclarationError, match="no states to be reached"):
        chain.first_passage([])


def test_a_chain_that_hardly_ever_changes_sides_is_on_both_alike():
    """By symmetry; its matrix minus 1 has the condition 1e12."""
    p = 2.0**-42
    rule = sp.Piecewise((p, sp.Eq(k, 0)), (sp.Rational(1, 2), sp.Eq(k, 1)), (1 - p, True))
    found = sd.Automaton(rule, 4).step_operator().stationary()
    assert found[[0, 15]] == pytest.approx([0.5, 0.5], rel=1e-10)


def test_steps_that_would_take_too_much_memory_are_refused():
    p = sp.Symbol("p")
    chain = sd.Automaton(p * sum(s[d] for d in range(-4, 6)) / 10, 24, {p: 0.5}).step_operator()
    with pytest.raises(DeclarationError, match="fewer cells"):
        chain.matvec(chain.state(0))
