"""The rates of a reduced colony as expressions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key

import numpy as np
import sympy as sp

from symdyn.cells._krylov import ReducedPencil
from symdyn.cells._ranges import WallGroups
from symdyn.models.colony import BulkCellSystem
from symdyn.system import Equation

__all__ = ["bulk_symbols", "matrix_equations", "reduced_rates"]

#: Entries that are smaller, relative to the largest, are those that symmetry makes zero.
NOTHING = 1e-14
#: Singular values of a wall's trace that count.
TRACE = 1e-13
ORDER = cmp_to_key(sp.Basic.compare)


def bulk_symbols(colony: BulkCellSystem, species: int, count: int) -> tuple[sp.Symbol, ...]:
    """States of one reduced species: ``z_1`` ..., or ``z_1_v`` ... of several."""
    suffix = f"_{colony.secreted[species]}" if len(colony.secreted) > 1 else ""
    return tuple(sp.Symbol(f"z_{k + 1}{suffix}") for k in range(count))


def reduced_rates(
    colony: BulkCellSystem,
    species: int,
    pencil: ReducedPencil,
    groups: WallGroups,
    perimeters: np.ndarray,
) -> tuple[dict[sp.Symbol, sp.Expr], list[sp.Expr], list[sp.Expr]]:
    """Rates of the reduced bulk of one species, the exchange of each cell, and the mean at each wall.

    Numbers are never multiplied into a sum, which sympy would spread over it: the factor 1/tau keeps them apart.
    """
    z = bulk_symbols(colony, species, pencil.size)
    tau, diffusion = colony.delay[species], colony.diffusivities[species]
    secreted = [colony.secreted_state(species, j) for j in range(colony.cells)]
    terms: list[list[sp.Expr]] = [[] for _ in z]
    # the factor of a state itself: a number, and multiples of symbols
    number = np.ones(pencil.size)
    own: list[list[sp.Expr]] = [[_times(k, diffusion)] if k else [] for k in pencil.kappa.tolist()]
    for unit, wall in zip(groups.units, pencil.walls, strict=True):
        if unit == 1:
            number += np.diag(wall)
            _add_entries(terms, wall, z)
        else:
            _add_wall(terms, own, unit, wall, z)
    inward = pencil.loads / colony.radius
    for j, u in enumerate(secreted):
        factor, rest = (colony.efflux[species][j] * u).as_coeff_Mul()
        for k in _present(inward[:, j]) if factor else ():
            terms[k].append(_times(inward[k, j] * float(factor), rest))
    rates = {q: _total([-_total([sp.Float(n), *o]) * q, *t]) / tau for q, n, o, t in zip(z, number, own, terms, strict=True)}
    exchange, walls = [], []
    for j, u in enumerate(secreted):
        at_wall = _combined(pencil.loads[:, j] / perimeters[j], z)
        walls.append(at_wall)
        factor = float(perimeters[j]) / colony.radius
        exchange.append(
            sp.Mul(factor, 1 / tau, colony.influx[species][j], at_wall) - factor / tau * colony.efflux[species][j] * u
        )  # fmt: skip
    return rates, exchange, walls


def _add_entries(terms: list[list[sp.Expr]], wall: np.ndarray, z: Sequence[sp.Symbol]) -> None:
    """What walls with numbers take out, entry by entry but for the diagonal."""
    small = NOTHING * np.abs(wall).max()
    for k, row in enumerate(wall):
        terms[k] += [_times(-row[i], z[i]) for i in np.flatnonzero(np.abs(row) > small).tolist() if i != k]


def _add_wall(
    terms: list[list[sp.Expr]], own: list[list[sp.Expr]], unit: sp.Expr, wall: np.ndarray, z: Sequence[sp.Symbol]
) -> None:
    """Uptake by walls with a symbol, entry by entry or through their traces, whichever is cheaper."""
    values, vectors = np.linalg.eigh(wall)
    kept = values > TRACE * values[-1]
    if 2 * np.count_nonzero(kept) < len(z):
        factors = vectors[:, kept] * np.sqrt(values[kept])
        traces = [_combined(f, z) for f in factors.T]
        for k, row in enumerate(factors):
            terms[k] += [_times(-row[i], unit, traces[i]) for i in _present(row)]
        return
    rows: list[list[sp.Expr]] = [[] for _ in z]
    _add_entries(rows, wall, z)
    for k, row in enumerate(rows):
        own[k].append(_times(wall[k, k], unit))
        if row:
            terms[k].append(sp.Mul(unit, _total(row)))


def _combined(weights: np.ndarray, z: Sequence[sp.Symbol]) -> sp.Expr:
    return _total([_times(weights[k], z[k]) for k in _present(weights)])


def _times(number: float, *factors: sp.Expr) -> sp.Expr:
    """A number times factors in the order that sympy gives them, whose own simplification would dominate the run time."""
    parts = [a for e in factors for a in (e.args if e.is_Mul else (e,))]
    return sp.Mul(sp.Float(float(number)), *sorted(parts, key=ORDER), evaluate=False)  # of a numpy number it takes longer


def _total(terms: Sequence[sp.Expr]) -> sp.Expr:
    """A sum of terms that are all different, in the order of sympy."""
    return sp.Add(*sorted(terms, key=ORDER), evaluate=False)


def _present(weights: np.ndarray) -> list[int]:
    return np.flatnonzero(np.abs(weights) > NOTHING * np.abs(weights).max(initial=0)).tolist()


def matrix_equations(colony: BulkCellSystem, pencils: Sequence[ReducedPencil]) -> list[Equation]:
    """One line for the reduced bulk of each species, as a person would write it."""
    rows = []
    for s, pencil in enumerate(pencils):
        d, tau, name = colony.diffusivities[s], colony.delay[s], colony.secreted[s]
        z = f"z_{name}" if len(pencils) > 1 else "z"
        text = f"-(1 + {d}*kappa)*{z} - sum_j(d1_j*W_j*{z}) + sum_j(d2_j*b_j*{name}_j)  ({pencil.size} states)"
        latex = rf"-(1 + {d}\kappa)\,{z} - \sum_j d_{{1j}} W_j {z} + \sum_j d_{{2j}} b_j {name}_j"
        rows.append(Equation(f"{tau}*{z}'", text, rf"{sp.latex(tau)}\,\dot{{{z}}}", latex))
    return rows
