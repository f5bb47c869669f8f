"""Tau-leaping of reaction networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.networks import LeapFunctions, LeapSizes
from symdyn_kernels.arguments.networks import LeapingArguments as Arguments
from symdyn_kernels.arguments.parts import Batch, Run

from symdyn.codegen.cuda.happenings import card_stops
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.leaping import eventful_leaping_device, leaping_device
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.elimination import eliminated, lowering, without_tables
from symdyn.codegen.event_program import event_facts, event_programs, event_tables, sampled_conditions
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.input_paths import coefficient_rows, written_out
from symdyn.codegen.jump_parts import start_program
from symdyn.codegen.leap_program import (
    condition_program,
    orders_program,
    propensity_program,
    stoichiometry_arrays,
    stoichiometry_facts,
)
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made, Program
from symdyn.derive.jumps import mean_jumps
from symdyn.methods.leaping import LeapScheme
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = ["LEAPING"]

#: So many times less than epsilon species in the condition that ends trajectories change in a leap.
WATCHED = 10.0


class LeapingFamily(Family):
    """Propensities and their orders are functions, and for implicit leaps elimination and solution; stoichiometry is data."""

    schemes = (LeapScheme,)
    options = ("epsilon", "max_steps")
    max_steps = 1_000_000_000
    stops = (
        "in the beginning, after every leap, and after exact events: first_passage is late by up to a leap, in which species "
        "of the condition change by a part epsilon/10 at most"
    )
    integer = True
    start = "whole"
    always_random = True
    alone = True  # each trajectory leaps by its own lengths
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "leaps and exact events",
        "rejected": "leaps that would have made a number of molecules negative",
        "evaluations": "evaluations of all propensities",
    }

    def details(self, scheme: Any) -> Mapping[str, str]:
        found = {"leaps": "leaps", "exact_events": "events that were simulated exactly, where leaps do not pay"}
        return {**found, "implicit_leaps": "leaps across fast equilibria, of all leaps"} if scheme.implicit else found

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        if scheme.implicit:
            return {"accuracy": "explicit leaps of weak order 2; trapezoidal leaps across fast equilibria"}
        return {"accuracy": "leaps of weak order 2 in their length, which epsilon bounds", "order": 2}

    def key(self, scheme: Any) -> str:
        return f"leaping implicit={scheme.implicit}"

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        eventful = bool(system.events or system.inputs)
        system, found = written_out(system, *(() if until is None else (until,)))
        until = found[0] if found else None
        sampled = [(k, e) for k, e in enumerate(sampled_conditions(system)) if e is not None]
        looked_at = [*(() if until is None else (until,)), *(e for _, e in sampled)]
        species = {s for e in looked_at for s in e.free_symbols}
        timed = system.time in species
        structure = stoichiometry_facts(system)
        watched = [WATCHED if s in species else 0.0 for s in system.states]
        structure["pair"] = [-1 if _changes(structure, j, watched) else k for j, k in enumerate(structure["pair"])]
        facts: dict[str, Any] = {
            "structure": structure,
            "watched": watched,
            "timed": int(system.time_dependent or timed),
            "factors": 0,
        }
        made: tuple[Program, ...] = (propensity_program(system), orders_program(system))
        tables = None
        if scheme.implicit:
            build = lowering(system)
            implicit = eliminated(system, build, [build.value(e) for e in _drift(system)])
            made, tables, facts["factors"] = (*made, *implicit.programs), implicit.elimination, implicit.facts["factors"]
        if not eventful:
            made = made if until is None else (*made, start_program(system, until))
            return Made(made, {**facts, "stops": until is not None, "events": None}, elimination=tables)
        facts["events"] = event_facts(system)
        made = (*made, condition_program(system, until, sampled), *(event_programs(system) if system.events else ()))
        return Made(made, {**facts, "stops": True}, elimination=tables)

    def rows(self, system: System, scheme: Any) -> int:
        return 1

    def driver(self, method: str) -> Driver:
        return plain_driver("leaping")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        return {"events": [partial(plain_driver, "leaping", "EVENTS")]}

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        count, n = batch.initial.shape
        structure = stoichiometry_arrays(task.facts["structure"])
        reactions, bursts = structure.ptr.size - 1, structure.kind.size
        counts = np.zeros((count, 5), np.int64)
        own, tables = task.addresses, EventTables.none()
        if task.facts["events"] is not None:
            order = task.options.seed, batch.streams
            own, addresses = (own[:-2], own[-2:]) if task.system.events else (own, (0, 0))
            tables = event_tables(task.system, task.facts["events"], addresses, batch.parameters, batch.times, order=order)
            run.aside[:, : tables.flags.size] = 0
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        *functions, condition = own if task.facts["stops"] else (*own, 0)
        propensities, orders, factor, solve = (*functions, 0, 0)[:4]
        run.passage[:] = np.inf
        arguments = Arguments(
            LeapFunctions(propensities, orders, factor, solve, condition),
            LeapSizes(n, reactions, bursts, task.facts["factors"], task.facts["timed"]),
            structure,
            watched=np.array(task.facts["watched"]),
            seed=task.options.seed,
            epsilon=task.options.epsilon,
            max_steps=self.limit(task.options),
            batch=batch,
            run=run,
            counts=counts,
            signals=task.signals,
            events=tables,
        )
        plain_driver("leaping", *(() if task.facts["events"] is None else ("EVENTS",))).chunk(arguments)
        leaps, events, rejected, implicit, evaluations = counts.T
        run.steps[:], run.rejected[:], run.evaluations[:] = leaps + events, rejected, evaluations
        run.details[:] = np.stack([leaps, events, implicit], axis=1)[:, : run.details.shape[1]]

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        written = written_out(system)[0]
        made = without_tables(made, written, _drift(written))  # type: ignore[arg-type]
        return leaping_device(system, made) if made.facts["events"] is None else eventful_leaping_device(written, made)

    def device_stops(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
        return batch.stops if facts["events"] is None else card_stops(system, facts["events"], batch)

    def device_batch(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        batch = batch._replace(parameters=coefficient_rows(system, batch.parameters, batch.times))
        return super().device_batch(system, batch, facts)


def _changes(structure: Mapping[str, list[int]], reaction: int, watched: list[float]) -> bool:
    """Whether a reaction changes a species of the condition: no equilibrium of such reactions is leapt across."""
    begin, end = structure["ptr"][reaction : reaction + 2]
    return any(watched[i] for i in structure["species"][begin:end])


def _drift(network: ReactionNetwork) -> list[sp.Expr]:
    """The mean rate of change of each species."""
    rows: dict[sp.Symbol, list[sp.Expr]] = {s: [] for s in network.states}
    for reaction, propensity in zip(network.reactions, network.propensities, strict=True):
        for species, jump in mean_jumps(reaction).items():
            rows[species].append(jump * propensity)
    return [sp.Add(*terms) for terms in rows.values()]


LEAPING = LeapingFamily()
