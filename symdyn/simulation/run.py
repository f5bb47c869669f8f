"""simulate(): from a system and values to labelled trajectories."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.codegen.effects import refuse_idle
from symdyn.codegen.history_span import check_first
from symdyn.codegen.kernel import Kernel, Options, known_kernel, read_method
from symdyn.errors import DeclarationError
from symdyn.identity import remembered
from symdyn.integration.kernel import ArrayKernel
from symdyn.methods.options import MethodOptions, check_positive, check_whole
from symdyn.models.events import condition_text
from symdyn.models.spatial import SpatialSystem
from symdyn.simulation.backwards import Backward
from symdyn.simulation.cluster import as_executor
from symdyn.simulation.conditions import read_condition
from symdyn.simulation.dataset import attributes, fixed_values, helpers_aside
from symdyn.simulation.frames import Frame
from symdyn.simulation.gather import Memory, Sink
from symdyn.simulation.parts import read_path
from symdyn.simulation.plan import Plan
from symdyn.simulation.reduce import read_reductions
from symdyn.simulation.settings import Layout, Store, read_layout, read_store
from symdyn.simulation.stored import find_store, open_store
from symdyn.simulation.streamed import StreamedRun, segments, stream
from symdyn.simulation.sweeps import Design, check_counts, check_volume, make_design, values_by_symbol
from symdyn.simulation.verdict import Ending, verdict
from symdyn.simulation.work import work
from symdyn.system import PARTS, System

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["simulate"]

#: Steps of an SDE from the first to the last time if none is given, and the most that may be asked for.
DEFAULT_STEPS, MOST_STEPS = 1000, 1e15


def simulate(
    system: System,
    t: Sequence[float] | np.ndarray,
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    trajectories: int | None = None,
    seed: int | None = None,
    method: str | MethodOptions | None = None,
    step: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    until: Any = None,
    reduce: Any = None,
    grid: int | Sequence[int] | None = None,
    target: str = "cpu",
    layout: Layout | None = None,
    executor: Client | None = None,
    store: str | Path | Store | None = None,
    progress: bool = True,
    on_failure: str = "raise",
) -> xr.Dataset:
    r"""Simulate a system, or an ensemble of it.

    Parameters
    ----------
    system : System
        Without unknown terms.
    t : (T,) sequence of float
        Output times in the unit of time of the system; the first is the time of the initial values.  They increase, or
        decrease for the integration of ordinary differential equations backwards in time.  Those of maps, branching processes
        and automata differ by integers.
    initial, parameters : mapping from symbols or names to values, optional
        Over the defaults of the system, in the units of states and parameters.  A number applies to every trajectory; a list or
        array (n,) becomes a sweep dimension named after the parameter (``x0`` for the initial value of ``x``); a DataArray
        keeps its own dims, of which ``trajectory`` means one value a trajectory.  Sweeps form an outer product.  Initial values
        may be expressions of parameters and of other states, for their initial values, and follow these through a sweep.
        Fields also start from arrays, expressions of position and functions of the positions.
    inputs : mapping from inputs or names to Path, optional
        Other courses of inputs over time; a list of paths is a sweep, whose dimension is named after the input, and a DataArray
        of paths one along its own dimension, so that the courses of several inputs go together.
    trajectories : int, optional
        How many at each point of the sweep; they form the dimension ``trajectory``, which results lack if this is not given.
    seed : int, optional
        Of random numbers, from 0.  The numbers of a trajectory depend on the seed, the point of the sweep and the trajectory
        alone.  A seed that was not given is drawn where one is needed, and recorded.
    method : str or MethodOptions, optional
        A name in ``symdyn.METHODS`` such as ``"tau"``, or with options an object such as ``symdyn.methods.Tau(epsilon=0.01)``.
        An object that names no method, ``symdyn.methods.AdaptiveOptions(max_step=0.1)``, has options of the default method.
        By default ODEs are integrated by 'dop853', and trajectories that turn out to be stiff are integrated again by
        'rodas5p'; 'taylor' is faster where states and time go through smooth functions alone, and for high accuracy.  SDEs are
        integrated by 'euler-maruyama'.  Reaction networks are simulated exactly, by 'ssa', as are branching processes, by
        'branching', and automata, by 'bit-parallel'.  Fields on differences are integrated by 'bs32', and passed on to 'imex'
        where diffusion would force it to very many steps; spectral schemes and cells in a bulk by 'imex', which treats linear
        terms implicitly.
    step : float, optional
        Longest step of a fixed-step method, in the unit of time; steps end at the output times.  By default a thousandth of
        the time from the first output to the last.  Methods for fields that treat linear terms implicitly or exactly choose
        their steps by `rtol` and `atol` unless a step is given.
    rtol, atol : float, optional
        A step is accepted if its estimated error is below ``atol + rtol*|x|`` in root mean square over the states: `rtol`
        (dimensionless) is 1e-6 by default, `atol` (in the unit of the states) 1e-9.
    until : sympy condition or str, optional
        A trajectory stops where this first holds, such as ``"X <= 0"``, and stays as it is from there on.  The condition may
        name states, parameters, observables and time, and of fields ``mean(u)`` and ``integral(u)``.  Adaptive methods check
        it at the end of every step, of fields also within it, and then locate the crossing; methods in steps of one length
        check it at their ends, with noise for a boundary that is moved by the mean overshoot of a step; 'ssa' after every event
        and where time alone changes it; 'branching' and maps after every step; leaps and 'langevin' after every leap or step
        and therefore with delay.  All check it in the beginning, and after an event at the last time.  The attribute
        ``until_checked`` says which.
    reduce : sequence of str or mapping, optional
        Gather 'mean', 'var', 'std', 'min', 'max', 'quantile', 'histogram' over trajectories instead of keeping them; a mapping
        goes from these names to levels of quantiles and numbers of bins.  Of fields they are gathered at every point.  Of
        events ``fired_mean`` remains, how often each happened on average.
    grid : int or sequence of int, optional
        Of a `PDESystem`: cells along each axis; by default the shape of the initial arrays.  `PDESystem.discretize` has
        further choices.
    target : {'cpu', 'cuda'}
        Where kernels run.  On a CUDA card each trajectory has a thread, and of 'mean', 'var', 'std', 'min' and 'max' only the
        sums come back.
    layout : Layout, optional
        Lanes, threads, chunks and precision, such as ``symdyn.Layout(threads=2)``; only the precision changes results.
    executor : distributed.Client, optional
        Where chunks are computed: by default in this process, else by the workers of a dask cluster (of this machine, machines
        started by hand, or SLURM through dask-jobqueue), as `examples/cluster_sweep.py` shows.  Each worker compiles the
        kernel or takes it from a shared cache.  The chunks of a lost worker are computed again.  On processors of the same
        kind results are bitwise those of a run in this process.
    store : path or Store, optional
        A folder that becomes a zarr store, or a file with the ending ``.nc``: chunks are written as they are done, by the
        workers themselves where they see the folder, and the dataset that is returned is read from there when it is needed,
        so it may be larger than the memory.  A store that exists is resumed; ``symdyn.Store(path, resume=False)`` refuses it.
        One long trajectory of fields is written while it goes on with ``symdyn.Store(path, every=10)``, ten output times at
        once.
    progress : bool
        Show a bar (never in pipes).
    on_failure : {'raise', 'nan'}
        What to do when trajectories fail: raise, or return NaN from the failure on and a nonzero ``status``; the attribute
        ``failed_trajectories`` says how many of how many failed.

    Returns
    -------
    xarray.Dataset
        A variable for each state and observable with dims (sweeps..., ``trajectory`` if asked for, ``time``), and for fields
        the positions ``x`` and ``y``; with `reduce`
        one for each statistic, ``x_mean``, without ``trajectory``, and ``x_count``, how many values are finite at each time and
        enter the statistics.  With dims (sweeps..., ``trajectory`` if asked for):
        ``status`` (0 is success), ``steps``, ``rejected`` and ``evaluations``; tau-leaping adds ``leaps``, ``exact_events`` and
        ``implicit_leaps``, hybrid simulation ``jumps`` and ``switches``; `until` adds ``first_passage``, the time at which the
        condition was first found true, infinite if it was not before the last output time, NaN where the trajectory failed
        or was interrupted before.  The attribute ``long_name`` of each says what it counts.  Coordinates hold initial values
        and parameters that vary; attributes of the dataset record the others, the model as text, method, tolerances and seed,
        which suffice to repeat the run, and what was approximated.

    Raises
    ------
    DeclarationError
        For input that does not fit, and options without effect.
    CompileError
        If no kernel can be generated for the system, method and target.
    SymdynError
        If a store was begun with something else, naming what differs; if the path holds no store; if a cluster is lost.
    SimulationError
        If trajectories fail; its ``dataset`` holds everything that was computed.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> decay = sd.ODESystem({x: -a * x})
    >>> single = sd.simulate(decay, [0, 1], initial={x: 1}, parameters={a: 1})
    >>> round(float(single.x.sel(time=1)), 4)
    0.3679
    >>> swept = sd.simulate(decay, [0, 1], initial={x: 1}, parameters={a: [1, 2]}, method=sd.methods.Dop853(max_step=0.1))
    >>> dict(swept.x.sizes), swept.x.sel(time=1).values.round(4).tolist()
    ({'a': 2, 'time': 2}, [0.3679, 0.1353])
    >>> many = sd.simulate(decay, [0, 1], initial={x: 1}, parameters={a: 1}, trajectories=3)
    >>> dict(many.x.sizes)
    {'trajectory': 3, 'time': 2}
    """
    if not isinstance(system, System):
        got = f"the class {system.__name__}" if isinstance(system, type) else type(system).__name__
        raise DeclarationError(f"expected a system to simulate, got {got}; declare one; text goes through from_text")
    system = system.with_inputs(inputs) if inputs else system
    times = _times(t, system)
    numbers = {"seed": seed, "rtol": rtol, "atol": atol, "step": step}
    check_positive(rtol=rtol, atol=atol, step=step)
    check_whole(0, seed=seed)
    if on_failure not in ("raise", "nan"):
        raise DeclarationError(f"on_failure is {on_failure!r}; expected 'raise' or 'nan'")
    layout = read_layout(layout)
    gridless = isinstance(system, SpatialSystem) and system.gridless
    if grid is not None and not gridless:
        refuse_idle(["grid"], (), f"this {type(system).__name__}", {})
    frame: Frame
    if times[-1] < times[0]:
        frame, times = Backward(system, initial), 0.0 - times
    else:
        frame = system.frame(initial, times, grid) if isinstance(system, SpatialSystem) else Frame.of(system, initial)
    condition = read_condition(until, frame.declared)
    system = frame.system
    begin = _begun(system, frame.given, times[0], float(frame.labels(times)[0]))
    design = make_design(system, begin, parameters, trajectories, frame.coordinates)
    kernel = known_kernel(
        system, method=method, target=target, precision=layout.precision, lanes=layout.lanes, trajectories=design.size,
        inline=layout.inline, until=frame.condition(condition),
    )  # fmt: skip
    if system.events and not kernel.counts_events:
        frame.count_no_firings("cards do not count events of networks of so many reactions; use target='cpu'")
    elif system.events and reduce is not None and kernel.target == "cuda":
        frame.count_no_firings("cards sum up no numbers of events; leave reduce= out, or use target='cpu'")
    kernel.options.refuse_others(frame.declared)
    if given := [name for name, value in {**numbers, "threads": layout.threads}.items() if value is not None]:
        reads = kernel.reads_with(given)
        refuse_idle(given, reads, kernel.titled(reads))
    _check_start(kernel, design)
    reductions = None if reduce is None else read_reductions(reduce)
    if reductions is not None and not kernel.stochastic and not design.gathers:
        raise DeclarationError(
            "reduce= gathers over trajectories, and a system without chance has one at each point; leave it out, or give "
            "initial values or parameters with the dimension 'trajectory'; of a sweep reduce the result, such as data.mean('k')"
        )
    place = None if store is None else read_store(store)
    path = None if place is None else read_path(place.path, "a folder, or of a file with the ending .nc")
    there = find_store(path, place is None or place.resume)
    used = seed if there is None or seed is not None else there.seed
    by_default = read_method(method)[0] is None
    numeric, facts = _numbers(kernel, by_default, float(times[0]), float(times[-1]), rtol, atol, step)
    if placed := kernel.options.placed(frame.labels(times)):
        numeric = replace(numeric, **placed)
        facts = kernel.facts(numeric)
    if used is not None or kernel.stochastic:
        numeric = replace(numeric, seed=secrets.randbits(32) if used is None else int(used))
    plan = Plan.of(frame, kernel, layout.lanes, design, times, numeric, reductions)
    attrs = _record(plan, facts, None if seed is None else numeric.seed, condition)
    workers = None if executor is None else as_executor(executor)
    if there is None:  # nothing is begun that cannot be done
        kernel.check(numeric, here=workers is None)
        if isinstance(kernel, ArrayKernel):
            kernel.check_values(design.rows(0, design.size)[1], times, numeric)
    if place is not None and path is not None and place.every is not None:
        parts = segments(plan, place.every, executor=workers is not None)
        streamed = open_store(path, there, plan, parts, attrs, tell=progress, kind=StreamedRun)
        sink: Sink = streamed
        stream(streamed, threads=layout.threads, progress=progress)
    else:
        chunks = plan.grid(layout.chunk, slots=workers.slots if workers else None, stored=path is not None)
        sink = Memory(plan, chunks) if path is None else open_store(path, there, plan, chunks, attrs, tell=progress)
        work(sink, workers, threads=layout.threads, progress=progress)
    outcome = sink.outcome
    if outcome.passed_on:
        attrs["stiff_trajectories"] = f"{outcome.passed_on} passed on to {kernel.stiff_method}"
    if outcome.failed:
        attrs["failed_trajectories"] = f"{outcome.failed} of {design.size}"
    return verdict(
        helpers_aside(sink.dataset(attrs), frame.declared), Ending(kernel, design, outcome, frame.skip), on_failure, sink.advice
    )


def _begun(system: System, given: Any, first: float, said: float) -> Any:
    """The initial values that were given, and of other states those of the history and those that depend on the first time."""
    if hasattr(given, "data_vars") and (late := system.parts & {"delays", "delayed_reactions"}):
        raise DeclarationError(
            f"a dataset was given for state values, and this {type(system).__name__} has {PARTS[min(late)]}, which need more "
            "of its past than the states at one time; run on from its first time, or, to forget the past, give them by name, "
            f"initial={{'{system.states[0]}': ...}}"
        )
    if not system.history:
        return given
    own = values_by_symbol(given, system.initial_symbols, "state")
    if system.slopes and (wrong := [s for s in system.history if s in own]):
        raise DeclarationError(
            f"{wrong[0]} has a history and may not jump at the first time, as {system.slopes[0]} occurs here"
        )
    now = {system.time: sp.Float(float(first))}
    begin = {s: e for s, e in system.history.items() if s not in system.initial}
    begin |= {s: e for s, e in system.initial.items() if isinstance(e, sp.Expr) and e.has(system.time)}
    if begun := {s: e.xreplace(now) for s, e in begin.items() if s not in own}:
        check_first(system, said)  # backwards `first` is the negative of what was said
    return {**begun, **own}


def _check_start(kernel: Kernel, design: Design) -> None:
    """Refuse volumes and initial values that are not what the method simulates."""
    if kernel.system.propensities is not None:
        check_volume(design, kernel.system)
    if kernel.family.start != "real":
        check_counts(design, kernel.system, whole=kernel.family.start == "whole")


@remembered(16, alive=False)  # what kernels of fields and those on cards own is large, and goes with their run
def _numbers(
    kernel: Kernel, by_default: bool, first: float, last: float, rtol: float | None, atol: float | None, step: float | None
) -> tuple[Options, dict[str, Any]]:
    """The numerical options of the driver, defaults included and a seed not, and what the attributes say of the method."""
    by_error = kernel.adaptive or (rtol or atol) is not None  # of methods with steps of one length some read tolerances
    length = step or (math.inf if by_error else (last - first) / DEFAULT_STEPS or 1.0)
    length = 1.0 if kernel.system.whole_steps else float(length)
    count = (last - first) / length
    if count > MOST_STEPS:
        raise DeclarationError(
            f"from {first:g} to {last:g} there are {count:.3g} steps of the length {length:g}; expected at most {MOST_STEPS:g}"
        )
    given: dict[str, Any] = {"rtol": rtol, "atol": atol}
    given = {name: float(value) for name, value in given.items() if value is not None}
    given |= kernel.options.numbers(length)
    detect = kernel.adaptive and by_default and kernel.method != kernel.stiff_method
    options = Options(**given, step=length, detect_stiffness=detect)
    return options, kernel.facts(options)


def _record(plan: Plan, about: Mapping[str, Any], seed: int | None, until: sp.Basic | None) -> dict[str, Any]:
    """Attributes of the dataset: what repeats the run, and what was approximated; `seed`, `until` are those that were given."""
    kernel, options = plan.kernel, plan.options
    facts: dict[str, Any] = {**fixed_values(plan.system, plan.design, plan.frame.skip), "target": kernel.target}
    facts["precision"] = kernel.precision if kernel.target != "cpu" else None
    facts["seed"] = options.seed if kernel.stochastic else seed
    facts |= about
    if options.detect_stiffness:
        facts["stiff_trajectories"] = f"passed on to {kernel.stiff_method}"
    if until is not None:
        facts |= {"until": condition_text(until), "until_checked": kernel.stopping}
    if plan.reductions is not None:
        facts["reduce"] = ", ".join(name if value is None else f"{name}: {value}" for name, value in plan.reductions.items())
    return attributes(plan.frame.declared, **facts) | dict(plan.frame.facts)


def _times(t: Any, system: System) -> np.ndarray:
    """Output times as an array, checked."""
    try:
        given = np.asarray(t)
        if given.dtype.kind not in "iuf":
            raise TypeError
        times = given.astype(float)  # a copy: drivers take no array that may not be written to, as an index is
    except (TypeError, ValueError):
        raise DeclarationError(f"output times are {t!r}; expected a sequence of numbers in order") from None
    if times.ndim != 1 or times.size == 0:
        got = f"{t!r}" if times.ndim == 0 else f"an array of shape {times.shape}"
        raise DeclarationError(f"output times are {got}; expected a sequence, such as numpy.linspace(0, 10, 101)")
    before, after = times[:-1], times[1:]
    ordered = before.size in (np.count_nonzero(before < after), np.count_nonzero(before > after))
    if not (ordered and math.isfinite(times[0]) and math.isfinite(times[-1])):
        gaps = after - before
        infinite = times[~np.isfinite(times)]
        turned = np.flatnonzero(gaps * gaps[0] <= 0) if gaps.size else gaps
        wrong = f"{infinite[0]:g}" if infinite.size else f"{times[turned[0]]:g}, then {times[turned[0] + 1]:g}"
        raise DeclarationError(
            f"output times are {wrong}; expected finite ones that increase strictly, or decrease strictly for a run backwards"
        )
    if system.whole_steps and (np.diff(times) != np.round(np.diff(times))).any():
        what = "a map" if system.map is not None else "an automaton" if system.rules is not None else "a branching process"
        raise DeclarationError(f"the times of {what} must differ by integers, such as range(101)")
    return times
