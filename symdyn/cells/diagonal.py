"""A reduced colony at given diffusivities, diagonal and as small as a tolerance allows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.cells._krylov import Point, ReducedPencil
from symdyn.cells._reduced_cells import ReducedCells
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.ode import ODESystem

__all__ = ["diagonal"]


def diagonal(
    reduced: ReducedCells, vary: Mapping[Any, Any] | None = None, *, tolerance: float | None = None
) -> tuple[ODESystem, dict[str, Any]]:
    r"""The system at given diffusivities in its fastest form, in which no state of the bulk feels another.

    .. math::
        \tau \dot z_k = -\lambda_k z_k + \sum_j \frac{d_{2j}}{\epsilon} g_{kj} u_{1j}, \qquad
        \dot u_j = F_j(u_j) + \frac{e_1}{\epsilon\tau} \Bigl(d_{1j} \sum_k g_{kj} z_k - d_{2j} L_j u_{1j}\Bigr)

    Rates and gains are parameters, ``rate_k`` and ``gain_k_j``, so that one kernel serves a sweep over D.  At each of the
    diffusivities the bulk is projected once more, on the principal directions of what it does there within the
    frequencies of the reduction, so fewer states remain.

    Parameters
    ----------
    reduced : ReducedCells
    vary : mapping, optional
        Values or arrays of diffusivities and symbols of influxes over their defaults; arrays are sweeps named after them.
    tolerance : float, optional
        Of the transfer matrices, relative; the estimate of the reduction by default.

    Returns
    -------
    system : ODESystem
        Without D, with the parameters ``rate_...`` and ``gain_...``.
    values : dict
        Their values: numbers, or DataArrays with the dims of the sweeps, to be handed to `simulate`.

    Raises
    ------
    DeclarationError
        For names that are neither diffusivities nor symbols of influxes, values that are not positive, and a sweep of a
        colony whose bulk does not begin empty.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2, parameters={"tau": 0.55})
    >>> small = cell.reduce(mesh=0)
    >>> system, values = small.diagonal({"D": [0.5, 1.0]}, tolerance=1e-3)
    >>> len(system.states) < len(small.states), values["rate_1"].dims
    (True, ('D',))
    """
    tolerance = reduced.estimate if tolerance is None else tolerance
    colony = reduced.colony
    inside = {s for row in colony.influx for e in row for s in e.free_symbols}
    known = (*colony.diffusivities, *sorted(inside, key=lambda s: s.name))
    given = {lookup(k, known, "diffusivity or symbol of an influx"): v for k, v in (vary or {}).items()}
    sweeps = {s: _values(v, s) for s, v in given.items() if np.ndim(v)}
    fixed = {s: float(_values(v, s)[0]) for s, v in given.items() if not np.ndim(v)}
    defaults = {s: v for s, v in reduced.defaults.items() if s in known}
    missing = [s.name for s in known if s not in given and s not in defaults]
    if missing:
        raise DeclarationError(f"no value for {missing[0]}; pass diagonal({{'{missing[0]}': ...}})")
    shape = tuple(len(v) for v in sweeps.values())
    points = [{**defaults, **fixed, **dict(zip(sweeps, v, strict=True))} for v in itertools.product(*sweeps.values())]
    rows: dict[sp.Symbol, sp.Expr] = {}
    for j in range(colony.cells):
        rows.update(zip(colony.cell_states(j), colony.cell_rates(j), strict=True))
    initial = {s: v for s, v in colony.initial.items() if s in rows}
    tables: dict[sp.Symbol, np.ndarray] = {}
    observables: dict[str, sp.Expr] = {}
    for s, (pencil, group) in enumerate(zip(reduced.pencils, reduced.groups, strict=True)):
        ending = f"_{colony.secreted[s]}" if len(reduced.pencils) > 1 else ""
        uniform = colony.initial[colony.bulk[s]]
        if uniform and shape:
            raise DeclarationError(
                f"the bulk begins with {colony.bulk[s]} = {uniform:g}; the diagonal form of a sweep begins with 0: "
                "sweep tau or kinetic parameters instead, or declare the colony with an empty bulk"
            )
        start = np.r_[uniform / pencil.basis[:, 0].mean(), np.zeros(pencil.size - 1)]
        band = reduced.ranges.frequency * reduced.ranges.delay[colony.delay[s]] * np.r_[0.0, np.geomspace(5e-3, 1, 19)]
        forms = []
        for p in points:
            d, walls = p[colony.diffusivities[s]], group.coefficients(p)
            forms.append(_ordered(pencil, [Point(d, complex(0, w), walls) for w in band], start))
        count = max(int(np.count_nonzero(lost > tolerance)) for _, lost, _ in forms)
        count = min(max(count, 1), *(f[0].shape[1] for f in forms))
        parts = [_diagonal(directions, rest, pencil, start, count) for directions, _, rest in forms]
        z = [sp.Symbol(f"z_{k + 1}{ending}") for k in range(count)]
        rates = [sp.Symbol(f"rate_{k + 1}{ending}") for k in range(count)]
        gains = [[sp.Symbol(f"gain_{k + 1}_{j + 1}{ending}") for j in range(colony.cells)] for k in range(count)]
        tables |= {r: np.array([p[0][k] for p in parts]) for k, r in enumerate(rates)}
        tables |= {g: np.array([p[1][k, j] for p in parts]) for k, row in enumerate(gains) for j, g in enumerate(row)}
        tau, eps = colony.delay[s], colony.radius
        states = [colony.secreted_state(s, j) for j in range(colony.cells)]
        released = [colony.efflux[s][j] * u for j, u in enumerate(states)]
        for k in range(count):
            inward = sp.Add(*(sp.Mul(1 / eps, g, r) for g, r in zip(gains[k], released, strict=True)))
            rows[z[k]] = (-rates[k] * z[k] + inward) / tau
        initial |= {q: float(v) for q, v in zip(z, parts[0][2], strict=True)}
        for j, u in enumerate(states):
            at_wall = sp.Add(*(gains[k][j] * z[k] for k in range(count)))
            length = float(reduced.elements.perimeters[j])
            observables[f"U_{j + 1}{ending}"] = at_wall / length
            rows[u] += sp.Mul(1 / eps, 1 / tau, colony.influx[s][j], at_wall) - length / eps / tau * released[j]
    values = _labelled(tables, sweeps, shape)
    values |= {s: xr.DataArray(v, {s.name: v}, s.name) for s, v in sweeps.items() if s in inside}
    values |= {s: v for s, v in fixed.items() if s in inside}
    used = {p.name for e in rows.values() for p in e.free_symbols}
    numbers = {p: v for p, v in reduced.defaults.items() if p.name in used} | {
        p: v for p, v in values.items() if not isinstance(v, xr.DataArray)
    }
    line = f"diagonal, {', '.join(f'{k} = {v:g}' for k, v in {**defaults, **fixed}.items() if k not in sweeps)}"
    system = ODESystem(rows, numbers, initial=initial, observables=observables, provenance=(*reduced.provenance, line))
    return system, {p.name: v for p, v in values.items()}


def _values(given: Any, symbol: sp.Symbol) -> np.ndarray:
    try:
        found = np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError):
        found = np.array([])
    if found.ndim != 1 or not found.size or not (np.isfinite(found).all() and (found > 0).all()):
        raise DeclarationError(f"{symbol} is {given!r}; expected positive numbers")
    return found


def _ordered(pencil: ReducedPencil, points: Sequence[Point], start: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Directions, the most important first, with the loss without them and the projected matrix at the steady state.

    They are the principal ones of the solutions at all points in the energy of the real part of A, which is what an error
    there costs in the transfer matrix; each solution counts relative to the transfer matrix of its point.
    """
    rest = pencil.matrix(Point(points[0].diffusion, 0.0, points[0].walls)).real
    lower = np.linalg.cholesky(rest)
    matrices = np.array([pencil.matrix(q) for q in points])
    found = np.linalg.solve(matrices, np.broadcast_to(pencil.loads, (len(points), *pencil.loads.shape)))
    size = np.linalg.norm(pencil.loads.T @ found, axis=(1, 2))
    found = np.moveaxis(found / np.sqrt(size)[:, None, None], 0, 1).reshape(pencil.size, -1)
    snapshots = np.hstack([found.real, found.imag])
    if start.any():  # a bulk that begins with something keeps it
        snapshots = np.hstack([snapshots, 1e3 * np.abs(snapshots).max() / np.abs(start).max() * start[:, None]])
    u, values, _ = np.linalg.svd(lower.T @ snapshots, full_matrices=False)
    directions = np.linalg.solve(lower.T, u)
    return directions, np.cumsum((values**2)[::-1])[::-1], rest


def _diagonal(
    directions: np.ndarray, rest: np.ndarray, pencil: ReducedPencil, start: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rates, gains and initial bulk, projected on the first directions."""
    basis, _ = np.linalg.qr(directions[:, :count])
    rates, q = np.linalg.eigh(basis.T @ rest @ basis)
    basis = basis @ q
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])
    return rates, basis.T @ pencil.loads, basis.T @ start


def _labelled(tables: Mapping[sp.Symbol, np.ndarray], sweeps: Mapping[sp.Symbol, np.ndarray], shape: tuple[int, ...]) -> dict:
    if not shape:
        return {p: float(v[0]) for p, v in tables.items()}
    dims = tuple(s.name for s in sweeps)
    coords = {s.name: v for s, v in sweeps.items()}
    return {p: xr.DataArray(v.reshape(shape), coords, dims) for p, v in tables.items()}
