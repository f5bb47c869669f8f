"""The numbers of the example on patterns at rest."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from examples import patterns_at_rest as example


def test_the_pattern_grows_as_the_amplitude_equation_says():
    rest, pattern = example.turing()
    born = float(rest.B.values[(rest.special == "branch point").values][0])
    assert born == pytest.approx(example.CRITICAL, abs=1e-6)
    away = pattern.B.values - born
    near = (away > 1e-4) & (away < 3e-3)
    assert np.mean(example.amplitudes(pattern)[near] ** 2 / away[near]) == pytest.approx(example.SLOPE, rel=2e-3)


def fold_by_cosines(r: float, u: np.ndarray, length: float = 40.0) -> float:
    """r of the fold of the Swift-Hohenberg equation near values at the middles of cells.

    By collocation of a cosine series, and Newton's method for F(u, r) = 0, F_u v = 0 and <l, v> = 1: Moore & Spence, SIAM J.
    Numer. Anal. 17 (1980) 567.
    """
    n = u.size
    k, x = np.pi * np.arange(n) / length, (np.arange(n) + 0.5) * length / n
    cosines = np.cos(np.outer(x, k))
    linear = -(cosines * (1 - k**2) ** 2) @ np.linalg.inv(cosines)
    v = along = np.linalg.svd(linear + np.diag(r + 3.6 * u - 3 * u**2))[2][-1]
    for _ in range(12):
        slope = linear + np.diag(r + 3.6 * u - 3 * u**2)
        whole = np.zeros((2 * n + 1, 2 * n + 1))
        whole[:n, :n] = whole[n:-1, n:-1] = slope
        whole[n:-1, :n] = np.diag((3.6 - 6 * u) * v)
        whole[:n, -1], whole[n:-1, -1], whole[-1, n:-1] = u, v, along
        rates = r * u + linear @ u + 1.8 * u**2 - u**3
        step = np.linalg.solve(whole, -np.concatenate([rates, slope @ v, [along @ v - 1]]))
        u, v, r = u + step[:n], v + step[n:-1], r + step[-1]
    assert np.abs(step).max() < 1e-10
    return r


def test_the_snake_has_the_folds_of_a_cosine_series():
    branch = example.snake(points=45)
    at = np.flatnonzero((branch.special == "fold").values)
    folds = branch.r.values[at]
    middles = (np.arange(96) + 0.5) * 40 / 96
    exact = [fold_by_cosines(r, CubicSpline(branch.x, u)(middles)) for r, u in zip(folds, branch.u.values[at], strict=True)]
    # differences of sixth order on cells of 1/4
    np.testing.assert_allclose(folds, exact, atol=2e-6)
    # the two between which the branch turns, as arc length on the series alone finds them
    for end in (-0.33902, -0.25925):
        assert np.abs(folds - end).min() < 2e-5
