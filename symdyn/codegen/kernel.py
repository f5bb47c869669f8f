"""Compiling a system and a method; kernels for the processor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run, Signals

from symdyn.codegen.cuda.join import PRECISIONS
from symdyn.codegen.effects import refuse_idle
from symdyn.codegen.emit_llvm import ir_source
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.families import FAMILIES, family_of
from symdyn.codegen.families.base import LANES
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.functions import BACKENDS, ModelFunctions, model_functions, programs
from symdyn.codegen.inlining import inlined_driver
from symdyn.codegen.kernel_base import Kernel, options_read
from symdyn.codegen.machine_code import Driver
from symdyn.derive.index_reduction import index_reduced
from symdyn.errors import CompileError, DeclarationError
from symdyn.identity import remembered
from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.models.spatial import SpatialSystem
from symdyn.registry import suggest
from symdyn.system import System

__all__ = [
    "LANES",
    "Batch",
    "Kernel",
    "Options",
    "Run",
    "Signals",
    "compile",
    "default_method",
    "known_kernel",
    "read_method",
    "with_options",
]

#: The first of these that applies simulates a system where no method is named.
DEFAULT_METHODS = ("dop853", "euler-maruyama", "iterate", "ssa", "branching", "rodas5p")
TARGETS = ("cpu", "cuda")


class CpuKernel(Kernel):
    """A system compiled for the processor.

    Attributes
    ----------
    backend : str
        'llvm' (fast to compile) or 'numba' (its source is what runs).
    inline : bool
        Whether the driver was compiled for this model.
    """

    target, parallel = "cpu", True

    def __init__(
        self, system: System, method: str, options: MethodOptions, *, lanes: int | str, backend: str, trajectories: int,
        inline: bool = False, until: sp.Basic | None = None,
    ) -> None:  # fmt: skip
        super().__init__(system, method, options, until=until)
        self.backend, self.inline, self._lanes = backend, inline, lanes
        self._functions: dict[int, ModelFunctions] = {}
        self._drivers: dict[int, Driver | None] = {}
        self.prepare(first := self.lanes(trajectories))  # compile now, so that errors come now
        self._facts = self._functions[first].facts  # the same for all numbers of lanes

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(
            compile, self.system, method=self.chosen, lanes=self._lanes, backend=self.backend, inline=self.inline,
            until=self.until,
        ), ()  # fmt: skip

    def lanes(self, trajectories: int) -> int:
        """Lanes used for so many trajectories: as many as there are, while their state stays in the first-level cache."""
        if self._lanes != "auto" and not self.family.alone:
            return int(self._lanes)
        return self.family.lanes(self.system, self._scheme, trajectories)

    def functions(self, lanes: int) -> ModelFunctions:
        """The model's functions for a number of lanes, compiled on first use."""
        if lanes not in self._functions:
            self._functions[lanes] = model_functions(
                self.system, self._scheme, lanes=lanes, backend=self.backend, until=self.until
            )
        return self._functions[lanes]

    @property
    def jumps(self) -> Sequence[Any] | None:
        return self._facts.get("jumps")

    @property
    def delays(self) -> Mapping[str, Any] | None:
        return self._facts.get("delays")

    def driver(self, lanes: int) -> Driver | None:
        """The driver with the model inside, if it was asked for."""
        if not self.inline:
            return None
        made = programs(self.system, self._scheme, self.until)[1]
        inlining = self.family.inlining(self.system, self._scheme, made, lanes)
        assert inlining is not None  # a family that reads `inline` has one
        return inlined_driver(self.method, inlining, made, lanes)

    def prepare(self, lanes: int, threads: int = 1) -> None:
        self.functions(lanes)
        if lanes not in self._drivers:
            self._drivers[lanes] = self.driver(lanes)

    @cached_property
    def source(self) -> str:  # type: ignore[override]
        """The generated functions as numba source; as LLVM IR where there is no other form."""
        lanes = next(iter(self._functions))
        found, made = programs(self.system, self._scheme, self.until)
        title = f"{self.method} for\n\n{self.system}"
        if made.elimination is not None:
            title += "\n\nfactor and solve work from tables, by symdyn_kernels/drivers/elimination.py, after matrix"
        return ir_source(title, made.ir) if made.ir else module_source(title, found, lanes)

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

    def launch(self, run: Run, batch: Batch, options: Options, *, signals: Signals, lanes: int | None = None) -> Run:
        """Fill the arrays of `run`; releases the interpreter's lock, so threads may launch parts of an ensemble."""
        lanes = self.lanes(len(batch.initial)) if lanes is None or self.family.alone else lanes
        self.prepare(lanes)
        found, driver = self.functions(lanes), self._drivers[lanes]
        own, constants = found.addresses, 0
        if found.facts.get("constants"):
            own, constants = own[:-1], own[-1]
        task = Launch(self.method, self._scheme, self.system, own, found.facts, lanes, options, signals, driver, constants)
        self.family.launch(run, batch, task)
        return run


