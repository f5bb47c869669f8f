r"""Models in their simplest form.

Terms with constants inside degenerate where the data do not tell these: :math:`1/(1 + e^{K + k x})` is an exponential where K
is large, :math:`x/(K + x)` a power of x where K is far from the data, and several terms may span what fewer do.  A term is
replaced where its column along the run is made up by those of the other terms of its equation and of one of its limits, as long
as the criterion of the fitted model falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.library import DEGREE_COST, SCALED_COST
from symdyn.discover.whole.terms import EXP, INV, SIG, Atom, CandidateTerm, EquationModel, packed

__all__ = ["limits", "reduced"]

#: Part of a column, relative to the rate of change, that others may leave over for its term to be replaced by them.
NEAR = 0.1
#: Size of a column that counts as zero.
NONE = 1e-150
#: Models that are fitted for each one that is replaced.
TRIALS = 12
#: Cost of functions without constants inside, and of a saturating term.
FIXED_COST, SATURATING_COST = 3.5, 5.0


def reduced(fitter: Fitter, fit: EquationFit, *, near: float = NEAR) -> EquationFit:
    """A fit with terms left out or replaced by their limits, as long as the criterion falls."""
    problem = fitter.problem
    while not fitter.late():
        enough = 3 * max(fit.total, float(problem.seen.sum()))
        for model in _simpler(fitter, fit, near)[:TRIALS]:
            new = fitter.fit(model, fit.starts, fit.windows, 15, above=enough)
            if new is not None and new.score < fit.score:
                fit = new
                break
        else:
            break
    return fit


def limits(term: CandidateTerm) -> Iterator[tuple[CandidateTerm, ...]]:
    """Sums of simpler terms that a term with constants inside may have become.

    >>> saturating = CandidateTerm((1,), (Atom(INV, (1.0,), 0.5, 1, (-1,)),))
    >>> [[t.key for t in terms] for terms in limits(saturating)]
    [['x0'], ['x0', 'x0^2'], ['1']]
    >>> competing = CandidateTerm((1, 0), (Atom(INV, (1.0, 2.0), 0.5, 1, (-1, 1)),))
    >>> [[t.key for t in terms] for terms in limits(competing)]
    [['x0 inv(x0+K)'], ['1'], ['x0 inv(x1+K)'], ['x0']]
    """
    if len(term.atoms) != 1 or not term.constants:
        return
    atom, e = term.atoms[0], term.exponents
    i, *others = map(int, np.flatnonzero(atom.weights))

    def power(by: int, state: int = i) -> CandidateTerm:
        exponents = tuple(q + by * (j == state) for j, q in enumerate(e))
        return CandidateTerm(exponents, cost=DEGREE_COST[min(sum(exponents), len(DEGREE_COST) - 1)])

    def function(f: int, weight: float, order: int, free: tuple[int, ...], rest: tuple[int, ...] = e) -> CandidateTerm:
        weights = tuple(weight * (j == i) for j in range(len(e)))
        return CandidateTerm(rest, (Atom(f, weights, 0.0, order, free),), SCALED_COST if free else FIXED_COST)

    if atom.function == INV and others:  # one of the states, or the constant, decides
        for state in (i, *others):
            weights = tuple(float(j == state) for j in range(len(e)))
            offset = atom.offset / atom.weights[state]
            yield (CandidateTerm(e, (Atom(INV, weights, offset, atom.power, (-1,)),), SATURATING_COST),)
            if e[state] >= atom.power:
                yield (power(-atom.power, state),)
        yield (power(0),)
    elif atom.function == INV and atom.free == (-1,):
        n = atom.power
        yield (power(0),)
        yield power(0), power(n)
        if e[i] >= n:
            yield (power(-n),)
        else:
            rest = tuple(0 if j == i else q for j, q in enumerate(e))
            yield (function(INV, 1.0, n - e[i], (), rest),)
    elif atom.function == SIG and atom.free == (-1, i):
        k = atom.weights[i]
        yield (function(EXP, -k, atom.power, (i,)),)
        yield power(0), function(EXP, k, atom.power, (i,))
        yield (power(0),)
        yield power(0), power(atom.power)
    elif atom.function == EXP and atom.free == (i,):
        yield (function(EXP, float(np.sign(atom.weights[i])), atom.power, ()),)
        yield power(0), power(atom.power)


def _simpler(fitter: Fitter, fit: EquationFit, near: float) -> list[EquationModel]:
    """Models that are nearly the same along the run and have fewer constants, or fewer inside functions, the least first."""
    model, run = fit.model, fitter.run(fit)
    x = fitter.problem.smooth if run is None else run
    # terms with the present values of their constants
    terms = [(e, t.valued(inner)) for e, t, _, inner in model.parts]
    values = _columns(x, [t for _, t in terms])
    rates = np.zeros((model.d, len(x)))
    np.add.at(rates, model.equations, model.theta[: model.K, None] * values)
    size = np.sqrt(np.mean(rates**2, axis=1))
    found: list[tuple[tuple, EquationModel]] = []
    for k, (e, term) in enumerate(terms):
        others = [i for i in range(model.K) if i != k and model.equations[i] == e]
        present = {terms[i][1].key for i in others}
        for added in ((), *limits(term)):
            new = [t for t in added if t.key not in present]
            if not others and not new:
                continue
            basis = np.concatenate([values[others], _columns(x, new)])
            share, left = _made_up(values[k], basis)
            c = float(model.theta[k])
            if not abs(c) * left < near * size[e]:
                continue
            theta = model.theta[: model.K].copy()
            theta[others] += c * share[: len(others)]
            parts = [(*terms[i], theta[i], terms[i][1].values) for i in range(model.K) if i != k]
            parts += [(e, t, c * q, t.values) for t, q in zip(new, share[len(others) :], strict=True)]
            made = EquationModel(model.d, parts)
            if (made.K + made.Q, made.Q) < (model.K + model.Q, model.Q):
                found.append(((made.K + made.Q, abs(c) * left / max(size[e], 1e-300)), made))
    return [made for _, made in sorted(found, key=lambda pair: pair[0])]


def _columns(x: np.ndarray, terms: Sequence[CandidateTerm]) -> np.ndarray:
    """Values (T, n) of terms at points (n, d)."""
    out = np.empty((len(terms), len(x)))
    driver().columns(np.ascontiguousarray(x), packed(terms, x.shape[1]), out)
    return out


def _made_up(column: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients of the rows of a basis that make up a column, and the root mean square that they leave."""
    if not np.isfinite(column).all() or not np.isfinite(basis).all():
        return np.zeros(len(basis)), np.inf
    size = np.linalg.norm(basis, axis=1)
    unit = np.where(size > NONE, size, np.inf)  # what has underflowed makes up nothing
    share = np.linalg.lstsq((basis / unit[:, None]).T, column, rcond=1e-12)[0] / unit
    return share, float(np.sqrt(np.mean((column - share @ basis) ** 2)))
