"""The consistency function of a flow: where each point of a path ends, at the time of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.simulation import simulate
from symdyn.transport.values import dataset_of, state_rows, time_of

__all__ = ["consistency"]


def consistency(
    flow: ODESystem, points: Any, *, time: float, end: float, parameters: Mapping[Any, Any] | None = None,
    rtol: float = 1e-11, atol: float = 1e-12,
) -> xr.Dataset:  # fmt: skip
    r"""The consistency function :math:`f(x, t)`: where the flow takes points from a time to the end.

    .. math:: f(x_t, t) = x_\varepsilon, \qquad f(x, \varepsilon) = x, \qquad f(x_t, t) = f(x_s, s) \text{ on a path}

    It is what consistency models learn; with the exact flow it is a known answer for them.

    Parameters
    ----------
    flow : ODESystem
        Such as `probability_flow` gives.
    points : mapping or xarray.Dataset
        States, arrays of one value for each point.
    time, end : float
        Times t of the points and :math:`\varepsilon` of the end.
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
        For points that do not fit.

    References
    ----------
    Song, Dhariwal, Chen & Sutskever, Consistency models, ICML 2023.

    Examples
    --------
    >>> import symdyn as sd
    >>> flow = sd.ODESystem.from_text("x' = -x")
    >>> sd.transport.consistency(flow, {"x": [1.0, 2.0]}, time=0.5, end=0).x.values.round(6).tolist()  # 1 and 2 times exp(1/2)
    [1.648721, 3.297443]
    """
    if not isinstance(flow, ODESystem):
        raise DeclarationError(f"flow is a {type(flow).__name__}; expected an ODESystem, such as sde.probability_flow(score)")
    first, last = time_of(time, "time"), time_of(end, "end")
    [start] = state_rows(flow, points, [first], "points")
    return dataset_of(flow, flowed(flow, start, (first, last), parameters, rtol=rtol, atol=atol), last)


def flowed(
    flow: ODESystem, start: np.ndarray, span: tuple[float, float], parameters: Mapping[Any, Any] | None, *, rtol: float,
    atol: float,
) -> np.ndarray:  # fmt: skip
    """Where the flow takes points (K, n) over a span, by DOP853."""
    if span[0] == span[1]:
        return start
    initial = {s: xr.DataArray(start[:, i], dims="trajectory") for i, s in enumerate(flow.states)}
    run = simulate(
        flow, list(span), parameters=parameters, initial=initial, trajectories=len(start), method="dop853", progress=False,
        rtol=rtol, atol=atol,
    )  # fmt: skip
    return np.stack([run[s.name].values[:, -1] for s in flow.states], axis=1)
