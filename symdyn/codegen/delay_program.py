"""Delays as lane functions and tables for `symdyn_kernels.delays`: what is looked up, where, and what was before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.delays import DelayTables
from sympy.core.function import AppliedUndef

from symdyn.codegen.elimination import DelayedValue
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.system import System, delays_in

__all__ = [
    "Lagged",
    "constant_delays",
    "delay_tables",
    "delayed_by",
    "early_values",
    "followed",
    "looked_up",
    "observed_delays",
    "sums_of_delays",
]

#: Sums of delays at which steps end, of each trajectory and each jump; of many delays only sums of few are taken.
MOST_SUMS = 500
#: About as many where states jump at all of them, however many delays are in a sum.
MOST_ECHOES = 5000


@dataclass(frozen=True)
class Lagged:
    """A system whose delayed values are parameters, after its own.

    Attributes
    ----------
    system : System
    until : Boolean or None
        The condition that ends trajectories, with the same in it.
    values : tuple of DelayedValue
        In the order of those parameters, those in rates of change first; where slopes are needed each is followed by its slope.
    rated : int
        How many times of these the rates of change need.
    sloped : bool
        Whether they are needed.
    states : tuple of Symbol
        The state of each value.
    observed : tuple of int
        Places, among the further parameters, of the `observed_delays`.
    neutral : bool
        Whether the slope of a state, or one that algebraic equations determine, follows from earlier ones: its jumps do not
        become smoother.
    least : int
        After how many delays other jumps are one derivative smoother.
    """

    system: System
    until: sp.Basic | None
    values: tuple[DelayedValue, ...]
    rated: int
    sloped: bool
    states: tuple[sp.Symbol, ...]
    observed: tuple[int, ...]
    neutral: bool
    least: int

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """The further parameters."""
        return tuple(s for v in self.values for s in ((v.value, v.slope) if self.sloped else (v.value,)))

    @property
    def times(self) -> tuple[sp.Expr, ...]:
        """The different times at which states are looked up."""
        return tuple(dict.fromkeys(v.time for v in self.values))

    @property
    def kept(self) -> tuple[sp.Symbol, ...]:
        """The states whose past is needed."""
        return tuple(s for s in self.system.states if s in self.states)

    def constant(self, times: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
        """The delays of some of the times that depend on parameters alone."""
        time = self.system.time
        found = (sp.expand(time - at) for at in times)
        return tuple(d for d in found if not d.free_symbols & {time, *self.system.states})

    def programs(self) -> tuple[Program, Program]:
        """The functions ``times`` and ``history`` that `symdyn_kernels.arguments.delays.DelayTables` describes."""
        system = self.system
        blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
        before = [system.history.get(s, s) for s in self.kept]
        slopes = [derivative(e, system.time) for e in before] if self.sloped else [sp.S.Zero for _ in before]
        labels = [*(f"{s} before" for s in self.kept), *(f"its slope, of {s}" for s in self.kept)]
        return lower("times", blocks, self.times, list(map(str, self.times))), lower(
            "history", blocks, [*before, *slopes], labels
        )

    def facts(self, order: int) -> dict[str, Any]:
        """What `delay_tables` needs besides the functions, as values that JSON can hold."""
        times, kept, each = self.times, self.kept, 2 if self.sloped else 1
        begins = [0]
        for at in times:
            begins.append(begins[-1] + each * sum(v.time == at for v in self.values))
        places = [kept.index(s) for s in self.states for _ in range(each)]
        constant, bounding = self.constant(times), len(self.constant(times[: self.rated]))
        recalled = dict.fromkeys(v.time for v, s in zip(self.values, self.states, strict=True) if s in self.system.history)
        moving = [str(at) for at in recalled if not self.constant([at])]
        program = lower("delays", [("lane", ()), ("y", ()), ("p", self.system.parameters)], constant, list(map(str, constant)))
        early = lower("early", [("lane", (self.system.time,)), ("y", self.system.states), ("p", self.system.parameters)],
                      [self.early()[self.symbols[k]] for k in self.observed], list(map(str, self.observed)))  # fmt: skip
        return {
            "begins": begins, "kept": places, "slopes": [k % each for k in range(len(places))], "observed": list(self.observed),
            "states": [self.system.states.index(s) for s in kept], "order": self._order(order),
            "rated": self.rated, "bounding": bounding,
            "varying": int(bounding < self.rated), "endless": int(len(constant) < len(times)), "constant": program.as_json(),
            "early": early.as_json(), "moving": moving,
            "recalled": [constant.index(d) for d in self.constant([*recalled])],
        }  # fmt: skip

    def _order(self, order: int) -> int:
        if self.neutral:
            return MOST_ECHOES if self.system.algebraic else MOST_SUMS
        return order * self.least

    def begun(self, parameters: tuple[sp.Symbol, ...]) -> System:
        """The system with these parameters, its own, as its equations are at the first time."""
        swap = self.early()
        return self.system.map_expressions(lambda e: e.xreplace(swap)).replace(parameters=parameters)

    def early(self) -> dict[sp.Symbol, sp.Expr]:
        """The delayed values at the first time, in terms of the states there."""
        time, found = self.system.time, {}
        for v, state in zip(self.values, self.states, strict=True):
            before = self.system.history.get(state, state).xreplace({time: v.time})
            found[v.value] = before if before == state else sp.Piecewise((before, v.time < time), (state, True))
        return found


def looked_up(system: System, *, slopes: bool, until: sp.Basic | None = None) -> Lagged:
    """The system, and a condition, with parameters in the place of delayed values.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, X, t = sp.Symbol("x"), sp.Function("x"), sp.Symbol("t")
    >>> found = looked_up(sd.ODESystem({x: -X(t - 1)}, observables={"y": X(t - 2)}), slopes=False)
    >>> print(found.system, found.system.observables, found.rated)
    x' = -x'0 {y: x'1} 1
    """
    read = [*system.observables.values(), *(() if until is None else (until,))]
    if neutral := [call for call in delays_in(read, system.names) if call.func.__name__ not in system.names]:
        raise DeclarationError(f"{neutral[0]} is a derivative at another time, which observables and until may not contain")
    named, slopes = {s.name: s for s in system.states}, slopes or bool(system.slopes)
    rated = {call.args[0] for call in delays_in(system.expressions, system.names)}
    calls = {*system.delays, *delays_in([] if until is None else [until], system.names)}
    places = sorted(
        {(call.args[0] not in rated, str(call.args[0]), call.args[0], call.func.__name__.rstrip("'")) for call in calls},
        key=lambda place: (place[0], *map(str, place[1:])),
    )
    swap: dict[sp.Basic, sp.Basic] = {}
    values = []
    for k, (_, _, at, name) in enumerate(places):
        value, slope = (sp.Symbol(f"{name}'{kind}{k}") for kind in ("", "d"))
        swap |= {sp.Function(name)(at): value, sp.Function(f"{name}'")(at): slope}
        values.append(DelayedValue(value, slope, at))
    new = system.map_expressions(lambda e: e.xreplace(swap))
    changed = {"events": tuple(e.mapped(lambda side: side.xreplace(swap)) for e in system.events)} if system.events else {}
    found = Lagged(
        new, None if until is None else until.xreplace(swap), tuple(values), len(rated), slopes,
        tuple(named[name] for *_, name in places), (), _is_neutral(system), 2 if system.algebraic else 1,
    )  # fmt: skip
    symbols = found.symbols
    return replace(
        found, system=new.replace(parameters=(*system.parameters, *symbols), **changed),
        observed=tuple(symbols.index(swap[call]) for call in observed_delays(system)),
    )  # fmt: skip


def _is_neutral(system: System) -> bool:
    """Whether the rate of change of a state follows from slopes that depend on this state.

    In sensitivities, which take slopes of states that do not depend on them, it does not.  A state that algebraic equations
    determine jumps where the delayed ones in them do; of which it depends on which, all are taken to depend on all.
    """
    rows, unknown = zip(system.states, system.part("drift"), strict=True), {s.name for s in system.algebraic}
    if unknown and delays_in([side for s, side in rows if s.name in unknown], unknown):
        return True
    if not system.slopes:
        return False
    takes, sloped = {}, set()
    for state, side in zip(system.states, system.part("drift"), strict=True):
        calls = [call.func.__name__ for call in delays_in([side], system.names)]
        sloped |= {(state.name, name[:-1]) for name in calls if name not in system.names}
        takes[state.name] = {s.name for s in side.free_symbols} | {name.rstrip("'") for name in calls}

    def follows(name: str) -> set[str]:
        known, waiting = set(), {name}
        while waiting:
            known |= (new := {waiting.pop()})
            waiting |= set().union(*(takes.get(n, set()) for n in new)) - known
        return known

    return any(state in follows(source) for state, source in sloped)


def observed_delays(system: System) -> tuple[AppliedUndef, ...]:
    """The delayed values in observables, in the order in which kernels record them after the states.

    >>> import symdyn as sd
    >>> x, X, t = sp.Symbol("x"), sp.Function("x"), sp.Symbol("t")
    >>> observed_delays(sd.ODESystem({x: -X(t - 1)}, observables={"y": 2 * X(t - 2)}))
    (x(t - 2),)
    """
    return delays_in(system.observables.values(), system.names) if system.delays else ()


def early_values(
    facts: Mapping[str, Any], first: float, initial: np.ndarray, parameters: np.ndarray
) -> np.ndarray:  # fmt: skip
    """The states (N, n) at the first time, followed by what is recorded of the past there, (N, n + q)."""
    if not facts["observed"]:
        return initial
    found = evaluate(Program.from_json(facts["early"]), [np.asarray(first)], list(initial.T), list(parameters.T))
    return np.concatenate([initial, *(np.broadcast_to(v, len(initial))[:, None] for v in found)], axis=1)


def constant_delays(parameters: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
    """Constant delays of trajectories with parameters (N, k), (N, m) float64.

    Raises
    ------
    DeclarationError
        For a delay that is not positive.
    """
    program = Program.from_json(facts["constant"])
    found = evaluate(program, (), (), list(parameters.T))
    delays = np.stack([np.broadcast_to(v, len(parameters)) for v in found], axis=1) if found else np.empty((len(parameters), 0))
    wrong = ~((delays > 0) & np.isfinite(delays))
    if wrong.any():
        k, j = (int(i[0]) for i in np.nonzero(wrong))
        raise DeclarationError(
            f"the delay {program.labels[j]} is {delays[k, j]:g}; expected a positive number, or a system without it"
        )
    return delays


def sums_of_delays(count: int, order: int) -> np.ndarray:
    """How often each of `count` delays is in the sums of 1 to `order` of them, (S, count); of as many as `MOST_SUMS` allows.

    >>> sums_of_delays(2, 2).astype(int).tolist()
    [[1, 0], [0, 1], [2, 0], [1, 1], [0, 2]]
    """
    rows: list[list[int]] = []
    for level in range(1, order + 1):
        chosen = [[c.count(j) for j in range(count)] for c in combinations_with_replacement(range(count), level)]
        if level > 1 and len(rows) + len(chosen) > MOST_SUMS:
            break
        rows += chosen
    return np.array(rows, float).reshape(len(rows), count)


def delayed_by(delays: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums (N, S) of delays (N, m), of which each sum has so many (S, m); by the same operations for any N.

    >>> delayed_by(np.array([[0.5, 2.0]]), sums_of_delays(2, 2)).tolist()
    [[0.5, 2.0, 1.0, 2.5, 4.0]]
    """
    found = np.zeros((len(delays), len(counts)))
    for j, column in enumerate(counts.T):
        found += delays[:, j : j + 1] * column
    return found


def followed(delays: np.ndarray, order: int, span: float) -> tuple[np.ndarray, np.ndarray, float]:
    r"""Sums (N, S) of delays (N, m) at which steps end, by how many delays each is uncertain, and up to where they are all.

    Of jumps that become smoother they are sums of at most `order` delays.  Of the others they are all sums up to the end of the
    `span`, unless these are more than about M = `MOST_ECHOES`: then all up to

    .. math:: (M\, m!\, \tau_1 \cdots \tau_m)^{1/m} - (\tau_1 + \dots + \tau_m)/2

    Sums that a trajectory does not have are infinite.  So many gaps around jumps, over which states are not integrated, would
    add up if they grew with the number of delays: they are those of one delay, in whose middle the sides of a jump are told
    apart.

    >>> sums, of, end = followed(np.array([[1.0], [2.0]]), MOST_ECHOES, 4.5)
    >>> sums.tolist(), of.tolist(), end
    ([[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, inf, inf]], [1, 1, 1, 1], 4.5)
    """
    count, end = delays.shape[1], span
    if order < MOST_ECHOES or count == 0:
        counts = sums_of_delays(count, order)
        return delayed_by(delays, counts), counts.sum(axis=1), np.inf
    rows, which = np.unique(delays, axis=0, return_inverse=True)
    found = []
    for row in rows:
        most = (MOST_ECHOES * math.factorial(count) * float(np.prod(row))) ** (1 / count) - float(row.sum()) / 2
        reach = min(span, max(most, float(row.max())))
        found.append(delayed_by(row[None], _counts_within(row, reach))[0])
        end = min(end, reach)
    sums = np.full((len(rows), max(map(len, found), default=0)), np.inf)
    for k, listed in enumerate(found):
        sums[k, : len(listed)] = listed
    sums = sums[which.reshape(-1)]
    return sums, np.ones(sums.shape[1], int), end


def _counts_within(delays: np.ndarray, reach: float) -> np.ndarray:
    """How often each of the delays (m,) is in their sums up to `reach`, (S, m)."""
    rows = np.zeros((1, len(delays)))
    for j, delay in enumerate(delays):
        many = 1 + np.floor((reach - rows @ delays) / delay).clip(0).astype(np.int64)
        rows = np.repeat(rows, many, axis=0)
        rows[:, j] = np.concatenate([np.arange(k) for k in many])
    return rows[1:]


def delay_tables(
    facts: Mapping[str, Any], addresses: Sequence[int], parameters: np.ndarray, *, jumps: bool, span: float
) -> DelayTables:
    """The tables for trajectories with parameters (N, k), which the delayed values follow.

    For `jumps` there are the sums of delays within the `span` of the times.
    """
    delays = constant_delays(parameters, facts)
    arrays = {name: np.array(facts[name], np.int64) for name in ("states", "begins", "kept", "slopes", "observed")}
    shortest = delays[:, : facts["bounding"]].min(axis=1, initial=np.inf)
    longest = delays.max(axis=1, initial=0.0)
    if facts["endless"]:
        longest = np.full(len(delays), np.inf)
    sums = np.sort(followed(delays, facts["order"], span)[0], axis=1) if jumps else np.empty((len(delays), 0))
    times, history = addresses
    return DelayTables(
        times, history, first=parameters.shape[1], rated=facts["rated"], varying=facts["varying"], shortest=shortest,
        longest=longest, order=facts["order"], sums=np.ascontiguousarray(sums), **arrays,
    )  # fmt: skip
