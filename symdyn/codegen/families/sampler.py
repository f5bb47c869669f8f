"""Samplers: tables of numbers that one driver runs, with the nonlinear part of a system as the generated function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.arguments.sampler import SamplerArguments, SamplerRows, SamplerSizes
from symdyn_kernels.constants.sampler import SLOTS

from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.sampler import card_table, sampler_device
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.codegen.semilinear_program import clocks_of, semilinear_programs, timed_values
from symdyn.errors import CompileError
from symdyn.methods.noisy_samplers import NoisySampler
from symdyn.methods.samplers import SamplerScheme, SamplerTable, needs_level
from symdyn.system import System

__all__ = ["NOISY_SAMPLERS", "SAMPLERS", "NoisySamplerFamily", "SamplerFamily", "packed"]

#: Options of a sampler besides the nodes, which its formula reads.
CHOICES = ("gamma", "plan", "statistics", "corrector")
LEVELS = {True: "with", False: "without", None: "with or without"}


class SamplerFamily(Family):
    """A table for the nodes, and N of the system as one function: methods with a noise level share it, as do those without."""

    schemes: ClassVar[tuple[type, ...]] = (SamplerScheme,)
    options: ClassVar[tuple[str, ...]] = ("nodes", *CHOICES)
    remedies = ("more nodes", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "rows of the table of the sampler: steps and stages",
        "rejected": "none",
        "evaluations": "evaluations of the nonlinear part",
    }

    def reads(self, scheme: Any) -> frozenset[str]:
        return super().reads(scheme) - (set(CHOICES) - set(scheme.options.__dataclass_fields__))

    def key(self, scheme: Any) -> str:
        return f"sampler, {LEVELS[scheme.level]} noise level{', each state' if scheme.by_state else ''}"

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        level = needs_level(system) is None if scheme.level is None else scheme.level
        return semilinear_programs(system, level=level, by_state=scheme.by_state)

    def rows(self, system: System, scheme: Any) -> int:
        return 8 * len(system.states)

    def driver(self, method: str) -> Driver:
        return plain_driver("sampler")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        facts, driver = task.facts, self.driver(task.method)
        for here in _alike(batch, facts):
            part, rest = (batch, run) if len(here) == len(batch.initial) else (batch.part(here), run.part(here))
            rows, slots = sampler_rows(task.scheme, facts, task.options, batch.times, part.parameters[0])
            sizes = SamplerSizes(batch.initial.shape[1], batch.parameters.shape[1], slots, task.lanes)
            driver.chunk(SamplerArguments(task.addresses[0], task.options.seed, sizes, rows, part, rest, task.signals))
            if rest is not run:
                for mine, new in zip(run, rest, strict=True):
                    mine[here] = new

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        return sampler_device(system, made.programs[0], made.facts["groups"])

    def device_table(self, scheme: Any, batch: Batch, facts: Mapping[str, Any], options: Options) -> np.ndarray:
        kinds = _alike(batch, facts)
        tables = [card_table(sampler_rows(scheme, facts, options, batch.times, batch.parameters[k[0]])[0]) for k in kinds]
        if len(tables) == 1:
            return tables[0][None]
        width = max(t.shape[1] for t in tables)
        found = np.zeros((len(batch.initial), tables[0].shape[0], width))
        for here, table in zip(kinds, tables, strict=True):
            found[here, :, : table.shape[1]] = table
        return found


def _alike(batch: Batch, facts: Mapping[str, Any]) -> list[np.ndarray]:
    """The trajectories that share a table: those with the same parameters in what depends on time alone."""
    if not facts["reads"]:
        return [np.arange(len(batch.initial))]
    kinds, members = np.unique(batch.parameters[:, facts["reads"]], axis=0, return_inverse=True)
    return [np.flatnonzero(members.ravel() == k) for k in range(len(kinds))]


def sampler_rows(
    scheme: SamplerScheme, facts: Mapping[str, Any], options: Options, times: np.ndarray, parameters: np.ndarray
) -> tuple[SamplerRows, int]:
    """The table of a method as arrays, and the slots that it takes."""
    offsets = options.nodes or tuple(times - times[0])
    key = (
        scheme.name,
        facts["mark"],
        offsets,
        *(getattr(options, name) for name in CHOICES),
        times.tobytes(),
        parameters[facts["reads"]].tobytes(),
    )
    return _rows(_Request(key, scheme, facts, options, times, parameters))


class _Request:
    """What a table depends on, compared by its key."""

    def __init__(self, key: tuple[Any, ...], *parts: Any) -> None:
        self.key, self.parts = key, parts

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Request) and self.key == other.key


@lru_cache(maxsize=64)
def _rows(request: _Request) -> tuple[SamplerRows, int]:
    scheme, facts, options, times, parameters = request.parts
    offsets = np.array(options.nodes or tuple(times - times[0]))
    nodes = times[0] + offsets
    output = np.full(len(nodes), -1)
    for k, t in enumerate(times - times[0]):
        output[int(np.argmin(np.abs(offsets - t)))] = k
    try:
        table = scheme.table(clocks_of(facts, nodes, parameters), {name: getattr(options, name) for name in CHOICES})
        finite = all(np.isfinite(c).all() for c in (*table.coefficients, table.shifts, table.spreads))
    except (ZeroDivisionError, OverflowError):
        finite = False
    if not finite:
        raise CompileError(
            f"the coefficients of {scheme.name!r} at these nodes are not finite: the linear part, or the noise level, is "
            "singular at one of them; move the first or last node"
        )
    return packed(table, np.array(facts["groups"]), output, timed_values(facts, table.times))


def packed(table: SamplerTable, group: np.ndarray, output: np.ndarray, timed: np.ndarray) -> tuple[SamplerRows, int]:
    """A table as the arrays of the driver, with a slot for each vector as long as it is needed.

    Returns
    -------
    SamplerRows
    int
        The number of slots.

    Raises
    ------
    CompileError
        If more than `SLOTS` are needed.
    """
    count = len(table.times)
    last = {(kind, r): r for r in range(count) for kind in "xn"}
    for r, terms in enumerate(table.terms):
        last |= dict.fromkeys(terms, r)
    free, slot, size = list(range(SLOTS))[::-1], {}, 0
    state, value = np.full(count, -1), np.full(count, -1)
    source: list[int] = []
    begin = [0, 0]

    def taken(key: tuple[str, int]) -> int:
        if not free:
            raise CompileError(f"the sampler keeps more than {SLOTS} vectors; it must look back fewer rows")
        slot[key] = free.pop()
        return slot[key]

    for r in range(count):
        if r:
            source += [slot[k] for k in table.terms[r]]
            begin.append(len(source))
        state[r] = taken(("x", r))
        if table.evaluated[r]:
            value[r] = taken(("n", r))
        size = max(size, SLOTS - len(free))
        free += [slot.pop(k) for k in list(slot) if last[k] <= r]
    where = np.full(count, -1)
    where[table.reached] = output
    groups = max(group) + 1
    coefficient = np.concatenate([np.empty((groups, 0)), *table.coefficients], axis=1).T
    rows = SamplerRows(
        np.array(begin), np.array(source, np.int64), np.ascontiguousarray(coefficient), np.ascontiguousarray(table.shifts),
        np.ascontiguousarray(table.spreads), state, value, where, np.ascontiguousarray(timed), np.asarray(group, np.int64),
    )  # fmt: skip
    return rows, size


class NoisySamplerFamily(SamplerFamily):
    """Samplers of stochastic equations: rows add noise from the stream of the trajectory."""

    schemes = (NoisySampler,)
    options = ("nodes",)
    always_random = True

    def reads(self, scheme: Any) -> frozenset[str]:
        return frozenset(self.options)

    def key(self, scheme: Any) -> str:
        return super().key(scheme.base)

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        return super().programs(system, scheme.base)


SAMPLERS, NOISY_SAMPLERS = SamplerFamily(), NoisySamplerFamily()
