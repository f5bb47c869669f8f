"""What a driver is given to do beside the trajectories: its numerical options, and the compiled model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symdyn_kernels.arguments.parts import Signals

from symdyn.codegen.machine_code import Driver
from symdyn.methods.controllers import PID
from symdyn.methods.model_statistics import ModelStatistics
from symdyn.system import System

__all__ = ["Launch", "Options"]


@dataclass(frozen=True)
class Options:
    """Numerical options of the drivers; each family reads those that have an effect on its methods.

    Attributes
    ----------
    rtol, atol : float
        Tolerances of adaptive methods.
    max_steps : int or None
        Steps (of jump processes: events and attempts) allowed a trajectory; None is the family's own limit.
    max_step : float
        The longest step of adaptive methods.
    controller : PID or None
        Of their steps; None is the controller of the method.
    detect_stiffness : bool
        Stop trajectories on which an explicit method is limited by stability, with status STIFF.
    step : float
        The longest step of a fixed-step method; infinite where a method that could take steps of one length chooses them.
    seed : int
    fine : int
        Brownian increments that make up a step.
    integrals : int
        Of a Brownian path, which its tree serves; 0 for those that the scheme reads.
    epsilon : float
        Bound on the relative change of propensities in a leap.
    nodes : tuple of float
        Ends of the steps of samplers, as distances from the first time; empty: at the output times.
    gamma : float
        The weight of a sampler that has one.
    plan : tuple of (int, str, str)
        Order, basis and prediction of each step of a sampler that has a plan; empty: those it usually has.
    statistics : ModelStatistics or None
        Of the system, for samplers that take their coefficients from it.
    corrector : bool
        Whether a sampler with a corrector uses it.
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    max_steps: int | None = None
    max_step: float = math.inf
    controller: PID | None = None
    detect_stiffness: bool = False
    step: float = 1.0
    seed: int = 0
    fine: int = 1
    integrals: int = 0
    epsilon: float = 0.03
    nodes: tuple[float, ...] = ()
    gamma: float = 1.0
    plan: tuple[tuple[int, str, str], ...] = ()
    statistics: ModelStatistics | None = None
    corrector: bool = True


@dataclass(frozen=True)
class Launch:
    """The arguments of a launch besides the batch: method, compiled functions, lanes, options and signals.

    Attributes
    ----------
    method : str
    scheme : Any
        The entry of the registry of methods.
    system : System
    addresses, facts :
        Of the compiled functions, and `Made.facts`.
    lanes : int
    options : Options
    signals : Signals
    driver : module or None
        A driver with the model inside, in place of that which all models share.
    constants : int
        Address of the function that computes further parameters from those of the system (`symdyn.codegen.hoist`), or 0.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x")
    >>> found = sd.compile(decay, method="tsit5").functions(1)
    >>> task = Launch(
    ...     "tsit5", sd.METHODS["tsit5"], decay, found.addresses, found.facts, lanes=1, options=Options(), signals=Signals.new()
    ... )
    >>> task.lanes, len(task.addresses)  # one function, the right-hand side
    (1, 1)
    """

    method: str
    scheme: Any
    system: System
    addresses: tuple[int, ...]
    facts: Mapping[str, Any]
    lanes: int
    options: Options
    signals: Signals
    driver: Driver | None = None
    constants: int = 0
