"""Matrix population models: eigenvectors, elasticities and sums over ages by numpy and by exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg
from hypothesis import assume
from hypothesis import strategies as st

import symdyn as sd

__all__ = ["by_ages", "by_eigenvectors", "life_tables", "stages"]

Table = tuple[list[Fraction], list[Fraction]]


@st.composite
def life_tables(draw: Any) -> Table:
    """Fecundities and survivals of a Leslie matrix, exact; the last age class reproduces."""
    n = draw(st.integers(2, 5))
    fecundity = [Fraction(draw(st.integers(0, 30)), 10) for _ in range(n - 1)] + [Fraction(draw(st.integers(1, 30)), 10)]
    return fecundity, [Fraction(draw(st.integers(1, 10)), 10) for _ in range(n - 1)]


def by_ages(table: Table) -> None:
    """Growth, elasticities and the reproductive rate of a life table."""
    fecundity, survival = table
    model = sd.leslie.from_life_table(fecundity, survival)
    matrix = np.zeros((len(fecundity),) * 2)
    matrix[0] = [float(f) for f in fecundity]
    for k, s in enumerate(survival):
        matrix[k + 1, k] = float(s)
    _spectrum(model, matrix, table)
    lived = [math.prod(survival[:age]) for age in range(len(fecundity))]
    rate = sum(f * l for f, l in zip(fecundity, lived, strict=True))
    assert Fraction(str(model.net_reproductive_rate)) == rate, f"{table}: R0 {model.net_reproductive_rate}, exactly {rate}"
    # Euler and Lotka: the sum of l f / growth^(age + 1) is 1
    growth = float(model.growth_factor)
    total = sum(float(l * f) / growth ** (age + 1) for age, (l, f) in enumerate(zip(lived, fecundity, strict=True)))
    assert abs(total - 1) < 1e-8, f"{table}: the equation of Euler and Lotka gives {total}"


@st.composite
def stages(draw: Any) -> list[list[Fraction]]:
    """A matrix with transitions between all stages, and fecundities in the first row; primitive."""
    n = draw(st.integers(2, 5))
    entry = st.builds(Fraction, st.integers(0, 20), st.just(20))
    rows = [[draw(entry) / (1 if i == 0 else n) for _ in range(n)] for i in range(n)]
    assume((np.linalg.matrix_power(np.array(rows, float) > 0, (n - 1) ** 2 + 1) > 0).all())
    return rows


def by_eigenvectors(rows: list[list[Fraction]]) -> None:
    """Growth, structure, reproductive values, sensitivities and elasticities of a stage model."""
    _spectrum(sd.leslie.from_matrix(rows), np.array(rows, float), rows)


def _spectrum(model: Any, matrix: np.ndarray, what: Any) -> None:
    values, left, right = scipy.linalg.eig(matrix, left=True)
    k = int(np.argmax(values.real))
    growth, v, w = values[k].real, left[:, k].real, right[:, k].real
    apart = abs(np.delete(values, k) - growth).min(initial=np.inf)
    assume(apart > 1e-4 * growth and abs(v @ w) > 1e-4)  # else double precision tells little
    w = w / w.sum()
    assert abs(float(model.growth_factor) - growth) < 1e-9 * growth, f"{what}: growth {model.growth_factor}, {growth}"
    structure = np.asarray(model.stable_structure, float)
    assert np.abs(structure / structure.sum() - w).max() < 1e-8, f"{what}: stable structure {structure}, {w}"
    sensitivity = np.outer(v, w) / (v @ w)
    for name, exact in (("sensitivities", sensitivity), ("elasticities", matrix * sensitivity / growth)):
        found = np.asarray(getattr(model, name), float)
        off = np.abs(np.where(matrix > 0, found - exact, 0)).max()
        assert off < 1e-6 * max(1, np.abs(exact).max()), f"{what}: {name}\n{found}\n{exact}"
