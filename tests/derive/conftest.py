"""Networks whose moments are known."""

from __future__ import annotations

import pytest

import symdyn as sd
from tests.derive.moment_runs import BRUSSELATOR


@pytest.fixture(scope="module")
def brusselator():
    values = {"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 100}
    return sd.ReactionNetwork.from_text(BRUSSELATOR, values, volume="V", initial={"X": 1, "Y": 1})


@pytest.fixture(scope="module")
def p53():
    """Lakatos et al., J. Chem. Phys. 143, 094107 (2015)."""
    text = "0 -> x, k1; x -> 0, k2; x => 0, k3*x*y/(x + k7); 0 => y0, k4*x; y0 -> y, k5; y -> 0, k6"
    values = dict(zip(("k1", "k2", "k3", "k4", "k5", "k6", "k7"), (90, 0.002, 1.7, 1.1, 0.93, 0.96, 0.01), strict=True))
    return sd.ReactionNetwork.from_text(text, values, initial={"x": 70, "y0": 30, "y": 60})
