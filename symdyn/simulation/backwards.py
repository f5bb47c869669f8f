r"""Integration backwards in time: the system that is reversed in time, with the times and observables of the declared one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.codegen.input_paths import input_values
from symdyn.codegen.program import Program
from symdyn.errors import DeclarationError
from symdyn.paths import PathSlope
from symdyn.simulation.frames import Frame, observe, observer
from symdyn.system import System

__all__ = ["Backward", "reversed_in_time"]


def reversed_in_time(system: System) -> tuple[System, dict[sp.Basic, sp.Basic]]:
    r"""The system of :math:`s = -t`, which is :math:`y'(s) = -f(y, p, -s)`, and what stands for time and inputs in it.

    Parameters
    ----------
    system : System
        Of rates of change, with or without inputs.

    Returns
    -------
    system : System
        Its symbol of time stands for s, and its inputs are mirrored.
    swap : dict
        From time, inputs and their slopes to what they are in the new system.

    Raises
    ------
    DeclarationError
        For systems that have no flow backwards in time, and for events.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(reversed_in_time(sd.ODESystem.from_text("x' = t - k*x"))[0])
    x' = k*x + t
    """
    beginning = "output times decrease, and integration backwards in time cannot be used here"
    if system.events:
        raise DeclarationError(
            f"{beginning}: the event '{system.events[0].heading}' replaces values at a moment, and those before it do not "
            "follow from those after it, nor does whether a condition had turned true then.  Only a fixed amount at a known "
            "time could be taken back; integrate forwards, or backwards without events from each known time to the one before"
        )
    reason = system.unmet(["drift"], ["inputs"])
    if reason is not None:
        raise DeclarationError(f"{beginning}: {reason}")
    swap: dict[sp.Basic, sp.Basic] = {system.time: -system.time}
    for path in system.inputs:
        swap[path] = mirrored = path.mirrored()
        swap[PathSlope(path)] = -PathSlope(mirrored)
    turned = system.map_expressions(dag.replacing(swap, distributed=True))
    drift = tuple(-f for f in turned.part("drift"))
    parameters = tuple(swap.get(p, p) for p in system.parameters)
    defaults = MappingProxyType({swap.get(p, p): v for p, v in system.defaults.items()})
    return turned.replace(drift=drift, parameters=parameters, defaults=defaults), swap


class Backward(Frame):
    """Initial values at the last time of a system, and variables at the times before it.

    Parameters
    ----------
    system : System
    initial : mapping, optional

    Raises
    ------
    DeclarationError
        As `reversed_in_time`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.simulate(sd.ODESystem.from_text("x' = -x; x(0) = 1"), [1, 0.5, 0], progress=False).x.values.round(4).tolist()
    [1.0, 1.6487, 2.7183]
    """

    summable = False

    def __init__(self, system: System, initial: Mapping[Any, Any] | None = None) -> None:
        turned, self._swap = reversed_in_time(system)
        super().__init__(turned, initial)
        self.declared = system

    @property
    def observer(self) -> Program | None:
        return observer(self.declared)

    def condition(self, until: sp.Basic | None) -> sp.Basic | None:
        return None if until is None else until.xreplace(self._swap)

    def labels(self, times: np.ndarray) -> np.ndarray:
        return 0.0 - times  # 0, not -0

    def observed(self, values: np.ndarray, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        labels = self.labels(times)
        inputs = input_values(self.declared, parameters, labels) if self.observer is not None else []
        return observe(self.observer, values, parameters, labels, inputs)
