"""Normal numbers and Brownian increments of the lanes of a fixed-step driver."""

from __future__ import annotations

import math

from numba import njit

from symdyn_kernels.rng import normal_pair
from symdyn_kernels.simd import WIDTH, vld, vst

__all__ = ["FIXED_ROWS", "draw", "increment"]

FIXED_ROWS = 3  # t, h, sqrt(h)
_INV_SQRT_3 = 1.0 / math.sqrt(3.0)
#: Of dY over ``h^(5/2)``: the parts of the three normals.
_SIXTH, _ROOT_48TH, _ROOT_720TH = 1.0 / 6.0, math.sqrt(1.0 / 48.0), math.sqrt(1.0 / 720.0)


@njit(error_model="numpy")
def draw(state, normals, stride, rows):
    """Fill an even number of rows with normals; both of each pair are used."""
    for lane in range(0, stride, WIDTH):
        for row in range(0, rows, 2):
            a, b = normal_pair(state, lane, stride)
            vst(normals, row * stride + lane, a)
            vst(normals, (row + 1) * stride + lane, b)


@njit(error_model="numpy")
def increment(normals, rows, stride, m, integrals, lengths, roots, fresh):
    """Append the Brownian increments of a time h to those in the rows, or start them afresh.

    ``lengths`` and ``roots`` are addresses of h and its root for each lane; ``dW = sqrt(h) u`` and
    ``dZ = h^(3/2)/2 (u + v/sqrt(3))`` (Kloeden & Platen 1992, eq. 10.4.3); a subsequent piece adds ``dZ + h dW_before`` to the
    integral.  With a third normal w the integral of dZ is ``dY = h^(5/2) (u/6 + v/sqrt(48) + w/sqrt(720))``, to which a
    subsequent piece adds ``dY + h dZ_before + h^2/2 dW_before``.
    """
    for k in range(m):
        for lane in range(0, stride, WIDTH):
            h, root = vld(lengths, lane), vld(roots, lane)
            w, z = (FIXED_ROWS + k) * stride + lane, (FIXED_ROWS + m + k) * stride + lane
            if integrals > 0:
                at = (1 + integrals) * k * stride + lane
                u, v = vld(normals, at), vld(normals, at + stride)
                dz = (u + v * _INV_SQRT_3) * (h * 0.5 * root)
                if integrals > 1:
                    y = (FIXED_ROWS + 2 * m + k) * stride + lane
                    dy = (u * _SIXTH + v * _ROOT_48TH + vld(normals, at + 2 * stride) * _ROOT_720TH) * (h * h * root)
                    vst(rows, y, dy if fresh else dy + (vld(rows, w) * (h * 0.5) + vld(rows, z)) * h + vld(rows, y))
                vst(rows, z, dz if fresh else dz + vld(rows, w) * h + vld(rows, z))
            else:
                u = vld(normals, k * stride + lane)
            vst(rows, w, u * root if fresh else u * root + vld(rows, w))
