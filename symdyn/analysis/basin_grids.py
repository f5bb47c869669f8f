"""Basins of attraction: which steady state or cycle trajectories from a grid of initial values approach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.cycles import limit_cycle
from symdyn.analysis.ensembles import run_rows
from symdyn.analysis.field import Field
from symdyn.analysis.portraits import read_region
from symdyn.analysis.search import newton
from symdyn.errors import DeclarationError, SimulationError
from symdyn.given_values import lookup
from symdyn.methods.options import check_positive, check_whole
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["basins"]

#: Relative distance from an attractor, in units of the region, of a trajectory that has arrived.
NEAR = 1e-3
#: Sizes of the region beyond which a trajectory counts as unbounded.
FAR = 1e6
#: Times that the duration is prolonged, and attractors that are looked for.
ROUNDS, MOST = 4, 24
#: Points of a cycle that is an attractor.
POINTS = 401


def basins(
    system: System,
    region: Mapping[Any, tuple[float, float]],
    *,
    duration: float,
    resolution: int = 100,
    initial: Mapping[Any, float] | None = None,
    parameters: Mapping[Any, float] | None = None,
) -> xr.Dataset:
    """Basins of attraction on a grid of initial values of one or two states, all trajectories in one ensemble.

    Parameters
    ----------
    system : ODESystem
        Without dependence on time.
    region : mapping
        For one or two states their ranges (low, high), with ends.
    duration : float
        How long trajectories run, in units of time, before it is decided where they are; those that are near nothing go on,
        up to four times as long.
    resolution : int
        Initial values along each side.
    initial : mapping, optional
        Numbers for the other states, over the initial values of the system.
    parameters : mapping, optional
        Numbers, over the defaults of the system.

    Returns
    -------
    xarray.Dataset
        ``basin`` over the states of the region: the number of the attractor, -1 where trajectories leave every bound or
        cannot be integrated on, 0 where none was decided.  By ``attractor``: ``kind`` ('steady state' or 'cycle'), ``period``
        (NaN of steady states), ``fraction`` of the grid, ``place``, the steady state or a point of the cycle, by ``state``, and
        ``orbit``, the cycle by ``node``.  ``unbounded`` and ``undecided`` are the fractions of the others.

    Raises
    ------
    DeclarationError
        If the system depends on time or is no flow, the region is none, or states have no initial value.

    Notes
    -----
    An attractor is found where a trajectory ends: by Newton's method for steady states, by multiple shooting for cycles.
    Trajectories on chaotic attractors and on saddles remain undecided.

    Examples
    --------
    The basins of x = -1 and x = 1 meet at x = 0:

    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = x - x**3; y' = -y")
    >>> found = basins(system, {"x": (-2, 2), "y": (-1, 1)}, duration=30, resolution=20)
    >>> found.place.sel(state="x").values.round(6).tolist(), found.fraction.values.tolist()
    ([-1.0, 1.0], [0.5, 0.5])
    >>> bool(((found.basin == 2) == (found.x > 0)).all())
    True
    """
    if not isinstance(system, System) or (why := system.unmet(["drift"])) is not None:
        raise DeclarationError(f"basins: {why if isinstance(system, System) else 'expected an ODESystem'}")
    rates = Field(system)
    check_whole(2, resolution=resolution)
    check_positive(duration=duration)
    if not isinstance(region, Mapping) or len(region) not in (1, 2):
        raise DeclarationError("basins: the region has ranges of one state or two")
    chosen = [lookup(k, system.states, "state") for k in region]
    box = read_region(system, region, chosen)
    clash = [s.name for s in chosen if s in {lookup(k, system.states, "state") for k in initial or {}}]
    if clash:
        raise DeclarationError(f"the state {clash[0]} has a range in the region and an initial value; give it once")
    middle = dict(zip(chosen, box.mean(axis=1).tolist(), strict=True))
    design = make_design(system, {**middle, **(initial or {})}, parameters, None)
    if design.size != 1:
        raise DeclarationError("basins: other states and parameters have one value each; sweep in a loop")
    others, p = (rows[0] for rows in design.rows(0, 1))
    axes = [np.linspace(a, b, resolution) for a, b in box]
    grid = np.meshgrid(*axes, indexing="ij")
    start = np.empty((grid[0].size, len(system.states)))
    for i, s in enumerate(system.states):
        start[:, i] = grid[chosen.index(s)].ravel() if s in chosen else others[i]
    search = _Search(system, rates, p, start, {system.states.index(s): b - a for s, (a, b) in zip(chosen, box, strict=True)})
    for _ in range(ROUNDS):
        if not search.advance(duration):
            break
    return _dataset(search, [s.name for s in chosen], axes)


class _Search:
    """Trajectories, where they are, and the attractors that were found."""

    def __init__(self, system: System, rates: Field, p: np.ndarray, start: np.ndarray, sizes: Mapping[int, float]) -> None:
        self.system, self.rates, self.p = system, rates, p
        self.values = dict(zip((s.name for s in system.parameters), p.tolist(), strict=True))
        self.current = start.copy()
        largest = np.abs(start).max(axis=0)
        self.size = np.array([sizes.get(i) or max(largest[i], 1e-3 * max(sizes.values())) for i in range(start.shape[1])])
        self.basin = np.zeros(len(start), int)
        self.attractors: list[tuple[np.ndarray, float]] = []  # points (k, n), and a period, NaN of a steady state

    def advance(self, duration: float) -> bool:
        """Go on with the trajectories that are undecided; whether there are any left."""
        live = np.flatnonzero(self.basin == 0)
        if not live.size:
            return False
        rows = np.broadcast_to(self.p, (live.size, self.p.size))
        found, status = run_rows(self.system, np.array([0.0, duration]), self.current[live], rows, rtol=1e-9, atol=1e-12)
        end = found[:, -1]
        gone = (status != 0) | ~np.isfinite(end).all(axis=1)
        gone |= (np.abs(np.where(np.isfinite(end), end, 0.0)) > FAR * self.size).any(axis=1)
        self.basin[live[gone]] = -1
        live, end = live[~gone], end[~gone]
        self.current[live] = end
        for points, _ in self.attractors:
            self._assign(points)
        tried = 0
        for k in live:
            if self.basin[k] != 0 or tried >= MOST:
                continue
            tried += 1
            attractor = self._steady(self.current[k]) or self._cycle(self.current[k])
            if attractor is not None:
                self.attractors.append(attractor)
                self._assign(attractor[0])
        return bool((self.basin == 0).any())

    def _assign(self, points: np.ndarray) -> None:
        """Give an attractor the undecided trajectories that are near it."""
        number = next(k for k, (other, _) in enumerate(self.attractors) if other is points) + 1
        live = np.flatnonzero(self.basin == 0)
        scaled = points / self.size
        step = np.diff(scaled, axis=0) if len(points) > 1 else np.zeros_like(scaled)
        begin = scaled[:-1] if len(points) > 1 else scaled
        norm = np.maximum((step**2).sum(axis=1), 1e-300)
        for part in np.array_split(live, max(1, live.size // 2000)):
            apart = self.current[part][:, None] / self.size - begin
            share = np.clip((apart * step).sum(axis=2) / norm, 0, 1)
            distance = np.linalg.norm(apart - share[..., None] * step, axis=2).min(axis=1)
            self.basin[part[distance < NEAR]] = number

    def _steady(self, x: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The stable steady state next to a point."""
        with np.errstate(all="ignore"):
            found = newton(self.rates, x, self.p)
        if found is None or not (np.abs(found - x) < NEAR * self.size).all():
            return None
        if not self.rates.stable(self.rates.eigenvalues(found, self.p)):
            return None
        return found[None], float("nan")

    def _cycle(self, x: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The stable cycle on which a point is."""
        period = self._period(x)
        if period is None:
            return None
        begin = dict(zip(self.system.names, x.tolist(), strict=True))
        try:
            cycle = limit_cycle(self.system, self.values, initial=begin, period=period, points=POINTS)
        except SimulationError:
            return None
        points = np.stack([cycle[n].values for n in self.system.names], axis=1)
        if not cycle.stable.item() or np.ptp(points / self.size, axis=0).max() < NEAR:
            return None
        return points, cycle.period.item()

    def _period(self, x: np.ndarray) -> float | None:
        """The time after which a trajectory first comes back to its beginning."""
        rate = np.linalg.norm(self.rates(x, self.p) / self.size)
        if not rate > 0:
            return None
        window = 10 / rate
        for _ in range(8):
            times = np.linspace(0, window, 4001)
            path, status = run_rows(self.system, times, x[None], self.p[None], rtol=1e-9, atol=1e-12)
            if status[0] != 0:
                return None
            apart = np.linalg.norm((path[0] - x) / self.size, axis=1)
            away = np.flatnonzero(apart > 20 * NEAR)
            back = np.flatnonzero(apart[away[0] :] < 10 * NEAR) + away[0] if away.size else away
            if back.size:
                stop = back[0] + int(np.argmax(apart[back[0] :] > 10 * NEAR)) if (apart[back[0] :] > 10 * NEAR).any() else None
                return float(times[back[0] + int(np.argmin(apart[back[0] : stop]))])
            window *= 3
        return None


def _dataset(search: _Search, names: list[str], axes: list[np.ndarray]) -> xr.Dataset:
    """The grid and the attractors, numbered in the order of their places."""
    system, found = search.system, search.attractors
    order = sorted(range(len(found)), key=lambda k: tuple(np.round(found[k][0][0] / search.size, 6)))
    number = {-1: -1, 0: 0} | {k + 1: i + 1 for i, k in enumerate(order)}
    basin = np.array([number[b] for b in search.basin.tolist()])
    orbits = np.empty((len(order), POINTS, len(system.states)))
    for i, k in enumerate(order):
        orbits[i] = found[k][0]  # a steady state stays where it is
    shares = np.array([float((basin == i + 1).mean()) for i in range(len(order))])
    data = xr.Dataset(
        {
            "basin": (
                names,
                basin.reshape([len(a) for a in axes]),
                {"long_name": "attractor; -1 unbounded, 0 undecided"},
            ),
            "kind": ("attractor", ["steady state" if np.isnan(found[k][1]) else "cycle" for k in order]),
            "period": ("attractor", np.array([found[k][1] for k in order], float)),
            "fraction": ("attractor", shares, {"long_name": "of the initial values"}),
            "place": (("attractor", "state"), np.array([found[k][0][0] for k in order]).reshape(-1, len(system.states))),
            "orbit": (("attractor", "node", "state"), orbits),
            "unbounded": ((), float((basin == -1).mean())),
            "undecided": ((), float((basin == 0).mean())),
        },
        {**dict(zip(names, axes, strict=True)), "attractor": np.arange(1, len(order) + 1), "state": list(system.names)},
    )
    data.attrs = attributes(system, parameters=listed_values(search.values.items()))
    return data
