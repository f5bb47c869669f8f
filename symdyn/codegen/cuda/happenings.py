"""Events and inputs on a card: generated functions, and what happens at known times as one table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Batch
from symdyn_kernels.devices.happenings import JUMP, KNOT

from symdyn import dag
from symdyn.codegen.cuda.unroll import FEW
from symdyn.codegen.event_program import event_schedule, known_margins, sampled_conditions
from symdyn.codegen.input_paths import continuous, segment_places, segment_symbols, segments
from symdyn.errors import CompileError
from symdyn.models.events import Event, Schedule
from symdyn.paths import PathSlope
from symdyn.system import System

__all__ = ["card_stops", "event_functions", "input_functions", "refuse_on_cards", "step_functions"]

#: Columns of a table of stops before the parameters of an input: a time, that after it, and what happens.
FIRST = 3
#: Events that may wait for each other, at least.
WAITING = 16
#: The functions of `symdyn.codegen.event_program.event_programs`.
PROGRAMS = ("triggers", "effects")


def refuse_on_cards(system: System) -> None:
    """Refuse events whose options a card does not read.

    Raises
    ------
    CompileError
    """
    event = next((e for e in system.events if not e.plain), None)
    if event is not None:
        raise CompileError(
            f"target='cuda' follows no delays, priorities and other options of events, as of '{event}'; use target='cpu'"
        )


def event_functions(system: System, until: bool, names: Collection[str]) -> tuple[list[str], list[str]]:
    """Statements that define the constants of `symdyn_kernels.devices._eventful`, and the functions that no program gives.

    Parameters
    ----------
    system : System
        With its inputs written out.
    until : bool
        Whether a condition ends trajectories.
    names : collection of str
        Of the functions that programs give.
    """
    events, assigned = system.events, [s for e in system.events for s in e.assignments]
    known = _beforehand(system)
    sampled = until or len(known) < len(events)
    constants = [
        f"EVENTS, CONDITIONS, ASSIGNED = {len(events)}, {len(events) + until}, {max(1, len(assigned))}",
        f"ROOM, WAITING, ALL_ROWS = {max(1, len(events) + until)}, {_waiting(system)}, ROWS + 1",
        f"SAMPLED, CHANGING = {sampled}, {_changing(system)}",
    ]
    functions = [_function(f"{name}(lane, y, p, memory, out)", []) for name in ("triggers", "effects") if name not in names]
    functions += input_functions(system)
    functions.append(_function("forget(found)", [f"found[{k}] = -1.0" for k in known]))
    places, lines = 0, []
    for k, event in enumerate(events):
        lines.append(f"if e == {k}:")
        for s in event.assignments:
            lines.append(f"    memory[W, {system.states.index(s)}] = new[{places}]")
            places += 1
    return constants, [*functions, _function("assign(e, new, memory)", lines)]


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
    }  # fmt: skip
    functions = [_function(f"{name}(lane, y, p)", ["return (real(0),)"]) for name in (*PROGRAMS, "start") if name not in names]
    read = "parameters, i" if tabled else _tuple([f"parameters[{j}, i]" for j in range(len(system.parameters))])
    functions += [_function("load_parameters(parameters, i)", [f"return {read}"]), *input_functions(system)]
    places, lines = 0, []
    for k, event in enumerate(system.events):
        entries = [f"y[{j}]" for j in range(states)]
        for s in event.assignments:
            entries[system.states.index(s)] = f"new[{places}]"
            places += 1
        lines += [f"if e == {k}:", f"    return {_tuple(entries)}"]
    return constants, [*functions, _function("assign(e, y, new)", [*lines, "return y"])]


def input_functions(system: System) -> list[str]:
    """How parameters are loaded, and what changes at the knots of inputs."""
    loaded = [f"own[{j}] = parameters[{j}, i]" for j in range(len(system.parameters))] + ["return own"]
    found = [_function("load_all(parameters, i, own)", loaded if system.inputs else ["return load_parameters(parameters, i)"])]
    jumping = [f"j != {k}" for k, path in enumerate(system.inputs) if not continuous(system, path)]
    found.append(_function("smooth(j)", [f"return {' and '.join(jumping) or 'True'}"]))
    lines, sizes = [], segment_places(system)[1]
    for k, size in enumerate(sizes):
        begin = len(system.parameters) - sum(sizes[k:])
        lines += [f"if j == {k}:", *(f"    p[{begin + r}] = real(stops[entry, {FIRST + r}, k])" for r in range(size))]
    return [*found, _function("change_input(j, entry, k, stops, p)", lines)]


def _beforehand(system: System) -> list[int]:
    """Events of which it is known when they happen, but for others: schedules, and conditions on time and parameters alone."""
    driven = {s for path in system.inputs for s in (path, PathSlope(path), *segment_symbols(path))}
    listed = zip(system.events, sampled_conditions(system), strict=True)
    return [k for k, (e, c) in enumerate(listed) if c is None and not _trigger_symbols(e) & driven]


def _trigger_symbols(event: Event) -> set[Any]:
    """What the times or the condition of an event depend on."""
    return set(dag.free_symbols(event.trigger.sides if isinstance(event.trigger, Schedule) else [event.trigger]))


def _waiting(system: System) -> int:
    return max(WAITING, 2 * len(system.events))


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


def card_stops(system: System, facts: Mapping[str, Any], batch: Batch) -> np.ndarray:
    """What happens at known times, (N or 1, s, c) float64, as `symdyn_kernels.devices.happenings` takes it."""
    parameters, times = batch.parameters, batch.times
    found = event_schedule(system, facts, parameters, times, lambda own: known_margins(system, own))
    width = FIRST + max(segment_places(system)[1], default=0)
    rows = max(len(found), len(batch.stops) if batch.stops.shape[1] else 1)
    table = np.full((rows, found.shape[1], width), np.inf)
    table[:, :, 0], table[:, :, 1], table[:, :, 2] = found[:, :, 0], found[:, :, 0], found[:, :, 1]
    courses, sizes = segments(system), segment_places(system)[1]
    for k, size in enumerate(sizes):  # knots are -2 - input in schedules
        row, entry = np.nonzero(np.broadcast_to(found[:, :, 1] == -2 - k, table.shape[:2]))
        which = np.broadcast_to(found[:, :, 2], table.shape[:2])[row, entry].astype(int)
        table[row, entry, FIRST : FIRST + size], table[row, entry, 2] = courses[which, :size], KNOT - k
    known = [k for k in _beforehand(system) if not isinstance(system.events[k].trigger, Schedule)]
    columns = [_turned(system, known, found, parameters, times, width, rows), table]
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
    """The `known` events, whose conditions are on time alone, where these turn true at times of a schedule."""
    own = parameters[: len(found)]
    true: Callable[[int, np.ndarray], np.ndarray] = known_margins(system, own)
    at = np.where(found[:, :, 1] == -1, found[:, :, 0], np.inf)
    columns = [np.empty((rows, 0, width))]
    for k in known:
        before = true(k, np.full(len(own), times[0]))
        made = np.full((rows, at.shape[1], width), np.inf)
        for j in range(at.shape[1]):
            there = at[:, j] < np.inf
            now = np.where(there, true(k, np.where(there, at[:, j], times[0])), before)
            made[:, j, 0] = np.where(now & ~before, at[:, j], np.inf)
            before = now
        made[:, :, 1], made[:, :, 2] = made[:, :, 0], k
        columns.append(made)
    return np.concatenate(columns, axis=1)
