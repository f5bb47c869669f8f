r"""Editing along the flow: data are taken part of the way to noise, moved to where they are likelier, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.methods.samplers import SamplerTable, needs_level
from symdyn.models.ode import ODESystem
from symdyn.transport.paths_to_data import flowed
from symdyn.transport.values import dataset_of, parameter_numbers, state_rows, time_of

__all__ = ["edited"]


def edited(
    flow: ODESystem, data: Any, *, time: float, end: float, updates: int, rate: float = 0.05,
    parameters: Mapping[Any, Any] | None = None, rtol: float = 1e-11, atol: float = 1e-12,
) -> xr.Dataset:  # fmt: skip
    r"""Data made likelier: taken along the flow to a time, moved along the score there, and taken back.

    .. math:: w \leftarrow w + \eta\, \sigma^2 \nabla \log p_\tau(w) = w - \eta\, \sigma\, N(w, \tau)

    The flow is integrated by DOP853, and what a way there and back without updates would change is taken off, so that updates
    alone move data.  Methods with exact inverses are no better here: the leapfrog of BDIA is not accurate for data far from
    where the density is.

    Parameters
    ----------
    flow : ODESystem
        With a noise level, and N the prediction of noise, as `probability_flow` gives.
    data : mapping or xarray.Dataset
        States at the end, arrays of one value for each point.
    time, end : float
        Time :math:`\tau` of the updates, and that of the data.
    updates : int
        0 to 10 000.
    rate : float
        :math:`\eta`.
    parameters : mapping, optional
        Over the defaults of the flow.
    rtol, atol : float
        Tolerances of DOP853.

    Returns
    -------
    xarray.Dataset
        States at the end.

    Raises
    ------
    DeclarationError
        Without a noise level; for data that do not fit.

    References
    ----------
    Algorithm CODE (confident ordinary differential editing), arXiv:2408.12418.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> vp = sd.SDESystem({x: -(0.1 + 19.9*t)/2*x}, {x: sp.sqrt(0.1 + 19.9*t)})
    >>> flow = vp.probability_flow(vp.marginal(sd.transport.Normal(0, 0.1)))
    >>> moved = sd.transport.edited(flow, {x: [0.5]}, time=0.3, end=1e-3, updates=20)
    >>> 0 < moved.x.item() < 0.3
    True
    """
    check_whole(0, updates=updates)
    check_positive(rate=rate)
    if updates > 10_000:
        raise DeclarationError(f"updates is {updates}; expected at most 10000")
    if not isinstance(flow, ODESystem):
        raise DeclarationError(f"flow is a {type(flow).__name__}; expected an ODESystem, such as sde.probability_flow(score)")
    if reason := needs_level(flow):
        raise DeclarationError(f"editing needs the noise level: {reason}")
    there, back = time_of(time, "time"), time_of(end, "end")
    options: dict[str, Any] = {"parameters": parameters, "rtol": rtol, "atol": atol}
    [given] = state_rows(flow, data, [back], "data")
    begin = flowed(flow, given, (back, there), **options)
    runner = TableRunner(flow, "planned", parameter_numbers(flow, parameters), len(begin))
    clocks = runner.clocks([there, back])
    moved = runner.run(_updates(there, updates, rate * clocks[0].sigma(there), len(clocks)), begin)[:, 0]
    ends = (flowed(flow, w, (there, back), **options) for w in (moved, begin))
    return dataset_of(flow, given + np.subtract(*ends), back)


def _updates(time: float, count: int, rate: float, groups: int) -> SamplerTable:
    """Rows that stay at one time: x - rate N."""
    terms = ((), *((("x", r), ("n", r)) for r in range(count)))
    coefficients = (np.empty((groups, 0)), *(np.tile([1.0, -rate], (groups, 1)) for _ in range(count)))
    return SamplerTable(
        np.full(count + 1, time), np.arange(count + 1), np.arange(count + 1) < count, terms, coefficients,
        np.zeros((count + 1, groups)), np.zeros((count + 1, groups)),
    )  # fmt: skip
