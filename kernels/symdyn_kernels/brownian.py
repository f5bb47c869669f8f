"""Trees of Brownian paths in lanes: `symdyn_kernels.shared.brownian` for several trajectories at a time.

A stack has W and H, and K where schemes read two integrals, of the cells that contain the present one, by depth: a step to the
next cell makes two new ones on average.  Lanes may be at different depths; a lane that has arrived makes its last cell again,
which is the same, so nothing is masked.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from symdyn_kernels.arguments.parts import IntegerRows, Integers, Numbers
from symdyn_kernels.constants.brownian import DEPTHS
from symdyn_kernels.fused import gather
from symdyn_kernels.options import INLINE
from symdyn_kernels.rng import normals_of
from symdyn_kernels.shared.brownian import path_keys, root_cell
from symdyn_kernels.shared.cells import cell_length, shifted
from symdyn_kernels.simd import V8, WIDTH, ld, splat, st, vld, vsqrt, vst

__all__ = ["Cells", "begin", "descend", "partial", "whole"]

_DOUBLE, _INT64 = ir.DoubleType(), ir.IntType(64)
_VECTOR, _WORDS = ir.VectorType(_DOUBLE, WIDTH), ir.VectorType(_INT64, WIDTH)
_QUARTER, _TWELFTH, _192ND, _720TH = 0.25, 0.28867513459481287, 0.07216878364870322, 0.03726779962499649
_SIXTH = 1.0 / 6.0


class Cells(NamedTuple):
    """Cells of the lanes, and memory for making them; `stride` lanes, m noises.

    Attributes
    ----------
    keys : (2 m, stride) int64
        Words of the paths.
    depth, number, at, kept : (stride,) int64
        The cell of each lane; the depth to which the stack is that of the cell `kept`, which was the one before.
    start, length : (stride,) float64
        Of the cell, since the beginning.
    node, parent, place : (stride,) int64
        Depth and index of the cell that is halved, and where it is in the stack.
    root, side : (stride,) float64
        Root of its length; 1 for the left half, -1 for the right one.
    triple : int
        Address of three rows: a cell while it is halved.
    stack : int
        Address of W, then H, then K where there are two integrals, of each noise, depth and lane.
    integrals : int
        How many the tree serves: 1 or 2.
    """

    keys: IntegerRows
    depth: Integers
    number: Integers
    at: Integers
    kept: Integers
    start: Numbers
    length: Numbers
    node: Integers
    parent: Integers
    place: Integers
    root: Numbers
    side: Numbers
    triple: int
    stack: int
    integrals: int


def _mixed(b, z):
    """The finaliser of splitmix64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = b.mul(b.xor(z, b.lshr(z, _all(shift))), _all(factor))
    return b.xor(z, b.lshr(z, _all(31)))


def _all(k: int):
    return ir.Constant(_WORDS, [k] * WIDTH)


@intrinsic
def _node_bits(context, first, second, depth, index):
    """The two words of `shared.brownian.node_normals`, as the bits of vectors; all arguments are addresses of eight words."""

    def generate(c, b, signature, a):
        key, further, level, k = (b.load(b.inttoptr(x, _WORDS.as_pointer()), align=8) for x in a)
        golden = _all(0x9E3779B97F4A7C15)
        own = _mixed(b, b.add(key, b.mul(b.add(level, _all(2)), golden)))
        u = _mixed(b, b.add(own, b.mul(b.add(k, _all(1)), golden)))
        v = _mixed(b, b.xor(u, further))
        return c.make_tuple(b, signature.return_type, [b.bitcast(u, _VECTOR), b.bitcast(v, _VECTOR)])

    return types.UniTuple(V8, 2)(*[types.int64] * 4), generate


@njit(**INLINE)
def _normals(cells, noise, lane):
    first, second = _node_bits(
        cells.keys[2 * noise].ctypes.data + 8 * lane, cells.keys[2 * noise + 1].ctypes.data + 8 * lane,
        cells.node.ctypes.data + 8 * lane, cells.parent.ctypes.data + 8 * lane,
    )  # fmt: skip
    return normals_of(first, second)


@njit(**INLINE)
def _third_normals(cells, noise, lane):
    """One more normal of a cell, by the words of the path in the other order."""
    first, second = _node_bits(
        cells.keys[2 * noise + 1].ctypes.data + 8 * lane, cells.keys[2 * noise].ctypes.data + 8 * lane,
        cells.node.ctypes.data + 8 * lane, cells.parent.ctypes.data + 8 * lane,
    )  # fmt: skip
    return normals_of(first, second)[0]


@njit(**INLINE)
def _half(w, area, z, n, root, side):
    """W and H of the left half of a cell where `side` is 1, of the right one where it is -1."""
    tilt = area * 1.5 + root * z * _QUARTER
    common = area * 0.25 - root * z * (0.5 * _QUARTER)
    return w * 0.5 + side * tilt, common + side * (root * n * (0.5 * _TWELFTH))


