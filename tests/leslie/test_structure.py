"""Graphs of matrices against powers of them."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.leslie import gallery


def _random_patterns(count=60):
    rng = np.random.default_rng(5)
    for _ in range(count):
        n = int(rng.integers(1, 7))
        yield (rng.random((n, n)) < rng.uniform(0.15, 0.5)) * rng.uniform(0.2, 1, (n, n))


@pytest.mark.parametrize("matrix", list(_random_patterns()), ids=str)
def test_definitions_by_powers(matrix):
    model, n = sd.leslie.from_matrix(matrix), len(matrix)
    arrows = (matrix > 0).astype(int)
    reached = np.linalg.matrix_power(np.eye(n, dtype=int) + arrows, n) > 0
    assert model.irreducible == reached.all()
    power = arrows.copy()
    for _ in range((n - 1) ** 2):  # Wielandt: a primitive matrix is positive by then
        power = ((power @ arrows) > 0).astype(int)
    assert model.primitive == bool(power.all())
    lengths = [k for k in range(1, 4 * n) if np.trace(np.linalg.matrix_power(arrows.astype(object), k)) > 0]
    assert model.period == (np.gcd.reduce(lengths) if lengths else 0)


@pytest.mark.parametrize("matrix", list(_random_patterns(30)), ids=str)
def test_blocks_are_a_normal_form(matrix):
    model = sd.leslie.from_matrix(matrix)
    blocks = sd.leslie.blocks(model)
    order = [model.names.index(s) for stages in blocks.stages for s in stages]
    assert sorted(order) == list(range(len(matrix)))
    block_of = np.repeat(np.arange(len(blocks)), [len(s) for s in blocks.stages])
    sorted_matrix = matrix[np.ix_(order, order)]
    assert all(block_of[i] >= block_of[j] for i, j in np.argwhere(sorted_matrix > 0))
    assert blocks.growth_factor.max() == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), rel=1e-6)


def test_ergodicity_by_the_growth_from_each_stage():
    for matrix in _random_patterns():
        radius = np.abs(np.linalg.eigvals(matrix)).max()
        if radius < 1e-9:
            continue
        grown = np.linalg.matrix_power(matrix / radius, 4000).sum(axis=0)  # a power of the period of every loop up to 6 or so
        assert sd.leslie.from_matrix(matrix).ergodic == bool((grown + np.linalg.matrix_power(
            matrix / radius, 4001).sum(axis=0) > 1e-6).all())  # fmt: skip


def test_post_reproductive_whales_are_a_block_of_their_own():
    blocks = sd.leslie.blocks(gallery.killer_whale())
    assert list(blocks.stages) == [("yearlings", "juveniles", "mature"), ("postreproductive",)]
    assert list(blocks.dominant) == [True, False]
    assert blocks.growth_factor[1] == pytest.approx(0.9804)


def test_symbols_are_entries():
    assert gallery.emperor_goose().primitive
    f, s = sp.symbols("f s")
    model = sd.leslie.from_matrix([[0, f], [s, 0]])
    assert (model.irreducible, model.primitive, model.period) == (True, False, 2)


def test_one_stage():
    assert sd.leslie.from_matrix([[2]]).primitive
    assert sd.leslie.from_matrix([[2]]).ergodic


def test_competitors_are_not_ergodic():
    model = sd.leslie.competition(1.2, 0.1, 1.1, 0.1)
    assert model.irreducible
    assert not model.ergodic


def test_blocks_need_values():
    f = sp.Symbol("f")
    with pytest.raises(DeclarationError, match="no value for f"):
        sd.leslie.blocks(sd.leslie.from_matrix([[0, f, 0], [1, 0, 0], [0, 1, 0]]))
