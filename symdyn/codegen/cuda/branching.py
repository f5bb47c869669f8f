"""Kernels of branching processes: vital rates, and a template that is unrolled for the transitions and births."""

from __future__ import annotations

from symdyn.codegen.cuda.adaptive import PARAMETERS
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.program import Made
from symdyn.errors import CompileError
from symdyn.system import System

__all__ = ["branching_device"]

#: Outcomes and kinds of offspring up to which a kernel is compiled in about a minute.
MOST = 128


def branching_device(system: System, made: Made) -> Device:
    """The kernel of a branching process; a second program is the condition that ends trajectories.

    Raises
    ------
    CompileError
        For so many outcomes and kinds of offspring that the text of the kernel would take minutes to compile.
    """
    facts = made.facts
    structure = {name: tuple(values) for name, values in facts["structure"].items()}
    entries, parents = len(structure["target"]), len(structure["parent"])
    if entries + parents > MOST:
        raise CompileError(
            f"branching processes with target='cuda' are written out for every outcome and kind of offspring, up to {MOST} of "
            f"them; this one has {entries + parents}: use target='cpu'"
        )
    tabled = len(system.parameters) > PARAMETERS
    stops = len(made.programs) > 1
    numbers = {
        "species": len(system.states),
        "noises": facts["noises"],
        "groups": len(structure["source"]),
        "entries": entries,
        "births": len(structure["born"]),
        "parents": parents,
        "varying": bool(facts["varying"]),
        "absorbing": bool(facts["absorbing"]) and not stops,
        "stop": (0,),
    }
    constants = {
        "PARAMETERS": len(system.parameters),
        "FROM_TABLE": tabled,
        "STOPS": stops,
        **{f"cycle.{name}": value for name, value in {**structure, **numbers}.items()},
    }
    functions = [device_function(p, ("tuple", "tuple", "table" if tabled else "tuple")) for p in made.programs]
    return Device("\n\n\n".join(functions), "branching", single=False, constants=constants)
