r"""Constants that are equal in size to one another, or to a simple number, as far as the data tell.

A constant :math:`\theta_i` that is known to within :math:`\sigma` and comes as near as :math:`z\sigma` to :math:`\pm\theta_j`
or to a ratio :math:`\pm m/n` of small integers is taken to be that, where the ratio of the evidence,

.. math:: \sqrt{2\pi}\, \frac{|\theta_i|}{\sigma}\, e^{-z^2/2}

with a Cauchy prior of the scale of the constant, times the odds of the tie is enough to count as positive, and the product over
all ties as strong.  Half of the ties of p constants are to another, each with the share :math:`1/(p - 1)`, half to a ratio, of
which m/n has the share :math:`1/(m n^2)`: among integers it is even in the logarithm, as the prior of the constant is.  That
there are k ties among p constants is as likely for each k, so that the odds of the next are :math:`(k + 1)/(p - k)`, here one
at most.
A law whose constants are scaled, or that has the same exchange in two equations, is then known far better: errors of constants
that are really one no longer add up along runs that pull neighbours apart.

References
----------
Dickey, Ann. Math. Stat. 42, 204 (1971); Kass, Raftery, J. Am. Stat. Assoc. 90, 773 (1995), sec. 3.2; Scott, Berger, Ann.
Statist. 38, 2587 (2010).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from symdyn.discover.whole.continuity import cut_up, settled
from symdyn.discover.whole.evidence import information
from symdyn.discover.whole.fits import MARGIN, EquationFit, Fitter
from symdyn.discover.whole.ties import Tie, conditions

__all__ = ["simplest", "tied"]

#: Twice the logarithm of a ratio of evidence that is positive, as for each tie, and strong, as for all of them.
POSITIVE, STRONG = 2.0, 6.0
#: Rivals whose ties are looked for, at most.
LOOKED = 8
#: Largest denominator of a ratio.
DENOMINATORS = 10
#: Share of the variance of a tie below which others have taken it away.
NOTHING = 1e-9


#: Ties of constants (p,) to numbers.
Simple = Callable[[np.ndarray], Iterable[Tie]]


def tied(fitter: Fitter, fit: EquationFit) -> tuple[EquationFit, list[Tie]]:
    """A fit with the ties of its constants, and these; its criterion is that of the fit.

    Without noise everything is told apart; there are no ties, either, where the data do not determine the constants.
    """
    ties = [*fit.ties, *evident(fitter, fit)[0]]
    pieces, run = cut_up(fitter, fit), fitter.run(fit)
    if not ties or run is None:
        return fit, []
    found = settled(fitter, fit.model, pieces, run[pieces.cut[:, 0]], conditions(ties, len(fit.model.theta)))
    if found is None:
        return fit, [*fit.ties]
    model, starts, rss = found
    return replace(fit, model=model, starts=starts, rss=rss), ties


def simplest(
    fitter: Fitter, fit: EquationFit, rivals: Sequence[EquationFit], like: Sequence[EquationFit] = ()
) -> list[EquationFit]:
    """A fit and its rivals; one of nearly its criterion goes first on strong evidence for constants that are one or equal.

    So does a law of `like` parts, of `symdyn.discover.whole.exchanges`, whose criterion counts these once.

    A constant that a number takes the place of is no fitted value any more: the criteria of rivals are those of their fits,
    less what they have of this evidence beyond that of the fit.  Rivals whose runs are lost from starts within the noise take
    no part.
    """
    near = list(itertools.islice((f for f in rivals if f.score < fit.score + MARGIN and not fitter.lost(f)), LOOKED))
    near += itertools.islice((f for f in like if not fitter.lost(f)), LOOKED)
    if fitter.problem.clean or not near:
        return [fit, *rivals]
    own = evident(fitter, fit, _ones)[1]
    told = [replace(f, score=f.score + own - evident(fitter, f, _ones)[1]) for f in near]
    first = min(told, key=lambda f: f.score)
    if first.score > fit.score - STRONG:
        return [fit, *rivals]
    known = {f.model.key: f for f in told if not f.ties} | ({first.model.key: first} if first.ties else {})
    others = (f for f in (fit, *rivals) if f.model.key not in known)
    return sorted([*known.values(), *others], key=lambda f: f.score)


def evident(fitter: Fitter, fit: EquationFit, simple: Simple | None = None) -> tuple[list[Tie], float]:
    """Ties of the constants of a fit beside those that it has, and twice the logarithm of the evidence for them."""
    theta, problem = fit.model.theta, fitter.problem
    if problem.clean or not len(theta):
        return [], 0.0
    facts = information(fitter, fit, [""] * len(theta), [""] * problem.d)
    free = np.setdiff1d(np.arange(len(theta)), [t.which for t in fit.ties])
    covariance = facts.covariance[np.ix_(free, free)]
    if facts.undetermined[free].any() or not (np.diag(covariance) > 0).all():
        return [], 0.0
    ties, total = _chosen(theta[free], covariance, simple or _ratios)
    place = free.tolist()
    return [Tie(place[t.which], t.factor, None if t.other is None else place[t.other]) for t in ties], total


def _chosen(theta: np.ndarray, covariance: np.ndarray, simple: Simple) -> tuple[list[Tie], float]:
    """The ties, the most evident first, each judged with those before it, and the evidence for all."""
    count, sign = len(theta), np.where(theta < 0, -1, 1)
    pairs = [Tie(i, Fraction(int(sign[i] * sign[j])), j) for j, i in itertools.combinations(range(count), 2)]
    ties: list[Tie] = []
    total, theta, covariance, first = 0.0, theta.copy(), covariance.copy(), covariance
    while len(ties) < count:
        best, most = None, POSITIVE
        odds = min((len(ties) + 1) / (count - len(ties)), 1.0)
        for tie in (*pairs, *simple(theta)):
            row = tie.row(count)
            variance, size = float(row @ covariance @ row), abs(theta[tie.which])
            if variance <= NOTHING * float(row @ first @ row):  # it follows from others
                continue
            away = float(row @ theta - tie.value)
            evidence = float(np.log(2 * np.pi * size**2 / variance * (odds * tie.share(count)) ** 2)) - away**2 / variance
            if evidence > most:
                best, most = tie, evidence
        if best is None:
            break
        ties.append(best)
        total += most
        row = best.row(count)
        gain = covariance @ row / float(row @ covariance @ row)
        theta -= gain * float(row @ theta - best.value)
        covariance -= np.outer(gain, row @ covariance)
    return (ties, total) if total > STRONG else ([], 0.0)


def _ones(theta: np.ndarray) -> Iterator[Tie]:
    """Each constant with one."""
    return (Tie(i, Fraction(-1 if value < 0 else 1)) for i, value in enumerate(theta))


def _ratios(theta: np.ndarray) -> Iterator[Tie]:
    """Each constant with the ratios next to it, the simplest form of each."""
    for i, value in enumerate(theta):
        near = dict.fromkeys(Fraction(round(value * q), q) for q in range(1, DENOMINATORS + 1))
        yield from (Tie(i, ratio) for ratio in near if ratio)
