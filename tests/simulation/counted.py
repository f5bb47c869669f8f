"""Networks of a line, and numbers of molecules beside what theory says of them.

Means and variances must be within 4 standard errors, and a chi-square test of a whole distribution must not be worse than one
in ten thousand.
"""

import numpy as np
import pytest
from scipy import stats

import symdyn as sd

N = 20_000


def network(text, initial, **options):
    return sd.ReactionNetwork.from_text(text, initial=initial, **options)


def fits(samples, probabilities):
    """Chi-square test of counts 0, 1, 2, ...; cells are joined until each expects ten."""
    counts = np.bincount(np.asarray(samples, int), minlength=len(probabilities))
    expected = np.asarray(probabilities) * len(samples)
    assert len(counts) == len(probabilities), "a value that cannot be"
    cells, have, want = [], 0.0, 0.0
    for c, e in zip(counts, expected, strict=True):
        have, want = have + c, want + e
        if want >= 10:
            cells.append((have, want))
            have, want = 0.0, 0.0
    cells[-1] = (cells[-1][0] + have, cells[-1][1] + want)
    observed, wanted = np.array(cells).T
    return stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-4


def near(samples, mean, variance=None, *, error=0.0):
    """Whether mean and variance are within 4 standard errors; `error` is that of the reference mean."""
    x = np.asarray(samples, float)
    square = ((x - x.mean()) ** 2).mean()
    bound = 4 * np.sqrt(square / len(x) + error**2)
    if abs(x.mean() - mean) > bound:
        return False
    spread = np.sqrt((((x - x.mean()) ** 4).mean() - square**2) / len(x))
    return variance is None or abs(square - variance) <= 4 * spread


def poisson(mean, most=200):
    return stats.poisson.pmf(np.arange(most), mean)


def among(reactions, text):
    """The network among so many reactions that never fire; of many, the one that fires is found in a tree of sums."""
    return "\n".join([text, "P(0) = 0", *(f"P -> 0, {i + 1}" for i in range(reactions))]) if reactions else text


MANY = pytest.mark.parametrize("others", [0, 200])
