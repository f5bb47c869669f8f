"""Exact simulation of reaction networks: for small ones an event is one program free of branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.jump import DelayedReactions, EventArguments, Groups, LargeJumpArguments, TablePlaces
from symdyn_kernels.arguments.jump import JumpArguments as Arguments
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS

from symdyn.codegen.cuda.happenings import card_stops
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.jump import jump_device
from symdyn.codegen.cuda.jump_large import MOST_QUEUED, large_jump_device, large_on_card
from symdyn.codegen.cuda.jump_queued import queued_jump_device, queued_jump_programs
from symdyn.codegen.drivers import plain_driver, plain_text
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.event_program import begun, event_tables
from symdyn.codegen.families._start import holds_at_start
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.fire import fire_module
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.input_paths import coefficient_rows
from symdyn.codegen.jump_program import event_program
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made, Program
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.jump import JumpScheme
from symdyn.system import System

__all__ = ["JUMP"]

#: Reactions up to which an event is one program: its time grows with their number, that of the tree hardly does.  One
#: trajectory at a time the tree is ahead from some 45 reactions of mass action on (`DATA`), which are data there, and a program
#: in lanes up to some 150.  With events of the network or rates in time it is a program up to `LARGER`.
DATA, LARGE, LARGER = 80, 128, 192
#: What the driver of large networks takes as it is.
TABLES = ("starts", "dependents", "changes", "changed", "exact", "called", "data", "coefficients")
#: The largest mean of a Poisson burst: exp(-mean) must not underflow.
MOST = 700


def large(system: Any) -> bool:
    """Whether candidates are found in a tree of bounds, and tested one by one, and events are not one program without branches.

    What waits, delayed reactions, events with delays or priorities and knots of inputs, does so beside the tree.
    """
    if system.delayed_reactions or system.inputs or not all(e.plain for e in system.events):
        return True
    if system.events or system.time_dependent:
        return len(system.propensities or ()) > LARGER
    count = len(system.reactions)
    return count > LARGE or (count > DATA and all(r.mass_action and not r.bursts for r in system.reactions))


class Same:
    """The facts of a model as a key that is equal to that of the same object alone."""

    __slots__ = ("facts",)

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts

    def __hash__(self) -> int:
        return id(self.facts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.facts is other.facts


@lru_cache(maxsize=4)
def _arrays(model: Same) -> dict[str, Any]:
    """Fields of `LargeJumpArguments`: to make arrays of the lists of a large network takes as long as ten thousand events."""
    facts = model.facts
    groups: dict[str, Any] = {name: v if name == "leaves" else np.array(v, np.int64) for name, v in facts["groups"].items()}
    return {
        **{name: np.array(facts[name], np.int64) for name in TABLES},
        "numbers": np.array(facts["numbers"], float),
        "groups": Groups(**groups),
        "delayed": DelayedReactions(*(np.array(facts[name], np.int64) for name in ("delayed", "emptied"))),
    }


class JumpFamily(Family):
    """Exact simulation of jumps."""

    schemes = (JumpScheme,)
    options = ("max_steps", "inline")
    max_steps = 1_000_000_000
    stops = "after every event, and where time alone changes it"
    integer = True
    largest = 2.0**53
    start = "whole"
    always_random = True
    remedies = ()
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "events, completions of delayed reactions included",
        "rejected": "candidates of thinning or, in large networks, of bounds, and moments at which time alone changes a "
        "condition, that were no events",
        "evaluations": "evaluations of all propensities",
    }

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {"accuracy": "exact"}

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        return fire_module(system, until) if large(system) else event_program(system, until)

    def rows(self, system: System, scheme: Any) -> int:
        # two sets of states and times, random numbers and their generator, rows of parameters about as many as reactions
        return 2 * (len(system.states) + 2) + 8 + len(system.parameters)

    def lanes(self, system: System, scheme: Any, trajectories: int) -> int:
        return 1 if large(system) else super().lanes(system, scheme, trajectories)

    def driver(self, method: str) -> Driver:
        return plain_driver("jump")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        return {"events": [partial(plain_driver, "jump_large", "QUEUED")]}

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        if made.facts["large"]:
            raise CompileError(
                f"inline=True is for networks whose event is one program; the {made.facts['reactions']} reactions of this one "
                "are functions of their own: leave it out"
            )
        constants = {name: int(made.facts[name]) for name in ("thinning", "results", "watch", "low", "fired", "acted")}
        constants |= {"events": made.facts["events"][0], "recorded": made.facts["events"][1]}
        return Inlining(plain_text("jump"), "chunk", {**constants, "W": lanes}, {"f": "event"})

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        run.passage[:] = np.inf
        if task.facts["large"]:
            run.aside[:, : len(task.system.events)] = 0
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        else:
            batch, acted = begun(task.system, batch)
            count, each = task.facts["events"]
            run.aside[:, :count] = acted
            if each:
                run.aside[:, count::each] = np.where(acted, batch.times[0], np.nan)
        rows, begin = self.device_batch(task.system, batch, task.facts)
        if not begin.any():
            self._run(run, batch, rows, task)
            return
        ended, wrong = begin != SUCCESS, begin > SUCCESS
        run.values[ended] = batch.initial[ended, None, :]
        run.passage[ended] = batch.times[0]
        run.values[wrong], run.passage[wrong], run.status[wrong] = np.nan, np.inf, begin[wrong]
        task.signals.done[0] += ended.sum()
        left = np.flatnonzero(~ended)
        if left.size:
            part = run.part(left)
            self._run(part, batch.part(left), rows[left], task)
            for mine, new in zip(run, part, strict=True):
                mine[left] = new

    def _run(self, run: Run, batch: Batch, rows: np.ndarray, task: Launch) -> None:
        facts, options = task.facts, task.options
        run.status[:] = SUCCESS
        if batch.times.size == 1:
            run.values[:, 0] = batch.initial
            task.signals.done[0] += len(batch.initial)
            return
        given = batch.parameters
        common: dict[str, Any] = {
            "bursts": np.array(facts["bursts"], np.int64),
            "seed": options.seed,
            "max_steps": self.limit(options),
            "batch": batch._replace(parameters=rows),
            "run": run,
            "signals": task.signals,
        }
        if facts["large"]:
            arguments = LargeJumpArguments(
                fire=task.addresses[0],
                places=TablePlaces(*facts["places"]),
                reactions=facts["reactions"],
                memory=facts["memory"],
                **_arrays(Same(facts)),
                events=self._tables(run, batch, task),
                given=np.ascontiguousarray(given),
                **common,
            )
            plain_driver("jump_large", *(("QUEUED",) if facts["events"] is not None else ())).chunk(arguments)
        else:
            f, run_of_events = (*task.addresses, 0)[:2]
            event = EventArguments(
                thinning=int(facts["thinning"]),
                results=facts["results"],
                watch=facts["watch"],
                low=facts["low"],
                fired=facts["fired"],
                acted=facts["acted"],
                events=facts["events"][0],
                recorded=facts["events"][1],
                lanes=task.lanes,
            )
            (task.driver or plain_driver("jump")).chunk(Arguments(f, run_of_events, event, **common))
        run.evaluations[:] = run.steps + run.rejected

    def _tables(self, run: Run, batch: Batch, task: Launch) -> EventTables:
        """The events of a network in the form in which the driver of large ones takes them."""
        system = task.system
        if not (system.events or system.inputs):
            return EventTables.none()
        addresses = task.addresses[1:] if system.events else (0, 0)
        given = batch.parameters[:, : len(system.parameters)]
        order = task.options.seed, batch.streams
        return event_tables(system, task.facts["events"], addresses, given, batch.times, order=order)

    def on_device(self, scheme: Any) -> bool:
        return True

    def device_programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made | None:
        if not large(system) or large_on_card(system, until):  # type: ignore[arg-type]
            return None
        return queued_jump_programs(system, until)  # type: ignore[arg-type]

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        if made.facts.get("queued"):
            return queued_jump_device(system, made)  # type: ignore[arg-type]
        if made.facts["large"]:
            return large_jump_device(system, made)  # type: ignore[arg-type]
        return jump_device(system, made)

    def device_stops(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
        if facts["large"] and facts["events"] is not None:
            return card_stops(system, facts["events"], batch, evaluated=True)
        if system.events and not facts["large"]:  # which events have acted at the first time
            return begun(system, batch)[1].astype(float)[:, :, None]
        return batch.stops

    def device_begin(self, system: System, batch: Batch) -> Batch:
        tabled = len(system.propensities or ()) > MOST_QUEUED and large_on_card(system, None)  # type: ignore[arg-type]
        # else what waits is followed from the first time on
        return begun(system, batch)[0] if system.events and (tabled or not large(system)) else batch

    def device_batch(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the block ``p``; a status where rates are no rates, and -1 where the condition holds in the beginning.

        On cards the parameters themselves, of which events and inputs are, follow where something waits.
        """
        if facts.get("queued"):
            batch = batch._replace(parameters=coefficient_rows(system, batch.parameters, batch.times))
        values = evaluate(Program.from_json(facts["setup"]), (), (), list(batch.parameters.T))
        table = np.empty((len(batch.initial), len(values)))
        for k, v in enumerate(values):
            table[:, k] = v
        rows, rates = np.ascontiguousarray(table[:, : facts["rows"]]), table[:, facts["rows"] :]
        if facts.get("queued"):
            rows = np.concatenate([rows, batch.parameters], axis=1)
        means = [k for k in facts["bursts"] if k >= 0]
        if means and rows[:, means].max() > MOST:
            raise DeclarationError(
                f"a Poisson burst has the mean {rows[:, means].max():g}; this method draws bursts of means up to {MOST}: "
                "write a larger one as the sum of several reactions or species"
            )
        begin = -holds_at_start(batch, facts).astype(np.int64)
        wrong = (~((rates >= 0) & (rates < np.inf))).any(axis=1)
        begin[wrong] = np.where((rates[wrong] < 0).any(axis=1), NEGATIVE, NOT_FINITE)
        return rows, begin


JUMP = JumpFamily()
