"""The numbers of the example on patterns at rest."""

import numpy as np
import pytest

from examples import patterns_at_rest as example


def test_the_pattern_grows_as_the_amplitude_equation_says():
    rest, pattern = example.turing()
    born = float(rest.B.values[(rest.special == "branch point").values][0])
    assert born == pytest.approx(example.CRITICAL, abs=1e-6)
    away = pattern.B.values - born
    near = (away > 1e-4) & (away < 3e-3)
    assert np.mean(example.amplitudes(pattern)[near] ** 2 / away[near]) == pytest.approx(example.SLOPE, rel=2e-3)
