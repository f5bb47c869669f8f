"""Experiments through time: period after period, all experiments and parameter points side by side as trajectories."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.io.exchange.model import Quantity
from symdyn.io.petab.contents import Experiment, Period
from symdyn.io.petab.model import PetabModel, Values
from symdyn.models.ode import ODESystem
from symdyn.simulation.run import simulate

__all__ = ["Accuracy", "Courses"]

#: Lengths of time after which a steady state is looked for.
SPANS = (1e4, 1e6, 1e8, 1e10, 1e12)
#: Relative change of a state over the last nine tenths of it at a steady state; share of its largest value that counts as 0.
STEADY, VANISHED = 1e-7, 1e-12
#: What is no quantity of the model.
NO_SIZE = Quantity(sp.Symbol("none"), "parameter")


@dataclass(frozen=True)
class Accuracy:
    """How experiments are integrated."""

    method: Any = None
    rtol: float = 1e-8
    atol: float = 1e-10


@dataclass
class _Course:
    """An experiment at all parameter points: its rows, values that are current, and triggers of events."""

    experiment: Experiment
    rows: np.ndarray
    times: np.ndarray
    values: Values
    flags: np.ndarray | None = None
    found: list[tuple[np.ndarray, Values]] = field(default_factory=list)

    def inside(self, place: int) -> np.ndarray:
        """Which of the rows belong to a period, (n,) bool."""
        periods = self.experiment.periods
        end = periods[place + 1].start if place + 1 < len(periods) else math.inf
        last = place + 1 == len(periods)
        return (self.times >= periods[place].start) & ((self.times < end) | last)


@dataclass(frozen=True)
class _Block:
    """Trajectories of one course: some of the parameter points."""

    course: _Course
    points: np.ndarray


class Courses:
    """What experiments are, and how they are simulated.

    Parameters
    ----------
    model : PetabModel
    changes : mapping from a period's identity to changes
        ``(experiment, place)`` to a dict from symbols to formulas, None for what is kept.
    version : int
    """

    def __init__(
        self, model: PetabModel, changes: Mapping[tuple[str, int], Mapping[sp.Symbol, sp.Expr | None]], version: int
    ) -> None:
        self.model, self.changes, self.version = model, changes, version

    def run(
        self, experiments: Sequence[tuple[Experiment, np.ndarray, np.ndarray]], values: Values, count: int, how: Accuracy
    ) -> list[tuple[np.ndarray, Values]]:
        """Values of all symbols at rows of measurements.

        Parameters
        ----------
        experiments : sequence of (experiment, rows, times)
            Rows (n,) of the table of measurements and their times.
        values : dict of Symbol to (B,) float64
            Parameters at B points.
        count : int
            B.
        how : Accuracy

        Returns
        -------
        list of (rows, values)
            Values (B, n) of states, (B, 1) of parameters; NaN where a simulation failed.
        """
        courses = [_Course(e, rows, times, dict(values)) for e, rows, times in experiments]
        for place in range(max(len(c.experiment.periods) for c in courses)):
            active = [c for c in courses if place < len(c.experiment.periods)]
            for c in active:
                self._change(c, place, count)
            steady = [c for c in active if c.experiment.periods[place].start == -math.inf]
            if steady:
                self._relax(steady, 0.0, count, how)
            self._advance([c for c in active if c not in steady], place, count, how)
        return [found for c in courses for found in c.found]

    # ---- changes at the beginning of periods ---------------------------------------------------------------

    def _change(self, c: _Course, place: int, count: int) -> None:
        period: Period = c.experiment.periods[place]
        start = 0.0 if period.start == -math.inf else period.start
        changes = self.changes[c.experiment.name, place]
        kept = [s for s, e in changes.items() if e is None]
        given = {s: e for s, e in changes.items() if e is not None}
        if place == 0 and self.version == 1:
            constants = {s: e for s, e in given.items() if not self.model.is_state(s)}
            c.values.update(self._evaluated(constants, c, start, count))
            states = {s: e for s, e in given.items() if self.model.is_state(s)}
            self.model.begin(c.values, start, count, self._evaluated(states, c, start, count))
            return
        if place == 0:
            self.model.begin(c.values, start, count, {})
        new = self._evaluated(given, c, start, count)
        for s in kept if place > 0 else ():
            if not self.model.is_state(s) and s in c.values and self.model.quantities.get(s, NO_SIZE).kind != "compartment":
                own = self.model.free.get(s)  # parameters without a value have that of the model, as in the first period
                if own is None or not own.is_number:
                    raise DeclarationError(f"a condition of {c.experiment.name} gives no value of the parameter {s}; give one")
                new[s] = np.full(count, float(own))
        self.model.assign(c.values, new, rescale=self.version == 2)

    def _evaluated(
        self, given: Mapping[sp.Symbol, sp.Expr], c: _Course, time: float, count: int
    ) -> dict[sp.Symbol, np.ndarray]:
        known = {**c.values, self.model.system.time: np.asarray(time)}
        what = f"a condition of {c.experiment.name or 'the model'}"
        return {s: np.broadcast_to(self.model.value(e, known, what), (count,)) for s, e in given.items()}

    # ---- integration ---------------------------------------------------------------------------------------

    def _advance(self, courses: list[_Course], place: int, count: int, how: Accuracy) -> None:
        """Integrate a period of each course, to its end or its last measurement."""
        groups: dict[tuple[float, float, tuple[bool, ...] | None], list[_Block]] = {}
        for c in courses:
            periods, inside = c.experiment.periods, c.times[c.inside(place)]
            finite = inside[np.isfinite(inside)]
            start = periods[place].start
            end = periods[place + 1].start if place + 1 < len(periods) else float(finite.max(initial=start))
            for flags, block in self._blocks(c, count):
                groups.setdefault((start, end, flags), []).append(block)
        runs: dict[int, list[tuple[_Block, np.ndarray, np.ndarray]]] = {}
        for (start, end, flags), blocks in groups.items():
            wanted = [c.times[c.inside(place)] for c in {id(b.course): b.course for b in blocks}.values()]
            times = np.unique(np.concatenate([[start, end], *wanted]))
            times = times[np.isfinite(times)]
            for block, states in zip(blocks, self._integrate(blocks, times, flags, how), strict=True):
                runs.setdefault(id(block.course), []).append((block, times, states))
        for c in courses:
            self._finish(c, place, runs[id(c)], count)
        if late := [c for c in courses if np.isposinf(c.times[c.inside(place)]).any()]:
            self._relax(
                late, max(c.times[np.isfinite(c.times)].max(initial=c.experiment.periods[-1].start) for c in late), count, how
            )
            for c in late:
                rows = np.isposinf(c.times) & c.inside(place)
                last: Values = {s: np.repeat(v[:, None], int(rows.sum()), axis=1) for s, v in c.values.items()}
                last[self.model.system.time] = np.full((1, int(rows.sum())), math.inf)
                c.found.append((c.rows[rows], last))

    def _finish(self, c: _Course, place: int, parts: list[tuple[_Block, np.ndarray, np.ndarray]], count: int) -> None:
        """Values at the rows of a period, and at its end."""
        inside = c.inside(place) & np.isfinite(c.times)
        system, chosen = self.model.core, c.times[inside]
        table = np.full((len(system.states), count, len(chosen)), np.nan)
        end = np.full((len(system.states), count), np.nan)
        for block, times, states in parts:
            table[:, block.points] = states[:, :, np.searchsorted(times, chosen)]
            end[:, block.points] = states[:, :, -1]
        found = {p: c.values[p][:, None] for p in c.values if p not in system.states}
        found |= dict(zip(system.states, table, strict=True))
        found[system.time] = chosen[None]
        if len(chosen):
            c.found.append((c.rows[inside], found))
        self._arrive(c, end, parts[0][1][-1], count)

    def _arrive(self, c: _Course, end: np.ndarray, time: float, count: int) -> None:
        """Take over states at the end of a period, and whether triggers hold there."""
        c.values.update(zip(self.model.core.states, end, strict=True))
        if self.model.core.events:
            c.flags = self.model.triggers({**c.values, self.model.core.time: np.asarray(time)}, count)

    def _blocks(self, c: _Course, count: int) -> list[tuple[tuple[bool, ...] | None, _Block]]:
        """The parameter points of a course, apart where different triggers hold."""
        if c.flags is None:
            return [(None, _Block(c, np.arange(count)))]
        kinds, which = np.unique(c.flags, axis=0, return_inverse=True)
        return [(tuple(map(bool, k)), _Block(c, np.flatnonzero(which.ravel() == i))) for i, k in enumerate(kinds)]

    def _integrate(
        self, blocks: Sequence[_Block], times: np.ndarray, flags: tuple[bool, ...] | None, how: Accuracy
    ) -> list[np.ndarray]:
        """States (n, points, T) of each block."""
        system = self.model.core if flags is None else self.model.armed(flags)

        def gathered(s: sp.Symbol) -> np.ndarray:
            if missing := [b for b in blocks if s not in b.course.values]:
                raise DeclarationError(f"{s} has no value in {missing[0].course.experiment.name or 'the model'}; give one")
            return np.concatenate([b.course.values[s][b.points] for b in blocks])

        parameters = {p: gathered(p) for p in system.parameters}
        starts = {s: gathered(s) for s in system.states}
        columns = [*parameters.values(), *starts.values()]
        sound: np.ndarray = np.all(np.isfinite(columns), axis=0)  # type: ignore[assignment]
        states = np.full((len(system.states), len(sound), len(times)), np.nan)
        if sound.any():
            states[:, sound] = _simulated(system, times, parameters, starts, sound, how)
        places = np.cumsum([0, *(len(b.points) for b in blocks)])
        return [states[:, a:z] for a, z in itertools.pairwise(places)]

    def _relax(self, courses: list[_Course], start: float, count: int, how: Accuracy) -> None:
        """Integrate to the steady states; NaN where there is none."""
        moving = [k for k, s in enumerate(self.model.core.states) if s not in self.model.clocks]
        waiting = [(flags, block) for c in courses for flags, block in self._blocks(c, count)]
        ends = {id(c): np.full((len(self.model.core.states), count), np.nan) for c in courses}
        for span in SPANS:
            times = start + span * np.array([0.0, 0.1, 1.0])
            left = []
            for flags in dict.fromkeys(f for f, _ in waiting):
                blocks = [b for f, b in waiting if f == flags]
                for block, states in zip(blocks, self._integrate(blocks, times, flags, how), strict=True):
                    size = VANISHED * np.abs(states[moving]).max(axis=2) + STEADY * np.abs(states[moving, :, 2])
                    still = (np.abs(states[moving, :, 2] - states[moving, :, 1]) <= size).all(axis=0)
                    ends[id(block.course)][:, block.points[still]] = states[:, still, 2]
                    lost = np.isnan(states[..., 2]).any(axis=0)
                    if (again := ~still & ~lost).any():
                        left.append((flags, _Block(block.course, block.points[again])))
            waiting = left
            if not waiting:
                break
        missing = [c for c in courses if np.isnan(ends[id(c)]).any()]
        if missing:
            warnings.warn(
                f"{missing[0].experiment.name or 'the model'} reaches no steady state; its values are NaN", stacklevel=2
            )
        for c in courses:
            self._arrive(c, ends[id(c)], start + SPANS[-1], count)


def _simulated(
    system: ODESystem, times: np.ndarray, parameters: Mapping[sp.Symbol, np.ndarray], starts: Mapping[sp.Symbol, np.ndarray],
    chosen: np.ndarray, how: Accuracy,
) -> np.ndarray:  # fmt: skip
    """States (n, L, T) of the trajectories that are chosen; NaN from a failure on."""
    if len(times) == 1 and not system.events and not system.algebraic:
        return np.stack([starts[s][chosen][:, None] for s in system.states])

    def lanes(values: Mapping[sp.Symbol, np.ndarray]) -> dict[sp.Symbol, xr.DataArray]:
        return {s: xr.DataArray(v[chosen], dims="trajectory") for s, v in values.items()}

    data = simulate(
        system, times, initial=lanes(starts), parameters=lanes(parameters), method=how.method, rtol=how.rtol, atol=how.atol,
        progress=False, on_failure="nan",
    )  # fmt: skip
    return np.stack([data[s.name].values for s in system.states])
