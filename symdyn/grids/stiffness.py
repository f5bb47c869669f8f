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
from symdyn.grids.linear_part_terms import field_terms
from symdyn.grids.stencils import differences
from symdyn.grids.system import GridSystem
from symdyn.grids.walls import MIRROR, PERIODIC, axis_matrix
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["decay_rates", "has_empty_cells", "warn_of_diffusion"]

#: Steps times cells times fields that take some ten seconds.
LONG = 5e9
#: Cells of an axis from which walls are looked at: waves that decay faster beside them reach over a few cells.
BESIDE = 32
#: Below this part of the greatest value a cell is empty; fields with this part of empty cells have fronts.
EMPTY, FRONT = 1e-12, 0.02


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
    sizes = (np.abs(y[b]) for b in blocks)
    return any(bool(np.mean(a < EMPTY * a.max(initial=0.0)) > FRONT) for a in sizes)


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
