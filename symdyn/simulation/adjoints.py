"""A trajectory whose steps are kept, and the transposed steps backwards, which give derivatives by everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
import sympy as sp
from symdyn_kernels.arguments.adjoint import BackwardArguments, ForwardArguments, StepRecord, StepTableau
from symdyn_kernels.arguments.parts import Control, Tolerances
from symdyn_kernels.status import MESSAGES, STEPPED, SUCCESS, TOO_MANY_STEPS

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.event_program import dose_times
from symdyn.codegen.input_paths import segment_places, written_out
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.codegen.reverse import adjoint_program
from symdyn.codegen.stops import stop_program, stops_within
from symdyn.errors import DeclarationError, SimulationError
from symdyn.given_values import value_of
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.models.events import Event
from symdyn.models.schedules import Schedule
from symdyn.system import System

__all__ = ["AdjointKernel", "Forward", "LaneFunctions", "adjoint_weights", "compiled_lanes", "lane_functions", "moving_event"]

#: Steps for which there is room at first.
ROOM = 256
#: Operations above which the optimiser is left out, as its time grows faster than its gain.
LONG = 3000


class _Segment(NamedTuple):
    """A part of a trajectory between known times: with parameters of its own, and the event that ends it."""

    first: float
    last: float
    parameters: np.ndarray
    events: tuple[int, ...]


@dataclass(frozen=True)
class Forward:
    """A trajectory with its steps.

    Attributes
    ----------
    values : (T, n) float64
        At the output times.
    steps, rejected, evaluations : int
    segments, arrivals, records, places : tuples
        Parts of the trajectory, the state before the events at the beginning of each, its steps, and its output times.
    """

    values: np.ndarray
    steps: int
    rejected: int
    evaluations: int
    segments: tuple[_Segment, ...]
    arrivals: tuple[np.ndarray, ...]
    records: tuple[StepRecord, ...]
    places: tuple[np.ndarray, ...]


class AdjointKernel:
    """Right-hand side and its transposed Jacobian product, compiled for one trajectory at a time.

    Parameters
    ----------
    system : ODESystem
        With inputs, and events at known times; without what else there may be.
    method : str
        An explicit Runge-Kutta method whose interpolant needs no further stages.
    moving : set of Symbol
        Parameters by which costs are differentiated: known times must not depend on them.

    Raises
    ------
    DeclarationError
        For other systems, other methods, and times that move.
    CompileError
        For functions whose derivative has no code.
    """

    def __init__(self, system: System, method: str, moving: set[sp.Symbol]) -> None:
        self.declared, self.scheme = system, self._scheme(method)
        self.system, _ = written_out(system)
        self.events = tuple(self.system.events)
        if reason := moving_event(self.events, moving):
            raise DeclarationError(f"{reason}; sensitivities are integrated forward there")
        self.stops = stop_program(self.system.replace(events=()))
        if self.stops is not None:
            _refuse_moving(self.stops, moving)
        self._prepare()
        own = (self.system.time, self.system.states, self.system.parameters)
        self._jumps = [_jump([e.assignments.get(s, s) for s in self.system.states], *own) for e in self.events]

    # ---- what depends on the method ------------------------------------------------------------------------------

    @staticmethod
    def _scheme(method: str) -> Any:
        return _explicit(method)

    def _prepare(self) -> None:
        """Compile what the driver calls."""
        self._functions = lane_functions(
            self.system.states, self.system.part("drift"), self.system.time, self.system.parameters
        )
        self._tableau = _tableau(self.scheme)
        self.width = len(self.system.states)

    def _advance(self, segment: _Segment, tolerances: Tolerances, control: Control, record: StepRecord) -> None:
        """Steps until the end of a segment, a failure, or until the record is full."""
        rhs = self._functions.addresses[0]
        plain_driver("adjoint").forward(
            ForwardArguments(rhs, segment.parameters, segment.last, self._tableau, tolerances, control, record)
        )

    def _transpose(self, what: str, segment: _Segment, record: StepRecord, *rest: np.ndarray) -> None:
        """Read states, or go back."""
        rhs, pull = self._functions.addresses
        steps, parts, pulls, adjoint, gradient = rest
        arguments = BackwardArguments(
            rhs, pull, segment.parameters, self._tableau, record, steps, parts, pulls, adjoint, gradient
        )
        getattr(plain_driver("adjoint"), what)(arguments)

    # ---- there and back ------------------------------------------------------------------------------------------

    def forward(
        self, initial: np.ndarray, parameters: np.ndarray, times: np.ndarray, *, rtol: float, atol: float, max_steps: int
    ) -> Forward:
        """Integrate one trajectory.

        Raises
        ------
        SimulationError
            If it fails.
        """
        segments = self._segments(parameters, times)
        control = Control(*self.scheme.controller.numbers(self.scheme.error_order + 1, squared=True))
        state, places = initial, _places(segments, times)
        arrivals: list[np.ndarray] = []
        records: list[StepRecord] = []
        values = np.empty((len(times), len(initial)))
        for segment, own in zip(segments, places, strict=True):
            arrivals.append(state)
            tolerances = Tolerances(rtol, atol, np.inf, max_steps - sum(int(r.counts[:2].sum()) for r in records))
            record = self._run(segment, self._happened(segment, state), tolerances, control)
            state = record.states[record.counts[0], : len(initial)].copy()
            records.append(record)
            values[own] = self._read(segment, record, times[own])
        steps, rejected, evaluations, _ = (int(c) for c in np.sum([r.counts for r in records], axis=0))
        parts = tuple(segments), tuple(arrivals), tuple(records), tuple(places)
        return Forward(values, steps, rejected, evaluations, *parts)

    def backward(self, run: Forward, times: np.ndarray, pulls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of a cost by initial values (n,) and parameters (k,), from those by the values at output times (T, n)."""
        n, gradient = pulls.shape[1], np.zeros(len(self.system.parameters))
        adjoint = np.zeros(n)
        parts = zip(run.segments, run.arrivals, run.records, run.places, strict=True)
        for segment, arrival, record, own in reversed(list(parts)):
            more = np.zeros((len(own) + 1, self.width - n))  # of what the method adds to the states
            wide, pulled = np.concatenate([adjoint, more[0]]), np.concatenate([pulls[own], more[1:]], axis=1)
            self._transpose("backward", segment, record, *_located(record, times[own]), pulled, wide, gradient)
            adjoint = wide[:n].copy()
            for k, state in self._before(segment, arrival)[::-1]:
                _, pull = self._jumps[k]
                found = evaluate(pull, [np.array(segment.first)], [*state, *adjoint], list(segment.parameters))
                numbers = np.array([float(v) for v in found])
                adjoint = numbers[:n]
                gradient += numbers[n:]
        return adjoint, gradient[: len(self.declared.parameters)]

    # ---- segments ------------------------------------------------------------------------------------------------

    def _segments(self, parameters: np.ndarray, times: np.ndarray) -> list[_Segment]:
        first, last = float(times[0]), float(times[-1])
        happening: dict[float, list[int]] = {}
        known = dict(zip(self.declared.parameters, parameters, strict=True))
        for k, event in enumerate(self.events):
            sides = (event.trigger.start, event.trigger.every, event.trigger.times)
            numbers = [None if e is None else np.array([value_of(e, known)]) for e in sides]
            for at in map(float, dose_times(event, numbers, first, last)[0]):
                happening.setdefault(at, []).append(k)
        edges = {at: at for at in happening if at > first}
        for path in self.declared.inputs:
            edges |= {float(at): float(at) for at in path.curves[0].times if first < at < last}
        row = np.concatenate([parameters, np.zeros(len(self.system.parameters) - len(parameters))])
        found = None if self.stops is None else self.stops.as_json()
        for before, after in stops_within(row[None], np.array([first, last]), found)[0]:
            edges[float(after)] = float(before)
        begins = [first, *sorted(edges)]
        ends = [*(edges[b] for b in begins[1:]), last]
        return [
            _Segment(a, max(a, b), self._parameters(row, a), tuple(happening.get(a, ())))
            for a, b in zip(begins, ends, strict=True)
        ]  # fmt: skip

    def _parameters(self, row: np.ndarray, at: float) -> np.ndarray:
        """Parameters from a time on: with knot and coefficients of inputs."""
        found = row.copy()
        for path, place in zip(self.declared.inputs, segment_places(self.declared)[0], strict=True):
            curve = path.curves[0]
            k = int(np.clip(np.searchsorted(curve.times, at, side="right") - 1, 0, len(curve.coefficients) - 1))
            found[place] = curve.times[k]
            found[place + 1 : place + 2 + path.degree] = curve.coefficients[k]
        return found

    def _happened(self, segment: _Segment, state: np.ndarray) -> np.ndarray:
        for k in segment.events:
            values, _ = self._jumps[k]
            found = evaluate(values, [np.array(segment.first)], list(state), list(segment.parameters))
            state = np.array([float(v) for v in found])
        return state

    def _before(self, segment: _Segment, state: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Each event at the beginning of a segment, with the state at which it acts."""
        found = []
        for k in segment.events:
            found.append((k, state))
            state = self._happened(segment._replace(events=(k,)), state)
        return found

    def _run(self, segment: _Segment, state: np.ndarray, tolerances: Tolerances, control: Control) -> StepRecord:
        n = self.width
        record = StepRecord(np.empty(ROOM), np.empty(ROOM), np.empty((ROOM + 1, n)), np.zeros(4, np.int64), np.zeros(2))
        record.states[0], record.clock[0] = [*state, *[segment.first] * (n - len(state))], segment.first
        while True:
            self._advance(segment, tolerances, control, record)
            status = int(record.counts[3])
            if status == SUCCESS:
                return record
            if status == TOO_MANY_STEPS:
                raise SimulationError(
                    f"the trajectory failed at {self.system.time} = {record.clock[0]:.6g}: {MESSAGES[status]}; stiff systems "
                    "take more explicit steps than that: give method='rodas5p'"
                )
            if status != STEPPED:
                raise SimulationError(
                    f"the trajectory failed at {self.system.time} = {record.clock[0]:.6g}: {MESSAGES[status]}"
                )
            more = len(record.times)
            record = record._replace(
                times=np.resize(record.times, 2 * more), lengths=np.resize(record.lengths, 2 * more),
                states=np.concatenate([record.states, np.empty((more, n))]),
            )  # fmt: skip

    def _read(self, segment: _Segment, record: StepRecord, times: np.ndarray) -> np.ndarray:
        values, nothing = np.empty((len(times), self.width)), np.zeros(0)
        self._transpose("read", segment, record, *_located(record, times), values, nothing, nothing)
        return values[:, : len(self.system.states)]


def _explicit(method: str) -> ExplicitRungeKutta:
    known = [
        k for k, m in METHODS.items() if isinstance(m, ExplicitRungeKutta) and m.adaptive and not m.extra and len(m.error) == 1
    ]
    if method not in known:
        stiff = [k for k, m in METHODS.items() if isinstance(m, Rosenbrock)]
        raise DeclarationError(f"the method is {method!r}; steps are transposed of {', '.join(map(repr, [*known, *stiff]))}")
    return METHODS[method]  # type: ignore[no-any-return]


def moving_event(events: Iterable[Event], moving: set[sp.Symbol]) -> str | None:
    """Why the steps of a system with these events are not transposed: the time of one moves, or is not known."""
    for event in events:
        if not isinstance(event.trigger, Schedule) or event.priority is not None:
            return f"the event {event.heading} is at no known time, or has a priority"
        if moved := sorted({s.name for e in event.trigger.sides for s in e.free_symbols if s in moving}):
            return f"the times of {event.heading} depend on {moved[0]}"
    return None


def _refuse_moving(stops: Program, moving: set[sp.Symbol]) -> None:
    names = dict(stops.blocks)["p"]
    used = {names[o.args[1]] for o in stops.operations if o.op == "input"}
    if moved := sorted(used & {s.name for s in moving}):
        raise DeclarationError(
            f"the right-hand side jumps at a time that depends on {moved[0]}; leave it out of by, or take "
            "symdyn.sensitivities, which follows such jumps"
        )


class LaneFunctions(NamedTuple):
    """What keeps machine code in memory, and the addresses of its functions."""

    owner: Any
    addresses: tuple[int, ...]


@lru_cache(maxsize=32)
def lane_functions(
    states: tuple[sp.Symbol, ...], drift: tuple[sp.Expr, ...], time: sp.Symbol, parameters: tuple[sp.Symbol, ...]
) -> LaneFunctions:
    """Machine code of the right-hand side and of its transposed product, for one lane."""
    rhs = lower("rhs", [("lane", (time,)), ("y", states), ("p", parameters)], drift, [str(s) for s in states])
    pull = adjoint_program("pull", drift, time, states, adjoint_weights(states), parameters)
    return compiled_lanes("adjoint", rhs, pull)


def compiled_lanes(what: str, *programs: Program) -> LaneFunctions:
    """Machine code of programs, for one lane."""
    text = module_text(programs, 1, llvm.get_process_triple())
    quick = sum(len(p.operations) for p in programs) > LONG
    owner = load_object(digest(what, text), compile_ir(text, quick=quick))
    return LaneFunctions(owner, tuple(owner.address(p.name) for p in programs))


def _jump(
    sides: Sequence[sp.Expr], time: sp.Symbol, states: tuple[sp.Symbol, ...], parameters: tuple[sp.Symbol, ...]
) -> tuple[Program, Program]:
    blocks = [("lane", (time,)), ("y", states), ("p", parameters)]
    values = lower("jump", blocks, sides, [str(s) for s in states])
    return values, adjoint_program("pull", sides, time, states, adjoint_weights(states), parameters)


def adjoint_weights(states: Sequence[sp.Symbol]) -> list[sp.Symbol]:
    """Symbols for what rates are multiplied by."""
    return [sp.Dummy(f"weight_{s.name}") for s in states]


def _tableau(scheme: ExplicitRungeKutta) -> StepTableau:
    a = np.zeros((scheme.stages, scheme.stages))
    for i, row in enumerate(scheme.a):
        a[i, : len(row)] = row
    return StepTableau(a, np.array(scheme.nodes), np.array(scheme.error[0]), np.array(scheme.dense))


def _places(segments: Sequence[_Segment], times: np.ndarray) -> list[np.ndarray]:
    """Output times of each segment: one at which an event happens belongs to what follows it."""
    begins = np.array([s.first for s in segments])
    of = np.clip(np.searchsorted(begins, times, side="right") - 1, 0, None)
    return [np.flatnonzero(of == k) for k in range(len(segments))]


def _located(record: StepRecord, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In which step each time lies, and where in it."""
    count = int(record.counts[0])
    if not count:
        return np.zeros(len(times), np.int64), np.zeros(len(times))
    begins, lengths = record.times[:count], record.lengths[:count]
    steps = np.clip(np.searchsorted(begins, times, side="right") - 1, 0, None)
    ends = np.append(begins[1:], record.clock[0])
    parts = np.clip((times - begins[steps]) / lengths[steps], 0.0, 1.0)
    return steps.astype(np.int64), np.where(times >= ends[steps], 1.0, parts)
