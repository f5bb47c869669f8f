"""A matrix from a series of stages."""

import numpy as np
import pandas as pd
import pytest

import symdyn as sd

A = np.array([[0, 0.4, 3], [0.5, 0.2, 0], [0, 0.3, 0.8]])
PATTERN = A > 0
# a nematode, by week: juveniles J2, J3 and J4, adults (Caswell, Matrix Population Models, example 6.3)
NEMATODE = np.array([[5.32, 0.33, 2.41, 2.06, 1.70, 3.16], [24.84, 18.16, 17.14, 3.25, 2.08, 11.23],
                     [115.50, 167.16, 159.25, 112.87, 132.62, 149.62]]).T  # fmt: skip


def series(steps, start=(10.0, 5.0, 1.0)):
    return np.array([np.linalg.matrix_power(A, t) @ start for t in range(steps)])


def test_exact_data_give_the_matrix_back():
    found = sd.leslie.from_series(series(8), PATTERN)
    assert np.array(found.matrix, float) == pytest.approx(A, abs=1e-6)
    assert np.array(found.fecundity, float) == pytest.approx(
        np.where([[False, True, True], [False] * 3, [False] * 3], A, 0), abs=1e-6
    )


def test_frames_missing_values_and_names():
    frame = pd.DataFrame(series(12), columns=["egg", "larva", "adult"])
    frame.loc[5, "larva"] = np.nan
    found = sd.leslie.from_series(frame, PATTERN)
    assert found.names == ("egg", "larva", "adult")
    assert np.array(found.matrix, float) == pytest.approx(A, abs=1e-6)


def test_noisy_data_meet_the_conditions_of_optimality():
    """Karush-Kuhn-Tucker: no feasible change of the entries lowers the sum of squares."""
    pattern = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], bool)
    found = np.array(sd.leslie.from_series(NEMATODE, pattern).matrix, float)
    survival = found.copy()
    survival[0, 1:] = 0
    assert (found >= 0).all()
    assert (survival.sum(axis=0) <= 1 + 1e-9).all()

    def misfit(M):
        return float(((NEMATODE[1:] - NEMATODE[:-1] @ M.T) ** 2).sum())

    rng = np.random.default_rng(0)
    best = misfit(found)
    for _ in range(2000):
        other = np.where(pattern, np.maximum(found + rng.normal(0, 10.0 ** rng.uniform(-5, -1), (3, 3)), 0), 0)
        lives = other.copy()
        lives[0, 1:] = 0
        total = np.maximum(lives.sum(axis=0), 1)
        other = np.where(lives > 0, other / total, other)
        assert misfit(other) >= best * (1 - 1e-9)


def test_mistakes_are_named():
    with pytest.raises(sd.RecoveryError, match="times x stages"):
        sd.leslie.from_series([1, 2, 3], [[1]])
    with pytest.raises(sd.DeclarationError, match=r"the pattern has the shape \(2, 2\)"):
        sd.leslie.from_series(series(5), [[1, 0], [0, 1]])
    with pytest.raises(sd.RecoveryError, match="cannot determine 6 entries"):
        sd.leslie.from_series(series(2), PATTERN)
    with pytest.raises(sd.DeclarationError, match="weights are"):
        sd.leslie.from_series(series(9), PATTERN, weights=[1])
