r"""Modified Bessel functions of all orders up to N by their ratios, which neither overflow nor underflow.

With :math:`\rho_n = I_n/I_{n-1}` (recurrence downwards) and :math:`\kappa_n = K_{n+1}/K_n` (recurrence upwards), both stable,
and with the Wronskian :math:`I_nK_{n+1} + I_{n+1}K_n = 1/z`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ive, kve

__all__ = ["inner", "orders", "reflected"]

#: Orders beyond |z| at which the downward recurrence starts.
MARGIN = 40
#: Up to so many arguments are taken one by one, as numbers: Python's arithmetic is ten times faster than an array of one.
FEW = 4


def orders(z: np.ndarray, least: int) -> int:
    """A number of orders, `least` or more, whose recurrence has forgotten its start for all `z`."""
    return max(least, int(1.5 * np.abs(z).max(initial=0))) + MARGIN


def _recurrence(run: Callable[..., list[Any]], *arguments: np.ndarray) -> np.ndarray:
    """The orders that `run` lists for numbers or arrays, in the first axis before the shape of the arguments."""
    shape = arguments[0].shape
    if arguments[0].size > FEW:
        return np.array(run(*arguments))
    each = [run(*numbers) for numbers in zip(*(a.ravel().tolist() for a in arguments), strict=True)]
    return np.array(each, complex).T.reshape(-1, *shape)


def _ratios(z: np.ndarray, count: int) -> np.ndarray:
    """I_n(z)/I_{n-1}(z) for n = 1..count+1 in the first axis, at z unequal to zero."""
    top = count + 1

    def run(z: Any) -> list[Any]:
        last = z / (top + 1 + ((top + 1) ** 2 + z * z) ** 0.5)
        inverse = 2 / z
        found = []
        for n in range(top, 0, -1):
            last = 1 / (n * inverse + last)
            found.append(last)
        return found[::-1]

    return _recurrence(run, z)


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

    def run(z: Any, kappa: Any) -> list[Any]:
        inverse, below = 1 / z, kappa  # K_{n-1}/K_n, at n = 0 that of K_{-1} = K_1
        found: list[Any] = []
        for n in range(count + 1):
            found += (below + n * inverse, kappa)
            below = 1 / kappa
            kappa = below + 2 * (n + 1) * inverse
        return found

    rho, n = _ratios(z, count), np.arange(count + 1)[:, None]
    found = _recurrence(run, z, kve(1, z) / kve(0, z))
    above, kappa = found[::2], found[1::2]
    return above / (rho + n / z) / (z * (kappa + rho))