@njit(**INLINE)
def _half_with_third(cell, z, n, c, root, side):
    """The same with K."""
    w, area, third = cell
    tilt = area * 1.5 + root * z * _QUARTER
    common = area * 0.25 - root * z * (0.5 * _QUARTER)
    part = third * 3.75 + root * n * (0.5 * _192ND)
    kept = third * 0.125 - root * n * (0.25 * _192ND)
    return w * 0.5 + side * tilt, common + side * part, kept + side * (root * c * (0.5 * _720TH))


@njit(**INLINE)
def _stacked(cells, noise, noises):
    """Addresses of W, H and K of a noise; that of H in place of K where there is none."""
    size = 8 * DEPTHS * cells.depth.size
    base, part = cells.stack + size * noise, size * noises
    return base, base + part, base + (part * 2 if cells.integrals > 1 else part)


@njit(**INLINE)
def begin(cells, lane, seed, stream, noises):
    """Begin a lane with the path of a trajectory; its stack is empty."""
    for j in range(noises):
        first, second = path_keys(seed, stream, j)
        cells.keys[2 * j, lane] = np.int64(first)
        cells.keys[2 * j + 1, lane] = np.int64(second)
    cells.at[lane] = -1
    cells.kept[lane] = 0
    cells.depth[lane] = 0
    cells.number[lane] = 0


@njit(**INLINE)
def _return(cells, lane, noises):
    """Go back to the deepest cell of the stack that contains the present cell of a lane; make one at the root if none does."""
    at = min(cells.at[lane], cells.depth[lane])
    if at >= 0:
        differ = shifted(cells.kept[lane], cells.at[lane] - at) ^ shifted(cells.number[lane], cells.depth[lane] - at)
        while differ != 0:
            differ >>= 1
            at -= 1
    if at < 0:
        at = 0
        for j in range(noises):
            w, area, third = root_cell(
                np.uint64(cells.keys[2 * j, lane]), np.uint64(cells.keys[2 * j + 1, lane]),
                shifted(cells.number[lane], cells.depth[lane]),
            )  # fmt: skip
            to_w, to_area, to_third = _stacked(cells, j, noises)
            st(to_third, lane, third)
            st(to_area, lane, area)  # over K where there is none
            st(to_w, lane, w)
    cells.at[lane] = at


@njit(**INLINE)
def _descend_alike(cells, noises):
    """The same where all lanes have the same cell: what follows from it is computed once."""
    stride, depth, index = cells.depth.size, cells.depth[0], cells.number[0]
    for node in range(cells.at[0], depth):
        cells.node[:] = node
        cells.parent[:] = shifted(index, depth - node)
        root, side = math.sqrt(cell_length(node)), -1.0 if shifted(index, depth - node - 1) & 1 else 1.0
        for j in range(noises):
            of_w, of_area, of_third = _stacked(cells, j, noises)
            for at in range(node * stride, (node + 1) * stride, WIDTH):
                z, n = _normals(cells, j, at - node * stride)
                w, area = vld(of_w, at), vld(of_area, at)
                if cells.integrals > 1:
                    c = _third_normals(cells, j, at - node * stride)
                    w, area, third = _half_with_third((w, area, vld(of_third, at)), z, n, c, splat(root), splat(side))
                    vst(of_third, at + stride, third)
                else:
                    w, area = _half(w, area, z, n, splat(root), splat(side))
                vst(of_w, at + stride, w)
                vst(of_area, at + stride, area)
    cells.at[:] = depth
    cells.kept[:] = index


@njit(**INLINE)
def descend(cells, noises, alike):
    """Make the cells of all lanes, from the deepest that contain both these and those before; `alike` if all are the same."""
    stride = cells.depth.size
    for lane in range(stride):
        _return(cells, lane, noises)
    if alike:
        _descend_alike(cells, noises)
        return
    going = True
    while going:
        going = False
        for lane in range(stride):
            depth, index = cells.depth[lane], cells.number[lane]
            going = going or cells.at[lane] < depth
            node = max(0, min(cells.at[lane], depth - 1))
            cells.node[lane] = node
            cells.parent[lane] = shifted(index, depth - node)
            cells.place[lane] = node * stride + lane
            cells.root[lane] = math.sqrt(cell_length(node))
            cells.side[lane] = -1.0 if shifted(index, max(depth - node - 1, 0)) & 1 else 1.0
            cells.at[lane] = min(node + 1, depth)
        if going:
            for j in range(noises):
                of_w, of_area, of_third = _stacked(cells, j, noises)
                for lane in range(0, stride, WIDTH):
                    z, n = _normals(cells, j, lane)
                    root, side = vld(cells.root.ctypes.data, lane), vld(cells.side.ctypes.data, lane)
                    w = gather(of_w, cells.place.ctypes.data, lane)
                    area = gather(of_area, cells.place.ctypes.data, lane)
                    if cells.integrals > 1:
                        third, c = gather(of_third, cells.place.ctypes.data, lane), _third_normals(cells, j, lane)
                        w, area, third = _half_with_third((w, area, third), z, n, c, root, side)
                        vst(cells.triple, 2 * stride + lane, third)
                    else:
                        w, area = _half(w, area, z, n, root, side)
                    vst(cells.triple, lane, w)
                    vst(cells.triple, stride + lane, area)
                for lane in range(stride):
                    st(of_w, cells.place[lane] + stride, ld(cells.triple, lane))
                    st(of_area, cells.place[lane] + stride, ld(cells.triple, stride + lane))
                    if cells.integrals > 1:
                        st(of_third, cells.place[lane] + stride, ld(cells.triple, 2 * stride + lane))
    for lane in range(stride):
        cells.kept[lane] = cells.number[lane]


