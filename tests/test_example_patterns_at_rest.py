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


def test_the_snake_lies_between_published_folds():
    # Burke & Knobloch, Chaos 17 (2007) 037102: localized states snake from -0.339 to -0.259
    branch = example.snake()
    folds = branch.r.values[(branch.special == "fold").values]
    assert folds.min() == pytest.approx(-0.339, abs=2e-4)
    assert sorted(folds)[-2] == pytest.approx(-0.2593, abs=2e-4)
