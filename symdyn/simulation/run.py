"""simulate(): from a system and values to labelled trajectories."""

from __future__ import annotations

import inspect
import math
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.kernel import Kernel, Options, compile
from symdyn.errors import DeclarationError
from symdyn.models.reaction import condition_text
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.spatial import SpatialSystem
from symdyn.registry import suggest
from symdyn.simulation.cluster import as_executor
from symdyn.simulation.conditions import read_condition
from symdyn.simulation.dataset import attributes, fixed_parameters
from symdyn.simulation.gather import Memory
from symdyn.simulation.parts import read_path
from symdyn.simulation.plan import STIFF_METHOD, Plan
from symdyn.simulation.reduce import read_reductions
from symdyn.simulation.stored import find_store, open_store
from symdyn.simulation.sweeps import check_counts, check_volume, make_design
from symdyn.simulation.verdict import Ending, verdict
from symdyn.simulation.work import work
from symdyn.system import System

__all__ = ["simulate"]

#: Steps of an SDE from the first to the last time if none is given.
DEFAULT_STEPS = 1000


def simulate(
    system: System,
    t: Sequence[float] | np.ndarray,
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    trajectories: int | None = None,
    seed: int | None = None,
    method: str | None = None,
    target: str = "cpu",
    precision: str = "float64",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    brownian_step: float | None = None,
    epsilon: float = 0.03,
    max_step: float | None = None,
    max_steps: int | None = None,
    until: Any = None,
    reduce: Any = None,
    grid: int | Sequence[int] | None = None,
    lanes: int | str = "auto",
    threads: int | None = None,
    chunk: int | None = None,
    inline: bool = False,
    executor: Any = None,
    store: str | Path | None = None,
    resume: bool = True,
    progress: bool = True,
    on_failure: str = "raise",
    **others: Any,
) -> xr.Dataset:
    r"""Simulate a system, or an ensemble of it.

    Parameters
    ----------
    system : System
    t : sequence of float
        Output times, increasing; the first is the time of the initial values.
    initial, parameters : mapping, optional
        Values by symbol or name, over the defaults of the system.  A number holds for every trajectory; a list or
        array becomes a sweep dimension named after the parameter (``x0`` for the initial value of ``x``); a
        DataArray keeps its own dims, of which ``trajectory`` means one value a trajectory.  Sweeps form an outer product.
    trajectories : int, optional
        At each point of the sweep; 1 by default.
    seed : int, optional
        Of stochastic systems.  The numbers of a trajectory depend on the seed, the point of the sweep and the trajectory
        alone.  A seed that was not given is drawn and noted in ``attrs``.
    method : str, optional
        A name in ``symdyn.METHODS``.  By default ODEs are integrated by 'dop853', and trajectories that turn out to be
        stiff are done again by 'rodas5p'; 'taylor' is faster where states and time go through smooth functions alone, and for
        high accuracy.  Reaction networks are simulated exactly, by 'ssa', as are branching processes, by 'branching'.
    target : {'cpu', 'cuda'}
        Where it runs.  On a CUDA card each trajectory has a thread, and of 'mean', 'var', 'std', 'min' and 'max' only the sums
        come back.
    precision : {'float64', 'float32'}
        Of the numbers on a card; `symdyn.compile` says what single precision costs.
    rtol, atol : float
        A step is accepted if its estimated error is below ``atol + rtol*|x|`` in root mean square over the states.
    step : float, optional
        Longest step of a fixed-step method; steps end at the output times.
    brownian_step : float, optional
        Compose each step's Brownian increment from pieces of this length, to follow one path at several step sizes.
    epsilon : float
        Of tau-leaping: the largest relative change of a propensity that is expected in a leap.  Of hybrid simulation:
        relative fluctuations below which reactions flow.
    max_step : float, optional
        Longest step of an adaptive method, so that it cannot step over a short pulse of a time-dependent right-hand side.
    max_steps : int, optional
        Attempted steps allowed to each trajectory, by default a million; for the direct method events, a thousand million.
    until : sympy condition or str, optional
        Of reaction networks and branching processes: a trajectory stops where this first holds, such as ``"X <= 0"``, and
        stays as it is from there on.  The condition may name states, parameters, observables and time; 'ssa' looks at it in the
        beginning, after every event, and where time alone changes it, 'branching' after every step, approximate methods after
        every leap or step and therefore late (the attribute ``until_checked``).  The dataset gets the variable
        ``first_passage``, the time at which it was first seen to hold, infinite if it was not before the last output time, NaN
        where the trajectory failed or was interrupted before.
    reduce : sequence of str or mapping, optional
        Gather 'mean', 'var', 'std', 'min', 'max', 'quantile', 'histogram' over trajectories instead of keeping them.
    grid : int or sequence of int, optional
        Of a `PDESystem`: cells along each axis; by default the shape of the initial arrays.  `PDESystem.discretize` has
        further choices.  Fields take methods of their own: 'bs32' and 'tsit5', 'euler' and 'rk4' with `step`; 'imex', 'imex3',
        'etdrk4' and 'sbdf2', which treat linear terms implicitly or exactly.
    lanes, threads, chunk :
        How the work is laid out; none of them changes a bit of the result.  ``chunk`` is the number of trajectories that are
        computed, sent and stored together; threads are those of this process, and of each task on a cluster (1 by default).
    inline : bool
        Compile the driver for this model alone, see `symdyn.compile`: for long runs of few equations, whose bits it keeps.
    executor : distributed.Client, optional
        Where chunks are computed: by default in this process, else by the workers of a dask cluster (of this machine, machines
        started by hand, or SLURM through dask-jobqueue), as `examples/cluster_sweep.py` shows.  Each worker compiles the
        kernel or takes it from the cache that it shares with others.  A lost worker costs the chunks it was at work on.  On
        processors of one kind the bits are those of a run in this process.
    store : path, optional
        A folder that becomes a zarr store, or a file with the ending ``.nc``: chunks are written as they are done, by the
        workers themselves where they see the folder, and the dataset that is returned is read from there when it is needed,
        so it may be larger than the memory.
    resume : bool
        Where the store exists: go on with the chunks that it lacks, with the seed and the chunks that it was begun with; the
        result is bitwise that of a run that was not interrupted.  If false, a store that exists is refused.
    progress : bool
        Show a bar (never in pipes).
    on_failure : {'raise', 'nan'}
        What to do when trajectories fail: raise, or return NaN from the failure on and a nonzero ``status``.

    Returns
    -------
    xarray.Dataset
        A variable for each state and observable with dims (sweeps..., ``trajectory``, ``time``), and ``status`` (0 is
        success), ``steps``, ``rejected`` and ``evaluations`` for each trajectory; tau-leaping adds ``leaps``,
        ``exact_events`` and ``implicit_leaps``, hybrid simulation ``jumps`` and ``switches``.  The attribute ``long_name`` of
        each says what it counts; attributes of the dataset say how it was made and what was approximated.

    Raises
    ------
    DeclarationError, CompileError
        For input that does not fit.
    SymdynError
        If a store was begun with something else, naming what differs; if the path holds no store; if a cluster is lost.
    SimulationError
        If trajectories fail; its ``dataset`` holds everything that was computed.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> data = sd.simulate(sd.ODESystem({x: -a * x}), [0, 1], initial={x: 1}, parameters={a: [1, 2]})
    >>> data.x.sel(time=1).values.round(4).ravel().tolist()
    [0.3679, 0.1353]
    """
    if not isinstance(system, System):
        raise DeclarationError(f"expected a system to simulate, got {type(system).__name__}; text goes through from_text")
    if others:
        raise DeclarationError(_unknown_option(system, next(iter(others))))
    times = _times(t, system)
    if isinstance(system, SpatialSystem):  # it brings its own way through time
        return system.run(times, initial=initial, parameters=parameters, **_changed(locals()))
    if grid is not None:
        raise DeclarationError(f"grid belongs to a PDESystem; a {type(system).__name__} has no fields")
    design = make_design(system, initial, parameters, trajectories)
    condition = read_condition(until, system)
    kernel = compile(
        system, method=method, target=target, precision=precision, lanes=lanes, trajectories=design.size, inline=inline,
        until=condition,
    )  # fmt: skip
    _check_options(
        kernel, rtol=rtol, atol=atol, step=step, brownian_step=brownian_step, on_failure=on_failure, seed=seed,
        max_steps=max_steps, threads=threads, chunk=chunk, epsilon=epsilon, max_step=max_step,
    )  # fmt: skip
    if isinstance(system, ReactionNetwork):
        check_volume(design, system)
    if kernel.family.start != "real":
        check_counts(design, system, whole=kernel.family.start == "whole")
    path = read_path(store, "a folder, or of a file with the ending .nc")
    there = find_store(path, resume)
    if seed is None:
        seed = secrets.randbits(32) if there is None or there.seed is None else there.seed
    gaps = np.diff(times)
    length = 1.0 if system.whole_steps else step or (float(times[-1] - times[0]) / DEFAULT_STEPS if gaps.size else 1.0)
    options = Options(
        rtol=float(rtol), atol=float(atol), max_steps=max_steps, step=float(length), seed=int(seed),
        max_step=math.inf if max_step is None else float(max_step),
        detect_stiffness=kernel.adaptive and method is None, fine=_pieces(length, brownian_step), epsilon=float(epsilon),
    )  # fmt: skip
    plan = Plan.of(kernel, lanes, design, times, options, read_reductions(reduce) if reduce is not None else None)
    facts: dict[str, Any] = dict(parameters=fixed_parameters(system, design), method=kernel.method, target=target)
    facts["precision"] = kernel.precision if target != "cpu" else None
    facts["seed"] = int(seed) if kernel.stochastic else None
    facts |= {**kernel.facts(options), "interpretation": getattr(system, "interpretation", None)}
    if condition is not None:
        facts |= {"until": condition_text(condition), "until_checked": kernel.family.stops}
    attrs = attributes(system, **facts)
    workers = None if executor is None else as_executor(executor)
    if there is None:  # nothing is begun that cannot be done
        kernel.check(options, here=workers is None)
    layout = plan.grid(chunk, slots=workers.slots if workers else None, stored=path is not None)
    sink = Memory(plan, layout) if path is None else open_store(path, there, plan, layout, attrs, tell=progress)
    work(sink, workers, threads=threads, progress=progress)
    outcome = sink.outcome
    if outcome.passed_on:
        attrs["method"] = f"{kernel.method}; {STIFF_METHOD} for {outcome.passed_on} stiff trajectories"
    return verdict(sink.dataset(attrs), Ending(kernel, design, outcome), on_failure, sink.advice)