def known_kernel(system: System, *, trajectories: int, **choices: Any) -> Kernel:
    """The kernel that `compile` gives, or the one that it gave before for the same object with the same arguments.

    Kernels on cards and of fields, and those of objects with options, are made anew: they may own what no two runs share.

    Parameters
    ----------
    system : System
    trajectories : int
    **choices
        The other arguments of `compile`: ``method``, ``target``, ``precision``, ``lanes``, ``inline`` and ``until``.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x")
    >>> choices = {"method": None, "target": "cpu", "precision": "float64", "lanes": "auto", "inline": False, "until": None}
    >>> known_kernel(decay, trajectories=1, **choices) is known_kernel(decay, trajectories=500, **choices)
    True
    """
    method = choices["method"]
    if choices["target"] != "cpu" or isinstance(system, SpatialSystem) or not (method is None or isinstance(method, str)):
        return compile(system, trajectories=trajectories, **choices)
    kept = _kept(system, METHODS.changes, FAMILIES.changes, os.environ.get("SYMDYN_CACHE_DIR"), *choices.items())
    if not kept:
        kept.append(compile(system, trajectories=trajectories, **choices))
    kept[0].prepare(kept[0].lanes(trajectories))
    return kept[0]


@remembered(16)
def _kept(system: System, *what: Any) -> list[Kernel]:
    """Where the kernel of a system is put that is compiled like this, for any number of trajectories."""
    return []


def default_method(system: System) -> str:
    """The method used when none is named; a stiff ODE system is then passed on to a Rosenbrock method."""
    if system.default_method is not None:
        return system.default_method
    for name in DEFAULT_METHODS:
        if METHODS[name].applies(system) is None:
            return name
    known = ", ".join(name for name in METHODS if METHODS[name].applies(system) is None)
    if system.inputs:
        raise CompileError(f"{system.inputs[0]} is an input over time, which no method for {type(system).__name__} follows")
    reasons = (METHODS[name].applies(system) for name in DEFAULT_METHODS)
    own = next((reason for reason in reasons if reason is not None and not reason.startswith("it takes")), None)
    if own is not None and not known:
        raise CompileError(f"no method can be used here: {own}")
    raise CompileError(
        f"no method is the default for a {type(system).__name__}; name one"
        + (f": {known}" if known else " that you register: none of those that are known applies")
    )


def read_method(method: Any) -> tuple[str | None, MethodOptions | None]:
    """Name and options of what ``method=`` was given, each None where it is left to the system.

    Raises
    ------
    DeclarationError
        If it is neither a name nor an object of a class of `symdyn.methods`.

    Examples
    --------
    >>> import symdyn as sd
    >>> read_method("tau"), read_method(sd.methods.Tau(epsilon=0.1))
    (('tau', None), ('tau', Tau(epsilon=0.1)))
    >>> read_method("Tsit5")[0]
    'tsit5'
    """
    if method is None or isinstance(method, str):
        return method and METHODS.spelled(method), None
    if isinstance(method, MethodOptions):
        return method.method or None, method
    hint = ""
    if isinstance(method, type) and issubclass(method, MethodOptions):
        hint = f"; {method.__name__} is a class, {method.__name__}() an object of it"
    raise DeclarationError(
        f"method is {method!r}; expected a name such as 'tau', or an object such as symdyn.methods.Tau(epsilon=0.03){hint}"
    )


def with_options(system: System, name: str | None, **values: Any) -> MethodOptions:
    """The method called `name`, or the default one, with options of these values.

    Raises
    ------
    DeclarationError
        For options that the method does not read.

    Examples
    --------
    >>> import symdyn as sd
    >>> with_options(sd.ReactionNetwork.from_text("X -> 0, k"), "tau", epsilon=0.1)
    Tau(epsilon=0.1)
    """
    name = default_method(system) if name is None else name
    refuse_idle(values, options_read(name, "cpu"), repr(name))
    return METHODS[name].options(**values)


