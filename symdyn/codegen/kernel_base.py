"""Kernels: a system and a method, compiled; called over arrays of initial values and parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from html import escape
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run, Signals

from symdyn.codegen.delay_program import observed_delays
from symdyn.codegen.event_program import recorded
from symdyn.codegen.families import family_of
from symdyn.codegen.families.task import Options
from symdyn.codegen.history_span import check_beginning
from symdyn.codegen.stops import stops_within
from symdyn.errors import DeclarationError
from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.system import System

__all__ = ["Kernel", "options_read"]

#: What only one of the targets reads.
CPU, CUDA = frozenset({"inline", "lanes", "threads"}), frozenset({"precision"})
#: What simulations on a kernel read, whatever the method.
ALWAYS = frozenset({"chunk", "executor", "reduce", "seed", "store", "target", "trajectories"})
#: Options that datasets record besides those of the method itself.
RECORDED = ("step", "rtol", "atol")
TOLERANCES = frozenset({"rtol", "atol"})
#: The method for stiff ordinary differential equations.
STIFF_METHOD = "rodas5p"


def options_read(name: str, target: str, options: MethodOptions | None = None) -> frozenset[str]:
    """Names of the options that a method reads on a target: 'cpu', 'cuda', or 'arrays', the array loops of large states.

    What else has an effect beside `options` of the method, such as a source of increments, is included.
    """
    scheme = METHODS[name] if options is None else options.run_as(METHODS[name])
    found = ALWAYS | family_of(scheme).reads(scheme)
    if target == "arrays":
        return found - CPU - CUDA - {"brownian_step", "brownian"} | {"threads", "until", "max_steps"}
    return found - CPU | CUDA if target == "cuda" else found | CPU - {"inline"}


class Kernel(ABC):
    """A compiled system; make one with `symdyn.compile`.

    Attributes
    ----------
    system : System
    method : str
    options : MethodOptions
        The options of the method.
    target : str
        'cpu' or 'cuda'.
    until : Boolean or None
        The condition that ends a trajectory.
    precision : str
        Of the numbers: 'float64', or on a card 'float32'.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> kernel = sd.compile(sd.ODESystem({x: -a * x}), method="tsit5")
    >>> kernel([[1.0]], [[2.0]], [0.0, 0.5], rtol=1e-9).values.round(6).ravel().tolist()
    [1.0, 0.367879]
    """

    target: ClassVar[str]
    counts_events: bool = True
    #: Whether parts of an ensemble may be launched from several threads.
    parallel: ClassVar[bool]
    #: Whether a single trajectory takes long and much memory, as those of fields do.
    large: ClassVar[bool] = False
    #: Whether the driver was compiled for this model alone.
    inline: bool = False

    def __init__(
        self, system: System, method: str, options: MethodOptions, *, until: sp.Basic | None, precision: str = "float64"
    ) -> None:
        self.system, self.method, self.options, self.until, self.precision = system, method, options, until, precision
        self._scheme = options.run_as(METHODS[method])
        self.family = family_of(self._scheme)

    @property
    def chosen(self) -> str | MethodOptions:
        """What ``method=`` takes to choose this method with its options."""
        return self.options if self.options.method else self.method

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names of the options of simulations that have an effect."""
        return options_read(self.method, self.target, self.options)

    def reads_with(self, given: Collection[str]) -> frozenset[str]:
        """Names of the options that have an effect beside those that are given: with ``step`` there are no tolerances.

        Parameters
        ----------
        given : collection of str

        Returns
        -------
        frozenset of str

        Examples
        --------
        >>> import symdyn as sd
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> "rtol" in kernel.reads_with(["rtol", "atol"])
        True
        """
        return self.reads - TOLERANCES if "step" in given and "step" in self.reads else self.reads

    @property
    def adaptive(self) -> bool:
        """Whether the method chooses its steps by tolerances."""
        return self.family.adaptive

    @property
    def title(self) -> str:
        """The method in messages."""
        return repr(self.method)

    def titled(self, reads: Collection[str]) -> str:
        """The method in messages about options that it does not read, with what keeps it from reading them.

        Parameters
        ----------
        reads : collection of str
            What it reads beside the options that are given.

        Returns
        -------
        str

        Examples
        --------
        >>> import symdyn as sd
        >>> kernel = sd.compile(sd.SDESystem.example(), method="heun")
        >>> kernel.titled(kernel.reads)
        "'heun' without brownian='tree'"
        """
        if reads != self.reads:
            return f"{self.title} in steps of one length"
        return f"{self.title}{self.family.lacks(self._scheme)}"

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to try where trajectories fail, besides other values."""
        return self.family.remedies

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages of symdyn besides `codegen` on whose sources the numbers depend."""
        own, *_ = __name__.split(".")
        names = {tuple(cls.__module__.split(".")[:2]) for cls in type(self).__mro__}
        return tuple(sorted(name for root, *rest in names for name in rest if root == own and name != "codegen"))

    @property
    def stiff_method(self) -> str:
        """The method that trajectories are passed on to if the default method finds them stiff."""
        return STIFF_METHOD

    @property
    def stochastic(self) -> bool:
        """Whether a seed matters."""
        return self.family.random(self.system)

    @property
    def counted(self) -> dict[str, str]:
        """What the counts of each trajectory are: ``steps``, ``rejected``, ``evaluations`` and further ones of the method."""
        return {**self.family.counted, **self.details}

    @property
    def stopping(self) -> str:
        """Where the condition that ends trajectories is checked."""
        return self.family.stops

    @property
    def details(self) -> dict[str, str]:
        """Those further counts, and what they count."""
        return dict(self.family.details(self._scheme))

    def facts(self, options: Options) -> dict[str, Any]:
        """The attributes of a dataset about the method: the options that have an effect, and its approximations.

        Parameters
        ----------
        options : Options
            Numerical options of the driver.

        Returns
        -------
        dict of str to value
            Values that netCDF can store.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.codegen.families.task import Options
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> kernel.facts(Options(rtol=1e-8))
        {'method': 'tsit5', 'rtol': 1e-08, 'atol': 1e-09}
        """
        reads = self.reads_with(["step"]) if math.isfinite(options.step) else self.reads - {"step"}
        recorded = {name: getattr(options, name) for name in RECORDED if name in reads}
        return {"method": self.method, **self.options.recorded, **recorded, **self.family.facts(self._scheme, options)}

    @abstractmethod
    def lanes(self, trajectories: int) -> int:
        """Lanes that a number of trajectories is integrated in.

        Parameters
        ----------
        trajectories : int

        Returns
        -------
        int
            1, 8, 16 or 32; with ``lanes='auto'`` the most whose states fit into the first-level cache.

        Examples
        --------
        >>> import symdyn as sd
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> kernel.lanes(1), kernel.lanes(1000)
        (1, 32)
        """

    @abstractmethod
    def prepare(self, lanes: int, threads: int = 1) -> None:
        """Compile the functions for a number of lanes unless this was done already, so that threads need not.

        Parameters
        ----------
        lanes : int
            1, 8, 16 or 32.
        threads : int
            Threads that a launch may use within each trajectory, where the trajectories are large.

        Raises
        ------
        CompileError
            If functions cannot be compiled.

        Examples
        --------
        >>> import symdyn as sd
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> kernel.prepare(8)
        """

    # ---- what it shows -------------------------------------------------------------------------

    @property
    @abstractmethod
    def source(self) -> str:
        """What was generated, to be read."""

    @property
    @abstractmethod
    def path(self) -> str:
        """The file in the cache that holds what was generated."""

    @property
    @abstractmethod
    def cached(self) -> bool:
        """Whether it was in the cache before."""

    @property
    @abstractmethod
    def compile_seconds(self) -> float:
        """Time that generating, compiling and loading took."""

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        origin = "from the cache" if self.cached else f"compiled in {self.compile_seconds:.3f} s"
        return f"<Kernel {self.method} of {type(self.system).__name__}({', '.join(self.system.names)}), {origin}: {self.path}>"

    def _repr_html_(self) -> str:
        origin = "from the cache" if self.cached else f"compiled in {self.compile_seconds:.3f} s"
        title = f"Kernel: {escape(self.method)} of a {type(self.system).__name__} on {self.target}"
        equations = f"<div>{escape(self.system._repr_latex_())}</div>"
        asked = '<div style="opacity: 0.6">print(kernel) shows its source; kernel(initial, parameters, t) runs it</div>'
        return f"<div><b>{title}</b>{equations}<div>{origin}: <code>{escape(self.path)}</code></div>{asked}</div>"

    # ---- running it ----------------------------------------------------------------------------

    @abstractmethod
    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, in this process or another, is compiled anew or comes from the cache."""

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return len(self.system.states)

    @property
    def jumps(self) -> Sequence[Any] | None:
        """The times at which the right-hand side may jump, as a program of the parameters in JSON, or None."""
        return None

    @property
    def delays(self) -> Mapping[str, Any] | None:
        """Facts about the delays of the right-hand side, by which jumps propagate, or None."""
        return None

    def stops(self, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Known times at which steps end and the next ones begin anew, see `symdyn_kernels.arguments.parts.Batch`.

        Parameters
        ----------
        parameters : (N, k) float64
        times : (T,) float64
            Output times.

        Returns
        -------
        (N, s, 2) float64

        Raises
        ------
        DeclarationError
            If a delay of the system is not positive at these parameters, or its history says nothing of what was before.

        Examples
        --------
        >>> import symdyn as sd
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = heaviside(t - 1) - x"), method="tsit5")
        >>> kernel.stops(np.empty((2, 0)), np.array([0.0, 2.0])).round(12).tolist()
        [[[1.0, 1.0]], [[1.0, 1.0]]]
        """
        if self.delays is not None:
            check_beginning(self.system, parameters, float(times[0]), self.delays)
        return stops_within(parameters, times, self.jumps, self.precision, delays=self.delays, system=self.system)

    def __call__(self, initial: Any, parameters: Any, times: Any, *, streams: Any = None, **options: Any) -> Run:
        """Run N trajectories.

        Parameters
        ----------
        initial : (N, n) float64
        parameters : (N, k) float64
            In the order of ``system.parameters``.
        times : (T,) float64, increasing
            The first is the time of the initial values.
        streams : (N,) int, optional
            The random stream of each trajectory; its index by default.
        **options :
            Fields of `symdyn.codegen.families.task.Options`, over the options of the method: ``rtol``, ``atol``,
            ``max_step`` and ``detect_stiffness`` of adaptive methods, ``step`` and ``fine`` of fixed-step methods,
            ``epsilon``, ``seed``, ``max_steps``.

        Raises
        ------
        DeclarationError
            For arrays of other shapes, and times that do not increase.
        """
        initial, parameters, times = (np.require(a, np.float64, ("C", "W")) for a in (initial, parameters, times))
        count, n, k = len(initial), self.size, len(self.system.parameters)
        streams = np.arange(count) if streams is None else np.require(streams, np.int64, ("C", "W"))
        for name, given, shape in (("initial", initial, (count, n)), ("streams", streams, (count,))):
            if given.shape != shape:
                raise DeclarationError(f"{name} has the shape {given.shape}; expected {shape}")
        if parameters.shape != (count, k) and (k or parameters.size):
            raise DeclarationError(f"parameters has the shape {parameters.shape}; expected {(count, k)}")
        if times.ndim != 1 or not times.size or not (np.diff(times) > 0).all():
            raise DeclarationError("times must be a sequence that increases strictly")
        parameters = parameters.reshape(count, k)
        run = self.empty(len(initial), times.size)
        step = options.get("step", math.inf if self.adaptive else Options.step)
        numbers = Options(**{**self.options.numbers(step), **self.options.placed(times), "step": step, **options})
        return self.launch(
            run, Batch(initial, parameters, times, streams, self.stops(parameters, times)), numbers, signals=Signals.new()
        )

    def empty(self, trajectories: int, times: int) -> Run:
        """Arrays for the results of `launch`.

        Parameters
        ----------
        trajectories, times : int
            Their numbers N and T.

        Returns
        -------
        Run
            ``values`` have the shape (N, T, n) for n states, and for each delayed value in observables one more.

        Examples
        --------
        >>> import symdyn as sd
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> kernel.empty(trajectories=5, times=3).values.shape
        (5, 3, 1)
        """
        count, each = recorded(self.system)
        columns = self.size + len(observed_delays(self.system))
        return Run.empty(trajectories, times, columns, len(self.details), count * (1 + each))

    def check(self, options: Options, *, here: bool) -> None:
        """Refuse options that the target cannot satisfy.

        Parameters
        ----------
        options : Options
            Numerical options of the driver.
        here : bool
            Whether the kernel is to run on this machine, or on another one such as a worker of a cluster.

        Raises
        ------
        CompileError
            If the target is not available on this machine.
        DeclarationError
            If the tolerances need more digits than the precision has.

        Examples
        --------
        The processor runs every kernel:

        >>> import symdyn as sd
        >>> from symdyn.codegen.families.task import Options
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> kernel.check(Options(rtol=1e-9), here=True)
        """
        return

    @abstractmethod
    def launch(self, run: Run, batch: Batch, options: Options, *, signals: Signals, lanes: int | None = None) -> Run:
        """Run a batch of trajectories and fill the arrays of `run`.

        Parameters
        ----------
        run : Run
            Arrays for the results, from `empty`.
        batch : Batch
            Initial values (N, n), parameters (N, k), times (T,) and random streams (N,).
        options : Options
            Numerical options of the driver.
        signals : Signals
            Shared with other threads: a request to stop, and the number of finished trajectories.
        lanes : int, optional
            1, 8, 16 or 32; by default those of `lanes`.

        Returns
        -------
        Run
            The first argument.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> from symdyn_kernels.arguments.parts import Batch, Signals
        >>> from symdyn.codegen.families.task import Options
        >>> kernel = sd.compile(sd.ODESystem.from_text("x' = -x"), method="tsit5")
        >>> batch = Batch(np.array([[1.0], [2.0]]), np.empty((2, 0)), np.array([0.0, 1.0]), np.arange(2))
        >>> run = kernel.launch(kernel.empty(2, 2), batch, Options(rtol=1e-9), signals=Signals.new())
        >>> run.values[:, 1, 0].round(6).tolist()  # exp(-1), 2 exp(-1)
        [0.367879, 0.735759]
        """
