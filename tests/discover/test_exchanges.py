"""Laws of like parts: equations that an exchange of states makes of one another."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd

pytest.importorskip("sklearn")

from symdyn.discover.whole.exchanges import alike, cycles, exchanged, exchanges, like_parts
from symdyn.discover.whole.fits import Fitter
from symdyn.discover.whole.library import DEGREE_COST, library
from symdyn.discover.whole.matching import WeakMatching
from symdyn.discover.whole.problem import prepared
from symdyn.discover.whole.states import declared
from symdyn.discover.whole.terms import SIN, Atom, CandidateTerm, EquationModel
from symdyn.inference.data import observations

X, Y = CandidateTerm((1, 0), cost=DEGREE_COST[1]), CandidateTerm((0, 1), cost=DEGREE_COST[1])


def coupled(a, b, noise=0.01, seed=0):
    """``x' = -a x + y/2, y' = x/2 - b y`` with noise relative to each value."""
    x, y = sp.symbols("x y")
    system = sd.ODESystem({x: -a * x + y / 2, y: x / 2 - b * y}, initial={x: 2.0, y: 0.3})
    times = np.linspace(0, 4, 200)
    run = sd.simulate(system, times, rtol=1e-10, progress=False)
    rng = np.random.default_rng(seed)
    columns = {s: run[s].values.ravel() * (1 + noise * rng.normal(size=200)) for s in "xy"}
    return pd.DataFrame({"time": times, **columns})


def fitter_of(frame):
    return Fitter(prepared(observations(declared(frame), frame)))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_a_term_exchanged_has_the_values_of_the_term_along_states_that_are_exchanged(d):
    x = np.abs(np.random.default_rng(d).normal(1.0, 0.2, size=(30, d)))
    states = sp.symbols(f"x:{d}")
    terms = {term.key: term for number in (0, 1, 2) for term in library(x, number)}.values()
    for permutation in exchanges(d):
        for term in terms:
            constants = [sp.Float(v) for v in term.values]
            sign, image = exchanged(term, permutation)
            swap = {s: states[permutation[i]] for i, s in enumerate(states)}
            expected = term.expression(states, constants).xreplace(swap)
            made = sign * image.expression(states, constants)
            at = dict(zip(states, x[0], strict=True))
            assert float(made.xreplace(at)) == pytest.approx(float(expected.xreplace(at)), rel=1e-12)


def test_exchanges_are_permutations_without_fixed_states_whose_powers_return_at_once():
    # of d states in d/c cycles of length c there are d!/(c^(d/c) (d/c)!), and of each with its inverse one
    assert [len(list(exchanges(d))) for d in (1, 2, 3, 4, 5)] == [0, 1, 1, 3 + 6 // 2, 0]
    for permutation in itertools.chain.from_iterable(map(exchanges, (2, 3, 4))):
        assert sorted(itertools.chain(*cycles(permutation))) == list(range(len(permutation)))


def test_ties_are_those_of_equations_that_are_alike_and_there_are_none_of_others():
    sine = CandidateTerm((0, 0), (Atom(SIN, (1.0, -1.0)),))
    model = EquationModel(2, [(0, X, -1.0, []), (0, sine, -0.3, []), (1, Y, -1.0, []), (1, sine, 0.3, [])])
    ties = alike(model, (1, 0))
    assert {(t.which, t.factor, t.other) for t in ties} == {
        (next(k for k, (e, q) in enumerate(model.terms) if e == 1 and q.key == key), sign,
         next(k for k, (e, q) in enumerate(model.terms) if e == 0 and q.key == other))
        for key, other, sign in (("x1", "x0", 1), (sine.key, sine.key, -1))
    }  # fmt: skip
    assert all(tie.row(4) @ model.theta == 0 for tie in ties)
    assert alike(EquationModel(2, [(0, X, 1.0, []), (1, X, 1.0, [])]), (1, 0)) is None
    assert alike(EquationModel(2, [(0, X, 1.0, []), (0, Y, 1.0, []), (1, Y, 1.0, [])]), (1, 0)) is None


def test_matching_over_like_equations_is_the_least_squares_of_both():
    fitter = fitter_of(coupled(1.3, 1.3))
    matching = WeakMatching(fitter.problem, [X, Y])
    (side,) = (q for q in matching.alike(0, [(0, 1), (1, 0)], 2) if len(q.parts) == 2)
    # the sum and the difference of x and y fall with the rates a - 1/2 and a + 1/2
    found = {term.key: c for _, term, c, _ in side.parts}
    assert found["x0"] == pytest.approx(-1.3, abs=0.03)
    assert found["x1"] == pytest.approx(0.5, abs=0.03)
    each = [min(q.rss for q in sides if len(q.parts) == 2) for sides in matching.candidates(2)]
    assert sum(each) < side.rss < sum(each) + 40  # two constants less: chi squared of two


def test_a_law_of_like_parts_counts_what_is_alike_once():
    frame = coupled(1.3, 1.3)
    fitter = fitter_of(frame)
    start = frame[["x", "y"]].to_numpy()[:1]
    parts = [(0, X, -1.3, []), (0, Y, 0.5, []), (1, X, 0.5, []), (1, Y, -1.3, [])]
    free = fitter.fit(EquationModel(2, parts), start, 1, 25, fall=1e-6)
    tied = next(f for f in like_parts(fitter, free, []) if f.model.key == free.model.key)
    assert len(tied.ties) == 2
    assert all(abs(tie.row(4) @ tied.model.theta) < 1e-12 for tie in tied.ties)
    # the fit is worse by chi squared of two; two constants fewer are told by twice the data, and two terms are spared
    n, size = 200.0, 2 * 200 - 2
    fall = n * np.log((tied.rss / n + fitter.problem.floor) / (free.rss / n + fitter.problem.floor)).sum()
    assert 0 < fall < 15
    few = [size / (size - k - 2) for k in (2, 4)]
    spared = few[1] * 4 * np.log(n) - few[0] * 2 * np.log(2 * n) + 2 * (free.model.cost / 2 - np.log(2))
    assert free.score - tied.score == pytest.approx(spared - fall, abs=1e-6)


def magnets(turned):
    """``x' = 0.4 sin(x - y) - sin x`` and the same of y, whose second term is `turned` by so much, with noise of 1 %."""
    x, y = sp.symbols("x y")
    sides = {x: 0.4 * sp.sin(x - y) - sp.sin(x), y: 0.4 * sp.sin(y - x) - turned * sp.sin(y)}
    times = np.linspace(0, 6, 300)
    run = sd.simulate(sd.ODESystem(sides, initial={x: 0.7, y: -0.2}), times, rtol=1e-10, progress=False)
    rng = np.random.default_rng(0)
    return pd.DataFrame({"time": times} | {s: run[s].values.ravel() * (1 + 0.01 * rng.normal(size=300)) for s in "xy"})


def test_parts_that_are_alike_are_told_and_others_are_not():
    def recovered(frame, **options):
        found = sd.recover(None, frame, progress=False, options=sd.discover.RecoverOptions(**options))
        x, y = sp.symbols("x y")
        first, second = (sp.expand(found.terms[name]) for name in ("f_x", "f_y"))
        return first, sp.expand(first.xreplace({x: y, y: x}) - second) == 0, " ".join(found.warnings)

    x, y = sp.symbols("x y")
    first, same, notes = recovered(magnets(1.0))
    assert same
    assert "law of like parts" in notes
    found = {shape: coefficient for coefficient, shape in (t.as_coeff_Mul() for t in sp.Add.make_args(first))}
    assert found.keys() == {sp.sin(x), sp.sin(x - y)}
    assert float(found[sp.sin(x - y)]) == pytest.approx(0.4, abs=0.02)
    for frame, options in ((magnets(1.0), {"ties": False}), (magnets(0.8), {})):
        _, same, notes = recovered(frame, **options)
        assert not same
        assert "law of like parts" not in notes
