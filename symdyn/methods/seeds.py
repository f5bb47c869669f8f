"""Exponential Runge-Kutta samplers of stochastic equations: SEEDS."""

from __future__ import annotations

import numpy as np

from symdyn.methods.noisy_samplers import noisy
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace

__all__ = ["Seeds2"]


def _formula(trace: SamplerTrace) -> None:
    x, clock = trace.start, trace.clock
    for t, u in trace.steps:
        middle = trace.between(t, u, 0.5)
        h = clock.log_snr(u) - clock.log_snr(t)
        half = clock.log_snr(middle) - clock.log_snr(t)
        z = trace.row(middle, Combination(), 1.0)  # normal numbers that stage and step share
        stage = clock.psi(middle, t) * x + 2 * clock.weight(t, middle) * trace.noise(x)
        stage = stage + clock.sigma(middle) * np.sqrt(np.expm1(2 * half)) * z
        noise = trace.noise(trace.row(middle, stage))
        moved = clock.psi(u, t) * x + 2 * clock.weight(t, u) * noise
        shared = clock.sigma(u) * np.sqrt(np.exp(2 * h) - np.exp(2 * (h - half)))
        x = trace.reach(u, moved + shared * z, clock.sigma(u) * np.sqrt(np.expm1(2 * (h - half))))


@noisy(
    order=2, formula=_formula,
    reference="Gonzalez et al., SEEDS: Exponential SDE solvers for fast high-quality sampling from diffusion models, "
    "NeurIPS 2023 (arXiv:2305.14267), algorithm 2; SEEDS-1 is 'sde-dpm-1'",
)  # fmt: skip
class Seeds2(SamplerOptions):
    r"""Two predictions of noise a step, at its ends and in the middle of :math:`\lambda`, with one path of the noise.

    .. math:: x_v &= \Psi x_t - 2 \sigma_v (e^{h/2} - 1) N_t + \sigma_v \sqrt{e^h - 1}\, z_1 \\
              x_u &= \Psi x_t - 2 \sigma_u (e^h - 1) N_v + \sigma_u \bigl(\sqrt{e^{2h} - e^h}\, z_1 + \sqrt{e^h - 1}\, z_2\bigr)

    Expectations are of order 2 in tests; 1 is proved.
    """

    method = "seeds-2"
