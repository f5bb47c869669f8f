"""What kernels of samplers are made of: the nonlinear part of a model, and tables as arrays of floats."""

from __future__ import annotations

import numpy as np
from symdyn_kernels.arguments.sampler import SamplerRows
from symdyn_kernels.constants.sampler import FIRST, OUTPUT, STATE, TERMS, VALUE

from symdyn.codegen.cuda.adaptive import PARAMETERS
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.program import Program
from symdyn.system import System

__all__ = ["card_table", "sampler_device"]


def sampler_device(system: System, rest: Program, group: list[int]) -> Device:
    """The kernel of a table with this nonlinear part; `group` is the group of each state."""
    tabled = len(system.parameters) > PARAMETERS
    constants = {
        "N": len(system.states),
        "PARAMETERS": len(system.parameters),
        "FROM_TABLE": tabled,
        "TIMED": len(rest.blocks[0][1]),
        "GROUPS": max(group) + 1,
        "GROUP": tuple(group),
    }
    return Device(device_function(rest, ("tuple", "tuple", "table" if tabled else "tuple")), "sampler", constants=constants)


def card_table(rows: SamplerRows) -> np.ndarray:
    """A table as floats (R, c), a row for each of its rows, in the order of `symdyn_kernels.constants.sampler`."""
    count, groups = rows.shift.shape
    timed = rows.timed.shape[1]
    terms = np.diff(rows.begin)
    table = np.zeros((count, FIRST + timed + 2 * groups + int(terms.max(initial=0)) * (1 + groups)))
    table[:, STATE], table[:, VALUE], table[:, OUTPUT], table[:, TERMS] = rows.state, rows.value, rows.output, terms
    table[:, FIRST : FIRST + timed] = rows.timed
    table[:, FIRST + timed : FIRST + timed + groups] = rows.shift
    table[:, FIRST + timed + groups : FIRST + timed + 2 * groups] = rows.spread
    for r in range(count):
        for k, term in enumerate(range(rows.begin[r], rows.begin[r + 1])):
            place = FIRST + timed + 2 * groups + k * (1 + groups)
            table[r, place] = rows.source[term]
            table[r, place + 1 : place + 1 + groups] = rows.coefficient[term]
    return table
