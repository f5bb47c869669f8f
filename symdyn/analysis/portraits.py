r"""Phase portraits of planar flows: nullclines, steady states, separatrices, limit cycles and trajectories.

Curves along the flow are integrated by their length: with the ranges D of the region, :math:`v = D^{-1} f` and a small speed
:math:`\delta`, the equations :math:`x' = \pm f / \sqrt{\delta^2 + |v|^2}` have the same curves, forwards or backwards, without
fast or slow parts and without blow-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.analysis.cycles import limit_cycle
from symdyn.analysis.ensembles import plain, run_rows
from symdyn.analysis.equilibria import steady_states
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.rate_grids import RateGrid
from symdyn.analysis.search import newton
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import DeclarationError, SimulationError
from symdyn.given_values import lookup
from symdyn.methods.options import check_whole
from symdyn.models.ode import ODESystem
from symdyn.simulation.dataset import attributes
from symdyn.system import System

__all__ = ["PhasePortrait", "Rest", "phase_portrait", "read_region", "rest_kind"]

#: Lengths of separatrices and of paths that look for cycles, and of trajectories, in units of the region; points of each.
LONG, SHORT, POINTS = 40.0, 0.8, 4001
#: How far beyond the region separatrices are followed, from which they may come back, in units of it.
OUTSIDE = 1.0
#: Distance from a saddle at which its separatrices begin, and from a cycle that is known, in units of the region.
START, NEAR = 1e-4, 1e-2
#: Logarithm of the largest multiplier.
LARGEST = 700.0
#: How near to its beginning the end of a closed orbit passes, in units of the region, that is one of many.
CLOSED = 1e-4
#: Steady states in the region.
MOST_RESTS = 300
#: How near to 0 the logarithm of the multiplier of a cycle is that lies among others.
ISOLATED = 1e-4


@dataclass(frozen=True)
class Rest:
    """A steady state: its coordinates (2,), its eigenvalues (2,) with their vectors (2, 2), and its kind, such as 'saddle'."""

    point: np.ndarray
    eigenvalues: np.ndarray
    vectors: np.ndarray
    kind: str


@dataclass(frozen=True)
class PhasePortrait:
    """What is known of a planar flow in a region; curves are arrays (k, 2) of the two states.

    Attributes
    ----------
    states : (str, str)
    region : ((low, high), (low, high))
    parameters : dict
        Values of all parameters.
    nullclines : dict
        For each state the curves on which it does not change.
    steady_states : list of Rest
        Those in the region.
    separatrices : dict
        The 'stable' and the 'unstable' manifolds of the saddles, as lists of curves that begin at the saddle and may leave
        the region and come back.
    cycles : list of Dataset
        As `limit_cycle` returns them.
    trajectories : list of arrays
        In the direction of the flow.
    arrows : dict
        The flow on a coarse grid: points (k, 2) and directions (k, 2) of length 1 in units of the region.

    Examples
    --------
    >>> import symdyn as sd
    >>> duffing = sd.ODESystem.from_text("x' = y; y' = x - x**3 - y/4")
    >>> print(sd.analysis.phase_portrait(duffing, {"x": (-2, 2), "y": (-2, 2)}))
    phase portrait of (x, y) for x from -2 to 2 and y from -2 to 2
      stable focus at x = -1, y = 0
      saddle at x = 0, y = 0
      stable focus at x = 1, y = 0
    """

    states: tuple[str, str]
    region: tuple[tuple[float, float], tuple[float, float]]
    parameters: dict[str, float]
    nullclines: dict[str, list[np.ndarray]]
    steady_states: list[Rest]
    separatrices: dict[str, list[np.ndarray]] = field(default_factory=dict)
    cycles: list[xr.Dataset] = field(default_factory=list)
    trajectories: list[np.ndarray] = field(default_factory=list)
    arrows: dict[str, np.ndarray] = field(default_factory=dict)

    def __str__(self) -> str:
        ranges = " and ".join(f"{n} from {a:g} to {b:g}" for n, (a, b) in zip(self.states, self.region, strict=True))
        lines = [f"phase portrait of ({', '.join(self.states)}) for {ranges}"]
        for rest in self.steady_states:
            at = ", ".join(f"{n} = {v:.6g}" for n, v in zip(self.states, rest.point, strict=True))
            lines.append(f"  {rest.kind} at {at}")
        lines += [f"  {'stable' if c.stable.item() else 'unstable'} cycle of period {c.period.item():.6g}" for c in self.cycles]
        return "\n".join(lines)


def phase_portrait(
    system: System,
    region: Mapping[Any, tuple[float, float]],
    *,
    parameters: Mapping[Any, float] | None = None,
    trajectories: int = 7,
) -> PhasePortrait:
    """Nullclines, steady states with their kinds, separatrices, limit cycles and trajectories of a planar flow.

    Parameters
    ----------
    system : ODESystem
        Of two states, without dependence on time.
    region : mapping
        For each state its range (low, high).
    parameters : mapping, optional
        Numbers, over the defaults of the system.
    trajectories : int
        Along each side, of those that are drawn.

    Returns
    -------
    PhasePortrait
        To print, and to draw by `plot_portrait`.

    Raises
    ------
    DeclarationError
        If the system has not two states, depends on time or is no flow, the region is none, or steady states fill it.

    Notes
    -----
    Nullclines are contours on a fine grid, corrected by Newton's method; those at which a rate does not change its sign are
    not found.  Limit cycles are those that trajectories in the region approach, forwards or backwards.

    Examples
    --------
    >>> import symdyn as sd
    >>> portrait = phase_portrait(sd.ODESystem.from_text("x' = y; y' = (1 - x**2)*y - x"), {"x": (-3, 3), "y": (-3, 3)})
    >>> print(portrait)
    phase portrait of (x, y) for x from -3 to 3 and y from -3 to 3
      unstable focus at x = 0, y = 0
      stable cycle of period 6.66329
    """
    if not isinstance(system, System) or (why := system.unmet(["drift"])) is not None:
        raise DeclarationError(f"phase_portrait: {why if isinstance(system, System) else 'expected an ODESystem'}")
    if len(system.states) != 2:
        raise DeclarationError(f"phase_portrait: it takes systems of two states; this one has {len(system.states)}")
    check_whole(0, trajectories=trajectories)
    rates = Field(system)
    p = parameter_row(system, parameters)
    box = read_region(system, region, system.states)
    values = dict(zip((s.name for s in system.parameters), p.tolist(), strict=True))
    grid = RateGrid(rates, p, box)
    names = system.names[0], system.names[1]
    lines = {name: grid.nullcline(i) for i, name in enumerate(names)}
    rests = _rests(system, rates, p, box, grid)
    flow = _Curves(system, p, box, grid.speed)
    separatrices = _separatrices(rests, flow)
    found = _cycles(system, (rates, p, values), rests, flow, box)
    portrait = PhasePortrait(
        names, ((box[0, 0], box[0, 1]), (box[1, 0], box[1, 1])), values, lines, rests, separatrices, found,
        flow.through(_seeds(box, trajectories)), grid.arrows(),
    )  # fmt: skip
    return portrait


def read_region(system: System, region: Mapping[Any, tuple[float, float]], states: Any) -> np.ndarray:
    """Ranges (n, 2) of some states.

    Raises
    ------
    DeclarationError
        For other states, and ranges that are none.
    """
    if not isinstance(region, Mapping):
        raise DeclarationError(f"the region is {region!r}; expected a range for each state, {{'x': (0, 1), ...}}")
    given = {lookup(k, system.states, "state"): v for k, v in region.items()}
    missing = [s.name for s in states if s not in given]
    if missing or len(given) != len(states):
        raise DeclarationError(
            f"the region has ranges of {', '.join(s.name for s in given)}; expected of {', '.join(s.name for s in states)}"
        )
    try:
        box = np.array([[float(v) for v in given[s]] for s in states])
    except (TypeError, ValueError):
        raise DeclarationError(f"the region is {region!r}; expected a range (low, high) for each state") from None
    if box.shape != (len(states), 2) or not np.isfinite(box).all() or not (box[:, 0] < box[:, 1]).all():
        raise DeclarationError(f"the region is {region!r}; expected a range (low, high) for each state")
    return box


def rest_kind(eigenvalues: np.ndarray) -> str:
    """What the eigenvalues (2,) say of a steady state.

    >>> rest_kind(np.array([1, -2])), rest_kind(np.array([-1 + 2j, -1 - 2j])), rest_kind(np.array([1j, -1j]))
    ('saddle', 'stable focus', 'center of the linearisation')
    """
    real, size = eigenvalues.real, np.abs(eigenvalues).max()
    if not size > 0 or (np.abs(eigenvalues) < 1e-9 * size).any():
        return "degenerate"
    if np.abs(eigenvalues.imag).max() > 1e-9 * size:
        if np.abs(real).max() < 1e-9 * size:
            return "center of the linearisation"
        return f"{'stable' if real.max() < 0 else 'unstable'} focus"
    if real.min() * real.max() < 0:
        return "saddle"
    return f"{'stable' if real.max() < 0 else 'unstable'} node"


def _rests(system: System, rates: Field, p: np.ndarray, box: np.ndarray, grid: RateGrid) -> list[Rest]:
    """The steady states in the region: those of `steady_states` and those near crossings of nullclines."""
    values = dict(zip((s.name for s in system.parameters), p, strict=True))
    try:
        known = steady_states(system, values)
        points = [np.array(v) for v in zip(*(known[n].values for n in system.names), strict=True)]
    except DeclarationError:  # families of steady states
        points = []
    size = box[:, 1] - box[:, 0]
    for guess in grid.crossings():
        if any((np.abs(guess - x) < size / 50).all() for x in points):
            continue
        with np.errstate(all="ignore"):
            found = newton(rates, guess, p)
        if found is None or not (np.abs(found - guess) < size / 10).all():
            continue
        if not any((np.abs(found - x) < 1e-6 * size).all() for x in points):
            points.append(found)
        if len(points) > MOST_RESTS:
            raise DeclarationError(
                f"phase_portrait: the region has more than {MOST_RESTS} steady states; they may fill curves or all of it"
            )
    inside = [x for x in points if ((x >= box[:, 0] - 1e-9 * size) & (x <= box[:, 1] + 1e-9 * size)).all()]
    inside.sort(key=lambda x: tuple(np.round(x / size, 9)))
    return [Rest(x, e, v.real, rest_kind(e)) for x in inside for e, v in [np.linalg.eig(rates.jacobian(x, p))]]


class _Curves:
    """Curves of the flow by their length in units of the region."""

    def __init__(self, system: System, p: np.ndarray, box: np.ndarray, slow: float) -> None:
        self.box, self.size, self.p = box, box[:, 1] - box[:, 0], p
        taken = {s.name for s in (*system.states, *system.parameters, system.time)}
        sign, clock = (fresh_symbol(name, taken) for name in ("sign", "clock"))
        drift = plain(system).drift
        speed = sp.sqrt(sp.Float(slow) ** 2 + sum((f / sp.Float(d)) ** 2 for f, d in zip(drift, self.size, strict=True)))
        rows = {s: sign * f / speed for s, f in zip(system.states, drift, strict=True)}
        self.system = ODESystem({**rows, clock: 1 / speed}, time=system.time)
        self.columns = [system.parameters.index(s) if s in system.parameters else -1 for s in self.system.parameters]

    def run(self, points: np.ndarray, signs: np.ndarray, length: float, count: int) -> np.ndarray:
        """Points and times (N, count, 3) along curves of some length, forwards or backwards; NaN where they cannot go on."""
        values = np.stack([signs if k < 0 else np.full(len(points), self.p[k]) for k in self.columns], axis=1)
        start = np.column_stack([points, np.zeros(len(points))])
        return run_rows(self.system, np.linspace(0, length, count), start, values, rtol=1e-9, atol=1e-12)[0]

    def within(self, path: np.ndarray, beyond: float = 0.0) -> np.ndarray:
        """The part of a curve (k, 2) before it leaves the region, widened by a share of its size."""
        out = ~((path >= self.box[:, 0] - beyond * self.size) & (path <= self.box[:, 1] + beyond * self.size)).all(axis=1)
        return path[: int(np.argmax(out)) + 1 if out.any() else len(path)][: self._finite(path)]

    def _finite(self, path: np.ndarray) -> int:
        bad = ~np.isfinite(path).all(axis=1)
        return int(np.argmax(bad)) if bad.any() else len(path)

    def through(self, points: np.ndarray) -> list[np.ndarray]:
        """Trajectories through points, from both sides."""
        signs = np.repeat([-1.0, 1.0], len(points))
        paths = self.run(np.tile(points, (2, 1)), signs, SHORT / 2, 161)[..., :2]
        back, ahead = paths[: len(points)], paths[len(points) :]
        return [np.concatenate([self.within(b)[:0:-1], self.within(a)]) for b, a in zip(back, ahead, strict=True)]


def _seeds(box: np.ndarray, count: int) -> np.ndarray:
    x, y = np.meshgrid(*(np.linspace(a, b, count + 2)[1:-1] for a, b in box))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _separatrices(rests: list[Rest], flow: _Curves) -> dict[str, list[np.ndarray]]:
    """Manifolds of the saddles: backwards along the stable direction, forwards along the other."""
    found: dict[str, list[np.ndarray]] = {"stable": [], "unstable": []}
    starts, signs, ends = [], [], []
    for rest in rests:
        if rest.kind != "saddle":
            continue
        for k, value in enumerate(rest.eigenvalues.real):
            direction = rest.vectors[:, k] / np.linalg.norm(rest.vectors[:, k] / flow.size)
            for side in (-1.0, 1.0):
                starts.append(rest.point + side * START * direction)
                signs.append(np.sign(value))
                ends.append(rest.point)
    if starts:
        paths = flow.run(np.array(starts), np.array(signs), LONG / 4, POINTS)[..., :2]
        for path, sign, end in zip(paths, signs, ends, strict=True):
            found["unstable" if sign > 0 else "stable"].append(np.concatenate([end[None], flow.within(path, OUTSIDE)]))
    return found


def _cycles(
    system: System, at: tuple[Field, np.ndarray, dict[str, float]], rests: list[Rest], flow: _Curves, box: np.ndarray
) -> list[xr.Dataset]:
    """Limit cycles that curves from a coarse grid approach, forwards or backwards, each once."""
    rates, p, values = at
    seeds = _seeds(box, 6)
    signs = np.repeat([1.0, -1.0], len(seeds))
    paths = flow.run(np.tile(seeds, (2, 1)), signs, LONG, POINTS)
    found: list[xr.Dataset] = []
    lines: list[np.ndarray] = []
    backwards = ODESystem({s: -f for s, f in zip(system.states, plain(system).drift, strict=True)}, time=system.time)
    for path, sign in zip(paths, signs, strict=True):
        if not np.isfinite(path[-1]).all() or not ((path[-1, :2] >= box[:, 0]) & (path[-1, :2] <= box[:, 1])).all():
            continue
        points = path[:, :2] / flow.size
        if any(np.linalg.norm(points[-1] - r.point / flow.size) < NEAR for r in rests):
            continue
        if any(_distance(points[-1], line / flow.size) < NEAR for line in lines):
            continue
        found_back = _return(points, path[:, 2])
        if found_back is None:
            continue
        period, round_ = found_back
        if _distance(points[0], points[-round_ - 1 :]) < CLOSED:  # it began on a closed orbit: one of many
            continue
        begin = dict(zip(system.names, path[-1, :2].tolist(), strict=True))
        try:  # in the direction in which the orbit attracts
            cycle = limit_cycle(system if sign > 0 else backwards, values, initial=begin, period=period)
        except SimulationError:
            continue
        line = np.stack([cycle[n].values for n in system.names], axis=1)
        slopes = rates.jacobian(line[:-1], np.broadcast_to(p, (len(line) - 1, p.size)))
        growth = float(np.trace(slopes, axis1=1, axis2=2).mean() * cycle.period)  # Liouville's formula
        if abs(growth) < ISOLATED or np.ptp(line / flow.size, axis=0).max() < NEAR:
            continue
        if sign < 0:
            cycle = _reversed(system, cycle, float(np.exp(min(growth, LARGEST))))
        if not any(_distance(line[0] / flow.size, known / flow.size) < 1e-3 for known in lines):
            found.append(cycle)
            lines.append(line)
    order = np.argsort([np.ptp(line[:, 0]) for line in lines])
    return [found[k] for k in order]


def _reversed(system: System, cycle: xr.Dataset, multiplier: float) -> xr.Dataset:
    """A cycle of the flow from one of the flow backwards, with the multiplier that is not 1."""
    turned: dict[str, Any] = {name: ("time", cycle[name].values[::-1]) for name in system.names}
    turned["multiplier"] = "index", np.sort([1.0, multiplier])[::-1]
    found = cycle.assign({**turned, "stable": ((), multiplier < 1)})
    found.attrs = attributes(system, parameters=cycle.attrs.get("parameters"))
    return found


def _return(points: np.ndarray, times: np.ndarray) -> tuple[float, int] | None:
    """The time since a curve was last near its end, after it had been away, and so many points."""
    apart = np.linalg.norm(points - points[-1], axis=1)[::-1]
    away = np.flatnonzero(apart > 2 * NEAR)
    if not away.size:
        return None
    back = np.flatnonzero(apart[away[0] :] < NEAR)
    if not back.size:
        return None
    first = away[0] + back[0]
    leave = np.flatnonzero(apart[first:] > NEAR)
    last = first + (leave[0] if leave.size else len(apart) - first)
    k = first + int(np.argmin(apart[first:last]))
    period = float(times[-1] - times[::-1][k])
    return (period, k) if period > 0 else None


def _distance(point: np.ndarray, line: np.ndarray) -> float:
    """From a point (2,) to a curve (k, 2)."""
    step = np.diff(line, axis=0)
    share = np.clip(((point - line[:-1]) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-300), 0, 1)
    return float(np.linalg.norm(line[:-1] + share[:, None] * step - point, axis=1).min())
