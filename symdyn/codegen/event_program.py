"""Events and inputs as lane functions and tables for `symdyn_kernels.events`, and the times that are known of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.events import FROM_TRIGGER, INITIAL, KNOWN, PERSISTENT, SHUFFLED, EventTables
from symdyn_kernels.arguments.parts import Batch

from symdyn import dag
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.input_paths import continuous, knot_entries, segment_places, segment_symbols, segments
from symdyn.codegen.known_times import conditions_at, turning
from symdyn.codegen.lower import Lowering, lower
from symdyn.codegen.program import Program
from symdyn.codegen.triggers import crossings
from symdyn.errors import CompileError, DeclarationError
from symdyn.models.events import Event, margin
from symdyn.models.schedules import RateSteps, Schedule
from symdyn.system import System

__all__ = [
    "begun",
    "dose_times",
    "event_facts",
    "event_programs",
    "event_rows",
    "event_schedule",
    "event_tables",
    "known_margins",
    "recorded",
    "sampled_conditions",
    "strictly",
]

#: The margin of a strict comparison of equal numbers: below 0, but above every other such margin.
JUST_NOT = -1e-300
#: Known times of one trajectory.
MOST_TIMES = 1_000_000
#: How far a time of a schedule may be from the first output to be that time, relative to the time between two; of a step of
#: rates of change, relative to the times.
NEAR, ROUNDING = 1e-9, 2.0**-50
#: How near to each other two steps of one function may be, relative to the times.
LEAST_APART = 2.0**-32


def event_programs(system: System) -> tuple[Program, Program]:
    """The functions ``triggers`` and ``effects`` that `symdyn_kernels.arguments.events.EventTables` describes.

    Examples
    --------
    >>> import symdyn as sd
    >>> x = sp.Symbol("x")
    >>> triggers, effects = event_programs(sd.ODESystem({x: 1}, events=sd.Event(x >= 1, {x: x - 1})))
    >>> [o.op for o in triggers.operations], [o.op for o in effects.operations]
    (['const', 'input', 'sub'], ['const', 'input', 'sub'])
    """
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
    build = Lowering(blocks)
    margins = [build.value(_margin(e, system)) for e in system.events]
    triggers = build.program("triggers", margins, [e.heading for e in system.events])
    values = [(f"{state} of event {k}", v) for k, e in enumerate(system.events) for state, v in e.assignments.items()]
    values += [(f"delay of event {k}", e.delay) for k, e in enumerate(system.events) if e.delay != 0]
    values += [(f"priority of event {k}", e.priority) for k, e in enumerate(system.events) if e.priority is not None]
    return triggers, lower("effects", blocks, [v for _, v in values], [label for label, _ in values])


def _margin(event: Event, system: System) -> sp.Expr:
    """The margin of the condition of an event; of a schedule, which is none, below 0."""
    if isinstance(event.trigger, Schedule):
        return sp.Integer(-1)
    try:
        return margin(event.trigger, strict=strictly)
    except CompileError:
        if system.propensities is None:
            raise
        return sp.Piecewise((0, event.trigger), (-1, True))  # numbers of molecules may be equal


def strictly(difference: sp.Expr) -> sp.Expr:
    """The margin of a comparison that is false for equal numbers."""
    return sp.Piecewise((sp.Float(JUST_NOT), sp.Eq(difference, 0)), (difference, True), evaluate=False)


def event_facts(system: System, lagged: Sequence[sp.Symbol] = ()) -> dict[str, Any]:
    """What `event_tables` needs besides the functions, as values that JSON can hold; `lagged` stand for states of the past."""
    moments = [_moments(e, system, lagged) for e in system.events]
    flags = [
        e.persistent * PERSISTENT
        + e.initial * INITIAL
        + e.from_trigger * FROM_TRIGGER
        + (listed is not None) * KNOWN
        + e.shuffled * SHUFFLED
        for e, listed in zip(system.events, moments, strict=True)
    ]
    times = [(k, *found) for k, listed in enumerate(moments) for found in listed or ()]
    expressions = [e for _, _, sides in times for e in sides]
    return {
        **event_rows(system), "flags": flags,
        "sampled": int(any(listed is None for listed in moments)), "blocks": [len(system.states), len(system.parameters)],
        "times": [[k, kind, [e is not None for e in sides]] for k, kind, sides in times],
        "schedule": lower(
            "schedule", [("lane", ()), ("y", ()), ("p", system.parameters)], [e for e in expressions if e is not None],
            [str(e) for e in expressions if e is not None],
        ).as_json(),
    }  # fmt: skip


def event_rows(system: System) -> dict[str, list[int]]:
    """Where in the values of ``effects`` those of each event are, its delay and priority, and the state of each value.

    >>> import symdyn as sd
    >>> x, y = sp.symbols("x y")
    >>> rises = sd.Event(x >= 1, {x: 0, y: 2}, delay=3)
    >>> event_rows(sd.ODESystem({x: 1, y: 0}, events=[rises, sd.dose(y, 1)]))
    {'first': [0, 2, 3], 'targets': [0, 1, 1], 'delays': [3, -1], 'priorities': [-1, -1]}
    """
    first, states = [0], {s: i for i, s in enumerate(system.states)}
    targets: list[int] = []
    for e in system.events:
        targets += [states[s] for s in e.assignments]
        first.append(len(targets))
    delays = _rows([e.delay != 0 for e in system.events], len(targets))
    priorities = _rows([e.priority is not None for e in system.events], len(targets) + sum(k >= 0 for k in delays))
    return {"first": first, "targets": targets, "delays": delays, "priorities": priorities}


def _rows(there: Sequence[bool], begin: int) -> list[int]:
    """Numbers from `begin` on for what is there, -1 for what is not."""
    found = []
    for yes in there:
        found.append(begin if yes else -1)
        begin += yes
    return found


def _moments(
    event: Event, system: System, lagged: Sequence[sp.Symbol] = ()
) -> list[tuple[str, tuple[sp.Expr | None, ...]]] | None:
    """The known times of an event, or None if states or inputs decide when its condition changes with time.

    They are schedules, ``("dose", (start, every, times))``, steps of rates, ``("step", (start, every, times, *apart))``, and
    times at which comparisons with time change, ``("at", (time,))``, or just after these, ``("after", (time,))``.
    """
    trigger, driven = event.trigger, {s for path in system.inputs for s in segment_symbols(path)}
    states = {*system.states, *lagged}
    if isinstance(trigger, Schedule):
        if any(e.free_symbols & {*states, *driven, system.time} for e in trigger.sides):
            raise CompileError(
                f"the times of the event '{event.heading}' depend on states, inputs or time; give a condition instead"
            )
        return [trigger.moments]
    if trigger.free_symbols & states:
        return None
    try:
        found = crossings([trigger], system.time)
    except CompileError:
        return None
    if any(c.time.free_symbols & driven for c in found):
        return None
    return [("after" if c.after else "at", (c.time,)) for c in found]


def sampled_conditions(system: System, lagged: Sequence[sp.Symbol] = ()) -> list[sp.Basic | None]:
    """The conditions of events; None for those that change at known times alone.  `lagged` stand for states of the past.

    >>> import symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> events = [sd.Event(x >= 1, {x: 0}), sd.Event(t >= 5, {x: 0}), sd.dose(x, 1)]
    >>> sampled_conditions(sd.ODESystem({x: 1}, events=events))
    [x >= 1, None, None]
    """
    return [e.trigger if _moments(e, system, lagged) is None else None for e in system.events]


def known_margins(system: System, parameters: np.ndarray) -> Callable[[int, np.ndarray], np.ndarray]:
    """A function of the number of an event and times (N,): whether its condition, on time and parameters (N, k) alone, is true.

    >>> import symdyn as sd
    >>> x, t, start = sp.symbols("x t start")
    >>> system = sd.ODESystem({x: 1}, events=[sd.dose(x, 1), sd.Event(t >= start, {x: 0})])
    >>> known_margins(system, np.array([[1.0], [2.0]]))(1, np.array([1.5, 1.5])).tolist()
    [True, False]
    """
    blocks = [("lane", (system.time,)), ("y", ()), ("p", system.parameters)]
    programs = {}

    def true(event: int, at: np.ndarray) -> np.ndarray:
        if event not in programs:
            found = margin(system.events[event].trigger, strict=strictly)
            programs[event] = lower("margin", blocks, [found], [system.events[event].heading])
        (value,) = evaluate(programs[event], [at], (), list(parameters.T))
        return np.broadcast_to(np.asarray(value) >= 0, at.shape)

    return true


def recorded(system: System) -> tuple[int, int]:
    """Numbers that a trajectory records aside: how often each event happened, and times for each.

    >>> import symdyn as sd
    >>> x = sp.Symbol("x")
    >>> recorded(sd.ODESystem({x: 1}, events=sd.Event(x >= 1, {x: 0}, record=5)))
    (1, 5)
    """
    return len(system.events), max((e.record for e in system.events), default=0)


def begun(system: System, batch: Batch) -> tuple[Batch, np.ndarray]:
    """A batch whose initial values are those after what schedules have at the first time, for drivers that begin after it.

    The second result says which events have acted there, (N, E) bool.

    Raises
    ------
    DeclarationError
        For schedules whose times are no numbers.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("X -> 0, k; at 0 every 2, X = X + 5")
    >>> batch = Batch(np.array([[3.0]]), np.ones((1, 1)), np.array([4.0, 5.0]), np.arange(1))
    >>> after, acted = begun(net, batch)
    >>> after.initial.tolist(), acted.tolist()
    ([[8.0]], [[True]])
    """
    acted = np.zeros((len(batch.initial), len(system.events)), bool)
    scheduled = [(k, e) for k, e in enumerate(system.events) if isinstance(e.trigger, Schedule)]
    if not scheduled:
        return batch, acted
    states, first = batch.initial.copy(), batch.times[0]
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
    for k, event in scheduled:
        given = list(states.T), list(batch.parameters.T)
        absent = {"every": sp.S.One, "times": sp.oo}
        sides = {name: getattr(event.trigger, name) for name in ("start", *absent)}
        sides = {name: absent[name] if side is None else side for name, side in sides.items()}
        found = evaluate(lower("sides", blocks, list(sides.values()), list(sides)), [first], *given)
        start, every, times = (np.broadcast_to(v, len(states)) for v in found)
        _check_schedule(event, start, every, times)
        after = lower("after", blocks, [event.trigger.after(system.time)], ["after"])
        new = lower("new", blocks, list(event.assignments.values()), [s.name for s in event.assignments])
        nearest = evaluate(after, [first - every / 2], *given)[0]
        due = np.broadcast_to(np.abs(nearest - first) <= NEAR * every, len(states))
        for state, value in zip(event.assignments, evaluate(new, [first], *given), strict=True):
            column = system.states.index(state)
            states[:, column] = np.where(due, value, states[:, column])
        acted[:, k] = due
    return batch._replace(initial=states), acted


def event_tables(
    system: System, facts: Mapping[str, Any], addresses: Sequence[int], parameters: np.ndarray, times: np.ndarray, *,
    lanes: int = 1, order: tuple[int, np.ndarray] = (0, np.empty(0, np.int64)),
) -> EventTables:  # fmt: skip
    """The tables for a batch of trajectories.

    Parameters
    ----------
    system : System
    facts : mapping
        From `event_facts`.
    addresses : sequence of int
        Of the functions ``triggers`` and ``effects``.
    parameters : (N, k) float64
    times : (T,) float64
        Output times.
    lanes : int
        Of those functions.
    order : (int, (N,) int64)
        The seed and the streams of the random numbers by which shuffled events are put in order.

    Raises
    ------
    DeclarationError
        For schedules of too many times, or whose times are no numbers.
    """
    names = ("first", "targets", "delays", "priorities", "flags")
    arrays = {name: np.array(facts[name], np.int64) for name in names}
    states, rows = facts["blocks"]

    def conditions(own: np.ndarray) -> Callable[[int, np.ndarray], np.ndarray]:
        return conditions_at(addresses[0], own, lanes=lanes, states=states, rows=rows, events=len(facts["flags"]))

    schedule = event_schedule(system, facts, parameters, times, conditions)
    places, sizes = segment_places(system)
    smooth = [continuous(system, path) for path in system.inputs]
    inputs = {"places": places, "sizes": sizes, "smooth": smooth}
    arrays |= {name: np.array(values, np.int64) for name, values in inputs.items()}
    triggers, effects = addresses
    return EventTables(
        triggers,
        effects,
        sampled=facts["sampled"],
        schedule=schedule,
        recorded=recorded(system)[1],
        segments=segments(system),
        seed=order[0],
        streams=order[1] if system.shuffled else np.empty(0, np.int64),
        **arrays,
    )


def event_schedule(
    system: System, facts: Mapping[str, Any], parameters: np.ndarray, times: np.ndarray,
    conditions: Callable[[np.ndarray], Callable[[int, np.ndarray], np.ndarray]],
) -> np.ndarray:  # fmt: skip
    """Known times of each trajectory and what happens there, (N, S, 3); one row where all are alike.

    `conditions` makes of parameters (N, k) a function of the number of an event and times (N,): whether its condition is true.
    """
    if not (parameters != parameters[:1])[:, _decisive(system)].any():
        parameters = parameters[:1]
    count, begin, end = len(parameters), times[0], times[-1]
    found = evaluate(Program.from_json(facts["schedule"]), (), (), list(parameters.T))
    values = iter([np.array(np.broadcast_to(v, count)) for v in found])
    true = conditions(parameters)
    columns: list[np.ndarray] = []  # (N, K, 3) each
    for event, kind, there in facts["times"]:
        sides = [next(values) if yes else None for yes in there]
        if kind in ("dose", "step"):
            listed = dose_times(system.events[event], sides[:3], begin, end)
            if kind == "step":
                most = max(abs(begin), abs(end)) if sides[1] is None else np.maximum(sides[1], max(abs(begin), abs(end)))
                _check_apart(sides[3:], listed, most)
            columns += [_entries(at, event) for at in listed.T]
        else:
            (at,) = (np.nextafter(side, math.inf) if kind == "after" else side for side in sides if side is not None)
            due = (at > begin) & (at <= end)
            if due.any():
                at = turning(at, max(abs(begin), abs(end)), partial(true, event))
            columns.append(_entries(np.where(due & (at <= end), at, np.inf), -1))
    columns += knot_entries(system, parameters, times)
    if not columns:
        return np.empty((count, 0, 3))
    stacked = np.concatenate(columns, axis=1)
    kept = int((stacked[:, :, 0] < np.inf).sum(axis=1).max(initial=0))
    order = np.argsort(stacked[:, :, 0], axis=1, kind="stable")[:, :kept]
    return stacked[np.arange(len(stacked))[:, None], order]


def _entries(at: np.ndarray, what: int) -> np.ndarray:
    """One entry of the schedule of each trajectory, (N, 1, 3)."""
    return np.stack([at, np.full(len(at), float(what)), np.zeros(len(at))], axis=1)[:, None]


def _decisive(system: System) -> list[int]:
    """Columns of the parameters on which schedules depend."""
    used = dag.free_symbols([side for e in system.events for side in e.sides]) | set(system.inputs)
    return [i for i, p in enumerate(system.parameters) if p in used]


def _check_schedule(event: Event, start: np.ndarray, every: np.ndarray, times: np.ndarray) -> None:
    """Refuse times (N,) of a schedule that are none."""
    wrong = ~(np.isfinite(start) & (every > 0) & (times >= 0))
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise DeclarationError(
            f"the event '{event.heading}' has start {start[k]:g}, every {every[k]:g} and times {times[k]:g}; "
            "expected a finite start and positive numbers"
        )


def _check_apart(apart: Sequence[Any], at: np.ndarray, most: Any) -> None:
    """Refuse steps of rates of change that are too near to others, `apart` (N,), to be told from these; times are at `most`."""
    for distance in apart:
        wrong = (at < np.inf).any(axis=1) & (distance > ROUNDING * most) & (distance < LEAST_APART * most)
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            least = np.broadcast_to(LEAST_APART * most, wrong.shape)[k]
            raise DeclarationError(
                f"sensitivities do not follow the step of the rates of change at {at[k].min():.6g}: another of the same "
                f"function is {distance[k]:.3g} apart, and they need {least:.2g}; write so short a pulse as a dose"
            )


def dose_times(event: Event, sides: Sequence[Any], begin: float, end: float) -> np.ndarray:
    """Times (N, K) of the schedule of an event within a span, of N values of its sides; infinite where there are fewer.

    Raises
    ------
    DeclarationError
        For schedules of too many times, or whose times are no numbers.
    """
    start, every, times = sides
    every = np.ones_like(start) if every is None else every
    times = np.full_like(start, np.inf) if times is None else times
    steps = isinstance(event.trigger, RateSteps)
    endless = steps and event.trigger.every is not None
    with np.errstate(all="ignore"):
        near = ROUNDING * (np.abs(start) + abs(begin)) / every if steps else np.full(np.shape(start), NEAR)
        last = np.minimum(times - 1, np.floor((end - start) / every + near))
        first = np.ceil((begin - start) / every - near)
        first = first if endless else np.maximum(0, first)
    _check_schedule(event, start, every, times)
    most = (last - first + 1).max(initial=0)
    if most > MOST_TIMES:
        raise DeclarationError(f"the event '{event.heading}' happens {most:.3g} times; expected at most {MOST_TIMES}")
    number = first[:, None] + np.arange(max(0, int(most)))
    at = start[:, None] + number * every[:, None]
    at = np.where(np.abs(at - begin) <= (near * every)[:, None], begin, np.minimum(at, end))  # but for rounding
    return np.where(number <= last[:, None], at, np.inf)
