"""Runs of moment equations, and a network whose moments are known."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.models.moments import MomentSystem

TIGHT = {"rtol": 1e-8, "atol": 1e-10, "progress": False}
BRUSSELATOR = "2 X + Y -> 3 X, c1; X -> Y, c2; 0 -> X, c3; X -> 0, c4"


def final(system: MomentSystem, t, names, **options):
    data = sd.simulate(system, t, **{**TIGHT, **options})
    return np.array([data[n].values.reshape(-1)[-1] for n in names])


def symbols(*names: str) -> list[sp.Symbol]:
    return [sp.Symbol(n) for n in names]
