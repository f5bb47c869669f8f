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

Schemes of order 3 read a second integral of the path.  Its tree knows of each cell also

.. math:: K = \frac 1{l^2} \int_0^l \Big(W_s - \frac sl W_l\Big) \Big(\frac l2 - s\Big) ds \sim N(0, l/720),
    \qquad \int_0^l (l - s) W_s\,ds = l^2 (W/6 + H/2 + K)

(W, H and K are integrals of white noise against Legendre polynomials of the degrees 0, 1 and 2, hence independent).  Written
with the polynomials of the halves, :math:`K = \tfrac18 (H_l - H_r) + \tfrac14 (K_l + K_r)`, so that given K the halves have

.. math:: H_l - H_r = \tfrac{15}2 K + \sqrt{l/192}\, n, \qquad K' = \tfrac18 K - \tfrac14 \sqrt{l/192}\, n
    \pm \tfrac12 \sqrt{l/720}\, c

with a third normal c of the cell.  H depends on K there, so this is another tree, with other paths.

A double is a multiple of a power of 2, so every time that can be asked for is an edge of cells: nothing is interpolated.
"""

from __future__ import annotations

from symdyn_kernels.constants.brownian import ROOT
from symdyn_kernels.shared._scalars import i64, math, real, shared, u64
from symdyn_kernels.shared.streams import log, mix, sincos_turn, stream_word

__all__ = ["advance", "halved", "halves_with_third", "integrals_of", "joined", "node_normals", "path_keys", "root_cell"]

_ROOT_LENGTH = 2.0**ROOT
_QUARTER, _TWELFTH = 0.25, 0.28867513459481287  # sqrt(1/16), sqrt(1/12)
_192ND, _720TH = 0.07216878364870322, 0.03726779962499649  # sqrt(1/192), sqrt(1/720)


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
def third_normal(first, second, depth, index):
    """One more normal of a cell, by the words of the path in the other order."""
    c, _ = node_normals(second, first, depth, index)
    return c


@shared
def root_cell(first, second, index):
    """W, H and K of a cell at the root."""
    z, n = node_normals(first, second, i64(0) - 1, index)
    root = math.sqrt(_ROOT_LENGTH)
    return root * z, root * _TWELFTH * n, root * _720TH * third_normal(first, second, i64(0) - 1, index)


@shared
def halves(w, area, z, n, root):
    """W and H of the left half, then of the right one; `root` is that of the length of the cell."""
    tilt = area * 1.5 + root * z * _QUARTER
    common = area * 0.25 - root * z * (0.5 * _QUARTER)
    part = root * n * (0.5 * _TWELFTH)
    return 0.5 * w + tilt, common + part, 0.5 * w - tilt, common - part


@shared
def halves_with_third(w, area, third, z, n, c, root):
    """W, H and K of the left half, then of the right one."""
    tilt = area * 1.5 + root * z * _QUARTER
    common = area * 0.25 - root * z * (0.5 * _QUARTER)
    part = third * 3.75 + root * n * (0.5 * _192ND)
    kept = third * 0.125 - root * n * (0.25 * _192ND)
    apart = root * c * (0.5 * _720TH)
    return 0.5 * w + tilt, common + part, kept + apart, 0.5 * w - tilt, common - part, kept - apart


@shared
def halved(first, second, depth, index, cell, root, integrals):
    """W, H and K of both halves of a cell, whose are `cell`; with one integral K is 0."""
    w, area, third = cell
    z, n = node_normals(first, second, depth, index)
    if integrals > 1:
        c = third_normal(first, second, depth, index)
        return halves_with_third(w, area, third, z, n, c, root)
    left, left_area, right, right_area = halves(w, area, z, n, root)
    return left, left_area, 0.0, right, right_area, 0.0


@shared
def integrals_of(cell, length):
    """``W``, ``int W ds`` and ``int int W`` of a path over a cell, which begins at 0."""
    w, area, third = cell
    return w, length * (0.5 * w + area), length * length * (w / 6.0 + 0.5 * area + third)


@shared
def joined(before, after, length):
    """The same over two intervals, one after the other, of which the second has a length."""
    w, z, y = before
    return after[0] + w, after[1] + length * w + z, after[2] + length * (0.5 * length * w + z) + y


@shared
def advance(first, second, depth, index, cell, start, length, to, integrals):
    """The increment and the integrals from the start of a cell to a time within it, both since the beginning."""
    total = (0.0, 0.0, 0.0)
    while start < to:
        w, area, third, right, right_area, right_third = halved(first, second, depth, index, cell, math.sqrt(length), integrals)
        length = 0.5 * length
        depth = depth + 1
        index = 2 * index
        cell = (w, area, third)
        if to >= start + length:
            total = joined(total, integrals_of(cell, length), length)
            start = start + length
            index = index + 1
            cell = (right, right_area, right_third)
    return total
