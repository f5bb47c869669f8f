"""A large network as LLVM IR: for each reaction a function that changes the states and the propensities they change.

``fire(lane, y, p, a)`` calls the function of the number ``lane[0]``, through a table: reactions come first, then the window
of thinning, then what settles conditions, then for the delayed reactions what completes them, and what computes their delays.
Reactions that change the same species share the function that computes propensities, and that which evaluates triggers.  A
negative number computes everything.

The block ``y`` holds the states, then what `MARKS` names, then coefficients of inputs, then bounds of what depends on time
alone, then for each event whether its trigger was true at the previous evaluation, then for each whether it is true now.  What
events assign, and when, is in functions of `symdyn.codegen.event_program`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

import sympy as sp

from symdyn.codegen.event_program import event_facts, event_programs
from symdyn.codegen.input_paths import written_out
from symdyn.codegen.ir_functions import IRFunctions
from symdyn.codegen.jump_parts import Ingredients, guarded, start_program
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Made
from symdyn.codegen.time_bounds import TimeBounds
from symdyn.codegen.triggers import Triggers
from symdyn.models.events import Event, Schedule
from symdyn.models.reactions import ReactionNetwork

__all__ = ["fire_module"]

#: Propensities in one function, where all of them are computed: the time to compile a function grows faster than it.
SLICE = 64
#: Each set of propensities that some reaction changes has a function of its own, as long as their total length is at most
#: this multiple of that of one function for each species; a species that occurs everywhere would make them too long.
SHARED = 6
#: Values exchanged between the driver and the functions, in rows of y after the states.
MARKS = ("time", "border", "next", "stops", "turned", "wrong", "fired", "rate", "delay")
STATES, PROPENSITIES = 1, 3


def fire_module(network: ReactionNetwork, until: sp.Basic | None = None) -> Made:
    """The function ``fire`` and what `symdyn_kernels.drivers.jump_large` has to know.

    The facts ``setup``, ``rows``, ``bursts`` and ``start`` are those of `symdyn.codegen.jump_program.event_program`;
    ``starts`` and ``dependents`` are the dependency graph, rows in compressed form: of reactions, of the window of thinning,
    and of completions; ``reactions`` is the number of the former, ``memory`` the size of y; ``delayed`` has for each reaction
    its number among the delayed ones or -1, ``emptied`` for each of these whether a species loses molecules when it is
    completed; ``events`` is what `event_facts` finds, or None where nothing waits; ``places`` tells where in y are

    - the time; and the end of the window, or -1 without thinning;
    - the next moment at which time alone changes a condition, or infinity;
    - whether the trajectory stops, whether a trigger became true, whether events set an invalid number of molecules;
    - whether a reaction fired, and its propensity: these two are written where that depends on time;
    - the delay of a reaction; the coefficients of inputs and their number;
    - whether the trigger of the first event was true, and whether it is true now; those of the others follow.

    Raises
    ------
    CompileError
        For unknown terms, functions without code, and rates whose dependence on time cannot be bounded.
    """
    return _Network(network, until).made()


class _Network:
    """The module under construction."""

    def __init__(self, network: ReactionNetwork, until: sp.Basic | None) -> None:
        own, self.driven = len(network.parameters), bool(network.inputs)
        network, found = written_out(network, *(() if until is None else (until,)))
        until = found[0] if found else None
        coefficients = network.parameters[own:]
        self.network, self.until, self.time = network, until, network.time
        parts = Ingredients(network, until, range(len(network.reactions)), schedules=False, changing=coefficients)
        self.delayed = {j: c for c, j in enumerate(j for j, r in enumerate(network.reactions) if r.delay != 0)}
        self.reactions, self.bursts, self.crossings = parts.reactions, parts.bursts, parts.crossings
        self.p, self.setup = parts.p, parts.setup
        self.timed = [j for j, r in enumerate(self.reactions) if r.value.has(self.time)]
        marks = dict(zip(MARKS, (self.time, *(sp.Symbol(f"{name}'") for name in MARKS[1:])), strict=True))
        self.bounds = TimeBounds((self.reactions[j] for j in self.timed), network.states, self.time, marks["border"])
        self.truths = [sp.Symbol(f"truth{k}'") for k in range(len(network.events))]
        number, self.rest = sp.Symbol("number'"), sp.Symbol("rest'")
        nows = [sp.Symbol(f"now{k}'") for k in range(len(network.events))]
        y = [*network.states, *marks.values(), *coefficients, *self.bounds.lows, *self.bounds.highs, *self.truths, *nows]
        self.coefficients = len(coefficients)
        self.place = {s: i for i, s in enumerate(y)}
        self.mark = {name: self.place[s] for name, s in marks.items()}
        self.build = Lowering([("lane", [number, self.rest, *self.bursts.symbols]), ("y", y), ("p", self.p)])
        self.triggers = Triggers(self.build, network.states, self.time)
        self.values = [self._propensity(j) for j in range(len(self.reactions))]
        self.readers = self._readers()
        self.functions = IRFunctions(self.build)
        self._names: dict[tuple[str, tuple[int, ...]], str] = {}

    def _propensity(self, j: int) -> int:
        """What the tree holds: the propensity, or its bound where that depends on time."""
        reaction = self.reactions[j]
        return self.bounds.upper(self.build, reaction) if reaction.value.has(self.time) else guarded(self.build, reaction)

    def _readers(self) -> dict[sp.Symbol, list[int]]:
        """For each species the propensities in which it occurs, increasing."""
        readers: dict[sp.Symbol, list[int]] = {s: [] for s in self.network.states}
        for j, reaction in enumerate(self.reactions):
            for species in {*reaction.value.free_symbols, *reaction.needs} & set(readers):
                readers[species].append(j)
        return readers

    def _dependents(self, changed: Iterable[sp.Symbol]) -> list[int]:
        """The propensities that change with some species, increasing."""
        return sorted({j for s in changed for j in self.readers[s]})

    def _now(self, event: Event) -> int:
        """Whether the condition of an event holds; never of a schedule, which is none."""
        if isinstance(event.trigger, Schedule):
            return self.build.op("lt", self.build.constant(1), self.build.constant(0))
        return self.triggers.truth(event.trigger)

    def _truth(self, condition: int) -> int:
        return self.build.op("select", condition, self.build.constant(1), self.build.constant(0))

    # ---- functions that others call ------------------------------------------------------------

    def _shared(self, kind: str, key: Sequence[int], values: Sequence[int], places: Sequence[int], block: int) -> str:
        """The name of a function that is written once for each key."""
        name = self._names.get((kind, tuple(key)))
        if name is None:
            name = self._names[kind, tuple(key)] = f"{kind}{len(self._names)}"
            self.functions.add(name, values, places, block)
        return name

    def _update(self, dependents: Sequence[int]) -> list[str]:
        """Functions that compute these propensities."""
        parts = [dependents[begin : begin + SLICE] for begin in range(0, len(dependents), SLICE)]
        return [self._shared("update", part, [self.values[k] for k in part], part, PROPENSITIES) for part in parts]

    def _conditions(self, changed: Iterable[sp.Symbol]) -> list[str]:
        """Functions that evaluate the conditions which these species may change."""
        found, species = [], set(changed)
        if self.until is not None and self.until.free_symbols & species:
            found.append(self._shared("holds", (), [self._holds()], [self.mark["stops"]], STATES))
        if any(c.time.free_symbols & species for c in self.crossings):
            moment = self.triggers.next_crossing(self.crossings)
            found.append(self._shared("next", (), [moment], [self.mark["next"]], STATES))
        touched = [k for k, e in enumerate(self.network.events) if _conditions_of(e) & species]
        if touched:
            found.append(self._look(touched))
        return found

    def _holds(self) -> int:
        return self.build.constant(0) if self.until is None else self._truth(self.triggers.truth(self.until))

    def _look(self, events: Sequence[int]) -> str:
        """The function that tests whether one of these triggers became true; if none did, it stores which are true."""
        build = self.build
        now = [self.triggers.truth(self.network.events[k].trigger) for k in events]
        before = [build.value(self.truths[k]) for k in events]
        turns = [build.op("and", a, build.op("lt", b, build.constant(0.5))) for a, b in zip(now, before, strict=True)]
        turned = reduce(lambda a, b: build.op("or", a, b), turns)
        noted = [build.op("select", turned, b, self._truth(a)) for a, b in zip(now, before, strict=True)]
        places = [self.mark["turned"], *(self.place[self.truths[k]] for k in events)]
        return self._shared("look", events, [self._truth(turned), *noted], places, STATES)

    # ---- functions with a number ---------------------------------------------------------------

    def _reaction(self, j: int, shared: bool) -> str:
        """The function of a reaction, which fires only below its propensity at the time if that depends on it."""
        build, reaction = self.build, self.reactions[j]
        if j in self.delayed:
            change = self._change(f"reaction{j}", self.network.reactions[j].begun, {}, shared)
        else:
            change = self._change(f"reaction{j}", reaction.change, self.bursts.of(j), shared)
        if j not in self.timed:
            return change
        rate = guarded(build, reaction)
        fired = self._truth(build.op("lt", build.value(self.rest), rate))
        places = [self.mark["fired"], self.mark["rate"]]
        return self.functions.add(f"candidate{j}", [fired, rate], places, STATES, [change], only=True)

    def _change(self, name: str, change: Mapping[sp.Symbol, int], numbers: Mapping[sp.Symbol, sp.Expr], shared: bool) -> str:
        """The function that changes species, by fixed numbers and bursts, and what depends on them."""
        build, changed = self.build, list(dict.fromkeys((*change, *numbers)))
        new = []
        for species in changed:
            value = build.op("add", build.value(species), build.constant(change.get(species, 0)))
            new.append(build.op("add", value, build.value(numbers[species])) if species in numbers else value)
        parts = [self._dependents(changed)] if shared else [self.readers[s] for s in changed]
        after = [*(f for part in parts for f in self._update(part)), *self._conditions(changed)]
        return self.functions.add(name, new, [self.place[s] for s in changed], STATES, after)

    def _completions(self, shared: bool) -> list[str]:
        """The functions that complete the delayed reactions, then those that compute their delays."""
        listed = [(j, self.network.reactions[j]) for j in self.delayed]
        found = [self._change(f"completion{j}", r.completed, self.bursts.of(j), shared) for j, r in listed]
        place = [self.mark["delay"]]
        return found + [self.functions.add(f"delay{j}", [self.build.value(r.delay)], place, STATES) for j, r in listed]

    def _window(self) -> str:
        """The function that bounds what depends on time, from the present time to the end of the window."""
        bounds = self.bounds
        parts = [range(len(bounds.parts))[begin : begin + SLICE] for begin in range(0, len(bounds.parts), SLICE)]
        names = []
        for part in parts:
            values = [v for k in part for v in bounds.window(self.build, k)]
            places = [self.place[s] for k in part for s in (bounds.lows[k], bounds.highs[k])]
            names.append(self._shared("bounds", part, values, places, STATES))
        return self.functions.add("window", [], [], STATES, [*names, *self._update(self.timed)])

    def settle(self) -> str:
        """The function that evaluates all conditions."""
        build, events = self.build, self.network.events
        now = [self.build.value(s) for s in self.network.states]
        fine = self.triggers.integers(events, now) if events else None
        values = {
            "turned": build.constant(0),
            "wrong": build.constant(0) if fine is None else self._truth(build.op("not", fine)),
            "stops": self._holds(),
            "next": self.triggers.next_crossing(self.crossings),
        }
        truths = [self._truth(self._now(e)) for e in events]
        places = [*(self.mark[name] for name in values), *range(len(self.place) - len(events), len(self.place))]
        return self.functions.add("settle", [*values.values(), *truths], places, STATES)

    def made(self) -> Made:
        """Everything."""
        events = len(self.network.events)
        pairs = list(zip(self.network.reactions, self.reactions, strict=True))
        changes = [[*r.begun] if r.delay != 0 else [*f.change, *f.bursts] for r, f in pairs]
        later = [[*r.completed, *f.bursts] for r, f in pairs if r.delay != 0]
        graph = [self._dependents(species) for species in changes]
        shared = sum(map(len, set(map(tuple, graph)))) <= SHARED * (len(graph) + sum(map(len, self.readers.values())))
        numbered = [self._reaction(j, shared) for j in range(len(self.reactions))]
        everything = [self._window(), self.settle()]
        numbered += [*everything, *self._completions(shared)]
        graph += [self.timed, *map(self._dependents, later)]
        starts = [0]
        for found in graph:
            starts.append(starts[-1] + len(found))
        places = [*(self.mark[name] for name in MARKS), self.mark[MARKS[-1]] + 1, self.coefficients]
        places += [len(self.place) - 2 * events, len(self.place) - events]
        if not self.timed:
            places[MARKS.index("border")] = -1
        facts = {
            "large": True,
            "setup": self.setup.as_json(),
            "rows": len(self.p),
            "bursts": self.bursts.rows(self.p),
            "reactions": len(self.reactions),
            "memory": len(self.place),
            "places": places,
            "starts": starts,
            "dependents": [k for found in graph for k in found],
            "delayed": [self.delayed.get(j, -1) for j in range(len(self.reactions))],
            "emptied": [int(min(self.network.reactions[j].completed.values(), default=0) < 0) for j in self.delayed],
            "start": None if self.until is None else start_program(self.network, self.until).as_json(),
            "events": event_facts(self.network) if events or self.delayed or self.driven else None,
        }
        first = [*everything, *self._update(range(len(self.values)))]
        return Made(
            event_programs(self.network) if events else (), facts, self.functions.text("fire", numbered, first), ("fire",)
        )


def _conditions_of(event: Event) -> set[sp.Basic]:
    """Symbols of its condition."""
    return set() if isinstance(event.trigger, Schedule) else event.trigger.free_symbols
