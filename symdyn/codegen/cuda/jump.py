"""What kernels of the direct method are made of: the event of a network, and the numbers for which the template is unrolled."""

from __future__ import annotations

from symdyn.codegen.cuda.adaptive import PARAMETERS
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.program import Made
from symdyn.system import System

__all__ = ["jump_device"]


def jump_device(system: System, made: Made) -> Device:
    """The kernel of an event, which `symdyn.codegen.jump_program` describes."""
    facts = made.facts
    tabled = facts["rows"] > PARAMETERS
    constants = {
        "SPECIES": len(system.states),
        "PARAMETERS": facts["rows"],
        "FROM_TABLE": tabled,
        "BURSTS": tuple(facts["bursts"]),
        "THINNING": bool(facts["thinning"]),
        "WATCH": facts["watch"],
        "LOW": facts["low"],
        "FIRED": facts["fired"],
        "ACTED": facts["acted"],
        "EVENTS": facts["events"][0],
        "RECORDED": facts["events"][1],
    }
    event = device_function(made.programs[0], ("tuple", "tuple", "table" if tabled else "tuple"))
    return Device(event, "jump", single=False, constants=constants)