def _changed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `simulate` that were given another value than their default."""
    options = inspect.signature(simulate).parameters
    asked = {k: arguments[k] for k, p in options.items() if p.kind is p.KEYWORD_ONLY and k not in ("initial", "parameters")}
    return {k: v for k, v in asked.items() if v is not options[k].default and v != options[k].default}


def _unknown_option(system: System, name: str) -> str:
    """What to say of an option that there is not."""
    further = inspect.signature(system.discretize).parameters if hasattr(system, "discretize") else {}
    if name in further:
        return f"{name} belongs to the grid of a {type(system).__name__}: simulate(system.discretize(grid, {name}=...), ...)"
    known = [k for k, p in inspect.signature(simulate).parameters.items() if p.kind is p.KEYWORD_ONLY]
    return f"simulate has no option {name!r}; its options are {', '.join(known)}.{suggest(name, known)}"


def _times(t: Any, system: System) -> np.ndarray:
    """Output times as an array, checked."""
    try:
        if np.asarray(t).dtype.kind not in "iuf":
            raise TypeError
        times = np.asarray(t, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"output times are {t!r}; expected an increasing sequence of numbers") from None
    if times.ndim != 1 or times.size == 0:
        raise DeclarationError("output times must be a sequence, such as numpy.linspace(0, 10, 101)")
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise DeclarationError("output times must be finite and increase strictly")
    if system.whole_steps and (np.diff(times) != np.round(np.diff(times))).any():
        what = "a map" if system.kind == "map" else "a branching process"
        raise DeclarationError(f"the times of {what} must be whole steps apart, such as range(101)")
    return np.ascontiguousarray(times)


def _check_options(kernel: Kernel, **options: Any) -> None:
    """Refuse options that are out of range, of the wrong kind, or without effect."""
    for name in ("rtol", "atol", "epsilon", "step", "brownian_step", "max_step"):
        value, needed = options[name], name in ("rtol", "atol", "epsilon")
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if (needed or value is not None) and not (number and 0 < value < math.inf):
            raise DeclarationError(f"{name} is {value!r}; expected a positive number")
    for name in ("max_steps", "threads", "chunk", "seed"):
        value, least = options[name], 0 if name == "seed" else 1
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if value is not None and not (whole and least <= value < 2**63):
            raise DeclarationError(f"{name} is {value!r}; expected a whole number from {least} below 2^63")
    for name, reason in kernel.family.refused.items():
        if options[name] is not None:
            raise DeclarationError(reason)
    if options["max_step"] is not None and not kernel.adaptive:
        raise DeclarationError("max_step limits the steps of adaptive methods for ODEs; leave it out here")
    if options["on_failure"] not in ("raise", "nan"):
        raise DeclarationError(f"on_failure is {options['on_failure']!r}; expected 'raise' or 'nan'")


def _pieces(step: float, brownian_step: float | None) -> int:
    if brownian_step is None:
        return 1
    pieces = round(step / brownian_step)
    if pieces < 1 or abs(pieces * brownian_step - step) > 1e-9 * step:
        raise DeclarationError(f"step {step:g} must be a whole multiple of brownian_step {brownian_step:g}")
    return pieces
