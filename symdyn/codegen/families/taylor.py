"""Taylor-series methods for ordinary differential equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.adaptive import SeriesArguments, SeriesFunctions, SeriesSizes
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Run, Tolerances

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.event_program import event_facts, event_programs, event_tables
from symdyn.codegen.families._start import integrate_rest, start_fact
from symdyn.codegen.families.adaptive import AdaptiveFamily
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.input_paths import coefficient_rows, written_out
from symdyn.codegen.lower import lower
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made, Program
from symdyn.codegen.stopping import margin_program
from symdyn.codegen.taylor_series import taylor_programs
from symdyn.dag import nodes
from symdyn.methods.series import TaylorSeries
from symdyn.system import System

__all__ = ["TAYLOR"]

#: The order that is assumed where lanes are chosen before tolerances are known.
TYPICAL_ORDER = 16


@lru_cache(maxsize=256)
def _rows(drift: tuple[sp.Expr, ...], varying: frozenset[sp.Symbol]) -> int:
    """About how many rows of coefficients each order has: one for each state, one or two for each function and quotient."""
    found, changing = len(drift), set(varying)
    for node in nodes(drift):
        if node in varying or not any(a in changing for a in node.args):
            continue
        changing.add(node)
        power = node.is_Pow and node.exp.is_Integer and node.exp > 0
        if power or node.is_Mul:
            factors = int(node.exp).bit_length() if power else sum(a in changing for a in node.args)
            found += max(0, factors - 2)
        elif not node.is_Add:
            found += 2
    return found


class TaylorFamily(Family):
    """Two functions of the model, for order 0 and for each higher order, and the pairs of rows whose products are summed."""

    schemes = (TaylorSeries,)
    options = ("rtol", "atol", "max_step", "max_steps")
    adaptive = True
    stops = AdaptiveFamily.stops
    remedies = ("looser tolerances", "'dop853', which needs only values of the right-hand side")
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps",
        "rejected": "series that were made anew with a shorter step",
        "evaluations": "series that were expanded",
    }

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {"order": scheme.order(options.rtol)}

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        declared, (system, conditions) = system, written_out(system, *(() if until is None else (until,)))
        until = conditions[0] if conditions else None
        blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
        drift = system.part("drift")
        made = taylor_programs(lower("rhs", blocks, drift, [f"d{s}/d{system.time}" for s in system.names]))
        ends: tuple[Program, ...] = () if until is None else (margin_program(system, until),)
        ends += event_programs(system) if system.events else ()
        eventful = bool(declared.events or declared.inputs)
        facts = {**made.facts, **start_fact(declared, until), "events": event_facts(system) if eventful else None}
        return replace(made, programs=(*made.programs, *ends), facts=facts)

    def rows(self, system: System, scheme: Any) -> int:
        drift = system.part("drift")
        return (TYPICAL_ORDER + 1) * _rows(drift, frozenset({*system.states, system.time}))

    def driver(self, method: str) -> Driver:
        return plain_driver("taylor")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        return {"events": [partial(plain_driver, "taylor", "EVENTS")]}

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        integrate_rest(run, batch, task, self._integrate)

    def _integrate(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options, facts = batch.initial.shape, task.options, task.facts
        counts = np.zeros((count, 3), np.int64)
        order, own, events = task.scheme.order(options.rtol), task.addresses, EventTables.none()
        if facts["events"] is not None:
            own, addresses = (own[:-2], own[-2:]) if task.system.events else (own, (0, 0))
            events = event_tables(
                task.system, facts["events"], addresses, batch.parameters, batch.times, lanes=task.lanes,
                order=(options.seed, batch.streams),
            )  # fmt: skip
            run.aside[:, : events.flags.size] = 0
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        arguments = SeriesArguments(
            SeriesFunctions(*own, *((0,) if facts["start"] is None else ())),
            SeriesSizes(n, batch.parameters.shape[1], facts["rows"], facts["kept"], order, task.lanes),
            batch,
            Tolerances(options.rtol, options.atol, options.max_step, self.limit(options)),
            run,
            counts,
            task.signals,
            events,
        )
        plain_driver("taylor", *(() if facts["events"] is None else ("EVENTS",))).chunk(arguments)
        run.steps[:], run.rejected[:] = counts[:, 0], counts[:, 1]
        run.evaluations[:] = counts[:, 0] + counts[:, 1]


TAYLOR = TaylorFamily()
