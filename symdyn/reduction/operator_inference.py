"""Operator inference: the rates of coordinates as polynomials fitted to runs, without the equations."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from scipy.stats import t as student

from symdyn.errors import DeclarationError
from symdyn.reduction.basis import pod_basis
from symdyn.reduction.dense import dense
from symdyn.reduction.layout import StateLayout
from symdyn.reduction.reduced import ReducedSystem

__all__ = ["infer"]

#: Regularisation, relative to the mean of the diagonal of the normal matrix.
RIDGE = 1e-6


def infer(
    data: xr.Dataset | list[xr.Dataset],
    modes: int,
    degree: int = 2,
    *,
    variables: list[str] | None = None,
    center: bool = False,
    ridge: float = RIDGE,
    level: float = 0.9,
) -> ReducedSystem:
    r"""A reduced system from runs alone: :math:`\dot z = c + A z + H (z \otimes z) + \ldots` by least squares.

    Rates of change are differences of second order of the coordinates.  The constant c is there if `center` is.

    Parameters
    ----------
    data : Dataset or list of Dataset
        Trajectories at equal steps: variables over ``time``, trajectories, and positions for fields.
    modes : int
        How many.
    degree : {1, 2, 3}
        Of the polynomials.
    variables : list of str, optional
        What is reduced; by default all variables over time.
    center : bool
        Whether the mean of the data is subtracted.
    ridge : float
        Of the regression, relative to the mean of the diagonal of its normal matrix.
    level : float
        Of the intervals.

    Returns
    -------
    ReducedSystem
        With ``intervals``: a row for each coefficient, from the residuals and the ridge.  They do not count the error of the
        differences, nor the neighbours in time that share their errors.

    Raises
    ------
    DeclarationError
        For data without trajectories at equal steps, and more coefficients than rates.

    References
    ----------
    Peherstorfer & Willcox, Computer Methods in Applied Mechanics and Engineering 306, 196 (2016).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> line = sd.ODESystem.from_text("x' = -y; y' = x; x(0) = 1; y(0) = 0")
    >>> runs = sd.simulate(line, np.linspace(0, 6, 601), rtol=1e-10, atol=1e-12, progress=False)
    >>> small = sd.reduction.infer(runs, modes=2, degree=1)
    >>> abs(small.intervals["value"]).round(3).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    if degree not in (1, 2, 3):
        raise DeclarationError(f"degree is {degree!r}; expected 1, 2 or 3")
    if not (isinstance(ridge, (int, float)) and 0 <= ridge < 1 and 0 < level < 1):
        raise DeclarationError(f"ridge is {ridge!r} and level {level!r}; expected numbers from 0 and between 0 and 1")
    first = data[0] if isinstance(data, list) and data else data
    layout = _layout(first, variables)
    read = layout.read(data)
    snapshots = np.concatenate([r.values.reshape(-1, layout.size) for r in read]).T
    basis = pod_basis(snapshots, np.ones(layout.size), {"": np.arange(layout.size)}, modes, center=center)
    states, rates = [], []
    for r in read:
        steps = np.diff(r.times)
        if len(steps) < 2 or not np.allclose(steps, steps[0], rtol=1e-6, atol=0):
            raise DeclarationError("operator inference takes three times or more at equal steps; simulate at such times")
        z = basis.project(r.values)
        states.append(z[:, 1:-1].reshape(-1, basis.size))
        rates.append(((z[:, 2:] - z[:, :-2]) / (2 * steps[0])).reshape(-1, basis.size))
    z, dz = np.concatenate(states), np.concatenate(rates)
    keys = [k for d in range(0 if center else 1, degree + 1) for k in combinations_with_replacement(range(basis.size), d)]
    if len(keys) >= len(z):
        raise DeclarationError(f"{len(keys)} coefficients a coordinate, but {len(z)} rates; take fewer modes or more data")
    columns = np.stack([np.prod(z[:, list(k)], axis=1) for k in keys], axis=1)
    normal = columns.T @ columns
    inverse = np.linalg.inv(normal + ridge * np.trace(normal) / len(normal) * np.eye(len(normal)))
    coefficients = (inverse @ (columns.T @ dz)).T
    symbols = tuple(sp.Symbol(f"z_{k + 1}") for k in range(basis.size))
    freedom = len(z) - float(np.trace(inverse @ normal))
    residual = ((dz - columns @ coefficients.T) ** 2).sum(axis=0) / freedom
    spread = np.sqrt(residual[:, None] * np.diag(inverse @ normal @ inverse)[None])
    width = float(student.ppf(0.5 + level / 2, freedom)) * spread
    monomials = [sp.Mul(*(symbols[i] for i in k)) for k in keys]
    names = [(str(s), str(m)) for s in symbols for m in monomials]
    frame = pd.DataFrame({
        "rate of": [a for a, _ in names], "term": [b for _, b in names], "value": coefficients.ravel(),
        "standard error": spread.ravel(), "lower": (coefficients - width).ravel(), "upper": (coefficients + width).ravel(),
    })  # fmt: skip
    starts = np.concatenate([r.values[:, 0] for r in read])
    initial = basis.project(starts[0]) if np.ptp(starts, axis=0).max() == 0 else None
    fact = f"inferred from {snapshots.shape[1]} snapshots of {layout.size} values; the modes leave out {basis.left_out:.2g}"
    return ReducedSystem(
        dense(coefficients, monomials), symbols, basis, layout, intervals=frame, runs=data, provenance=(fact,),
        initial=None if initial is None else dict(zip(symbols, initial.tolist(), strict=True)),
    )  # fmt: skip


def _layout(data: object, variables: list[str] | None) -> StateLayout:
    """Variables over time; positions are coordinates of floats that no variable lacks and no sweep made."""
    if not isinstance(data, xr.Dataset) or "time" not in data.dims:
        raise DeclarationError("the data are no dataset over time; expected trajectories such as symdyn.simulate returns")
    names = [str(n) for n in data.data_vars if "time" in data[n].dims] if variables is None else list(variables)
    if not names or any(n not in data for n in names):
        raise DeclarationError(f"variables {variables!r} are not in the data; there are {', '.join(map(str, data.data_vars))}")
    order = data[names[0]].dims
    after = [str(d) for d in order[order.index("time") + 1 :]]
    space = {d: data[d].values for d in after}
    shape = tuple(data.sizes[d] for d in after)
    return StateLayout(tuple(names), tuple(shape if set(after) <= set(data[n].dims) else () for n in names), space)
