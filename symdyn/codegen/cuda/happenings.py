"""Events and inputs on a card: generated functions, and what happens at known times as one table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Batch
from symdyn_kernels.devices.knots import JUMP, KNOT
from symdyn_kernels.status import MOST_WAITING

from symdyn import dag
from symdyn.codegen.cuda.unroll import FEW
from symdyn.codegen.event_program import event_rows, event_schedule, known_margins, sampled_conditions
from symdyn.codegen.input_paths import continuous, segment_places, segment_symbols, segments
from symdyn.models.events import Event
from symdyn.models.schedules import Schedule
from symdyn.paths import PathSlope
from symdyn.system import System
from symdyn.system.contents import delays_in

__all__ = ["card_stops", "event_functions", "input_functions", "queued_functions", "step_functions"]

#: Columns of a table of stops before the parameters of an input: a time, that after it, and what happens.
FIRST = 3
#: Events that may wait for each other, at least.
WAITING = 16
#: The functions of `symdyn.codegen.event_program.event_programs`.
PROGRAMS = ("triggers", "effects")


def event_functions(
    system: System, until: bool, names: Collection[str], delayed: int = 0
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Statements that define the constants of `symdyn_kernels.devices._eventful`, and the functions that no program gives.

    Parameters
    ----------
    system : System
        With its inputs written out.
    until : bool
        Whether a condition ends trajectories.
    names : collection of str
        Of the functions that programs give.
    delayed : int
        Delayed values, which follow the parameters.
    """
    events, known = system.events, _beforehand(system)
    sampled = until or len(known) < len(events)
    constants = [
        f"EVENTS, CONDITIONS, ASSIGNED = {len(events)}, {len(events) + until}, {max(1, _numbers(system))}",
        f"ROOM, WAITING, ALL_ROWS = {max(1, len(events) + until)}, {_waiting(system)}, ROWS + {2 if delayed else 1}",
        f"SAMPLED, CHANGING = {sampled}, {len(system.parameters) + delayed if delayed else _changing(system)}",
        *(f"{name} = {value!r}" for name, value in _waiting_options(system).items()),
    ]
    functions = [_function(f"{name}(lane, y, p, memory, out)", []) for name in ("triggers", "effects") if name not in names]
    functions += input_functions(system, "p[0]" if delayed else "p")
    functions.append(_function("forget(found)", [f"found[{k}] = -1.0" for k in known]))
    return constants, [*functions, _function("assign(e, q, new, kept, memory)", _assignments(system, "memory[W, {}]"))]


def step_functions(
    system: System, states: int, names: Collection[str], *, unit: bool, tabled: bool
) -> tuple[dict[str, Any], list[str]]:
    """Constants and functions of `symdyn_kernels.devices._eventful_step`, as of `event_functions`.

    Parameters
    ----------
    system : System
    states : int
        Numbers of a state.
    names : collection of str
    unit : bool
        Whether steps have the length 1.
    tabled : bool
        Whether parameters are read from a table.
    """
    known = _beforehand(system)
    constants = {
        "EVENTS": len(system.events), "UNIT": unit, "SAMPLES": tuple(c is not None for c in sampled_conditions(system)),
        "LOOKED": tuple(k not in known for k in range(len(system.events))),
        "ROOM": max(1, len(system.events)), "WAITING": _waiting(system), "CHANGING": _changing(system),
        **_waiting_options(system),
    }  # fmt: skip
    functions = [_function(f"{name}(lane, y, p)", ["return (real(0),)"]) for name in (*PROGRAMS, "start") if name not in names]
    read = "parameters, i" if tabled else _tuple([f"parameters[{j}, i]" for j in range(len(system.parameters))])
    functions += [_function("load_parameters(parameters, i)", [f"return {read}"]), *input_functions(system)]
    lines = []
    for k, event in enumerate(system.events):
        entries = [f"y[{j}]" for j in range(states)]
        for s, value in zip(event.assignments, _taken(system)[k], strict=True):
            entries[system.states.index(s)] = value
        lines += [f"if e == {k}:", f"    return {_tuple(entries)}"]
    return constants, [*functions, _function("assign(e, q, y, new, kept)", [*lines, "return y"])]


def queued_functions(system: System, known: Sequence[bool]) -> tuple[dict[str, Any], list[str]]:
    """Constants of `symdyn_kernels.devices._eventful` for networks, and the functions of `_queued` that no program gives.

    Parameters
    ----------
    system : System
        With its inputs written out.
    known : sequence of bool
        Of each event whether time alone turns its condition, at known times.
    """
    events = system.events
    loose = [not e.persistent for e in events]
    constants = {
        "EVENTS": len(events), "ROOM": max(1, len(events)), "WAITING": _waiting(system), **_waiting_options(system),
        "LOOSE": (*loose, False), "FRAGILE": any(loose), "KNOWN": (*known, False),
    }  # fmt: skip
    jumping = [f"j != {k}" for k, path in enumerate(system.inputs) if not continuous(system, path)]
    functions = [
        _function("assign(e, q, new, kept, y)", _assignments(system, "y[{}]")),
        _function("smooth(j)", [f"return {' and '.join(jumping) or 'True'}"]),
        _change_input(system, len(system.parameters), "own"),
    ]
    return constants, functions


