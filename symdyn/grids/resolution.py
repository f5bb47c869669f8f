r"""Runs that the cells do not resolve: waves of two cells that have grown.

Advection moves waves as short as two cells at wrong speeds; where no diffusion damps them, at cell Peclet numbers
:math:`|c| h / D > 2`, they stay, and whatever makes them grow is not the equation.  Solutions that truly grow are smooth or
single peaks, and do not change their direction from cell to cell.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import sympy as sp

from symdyn.grids.linear_part_terms import field_terms
from symdyn.grids.system import GridSystem
from symdyn.models.operators import AXES, components, linear_form

__all__ = ["cell_peclet", "has_advection", "sawtooth", "warn_of_waves"]

#: A state that grew by this factor, and of whose changes from cell to cell this part turns back in the next cell.
GROWN, TURNING = 100.0, 0.5


def has_advection(grid: GridSystem) -> bool:
    """Whether a rate has first derivatives.

    Examples
    --------
    >>> from symdyn.models.pde import PDESystem
    >>> has_advection(PDESystem.from_text("u' = laplacian(u)", domain=(0, 1)).discretize(10))
    False
    """
    return any(components(rate, grid.dimension).has(*AXES) for rate in grid.rates)


def sawtooth(u: np.ndarray) -> float:
    """The part of the changes from cell to cell that turns back in the next cell, along the axis where it is largest.

    Examples
    --------
    >>> x = np.linspace(0, 1, 40)
    >>> sawtooth(np.exp(-100 * (x - 0.5) ** 2)) < 0.1, sawtooth((-1.0) ** np.arange(40)) > 0.9
    (True, True)
    """
    worst = 0.0
    for axis in range(u.ndim):
        d = np.diff(np.moveaxis(u, axis, -1))
        total, turning = np.abs(d).sum(), d[..., 1:] * d[..., :-1] < 0
        back = np.minimum(np.abs(d[..., 1:]), np.abs(d[..., :-1]))[turning].sum()
        worst = max(worst, float(back / total) if total > 0 else 0.0)
    return worst


def cell_peclet(grid: GridSystem, values: Mapping[sp.Symbol, float]) -> float:
    r"""The largest :math:`|c| h / D` of advection :math:`c\,\partial_x u` and diffusion with coefficients made of parameters.

    Infinite without diffusion, 0 without such advection.

    Examples
    --------
    >>> from symdyn.models.pde import PDESystem
    >>> grid = PDESystem.from_text("u' = -2*dx(u) + 0.1*laplacian(u)", domain=(0, 1)).discretize(10)
    >>> round(cell_peclet(grid, {}), 12)
    2.0
    """
    worst = 0.0
    for field, rate in zip(grid.fields, grid.rates, strict=False):
        form = linear_form(components(rate, grid.dimension), grid.fields, grid.space, grid.dimension)
        diffusion = field_terms(grid, field)
        for axis, h in enumerate(grid.spacing):
            along = [tuple(m * (i == axis) for i in range(grid.dimension)) for m in (1, 2)]
            speed, spread = form.get((field, along[0]), sp.S.Zero), diffusion.get((along[1],), sp.S.Zero)
            if speed != 0 and speed.free_symbols <= values.keys():
                c, d = abs(float(speed.xreplace(values))), float(spread.xreplace(values))
                worst = max(worst, c * h / d if d > 0 else np.inf if c > 0 else 0.0)
    return worst


def warn_of_waves(grid: GridSystem, start: np.ndarray, end: np.ndarray, values: Mapping[sp.Symbol, float], t: float) -> bool:
    """Warn if a field has grown in waves of two cells, and return whether one has.

    Parameters
    ----------
    grid : GridSystem
        With finite differences and first derivatives.
    start, end : (size,) float64
        The initial state, and that at time `t`.
    values : mapping of Symbol to float
        Of the parameters.
    t : float
    """
    cells = int(np.prod(grid.shape))
    for k, field in enumerate(grid.fields):
        part = slice(k * cells, (k + 1) * cells)
        before, after = float(np.abs(start[part]).max()), float(np.abs(end[part]).max())
        if not after > GROWN * before > 0 or sawtooth(end[part].reshape(grid.shape)) < TURNING:
            continue
        number = cell_peclet(grid, values)
        why = f", at a cell Peclet number |c|*h/D of {number:.3g}, where 2 is resolved" if number > 2 else ""
        needed = " x ".join(str(int(np.ceil(n * number / 2))) for n in grid.shape) if 2 < number < 1e3 else ""
        more = f"at least {needed} cells" if needed else "more cells"
        warnings.warn(
            f"{field} grew {after / before:.1e}-fold by t = {t:g} in waves as short as two cells{why}: these values are "
            f"not those of a smooth solution; take {more}, or more diffusion",
            stacklevel=2,
        )
        return True
    return False
