"""A large network as LLVM IR: for each reaction a function that tests a candidate, and changes the states if it fires.

``fire(lane, y, p, a)`` calls the function of the number ``lane[0]``, through a table: reactions come first, then the window
of thinning, then what settles conditions, then for the delayed reactions what completes them, and what computes their delays,
then for each species what bounds the propensities that read it.  Reactions share functions that evaluate triggers.  A negative
number computes everything.  Reactions of mass action that no condition follows are data, and have no functions.

The block ``y`` holds the states, then what `MARKS` names, then coefficients of inputs, then for each species and for `one` the
least and the greatest number for which the bounds hold, then bounds of what depends on time alone, then for each event whether
its trigger was true at the previous evaluation, then for each whether it is true now.  What events assign, and when, is in
functions of `symdyn.codegen.event_program`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import accumulate

import sympy as sp

from symdyn.codegen.event_program import event_facts, event_programs
from symdyn.codegen.hubs import hubs
from symdyn.codegen.input_paths import written_out
from symdyn.codegen.ir_functions import IRFunctions
from symdyn.codegen.jump_parts import Ingredients, guarded, start_program
from symdyn.codegen.lower import Lowering
from symdyn.codegen.mass_action import MassAction, mass_action
from symdyn.codegen.program import Made
from symdyn.codegen.species_boxes import SpeciesBoxes
from symdyn.codegen.time_bounds import TimeBounds
from symdyn.codegen.triggers import Triggers
from symdyn.models.events import Event
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.schedules import Schedule

__all__ = ["FireNetwork", "fire_module"]

#: Propensities in one function, where all of them are computed: the time to compile a function grows faster than it.
SLICE = 64
#: Values exchanged between the driver and the functions, in rows of y after the states.
MARKS = ("one", "time", "border", "next", "stops", "turned", "wrong", "fired", "rate", "left", "delay")
STATES, PROPENSITIES = 1, 3
#: Entries of a reaction that is data: whether it is; pairs of species and less for the reactants; pairs of species and change.
REACTANTS, CHANGES = 3, 4


def fire_module(network: ReactionNetwork, until: sp.Basic | None = None) -> Made:
    """The function ``fire`` and what `symdyn_kernels.drivers.jump_large` has to know.

    The facts ``setup``, ``rows``, ``bursts`` and ``start`` are those of `symdyn.codegen.jump_program.event_program`; reactions
    are in the order of `symdyn.codegen.hubs.Hubs`, of which ``groups`` has the tables; ``starts`` and ``dependents`` tell which
    propensities in no group read each species, rows in compressed form, and last those of the window of thinning; ``changes``
    and ``changed`` which species each reaction changes, and each completion; ``exact`` has for each species whether the bounds
    of what reads it hold at its number alone; ``data`` has of each reaction 1 + 2 `REACTANTS` + 2 `CHANGES` entries, and
    ``coefficients`` the row of p that is its coefficient, or -1 - k for ``numbers[k]``; ``called`` has for each species whether
    functions bound something that reads it; ``reactions`` is the number of reactions, ``memory`` the size of y; ``delayed`` has
    for each reaction its number among the delayed ones or -1, ``emptied`` for each of these whether a species loses molecules
    when it is completed; ``events`` is what `event_facts` finds, or None where nothing waits;
    ``places`` tells where in y are

    - a number that is 1; the time; the end of the window, or -1 without thinning; the next moment at which time alone changes
      a condition, or infinity;
    - whether the trajectory stops, whether a trigger became true, whether events set an invalid number of molecules;
    - whether a candidate fired (1) or not (0, or -1 where its propensity depends on time), and its propensity;
    - whether a species has left its box, the numbers for which the bounds hold, since the driver last wrote 0 there;
    - the delay of a reaction; the coefficients of inputs and their number; the boxes, all least numbers first;
    - whether the trigger of the first event was true, and whether it is true now; those of the others follow.

    Raises
    ------
    CompileError
        For unknown terms, functions without code, and rates whose dependence on time cannot be bounded.
    """
    return FireNetwork(network, until).made()


class FireNetwork:
    """The function ``fire`` of a network, under construction.

    Parameters
    ----------
    network : ReactionNetwork
    until : Boolean or None

    Attributes
    ----------
    build : Lowering
        All that the function computes, of the blocks ``lane``, ``y`` and ``p``.
    network : ReactionNetwork
        With its inputs written out; `until` likewise.
    reactions, bursts, crossings, p, setup :
        As of `symdyn.codegen.jump_parts.Ingredients`.
    delayed : dict of int to int
        Numbers among the delayed reactions, of their numbers among all.
    place, mark : dict
        Where in ``y`` symbols are, and what `MARKS` names.
    """

    def __init__(self, network: ReactionNetwork, until: sp.Basic | None) -> None:
        own, self.driven = len(network.parameters), bool(network.inputs)
        self.hubs = hubs(network)
        network, found = written_out(network, *(() if until is None else (until,)))
        until = found[0] if found else None
        coefficients = network.parameters[own:]
        self.network, self.until, self.time = network, until, network.time
        parts = Ingredients(network, until, self.hubs.order, schedules=False, changing=coefficients)
        self.declared = [network.reactions[j] for j in self.hubs.order]
        self.delayed = {j: c for c, j in enumerate(j for j, r in enumerate(self.declared) if r.delay != 0)}
        self.reactions, self.bursts, self.crossings = parts.reactions, parts.bursts, parts.crossings
        self.p, self.setup = parts.p, parts.setup
        self.timed = [j for j, r in enumerate(self.reactions) if r.value.has(self.time)]
        marks = dict(zip(MARKS, (sp.Symbol("one'"), self.time, *(sp.Symbol(f"{name}'") for name in MARKS[2:])), strict=True))
        self.bounds = TimeBounds((self.reactions[j] for j in self.timed), network.states, self.time, marks["border"])
        self.truths = [sp.Symbol(f"truth{k}'") for k in range(len(network.events))]
        number, self.rest = sp.Symbol("number'"), sp.Symbol("rest'")
        nows = [sp.Symbol(f"now{k}'") for k in range(len(network.events))]
        self.boxes = SpeciesBoxes(self.reactions, network.states, self.time)
        (lows, highs), one = (self.boxes.lows, self.boxes.highs), [sp.Symbol(f"{end}'") for end in ("least", "most")]
        y = [*network.states, *marks.values(), *coefficients, *lows, one[0], *highs, one[1]]
        y += [*self.bounds.lows, *self.bounds.highs, *self.truths, *nows]
        self.coefficients = len(coefficients)
        self.place = {s: i for i, s in enumerate(y)}
        self.mark = {name: self.place[s] for name, s in marks.items()}
        self.build = Lowering([("lane", [number, self.rest, *self.bursts.symbols]), ("y", y), ("p", self.p)])
        self.triggers = Triggers(self.build, network.states, self.time)
        self.functions = IRFunctions(self.build)
        self._names: dict[tuple[str, tuple[int, ...]], str] = {}
        self.readers = self._readers()
        count = range(len(self.reactions))
        self.rows = [self._row(j) for j in count]
        self.data = [self.rows[j] if self._fires(j) else None for j in count]
        self.values = {j: self.bound(j) for j in count if self.data[j] is None and self.hubs.of(j) is None}

    def _row(self, j: int) -> MassAction | None:
        """A reaction whose propensity is data; None for any other."""
        found = None
        if j not in self.delayed:
            found = mass_action(self.declared[j], self.reactions[j], self.place, self.hubs.of(j))
        if found is None or len(found.reactants) > REACTANTS:
            return None
        return found if found.coefficient.is_number or found.coefficient in self.p else None

    def _fires(self, j: int) -> bool:
        """Whether candidates of a reaction that is data are tested, and fire, without a function of its own."""
        row = self.rows[j]
        return row is not None and len(row.changes) <= CHANGES and not self._conditions(self.reactions[j].change)

    def bound(self, j: int) -> int:
        """What the tree holds: a bound of the propensity, over the boxes of the species or over the window of time."""
        reaction = self.reactions[j]
        return (self.bounds if reaction.value.has(self.time) else self.boxes).upper(self.build, reaction)

    def product(self, j: int, numbers: Sequence[sp.Symbol]) -> int | None:
        """The propensity of a reaction that is data at some numbers of molecules, as drivers compute it; None for any other."""
        data = self.data[j]
        if data is None:
            return None
        return self._product(data.reactants, data.coefficient, numbers)

    def part(self, j: int) -> int | None:
        """The bound of a propensity in a group without its hub; None for any other."""
        row, grouped = self.rows[j], self.hubs.of(j) is not None
        return self._product(row.reactants[1:], row.coefficient, self.boxes.highs) if row and grouped else None

    def _product(self, reactants: Sequence[tuple[int, int]], coefficient: sp.Expr, numbers: Sequence[sp.Symbol]) -> int:
        build = self.build
        factors = [build.op("sub", build.value(numbers[i]), build.constant(less)) for i, less in reactants]
        return reduce(lambda a, b: build.op("mul", a, b), [*(factors or [build.constant(1)]), build.value(coefficient)])

    def _readers(self) -> dict[sp.Symbol, list[int]]:
        """For each species the propensities in which it occurs, increasing."""
        readers: dict[sp.Symbol, list[int]] = {s: [] for s in self.network.states}
        for j, reaction in enumerate(self.reactions):
            for species in {*reaction.value.free_symbols, *reaction.needs} & set(readers):
                readers[species].append(j)
        return readers

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

    def _update(self, dependents: Iterable[int]) -> list[str]:
        """Functions that compute these propensities, as far as they are no data."""
        dependents = [j for j in dependents if j in self.values]
        parts = [dependents[begin : begin + SLICE] for begin in range(0, len(dependents), SLICE)]
        return [self._shared("update", part, [self.values[k] for k in part], part, PROPENSITIES) for part in parts]

    def _conditions(self, changed: Iterable[sp.Symbol]) -> list[str]:
        """Functions that evaluate the conditions which these species may change."""
        return [self._shared(*listed, STATES) for listed in self.conditions(changed)]

    def conditions(self, changed: Iterable[sp.Symbol]) -> list[tuple[str, Sequence[int], list[int], list[int]]]:
        """What to evaluate where these species may have changed: kinds and keys of functions, values and their places."""
        found: list[tuple[str, Sequence[int], list[int], list[int]]] = []
        species = set(changed)
        if self.until is not None and self.until.free_symbols & species:
            found.append(("holds", (), [self._holds()], [self.mark["stops"]]))
        if any(c.time.free_symbols & species for c in self.crossings):
            found.append(("next", (), [self.triggers.next_crossing(self.crossings)], [self.mark["next"]]))
        touched = [k for k, e in enumerate(self.network.events) if _conditions_of(e) & species]
        if touched:
            found.append(("look", touched, *self._look(touched)))
        return found

    def _holds(self) -> int:
        return self.build.constant(0) if self.until is None else self._truth(self.triggers.truth(self.until))

    def _look(self, events: Sequence[int]) -> tuple[list[int], list[int]]:
        """Whether one of these triggers became true, and, if none did, which are true; and places."""
        build = self.build
        now = [self.triggers.truth(self.network.events[k].trigger) for k in events]
        before = [build.value(self.truths[k]) for k in events]
        turns = [build.op("and", a, build.op("lt", b, build.constant(0.5))) for a, b in zip(now, before, strict=True)]
        turned = reduce(lambda a, b: build.op("or", a, b), turns)
        noted = [build.op("select", turned, b, self._truth(a)) for a, b in zip(now, before, strict=True)]
        places = [self.mark["turned"], *(self.place[self.truths[k]] for k in events)]
        return [self._truth(turned), *noted], places

    # ---- functions with a number ---------------------------------------------------------------

    def _reaction(self, j: int) -> str:
        """The function of a candidate, which fires below its propensity."""
        if self.data[j] is not None:
            return self._shared("none", (), [], [], STATES)
        build, reaction = self.build, self.reactions[j]
        if j in self.delayed:
            change = self._change(f"reaction{self.hubs.order[j]}", self.declared[j].begun, {})
        else:
            change = self._change(f"reaction{self.hubs.order[j]}", reaction.change, self.bursts.of(j))
        rate = guarded(build, reaction)
        fires, refused = build.op("lt", build.value(self.rest), rate), build.constant(-1 if j in self.timed else 0)
        fired = build.op("select", fires, build.constant(1), refused)
        places = [self.mark["fired"], self.mark["rate"]]
        return self.functions.add(f"candidate{self.hubs.order[j]}", [fired, rate], places, STATES, [change], only=True)

    def _change(self, name: str, change: Mapping[sp.Symbol, int], numbers: Mapping[sp.Symbol, sp.Expr]) -> str:
        """The function that changes species, by fixed numbers and bursts, and evaluates conditions that depend on them."""
        changed = self._changed(change, numbers)
        new, places = list(changed.values()), [self.place[s] for s in changed]
        outside = [self.boxes.outside(self.build, s, v) for s, v in changed.items() if self.readers[s]]
        if outside:
            new.append(self._truth(reduce(lambda a, b: self.build.op("or", a, b), outside)))
            places.append(self.mark["left"])
        return self.functions.add(name, new, places, STATES, self._conditions(changed))

    def _changed(self, change: Mapping[sp.Symbol, int], numbers: Mapping[sp.Symbol, sp.Expr]) -> dict[sp.Symbol, int]:
        """New values of the species that change by fixed numbers and bursts."""
        build, new = self.build, {}
        for species in dict.fromkeys((*change, *numbers)):
            value = build.op("add", build.value(species), build.constant(change.get(species, 0)))
            new[species] = build.op("add", value, build.value(numbers[species])) if species in numbers else value
        return new

    def _completions(self) -> list[str]:
        """The functions that complete the delayed reactions, then those that compute their delays."""
        listed = [(j, self.declared[j]) for j in self.delayed]
        found = [self._change(f"completion{self.hubs.order[j]}", r.completed, self.bursts.of(j)) for j, r in listed]
        place = [self.mark["delay"]]
        return found + [
            self.functions.add(f"delay{self.hubs.order[j]}", [self.build.value(r.delay)], place, STATES) for j, r in listed
        ]

    def _species(self) -> list[str]:
        """The functions that bound what reads a species."""
        found = []
        for k, readers in enumerate(self.readers.values()):
            parts = self._update(readers)
            found.append(
                self.functions.add(f"species{k}", [], [], STATES, parts) if parts else self._shared("none", (), [], [], 1)
            )
        return found

    def _tables(self) -> dict[str, list[int] | list[float]]:
        """The reactions that are data, padded with `one`, which is 1 and does not change."""
        one, entries, coefficients = self.mark["one"], [], []
        numbers: dict[float, int] = {}
        rows = {s: k for k, s in enumerate(self.p)}
        for j, data in enumerate(self.rows):
            if data is None or j in self.values:
                entries += [0] * (1 + 2 * REACTANTS + 2 * CHANGES)
                coefficients.append(0)
                continue
            changes = [] if self.data[j] is None else data.changes
            pairs = [*data.reactants, *[(one, 0)] * (REACTANTS - len(data.reactants))]
            pairs += [*changes, *[(one, 0)] * (CHANGES - len(changes))]
            entries += [2 if self.data[j] is None else 1, *(x for pair in pairs for x in pair)]
            c = data.coefficient
            coefficients.append(-1 - numbers.setdefault(float(c), len(numbers)) if c.is_number else rows[c])
        called = [int(any(j in self.values for j in readers)) for readers in self.readers.values()]
        return {"data": entries, "coefficients": coefficients, "numbers": [*numbers], "called": called}

    def _window(self) -> str:
        """The function that bounds what depends on time, from the present time to the end of the window."""
        bounds = self.bounds
        parts = [range(len(bounds.parts))[begin : begin + SLICE] for begin in range(0, len(bounds.parts), SLICE)]
        names = []
        for part in parts:
            names.append(self._shared("bounds", part, *self.windowed(part), STATES))
        return self.functions.add("window", [], [], STATES, [*names, *self._update(self.timed)])

    def settled(self) -> tuple[list[int], list[int]]:
        """The values of all conditions, and their places."""
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
        return [*values.values(), *truths], places

    def windowed(self, parts: Iterable[int]) -> tuple[list[int], list[int]]:
        """Bounds of parts of propensities that depend on time alone, over the window, and their places."""
        values = [v for k in parts for v in self.bounds.window(self.build, k)]
        return values, [self.place[s] for k in parts for s in (self.bounds.lows[k], self.bounds.highs[k])]

    def moves(self) -> list[dict[sp.Symbol, int]]:
        """Of each reaction, then of each completion: the species that change, and values of their numbers."""
        listed = []
        for j, reaction in enumerate(self.reactions):
            now = self.declared[j].begun if j in self.delayed else reaction.change
            listed.append(self._changed(now, {} if j in self.delayed else self.bursts.of(j)))
        return listed + [self._changed(self.declared[j].completed, self.bursts.of(j)) for j in self.delayed]

    def made(self) -> Made:
        """Everything."""
        events = len(self.network.events)
        pairs = list(zip(self.declared, self.reactions, strict=True))
        changes = [[*r.begun] if r.delay != 0 else [*f.change, *f.bursts] for r, f in pairs]
        later = [[*r.completed, *f.bursts] for r, f in pairs if r.delay != 0]
        graph = [[j for j in found if j < self.hubs.first] for found in (*self.readers.values(), self.timed)]
        numbered = [self._reaction(j) for j in range(len(self.reactions))]
        everything = [self._window(), self.functions.add("settle", *self.settled(), STATES)]
        numbered += [*everything, *self._completions(), *self._species()]
        starts = [*accumulate(map(len, graph), initial=0)]
        rows = [[self.place[s] for s in dict.fromkeys(species) if self.readers[s]] for species in (*changes, *later)]
        places = [*(self.mark[name] for name in MARKS), self.mark[MARKS[-1]] + 1, self.coefficients]
        places.append(self.mark[MARKS[-1]] + 1 + self.coefficients)
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
            "changes": [*accumulate(map(len, rows), initial=0)],
            "changed": [k for row in rows for k in row],
            "exact": [int(s in self.boxes.exact) for s in self.network.states],
            **self._tables(),
            "groups": self.hubs.tables(self.readers, self.place),
            "delayed": [self.delayed.get(j, -1) for j in range(len(self.reactions))],
            "emptied": [int(min(self.declared[j].completed.values(), default=0) < 0) for j in self.delayed],
            "start": None if self.until is None else start_program(self.network, self.until).as_json(),
            "events": event_facts(self.network) if events or self.delayed or self.driven else None,
        }
        first = [*everything, *self._update(range(len(self.reactions)))]
        return Made(
            event_programs(self.network) if events else (), facts, self.functions.text("fire", numbered, first), ("fire",)
        )


def _conditions_of(event: Event) -> set[sp.Basic]:
    """Symbols of its condition."""
    return set() if isinstance(event.trigger, Schedule) else event.trigger.free_symbols
