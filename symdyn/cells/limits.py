"""Limits of fast diffusion: a colony as ordinary differential equations of its cells and the mean of the bulk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.colony import BulkCellSystem
from symdyn.models.domains import Plane
from symdyn.models.ode import ODESystem

__all__ = ["bounded", "cells_and_bulk", "quasi_static", "well_mixed"]


def well_mixed(colony: BulkCellSystem) -> ODESystem:
    r"""Infinitely fast diffusion: all cells feel the mean of the bulk.

    .. math::
        \dot U &= -\frac U\tau - \frac{2\pi}{\tau|\Omega|} \sum_j (d_{1j} U - d_{2j} u_{1j}) \\
        \dot u_j &= F_j(u_j) + e_1 \frac{2\pi}{\tau} (d_{1j} U - d_{2j} u_{1j})

    Neither where the cells are nor how large they are matters any longer.

    Parameters
    ----------
    colony : BulkCellSystem
        In a bounded domain.

    Returns
    -------
    ODESystem
        States of the cells and of the bulk; all parameters of the colony but the diffusivity.

    Raises
    ------
    DeclarationError
        In the plane, where the bulk has no mean.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021), eq. (3.19).

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> colony = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> found = sd.analysis.hopf_points(colony.well_mixed(), "tau", (0.2, 1))
    >>> found.tau.values.round(4).tolist()
    [0.3863, 0.6814]
    """
    bounded(colony, "the well-mixed limit")
    area = float(colony.domain.measure)
    exchange: list[list[sp.Expr]] = []
    bulk: dict[sp.Symbol, sp.Expr] = {}
    for s, (u, tau) in enumerate(zip(colony.bulk, colony.delay, strict=True)):
        inward = [
            colony.influx[s][j] * u - colony.efflux[s][j] * colony.secreted_state(s, j) for j in range(colony.cells)
        ]  # fmt: skip
        exchange.append([2 * math.pi / tau * e for e in inward])
        bulk[u] = -u / tau - 2 * math.pi / area / tau * sp.Add(*inward)
    return cells_and_bulk(colony, exchange, bulk, "well-mixed limit of the bulk")


def bounded(colony: BulkCellSystem, what: str) -> None:
    """Refuse the plane, and waves over a lattice, whose mean vanishes."""
    if colony.domain.still is not colony.domain:
        raise DeclarationError(
            f"{what} holds for copies in phase, and this lattice has the wave {colony.domain.wave}; take at_wave((0, 0))"  # type: ignore[attr-defined]
        )
    if isinstance(colony.domain, Plane):
        raise DeclarationError(
            f"{what} needs a bounded domain, and this colony lives in the Plane, whose bulk has no mean; "
            "declare it in a Disk, Rectangle or Polygon, or use steady_state, eigenvalues and hopf_curves, which know the plane"
        )


def quasi_static(
    colony: BulkCellSystem, fields: Sequence[Sequence[sp.Expr]], greens: np.ndarray
) -> tuple[list[list[sp.Expr]], list[list[sp.Expr]]]:
    r"""Sources :math:`D_0 b_j`, and the exchange :math:`2\pi D_0 b_j/\tau`, of each species and cell.

    Parameters
    ----------
    fields : (S, m) expressions
        What each cell feels of the slow part of the bulk.
    greens : (m, m) array
        The matrix :math:`\mathcal G` of the part that follows at once.
    """
    nu = -1 / math.log(colony.radius)
    matrix = np.eye(colony.cells) + 2 * math.pi * nu * greens
    sources = []
    for s, diffusion in enumerate(colony.diffusivities):
        released = [colony.efflux[s][j] * colony.secreted_state(s, j) for j in range(colony.cells)]
        sources.append(_sources(colony.influx[s], released, fields[s], matrix, nu * diffusion, nu))
    exchange = [[2 * math.pi / tau * e for e in row] for row, tau in zip(sources, colony.delay, strict=True)]
    return sources, exchange


def _sources(
    influx: Sequence[sp.Expr],
    released: Sequence[sp.Expr],
    fields: Sequence[sp.Expr],
    matrix: np.ndarray,
    d0: sp.Expr,
    nu: float,
) -> list[sp.Expr]:
    r"""Solve :math:`D_0 b + \mathrm{diag}(d_1) \mathcal M b = d_1 f - r` for :math:`D_0 b`."""
    permeable = [j for j, d in enumerate(influx) if not d.is_zero]
    sealed = [j for j, d in enumerate(influx) if d.is_zero]
    found: list[sp.Expr] = [-r for r in released]  # a wall without influx: the flux is the release
    if not permeable:
        return found
    unit, weights = _common(influx, permeable)
    root = np.sqrt(weights)
    sigma, vectors = np.linalg.eigh(root[:, None] * matrix[np.ix_(permeable, permeable)] * root)
    right = []
    for w, j in zip(weights, permeable, strict=True):
        others = [float(matrix[j, z]) * found[z] / d0 for z in sealed]
        felt = sp.Add(fields[j], *(-e for e in others))
        right.append(unit * float(w) * felt - released[j])
    # coordinates along the eigenvectors, each a node of the graph of expressions that all cells share
    parts = []
    for k, value in enumerate(sigma):
        sides = sp.Add(*(float(v / r) * e for v, r, e in zip(vectors[:, k], root, right, strict=True)))
        parts.append(sp.Mul(sides, 1 / (1 + float(value) * unit / d0)))
    for i, j in enumerate(permeable):
        found[j] = sp.Add(*(float(root[i] * vectors[i, k]) * e for k, e in enumerate(parts)))
    return found


def _common(influx: Sequence[sp.Expr], permeable: Sequence[int]) -> tuple[sp.Expr, np.ndarray]:
    """Influxes of the permeable walls as numbers times one expression."""
    pairs = [influx[j].as_coeff_Mul() for j in permeable]
    units = {unit for _, unit in pairs}
    if len(units) > 1:
        raise DeclarationError(
            f"the influxes are {', '.join(map(str, influx))}; the limit of fast diffusion needs numbers, or multiples of one "
            "symbol: declare the colony with numbers for the others"
        )
    return units.pop(), np.array([float(c) for c, _ in pairs])


def cells_and_bulk(
    colony: BulkCellSystem, exchange: Sequence[Sequence[sp.Expr]], bulk: Mapping[sp.Symbol, sp.Expr], line: str
) -> ODESystem:
    """The ODEs of all cells, with their exchange by species and cell, and those of the bulk."""
    rows: dict[sp.Symbol, sp.Expr] = {}
    for j in range(colony.cells):
        states = colony.cell_states(j)
        rows.update(zip(states, colony.cell_rates(j), strict=True))
        for s, row in enumerate(exchange):
            state = colony.secreted_state(s, j)
            rows[state] = sp.Add(rows[state], row[j])
    rows |= bulk
    used = {p.name for e in rows.values() for p in e.free_symbols}
    return ODESystem(
        rows,
        {p: v for p, v in colony.defaults.items() if p.name in used},
        initial={s: v for s, v in colony.initial.items() if s in rows},
        provenance=(*colony.provenance, line),
    )
