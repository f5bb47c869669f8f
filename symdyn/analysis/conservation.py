r"""Linear first integrals, :math:`w \cdot f(x) = 0` for all `x`: they make steady states families, one for each value."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix

from symdyn.analysis.field import Field
from symdyn.analysis.polynomials import PolynomialSystem

__all__ = ["exact_integrals", "sampled_integrals", "tangent_space"]


def exact_integrals(system: PolynomialSystem) -> list[list[Any]]:
    """Rows of rational numbers that annihilate the right-hand sides, reduced so that each has a leading one."""
    n = len(system.numerators)
    numbers = random.Random(1)
    rows: list[list[Any]] = []
    while len(rows) < n + 2:
        point = [numbers.randint(1, 99_991) for _ in system.ring.gens]
        row = [system.value(k, point) for k in range(n)]
        if None not in row:
            rows.append(row)
    null = DomainMatrix(rows, (len(rows), n), QQ).nullspace()
    return null.rref()[0].to_list() if null.shape[0] else []


def sampled_integrals(field: Field, p: np.ndarray) -> np.ndarray:
    """Orthonormal rows that annihilate the right-hand sides at random points, to rounding."""
    n = len(field.states)
    rng = np.random.default_rng(1)
    x = rng.lognormal(size=(4 * n + 4, n))
    values = field(x, np.broadcast_to(p, (len(x), p.size)))
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < n:
        return np.empty((0, n))
    size = np.abs(values).max(axis=1, keepdims=True)
    _, singular, rows = np.linalg.svd(values / np.where(size > 0, size, 1))
    return rows[singular <= 1e-11 * max(singular[0], 1e-300)]


def tangent_space(integrals: np.ndarray) -> np.ndarray | None:
    """Orthonormal columns that leave the integrals as they are; None if there are none."""
    if not len(integrals):
        return None
    _, _, rows = np.linalg.svd(integrals)
    return rows[len(integrals) :].T
