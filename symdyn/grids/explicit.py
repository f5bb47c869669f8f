"""Explicit Runge-Kutta steps of fields: tableaus as data, the loop in the driver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from symdyn_kernels.arguments.fields import AdaptiveSteps, FixedSteps, GridTables, Tableau
from symdyn_kernels.arguments.parts import Tolerances

from symdyn.codegen.drivers import plain_driver
from symdyn.grids.imex_common import March
from symdyn.grids.model import GridModel, Workspace
from symdyn.methods import tsit5 as _tsit5

__all__ = ["EXPLICIT", "ExplicitMethod", "march_explicit"]


@dataclass(frozen=True)
class ExplicitMethod:
    """A tableau as numbers.

    Attributes
    ----------
    stages, order : int
        Evaluations, those of the last step included; order of the solution, and of the error estimate if there is one.
    adaptive : bool
    numbers : (k,) array
        Rows of ``a``, then weights (of the error, if adaptive), nodes, and coefficients of the interpolant.
    limit : float
        Bound of the stability region along the negative axis.
    reference : str
    """

    stages: int
    order: int
    adaptive: bool
    numbers: np.ndarray
    limit: float
    reference: str


def _numbers(a: tuple, weights: tuple, dense: tuple = ()) -> np.ndarray:
    nodes = [0.0, *(sum(row) for row in a)]
    return np.array([*(x for row in a for x in row), *weights, *nodes, *(x for row in dense for x in row)], dtype=float)


_BS_A = ((1 / 2,), (0, 3 / 4), (2 / 9, 1 / 3, 4 / 9))
_BS_ERROR = (2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8)
# the cubic through both values and both slopes
_BS_DENSE = ((1, 3 * 2 / 9 - 2, 1 - 2 * 2 / 9, 0), (0, 1, -2 / 3, 0), (0, 4 / 3, -8 / 9, 0), (0, -1, 1, 0))
_RK4_A = ((1 / 2,), (0, 1 / 2), (0, 0, 1))

EXPLICIT: dict[str, ExplicitMethod] = {
    "euler": ExplicitMethod(1, 1, False, np.array([1.0, 0.0]), 2.0, "Euler, Institutionum calculi integralis (1768)"),
    "rk4": ExplicitMethod(4, 4, False, _numbers(_RK4_A, (1 / 6, 1 / 3, 1 / 3, 1 / 6)), 2.785, "Kutta, ZAMP 46 (1901) 435"),
    "bs32": ExplicitMethod(
        4, 2, True, _numbers(_BS_A, _BS_ERROR, _BS_DENSE), 2.51,
        "Bogacki & Shampine, Applied Mathematics Letters 2 (1989) 321-325"
    ),
    "tsit5": ExplicitMethod(
        7, 4, True, _numbers(_tsit5.A, _tsit5.ERROR[0], _tsit5.DENSE), 3.25,
        "Tsitouras, Computers & Mathematics with Applications 62 (2011) 770-775",
    ),
}  # fmt: skip


def march_explicit(
    method: str,
    model: GridModel,
    y: np.ndarray,
    times: np.ndarray,
    p: np.ndarray,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    max_step: float | None = None,
    max_steps: int | None = None,
    stop: np.ndarray | None = None,
    done: np.ndarray | None = None,
) -> March:
    """Go through time by a method of `EXPLICIT`; `stop`, set elsewhere, interrupts, and `done` tells the time reached."""
    scheme = EXPLICIT[method]
    stop = np.zeros(1, np.int64) if stop is None else stop
    done = np.zeros(1) if done is None else done
    counts = np.zeros(3, np.int64)
    frames = np.full((times.size, model.size), np.nan)
    p, start = np.ascontiguousarray(p, float), np.ascontiguousarray(y, float)
    times = np.ascontiguousarray(times, float)
    space = Workspace(model, 4 + scheme.stages)
    grid = GridTables(model.table, model.numbers(p), p, start.ctypes.data, space.states, space.work)
    tableau = Tableau(scheme.stages, scheme.order, scheme.numbers)
    results = (frames.ctypes.data, stop, done, counts)
    driver = plain_driver("stencil_steps")
    if scheme.adaptive:
        longest = np.inf if max_step is None else float(max_step)
        tolerances = Tolerances(float(rtol), float(atol), longest, int(max_steps or 1_000_000))
        status = driver.adaptive(AdaptiveSteps(grid, tableau, times, tolerances, *results))
    else:
        assert step is not None
        status = driver.fixed(FixedSteps(grid, tableau, times, float(step), *results))
    return March(frames, int(status), *map(int, counts))
