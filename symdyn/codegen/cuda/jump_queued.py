"""What kernels of networks in which something waits are made of: what `symdyn.codegen.fire` finds of all reactions at once."""

from __future__ import annotations

from itertools import accumulate, chain
from typing import Any

import sympy as sp
from symdyn_kernels.arguments.events import KNOWN

from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.happenings import queued_functions
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.jump_large import check_tables
from symdyn.codegen.event_program import event_programs
from symdyn.codegen.fire import MARKS, FireNetwork
from symdyn.codegen.hubs import hubs_on_card
from symdyn.codegen.input_paths import written_out
from symdyn.codegen.jump_parts import guarded
from symdyn.codegen.program import Made, Program
from symdyn.models.reactions import ReactionNetwork

__all__ = ["PENDING", "queued_jump_device", "queued_jump_programs"]

#: Delayed reactions of a thread that may be under way.
PENDING = 512
#: Names of places of `symdyn_kernels.devices._queued`, of those of `MARKS`.
NAMES = {"one": "ONE", "time": "NOW", "border": "ENDS", "next": "SOONEST", "stops": "STOPPED", "turned": "TURNED",
         "wrong": "WRONG"}  # fmt: skip
#: Functions whose results are numbers in the block `y`.
STORED = ("window", "settle", "check")


def queued_jump_programs(network: ReactionNetwork, until: sp.Basic | None) -> Made:
    """The functions of `symdyn_kernels.devices._queued`, and the facts of `symdyn.codegen.fire.fire_module`."""
    count = len(network.reactions)
    parts = FireNetwork(network, until)
    facts = parts.made().facts
    build, delayed = parts.build, [parts.declared[j].delay for j in parts.delayed]
    checked = parts.conditions(parts.network.states)
    window, settled = parts.windowed(range(len(parts.bounds.parts))), parts.settled()
    check = [*chain(*(values for *_, values, _ in checked))], [*chain(*(places for *_, places in checked))]
    moves = parts.moves()
    results: dict[str, list[int]] = {
        "rates": [parts.product(j, parts.network.states) or guarded(build, r) for j, r in enumerate(parts.reactions)],
        "bounds": [parts.part(j) or parts.product(j, parts.boxes.highs) or parts.bound(j) for j in range(count)],
        "window": window[0], "settle": settled[0], "check": check[0],
        "changes": [v for row in moves for v in row.values()],
        "lags": [build.value(e) for e in delayed],
    }  # fmt: skip
    programs = [build.program(name, values, [name] * len(values)) for name, values in results.items()]
    programs += event_programs(parts.network) if parts.network.events else ()
    own = {
        "moves": [[parts.place[s] for s in row] for row in moves],
        "stored": {"window": window[1], "settle": settled[1], "check": check[1]},
        "timed": parts.timed,
        "exact": [int(s in parts.boxes.exact) for s in parts.network.states],  # as the bounds of all reactions need it
        "marks": parts.mark,
    }
    return Made(tuple(programs), {**facts, **own, "queued": True})


def queued_jump_device(network: ReactionNetwork, made: Made) -> Device:
    """The kernel of a network in which something waits."""
    facts, given = made.facts, len(network.parameters)
    network = written_out(network)[0]
    own = len(network.parameters)
    count = facts["reactions"]
    groups, further = hubs_on_card(facts["groups"])
    places = facts["places"]
    flags = [bool(f & KNOWN) for f in (facts["events"] or {"flags": []})["flags"]]
    tables = {
        "READER_STARTS": facts["starts"], "READERS": facts["dependents"], "NUMBERS": facts["delayed"],
        "EMPTIED": facts["emptied"], "MOVE_STARTS": [*accumulate(map(len, facts["moves"]), initial=0)],
        "MOVED": [*chain(*facts["moves"])], "CHANGE_STARTS": facts["changes"], "CHANGED": facts["changed"],
        "FIXED": facts["exact"], "IN_TIME": [int(j in facts["timed"]) for j in range(count)], **further,
    }  # fmt: skip
    check_tables(count, [*chain(*tables.values())])
    begins = dict(zip(tables, accumulate(map(len, tables.values()), initial=0), strict=False))
    waiting, functions = queued_functions(network, flags)
    constants: dict[str, Any] = {
        "SPECIES": len(network.states), "REACTIONS": count, "HOISTED": facts["rows"], "OWN": own,
        "OWN_ROOM": max(1, own), "LANE": 2 + len(facts["bursts"]),
        "COEFFICIENTS": own - given, "MEMORY": facts["memory"], **groups,
        "RESULTS": max(1, *(len(p.outputs) for p in made.programs if p.name not in STORED)), "TIMED": len(facts["timed"]),
        **{name: facts["marks"][mark] for mark, name in NAMES.items()},
        **dict(zip(("INPUTS", "BOXES", "HELD", "HOLDS"), (places[len(MARKS)], *places[-3:]), strict=True)),
        **begins, "TABLE": f"np.array({[*chain(*tables.values())] or [0]}, np.int16)",
        "PENDING": PENDING if any(d >= 0 for d in facts["delayed"]) else 1,
        **{name: value for name, value in waiting.items() if name != "FRAGILE"},
    }  # fmt: skip
    flagged = {
        "GROUPED": groups["GROUPED"], "THINNING": bool(facts["timed"]),
        "EVENTFUL": bool(network.events), "DELAYED": bool(facts["emptied"]),
        "WAITS": facts["events"] is not None, "CHECKED": bool(facts["stored"]["check"]), "FRAGILE": waiting["FRAGILE"],
        "BURSTS": tuple(facts["bursts"]),
    }  # fmt: skip
    text = "\n".join(f"{name} = {value}" for name, value in constants.items())
    texts = [_function(p, facts["stored"].get(p.name)) for p in made.programs]
    if not network.events:
        texts += [f"def {name}(lane, y, p, out):\n    return" for name in ("triggers", "effects")]
    return Device("\n\n\n".join([text, *texts, *functions]), "jump_queued", single=False, constants=flagged)


def _function(program: Program, places: list[int] | None) -> str:
    """A function of `lane`, `y` and parameters that stores its results; events are given those of the model."""
    own = program.name in ("triggers", "effects")
    return device_function(program, ("tuple", "tuple", "tuple" if own else "table"), "array", places)
