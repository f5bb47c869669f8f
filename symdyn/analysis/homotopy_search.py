r"""Roots by search along homotopies: from many starts, along the arc length, past folds, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.search import newton
from symdyn.derive.homotopies import homotopy
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.methods.registry import METHODS
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["homotopy_roots"]

#: Outputs along a curve, in which a return to its start is looked for.
OUTPUTS = 2000
#: Distance from the start, in units of the spread, at which a curve has returned.
RETURNED = 0.02
#: Farthest that Newton's method may move from the end of a curve, relative to the state and the spread.
NEAR = 1e-2
#: Distance from the start, in units of the spread, from which on a curve that cannot be followed has gone away.
FAR = 5.0
#: Relative distance of roots that are the same.
SAME = 1e-6


def homotopy_roots(
    system: System,
    parameters: Mapping[Any, float] | None = None,
    *,
    starts: int | Any = 100,
    spread: float = 3.0,
    kind: str = "newton",
    length: float = 60.0,
    seed: int = 0,
    max_steps: int = 5000,
) -> xr.Dataset:
    r"""Search for roots of right-hand sides, algebraic or not, along homotopies from many starts.

    From each start the curve of `symdyn.derive.homotopy` is followed along its arc length, past folds; where it does not reach
    a root in one direction, it is followed in the other one.  All starts are lanes of one ensemble.  What arrives is finished
    by Newton's method.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Autonomous.  Of a map the roots are fixed points.
    parameters : mapping, optional
        Numbers by symbol or name over the defaults of the system.
    starts : int or (N, n) array, optional
        How many normal random starts with the standard deviation `spread`, or the starts.
    spread : float, optional
        Also the size of the states against which the length of a curve is measured.
    kind : {'newton', 'fixed-point'}, optional
    length : float, optional
        At which a curve is given up, in its units: a change of the parameter by 1, or of a state by `spread`, is at least 1.
    seed : int, optional
        Of random starts.
    max_steps : int, optional
        Attempted steps along each curve and direction.

    Returns
    -------
    xarray.Dataset
        With dim ``start``: the states at the root (NaN without one), ``end`` and ``folds``, the number of folds passed on the
        way, ``length`` of the curve, and ``root``, the row of ``roots`` (root, state), or -1.  An ``end`` is ``root``;
        ``closed``, where the curve returns to its start; ``away``, where it has gone far away, or not reached a root at the
        length; ``failed``, where it was given up before, or Newton's method found nothing near its end.

    Raises
    ------
    DeclarationError
        For systems that are not autonomous, unknown kinds, and starts of the wrong shape.

    Notes
    -----
    It is a search: other roots may exist.  All roots of polynomial systems are found by `steady_states` and `root_paths`.

    References
    ----------
    Allgower & Georg, Numerical Continuation Methods (1990), chapter 11.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.analysis.homotopy_roots(sd.ODESystem.from_text("x' = x - 2*sin(x)"), starts=20)
    >>> sorted(found.roots.values[:, 0].round(6).tolist())
    [-1.895494, 0.0, 1.895494]
    """
    check_positive(spread=spread, length=length)
    check_whole(0, seed=seed)
    check_whole(1, max_steps=max_steps)
    if kind == "flow":
        raise DeclarationError("Newton's flow stops where its matrix is singular; search with kind='newton' or 'fixed-point'")
    field = Field(system)
    clash = [s for s in system.names if s in ("start", "end", "folds", "length", "root", "roots", "state")]
    if clash:
        raise DeclarationError(f"{clash[0]!r} names a variable of the result; give the state another name")
    p = parameter_row(system, parameters)
    begun = _starts(starts, len(system.states), spread, seed)
    path = homotopy(system, kind, scale=spread)
    forth = _follow(path, system, field, p, begun, 1, spread, length, max_steps)
    again = np.flatnonzero(np.isin(forth[1], ("away", "failed")))
    if again.size:
        back = _follow(path, system, field, p, begun[again], -1, spread, length, max_steps)
        better = again[back[1] == "root"]
        for mine, theirs in zip(forth, back, strict=True):
            mine[better] = theirs[back[1] == "root"]
    points, ends, folds, lengths = forth
    roots, of = _distinct(points, spread)
    data = xr.Dataset({name: ("start", points[:, i]) for i, name in enumerate(system.names)})
    data["end"], data["folds"], data["length"] = ("start", ends), ("start", folds), ("start", lengths)
    data["root"], data["roots"] = ("start", of), (("root_number", "state"), roots)
    data = data.assign_coords(state=list(system.names))
    known = listed_values((s.name, v) for s, v in zip(system.parameters, p, strict=True))
    data.attrs = attributes(system, kind=kind, spread=spread, longest=length, seed=seed, parameters=known)
    return data


def _starts(given: Any, n: int, spread: float, seed: int) -> np.ndarray:
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        check_whole(1, starts=int(given))
        return spread * np.random.default_rng(seed).normal(size=(int(given), n))
    try:
        rows = np.array(given, dtype=float)
    except (TypeError, ValueError):
        rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[1] != n or not len(rows) or not np.isfinite(rows).all():
        raise DeclarationError(f"starts has the shape {rows.shape}; expected a number, or finite values of shape (starts, {n})")
    return rows


def _follow(
    path: System, system: System, field: Field, p: np.ndarray, begun: np.ndarray, side: int, spread: float, length: float,
    max_steps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Roots (N, n), what became of the curves, folds passed, and lengths, in one direction."""
    n, count = len(system.states), len(begun)
    slopes = path.algebraic[:n]
    lam, folds, direction = path.states[n : n + 3]
    starts = [path.initial[x] for x in system.states]
    values = {a: xr.DataArray(begun[:, i], dims="start") for i, a in enumerate(starts)}
    values |= {s: float(v) for s, v in zip(system.parameters, p, strict=True)}
    method = METHODS["rodas5p"].options(max_steps=max_steps)
    data = simulate(
        path, np.linspace(0, length, OUTPUTS), parameters={s: v for s, v in values.items() if s in path.parameters},
        initial={path.algebraic[n]: side, direction: side, **dict.fromkeys(slopes, 0.0)}, until=lam >= 1,
        method=method, on_failure="nan", progress=False,
    )  # fmt: skip
    table = np.stack([data[s.name].transpose("start", "time").values for s in (*system.states, lam, folds)], axis=-1)
    arrived = np.isfinite(data.first_passage.values) & (data.status.values == 0)
    points, ends = np.full((count, n), np.nan), np.full(count, "away", dtype="<U6")
    passed, lengths = np.zeros(count, dtype=int), np.full(count, np.nan)
    for k, row in enumerate(table):
        there = np.flatnonzero(np.isfinite(row).all(axis=1))
        last = row[there[-1]] if there.size else np.append(begun[k], [0, 0])
        passed[k] = int(last[-1])
        if data.status.values[k] and np.abs(last[:n] - begun[k]).max() < FAR * spread:
            ends[k] = "failed"
        if arrived[k]:
            lengths[k] = data.first_passage.values[k]
            x = newton(field, last[:n], p)
            near = x is not None and (np.abs(x - last[:n]) <= NEAR * (spread + np.abs(x))).all()
            ends[k] = "root" if near else "failed"
            if near:
                points[k] = x
        elif (back := _returned(row[there], begun[k], side, spread)) is not None:
            ends[k], passed[k] = "closed", int(back)
    return points, ends, passed, lengths


def _returned(row: np.ndarray, start: np.ndarray, side: int, spread: float) -> float | None:
    """The number of folds at which a curve passes its start again in the direction of its beginning."""
    n, lam = len(start), side * row[:, len(start)]
    for k in np.flatnonzero((lam[1:-1] < 0) & (lam[2:] >= 0)) + 1:
        share = -lam[k] / (lam[k + 1] - lam[k])
        x = row[k, :n] + share * (row[k + 1, :n] - row[k, :n])
        if np.abs(x - start).max() <= RETURNED * spread:
            return float(row[k, -1])
    return None


def _distinct(points: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Different roots (R, n), sorted, and the row of each point, -1 without one."""
    found: list[np.ndarray] = []
    for x in points[np.isfinite(points).all(axis=1)]:
        if not any((np.abs(x - y) <= SAME * (spread + np.abs(y))).all() for y in found):
            found.append(x)
    roots = np.array(sorted(found, key=tuple)).reshape(-1, points.shape[1])
    of = np.full(len(points), -1)
    for k, x in enumerate(points):
        close = (np.abs(roots - x) <= SAME * (spread + np.abs(roots))).all(axis=1)
        if close.any():
            of[k] = int(np.argmax(close))
    return roots, of