def _assignments(system: System, target: str) -> list[str]:
    """Statements that let event `e` set its states, of which the place is put into `target`."""
    lines = []
    for k, event in enumerate(system.events):
        lines.append(f"if e == {k}:")
        for s, value in zip(event.assignments, _taken(system)[k], strict=True):
            lines.append(f"    {target.format(system.states.index(s))} = {value}")
    return lines


def input_functions(system: System, block: str = "p") -> list[str]:
    """How parameters are loaded, and what changes at the knots of inputs in the `block` of parameters."""
    loaded = [f"own[{j}] = parameters[{j}, i]" for j in range(len(system.parameters))] + ["return own"]
    found = [
        _function(
            "load_all(parameters, i, own)",
            loaded if system.inputs or block != "p" else ["return load_parameters(parameters, i)"],
        )
    ]
    jumping = [f"j != {k}" for k, path in enumerate(system.inputs) if not continuous(system, path)]
    found.append(_function("smooth(j)", [f"return {' and '.join(jumping) or 'True'}"]))
    return [*found, _change_input(system, len(system.parameters), block)]


def _change_input(system: System, end: int, block: str = "p") -> str:
    """The function that changes the coefficients of an input at a knot; those of all end at place `end` of the `block`."""
    lines, sizes = [], segment_places(system)[1]
    for k, size in enumerate(sizes):
        begin = end - sum(sizes[k:])
        lines += [f"if j == {k}:", *(f"    {block}[{begin + r}] = real(stops[entry, {FIRST + r}, k])" for r in range(size))]
    return _function(f"change_input(j, entry, k, stops, {block.split('[')[0]})", lines)


def _beforehand(system: System) -> list[int]:
    """Events of which it is known when they happen, but for others: schedules, and conditions on time and parameters alone."""
    driven = {s for path in system.inputs for s in (path, PathSlope(path), *segment_symbols(path))}
    listed = zip(system.events, sampled_conditions(system), strict=True)
    return [
        k for k, (e, c) in enumerate(listed)
        if c is None and not _trigger_symbols(e) & driven and not delays_in(_trigger_sides(e), system.names)
    ]  # fmt: skip


def _trigger_sides(event: Event) -> Sequence[Any]:
    return event.trigger.sides if isinstance(event.trigger, Schedule) else [event.trigger]


def _trigger_symbols(event: Event) -> set[Any]:
    """What the times or the condition of an event depend on."""
    return set(dag.free_symbols(_trigger_sides(event)))


def _waiting(system: System) -> int:
    """Room for events that wait: as much as a processor has if some do for longer than a moment."""
    return MOST_WAITING if any(e.delay != 0 for e in system.events) else max(WAITING, 2 * len(system.events))


def _numbers(system: System) -> int:
    """How many values events assign, with their delays and priorities."""
    return sum(len(e.assignments) + (e.delay != 0) + (e.priority is not None) for e in system.events)


def _taken(system: System) -> list[list[str]]:
    """What each event assigns, in terms of the values of all events and of those that it kept."""
    begins = event_rows(system)["first"]
    return [
        [f"kept[q, {r}]" if e.from_trigger else f"new[{begin + r}]" for r in range(len(e.assignments))]
        for begin, e in zip(begins[:-1], system.events, strict=True)
    ]


def _waiting_options(system: System) -> dict[str, Any]:
    """Constants of `symdyn_kernels.devices._eventful` about the options of events."""
    events, rows, known = system.events, event_rows(system), _beforehand(system)
    some = any(e.from_trigger for e in events)
    listed: dict[str, list[Any]] = {
        "FIRST": rows["first"][:-1], "SIZES": [len(e.assignments) for e in events], "DELAYS": rows["delays"],
        "PRIORITIES": rows["priorities"], "FROM_TRIGGER": [e.from_trigger for e in events],
        "INITIAL": [e.initial for e in events], "SHUFFLED": [e.shuffled for e in events],
        "LOOSE": [not e.persistent and k not in known for k, e in enumerate(events)],
    }  # fmt: skip
    rest = {"FIRST": 0, "SIZES": 1, "DELAYS": -1, "PRIORITIES": -1, "INITIAL": True}
    return {
        **{name: (*found, rest.get(name, False)) for name, found in listed.items()},  # one more, for what ends trajectories
        "PRIORITIZED": any(e.priority is not None for e in events),
        "SHUFFLES": bool(system.shuffled),
        "KEPT": (_waiting(system) if some else 1, max((len(e.assignments) for e in events if e.from_trigger), default=1)),
    }


