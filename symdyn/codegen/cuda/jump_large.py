"""What kernels of the rejection method for large networks are made of: tables of mass action, which the template reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import sympy as sp

from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.event_program import event_programs, event_rows
from symdyn.codegen.hoist import Hoisting
from symdyn.codegen.hubs import hubs, hubs_on_card
from symdyn.codegen.mass_action import mass_action
from symdyn.codegen.program import Made, Program
from symdyn.codegen.propensities import hoisted_propensities
from symdyn.errors import CompileError
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.schedules import Schedule

__all__ = ["MOST_QUEUED", "check_tables", "large_jump_device", "large_on_card"]

#: Bytes of the constants of a kernel: the limit of all cards.
CONSTANT_MEMORY = 65_536
#: Reactions up to which all propensities of a network are computed for every candidate even if nothing waits that tables lack,
#: and up to which they are if something does: a thread keeps some 75 bytes for each, 48 KB of 512.
MOST_QUEUED, MOST_COMPUTED = 96, 512
NEVER = "def start(lane, y, p):\n    return (0.0,)"


def large_on_card(network: ReactionNetwork, until: sp.Basic | None) -> bool:
    """Whether the kernel of a large network is that of tables: of mass action where nothing waits, but for what tables hold."""
    count, plain = len(network.reactions), all(r.mass_action and not r.bursts for r in network.reactions)
    plain = plain and not (network.inputs or network.delayed_reactions or network.time_dependent)
    if count > MOST_QUEUED:
        known = all(isinstance(e.trigger, Schedule) and e.plain for e in network.events)
        return (plain and known) or count > MOST_COMPUTED
    timed = until is not None and network.time in until.free_symbols
    return plain and not (network.events or timed)


def large_jump_device(network: ReactionNetwork, made: Made) -> Device:
    """The kernel of a large network; parameters, dependents and the condition are those of `symdyn.codegen.fire`.

    Raises
    ------
    CompileError
        For events that are not at known times, or wait; for a condition on time; for a reaction that is delayed, is not of mass
        action at a constant rate, or has bursts; for inputs; for more reactions than constant memory holds.
    """
    facts = made.facts
    stops = facts["start"] is not None
    some = f"of networks of more than {MOST_COMPUTED} reactions"
    if others := [e for e in network.events if not (isinstance(e.trigger, Schedule) and e.plain)]:
        raise CompileError(
            f"target='cuda' follows events {some} at known times alone, without delays and priorities, unlike ({others[0]}): "
            "use target='cpu'"
        )
    if network.inputs or network.delayed_reactions:
        what = "inputs" if network.inputs else "delayed reactions"
        raise CompileError(
            f"target='cuda' follows no {what} {some}, and this one has {len(network.reactions)}: a thread would compute the "
            "propensities of all at every event, as no card calls a function by its number; use target='cpu', which computes "
            "those that change, or leave out or lump reactions"
        )
    if stops and _reads_time(Program.from_json(facts["start"])):
        raise CompileError(
            f"target='cuda' stops networks of more than {MOST_QUEUED} reactions at conditions on their states alone, "
            f"without {network.time}: use target='cpu'"
        )
    rows = Program.from_json(facts["setup"]).labels[: facts["rows"]]
    place = {s: k for k, s in enumerate(network.states)}
    hoisting = Hoisting(network.parameters, [*network.states, network.time])
    coefficients: list[int] = []
    numbers: dict[float, int] = {}
    reactants: list[list[tuple[int, int]]] = []
    changes: list[list[tuple[int, int]]] = []
    shared, propensities = hubs(network), hoisted_propensities(network, hoisting)
    for k, j in enumerate(shared.order):
        reaction = network.reactions[j]
        data = mass_action(reaction, propensities[j], place, shared.of(k))
        if data is None:
            raise CompileError(
                f"target='cuda' follows networks of more than {MOST_COMPUTED} reactions by mass action at constant rates "
                f"alone, which {reaction} is not: use target='cpu'"
            )
        coefficient = data.coefficient
        number = coefficient.is_number
        row = -1 - numbers.setdefault(float(coefficient), len(numbers)) if number else rows.index(coefficient.name)
        coefficients.append(row)
        reactants.append(data.reactants)
        changes.append(data.changes)
    count = len(network.reactions)
    groups, tables = hubs_on_card(facts["groups"])
    table = _Table()
    table.add("COEFFICIENTS", coefficients)
    table.add_pairs("REACTANT_STARTS", "REACTANTS", "LESS", reactants)
    table.add_pairs("CHANGE_STARTS", "CHANGED", "CHANGES", changes)
    table.add("DEPENDENT_STARTS", facts["starts"][: len(place) + 1])
    table.add("DEPENDENTS", facts["dependents"][: facts["starts"][len(place)]])
    for name, values in tables.items():
        table.add(name, values)
    check_tables(count, table.entries, 8 * len(numbers))
    constants = {
        "SPECIES": len(place), "MOLECULES": 3 * len(place), **groups,
        "STOPS": stops, "SCHEDULED": bool(network.events), **table.begins, "TABLE": f"np.array({table.entries}, np.int16)",
        "NUMBERS": f"np.array({list(numbers) or [0.0]})",
    }  # fmt: skip
    text = "\n".join(f"{name} = {value}" for name, value in constants.items())
    condition = device_function(_in_rows(facts["start"], rows), ("tuple", "tuple", "table")) if stops else NEVER
    functions = [condition, *_doses(network, rows)]
    return Device("\n\n\n".join([text, *functions]), "jump_large", single=False)


def check_tables(reactions: int, entries: Sequence[int], further: int = 0) -> None:
    """Refuse tables that constant memory does not hold beside some `further` bytes.

    Raises
    ------
    CompileError
        With both sizes.
    """
    needed = 2 * len(entries) + further
    if needed > CONSTANT_MEMORY or max(map(abs, entries), default=0) >= 2**15:
        raise CompileError(
            f"the {reactions} reactions take {needed:,} bytes of tables, of which target='cuda' has {CONSTANT_MEMORY:,}: "
            "use target='cpu'"
        )


def _doses(network: ReactionNetwork, rows: Sequence[str]) -> list[str]:
    """What events assign, and to what, where they happen at known times."""
    if not network.events:
        return ["def effects(lane, y, p):\n    return (0.0,)", "def assign(e, new, memory):\n    return"]
    effects, found = event_programs(network)[1], event_rows(network)
    lines = ["def assign(e, new, memory):"]
    for k, (begin, end) in enumerate(pairwise(found["first"])):
        lines += [f"    if e == {k}:", *(f"        memory[{found['targets'][j]}] = new[{j}]" for j in range(begin, end))]
    return [device_function(_in_rows(effects.as_json(), rows), ("tuple", "tuple", "table")), "\n".join(lines)]


def _reads_time(condition: Program) -> bool:
    return any(o.op == "input" and o.args[0] == 0 for o in condition.operations)


def _in_rows(start: Any, rows: Sequence[str]) -> Program:
    """The condition in terms of the rows of the parameters that the kernel is given."""
    program = Program.from_json(start)
    names = program.blocks[2][1]
    operations = tuple(
        o._replace(args=(2, rows.index(names[o.args[1]]))) if o.op == "input" and o.args[0] == 2 else o
        for o in program.operations
    )
    return replace(program, blocks=(*program.blocks[:2], ("p", tuple(rows))), operations=operations)


class _Table:
    """Tables one after the other, and where each begins."""

    def __init__(self) -> None:
        self.entries: list[int] = []
        self.begins: dict[str, int] = {}

    def add(self, name: str, values: Sequence[int]) -> None:
        self.begins[name] = len(self.entries)
        self.entries += values

    def add_pairs(self, starts: str, first: str, second: str, lists: Sequence[Sequence[tuple[int, int]]]) -> None:
        self.add(starts, [*accumulate(map(len, lists), initial=0)])
        self.add(first, [a for pairs in lists for a, _ in pairs])
        self.add(second, [b for pairs in lists for _, b in pairs])
