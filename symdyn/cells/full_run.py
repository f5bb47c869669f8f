"""Runs of the full system: sweeps over threads, and the dataset."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, SUCCESS

from symdyn.cells._full_start import kept_times, read_beginnings
from symdyn.cells.full import FullBulkCells
from symdyn.cells.stepping import METHODS, AdditiveStepper, WallExchange
from symdyn.cells.values import CellValues
from symdyn.codegen.effects import refuse_idle
from symdyn.codegen.kernel import read_method
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.simulation.dataset import STATUS_CODES, attributes, fixed_values, trajectory_dataset
from symdyn.simulation.ensemble import Progress, default_threads
from symdyn.simulation.sweeps import Design, make_design
from symdyn.simulation.verdict import Ending, Outcome, verdict

__all__ = ["run"]

TOGETHER = 4
"""Runs with the same parameters that go side by side; fixed, so that no result depends on the number of threads."""

RESOLUTION = {"ark4": 0.15, "ark3": 0.08, "sbdf2": 0.02}
"""Default step, relative to the shortest time of the kinetics near the initial values."""

LARGEST = 1e9
"""Largest number of recorded values of the bulk."""

READS = frozenset({"step", "seed", "threads", "trajectories"})
"""Options that the integrators read."""


@dataclass
class _Part:
    """Rows of the design that are integrated jointly, and their results."""

    rows: np.ndarray
    values: np.ndarray
    fields: np.ndarray | None
    status: np.ndarray
    error: np.ndarray
    steps: int = 0


@dataclass
class _Plan:
    """The task, and the exchange matrices of the parameters in use."""

    system: FullBulkCells
    times: np.ndarray
    beginnings: np.ndarray
    fields: list[Any]
    kept: np.ndarray | None
    parameters: np.ndarray
    group: np.ndarray
    method: str
    step: float | None
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    shared: dict[int, tuple[CellValues, WallExchange]] = field(default_factory=dict)

    def parts(self) -> list[np.ndarray]:
        """Rows with the same parameters, a few at a time."""
        found = []
        for g in range(len(self.parameters)):
            rows = np.flatnonzero(self.group == g)
            found += [rows[i : i + TOGETHER] for i in range(0, len(rows), TOGETHER)]
        return found

    def exchange(self, g: int) -> tuple[CellValues, WallExchange]:
        """Numbers and matrices of a set of parameters, shared by all rows that have it."""
        with self.lock:
            if g not in self.shared:
                for old in [k for k in self.shared if k < g - 8]:  # parts come in the order of their parameters
                    del self.shared[old]
                system = self.system
                values = system.values(dict(zip(system.parameters, self.parameters[g], strict=True)))
                self.shared[g] = values, WallExchange(system.elements.matrices(values), values.secreted)
            return self.shared[g]


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
        method ('ark4', 'ark3' or 'sbdf2'), step (by default 0.15, 0.08 or 0.02 of the shortest time of the kinetics near
        the initial values), trajectories, threads, progress, on_failure.

    Returns
    -------
    xarray.Dataset
        Each state of the cells and the mean of the bulk with dims (sweeps..., ``time``), and
        ``trajectory`` where `trajectories` were asked for; with `keep_bulk`
        also the bulk itself, ``U_field`` with dims (sweeps..., ``time`` or ``bulk_time``, ``node``), the
        places ``node_x`` and ``node_y``, and ``triangles`` between the nodes, to draw it.  ``status`` and ``steps`` as in
        other runs; ``step_error`` is small where the step is short enough.

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
    method, step, threads = _checked(options)
    numbers, fields = read_beginnings(system, initial)
    design = make_design(system, numbers, parameters, options.get("trajectories"))
    beginnings, values = design.rows(0, design.size)
    unique, group = np.unique(values, axis=0, return_inverse=True)
    plan = _Plan(
        system, times, beginnings, fields, kept_times(system.keep_bulk, times), unique, group.ravel(), method, step
    )  # fmt: skip
    if plan.kept is not None and design.size * len(plan.kept) * len(system.bulk) * system.elements.size > LARGEST:
        raise DeclarationError(
            f"the bulk at {len(plan.kept)} times of {design.size} runs at {system.elements.size} nodes is more than "
            f"{LARGEST:g} numbers; name fewer times in keep_bulk"
        )
    bar = Progress(design.size, options.get("progress", True), method)
    done = [0]

    def work(rows: np.ndarray) -> _Part:
        part = _march(plan, rows)
        with plan.lock:
            done[0] += len(rows)
            bar.update(done[0])
        return part

    parts, results = plan.parts(), []
    try:
        if threads == 1 or len(parts) == 1:
            for rows in parts:
                results.append(work(rows))
        else:
            with ThreadPoolExecutor(threads) as pool:
                futures = [pool.submit(work, rows) for rows in parts]
                try:
                    wait(futures)
                except KeyboardInterrupt:
                    plan.stop.set()
                results = [f.result() for f in futures]
    except KeyboardInterrupt:
        plan.stop.set()  # results so far are retained
    finally:
        bar.close()
    return _gathered(plan, design, results, options)


def _march(plan: _Plan, rows: np.ndarray) -> _Part:
    """Some runs with the same parameters through all output times."""
    times, elements = plan.times, plan.system.elements
    values, exchange = plan.exchange(int(plan.group[rows[0]]))
    n, species = values.kinetics.size, values.species
    u, U = _begin(plan, rows, exchange, n)
    longest = _default_step(values.kinetics, u, plan.method) if plan.step is None else plan.step
    weights = elements.integral / elements.area
    status, unknown = np.full(len(rows), SUCCESS, np.int64), np.full(len(rows), np.nan)
    part = _Part(rows, np.full((len(rows), times.size, n + species), np.nan), None, status, unknown)
    if plan.kept is not None:
        part.fields = np.full((len(rows), species, len(plan.kept), elements.size), np.nan)
    place = {} if plan.kept is None else {int(k): i for i, k in enumerate(plan.kept)}
    stepper = AdditiveStepper(exchange, values.kinetics.rates, plan.method, u, U)
    with np.errstate(all="ignore"):
        for k in range(times.size):
            if k and not _advance(stepper, times[k] - times[k - 1], longest, part, plan.stop):
                part.status[part.status == SUCCESS] = INTERRUPTED
                break
            now = np.concatenate([stepper.u, np.stack([weights @ x for x in stepper.U], axis=1)], axis=1)
            going = part.status == SUCCESS
            good = np.isfinite(now).all(axis=1) & going
            part.status[~good & going] = NOT_FINITE
            part.values[good, k] = now[good]
            if part.fields is not None and k in place:
                part.fields[good, :, place[k]] = np.stack([x.T for x in stepper.U], axis=1)[good]
            if not good.any():
                break
    if plan.method != "sbdf2":
        part.error = stepper.error
    return part


def _begin(plan: _Plan, rows: np.ndarray, exchange: WallExchange, n: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Initial cells (R, n) and bulk, each (N, R)."""
    numbers = plan.beginnings[rows]
    u, U = numbers[:, :n].copy(), []
    for s, start in enumerate(plan.fields):
        if start is None:
            U.append(np.tile(numbers[:, n + s], (plan.system.elements.size, 1)))
        elif isinstance(start, str):
            U.append(exchange.quasi_steady(u)[s])
        else:
            U.append(np.repeat(start[:, None], len(rows), axis=1))
    return u, U


