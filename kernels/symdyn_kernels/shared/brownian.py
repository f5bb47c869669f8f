r"""A Brownian path as a tree: halves of cells from cells, with numbers that are a hash of the cell.

Time since the beginning is divided into cells ``[k l, (k + 1) l)`` with ``l = 2^(ROOT - d)`` at depth d.  Of each cell the
increment W of the path and its area against the chord,

.. math:: H = \frac 1l \int_0^l \Big(W_s - \frac sl W_l\Big) ds \sim N(0, l/12),

independent of W, are known, from which :math:`\int_0^l W_s\,ds = l (W/2 + H)`.  With independent standard normals z and n of
the cell, its halves have

.. math:: W' = W/2 \pm (\tfrac32 H + \tfrac14 \sqrt l z), \qquad
    H' = \tfrac14 H - \tfrac18 \sqrt l z \pm \tfrac12 \sqrt{l/12}\, n

(Foster, Lyons & Oberhauser, SIAM J. Numer. Anal. 58 (2020) 1500; J. Foster, thesis, Oxford (2020), theorem 6.1.6).  z and n
are a hash of (seed, trajectory, noise, d, k), so that no cell depends on which others were asked for, or in which order.  What
a cell inherits is halved at every depth while its own numbers shrink by the root of 2, so that rounding does not accumulate.

A double is a multiple of a power of 2, so every time that can be asked for is an edge of cells: nothing is interpolated.
"""

from __future__ import annotations

from symdyn_kernels.constants.brownian import ROOT
from symdyn_kernels.shared._scalars import i64, math, real, shared, u64
from symdyn_kernels.shared.streams import log, mix, sincos_turn, stream_word

__all__ = ["advance", "halves", "node_normals", "path_keys", "root_cell"]

_ROOT_LENGTH = 2.0**ROOT
_QUARTER, _TWELFTH = 0.25, 0.28867513459481287  # sqrt(1/16), sqrt(1/12)


@shared
def path_keys(seed, stream, noise):
    """The two words of a path: those of the stream's state after the first four, which its random numbers begin with."""
    return stream_word(seed, stream, 4 + 2 * noise), stream_word(seed, stream, 5 + 2 * noise)


@shared
def node_normals(first, second, depth, index):
    """Two standard normals of a cell; those of depth -1 make a cell at the root."""
    golden = u64(0x9E3779B97F4A7C15)
    level = mix(u64(first + u64(u64(depth + 2) * golden)))
    a = mix(u64(level + u64(u64(index + 1) * golden)))
    b = mix(a ^ second)
    u = (real(i64(a >> 12)) + 0.5) * 2.220446049250313e-16
    v = (real(i64(b >> 12)) + 0.5) * 2.220446049250313e-16
    radius = math.sqrt(log(u) * -2.0)
    sine, cosine = sincos_turn(v)
    return radius * cosine, radius * sine


@shared
def root_cell(first, second, index):
    """W and H of a cell at the root."""
    z, n = node_normals(first, second, i64(0) - 1, index)
    root = math.sqrt(_ROOT_LENGTH)
    return root * z, root * _TWELFTH * n


@shared
def halves(w, area, z, n, root):
    """W and H of the left half, then of the right one; `root` is that of the length of the cell."""
    tilt = area * 1.5 + root * z * _QUARTER
    common = area * 0.25 - root * z * (0.5 * _QUARTER)
    part = root * n * (0.5 * _TWELFTH)
    return 0.5 * w + tilt, common + part, 0.5 * w - tilt, common - part


@shared
def advance(first, second, depth, index, w, area, start, length, to):
    """Increment and ``int (W - W_start) ds`` from the start of a cell to a time within it, both since the beginning."""
    total, integral = 0.0, 0.0
    while start < to:
        z, n = node_normals(first, second, depth, index)
        left, left_area, right, right_area = halves(w, area, z, n, math.sqrt(length))
        length = 0.5 * length
        depth = depth + 1
        index = 2 * index
        if to >= start + length:
            integral = integral + length * (0.5 * left + left_area) + length * total
            total = total + left
            start = start + length
            index = index + 1
            w, area = right, right_area
        else:
            w, area = left, left_area
    return total, integral