def compile(
    system: System,
    *,
    method: str | MethodOptions | None = None,
    target: str = "cpu",
    lanes: int | str = "auto",
    backend: str = "llvm",
    precision: str = "float64",
    trajectories: int = 1,
    inline: bool = False,
    until: sp.Basic | None = None,
) -> Kernel:
    """Compile a system for a method.

    Parameters
    ----------
    system : System
    method : str or MethodOptions, optional
        A name in ``symdyn.METHODS``, or with options an object such as ``symdyn.methods.Tau(epsilon=0.03)``; by default
        'dop853' for ODEs, 'rodas5p' for those with algebraic equations, 'euler-maruyama' for SDEs, 'iterate' for maps, 'ssa'
        for reaction networks, of which an object of a class without a method, such as
        ``symdyn.methods.AdaptiveOptions(max_steps=1000)``, has the options.
    target : {'cpu', 'cuda'}
        Where it runs.  A kernel for CUDA is generated without a card too: its source, ``.ptx`` and ``.resources``.
    lanes : 'auto', 1, 8, 16 or 32
        Trajectories that one call of the driver integrates side by side.
    backend : {'llvm', 'numba'}
        Compile the functions from LLVM IR in milliseconds, or their numba source in tenths of a second.
    precision : {'float64', 'float32'}
        Of the numbers on a card.  In single precision a step rounds every state by 6e-8 of its size, and over N steps of a
        conservative problem these errors accumulate to about 6e-8 sqrt(N), at worst 6e-8 N; time stays double.
    trajectories : int
        Number of trajectories for which the lanes are chosen and the kernel is compiled; for other numbers it is compiled on
        the first call.
    inline : bool
        Compile the driver with the model inlined, for long runs of models of few equations: this takes some 10 s once for
        each model and number of lanes, and runs with bitwise equal results take half to three quarters of the time.
    until : Boolean, optional
        A condition that ends a trajectory; `symdyn.simulate` reads it from text too.

    Returns
    -------
    Kernel
        ``print(kernel)`` shows the source.

    Raises
    ------
    CompileError
        For unknown terms, methods that do not apply, targets and options that do not exist.
    DeclarationError
        For options without effect.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> kernel = sd.compile(sd.ODESystem({x: -a * x}), method="tsit5")
    >>> run = kernel([[1.0], [2.0]], [[1.0], [1.0]], [0.0, 1.0], rtol=1e-9)
    >>> run.values[:, 1, 0].round(6).tolist()  # exp(-1), 2 exp(-1)
    [0.367879, 0.735759]
    """
    if target not in TARGETS:
        near = " A card is 'cuda'." if str(target).lower() in ("gpu", "card", "device") else suggest(target, TARGETS)
        raise CompileError(f"target is {target!r}; known: {', '.join(TARGETS)}.{near}")
    if precision not in tuple(PRECISIONS):
        raise CompileError(f"precision is {precision!r}; known: {', '.join(PRECISIONS)}.{suggest(precision, PRECISIONS)}")
    if backend not in BACKENDS:
        raise CompileError(f"backend is {backend!r}; known: {', '.join(BACKENDS)}.{suggest(backend, BACKENDS)}")
    if lanes != "auto" and lanes not in LANES:
        raise CompileError(f"lanes is {lanes!r}; expected 'auto' or one of {LANES}")
    if not isinstance(inline, bool | np.bool_):
        raise CompileError(f"inline is {inline!r}; expected True or False")
    if system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise CompileError(f"the system has unknown terms ({names}); fill them in with with_terms or recover them from data")
    if isinstance(system, SpatialSystem) and system.gridless:
        raise CompileError(f"a {type(system).__name__} is compiled on a grid: system.discretize(points) gives one")
    system = index_reduced(system)
    name, options = read_method(method)
    name = default_method(system) if name is None else name
    reason = METHODS[name].applies(system)
    if reason is not None:
        raise CompileError(f"the method {name!r} cannot be used here: {reason}")
    if isinstance(system, SpatialSystem) and target != "cpu" and not hasattr(system, "card_kernel"):
        raise CompileError(
            f"a {type(system).__name__} is simulated on the processor; target={target!r} of large states is for fields on grids"
        )
    if isinstance(system, SpatialSystem) and target != "cpu" and precision != "float64":
        raise CompileError(f"precision is {precision!r}; fields on a card have float64 only: leave precision out")
    changed = {"lanes": lanes != "auto", "precision": precision != "float64", "inline": inline, "until": until is not None}
    given = [*(options.given if options else ()), *(k for k, asked in changed.items() if asked)]
    large = isinstance(system, SpatialSystem)
    where = " of fields" if large else "" if target == "cpu" else f" with target={target!r}"
    refuse_idle(given, options_read(name, "arrays" if large else target, options), f"{name!r}{where}")
    if inline and backend != "llvm":
        raise CompileError("inline=True belongs to backend='llvm'")
    if options is None or not options.method:
        options = METHODS[name].options(**(options.given if options else {}))
    reason = options.run_as(METHODS[name]).applies(system)
    if reason is not None:
        raise CompileError(f"the method {options!r} cannot be used here: {reason}")
    if isinstance(system, SpatialSystem):
        spatial: Any = system  # of which some have kernels for cards
        return (spatial.kernel if target == "cpu" else spatial.card_kernel)(name, options, until=until)
    if target == "cuda":
        if not family_of(METHODS[name]).on_device(METHODS[name]):
            known = ", ".join(m for m in METHODS if family_of(METHODS[m]).on_device(METHODS[m]))
            raise CompileError(f"the method {name!r} has no form for target='cuda'; those that have one: {known}")
        from symdyn.codegen.cuda.kernel import CudaKernel  # imports CUDA's compilers, which only this target needs

        return CudaKernel(system, name, options, precision=precision, until=until)
    return CpuKernel(system, name, options, lanes=lanes, backend=backend, trajectories=trajectories, inline=inline, until=until)
