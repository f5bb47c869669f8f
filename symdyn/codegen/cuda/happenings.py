"""Events and inputs on a card: generated functions, and what happens at known times as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Batch
from symdyn_kernels.devices.adaptive_events import JUMP, KNOT

from symdyn.codegen.event_program import event_schedule, known_margins, sampled_conditions
from symdyn.codegen.input_paths import continuous, segment_places, segments
from symdyn.errors import CompileError
from symdyn.models.events import Schedule
from symdyn.system import System

__all__ = ["card_stops", "event_functions", "refuse_on_cards"]

#: Columns of a table of stops before the parameters of an input: a time, that after it, and what happens.
FIRST = 3
#: Events that may wait for each other, at least.
WAITING = 16


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


def event_functions(system: System, states: Sequence[Any], until: bool, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Statements that define the constants of `symdyn_kernels.devices._eventful`, and the functions that no program gives.

    Parameters
    ----------
    system : System
        With its inputs written out.
    states : sequence of Symbol
    until : bool
        Whether a condition ends trajectories.
    names : sequence of str
        Of the functions that programs give.
    """
    events, assigned = system.events, [s for e in system.events for s in e.assignments]
    sampled = until or any(c is not None for c in sampled_conditions(system))
    waiting = max(WAITING, 2 * len(events))
    constants = [
        f"EVENTS, CONDITIONS, ASSIGNED = {len(events)}, {len(events) + until}, {max(1, len(assigned))}",
        f"ROOM, WAITING, ALL_ROWS = {max(1, len(events) + until)}, {waiting}, ROWS + 1",
        f"SAMPLED, CHANGING = {sampled}, {len(system.parameters) if system.inputs else 1}",
    ]
    functions = [f"def {name}(lane, y, p, memory, out):\n    return" for name in ("triggers", "effects") if name not in names]
    loaded = [f"own[{j}] = parameters[{j}, i]" for j in range(len(system.parameters))] + ["return own"]
    loaded = loaded if system.inputs else ["return load_parameters(parameters, i)"]
    functions.append("\n".join(["def load_all(parameters, i, own):", *(f"    {line}" for line in loaded)]))
    timed = [k for k, c in enumerate(sampled_conditions(system)) if c is None]
    functions.append("\n".join(["def forget(found):", *(f"    found[{k}] = -1.0" for k in timed), "    return"]))
    places, lines = 0, ["def assign(e, new, memory):"]
    for k, event in enumerate(events):
        lines.append(f"    if e == {k}:")
        for s in event.assignments:
            lines.append(f"        memory[W, {states.index(s)}] = new[{places}]")
            places += 1
    functions.append("\n".join([*lines, "    return"]))
    jumping = [k for k, path in enumerate(system.inputs) if not continuous(system, path)]
    functions.append(f"def smooth(j):\n    return {' and '.join(f'j != {k}' for k in jumping) or 'True'}")
    lines = ["def change_input(j, entry, k, stops, p):"]
    sizes = segment_places(system)[1]
    for k, size in enumerate(sizes):
        begin = len(system.parameters) - sum(sizes[k:])
        lines.append(f"    if j == {k}:")
        lines += [f"        p[{begin + r}] = real(stops[entry, {FIRST + r}, k])" for r in range(size)]
    functions.append("\n".join([*lines, "    return"]))
    return constants, functions


def card_stops(system: System, facts: Mapping[str, Any], batch: Batch) -> np.ndarray:
    """What happens at known times, (N or 1, s, c) float64, as `symdyn_kernels.devices.adaptive_events` takes it."""
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
    columns = [_turned(system, found, parameters, times, width, rows), table]
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
    system: System, found: np.ndarray, parameters: np.ndarray, times: np.ndarray, width: int, rows: int
) -> np.ndarray:  # fmt: skip
    """Events whose conditions, on time alone, turn true at times of a schedule."""
    own, conditions = parameters[: len(found)], sampled_conditions(system)
    true: Callable[[int, np.ndarray], np.ndarray] = known_margins(system, own)
    at = np.where(found[:, :, 1] == -1, found[:, :, 0], np.inf)
    columns = [np.empty((rows, 0, width))]
    for k, event in enumerate(system.events):
        if conditions[k] is not None or isinstance(event.trigger, Schedule):
            continue
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
