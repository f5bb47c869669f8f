"""Kernels: a system and a method, compiled; called over arrays of initial values and parameters."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from symdyn.codegen.drivers import driver
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.functions import BACKENDS, ModelFunctions, model_functions, programs
from symdyn.errors import CompileError
from symdyn.methods._registry import METHODS
from symdyn.methods._runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["Kernel", "Run", "Signals", "compile", "default_method"]

LANES = (1, 8, 16, 32)
#: Bytes of state that should stay in the first-level cache.
WORKING_SET = 20_000
DEFAULT_METHODS = {"ode": "dop853", "sde": "euler-maruyama", "map": "iterate"}
TARGETS = ("cpu", "cuda")


class Run(NamedTuple):
    """What a kernel returns for N trajectories, T times and n states.

    Attributes
    ----------
    values : (N, T, n) float64
        NaN from a failure on.
    status, steps, rejected, evaluations : (N,) int64
        Status codes of `symdyn_kernels.status`; counts of accepted and rejected steps and of evaluations.
    """

    values: np.ndarray
    status: np.ndarray
    steps: np.ndarray
    rejected: np.ndarray
    evaluations: np.ndarray


class Signals(NamedTuple):
    """Shared with running kernels: set ``stop[0]`` to interrupt, read ``done[0]`` for progress."""

    stop: np.ndarray
    done: np.ndarray

    @classmethod
    def new(cls) -> Signals:
        return cls(np.zeros(1, np.int64), np.zeros(1, np.int64))


class Kernel:
    """A compiled system; make one with `symdyn.compile`.

    Attributes
    ----------
    system : System
    method : str
    target, backend : str
        'cpu'; 'llvm' (fast to compile) or 'numba' (its source is what runs).

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> kernel = sd.compile(sd.ODESystem({x: -a * x}), method="tsit5")
    >>> kernel([[1.0]], [[2.0]], [0.0, 0.5], rtol=1e-9).values.round(6).ravel().tolist()
    [1.0, 0.367879]
    """

    def __init__(self, system: System, method: str, lanes: int | str, backend: str) -> None:
        self.system, self.method, self.target, self.backend = system, method, "cpu", backend
        self._lanes = lanes
        self._scheme = METHODS[method]
        self._functions: dict[int, ModelFunctions] = {}
        self.functions(self.lanes(1 if lanes == "auto" else LANES[-1]))  # compile now, so that errors come now

    @property
    def adaptive(self) -> bool:
        """Whether the method chooses its steps."""
        return isinstance(self._scheme, (ExplicitRungeKutta, Rosenbrock))

    def lanes(self, trajectories: int) -> int:
        """Lanes used for so many trajectories: as many as there are, while their state stays in the first-level cache."""
        if self._lanes != "auto":
            return int(self._lanes)
        if trajectories == 1:
            return 1
        slots = 4 + (len(getattr(self._scheme, "dense", ())) or 2)
        fit = [
            w for w in LANES[1:] if slots * len(self.system.states) * w * 8 <= WORKING_SET and (w < 2 * trajectories or w == 8)
        ]
        return fit[-1] if fit else LANES[1]

    def functions(self, lanes: int) -> ModelFunctions:
        """The model's functions for a number of lanes, compiled on first use."""
        if lanes not in self._functions:
            self._functions[lanes] = model_functions(self.system, self._scheme, lanes=lanes, backend=self.backend)
        return self._functions[lanes]

    # ---- what it shows -------------------------------------------------------------------------

    @cached_property
    def source(self) -> str:
        """The generated functions as numba source."""
        lanes = next(iter(self._functions))
        return module_source(f"{self.method} for\n\n{self.system}", programs(self.system, self._scheme)[0], lanes)

    @property
    def path(self) -> str:
        """The file in the cache that holds the compiled functions."""
        return next(iter(self._functions.values())).path

    @property
    def cached(self) -> bool:
        """Whether the functions were in the cache before."""
        return all(f.cached for f in self._functions.values())

    @property
    def compile_seconds(self) -> float:
        """Time that generating, compiling and loading the functions took."""
        return sum(f.seconds for f in self._functions.values())

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        origin = "from the cache" if self.cached else f"compiled in {self.compile_seconds:.3f} s"
        return f"<Kernel {self.method} of {type(self.system).__name__}({', '.join(self.system.names)}), {origin}: {self.path}>"

    # ---- running it ----------------------------------------------------------------------------

    def __call__(
        self,
        initial: Any,
        parameters: Any,
        times: Any,
        *,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        max_steps: int = 1_000_000,
        detect_stiffness: bool = False,
        step: float = 1.0,
        seed: int = 0,
        streams: Any = None,
        fine: int = 1,
    ) -> Run:
        """Integrate N trajectories.

        Parameters
        ----------
        initial : (N, n) float64
        parameters : (N, k) float64
            In the order of ``system.parameters``.
        times : (T,) float64, increasing
            The first is the time of the initial values.
        rtol, atol : float
            Tolerances of adaptive methods.
        max_steps : int
            Attempted steps allowed to each trajectory.
        detect_stiffness : bool
            Stop trajectories on which an explicit method is limited by stability, with status STIFF.
        step, seed, streams, fine :
            For fixed-step methods: the longest step, the seed, the random stream of each trajectory (its index by
            default), and the number of Brownian increments that make up a step.
        """
        initial = np.ascontiguousarray(initial, dtype=np.float64)
        parameters = np.ascontiguousarray(parameters, dtype=np.float64).reshape(len(initial), len(self.system.parameters))
        times = np.ascontiguousarray(times, dtype=np.float64)
        run = self.empty(len(initial), times.size)
        options: dict[str, Any] = dict(
            rtol=rtol, atol=atol, max_steps=max_steps, detect_stiffness=detect_stiffness, step=step, seed=seed, fine=fine
        )  # fmt: skip
        streams = np.arange(len(initial)) if streams is None else streams
        return self.launch(run, initial, parameters, times, streams, signals=Signals.new(), **options)

    def empty(self, trajectories: int, times: int) -> Run:
        """Arrays for the results of so many trajectories."""
        counts = (np.zeros(trajectories, np.int64) for _ in range(4))
        return Run(np.empty((trajectories, times, len(self.system.states))), *counts)

    def launch(
        self,
        run: Run,
        initial: np.ndarray,
        parameters: np.ndarray,
        times: np.ndarray,
        streams: np.ndarray,
        *,
        signals: Signals,
        rtol: float,
        atol: float,
        max_steps: int,
        detect_stiffness: bool,
        step: float,
        seed: int,
        fine: int,
        lanes: int | None = None,
    ) -> Run:
        """Fill the arrays of `run`; releases the interpreter's lock, so threads may launch parts of an ensemble."""
        count, n = initial.shape
        lanes = lanes or self.lanes(count)
        found = self.functions(lanes)
        npar = parameters.shape[1]
        if not self.adaptive:
            noises = getattr(self.system, "noises", 0)
            driver(self.method).chunk(
                found.addresses[0], n, npar, noises, int(self._scheme.needs_dz), lanes, seed, streams, 0, count,
                initial, parameters, times, step, fine, run.values, run.status, run.steps, signals.stop, signals.done,
            )  # fmt: skip
            run.evaluations[:] = run.steps
            return run
        f, factor, solve = (*found.addresses, 0, 0)[:3]
        counts = np.zeros((count, 3), np.int64)
        if times.size == 1:
            run.values[:, 0] = initial
            signals.done[0] += count
            return run
        driver(self.method).integrate(
            f, factor, solve, n, npar, found.factors, found.rates, lanes, 0, count, initial, parameters, times, rtol, atol,
            max_steps, int(detect_stiffness), run.values, run.status, counts, signals.stop, signals.done,
        )  # fmt: skip
        run.steps[:], run.rejected[:] = counts[:, 0], counts[:, 1]
        extra = len(getattr(self._scheme, "extra", ()))
        run.evaluations[:] = 1 + self._scheme.stages * (counts[:, 0] + counts[:, 1]) + extra * counts[:, 2]
        return run


