"""Ensembles of 30 and 100 equations, sparse and dense, in the form that suits each package."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.problems import Problem

__all__ = ["SIZES"]

COUNTS = (30, 100)


def _sparse(n: int) -> Problem:
    """Lorenz 96, every state with three others; chaotic, hence over a short time."""
    states, force = sp.symbols(f"x0:{n}"), sp.Symbol("F")
    drift = {states[i]: (states[(i + 1) % n] - states[i - 2]) * states[i - 1] - states[i] + force for i in range(n)}
    initial = {x: 3 + float(np.sin(i)) for i, x in enumerate(states)}
    system = sd.ODESystem(drift, parameters={force: 8.0}, initial=initial)

    def peer(y: Any, p: Any) -> tuple:
        return tuple((y[(i + 1) % n] - y[(i - 2) % n]) * y[(i - 1) % n] - y[i] + p[0] for i in range(n))

    def looped(y: Any, p: Any, dy: Any) -> None:
        for i in range(n):
            dy[i] = (y[(i + 1) % n] - y[(i + n - 2) % n]) * y[(i + n - 1) % n] - y[i] + p[0]

    def vectors(xp: ModuleType, y: Any, p: Any) -> Any:
        return (xp.roll(y, -1, axis=0) - xp.roll(y, 2, axis=0)) * xp.roll(y, 1, axis=0) - y + p[0]

    times = np.linspace(0, 2, 101)
    return Problem(f"sparse {n} t=2", system, peer, times, ((7.0, 9.0),), 0.1, looped=looped, vectors=vectors)


def _dense(n: int) -> Problem:
    """Competition of all species with all."""
    states, rate = sp.symbols(f"x0:{n}"), sp.Symbol("r")
    table = np.random.default_rng(n).uniform(0, 2 / n, (n, n)).round(4) + np.eye(n)
    drift = {
        x: x * (rate - sp.Add(*(float(a) * z for a, z in zip(row, states, strict=True))))
        for x, row in zip(states, table, strict=True)
    }
    system = sd.ODESystem(
        drift, parameters={rate: 1.0}, initial={x: 0.1 + 0.1 * float(np.sin(i)) ** 2 for i, x in enumerate(states)}
    )

    def peer(y: Any, p: Any) -> tuple:
        return tuple(y[i] * (p[0] - sum(float(table[i, j]) * y[j] for j in range(n))) for i in range(n))

    def looped(y: Any, p: Any, dy: Any) -> None:
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += table[i, j] * y[j]
            dy[i] = y[i] * (p[0] - total)

    def vectors(xp: ModuleType, y: Any, p: Any) -> Any:
        return y * (p[0] - xp.asarray(table) @ y)

    times = np.linspace(0, 10, 101)
    return Problem(f"dense {n} t=10", system, peer, times, ((0.8, 1.2),), 0.01, looped=looped, vectors=vectors)


SIZES = (*map(_sparse, COUNTS), *map(_dense, COUNTS))
