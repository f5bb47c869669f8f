"""What comes before an equation of first order, and what does not."""

from __future__ import annotations

import numpy as np

import symdyn as sd
from symdyn.discover.turning_back import may_turn


def test_a_walk_of_logarithms_is_no_prey_with_a_hidden_predator():
    values = 100 * np.exp(np.cumsum(0.15 * np.random.default_rng(101).normal(size=40)))
    found = sd.recover(None, {"t": 0.5 * np.arange(40), "x": values}, progress=False)
    assert not may_turn(found.system)
