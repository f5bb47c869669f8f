r"""Constants that are equal in size to one another, or to one, as far as the data tell.

A constant :math:`\theta_i` that is known to within :math:`\sigma` and comes as near as :math:`z\sigma` to :math:`\pm\theta_j`
or :math:`\pm 1` is taken to be that, where the ratio of the evidence,

.. math:: \sqrt{2\pi}\, \frac{|\theta_i|}{\sigma}\, e^{-z^2/2}

with a Cauchy prior of the scale of the constant, exceeds the number of all such pairs by enough to count as strong.
A law whose constants are scaled, or that has the same exchange in two equations, is then known far better: errors of constants
that are really one no longer add up along runs that pull neighbours apart.

References
----------
Dickey, Ann. Math. Stat. 42, 204 (1971); Kass, Raftery, J. Am. Stat. Assoc. 90, 773 (1995), sec. 3.2.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from symdyn.discover.whole.continuity import cut_up, settled
from symdyn.discover.whole.evidence import information
from symdyn.discover.whole.fits import EquationFit, Fitter

__all__ = ["Tie", "tied"]

#: Twice the logarithm of a ratio of evidence that is strong.
STRONG = 6.0
#: Share of the variance of a tie below which others have taken it away.
NOTHING = 1e-9


class Tie(NamedTuple):
    """Constant `which` is `sign` times the constant `other`, or times one if that is None."""

    which: int
    sign: int
    other: int | None

    def row(self, count: int) -> np.ndarray:
        """What is zero, or the sign, in a tie: a combination of so many constants."""
        row = np.zeros(count)
        row[self.which] = 1.0
        if self.other is not None:
            row[self.other] = -self.sign
        return row

    @property
    def value(self) -> float:
        return float(self.sign) if self.other is None else 0.0


def tied(fitter: Fitter, fit: EquationFit) -> tuple[EquationFit, list[Tie]]:
    """A fit with the ties of its constants, and these; its criterion is that of the fit, for no other model has ties.

    Without noise everything is told apart; there are no ties, either, where the data do not determine the constants.
    """
    theta, problem = fit.model.theta, fitter.problem
    if problem.clean or not len(theta):
        return fit, []
    facts = information(fitter, fit, [""] * len(theta), [""] * problem.d)
    covariance = facts.covariance[: len(theta), : len(theta)]
    if facts.undetermined.any() or not (np.diag(covariance) > 0).all():
        return fit, []
    ties = _chosen(theta, covariance)
    if not ties:
        return fit, []
    pieces, run = cut_up(fitter, fit), fitter.run(fit)
    if run is None:
        return fit, []
    rows, values = np.stack([t.row(len(theta)) for t in ties]), np.array([t.value for t in ties])
    found = settled(fitter, fit.model, pieces, run[pieces.cut[:, 0]], (rows, values))
    if found is None:
        return fit, []
    model, starts, rss = found
    begin = starts[np.setdiff1d(np.arange(len(starts)), pieces.joined)]
    return replace(fit, model=model, starts=begin, rss=rss), ties


def _chosen(theta: np.ndarray, covariance: np.ndarray) -> list[Tie]:
    """The ties, the most evident first, each judged with those before it."""
    count, sign = len(theta), np.where(theta < 0, -1, 1)
    free = [Tie(i, int(sign[i]), None) for i in range(count)]
    free += [Tie(i, int(sign[i] * sign[j]), j) for j, i in itertools.combinations(range(count), 2)]
    every = len(free)
    ties: list[Tie] = []
    theta, covariance, first = theta.copy(), covariance.copy(), covariance
    while True:
        best, most = None, STRONG
        for tie in free:
            row = tie.row(count)
            variance, size = float(row @ covariance @ row), abs(theta[tie.which])
            if variance <= NOTHING * float(row @ first @ row):  # it follows from others
                continue
            away = float(row @ theta - tie.value)
            evidence = float(np.log(2 * np.pi * size**2 / (variance * every**2))) - away**2 / variance
            if evidence > most:
                best, most = tie, evidence
        if best is None:
            return ties
        ties.append(best)
        free.remove(best)
        row = best.row(count)
        gain = covariance @ row / float(row @ covariance @ row)
        theta -= gain * float(row @ theta - best.value)
        covariance -= np.outer(gain, row @ covariance)
