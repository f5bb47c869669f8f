"""Runs of fields: sweeps and ensembles in threads, and their dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, STIFF

from symdyn.bar import bar
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.kernel import read_method
from symdyn.errors import DeclarationError
from symdyn.grids.options import check_method, check_times
from symdyn.grids.problems import make_problem
from symdyn.grids.results import run_dataset, run_verdict
from symdyn.grids.starts import Starts, shape_of
from symdyn.grids.stiffness import decay_rates, has_empty_cells, warn_of_diffusion
from symdyn.grids.system import GridSystem, discretize
from symdyn.integration import StepOptions, StepSignals, integrate
from symdyn.methods.options import MethodOptions, check_positive, check_whole
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.models.pde import PDESystem
from symdyn.simulation.ensemble import default_threads
from symdyn.simulation.sweeps import make_design

__all__ = ["run_field", "run_grid"]


def run_field(
    pde: PDESystem,
    times: Any,
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    grid: Any = None,
    order: int = 2,
    scheme: str = "finite differences",
    dealias: bool = True,
    implicit: Mapping[Any, Any] | None = None,
    **options: Any,
) -> xr.Dataset:
    r"""Simulate on a grid of `discretize`; `symdyn.simulate` calls this for a `PDESystem`.

    Parameters
    ----------
    pde : PDESystem
    times : (T,) array
        Output times, increasing, in the units of time.
    initial : mapping, optional
        Initial values of fields and scalars, as for `GridSystem.run`.
    parameters : mapping, optional
        Numbers or sweeps, in the units of the parameters.
    grid : int or sequence of int, optional
        Cells along each axis; by default the shape of the initial arrays.
    order, scheme, dealias, implicit
        As for `PDESystem.discretize`.
    **options
        As for `GridSystem.run`.

    Returns
    -------
    xarray.Dataset
        As of `GridSystem.run`.

    Raises
    ------
    DeclarationError
        For missing values, and grids or options that do not apply.
    SimulationError
        If a trajectory fails.

    Examples
    --------
    On n cells of width h, :math:`\cos \pi x` decays with the rate :math:`4 D h^{-2} \sin^2(\pi h/2)`:

    >>> pde = PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1))
    >>> data = pde.run([0.0, 0.1], initial={"u": "cos(pi*x)"}, grid=8, rtol=1e-8, progress=False)
    >>> u = data.u
    >>> float((u[1, 0] / u[0, 0]).round(4)), round(math.exp(-0.1 * 4 * 64 * math.sin(math.pi / 16) ** 2), 4)
    (0.3774, 0.3774)
    """
    points = shape_of(pde, initial) if grid is None else grid
    made = discretize(pde, points, order=order, scheme=scheme, dealias=dealias, implicit=implicit)
    return run_grid(made, times, initial=initial, parameters=parameters, **options)


def run_grid(
    system: GridSystem,
    times: Any,
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    method: str | MethodOptions | None = None,
    progress: bool = True,
    on_failure: str = "raise",
    **given: Any,
) -> xr.Dataset:
    """Simulate fields on a grid.

    Parameters
    ----------
    system : GridSystem
    times : (T,) float
    initial : mapping
        Of fields numbers, arrays of the shape of the grid (with another dimension in front: one for each trajectory),
        DataArrays, expressions of position and parameters, or functions of the positions; of scalars numbers or sweeps.
    parameters : mapping
        Numbers or sweeps, in the units of the parameters.
    method : str or MethodOptions, optional
        'bs32', 'tsit5' and 'dop853' choose their steps and are explicit, 'euler' and 'rk4' take steps of length `step`;
        'imex', 'imex3', 'etdrk4' and, with `step`, 'sbdf2' treat what is linear implicitly or exactly.  By default 'bs32', and
        'imex' for spectral schemes and where the grid has `implicit`.  Their options are
        ``symdyn.methods.Bs32(max_step=0.1)``, ``symdyn.methods.Imex(max_steps=10_000)`` and so on.
    progress, on_failure :
        As for `symdyn.simulate`.
    **given :
        Options that have a value: ``rtol``, ``atol``, ``step``, ``trajectories``, ``seed`` (which is recorded) as for
        `symdyn.simulate`, and ``threads``.

    Raises
    ------
    DeclarationError
        For input that does not fit, and options without effect.
    SimulationError
        If trajectories fail; its ``dataset`` holds everything that was computed.

    Returns
    -------
    xarray.Dataset
        A variable for each field with dims (sweeps..., ``trajectory`` if asked for, ``time``, ``x``, ``y``), for each scalar
        without positions, and for each observable; and ``status``, ``steps``, ``rejected``, ``evaluations``.

    Notes
    -----
    The default method on differences, 'bs32', passes trajectories on to 'imex' where stability under diffusion limits most of
    its steps and would limit thousands more; the attribute ``passed_on`` says so.  A method that is named is not replaced, nor
    the default one where fields begin with empty cells, as fronts do.

    Walls whose conditions change smoothly with time, or with scalars of the system, leave the orders of all methods as they
    are: functions that meet the conditions are subtracted (`symdyn.grids.lifting`).  Not so where conditions contain
    ``Piecewise``, ``Heaviside``, ``Abs`` or other functions with jumps or corners, and for derivatives of fourth order between
    walls that change: there the orders of 'imex', 'imex3' and 'etdrk4' fall to about 2.

    Explicit steps on differences are local: values that are 0 outside of the numerical domain of dependence stay 0.  The
    transforms of spectral schemes and of methods that treat terms implicitly or exactly spread rounding errors of some 1e-17 of
    the greatest value over all cells, and at an unstable state these errors grow: ahead of a front into :math:`u = 0` with the
    rate r they are as large as the front itself after a time of :math:`38/r`.  For such fronts take 'bs32' or 'tsit5', which
    warn if diffusion forces them to very many steps.

    Examples
    --------
    Without diffusion the logistic equation holds at each point:

    >>> grid = PDESystem.from_text("u' = u*(1 - u)", domain=(0, 1)).discretize(2)
    >>> data = grid.run([0.0, math.log(3)], initial={"u": 0.5}, progress=False)
    >>> data.u.isel(time=-1).round(4).values  # 1/(1 + exp(-t))
    array([0.75, 0.75])
    """
    by_default = "bs32" if system.scheme != "spectral" and system.implicit is None else "imex"
    given = {name: value for name, value in given.items() if value is not None}
    name, choice = read_method(method)
    method = by_default if name is None else name
    own = choice.given if choice else {}
    scheme = check_method(method, {**given, **own})
    steps: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-9} if "step" not in given else {}
    steps |= {name: given[name] for name in ("rtol", "atol", "step") if name in given} | own
    check_positive(**{name: given.get(name) for name in ("rtol", "atol", "step")})
    check_whole(threads=given.get("threads"))
    threads = given.get("threads") or default_threads()
    if on_failure not in ("raise", "nan"):
        raise DeclarationError(f"on_failure is {on_failure!r}; expected 'raise' or 'nan'")
    times = check_times(times)
    starts = Starts(system, system.centers, initial)
    design = make_design(system, starts.given, parameters, given.get("trajectories"))
    positions = [s.name for s in system.space]
    clash = sorted(set(design.dims) & set(positions))
    if clash:
        raise DeclarationError(f"the sweep dimension {clash[0]!r} is a position of the fields; rename it")
    count = design.size
    frames = np.full((count, times.size, len(system.fields) * math.prod(system.shape) + len(system.scalars)), np.nan)
    status = np.full(count, INTERRUPTED)
    counts = np.zeros((count, 3), np.int64)
    stop, reached = np.zeros(1, np.int64), [np.full(1, times[0]) for _ in range(count)]
    workers = min(threads, count)
    # what threads trajectories leave over, transforms have
    inner, left = max(1, threads // workers), iter(range(count))

    cells = system.scheme != "spectral"
    explicit = isinstance(scheme, ExplicitRungeKutta)
    decay = decay_rates(system, design.rows(0, count)[1]) if explicit and cells else np.zeros(count)
    passed = np.zeros(count, bool)
    options = StepOptions(**steps)

    def one(row: int) -> None:
        start, p = (x[0] for x in design.rows(row, row + 1))
        y, signals = _pack(system, starts.state(start, p)), StepSignals(stop, reached[row])

        def record(k: int, state: np.ndarray) -> None:
            frames[row, k] = state

        problem = make_problem(system, scheme, p, inner)
        passes = name is None and not has_empty_cells(y, problem.blocks)
        found = integrate(
            problem, scheme, y, times, options=replace(options, decay=float(decay[row]) if passes else 0.0), record=record,
            signals=signals,
        )  # fmt: skip
        if found.status == STIFF:
            passed[row], frames[row, 1:] = True, np.nan
            instead = METHODS["imex"]
            problem = make_problem(system, instead, p, inner)
            found = integrate(problem, instead, y, times, options=options, record=record, signals=signals)
        status[row], counts[row] = found.status, found[1:4]
        reached[row][0] = times[-1]

    def work() -> None:
        for row in left:
            if stop[0]:
                return
            one(row)

    if explicit and cells:
        if name is not None:
            length = float(times[-1] - times[0])
            warn_of_diffusion(
                system, scheme, length, float(decay.max()), step=options.step, max_steps=options.max_steps
            )  # fmt: skip
        plain_driver("stencil_steps")  # compiled before threads ask for it
    make_problem(system, scheme, design.rows(0, 1)[1][0], inner)  # what does not apply is refused before threads begin
    span = float(times[-1] - times[0]) or 1.0
    shown = bar(progress, total=count, desc=method, unit="traj", delay=0.5)
    before = 0.0
    with ThreadPoolExecutor(workers) as pool:
        try:
            pending = {pool.submit(work) for _ in range(workers)}
            while pending:
                finished, pending = wait(pending, timeout=0.1)
                now = sum((float(r[0]) - times[0]) / span for r in reached) if times.size > 1 else 0.0
                shown.update(now - before)
                before = now
                for future in finished:
                    future.result()
        except BaseException as error:
            stop[0] = 1
            if not isinstance(error, KeyboardInterrupt):
                raise
        finally:
            shown.close()
    facts = {"method": scheme.name, **{k: v if isinstance(v, (int, float)) else str(v) for k, v in own.items()}}
    facts |= {"passed_on": "imex" if passed.any() else None, **{k: steps.get(k) for k in ("rtol", "atol", "step")}}
    facts |= {"seed": given.get("seed"), "initial": starts.text}
    data = run_dataset(system, design, times, frames, status, counts, facts)
    return run_verdict(system, design, data, times, frames, status, scheme, on_failure)


def _pack(grid: GridSystem, values: Mapping[sp.Symbol, Any]) -> np.ndarray:
    return np.concatenate([*(np.ravel(values[f]) for f in grid.fields), [values[s] for s in grid.scalars]])
