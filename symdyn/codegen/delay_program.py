"""Delays as lane functions and tables for `symdyn_kernels.delays`: what is looked up, where, and what was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.delays import DelayTables

from symdyn.codegen.elimination import DelayedValue
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["Lagged", "constant_delays", "delay_tables", "looked_up", "sums_of_delays"]

#: Sums of delays at which steps end, of each trajectory and each jump; of many delays only sums of few are taken.
MOST_SUMS = 500


@dataclass(frozen=True)
class Lagged:
    """A system whose delayed values are parameters, after its own.

    Attributes
    ----------
    system : System
    values : tuple of DelayedValue
        In the order of those parameters; where slopes are needed each is followed by its slope.
    sloped : bool
        Whether they are needed.
    states : tuple of Symbol
        The state of each value.
    """

    system: System
    values: tuple[DelayedValue, ...]
    sloped: bool
    states: tuple[sp.Symbol, ...]

    @property
    def times(self) -> tuple[sp.Expr, ...]:
        """The different times at which states are looked up."""
        return tuple(dict.fromkeys(v.time for v in self.values))

    @property
    def kept(self) -> tuple[sp.Symbol, ...]:
        """The states whose past is needed."""
        return tuple(s for s in self.system.states if s in self.states)

    @property
    def constant(self) -> tuple[sp.Expr, ...]:
        """The delays that depend on parameters alone."""
        time = self.system.time
        found = (sp.expand(time - at) for at in self.times)
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
        constant = lower(
            "delays", [("lane", ()), ("y", ()), ("p", self.system.parameters)], self.constant, list(map(str, self.constant))
        )
        return {
            "begins": begins, "kept": places, "slopes": [k % each for k in range(len(places))],
            "states": [self.system.states.index(s) for s in kept], "order": order,
            "varying": int(len(self.constant) < len(times)), "constant": constant.as_json(),
        }  # fmt: skip


def looked_up(system: System, *, slopes: bool) -> Lagged:
    """The system with parameters in the place of its delayed values.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, X, t = sp.Symbol("x"), sp.Function("x"), sp.Symbol("t")
    >>> print(looked_up(sd.ODESystem({x: -X(t - 1)}), slopes=False).system)
    x' = -x'0
    """
    named, slopes = {s.name: s for s in system.states}, slopes or bool(system.slopes)
    places = sorted({(str(call.args[0]), call.args[0], call.func.__name__.rstrip("'")) for call in system.delays}, key=str)
    swap: dict[sp.Basic, sp.Basic] = {}
    values, symbols = [], []
    for k, (_, at, name) in enumerate(places):
        value, slope = (sp.Symbol(f"{name}'{kind}{k}") for kind in ("", "d"))
        swap |= {sp.Function(name)(at): value, sp.Function(f"{name}'")(at): slope}
        values.append(DelayedValue(value, slope, at))
        symbols += [value, slope] if slopes else [value]
    new = system.map_expressions(lambda e: e.xreplace(swap)).replace(parameters=(*system.parameters, *symbols))
    return Lagged(new, tuple(values), slopes, tuple(named[name] for _, _, name in places))


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


def delay_tables(facts: Mapping[str, Any], addresses: Sequence[int], parameters: np.ndarray, *, jumps: bool) -> DelayTables:
    """The tables for trajectories with parameters (N, k), which the delayed values follow; with sums of delays for `jumps`."""
    delays = constant_delays(parameters, facts)
    arrays = {name: np.array(facts[name], np.int64) for name in ("states", "begins", "kept", "slopes")}
    shortest, longest = delays.min(axis=1, initial=np.inf), delays.max(axis=1, initial=0.0)
    if facts["varying"]:
        longest = np.full(len(delays), np.inf)
    sums = np.sort(delays @ sums_of_delays(delays.shape[1], facts["order"] if jumps else 0).T, axis=1)
    times, history = addresses
    return DelayTables(
        times, history, first=parameters.shape[1], varying=facts["varying"], shortest=shortest, longest=longest,
        sums=np.ascontiguousarray(sums), **arrays,
    )  # fmt: skip
