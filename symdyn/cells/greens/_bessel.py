r"""Modified Bessel functions of all orders up to N by their ratios, which neither overflow nor underflow.

With :math:`\rho_n = I_n/I_{n-1}` (recurrence downwards) and :math:`\kappa_n = K_{n+1}/K_n` (recurrence upwards), both stable,
and with the Wronskian :math:`I_nK_{n+1} + I_{n+1}K_n = 1/z`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ive, kve

__all__ = ["inner", "orders", "reflected"]

#: Orders beyond |z| at which the downward recurrence starts.
MARGIN = 40


def orders(z: np.ndarray, least: int) -> int:
    """A number of orders, `least` or more, whose recurrence has forgotten its start for all `z`."""
    return max(least, int(1.5 * np.abs(z).max(initial=0))) + MARGIN


def _ratios(z: np.ndarray, count: int) -> np.ndarray:
    """I_n(z)/I_{n-1}(z) for n = 1..count+1 in the first axis, at z unequal to zero."""
    out = np.empty((count + 1, *z.shape), complex)
    top = count + 1
    last = z / (top + 1 + np.sqrt((top + 1) ** 2 + z * z))
    inverse = 2 / z
    for n in range(top, 0, -1):
        last = 1 / (n * inverse + last)
        out[n - 1] = last
    return out


def inner(z: np.ndarray, r: np.ndarray, count: int) -> np.ndarray:
    """I_n(z r)/I_n(z) for n = 0..count, (count + 1, k, m), of z (k,) and r (m,) between 0 and 1."""
    ratios = _ratios(z, count)
    r = np.maximum(r, 1e-150)
    scaled = z[:, None] * r
    out = np.empty((count + 1, *scaled.shape), complex)
    out[0] = ive(0, scaled) / ive(0, z)[:, None] * np.exp(z.real[:, None] * (r - 1))
    out[1:] = _ratios(scaled, count)[:count] / ratios[:count, :, None]
    return np.cumprod(out, axis=0, out=out)


def reflected(z: np.ndarray, count: int) -> np.ndarray:
    """-K_n'(z) I_n(z)^2 / I_n'(z) for n = 0..count, (count + 1, k), of z (k,); about 1/2n for large n."""
    rho = _ratios(z, count)
    out = np.empty((count + 1, len(z)), complex)
    kappa = kve(1, z) / kve(0, z)
    below = kappa  # K_{n-1}/K_n, at n = 0 that of K_{-1} = K_1
    for n in range(count + 1):
        out[n] = (below + n / z) / (rho[n] + n / z) / (z * (kappa + rho[n]))
        below = 1 / kappa
        kappa = below + 2 * (n + 1) / z
    return out
