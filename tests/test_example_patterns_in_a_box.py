"""Waves in a box grow as the matrix says, and the pattern has the length of the fastest."""

import numpy as np
import pytest

from examples import patterns_in_a_box as example


def test_the_fastest_wave_is_that_of_murray():
    # of f_u = 0.8, det J = 1: both branches of the dispersion relation by the quadratic formula, maximised over k^2
    q = np.linspace(0.2, 0.5, 100_001)
    trace, det = 0.8 - 1 - 11 * q, (0.8 - q) * (-1 - 10 * q) + 1.8
    rate = trace / 2 + np.sqrt(trace**2 / 4 - det)
    assert example.fastest() == pytest.approx(np.sqrt(q[rate.argmax()]), rel=1e-3)


@pytest.mark.parametrize(("direction", "grid"), [((2, 2, 1), {"order": 6}), ((1, 1, 3), {"scheme": "spectral"})])
def test_waves_grow_whatever_their_direction(direction, grid):
    found, told = example.measured_growth(direction, threads=2, **grid)
    assert found == pytest.approx(told, abs=3e-5)


def test_the_pattern_has_the_fastest_wave_length():
    data = example.pattern(60.0)
    numbers, part = example.spectrum(data.u[-1].values)
    assert numbers[part.argmax()] == pytest.approx(example.fastest(), rel=0.05)
    assert part.max() > 0.7
    assert len(example.figure(data).axes) == 5
