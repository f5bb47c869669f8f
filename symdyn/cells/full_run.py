"""Runs of the full system: sweeps over threads, and the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED

from symdyn.cells._full_start import kept_times, read_beginnings
from symdyn.cells.full import FullBulkCells
from symdyn.cells.problems import ColonyProblem, make_problem
from symdyn.codegen.kernel import read_method
from symdyn.errors import DeclarationError
from symdyn.grids.options import check_method
from symdyn.integration import StepOptions, StepSignals
from symdyn.integration import integrate as integrate_one
from symdyn.methods.options import check_positive, check_whole
from symdyn.simulation.dataset import STATUS_CODES, attributes, fixed_values, trajectory_dataset
from symdyn.simulation.ensemble import Progress, default_threads
from symdyn.simulation.sweeps import Design, make_design
from symdyn.simulation.verdict import Ending, Outcome, verdict

__all__ = ["run"]

LARGEST = 1e9
"""Largest number of recorded values of the bulk."""


@dataclass
class _Part:
    """A row of the design, and its results."""

    row: int
    values: np.ndarray
    fields: np.ndarray | None
    status: int = INTERRUPTED
    counts: tuple[int, ...] = (0, 0, 0)
    error: float = np.nan


@dataclass
class _Plan:
    """The task."""

    system: FullBulkCells
    times: np.ndarray
    beginnings: np.ndarray
    fields: list[Any]
    kept: np.ndarray | None
    parameters: np.ndarray
    scheme: Any
    options: StepOptions
    stop: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    lock: Lock = field(default_factory=Lock)


def run(
    system: FullBulkCells,
    times: Any,
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    **options: Any,
) -> xr.Dataset:
    r"""Simulate, see `symdyn.simulate`, which calls this.

    Parameters
    ----------
    system : FullBulkCells
    times : (T,) array
    initial : mapping, optional
        Values of the cells' states by name, numbers or sweeps; of the bulk a number, a sympy expression of x and y, a
        function of arrays x and y, or 'steady' (at rest with the cells).
    parameters : mapping, optional
        Numbers or sweeps.
    **options
        method ('imex' by default, 'imex3', 'sbdf2', or an explicit method), rtol and atol or the length of all steps, step,
        trajectories, threads, progress, on_failure.

    Returns
    -------
    xarray.Dataset
        Each state of the cells and the mean of the bulk with dims (sweeps..., ``time``), and
        ``trajectory`` where `trajectories` were asked for; with `keep_bulk`
        also the bulk itself, ``U_field`` with dims (sweeps..., ``time`` or ``bulk_time``, ``node``), the
        places ``node_x`` and ``node_y``, and ``triangles`` between the nodes, to draw it.  ``status``, ``steps``,
        ``rejected`` and ``evaluations`` as in other runs; with ``step`` also ``step_error``, which is small where the step is
        short enough.

    Raises
    ------
    DeclarationError
        For options without effect, missing values, and more output than fits into memory.
    SimulationError
        If a trajectory fails, unless ``on_failure='nan'``.

    Examples
    --------
    Without influx the cell approaches its steady state, :math:`v' = 1 - (1 + 2\pi d_2/\tau) v`, whatever the bulk does:

    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> data = cell.full(mesh=0).run([0.0, 5.0], initial={"v_1": 0, "U": 0}, progress=False)
    >>> float(data.v_1.isel(time=-1).round(3)), round(1 / (1 + 0.8 * np.pi), 3)
    (0.285, 0.285)
    """
    return integrate(system, np.asarray(times, float), initial, parameters, options)


def integrate(
    system: FullBulkCells,
    times: np.ndarray,
    initial: Mapping[Any, Any] | None,
    parameters: Mapping[Any, Any] | None,
    options: dict,
) -> xr.Dataset:
    """Simulate the full system."""
    scheme, chosen, threads = _checked(system, options)
    numbers, fields = read_beginnings(system, initial)
    design = make_design(system, numbers, parameters, options.get("trajectories"))
    beginnings, values = design.rows(0, design.size)
    plan = _Plan(system, times, beginnings, fields, kept_times(system.keep_bulk, times), values, scheme, chosen)
    if plan.kept is not None and design.size * len(plan.kept) * len(system.bulk) * system.elements.size > LARGEST:
        raise DeclarationError(
            f"the bulk at {len(plan.kept)} times of {design.size} runs at {system.elements.size} nodes is more than "
            f"{LARGEST:g} numbers; name fewer times in keep_bulk"
        )
    bar = Progress(design.size, options.get("progress", True), scheme.name)
    done = [0]

    def work(row: int) -> _Part:
        part = _one(plan, row)
        with plan.lock:
            done[0] += 1
            bar.update(done[0])
        return part

    results: list[_Part] = []
    try:
        if threads == 1 or design.size == 1:
            for row in range(design.size):
                results.append(work(row))
        else:
            with ThreadPoolExecutor(threads) as pool:
                futures = [pool.submit(work, row) for row in range(design.size)]
                try:
                    wait(futures)
                except KeyboardInterrupt:
                    plan.stop[0] = 1
                results = [f.result() for f in futures]
    except KeyboardInterrupt:
        plan.stop[0] = 1  # results so far are retained
    finally:
        bar.close()
    return _gathered(plan, design, results, options)


def _one(plan: _Plan, row: int) -> _Part:
    """One run through all output times."""
    times, elements = plan.times, plan.system.elements
    parameters = dict(zip(plan.system.parameters, plan.parameters[row].tolist(), strict=True))
    problem = make_problem(plan.system, plan.scheme, parameters)
    exchange, species = problem.exchange, len(plan.system.bulk)
    weights = elements.integral / elements.area
    part = _Part(row, np.full((times.size, exchange.cells + species), np.nan), None)
    if plan.kept is not None:
        part.fields = np.full((species, len(plan.kept), elements.size), np.nan)
    place = {} if plan.kept is None else {int(k): i for i, k in enumerate(plan.kept)}

    def record(k: int, y: np.ndarray) -> None:
        part.values[k] = [*y[: exchange.cells], *(weights @ y[b] for b in exchange.bulks)]
        if part.fields is not None and k in place:
            part.fields[:, place[k]] = [y[b] for b in exchange.bulks]

    signals = StepSignals(plan.stop, np.full(1, times[0]))
    try:
        found = integrate_one(
            problem, plan.scheme, _begin(plan, row, problem), times, options=plan.options, record=record, signals=signals
        )  # fmt: skip
    except KeyboardInterrupt:
        plan.stop[0] = 1
        return part
    part.status, part.counts, part.error = found.status, found[1:4], found.error
    return part


def _begin(plan: _Plan, row: int, problem: ColonyProblem) -> np.ndarray:
    """The initial state."""
    exchange = problem.exchange
    numbers, y = plan.beginnings[row], np.empty(problem.size)
    u = y[: exchange.cells]
    u[:] = numbers[: exchange.cells]
    for s, (start, bulk) in enumerate(zip(plan.fields, exchange.bulks, strict=True)):
        if start is None:
            y[bulk] = numbers[exchange.cells + s]
        else:
            y[bulk] = exchange.quasi_steady(u)[s] if isinstance(start, str) else start
    return y


def _checked(system: FullBulkCells, options: Mapping[str, Any]) -> tuple[Any, StepOptions, int]:
    name, choice = read_method(options.get("method"))
    own = choice.given if choice else {}
    given = {k: v for k, v in options.items() if k not in ("method", "progress", "on_failure")} | own
    scheme = check_method("imex" if name is None else name, given, "cells in a bulk of finite elements")
    unfit = scheme.applies(system)
    if unfit is not None:
        raise DeclarationError(f"{scheme.name} does not apply: {unfit}")
    threads = options.get("threads")
    check_positive(**{k: options.get(k) for k in ("rtol", "atol", "step")})
    check_whole(threads=threads)
    if options.get("on_failure", "raise") not in ("raise", "nan"):
        raise DeclarationError(f"on_failure is {options['on_failure']!r}; expected 'raise' or 'nan'")
    chosen = StepOptions(**{k: v for k, v in given.items() if k in ("rtol", "atol", "step") or k in own})
    return scheme, chosen, int(threads or default_threads())


def _gathered(plan: _Plan, design: Design, parts: list[_Part], options: Mapping[str, Any]) -> xr.Dataset:
    system, times, kept = plan.system, plan.times, plan.kept
    values = np.full((design.size, times.size, len(system.states)), np.nan)
    status = np.full(design.size, INTERRUPTED, np.int64)
    steps, error = np.zeros((design.size, 3), np.int64), np.full(design.size, np.nan)
    fields = None if kept is None else np.full((design.size, len(system.bulk), len(kept), system.elements.size), np.nan)
    for part in parts:
        values[part.row], status[part.row] = part.values, part.status
        steps[part.row], error[part.row] = part.counts, part.error
        if fields is not None:
            fields[part.row] = part.fields
    skip = [s for s, start in zip(system.bulk, plan.fields, strict=True) if start is not None]
    o = plan.options
    tolerances = {"rtol": o.rtol, "atol": o.atol} if o.step is None else {"step": o.step}
    attrs = attributes(
        system, **fixed_values(system, design, skip), method=plan.scheme.name, **tolerances, seed=options.get("seed"),
        unknowns=system.elements.size, route="finite elements",
    )  # fmt: skip
    meanings = {"steps": "steps", "rejected": "steps that were rejected", "evaluations": "evaluations of the kinetics"}
    counts = {"status": (status, STATUS_CODES)}
    counts |= {name: (steps[:, k], meaning) for k, (name, meaning) in enumerate(meanings.items())}
    if o.step is not None and not np.isnan(error).all():
        counts["step_error"] = (error, "largest estimate of the error of a step, of one in 32")
    data = trajectory_dataset(system, design, times, values, counts, attrs, skip)
    for symbol in system.bulk:
        data[symbol.name].attrs["long_name"] = f"mean of {symbol} over the bulk"
    if fields is not None and kept is not None:
        data = _with_fields(data, plan, design, fields, kept)
    kernel: Any = SimpleNamespace(system=system, method=plan.scheme.name, family=SimpleNamespace(remedies=("a shorter step",)))
    run: Any = SimpleNamespace(status=status, values=values)
    return verdict(data, Ending(kernel, design, Outcome.of(run, times, 0, passed_on=0)), options.get("on_failure", "raise"))


def _with_fields(data: xr.Dataset, plan: _Plan, design: Design, fields: np.ndarray, kept: np.ndarray) -> xr.Dataset:
    whole = len(kept) == plan.times.size
    dims = (*design.dims, "time" if whole else "bulk_time", "node")
    data = data.assign_coords(plan.system.places if whole else {**plan.system.places, "bulk_time": plan.times[kept]})
    for s, symbol in enumerate(plan.system.bulk):
        data[f"{symbol}_field"] = (dims, fields[:, s].reshape(*design.shape, len(kept), -1))
    data["triangles"] = (("triangle", "corner"), plan.system.elements.triangles)
    return data