def _changing(system: System) -> int:
    """Room for parameters that change."""
    return len(system.parameters) if system.inputs else 1


def _function(head: str, lines: Sequence[str]) -> str:
    ends = bool(lines) and lines[-1].startswith("return")
    return "\n".join([f"def {head}:", *(f"    {line}" for line in lines), *([] if ends else ["    return"])])


def _tuple(entries: Sequence[str]) -> str:
    """A tuple of any length: numba supports few entries in one expression."""
    parts = [entries[k : k + FEW] for k in range(0, len(entries), FEW)] or [[]]
    return " + ".join(f"({''.join(f'{entry}, ' for entry in part)})" for part in parts)


def card_stops(
    system: System, facts: Mapping[str, Any] | None, batch: Batch, *, evaluated: bool = False
) -> np.ndarray:  # fmt: skip
    """What happens at known times, (N or 1, s, c) float64, as `symdyn_kernels.devices.happenings` takes it.

    `facts` are those of the events and inputs, or None where there are delays alone.  Conditions on time alone are events at
    known times, unless they are `evaluated` at these times as all others are: then nothing, `JUMP`, happens there.
    """
    parameters, times = batch.parameters, batch.times
    found = np.empty((1, 0, FIRST))
    if facts is not None:
        found = event_schedule(system, facts, parameters, times, lambda own: known_margins(system, own))
    width = FIRST + max(segment_places(system)[1], default=0)
    rows = max(len(found), len(batch.stops) if batch.stops.shape[1] else 1)
    table = np.full((rows, found.shape[1], width), np.inf)
    table[:, :, 0], table[:, :, 1], table[:, :, 2] = found[:, :, 0], found[:, :, 0], found[:, :, 1]
    courses, sizes = segments(system), segment_places(system)[1]
    for k, size in enumerate(sizes):  # knots are -2 - input in schedules
        here = (found[:, :, 1] == -2 - k) & (found[:, :, 0] < np.inf)  # courses may have fewer knots than others
        row, entry = np.nonzero(np.broadcast_to(here, table.shape[:2]))
        which = np.broadcast_to(found[:, :, 2], table.shape[:2])[row, entry].astype(int)
        table[row, entry, FIRST : FIRST + size], table[row, entry, 2] = courses[which, :size], KNOT - k
    columns = [table]
    if not evaluated:
        known = [k for k in _beforehand(system) if not isinstance(system.events[k].trigger, Schedule)]
        columns.insert(0, _turned(system, known, found, parameters, times, width, rows))
        table[np.broadcast_to(found[:, :, 1] == -1, table.shape[:2])] = np.inf
    if batch.stops.shape[1]:
        jumps = np.full((rows, batch.stops.shape[1], width), np.inf)
        jumps[:, :, :2], jumps[:, :, 2] = batch.stops, JUMP
        columns.append(jumps)
    stacked = np.concatenate(columns, axis=1)
    order = np.argsort(stacked[:, :, :1], axis=1, kind="stable")
    kept = int((stacked[:, :, 0] < np.inf).sum(axis=1).max(initial=0))
    return np.take_along_axis(stacked, order, axis=1)[:, :kept]


def _turned(
    system: System, known: Sequence[int], found: np.ndarray, parameters: np.ndarray, times: np.ndarray, width: int, rows: int
) -> np.ndarray:  # fmt: skip
    """The `known` events, whose conditions are on time alone, where these turn at times of a schedule."""
    own = parameters[: len(found)]
    true: Callable[[int, np.ndarray], np.ndarray] = known_margins(system, own)
    at = np.where(found[:, :, 1] == -1, found[:, :, 0], np.inf)
    columns = [np.empty((rows, 0, width))]
    for k in known:
        event, before = system.events[k], true(k, np.full(len(own), times[0]))
        made = np.full((rows, at.shape[1] + 1, width), np.inf)
        made[:, 0, 0], made[:, 0, 2] = np.where(before & (not event.initial), times[0], np.inf), k
        for j in range(at.shape[1]):
            there = at[:, j] < np.inf
            now = np.where(there, true(k, np.where(there, at[:, j], times[0])), before)
            falls = before & ~now & (not event.persistent)
            made[:, j + 1, 0] = np.where((now & ~before) | falls, at[:, j], np.inf)
            made[:, j + 1, 2] = np.where(falls, len(system.events) + k, k)
            before = now
        made[:, :, 1] = made[:, :, 0]
        columns.append(made)
    return np.concatenate(columns, axis=1)
