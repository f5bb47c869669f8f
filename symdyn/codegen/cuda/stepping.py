"""What kernels of fixed-step methods are made of: the step of a model, and the numbers for which the template is unrolled."""

from __future__ import annotations

from collections.abc import Sequence

from symdyn.codegen.cuda.adaptive import PARAMETERS
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.happenings import step_functions
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.program import Program
from symdyn.system import System

__all__ = ["eventful_stepping_device", "stepping_device", "tree_device"]


def stepping_device(system: System, step: Program, *, noises: int, integrals: int) -> Device:
    """The kernel of a step.

    Parameters
    ----------
    system : System
    step : Program
        From t, h, sqrt(h) and increments, states and parameters to new states; two states more than the system has say whether
        and when a condition ended the trajectory.
    noises : int
    integrals : int
        How many of each noise follow the increments dW: 1 for dZ, 2 for dZ and dY.
    """
    states, tabled = len(step.outputs), len(system.parameters) > PARAMETERS
    constants = {
        "STATES": states,
        "SPECIES": len(system.states),
        "STOPS": states > len(system.states),
        "PARAMETERS": len(system.parameters),
        "FROM_TABLE": tabled,
        "NOISES": noises,
        "INTEGRALS": integrals,
        "DRAWS": noises * (1 + integrals),
    }
    return Device(device_function(step, ("tuple", "tuple", "table" if tabled else "tuple")), "stepping", constants=constants)


def eventful_stepping_device(
    system: System, programs: Sequence[Program], *, noises: int, integrals: int, unit: bool, counts: bool
) -> Device:  # fmt: skip
    """The kernel of a step of a system with events or inputs.

    Parameters
    ----------
    system : System
        With its inputs written out.
    programs : sequence of Program
        The step, whose results are followed by the margins of the conditions of events; of events ``triggers`` and ``effects``;
        ``start``, if a condition ends trajectories.
    noises, integrals : int
        As of `stepping_device`.
    unit : bool
        Whether steps have the length 1.
    counts : bool
        Whether states are numbers of molecules, which no event may make negative.
    """
    step, tabled = programs[0], len(system.parameters) > PARAMETERS and not system.inputs
    made = stepping_device(system, step, noises=noises, integrals=integrals)
    states, forms = len(step.outputs) - len(system.events), ("tuple", "tuple", "table" if tabled else "tuple")
    constants, functions = step_functions(system, states, [p.name for p in programs], unit=unit, tabled=tabled)
    constants = {
        **made.constants,
        **constants,
        "STATES": states,
        "STOPS": states > len(system.states),
        "FROM_TABLE": tabled,
        "COUNTS": counts,
    }
    return Device("\n\n\n".join([*(device_function(p, forms) for p in programs), *functions]), "stepping_events",
                  constants=constants)  # fmt: skip


def tree_device(system: System, programs: Sequence[Program], powers: Sequence[int], *, noises: int, integrals: int) -> Device:
    """The kernel of steps along the tree of a Brownian path.

    Parameters
    ----------
    system : System
    programs : sequence of Program
        The step, and the leading error of one step against the tolerance.
    powers : sequence of int
        Of the errors, for each result of the latter.
    noises, integrals : int
        As of `stepping_device`.
    """
    step, bound = programs
    made = stepping_device(system, step, noises=noises, integrals=integrals)
    forms = ("tuple", "tuple", "table" if made.constants["FROM_TABLE"] else "tuple")
    return Device(
        f"{made.functions}\n\n\n{device_function(bound, forms)}", "stepping_tree", single=False,
        constants={**made.constants, "POWERS": tuple(powers)}, doubles="follows times and cells of a tree to the last bit",
    )  # fmt: skip