@njit(**INLINE)
def whole(cells, noise, noises, to):
    """The increments of the cells of all lanes, and the integrals of the path over them, into rows at three addresses."""
    stride = cells.depth.size
    of_w, of_area, of_third = _stacked(cells, noise, noises)
    for lane in range(stride):
        cells.place[lane] = cells.depth[lane] * stride + lane
    for lane in range(0, stride, WIDTH):
        w = gather(of_w, cells.place.ctypes.data, lane)
        area = gather(of_area, cells.place.ctypes.data, lane)
        length = vld(cells.length.ctypes.data, lane)
        vst(to[0], lane, w)
        vst(to[1], lane, (w * 0.5 + area) * length)
        if cells.integrals > 1:
            third = gather(of_third, cells.place.ctypes.data, lane)
            vst(to[2], lane, (w * _SIXTH + area * 0.5 + third) * length * length)


@njit(**INLINE)
def partial(cells, noise, noises, work, ends, goes, to):
    """The same up to a time within the cell, of those lanes for which `goes` is 1; `work` has 9 rows."""
    stride, both = cells.depth.size, cells.integrals > 1
    of_w, of_area, of_third = _stacked(cells, noise, noises)
    row = 8 * stride
    w_row, h_row, total, integral, length = work, work + row, work + 2 * row, work + 3 * row, work + 4 * row
    right, start, k_row, second = work + 5 * row, work + 6 * row, work + 7 * row, work + 8 * row
    any_goes = False
    for lane in range(stride):
        place = cells.depth[lane] * stride + lane
        st(w_row, lane, ld(of_w, place))
        st(h_row, lane, ld(of_area, place))
        st(k_row, lane, ld(of_third, place))
        st(total, lane, 0.0)
        st(integral, lane, 0.0)
        st(second, lane, 0.0)
        st(length, lane, cells.length[lane])
        st(start, lane, cells.start[lane])
        cells.node[lane], cells.parent[lane] = cells.depth[lane], cells.number[lane]
        any_goes = any_goes or goes[lane] == 1
    while any_goes:
        any_goes = False
        for lane in range(stride):
            half, on = 0.5 * ld(length, lane), goes[lane] == 1 and ld(start, lane) < ends[lane]
            st(right, lane, 1.0 if on and ends[lane] >= ld(start, lane) + half else 0.0)
        for lane in range(0, stride, WIDTH):
            z, n = _normals(cells, noise, lane)
            whole_length = vld(length, lane)
            root, w, area, side = vsqrt(whole_length), vld(w_row, lane), vld(h_row, lane), vld(right, lane)
            other, half, before = splat(1.0) - side * 2.0, whole_length * 0.5, vld(total, lane)
            if both:
                c, cell = _third_normals(cells, noise, lane), (w, area, vld(k_row, lane))
                left, left_area, third = _half_with_third(cell, z, n, c, root, splat(1.0))
                over = half * half * (left * _SIXTH + left_area * 0.5 + third)
                over = over + half * (vld(integral, lane) + before * (half * 0.5))
                vst(second, lane, vld(second, lane) + side * over)
                w, area, third = _half_with_third(cell, z, n, c, root, other)
                vst(k_row, lane, third)
            else:
                left, left_area = _half(w, area, z, n, root, splat(1.0))
                w, area = _half(w, area, z, n, root, other)
            vst(integral, lane, vld(integral, lane) + side * (half * (left * 0.5 + left_area + before)))
            vst(total, lane, before + side * left)
            vst(w_row, lane, w)
            vst(h_row, lane, area)
            vst(length, lane, half)
        for lane in range(stride):
            on = goes[lane] == 1 and ld(start, lane) < ends[lane]
            if ld(right, lane) == 1.0:
                st(start, lane, ld(start, lane) + ld(length, lane))
            cells.node[lane] += 1
            cells.parent[lane] = 2 * cells.parent[lane] + (1 if ld(right, lane) == 1.0 else 0)
            any_goes = any_goes or (on and ld(start, lane) < ends[lane])
    for lane in range(stride):
        if goes[lane] == 1:
            st(to[0], lane, ld(total, lane))
            st(to[1], lane, ld(integral, lane))
            if both:
                st(to[2], lane, ld(second, lane))
