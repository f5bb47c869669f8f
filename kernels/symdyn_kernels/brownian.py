"""Trees of Brownian paths in lanes: `symdyn_kernels.shared.brownian` for several trajectories at a time.

A stack has W and H of the cells that contain the present one, by depth: a step to the next cell makes two new ones on average.
Lanes may be at different depths; a lane that has arrived makes its last cell again, which is the same, so nothing is masked.
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
from symdyn_kernels.simd import V8, WIDTH, ld, sel, splat, st, vld, vsqrt, vst

__all__ = ["Cells", "begin", "descend", "partial", "whole"]

_DOUBLE, _INT64 = ir.DoubleType(), ir.IntType(64)
_VECTOR, _WORDS = ir.VectorType(_DOUBLE, WIDTH), ir.VectorType(_INT64, WIDTH)
_QUARTER, _TWELFTH = 0.25, 0.28867513459481287


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
    pair : int
        Address of two rows: a cell while it is halved.
    stack : int
        Address of W, then H, of each noise, depth and lane.
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
    pair: int
    stack: int


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
def _half(w, area, z, n, root, side):
    """W and H of the left half of a cell where `side` is 1, of the right one where it is -1."""
    tilt = area * 1.5 + root * z * _QUARTER
    common = area * 0.25 - root * z * (0.5 * _QUARTER)
    return w * 0.5 + side * tilt, common + side * (root * n * (0.5 * _TWELFTH))


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
    stride = cells.depth.size
    at = min(cells.at[lane], cells.depth[lane])
    if at >= 0:
        differ = shifted(cells.kept[lane], cells.at[lane] - at) ^ shifted(cells.number[lane], cells.depth[lane] - at)
        while differ != 0:
            differ >>= 1
            at -= 1
    if at < 0:
        at = 0
        for j in range(noises):
            w, area = root_cell(
                np.uint64(cells.keys[2 * j, lane]), np.uint64(cells.keys[2 * j + 1, lane]),
                shifted(cells.number[lane], cells.depth[lane]),
            )  # fmt: skip
            st(cells.stack, j * DEPTHS * stride + lane, w)
            st(cells.stack, (noises + j) * DEPTHS * stride + lane, area)
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
            base = (j * DEPTHS + node) * stride
            for lane in range(0, stride, WIDTH):
                z, n = _normals(cells, j, lane)
                w, area = vld(cells.stack, base + lane), vld(cells.stack, base + noises * DEPTHS * stride + lane)
                w, area = _half(w, area, z, n, splat(root), splat(side))
                vst(cells.stack, base + stride + lane, w)
                vst(cells.stack, base + (noises * DEPTHS + 1) * stride + lane, area)
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
    half = 8 * noises * DEPTHS * stride  # from W to H
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
                base = cells.stack + 8 * j * DEPTHS * stride
                for lane in range(0, stride, WIDTH):
                    z, n = _normals(cells, j, lane)
                    root, side = vld(cells.root.ctypes.data, lane), vld(cells.side.ctypes.data, lane)
                    w = gather(base, cells.place.ctypes.data, lane)
                    area = gather(base + half, cells.place.ctypes.data, lane)
                    w, area = _half(w, area, z, n, root, side)
                    vst(cells.pair, lane, w)
                    vst(cells.pair, stride + lane, area)
                for lane in range(stride):
                    st(base, cells.place[lane] + stride, ld(cells.pair, lane))
                    st(base + half, cells.place[lane] + stride, ld(cells.pair, stride + lane))
    for lane in range(stride):
        cells.kept[lane] = cells.number[lane]


@njit(**INLINE)
def whole(cells, noise, noises, to_w, to_z):
    """The increments of the cells of all lanes, and ``int (W - W_start) ds`` over them, into two rows."""
    stride = cells.depth.size
    base = cells.stack + 8 * noise * DEPTHS * stride
    for lane in range(stride):
        cells.place[lane] = cells.depth[lane] * stride + lane
    for lane in range(0, stride, WIDTH):
        w = gather(base, cells.place.ctypes.data, lane)
        area = gather(base + 8 * noises * DEPTHS * stride, cells.place.ctypes.data, lane)
        vst(to_w, lane, w)
        vst(to_z, lane, (w * 0.5 + area) * vld(cells.length.ctypes.data, lane))


@njit(**INLINE)
def partial(cells, noise, noises, work, ends, goes, to_w, to_z):
    """The same up to a time within the cell, of those lanes for which `goes` is 1; `work` has 7 rows."""
    stride = cells.depth.size
    base = cells.stack + 8 * noise * DEPTHS * stride
    row = 8 * stride
    w_row, h_row, total, integral, length = work, work + row, work + 2 * row, work + 3 * row, work + 4 * row
    right, start = work + 5 * row, work + 6 * row
    any_goes = False
    for lane in range(stride):
        place = cells.depth[lane] * stride + lane
        st(w_row, lane, ld(base, place))
        st(h_row, lane, ld(base + 8 * noises * DEPTHS * stride, place))
        st(total, lane, 0.0)
        st(integral, lane, 0.0)
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
            tilt = area * 1.5 + root * z * _QUARTER
            common = area * 0.25 - root * z * (0.5 * _QUARTER)
            part = root * n * (0.5 * _TWELFTH)
            left, left_area, half = w * 0.5 + tilt, common + part, whole_length * 0.5
            before = vld(total, lane)
            vst(integral, lane, vld(integral, lane) + side * (half * (left * 0.5 + left_area + before)))
            vst(total, lane, before + side * left)
            vst(w_row, lane, sel(side, w * 0.5 - tilt, left))
            vst(h_row, lane, sel(side, common - part, left_area))
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
            st(to_w, lane, ld(total, lane))
            st(to_z, lane, ld(integral, lane))
