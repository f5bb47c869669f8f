r"""Editing along the flow: data are taken part of the way to noise, moved to where they are likelier, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.methods.registry import METHODS
from symdyn.methods.samplers import SamplerTable, needs_level
from symdyn.models.ode import ODESystem
from symdyn.transport.inversion import invert
from symdyn.transport.values import dataset_of, parameter_numbers

__all__ = ["edited"]


def edited(
    flow: ODESystem, data: Any, *, nodes: Any, updates: int, rate: float = 0.05,
    parameters: Mapping[Any, Any] | None = None,
) -> xr.Dataset:  # fmt: skip
    r"""Data made likelier: encoded exactly to the first node, moved along the score there, and decoded.

    .. math:: w \leftarrow w + \eta\, \sigma^2 \nabla \log p_\tau(w) = w - \eta\, \sigma\, N(w, \tau)

    Encoding is `invert` with 'bdia', so that without updates the data come back to rounding.  The state at the second node
    moves by as much as a step of DDIM from the first one does.

    Parameters
    ----------
    flow : ODESystem
        With a noise level, and N the prediction of noise, as `probability_flow` gives.
    data : mapping or xarray.Dataset
        States at the last node.
    nodes : sequence of float
        From the time :math:`\tau` of the updates to that of the data.
    updates : int
        0 to 10 000.
    rate : float
        :math:`\eta`.
    parameters : mapping, optional
        Over the defaults of the flow.

    Returns
    -------
    xarray.Dataset
        States at the last node.

    Raises
    ------
    DeclarationError
        As `invert`, and without a noise level.

    References
    ----------
    Algorithm CODE (confident ordinary differential editing), arXiv:2408.12418.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> vp = sd.SDESystem({x: -(0.1 + 19.9*t)/2*x}, {x: sp.sqrt(0.1 + 19.9*t)})
    >>> flow = vp.probability_flow(vp.marginal(sd.transport.Normal(0, 0.1)))
    >>> nodes = sd.transport.nodes(flow, 40, span=(0.3, 1e-3))
    >>> moved = sd.transport.edited(flow, {x: [0.5]}, nodes=nodes, updates=20)
    >>> 0 < moved.x.item() < 0.3
    True
    """
    check_whole(0, updates=updates)
    check_positive(rate=rate)
    if updates > 10_000:
        raise DeclarationError(f"updates is {updates}; expected at most 10000")
    if isinstance(flow, ODESystem) and (reason := needs_level(flow)):
        raise DeclarationError(f"editing needs the noise level: {reason}")
    found = invert(flow, data, nodes=nodes, parameters=parameters)
    names = [s.name for s in flow.states]
    begin, after = (np.stack([part[n].values for n in names], axis=1) for part in (found.noise, found.companion))
    runner = TableRunner(flow, "planned", parameter_numbers(flow, parameters), len(begin))
    clocks = runner.clocks(found.nodes[:2])
    moved = runner.run(_updates(found.nodes[0], updates, rate * clocks[0].sigma(found.nodes[0]), len(clocks)), begin)[:, 0]
    step = METHODS["planned"].table(clocks, {"plan": [(1, "time", "noise")]})
    after = after + (runner.run(step, moved)[:, 0] - runner.run(step, begin)[:, 0])
    return found.decode(dataset_of(flow, moved, found.nodes[0]), dataset_of(flow, after, found.nodes[1]))


def _updates(time: float, count: int, rate: float, groups: int) -> SamplerTable:
    """Rows that stay at one time: x - rate N."""
    terms = ((), *((("x", r), ("n", r)) for r in range(count)))
    coefficients = (np.empty((groups, 0)), *(np.tile([1.0, -rate], (groups, 1)) for _ in range(count)))
    return SamplerTable(
        np.full(count + 1, time), np.arange(count + 1), np.arange(count + 1) < count, terms, coefficients,
        np.zeros((count + 1, groups)),
    )  # fmt: skip
