"""Reading the declaration of a colony: geometry, kinetics, secreted states and permeabilities, each with one clear error."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.models.domains import Domain
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest

#: Names of dimensions and variables of results, which no state of the kinetics may have.
RESULTS = frozenset({"bulk_time", "cell", "node", "node_x", "node_y", "species", "step_error", "triangles"})

__all__ = ["check_permeabilities", "geometry", "individual", "kinetics", "permeabilities", "secreted_names"]


def geometry(domain: Any, radius: Any, centers: Any) -> tuple[np.ndarray, float]:
    """Centers (m, 2) and radius, checked: cells lie inside the domain and apart from each other."""
    if not isinstance(domain, Domain) or domain.dimension != 2:
        raise DeclarationError(f"the domain is {domain!r}; expected Disk, Rectangle, Polygon, Plane or Lattice")
    if not isinstance(radius, numbers.Real) or isinstance(radius, bool) or not 0 < float(radius) < 1:
        raise DeclarationError(f"the radius is {radius!r}; expected a number between 0 and 1, small against the domain")
    try:
        points = np.array([[float(c) for c in p] for p in centers])
    except (TypeError, ValueError):
        raise DeclarationError(f"the centers are {centers!r}; expected pairs of numbers, [(0.5, 0), ...]") from None
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise DeclarationError("the centers must be pairs of finite numbers, [(0.5, 0), ...], at least one")
    near = domain.distance(points)
    wrong = np.flatnonzero(near >= -radius)
    if wrong.size:
        j = int(wrong[0])
        place = f"cell {j + 1} at ({points[j, 0]:g}, {points[j, 1]:g})"
        raise DeclarationError(f"{place} is not inside the {type(domain).__name__} with its radius of {radius:g}")
    from scipy.spatial import cKDTree  # not at the top: `import symdyn` stays cheap

    if domain.periods.size:
        copies = [i * domain.periods[0] + j * domain.periods[1] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        for shift in copies:
            apart = np.hypot(*(points[:, None] - points[None] - shift).transpose(2, 0, 1))
            if apart.min() < 2 * radius:
                i, j = (int(k) + 1 for k in np.unravel_index(apart.argmin(), apart.shape))
                raise DeclarationError(
                    f"cell {i} overlaps with a copy of cell {j} in the lattice: they are {apart.min():g} apart, two radii are "
                    f"{2 * radius:g}"
                )
    pairs = cKDTree(points).query_pairs(2 * radius)
    if pairs:
        i, j = min(pairs)
        apart = math.dist(points[i], points[j])
        raise DeclarationError(f"cells {i + 1} and {j + 1} overlap: they are {apart:g} apart, two radii are {2 * radius:g}")
    points.flags.writeable = False
    return points, float(radius)


def kinetics(given: Any, cells: int) -> tuple[ODESystem, ...]:
    """The kinetics of each cell."""
    several = not isinstance(given, ODESystem)
    found = tuple(given) if several and isinstance(given, Sequence) else (given,) * cells
    if len(found) != cells:
        raise DeclarationError(f"there are {len(found)} kinetics for {cells} cells; give one for all or one for each")
    for system in found:
        if not isinstance(system, ODESystem):
            raise DeclarationError(f"the kinetics of a cell are {type(system).__name__}; expected an ODESystem")
        if (why := system.unmet(["drift"])) is not None:
            raise DeclarationError(f"the kinetics of a cell: {why}")
        if system.time in set().union(*(e.free_symbols for e in system.drift)):
            raise DeclarationError(f"the kinetics depend on {system.time}; expected an autonomous ODESystem")
    return found


def secreted_names(given: Any, systems: tuple[ODESystem, ...]) -> tuple[str, ...]:
    """Names of the secreted states, which every cell's kinetics have."""
    names = tuple(name_of(s) for s in given) if isinstance(given, list | tuple) else (name_of(given),)
    if not names or len(set(names)) < len(names):
        raise DeclarationError(f"secreted is {given!r}; expected the name of a state, or several different ones")
    for name in names:
        for system in systems:
            if name not in system.names:
                raise DeclarationError(
                    f"secreted is {name!r}, which is no state of the kinetics; their states: {', '.join(system.names)}."
                    f"{suggest(str(name), system.names)}"
                )
    return names


