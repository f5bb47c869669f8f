r"""Nodes of samplers, from noise to data."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.codegen.kernel import compile
from symdyn.codegen.semilinear_program import clocks_of
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest
from symdyn.transport.values import parameter_numbers

__all__ = ["SPACINGS", "nodes"]

#: Karras' exponent.
KARRAS = 7.0
SPACINGS = ("log-snr", "time", "quadratic", "karras")


def nodes(flow: ODESystem, steps: int, *, span: Any, spacing: str = "quadratic", parameters: Any = None) -> np.ndarray:
    r"""The times between which a sampler takes its steps.

    Parameters
    ----------
    flow : ODESystem
        With a noise level, such as `probability_flow` gives; 'time' and 'quadratic' need none.
    steps : int
    span : (float, float)
        The first and the last time; from noise to data they decrease.
    spacing : {'quadratic', 'time', 'log-snr', 'karras'}
        What is spaced evenly: :math:`\sqrt t`, t, :math:`\lambda = \log(\alpha/\sigma)` or :math:`(\sigma/\alpha)^{1/7}`.
        Below 15 steps the spacing matters more than the order of the method.  The time t is that of the flow: where it runs in
        :math:`T - t`, quadratic nodes are T minus those of the flow in t.
    parameters : mapping, optional
        Over the defaults of the flow.

    Returns
    -------
    (steps + 1,) float64

    Raises
    ------
    DeclarationError
        For a spacing that is not known, a negative span of 'quadratic', a flow without noise level, and where the
        signal-to-noise ratio is infinite or 0 at the first or last time.

    References
    ----------
    Karras et al., NeurIPS 2022, eq. 5; Song et al., ICLR 2021 (DDIM), appendix D.2.

    Examples
    --------
    >>> import symdyn as sd
    >>> flow = sd.ODESystem.from_text("x' = -x/(1 - t) + nonlinear(x)/(1 - t); noise_level := t")  # flow matching
    >>> sd.transport.nodes(flow, 2, span=(0.81, 0.01)).round(4).tolist()
    [0.81, 0.25, 0.01]
    >>> sd.transport.nodes(flow, 2, span=(0.9, 0.1), spacing="log-snr").round(4).tolist()  # t/(1 - t) is 9, 1, 1/9
    [0.9, 0.5, 0.1]
    """
    check_whole(steps=steps)
    if spacing not in SPACINGS:
        raise DeclarationError(f"spacing is {spacing!r}; expected one of {', '.join(SPACINGS)}.{suggest(spacing, SPACINGS)}")
    try:
        first, last = (float(v) for v in span)
    except (TypeError, ValueError):
        raise DeclarationError(f"span is {span!r}; expected the first and the last time") from None
    if not (np.isfinite([first, last]).all() and first != last):
        raise DeclarationError(f"span is {span!r}; expected two different finite times")
    if spacing == "time":
        return np.linspace(first, last, steps + 1)
    if spacing == "quadratic":
        if min(first, last) < 0:
            raise DeclarationError(f"span is {span!r}; quadratic nodes are those of times from 0")
        found = np.linspace(np.sqrt(first), np.sqrt(last), steps + 1) ** 2
    else:
        found = _between(flow, steps, first, last, spacing, parameters)
    found[[0, -1]] = first, last
    return found


def _between(flow: ODESystem, steps: int, first: float, last: float, spacing: str, parameters: Any) -> np.ndarray:
    """Nodes spaced by the signal-to-noise ratio."""
    kernel = compile(flow, method="dpm-solver++2m")
    numbers = parameter_numbers(flow, parameters)
    low, high = sorted((first, last))
    clock = clocks_of(kernel.functions(1).facts, np.array([low, high]), numbers)[0]  # type: ignore[attr-defined]
    ends = clock.log_snr(first), clock.log_snr(last)
    for time, end in zip((first, last), ends, strict=True):
        if not np.isfinite(end):
            raise DeclarationError(f"there is no noise, or no data, at {time:g}, where {spacing} nodes cannot begin or end")
    shares = np.arange(1, steps) / steps
    if spacing == "karras":
        begin, end = (np.exp(-value / KARRAS) for value in ends)
        ratios = -KARRAS * np.log(begin + shares * (end - begin))
        shares = (ratios - ends[0]) / (ends[1] - ends[0])
    return np.array([first, *(clock.between(first, last, float(s)) for s in shares), last])