def _advance(stepper: AdditiveStepper, gap: float, longest: float, part: _Part, stop: threading.Event) -> bool:
    """From one output time to the next; false if somebody interrupts."""
    count = max(1, int(np.ceil(gap / longest * (1 - 1e-9))))
    h = float(f"{gap / count:.12e}")  # equal gaps that differ in their last bits share their factors
    try:
        for _ in range(count):
            if stop.is_set():
                return False
            stepper.advance(h, 1)
    except KeyboardInterrupt:
        stop.set()
        return False
    part.steps += count
    return True


def _default_step(kinetics, u: np.ndarray, method: str) -> float:
    """A fraction of the shortest time of the kinetics near the initial values."""
    fastest = max(float(np.abs(np.linalg.eigvals(kinetics.jacobian(x))).max()) if x.size else 0.0 for x in u)
    return RESOLUTION[method] / fastest if np.isfinite(fastest) and fastest > 1e-6 else RESOLUTION[method]


def _checked(options: Mapping[str, Any]) -> tuple[str, float | None, int]:
    name, choice = read_method(options.get("method"))
    method = "ark4" if name is None else name
    if method not in METHODS:
        raise DeclarationError(
            f"the method is {method!r}; for cells in a bulk of finite elements expected {', '.join(METHODS)}"
        )
    given = {k for k in options if k not in ("method", "progress", "on_failure")} | set(choice.given if choice else ())
    refuse_idle(sorted(given), READS, f"cells in a bulk of finite elements with {method!r}")
    step, threads = options.get("step"), options.get("threads")
    check_positive(step=step)
    check_whole(threads=threads)
    if options.get("on_failure", "raise") not in ("raise", "nan"):
        raise DeclarationError(f"on_failure is {options['on_failure']!r}; expected 'raise' or 'nan'")
    return method, None if step is None else float(step), int(threads or default_threads())


def _gathered(plan: _Plan, design: Design, parts: list[_Part], options: Mapping[str, Any]) -> xr.Dataset:
    system, times, kept = plan.system, plan.times, plan.kept
    values = np.full((design.size, times.size, len(system.states)), np.nan)
    status = np.full(design.size, INTERRUPTED, np.int64)
    steps, error = np.zeros(design.size, np.int64), np.full(design.size, np.nan)
    fields = None if kept is None else np.full((design.size, len(system.bulk), len(kept), system.elements.size), np.nan)
    for part in parts:
        values[part.rows], status[part.rows] = part.values, part.status
        steps[part.rows], error[part.rows] = part.steps, part.error
        if fields is not None:
            fields[part.rows] = part.fields
    skip = [s for s, start in zip(system.bulk, plan.fields, strict=True) if start is not None]
    attrs = attributes(
        system, **fixed_values(system, design, skip), method=plan.method, step=plan.step, seed=options.get("seed"),
        unknowns=system.elements.size, route="finite elements",
    )  # fmt: skip
    counts = {"status": (status, STATUS_CODES), "steps": (steps, "steps of the fixed length")}
    if plan.method != "sbdf2":
        counts["step_error"] = (error, "largest difference in a step from the embedded method of an order less, in the cells")
    data = trajectory_dataset(system, design, times, values, counts, attrs, skip)
    for symbol in system.bulk:
        data[symbol.name].attrs["long_name"] = f"mean of {symbol} over the bulk"
    if fields is not None and kept is not None:
        data = _with_fields(data, plan, design, fields, kept)
    kernel: Any = SimpleNamespace(system=system, method=plan.method, family=SimpleNamespace(remedies=("a shorter step",)))
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
