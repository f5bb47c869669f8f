"""What kernels of tau-leaping are made of: functions of a network, and its stoichiometry, for which templates are unrolled."""

from __future__ import annotations

from dataclasses import replace

from symdyn.codegen.cuda.adaptive import PARAMETERS
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.happenings import step_functions
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.program import Made
from symdyn.errors import CompileError
from symdyn.system import System

__all__ = ["eventful_leaping_device", "leaping_device"]

#: Reactions up to which a kernel is compiled in about a minute.
MOST = 128


def leaping_device(system: System, made: Made) -> Device:
    """The kernel of a network; the last of the programs is the condition that ends trajectories, if there is one.

    Raises
    ------
    CompileError
        For a network of so many reactions that the text of its kernel would take minutes to compile.
    """
    facts = made.facts
    tabled = len(system.parameters) > PARAMETERS
    if len(facts["structure"]["ptr"]) > MOST + 1:
        raise CompileError(
            f"tau-leaping with target='cuda' is written out for every reaction, up to {MOST} of them; this network has "
            f"{len(facts['structure']['ptr']) - 1}: use target='cpu'"
        )
    structure = {name: tuple(values) for name, values in facts["structure"].items()}
    sizes = {
        "species": len(system.states),
        "reactions": len(structure["ptr"]) - 1,
        "bursts": len(structure["kind"]),
        "entries": len(structure["fixed"]),
        "timed": bool(facts["timed"]),
        "implicit": any(program.name == "solve" for program in made.programs),
    }
    tables = {**structure, "changed": structure["species"], "fixed": tuple(map(float, structure["fixed"]))}
    constants = {
        "PARAMETERS": len(system.parameters),
        "FROM_TABLE": tabled,
        "STOPS": facts["stops"],
        "PARTS": False,
        **{f"{owner}.{name}": value for owner in ("model", "network.model") for name, value in sizes.items()},
        **{f"network.{name}": value for name, value in tables.items()},
        "network.watched": tuple(facts["watched"]),
        "network.stop": (0,),
    }
    functions = [device_function(p, ("tuple", "tuple", "table" if tabled else "tuple")) for p in made.programs]
    return Device("\n\n\n".join(functions), "leaping", single=False, constants=constants)


def eventful_leaping_device(system: System, made: Made) -> Device:
    """The kernel of a network with events or inputs, of which these are written out.

    Raises
    ------
    CompileError
        As `leaping_device` does.
    """
    programs = tuple(replace(p, name="start") if p.name == "condition" else p for p in made.programs)
    plain = leaping_device(system, replace(made, programs=programs))
    names = [p.name for p in programs]
    constants, functions = step_functions(system, len(system.states), names, unit=False, tabled=False)
    texts = [device_function(p) for p in programs]
    return replace(
        plain, functions="\n\n\n".join([*texts, *functions]), template="leaping_events",
        constants={
            **plain.constants, **constants, "PARTS": True, "FROM_TABLE": False, "COUNTS": True, "SPECIES": len(system.states),
        },
    )  # fmt: skip
