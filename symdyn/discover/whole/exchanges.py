r"""Laws of like parts: equations that an exchange of states makes of one another.

With a permutation :math:`\sigma` of the states, :math:`(P x)_i = x_{\sigma(i)}`, the law of parts that are alike has

.. math:: f_{\sigma(i)}(x) = f_i(P x)

so that the equation of one state of each cycle of :math:`\sigma` is all of it: its terms and constants are chosen and counted
once, and all equations tell about them.  Right-hand sides of such laws are matched over all equations of a cycle together, and
fitted with equal constants.  That a law has such a symmetry, one of S that so many states may have, is taken to be as likely as
that it has none: it costs :math:`2 \log 2S`.

References
----------
Golubitsky, Stewart, The Symmetry Perspective (2002), ch. 3.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from symdyn.discover.whole.continuity import Pieces, cut_up, settled
from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.library import gentle, monomials
from symdyn.discover.whole.matching import MatchedSupport, WeakMatching
from symdyn.discover.whole.terms import ABS, COS, COT, SIN, TANH, CandidateTerm, EquationModel, Part
from symdyn.discover.whole.ties import Tie, conditions
from symdyn.inference.criterion import price

__all__ = ["alike", "cycles", "exchanged", "exchanges", "like_parts"]

#: Most states that are exchanged: of more there are too many ways.
MOST = 4
#: Windows of matching.
WINDOWS = (2, 25)
#: Score by which right-hand sides that are alike may match worse than others do, right-hand sides of each cycle and laws that
#: are fitted.
FAR, EACH, TRIED = 30.0, 6, 8
#: Functions that are odd and even.
ODD, EVEN = (SIN, TANH, COT), (COS, ABS)

Permutation = tuple[int, ...]


def cycles(permutation: Permutation) -> list[list[int]]:
    """Its cycles, each from its least state.

    >>> cycles((1, 0, 3, 2))
    [[0, 1], [2, 3]]
    """
    left, found = set(range(len(permutation))), []
    while left:
        own = [min(left)]
        while permutation[own[-1]] != own[0]:
            own.append(permutation[own[-1]])
        left -= {*own}
        found.append(own)
    return found


def exchanges(d: int) -> Iterator[Permutation]:
    """Permutations of d states whose cycles are of one length, two or more; one of each with its inverse.

    >>> list(exchanges(2)), list(exchanges(3)), len(list(exchanges(4)))
    ([(1, 0)], [(1, 2, 0)], 6)
    """
    for permutation in itertools.permutations(range(d)) if d <= MOST else ():
        inverse = tuple(permutation.index(i) for i in range(d))
        lengths = {len(own) for own in cycles(permutation)}
        if permutation <= inverse and len(lengths) == 1 and lengths != {1}:
            yield permutation


def exchanged(term: CandidateTerm, permutation: Permutation) -> tuple[int, CandidateTerm]:
    """A term of the states exchanged, as a sign and a term; sines of differences begin with a state that is not negative.

    >>> from symdyn.discover.whole.terms import Atom
    >>> difference = CandidateTerm((0, 1), (Atom(SIN, (1.0, -1.0)),))
    >>> sign, term = exchanged(difference, (1, 0))
    >>> sign, term.key
    (-1, 'x0 sin(x0+-x1)')
    """
    place = [permutation.index(i) for i in range(len(permutation))]
    sign, atoms = 1, []
    for atom in term.atoms:
        weights = tuple(atom.weights[i] for i in place)
        first = next((w for w in weights if w), 1.0)
        if first < 0 and not atom.free and not atom.offset and atom.power == 1 and atom.function in (*ODD, *EVEN):
            weights = tuple(-w if w else w for w in weights)
            sign *= -1 if atom.function in ODD else 1
        free = tuple(permutation[i] if i >= 0 else i for i in atom.free)
        atoms.append(replace(atom, weights=weights, free=free))
    atoms.sort(key=lambda atom: (atom.function == COT, [w == 0 for w in atom.weights]))
    return sign, replace(term, exponents=tuple(term.exponents[i] for i in place), atoms=tuple(atoms))


def alike(model: EquationModel, permutation: Permutation) -> list[Tie] | None:
    """Ties with which each equation is that of the state before it in a cycle, the states exchanged; None if terms differ."""
    places = {(e, t.key): k for k, (e, t) in enumerate(model.terms)}
    inside = [np.flatnonzero(model.places[:, 0] == k) + model.K for k in range(model.K)]
    count, found = model.counts(), []
    for own in cycles(permutation):
        if len({*count[own]}) > 1:
            return None
        for e, image in itertools.pairwise(own):
            for k in np.flatnonzero(model.equations == e):
                sign, term = exchanged(model.terms[k][1], permutation)
                at = places.get((image, term.key))
                if at is None:
                    return None
                found.append(Tie(at, Fraction(sign), int(k)))
                found += [Tie(int(q), Fraction(1), int(p)) for q, p in zip(inside[at], inside[k], strict=True)]
    return found


def like_parts(fitter: Fitter, best: EquationFit, terms: Sequence[CandidateTerm]) -> list[EquationFit]:
    """Fits of laws of like parts, the best first; none without noise, where all equations are told apart.

    Their scores count what is alike once.

    Parameters
    ----------
    fitter : Fitter
    best : EquationFit
        Along whose run right-hand sides are matched.
    terms : sequence of CandidateTerm
        Besides monomials.
    """
    problem, known = fitter.problem, list(exchanges(fitter.problem.d))
    if problem.clean or not known:
        return []
    nodes = fitter.nodes(best) if best.windows == 1 else None
    pieces, run = cut_up(fitter, best), fitter.run(best)
    if run is None:
        return []
    starts = run[pieces.cut[:, 0]]
    found: dict[tuple, EquationFit] = {}
    few = WeakMatching(problem, monomials(problem.d), nodes)
    likely = [p for p in known if not fitter.late() and _proposed(few, p, WINDOWS[0], 2 * FAR)]
    many = WeakMatching(problem, [*terms, *gentle(problem.smooth)], nodes) if likely else few
    for permutation, matching, windows in itertools.product(likely, (few, many), WINDOWS):
        for model in _proposed(matching, permutation, windows):
            key = (model.key, permutation)
            if key not in found and not fitter.late():
                fit = _tied(fitter, model, permutation, pieces, starts, best.windows, len(known))
                if fit is not None:
                    found[key] = fit
    return sorted(found.values(), key=lambda f: f.score)


def _proposed(matching: WeakMatching, permutation: Permutation, windows: int, far: float = FAR) -> list[EquationModel]:
    """Laws of like parts that match not much worse than others do, the best first."""
    own, order, powers = cycles(permutation), tuple(range(len(permutation))), []
    for _ in own[0]:
        powers.append(order)
        order = tuple(permutation[i] for i in order)
    sides = [matching.alike(cycle[0], powers, windows) for cycle in own]
    free = matching.candidates(windows)
    if not all(sides) or not all(free):
        return []
    least = sum(min(q.score for q in each) for each in free)
    choices = sorted(itertools.product(*(s[:EACH] for s in sides)), key=lambda choice: sum(q.score for q in choice))
    near = [choice for choice in choices if sum(q.score for q in choice) < least + far]
    return [_law(choice, own, permutation) for choice in near[:TRIED]]


def _law(sides: Sequence[MatchedSupport], own: Sequence[Sequence[int]], permutation: Permutation) -> EquationModel:
    """All equations of the right-hand sides of one state of each cycle."""
    parts: list[Part] = []
    for side, cycle in zip(sides, own, strict=True):
        images: list[Part] = list(side.parts)
        for state in cycle[1:]:
            parts += images
            turned = [(*exchanged(t, permutation), c, inner) for _, t, c, inner in images]
            images = [(state, t, sign * c, inner) for sign, t, c, inner in turned]
        parts += images
    return EquationModel(len(permutation), parts)


def _tied(
    fitter: Fitter, model: EquationModel, permutation: Permutation, pieces: Pieces, starts: np.ndarray, windows: int, ways: int
) -> EquationFit | None:
    """A law of like parts fitted with equal constants."""
    problem, ties = fitter.problem, alike(model, permutation)
    if ties is None or fitter.pole(model):
        return None
    settling = settled(fitter, model, pieces, starts, conditions(ties, len(model.theta)))
    if settling is None or fitter.pole(settling[0]):
        return None
    model, begin, rss = settling
    times = len(cycles(permutation)[0])
    constants = len(model.theta) - len(ties)
    fit = float(np.sum(problem.seen * np.log(problem.mean_squares(rss) + problem.floor)))
    every = len(problem.first) - 1
    data = int(problem.seen.sum()) - every * problem.d
    counted = [(constants, times * float(problem.seen.mean())), ((len(begin) - every) * problem.d, float(problem.seen.mean()))]
    prior = model.cost / times + np.log(2 * ways)
    score = fit + price(counted, terms=0, library=1, data=data, orders=prior)
    return EquationFit(model, begin, rss, windows, score, tuple(ties))
