"""What may come before an equation of first order: nothing that foretells less well than that nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.discover.turning_back import may_turn


@pytest.mark.parametrize("seed", [101, 104])
def test_a_walk_of_logarithms_is_no_population_with_a_hidden_one(seed):
    values = 100 * np.exp(np.cumsum(0.15 * np.random.default_rng(seed).normal(size=40)))
    found = sd.recover(None, {"t": 0.5 * np.arange(40), "x": values}, progress=False)
    assert not may_turn(found.system)
