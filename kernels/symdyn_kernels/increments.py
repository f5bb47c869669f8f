"""Normal numbers and Brownian increments of the lanes of a fixed-step driver."""

from __future__ import annotations

import math

from numba import njit

from symdyn_kernels.rng import normal_pair
from symdyn_kernels.simd import WIDTH, vld, vst

__all__ = ["FIXED_ROWS", "draw", "increment"]

FIXED_ROWS = 3  # t, h, sqrt(h)
_INV_SQRT_3 = 1.0 / math.sqrt(3.0)


@njit(error_model="numpy")
def draw(state, normals, stride, rows):
    """Fill an even number of rows with normals; both of each pair are used."""
    for lane in range(0, stride, WIDTH):
        for row in range(0, rows, 2):
            a, b = normal_pair(state, lane, stride)
            vst(normals, row * stride + lane, a)
            vst(normals, (row + 1) * stride + lane, b)


@njit(error_model="numpy")
def increment(normals, rows, stride, m, with_dz, lengths, roots, fresh):
    """Append the Brownian increments of a time h to those in the rows, or start them afresh.

    ``lengths`` and ``roots`` are addresses of h and its root for each lane; ``dW = sqrt(h) u`` and
    ``dZ = h^(3/2)/2 (u + v/sqrt(3))`` (Kloeden & Platen 1992, eq. 10.4.3); a subsequent piece adds ``dZ + h dW_before`` to the
    integral.
    """
    for k in range(m):
        for lane in range(0, stride, WIDTH):
            h, root = vld(lengths, lane), vld(roots, lane)
            w, z = (FIXED_ROWS + k) * stride + lane, (FIXED_ROWS + m + k) * stride + lane
            if with_dz:
                u = vld(normals, 2 * k * stride + lane)
                dz = (u + vld(normals, (2 * k + 1) * stride + lane) * _INV_SQRT_3) * (h * 0.5 * root)
                vst(rows, z, dz if fresh else dz + vld(rows, w) * h + vld(rows, z))
            else:
                u = vld(normals, k * stride + lane)
            vst(rows, w, u * root if fresh else u * root + vld(rows, w))