def individual(systems: tuple[ODESystem, ...], asked: Sequence[str], taken: set[sp.Symbol]) -> frozenset[str]:
    """Kinetic parameters that differ from cell to cell: those named, and those with different values."""
    defaults: dict[str, set[float | None]] = {}
    for system in systems:
        for p in system.parameters:
            defaults.setdefault(p.name, set()).add(system.defaults.get(p))
    names = {s.name for s in taken} | RESULTS
    clash = sorted(names & (defaults.keys() | {n for system in systems for n in system.names}))
    if clash:
        raise DeclarationError(
            f"the kinetics use the name {clash[0]!r}, which belongs to the bulk or to results; rename it in the kinetics"
        )
    numbered = [f"{n}_{j + 1}" for j, system in enumerate(systems) for n in system.names]
    twice = sorted(defaults.keys() & set(numbered)) or sorted({n for n in numbered if numbered.count(n) > 1})
    if twice:
        raise DeclarationError(f"the kinetics use {twice[0]!r}, which a numbered state of a cell is called too; rename it")
    asked = (asked,) if isinstance(asked, str) else tuple(asked)
    for name in asked:
        if name not in defaults:
            raise DeclarationError(
                f"individual names {name!r}, which is no parameter of the kinetics; they have {', '.join(defaults) or 'none'}."
                f"{suggest(str(name), defaults)}"
            )
    return frozenset(asked) | {name for name, values in defaults.items() if len(values) > 1}


def permeabilities(given: Any, what: str, species: tuple[str, ...], cells: int) -> tuple[tuple[sp.Expr, ...], ...]:
    """Permeabilities by species and cell."""
    if isinstance(given, Mapping):
        table = {name_of(k): v for k, v in given.items()}
        if table.keys() != set(species):
            raise DeclarationError(f"{what} is given for {', '.join(map(str, table))}; expected {', '.join(species)}")
    elif len(species) > 1 and isinstance(given, list | tuple | np.ndarray):
        raise DeclarationError(f"{what} of several species is a mapping, {{'{species[0]}': ..., '{species[1]}': ...}}")
    else:
        table = dict.fromkeys(species, given)
    return tuple(_row(table[s], what, cells) for s in species)


def check_permeabilities(
    influx: Sequence[Sequence[sp.Expr]],
    efflux: Sequence[Sequence[sp.Expr]],
    bulk: set[sp.Symbol],
    systems: tuple[ODESystem, ...],
) -> None:
    """Refuse permeabilities that depend on time, the bulk or a state: they are constants."""
    states = {n for j, system in enumerate(systems) for s in system.names for n in (s, f"{s}_{j + 1}")}
    names = states | {s.name for s in bulk}
    for what, rows in (("influx", influx), ("efflux", efflux)):
        for e in (e for row in rows for e in row):
            wrong = sorted(s.name for s in e.free_symbols if s.name in names)
            if wrong:
                raise DeclarationError(
                    f"{what} holds {wrong[0]}, which is time or a state; permeabilities are numbers or symbols of their own"
                )


def _row(given: Any, what: str, cells: int) -> tuple[sp.Expr, ...]:
    row = tuple(given) if isinstance(given, list | tuple | np.ndarray) else (given,) * cells
    if len(row) != cells:
        raise DeclarationError(f"{what} has {len(row)} values for {cells} cells; give one for all or one for each")
    found = tuple(expression(sp.Symbol(e) if isinstance(e, str) and e.isidentifier() else e) for e in row)
    for e in found:
        if e.is_number and not (e.is_real and e >= 0 and e.is_finite):
            raise DeclarationError(f"{what} holds {e}; expected numbers from 0 on, or symbols")
    return found
