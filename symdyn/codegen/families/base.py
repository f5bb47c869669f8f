"""What a family of methods is: programs of a model, lanes, and the launch of a part of an ensemble through a driver."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run, Signals

from symdyn.codegen.cuda.join import Device
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.program import Made
from symdyn.errors import CompileError
from symdyn.system import System

__all__ = ["LANES", "Batch", "Family", "Launch", "Made", "Options", "Run", "Signals"]

LANES = (1, 8, 16, 32)
#: Bytes of state that should stay in the first-level cache.
WORKING_SET = 20_000


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
    detect_stiffness : bool
        Stop trajectories on which an explicit method is limited by stability, with status STIFF.
    step : float
        The longest step of a fixed-step method.
    seed : int
    fine : int
        Brownian increments that make up a step.
    epsilon : float
        Bound on the relative change of propensities in a leap.
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    max_steps: int | None = None
    max_step: float = math.inf
    detect_stiffness: bool = False
    step: float = 1.0
    seed: int = 0
    fine: int = 1
    epsilon: float = 0.03


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
    """

    method: str
    scheme: Any
    system: System
    addresses: tuple[int, ...]
    facts: Mapping[str, Any]
    lanes: int
    options: Options
    signals: Signals
    driver: ModuleType | None = None


class Family(ABC):
    """Methods that share a driver; `schemes` are the types of their entries in the registry of methods."""

    schemes: ClassVar[tuple[type, ...]]
    #: Names of the options that the methods read: those of `simulate` and `compile`, and those of the methods' own.
    options: ClassVar[tuple[str, ...]] = ()
    #: Steps allowed a trajectory unless the caller says otherwise.
    max_steps: ClassVar[int] = 1_000_000
    #: Whether the methods choose their steps by tolerances.
    adaptive: ClassVar[bool] = False
    #: When the methods evaluate the condition that ends a trajectory; empty if they do not.
    stops: ClassVar[str] = ""
    #: Whether states are whole numbers at all times: bins of histograms then have integer widths.
    integer: ClassVar[bool] = False
    #: What initial values must be: 'real', 'nonnegative' or 'whole' (numbers of molecules).
    start: ClassVar[str] = "real"
    #: What `steps`, `rejected` and `evaluations` count.
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps", "rejected": "steps that were rejected", "evaluations": "evaluations of the right-hand side"
    }  # fmt: skip
    #: What to try where trajectories fail, besides other values.
    remedies: ClassVar[tuple[str, ...]] = ("another method",)
    #: Whether the methods draw random numbers for every system; those of other families draw the numbers of the system.
    always_random: ClassVar[bool] = False

    def reads(self, scheme: Any) -> frozenset[str]:
        """Names of the options that a method reads."""
        return frozenset({*self.options, *(("until",) if self.stops else ())})

    def random(self, system: System) -> bool:
        """Whether the methods draw random numbers for a system."""
        return self.always_random or system.noises > 0

    def key(self, scheme: Any) -> str:
        """What the functions of a model depend on besides the model: methods of one key share them."""
        return scheme.name

    def details(self, scheme: Any) -> Mapping[str, str]:
        """Further counts of each trajectory by name, in the order of ``Run.details``, and what they count."""
        return {}

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        """What a dataset says about the approximations of a method: values that netCDF can hold, by name."""
        return {}

    @abstractmethod
    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        """What is generated for a model; `until` is the condition that ends a trajectory."""

    @abstractmethod
    def rows(self, system: System, scheme: Any) -> int:
        """Numbers that a lane keeps in memory at least: they decide how many lanes fit the cache."""

    def lanes(self, system: System, scheme: Any, trajectories: int) -> int:
        """Lanes for so many trajectories: as many as there are, while their state stays in the first-level cache."""
        if trajectories == 1:
            return 1
        rows = self.rows(system, scheme)
        fit = [w for w in LANES[1:] if rows * w * 8 <= WORKING_SET and (w < 2 * trajectories or w == 8)]
        return fit[-1] if fit else LANES[1]

    @abstractmethod
    def driver(self, method: str) -> ModuleType:
        """The compiled driver of a method, which is compiled on its first use ever."""

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        """How a model becomes part of the driver, or None where it cannot."""
        return None

    @abstractmethod
    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        """Fill the arrays of `run`; the driver releases the interpreter's lock."""

    # ---- on a card -----------------------------------------------------------------------------

    def on_device(self, scheme: Any) -> bool:
        """Whether a method has a form for CUDA cards."""
        return False

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        """What the kernel for a card is made of.

        Raises
        ------
        CompileError
            Where `on_device` says no.
        """
        raise CompileError(f"the method {scheme.name!r} has no form for target='cuda'")

    def device_batch(self, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """What the card is given in place of the parameters, (N, k), and the code with which each trajectory begins, (N,)."""
        return batch.parameters, np.zeros(len(batch.initial), np.int64)

    def device_stops(self, batch: Batch, facts: Mapping[str, Any], precision: str) -> np.ndarray:
        """Times at which steps stop on the card, (N, s, 2), in numbers of a precision, as `symdyn.codegen.stops` gives them."""
        return np.empty((len(batch.initial), 0, 2))

    def limit(self, options: Options) -> int:
        """The number of steps allowed a trajectory."""
        return self.max_steps if options.max_steps is None else options.max_steps
