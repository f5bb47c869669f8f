r"""Balance of a stationary distribution across cuts, an error estimate of the weights of separate wells.

Between the states with :math:`n_s \le k` and the others as much probability goes up, :math:`U_k`, as comes down,
:math:`D_k`.  Residuals of :math:`A\pi = 0` are blind to wells that exchange next to nothing: any mixture of them leaves
none.  Cuts are not, as the two flows are compared with one another and not with those inside of wells.  The error of the
weights is about

.. math:: 2 \sum_k \frac{|U_k - D_k|}{(U_k + D_k)/2} \min(P(n_s \le k), P(n_s > k)),

and where it matters the slabs :math:`n_s = k` are given the weights that balance all cuts, one step of iterative
aggregation (Koury, McAllister and Stewart, SIAM J. Alg. Disc. Meth. 5 (1984) 164).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as ss

__all__ = ["balanced"]

#: Error of weights below which they are not corrected if all steps are of one slab, and if slabs do not form a chain.
GOOD, GOOD_OF_LONG = 1e-13, 1e-10
#: Largest number of corrections of the weights.
ROUNDS = 3
#: Crossings of cuts beyond which they are not examined.
MOST = 50_000_000


@dataclass(frozen=True, eq=False)
class Cuts:
    """Transitions of a generator across all cuts of a species: for each crossing its cut, direction, rate and begin."""

    slab: np.ndarray
    cut: np.ndarray
    up: np.ndarray
    rate: np.ndarray
    begin: np.ndarray
    longest: int

    @classmethod
    def of(cls, matrix: ss.csc_array, numbers: np.ndarray) -> Cuts | None:
        """Those of a species with `numbers` at the states; None if there are too many."""
        slab = numbers - numbers.min()
        entries = matrix.tocoo()
        end, begin = entries.coords
        width = np.abs(slab[end] - slab[begin])
        if width.sum() > MOST:
            return None
        first = np.repeat(np.minimum(slab[end], slab[begin]), width)
        inner = np.arange(first.size) - np.repeat(np.cumsum(width) - width, width)
        up = np.repeat(slab[end] > slab[begin], width)
        return cls(slab, first + inner, up, np.repeat(entries.data, width), np.repeat(begin, width), int(width.max()))

    def ratios(self, p: np.ndarray) -> tuple[np.ndarray, float]:
        """Logarithm of U/D at each cut, 0 without flow, and the error of the weights."""
        flow, last = self.rate * p[self.begin], int(self.slab.max())
        rising = np.bincount(self.cut[self.up], weights=flow[self.up], minlength=last)
        falling = np.bincount(self.cut[~self.up], weights=flow[~self.up], minlength=last)
        mass = np.bincount(self.slab, weights=p)
        least = np.minimum(np.cumsum(mass)[:-1], np.cumsum(mass[::-1])[-2::-1])
        passed = (rising > 0) & (falling > 0)
        rising, falling = rising[passed], falling[passed]
        log = np.zeros(last)
        log[passed] = np.log(rising / falling)
        return log, float(4 * (np.abs(rising - falling) / (rising + falling)) @ least[passed])


def balanced(matrix: ss.csc_array, p: np.ndarray, states: np.ndarray, *, chained: bool = True) -> tuple[np.ndarray, float]:
    """`p` in balance across cuts, and the error of its weights: the largest of all species.

    Parameters
    ----------
    matrix : (k, k) sparse
        A generator.
    p : (k,) float64
        Its stationary distribution up to small errors.
    states : (k, species) int64
    chained : bool
        Whether steps of one slab are all there is: no bursts, which pass slabs on their way.
    """
    worst = 0.0
    for numbers in states.T:
        cuts = Cuts.of(matrix, numbers) if numbers.min() < numbers.max() else None
        if cuts is None:
            continue
        log, error = cuts.ratios(p)
        good = GOOD if chained and cuts.longest == 1 else GOOD_OF_LONG
        for _ in range(ROUNDS):
            if error <= good:
                break
            factor = np.append(0.0, np.cumsum(log))
            better = p * np.exp(factor - factor.max())[cuts.slab]
            better /= better.sum()
            log, now = cuts.ratios(better)
            if not now < error:
                break
            p, error = better, now
        worst = max(worst, error)
    return p, worst
