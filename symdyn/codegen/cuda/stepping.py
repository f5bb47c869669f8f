"""What kernels of fixed-step methods are made of: the step of a model, and the numbers for which the template is unrolled."""

from __future__ import annotations

from symdyn.codegen.cuda.adaptive import PARAMETERS
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.program import Program
from symdyn.system import System

__all__ = ["stepping_device"]


def stepping_device(system: System, step: Program, *, noises: int, with_dz: int) -> Device:
    """The kernel of a step.

    Parameters
    ----------
    system : System
    step : Program
        From t, h, sqrt(h) and increments, states and parameters to new states; two states more than the system has say whether
        and when a condition ended the trajectory.
    noises : int
    with_dz : int
        Whether the integrals dZ follow the increments dW.
    """
    states, tabled = len(step.outputs), len(system.parameters) > PARAMETERS
    constants = {
        "STATES": states,
        "SPECIES": len(system.states),
        "STOPS": states > len(system.states),
        "PARAMETERS": len(system.parameters),
        "FROM_TABLE": tabled,
        "NOISES": noises,
        "WITH_DZ": with_dz,
        "DRAWS": noises * (1 + with_dz),
    }
    return Device(device_function(step, ("tuple", "tuple", "table" if tabled else "tuple")), "stepping", constants=constants)
