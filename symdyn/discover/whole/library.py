"""The library of terms: monomials, functions of states and of their sums and differences, rational terms and sigmoids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from symdyn.discover.whole.terms import ABS, COS, COT, EXP, INV, LOG, SIG, SIN, SQRT, Atom, CandidateTerm

__all__ = ["DEGREE_COST", "LIBRARIES", "SCALED_COST", "gentle", "library", "monomials"]

#: Libraries, each with the terms of those before it.
LIBRARIES = range(3)
#: Cost of a monomial by its degree, and of an exponential with its rate.
DEGREE_COST, SCALED_COST = (1.0, 0.5, 1.0, 2.0, 4.0, 5.0), 4.5
#: Largest degree by the number of states.
DEGREES = {1: 5, 2: 3, 3: 3}
#: Angles go no further than this in the data; nor do arguments of exponentials that fall and that rise.
WIDE, FALLING, RISING = 40.0, 20.0, 8.0
#: A state is positive if its least value is above this share of the largest.
POSITIVE = 1e-3
#: Rates of exponentials in units of one over the spread of a state.
RATES = (-4.0, -1.2, 1.2)
#: Percentiles of a state that its saturation begins at, by the number of states.
SATURATING, MANY_SATURATING = {1: (5, 20, 40, 60, 80, 95), 2: (15, 50, 90)}, (25, 75)


def monomials(d: int) -> list[CandidateTerm]:
    """All of them up to the degree for that many states, the lowest first."""
    largest = DEGREES.get(d, 2)
    powers = [e for e in itertools.product(range(largest + 1), repeat=d) if sum(e) <= largest]
    powers.sort(key=lambda e: (sum(e), [-q for q in e]))
    return [CandidateTerm(e, cost=DEGREE_COST[sum(e)]) for e in powers]


def library(x: np.ndarray, number: int) -> list[CandidateTerm]:
    """Terms for states that take the values `x` (n, d), one of `LIBRARIES`: monomials, then functions, then rarer ones."""
    d = x.shape[1]
    found = monomials(d)
    if number >= 1:
        found += [*_trigonometric(x), *_rational(x)]
        if d <= 2:
            found += [*_elementary(x), *_sigmoids(x)]
    if number >= 2:
        found += _repressing(x)
        if d <= 2:
            found += _scaled(x)
        if d <= 3:
            found += _competing(x)
    return list({(t.key, t.atoms): t for t in found}.values())


def _unit(d: int, i: int, w: float = 1.0) -> tuple[float, ...]:
    return tuple(w if j == i else 0.0 for j in range(d))


def _power(d: int, i: int, e: int = 1) -> tuple[int, ...]:
    return tuple(e if j == i else 0 for j in range(d))


def _sum(a: tuple, b: tuple) -> tuple:
    return tuple(p + q for p, q in zip(a, b, strict=True))


def _trigonometric(x: np.ndarray) -> Iterator[CandidateTerm]:
    d = x.shape[1]
    none = (0,) * d
    wide = np.flatnonzero(np.abs(x).max(axis=0) < WIDE).tolist()
    for i in wide:
        for f in (SIN, COS):
            yield CandidateTerm(none, (Atom(f, _unit(d, i)),), 2.5)
            for j in range(d):
                yield CandidateTerm(_power(d, j), (Atom(f, _unit(d, i)),), 4.5)
    for i, j in itertools.combinations(wide, 2):
        for sign, f in itertools.product((1.0, -1.0), (SIN, COS)):
            yield CandidateTerm(none, (Atom(f, _sum(_unit(d, i), _unit(d, j, sign))),), 3.5)
        if d <= 2:
            for f, g in itertools.product((SIN, COS), repeat=2):
                yield CandidateTerm(none, (Atom(f, _unit(d, i)), Atom(g, _unit(d, j))), 4.5)
                # squares of sines and cosines are second harmonics; angles on a sphere bring in cotangents
                yield CandidateTerm(none, (Atom(f, _unit(d, i)), Atom(g, _unit(d, j, 2.0))), 5.0)
                yield CandidateTerm(none, (Atom(f, _unit(d, i, 2.0)), Atom(g, _unit(d, j))), 5.0)
            for f, (a, b) in itertools.product((SIN, COS), ((i, j), (j, i))):
                yield CandidateTerm(none, (Atom(f, _unit(d, a)), Atom(COT, _unit(d, b))), 5.0)
    for i in wide if d <= 2 else ():
        yield CandidateTerm(none, (Atom(SIN, _unit(d, i)), Atom(COS, _unit(d, i))), 4.0)


def _elementary(x: np.ndarray) -> Iterator[CandidateTerm]:
    d = x.shape[1]
    none, size = (0,) * d, np.abs(x).max(axis=0)
    for i in range(d):
        yield CandidateTerm(_power(d, i), (Atom(ABS, _unit(d, i)),), 3.5)
        yield CandidateTerm(none, (Atom(ABS, _unit(d, i)),), 3.5)
        if x[:, i].min() > POSITIVE * size[i]:
            for f in (LOG, SQRT, INV):
                yield CandidateTerm(none, (Atom(f, _unit(d, i)),), 3.5)
            for j in range(d):
                yield CandidateTerm(_power(d, j), (Atom(LOG, _unit(d, i)),), 4.0)
        if size[i] < FALLING:
            yield CandidateTerm(none, (Atom(EXP, _unit(d, i, -1.0)),), 3.5)
        if size[i] < RISING:
            yield CandidateTerm(none, (Atom(EXP, _unit(d, i)),), 3.5)


def _scaled(x: np.ndarray) -> Iterator[CandidateTerm]:
    """``exp(k x)`` with rates that the data determine: the exponential neither vanishes nor runs away along them."""
    d, size = x.shape[1], np.abs(x).max(axis=0)
    for i, r in itertools.product(range(d), RATES):
        rate = r / (x[:, i].std() + 1e-9)
        if abs(rate) * size[i] < FALLING:
            yield CandidateTerm((0,) * d, (Atom(EXP, _unit(d, i, float(rate)), 0.0, 1, (i,)),), SCALED_COST)


def _positive(x: np.ndarray) -> list[int]:
    return list(np.flatnonzero(x.min(axis=0) > -POSITIVE * np.abs(x).max(axis=0)).tolist())


def _saturating(x: np.ndarray, powers: Sequence[tuple[int, Sequence[int]]], every: int) -> Iterator[CandidateTerm]:
    """``x^a/(K + x^n)`` for n and its a, and times another state, K on a grid: odd n where a state is nowhere negative."""
    d = x.shape[1]
    positive = _positive(x)
    for i in range(d):
        grid = np.percentile(np.abs(x[:, i]), SATURATING.get(d, MANY_SATURATING))
        if d <= 2:
            grid = np.unique([0.5 * grid[0], *grid, 2 * grid[-1], 6 * grid[-1]])
        for n, numerators in powers if i in positive else [p for p in powers if p[0] % 2 == 0]:
            for a, k in itertools.product(numerators, grid[::every]):
                atom = Atom(INV, _unit(d, i), float(max(k, 1e-3) ** n), n, (-1,))
                yield CandidateTerm(_power(d, i, a), (atom,), 5.0)
                for j in range(d) if n <= 2 else ():
                    if j != i:
                        yield CandidateTerm(_sum(_power(d, i, a), _power(d, j)), (atom,), 5.5)


def _rational(x: np.ndarray) -> Iterator[CandidateTerm]:
    """Terms that saturate."""
    steep = [(n, (n,)) for n in (3, 4, 5)] if x.shape[1] == 1 else []
    return _saturating(x, [(1, (1,)), (2, (1, 2)), *steep], 1)


def _repressing(x: np.ndarray) -> Iterator[CandidateTerm]:
    """Terms that fall to nothing, and steep ones of several states."""
    most = 5 if x.shape[1] == 1 else 4
    return _saturating(x, [(n, (0,) if n <= 2 or x.shape[1] == 1 else (0, n)) for n in range(1, most + 1)], 2)


def _competing(x: np.ndarray) -> Iterator[CandidateTerm]:
    """``m/(K + x + k y)`` of two states that are nowhere negative, m of at most one power of each."""
    d, size = x.shape[1], np.median(np.abs(x), axis=0) + 1e-9
    for i, j in itertools.combinations(_positive(x), 2):
        weights = _sum(_unit(d, i), _unit(d, j, float(size[i] / size[j])))
        for share in (0.3, 2.0):
            atom = Atom(INV, weights, float(share * size[i]), 1, (-1, j))
            for a, b in itertools.product((0, 1), repeat=2):
                yield CandidateTerm(_sum(_power(d, i, a), _power(d, j, b)), (atom,), 5.5 + 0.5 * a * b)


def _sigmoids(x: np.ndarray) -> Iterator[CandidateTerm]:
    """``1/(1 + exp(K + k x))`` with steepness and place on a grid."""
    d = x.shape[1]
    steep = (-4.0, -1.5, 1.5, 4.0) if d > 1 else (-6.0, -3.0, -1.5, -0.7)
    places = (-1.0, 0.0, 1.0) if d > 1 else (-3.0, -1.5, 0.0, 1.5)
    return _sigmoids_at(x, steep, places)


def gentle(x: np.ndarray) -> list[CandidateTerm]:
    """Sigmoids of two states of which the data see a part."""
    return list(_sigmoids_at(x, (-0.5, 0.5), (-3.0, 0.0, 3.0))) if x.shape[1] == 2 else []


def _sigmoids_at(x: np.ndarray, steep: Sequence[float], places: Sequence[float]) -> Iterator[CandidateTerm]:
    """Those with these values in units of the spread of a state."""
    d, spread, middle = x.shape[1], x.std(axis=0) + 1e-9, np.median(x, axis=0)
    for i in range(d):
        for k, c in itertools.product(steep, places):
            k = k / spread[i]
            offset = -k * (middle[i] + c * spread[i])
            yield CandidateTerm((0,) * d, (Atom(SIG, _unit(d, i, float(k)), float(offset), 1, (-1, i)),), 6.0)
