r"""The step size that stability under diffusion imposes on explicit methods.

The shortest waves of a grid decay at the rate :math:`\rho = \max(-\lambda)` over the eigenvalues of what is linear.  An
explicit method whose region of stability ends at :math:`-b` makes them grow in steps longer than :math:`b/\rho`, so it needs
:math:`\rho T / b` of them for a time T, however little happens.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.grids.linear_part_terms import field_terms
from symdyn.grids.stencils import differences
from symdyn.grids.system import GridSystem
from symdyn.grids.walls import MIRROR, PERIODIC, axis_matrix
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.models.operator_types import Operator
from symdyn.models.operators import components

__all__ = ["decay_rates", "has_empty_cells", "warn_of_diffusion", "warn_of_rounding"]

#: Steps times cells times fields that take some ten seconds.
LONG = 5e9
#: Cells of an axis from which walls are looked at: waves that decay faster beside them reach over a few cells.
BESIDE = 32
#: Below this part of the greatest value a cell is empty; fields with this part of empty cells have fronts.
EMPTY, FRONT = 1e-12, 0.02
#: Empty cells that are looked at, and the exponent by which errors of rounding grow to a millionth of a field.
SOME, GROWN = 500, 23.0


def decay_rates(grid: GridSystem, p: np.ndarray) -> np.ndarray:
    r"""The greatest :math:`\rho` over fields for each row of parameters (rows, k), (rows,); 0 if nothing is linear.

    Examples
    --------
    >>> from symdyn.models.pde import PDESystem
    >>> grid = PDESystem.from_text("u' = D*laplacian(u)", domain=(0, 1)).discretize(10)
    >>> decay_rates(grid, np.array([[1.0], [2.0]])).round(9)   # 4 D / h^2
    array([400., 800.])
    """
    among = {s for row in grid.conditions.values() for pair in row if pair != PERIODIC for c in pair
             for a in c.coefficients for s in a.free_symbols}  # fmt: skip
    places = [grid.parameters.index(s) for s in grid.parameters if s in among]
    _, first, group = np.unique(p[:, places], axis=0, return_index=True, return_inverse=True)
    found = np.empty(len(p))
    for k, row in enumerate(first):
        chosen = np.ravel(group) == k
        found[chosen] = _decay_rates(grid, p[chosen], grid.model().walls(p[row]))
    return found


def _decay_rates(grid: GridSystem, p: np.ndarray, walls: Any) -> np.ndarray:
    """The same for rows with the same coefficients at walls."""
    rates = []
    for field in grid.fields:
        total = sp.S.Zero
        for chain, coefficient in field_terms(grid, field).items():
            shortest = 1.0
            for orders in chain:
                for m, h, n, pair in zip(orders, grid.spacing, grid.shape, walls[field], strict=True):
                    shortest *= _shortest(m, float(h), min(n, BESIDE), grid.order, pair)
            total -= shortest * coefficient
        rates.append(total)
    program = lower("decay", [("lane", ()), ("y", ()), ("p", grid.parameters)], rates, [str(f) for f in grid.fields])
    found = [np.broadcast_to(v, len(p)) for v in evaluate(program, [], [], list(p.T))]
    return np.maximum(np.max(found, axis=0), 0.0)


@lru_cache(maxsize=256)
def _shortest(m: int, h: float, n: int, order: int, pair: tuple[Any, Any]) -> float:
    """What a derivative makes of the waves that it makes most of: as short as two cells, or beside a wall."""
    inside = sum(c * (-1) ** k for k, c in zip(*differences(order).cell(m), strict=True)) / h**m
    if m != 2 or set(pair) <= {PERIODIC, MIRROR}:
        return inside
    return min(inside, float(np.linalg.eigvals(axis_matrix(n, h, m, order, *pair)[0]).real.min()))


def has_empty_cells(y: np.ndarray, blocks: Sequence[slice]) -> bool:
    """Whether a field of a state (size,) is 0 up to rounding in part of its cells.

    Explicit steps leave them so, whereas transforms spread rounding errors into them, which may grow ahead of a front.

    Examples
    --------
    >>> has_empty_cells(np.array([1.0, 0.5, 0.0, 0.0]), [slice(0, 4)]), has_empty_cells(np.ones(4), [slice(0, 4)])
    (True, False)
    """
    return any(bool(_empty(y[b]).mean() > FRONT) for b in blocks)


def _empty(field: np.ndarray) -> np.ndarray:
    """Which cells of a field are 0 up to rounding."""
    return np.asarray(np.abs(field) < EMPTY * np.abs(field).max(initial=0.0))


def warn_of_diffusion(
    grid: GridSystem, scheme: ExplicitRungeKutta, span: float, rate: float, *, step: float | None = None,
    max_steps: int | None = None,
) -> None:  # fmt: skip
    """Warn if an explicit method will take very long, or if its steps of one length are unstable.

    Parameters
    ----------
    grid : GridSystem
        With finite differences.
    scheme : ExplicitRungeKutta
    span : float
        Of time.
    rate : float
        The greatest of `decay_rates`.
    step : float, optional
        Length of all steps.
    max_steps : int, optional
    """
    limit, method = scheme.stiffness_limit, scheme.name
    if step is not None:
        if min(step, span) * rate > 1.001 * limit:
            warnings.warn(
                f"waves as short as the cells grow in steps of {method} longer than {limit / rate:.3g}, and step is {step:g}: "
                "take a smaller step, or method='sbdf2', which no diffusion forces to small steps",
                stacklevel=4,
            )
        return
    steps = span * rate / limit
    if steps > (max_steps or 1_000_000) or steps * np.prod(grid.shape) * len(grid.fields) > LONG:
        warnings.warn(
            f"diffusion between cells this small forces {method} to about {steps:.1e} steps unless the fields are uniform; "
            "method='imex' takes steps that accuracy asks for alone",
            stacklevel=4,
        )


def warn_of_rounding(grid: GridSystem, y: np.ndarray, p: np.ndarray, begin: float, span: float) -> bool:
    r"""Warn, and return whether, errors of rounding grow until they are seen in cells that are empty.

    Transforms leave them there.  In a cell by itself they grow at the greatest real part of the eigenvalues of the Jacobian of
    the rates without their derivatives in space, such as 1 where :math:`u' = u_{xx} + u (1 - u)` begins at 0.

    Parameters
    ----------
    grid : GridSystem
    y : (size,) float64
        The initial state.
    p : (k,) float64
        Values of the parameters.
    begin, span : float
        The first time, and how long.
    """
    fields = y[: len(grid.fields) * int(np.prod(grid.shape))].reshape(len(grid.fields), -1)
    empty = np.array([_empty(field) for field in fields])
    program = _local_slopes(grid) if (empty.mean(axis=1) > FRONT).any() else None
    if program is None:
        return False
    at = np.flatnonzero(empty.any(axis=0))
    at = at[:: max(1, len(at) // SOME)]
    slopes = np.array([np.broadcast_to(v, len(at)) for v in evaluate(program, [np.array(begin)], list(fields[:, at]), list(p))])
    slopes = slopes[:, np.isfinite(slopes).all(axis=0)].T.reshape(-1, len(fields), len(fields))
    rate = float(np.linalg.eigvals(slopes).real.max(initial=0.0))
    if rate * span <= GROWN:
        return False
    name = grid.fields[int(np.argmax(empty.mean(axis=1)))]
    warnings.warn(
        f"transforms leave errors of rounding where {name} is 0, and there they grow as exp({rate:.3g}*t): after a time of "
        f"{GROWN / rate:.3g} they are no rounding any more, and may run ahead of a front; method='bs32' on finite differences "
        "keeps such cells at 0",
        stacklevel=5,
    )
    return True


@lru_cache(maxsize=64)
def _local_slopes(grid: GridSystem) -> Program | None:
    """Derivatives of the rates by the fields, without what neighbours do; None where they depend on more than these."""
    local = [components(e, grid.dimension).replace(lambda a: isinstance(a, Operator), lambda a: sp.S.Zero)
             for e in grid.rates[: len(grid.fields)]]  # fmt: skip
    slopes = list(sp.Matrix(local).jacobian(grid.fields))
    if {a for e in slopes for a in e.free_symbols} - {*grid.fields, *grid.parameters, grid.time}:
        return None
    blocks = [("lane", (grid.time,)), ("y", grid.fields), ("p", grid.parameters)]
    return lower("slopes", blocks, slopes, [f"{k}" for k in range(len(slopes))])
