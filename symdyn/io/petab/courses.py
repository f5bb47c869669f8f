"""Experiments through time: period after period, all experiments and parameter points side by side as trajectories."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io.exchange.model import Quantity
from symdyn.io.petab.contents import Experiment, Period
from symdyn.io.petab.lanes import Accuracy, Directions, LaneKernels, directions_of, placed, shared
from symdyn.io.petab.model import PetabModel
from symdyn.io.petab.tangents import Tangent, Values, joined

__all__ = ["SPANS", "Courses", "at_rest"]

#: Lengths of time after which a steady state is looked for.
SPANS = (1e4, 1e6, 1e8, 1e10, 1e12)
#: Relative change of a state over the last nine tenths of it at a steady state; share of its largest value that counts as 0.
STEADY, VANISHED = 1e-7, 1e-12
#: Changes of sensitivities that count as none, in absolute tolerances of the integration: they begin at 0, and may end there.
NOISE = 10.0
#: Ratio of lengths of periods that are integrated together.
ALIKE = 4.0
#: What is no quantity of the model.
NO_SIZE = Quantity(sp.Symbol("none"), "parameter")


def at_rest(states: np.ndarray, noise: np.ndarray | float = 0.0) -> np.ndarray:
    """Which of L trajectories rest, of states (n, L, 3) at 0, at a tenth of a span and at its end.

    Changes of the size of `noise` count as none.

    Examples
    --------
    >>> at_rest(np.array([[[1.0, 2.0, 2.0 + 1e-9], [1.0, 2.0, 2.1]]])).tolist()
    [True, False]
    """
    size = VANISHED * np.abs(states).max(axis=2) + STEADY * np.abs(states[..., 2]) + noise
    return (np.abs(states[..., 2] - states[..., 1]) <= size).all(axis=0)


@dataclass
class _Course:
    """An experiment at all parameter points: its rows, values that are current, and triggers of events.

    `wide` are the directions along which a period is integrated, and `places` which these are: -1 for those of others.
    """

    experiment: Experiment
    rows: np.ndarray
    times: np.ndarray
    values: Values
    flags: np.ndarray | None = None
    found: list[tuple[np.ndarray, Values]] = field(default_factory=list)
    wide: Directions = ()
    places: tuple[int, ...] = ()

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

    def value(self, s: sp.Symbol) -> Tangent:
        """Of a symbol."""
        whole = self.course.values[s]
        return whole if len(self.points) == len(whole.value) else whole.mapped(lambda v: v[self.points])


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
        self._kernels: dict[tuple[tuple[bool, ...] | None, Directions], LaneKernels] = {}

    def run(
        self, experiments: Sequence[tuple[Experiment, np.ndarray, np.ndarray]], values: Values, count: int, how: Accuracy
    ) -> list[tuple[np.ndarray, Values]]:
        """Values of all symbols at rows of measurements.

        Parameters
        ----------
        experiments : sequence of (experiment, rows, times)
            Rows (n,) of the table of measurements and their times.
        values : dict of Symbol to Tangent
            Parameters at B points, (B,), with directions by which all else is differentiated.
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
                new[s] = Tangent(np.full(count, float(own)))
        self.model.assign(c.values, new, rescale=self.version == 2)

    def _evaluated(self, given: Mapping[sp.Symbol, sp.Expr], c: _Course, time: float, count: int) -> Values:
        known = {**c.values, self.model.system.time: Tangent(np.asarray(time))}
        what = f"a condition of {c.experiment.name or 'the model'}"
        return {s: self.model.value(e, known, what).spread((count,)) for s, e in given.items()}

    # ---- integration ---------------------------------------------------------------------------------------

    def _advance(self, courses: list[_Course], place: int, count: int, how: Accuracy) -> None:
        """Integrate a period of each course, to its end or its last measurement."""
        groups: dict[tuple[float, int, tuple[bool, ...] | None, Directions], list[_Block]] = {}
        ends = {}
        self._orient(courses)
        for c in courses:
            periods, inside = c.experiment.periods, c.times[c.inside(place)]
            start = periods[place].start
            last = float(inside[np.isfinite(inside)].max(initial=start))
            ends[id(c)] = end = periods[place + 1].start if place + 1 < len(periods) else last
            length = round(math.log(end - start, ALIKE)) if end > start else -1000  # very different lengths stay apart
            for flags, block in self._blocks(c, count):
                groups.setdefault((start, length, flags, c.wide), []).append(block)
        runs: dict[int, list[tuple[_Block, np.ndarray, np.ndarray]]] = {}
        for (start, _, flags, _), blocks in groups.items():
            different = {id(b.course): b.course for b in blocks}
            wanted = [np.append(c.times[c.inside(place)], ends[key]) for key, c in different.items()]
            times = np.unique(np.concatenate([[start], *wanted]))
            times = times[np.isfinite(times)]
            for block, states in zip(blocks, self._integrate(blocks, times, flags, how), strict=True):
                runs.setdefault(id(block.course), []).append((block, times, states))
        for c in courses:
            self._finish(c, place, ends[id(c)], runs[id(c)], count)
        if late := [c for c in courses if np.isposinf(c.times[c.inside(place)]).any()]:
            for begun in sorted({ends[id(c)] for c in late}):
                self._relax([c for c in late if ends[id(c)] == begun], begun, count, how)
            for c in late:
                rows = np.isposinf(c.times) & c.inside(place)
                table: Values = {s: v.mapped(lambda a: a[:, None]) for s, v in c.values.items()}
                table[self.model.system.time] = Tangent(np.full((1, int(rows.sum())), math.inf))
                c.found.append((c.rows[rows], table))

    def _finish(
        self, c: _Course, place: int, last: float, parts: list[tuple[_Block, np.ndarray, np.ndarray]], count: int
    ) -> None:
        """Values at the rows of a period, and at its end."""
        inside = c.inside(place) & np.isfinite(c.times)
        chosen = c.times[inside]
        size = len(self.model.core.states) * (1 + len(c.places))
        table = np.full((size, count, len(chosen)), np.nan)
        end = np.full((size, count), np.nan)
        for block, times, states in parts:
            table[:, block.points] = states[:, :, np.searchsorted(times, chosen)]
            end[:, block.points] = states[:, :, np.searchsorted(times, last)]
        moving = set(self.model.core.states)
        found = {p: v.mapped(lambda a: a[:, None]) for p, v in c.values.items() if p not in moving}
        found |= self._tangents(c, table)
        found[self.model.core.time] = Tangent(chosen[None])
        if len(chosen):
            c.found.append((c.rows[inside], found))
        self._arrive(c, end, last, count)

    def _tangents(self, c: _Course, rows: np.ndarray) -> dict[sp.Symbol, Tangent]:
        """Values of the states from those of the extended system, (n + n*K, ...)."""
        states = self.model.core.states
        n = len(states)
        slopes = [{k: rows[n * (1 + j) + i] for j, k in enumerate(c.places) if k >= 0} for i in range(n)]
        return {s: Tangent(rows[i], slopes[i]) for i, s in enumerate(states)}

    def _orient(self, courses: list[_Course]) -> None:
        """Find along which directions each course moves, and let those share that can."""
        own = {id(c): directions_of(self.model.core, c.values) for c in courses}
        wide = shared([directions for directions, _ in own.values()])
        for c in courses:
            directions, which = own[id(c)]
            c.wide = wide[directions]
            places = [-1] * len(c.wide)
            for at, k in zip(placed(directions, c.wide) or (), which, strict=True):
                places[at] = k
            c.places = tuple(places)

    def _arrive(self, c: _Course, end: np.ndarray, time: float, count: int) -> None:
        """Take over states at the end of a period, and whether triggers hold there."""
        c.values.update(self._tangents(c, end))
        if self.model.core.events:
            c.flags = self.model.triggers({**c.values, self.model.core.time: Tangent(np.asarray(time))}, count)

    def _blocks(self, c: _Course, count: int) -> list[tuple[tuple[bool, ...] | None, _Block]]:
        """The parameter points of a course, apart where different triggers hold."""
        if c.flags is None:
            return [(None, _Block(c, np.arange(count)))]
        kinds, which = np.unique(c.flags, axis=0, return_inverse=True)
        return [(tuple(map(bool, k)), _Block(c, np.flatnonzero(which.ravel() == i))) for i, k in enumerate(kinds)]

    def _integrate(
        self, blocks: Sequence[_Block], times: np.ndarray, flags: tuple[bool, ...] | None, how: Accuracy
    ) -> list[np.ndarray]:
        """States, then their derivatives, (n + n*K, points, T) of each block."""
        key = flags, blocks[0].course.wide
        if key not in self._kernels:
            self._kernels[key] = LaneKernels(self.model.core if flags is None else self.model.armed(flags), key[1])
        kernels = self._kernels[key]

        def gathered(s: sp.Symbol) -> Tangent:
            if missing := [b for b in blocks if s not in b.course.values]:
                raise DeclarationError(f"{s} has no value in {missing[0].course.experiment.name or 'the model'}; give one")
            return joined([b.value(s) for b in blocks])

        system = kernels.system
        sizes = [len(b.points) for b in blocks]
        places = np.repeat([b.course.places for b in blocks], sizes, axis=0).T
        states = kernels.run(times, [*map(gathered, system.parameters)], [*map(gathered, system.states)], places, how)
        return [states[:, a:z] for a, z in itertools.pairwise(np.cumsum([0, *sizes]))]

    def _relax(self, courses: list[_Course], start: float, count: int, how: Accuracy) -> None:
        """Integrate to the steady states; NaN where there is none."""
        n = len(self.model.core.states)
        self._orient(courses)
        waiting = [(flags, block) for c in courses for flags, block in self._blocks(c, count)]
        ends = {id(c): np.full((n * (1 + len(c.places)), count), np.nan) for c in courses}
        for span in SPANS:
            times = start + span * np.array([0.0, 0.1, 1.0])
            left = []
            for flags, wide in dict.fromkeys((f, b.course.wide) for f, b in waiting):
                blocks = [b for f, b in waiting if f == flags and b.course.wide == wide]
                moving = [k for k in range(n * (1 + len(wide))) if self.model.core.states[k % n] not in self.model.clocks]
                noise = np.where(np.array(moving) < n, 0.0, NOISE * how.atol)[:, None]
                for block, states in zip(blocks, self._integrate(blocks, times, flags, how), strict=True):
                    still = at_rest(states[moving], noise)
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
