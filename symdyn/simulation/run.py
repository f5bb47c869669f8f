"""simulate(): from a system and values to labelled trajectories."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, STIFF, SUCCESS

from symdyn.codegen.kernel import Batch, Kernel, Options, Run, compile
from symdyn.errors import DeclarationError
from symdyn.models.reaction import condition_text
from symdyn.models.reactions import ReactionNetwork
from symdyn.simulation.conditions import read_condition
from symdyn.simulation.dataset import (
    STATUS_CODES,
    Counts,
    attributes,
    fixed_parameters,
    observe,
    observer,
    reduced_dataset,
    trajectory_dataset,
)
from symdyn.simulation.ensemble import Progress, default_threads, launch_parallel
from symdyn.simulation.reduce import BLOCK, Statistics, read_reductions
from symdyn.simulation.sweeps import Design, check_counts, check_volume, make_design
from symdyn.simulation.verdict import Ending, verdict
from symdyn.system import System

__all__ = ["simulate"]

#: The method that takes over trajectories on which the explicit default turned out to be stiff.
STIFF_METHOD = "rodas5p"
#: Steps of an SDE from the first to the last time if none is given.
DEFAULT_STEPS = 1000
#: Bytes of trajectories that are held at once while reducing.
CHUNK_BYTES = 64_000_000


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
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    brownian_step: float | None = None,
    epsilon: float = 0.03,
    max_steps: int | None = None,
    until: Any = None,
    reduce: Any = None,
    lanes: int | str = "auto",
    threads: int | None = None,
    chunk: int | None = None,
    progress: bool = True,
    on_failure: str = "raise",
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
        stiff are done again by 'rodas5p'; reaction networks are simulated exactly, by 'ssa'.
    target : {'cpu'}
    rtol, atol : float
        A step is accepted if its estimated error is below ``atol + rtol*|x|`` in root mean square over the states.
    step : float, optional
        Longest step of a fixed-step method; steps end at the output times.
    brownian_step : float, optional
        Compose each step's Brownian increment from pieces of this length, to follow one path at several step sizes.
    epsilon : float
        Of tau-leaping: the largest relative change of a propensity that is expected in a leap.  Of hybrid simulation:
        relative fluctuations below which reactions flow.
    max_steps : int, optional
        Attempted steps allowed to each trajectory, by default a million; for the direct method events, a thousand million.
    until : sympy condition or str, optional
        Of reaction networks: a trajectory stops where this first holds, such as ``"X <= 0"``, and stays as it is
        from there on.  The condition may name species, parameters, observables and time; 'ssa' looks at it in the beginning,
        after every event, and where time alone changes it, approximate methods after every leap or step and therefore late
        (the attribute ``until_checked``).  The dataset gets the variable ``first_passage``, the time at which it was first seen
        to hold, infinite if it was not before the last output time, NaN where the trajectory failed or was interrupted before.
    reduce : sequence of str or mapping, optional
        Gather 'mean', 'var', 'std', 'min', 'max', 'quantile', 'histogram' over trajectories instead of keeping them.
    lanes, threads, chunk :
        How the work is laid out; none of them changes a bit of the result.
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
    times = _times(t, system)
    design = make_design(system, initial, parameters, trajectories)
    condition = read_condition(until, system)
    kernel = compile(system, method=method, target=target, lanes=lanes, until=condition)
    _check_options(
        kernel, rtol=rtol, atol=atol, step=step, brownian_step=brownian_step, on_failure=on_failure, seed=seed,
        max_steps=max_steps, threads=threads, chunk=chunk, epsilon=epsilon,
    )  # fmt: skip
    if isinstance(system, ReactionNetwork):
        check_volume(design, system)
        check_counts(design, system, whole=kernel.family.start == "whole")
    seed = secrets.randbits(32) if seed is None else int(seed)
    gaps = np.diff(times)
    length = 1.0 if system.kind == "map" else step or (float(times[-1] - times[0]) / DEFAULT_STEPS if gaps.size else 1.0)
    options = Options(
        rtol=float(rtol), atol=float(atol), max_steps=max_steps, step=float(length), seed=seed,
        detect_stiffness=kernel.adaptive and method is None, fine=_pieces(length, brownian_step), epsilon=float(epsilon),
    )  # fmt: skip
    job = _Job(kernel, design, times, options, threads or default_threads(), lanes)
    reductions = read_reductions(reduce) if reduce is not None else None
    title = f"{kernel.method}"
    bar = Progress(design.size, progress, title)
    try:
        values, statistics = job.gather(reductions, chunk, bar)
    finally:
        bar.close()
    facts: dict[str, Any] = dict(parameters=fixed_parameters(system, design), method=job.method_used(), target=target)
    facts["seed"] = seed if kernel.stochastic else None
    facts |= {**kernel.facts(options), "interpretation": getattr(system, "interpretation", None)}
    if condition is not None:
        facts |= {"until": condition_text(condition), "until_checked": kernel.family.stops}
    counts = job.counts()
    if statistics is None:
        data = trajectory_dataset(system, design, times, values, counts, attributes(system, **facts))
    else:
        data = reduced_dataset(system, design, times, statistics, counts, attributes(system, **facts))
    return verdict(data, Ending(kernel, design, job.run.status, job.last_time), on_failure)


class _Job:
    """One simulation under way: what to run, and the status of each trajectory."""

    def __init__(self, kernel: Kernel, design: Design, times: np.ndarray, options: Options, threads: int, lanes: Any) -> None:
        self.kernel, self.design, self.times, self.options, self.threads = kernel, design, times, options, threads
        self.lanes = lanes
        self.run = kernel.empty(design.size, 0)
        self.last_time = np.full(design.size, np.nan)
        self.passed_on = 0
        self.complete = True
        self.observer = observer(kernel.system)

    def gather(self, reductions: dict | None, chunk: int | None, bar: Progress) -> tuple[np.ndarray, list[Statistics] | None]:
        """Run everything, kept whole or reduced."""
        n = len(self.kernel.system.states)
        width = n + len(self.kernel.system.observables)
        size, per_row = self.design.size, self.times.size * n * 8
        if reductions is None:
            _check_memory(size * self.times.size * width * 8)
            values = np.empty((size, self.times.size, n))
            step = size if chunk is None else max(1, int(chunk))
            for a in range(0, size, step):
                b = min(size, a + step)
                self._rows(a, b, values[a:b], bar)
            parameters = self.design.rows(0, size)[1] if self.observer else np.empty((size, 0))
            return observe(self.observer, values, parameters, self.times), None
        count = self.design.trajectories
        points = size // count
        whole = np.arange(width) < (n if self.kernel.family.integer else 0)
        statistics = [Statistics(reductions, (self.times.size, width), count, whole) for _ in range(points)]
        wanted = max(1, CHUNK_BYTES // per_row) if chunk is None else max(1, int(chunk))
        for a, b in _chunks(points, count, wanted):
            values = np.empty((b - a, self.times.size, n))
            parameters = self._rows(a, b, values, bar)
            seen = observe(self.observer, values, parameters, self.times)
            row = a
            while row < b:
                point, within = divmod(row, count)
                end = min(b, row + BLOCK, (point + 1) * count)
                assert within % BLOCK == 0  # chunks begin and end at the bounds of blocks
                statistics[point].add(seen[row - a : end - a])
                row = end
        return np.empty(0), statistics

    def _rows(self, a: int, b: int, values: np.ndarray, bar: Progress) -> np.ndarray:
        """Integrate rows `a` to `b` into `values`, passing stiff ones on; returns their parameters."""
        initial, parameters = self.design.rows(a, b)
        part = self.run.part(slice(a, b))._replace(values=values)
        if not self.complete:
            values[:], part.status[:] = np.nan, INTERRUPTED
            return parameters
        batch = Batch(initial, parameters, self.times, self.design.streams(a, b))
        self._launch(self.kernel, part, batch, bar)
        stiff = np.flatnonzero(part.status == STIFF)
        if stiff.size and self.complete:
            kernel = compile(self.kernel.system, method=STIFF_METHOD, lanes=self.lanes)
            again = kernel.empty(stiff.size, self.times.size)
            again.values[:] = np.nan
            self._launch(kernel, again, batch.part(stiff), None)
            for mine, new in zip(part, again, strict=True):
                mine[stiff] = new
            self.passed_on += stiff.size
        elif stiff.size:  # interrupted before their turn came
            part.status[stiff] = INTERRUPTED
        failed = np.flatnonzero(part.status != SUCCESS)
        good = np.isfinite(values[failed]).all(axis=-1).sum(axis=1)
        self.last_time[a + failed] = self.times[np.maximum(good - 1, 0)]
        return parameters

    def _launch(self, kernel: Kernel, part: Run, batch: Batch, bar: Progress | None) -> None:
        options = replace(self.options, detect_stiffness=self.options.detect_stiffness and kernel is self.kernel)
        report = bar.update if bar is not None else lambda done: None
        finished = launch_parallel(kernel, part, batch, options, threads=self.threads, report=report)
        self.complete &= finished
        if bar is not None:
            bar.next()

    def counts(self) -> Counts:
        """Status and counts of each trajectory, and where it stopped, with what they are."""
        run, meaning = self.run, self.kernel.counted
        found = {"status": (run.status, STATUS_CODES)}
        found |= {name: (getattr(run, name), meaning.pop(name)) for name in ("steps", "rejected", "evaluations")}
        found |= {name: (run.details[:, k], text) for k, (name, text) in enumerate(meaning.items())}
        if self.kernel.until is not None:
            unknown = (run.status != SUCCESS) & np.isinf(run.passage)  # it did not come to the last time
            passage = np.where(unknown, np.nan, run.passage)
            found["first_passage"] = passage, "time at which the condition of until was first seen to hold"
        return found

    def method_used(self) -> str:
        """The method, and how many trajectories were passed on to another."""
        name = self.kernel.method
        return f"{name}; {STIFF_METHOD} for {self.passed_on} stiff trajectories" if self.passed_on else name


def _chunks(points: int, count: int, wanted: int) -> list[tuple[int, int]]:
    """Row ranges of about `wanted` rows whose bounds are bounds of blocks."""
    bounds = [p * count + b for p in range(points) for b in range(0, count, BLOCK)] + [points * count]
    ranges, begin = [], 0
    for here, following in zip(bounds[1:], [*bounds[2:], None], strict=True):
        if following is None or following - begin > wanted:
            ranges.append((begin, here))
            begin = here
    return ranges


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
    if system.kind == "map" and (np.diff(times) != np.round(np.diff(times))).any():
        raise DeclarationError("the times of a map must be whole steps apart, such as range(101)")
    return np.ascontiguousarray(times)


def _check_options(kernel: Kernel, **options: Any) -> None:
    """Refuse options that are out of range, of the wrong kind, or without effect."""
    for name in ("rtol", "atol", "step", "brownian_step", "epsilon"):
        value = options[name]
        if value is not None and not (isinstance(value, (int, float, np.number)) and 0 < value < math.inf):
            raise DeclarationError(f"{name} is {value!r}; expected a positive number")
    for name in ("max_steps", "threads", "chunk", "seed"):
        value, least = options[name], 0 if name == "seed" else 1
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if value is not None and not (whole and least <= value < 2**63):
            raise DeclarationError(f"{name} is {value!r}; expected a whole number from {least}")
    for name, reason in kernel.family.refused.items():
        if options[name] is not None:
            raise DeclarationError(reason)
    if options["on_failure"] not in ("raise", "nan"):
        raise DeclarationError(f"on_failure is {options['on_failure']!r}; expected 'raise' or 'nan'")


def _pieces(step: float, brownian_step: float | None) -> int:
    if brownian_step is None:
        return 1
    pieces = round(step / brownian_step)
    if pieces < 1 or abs(pieces * brownian_step - step) > 1e-9 * step:
        raise DeclarationError(f"step {step:g} must be a whole multiple of brownian_step {brownian_step:g}")
    return pieces


def _check_memory(needed: int) -> None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > 0.7 * there:
            raise DeclarationError(
                f"the trajectories would take {needed / 1e9:.1f} GB of {there / 1e9:.1f} GB of memory; "
                "ask for fewer times or use reduce=['mean', 'var', ...]"
            )