def default_method(system: System) -> str:
    """The method used when none is named; a stiff ODE system is then passed on to a Rosenbrock method."""
    return DEFAULT_METHODS[system.kind]


def compile(
    system: System,
    *,
    method: str | None = None,
    target: str = "cpu",
    lanes: int | str = "auto",
    backend: str = "llvm",
) -> Kernel:
    """Compile a system for a method.

    Parameters
    ----------
    system : System
    method : str, optional
        A name in ``symdyn.METHODS``; by default 'dop853' for ODEs, 'euler-maruyama' for SDEs, 'iterate' for maps.
    target : {'cpu'}
    lanes : 'auto', 1, 8, 16 or 32
        Trajectories that go through the processor together.
    backend : {'llvm', 'numba'}
        Compile the functions from LLVM IR in milliseconds, or their numba source in tenths of a second.

    Returns
    -------
    Kernel
        ``print(kernel)`` shows the source.

    Raises
    ------
    CompileError
        For unknown terms, methods that do not apply, targets and options that do not exist.
    """
    if target not in TARGETS:
        raise CompileError(f"target is {target!r}; known: {', '.join(TARGETS)}.{suggest(target, TARGETS)}")
    if target == "cuda":
        raise CompileError("target='cuda' is not there yet: this version generates kernels for the CPU; use target='cpu'")
    if backend not in BACKENDS:
        raise CompileError(f"backend is {backend!r}; known: {', '.join(BACKENDS)}.{suggest(backend, BACKENDS)}")
    if lanes != "auto" and lanes not in LANES:
        raise CompileError(f"lanes is {lanes!r}; expected 'auto' or one of {LANES}")
    if system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise CompileError(f"the system has unknown terms ({names}); fill them in with with_terms or recover them from data")
    name = method or default_method(system)
    reason = METHODS[name].applies(system)
    if reason is not None:
        raise CompileError(f"the method {name!r} cannot be used here: {reason}")
    return Kernel(system, name, lanes, backend)
