"""Exponential multistep methods whose order, basis and prediction are chosen for each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler

__all__ = ["BASES", "ORDERS", "PREDICTIONS", "Planned"]

ORDERS, BASES, PREDICTIONS = (1, 2, 3, 4), ("time", "log-snr"), ("noise", "data")
#: What a step does where there is no plan.
USUAL = (2, "time", "noise")


def _formula(trace: SamplerTrace) -> None:
    plan, clock, x = trace.options.get("plan") or (USUAL,) * len(trace.steps), trace.clock, trace.start
    if len(plan) != len(trace.steps):
        raise CompileError(f"the plan has {len(plan)} steps, and the nodes have {len(trace.steps)}")
    past: list[tuple[float, Combination]] = []
    for (t, u), (order, basis, prediction) in zip(trace.steps, plan, strict=True):
        past = [(t, x), *past][: max(ORDERS)]
        here, data = past[:order], prediction == "data"
        weights = clock.weights(t, u, [s for s, _ in here], basis, data=data)
        x = (clock.sigma(u) / clock.sigma(t) if data else clock.psi(u, t)) * x
        for weight, (_, state) in zip(weights, here, strict=True):
            x = x + weight * (trace.data(state) if data else trace.noise(state))
        x = trace.reach(u, x)


@sampler(
    order=2, formula=_formula, level=None,
    reference="Liu et al., A unified sampling framework for solver searching of diffusion probabilistic models, ICLR 2024; "
    "Hochbruck & Ostermann, Acta Numerica 19 (2010), 2.5",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True, repr=False)
class Planned(SamplerOptions):
    r"""One evaluation a step, with an order, a basis and a prediction of its own for each step; see `SamplerOptions`.

    Polynomials in time or in :math:`\lambda` through as many predictions of noise, N, or of data as the order says are
    integrated exactly.  `studies.sampler_search` finds plans.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.
    plan : sequence of (int, str, str), optional
        Of each step the order 1 to 4, the basis 'time' or 'log-snr', and the prediction, 'noise' or 'data'; by default
        (2, 'time', 'noise'), which is 'deis-tab1'.  Steps that have fewer predictions behind them are of a lower order.

    Raises
    ------
    DeclarationError
        For a plan of another form.
    """

    method = "planned"
    plan: tuple[tuple[int, str, str], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.plan is not None:
            object.__setattr__(self, "plan", tuple(_step(k, step) for k, step in enumerate(_listed(self.plan))))

    @property
    def recorded(self) -> dict[str, Any]:
        found = super().recorded
        return found if self.plan is None else {**found, "plan": [" ".join(map(str, step)) for step in self.plan]}


def _listed(plan: Any) -> list[Any]:
    try:
        return list(plan) if not isinstance(plan, str) else [plan]
    except TypeError:
        raise DeclarationError(f"plan is {plan!r}; expected a sequence of steps such as (2, 'log-snr', 'data')") from None


def _step(k: int, step: Any) -> tuple[int, str, str]:
    """A step as a tuple; datasets record them as text."""
    parts: list[Any] = step.split() if isinstance(step, str) else list(step) if isinstance(step, (tuple, list)) else []
    if len(parts) == 3 and isinstance(parts[0], str) and parts[0].isdecimal():
        parts[0] = int(parts[0])
    whole = len(parts) == 3 and isinstance(parts[0], (int, np.integer)) and not isinstance(parts[0], bool)
    if not (whole and parts[0] in ORDERS and parts[1] in BASES and parts[2] in PREDICTIONS):
        raise DeclarationError(
            f"step {k} of the plan is {step!r}; expected an order from 1 to 4, 'time' or 'log-snr', and 'noise' or 'data', "
            "such as (2, 'log-snr', 'data')"
        )
    return int(parts[0]), str(parts[1]), str(parts[2])
