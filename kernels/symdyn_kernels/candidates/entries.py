"""What Python calls: compiled once for this machine, for all systems."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from symdyn_kernels.arguments.candidates import CandidateModel, FitArguments, Table
from symdyn_kernels.arguments.parts import numba_type
from symdyn_kernels.candidates.fitting import minimise, place
from symdyn_kernels.candidates.matching import extensions, integrate
from symdyn_kernels.candidates.smoothing import smooth
from symdyn_kernels.candidates.sweeping import sweep
from symdyn_kernels.candidates.terms import powers, slopes, value
from symdyn_kernels.options import HELPER

__all__ = ["columns", "extend", "fit", "integrals", "rate", "spline"]

NUMBERS, ROWS, FRAMES = types.float64[::1], types.float64[:, ::1], types.float64[:, :, ::1]


@njit(types.void(numba_type(FitArguments)), **HELPER)
def fit(arguments):
    """`fitting.minimise`, or `sweeping.sweep`; one function, because it takes long to compile."""
    if arguments.settings[0] >= 0.0:
        minimise(arguments)
    else:
        arguments.info[0] = sweep(arguments)


@njit(types.void(ROWS, numba_type(CandidateModel), NUMBERS, ROWS, FRAMES), **HELPER)
def rate(points, model, theta, f, J):
    """Rates of change (m, d) and their Jacobian matrices (m, d, d) at points (m, d)."""
    EQ, table = model.equations, model.table
    m, d = points.shape
    pw, g = np.zeros((d, 8)), np.zeros(d + 2)
    place(theta, model)
    f[:] = 0.0
    J[:] = 0.0
    for i in range(m):
        powers(points[i], pw)
        for k in range(EQ.size):
            f[i, EQ[k]] += theta[k] * slopes(k, table, pw, g)
            for j in range(d):
                J[i, EQ[k], j] += theta[k] * g[j]


@njit(types.void(ROWS, numba_type(Table), ROWS), **HELPER)
def columns(points, table, out):
    """Values of all terms at points (m, d), into ``out`` (T, m)."""
    pw = np.zeros((points.shape[1], 8))
    for i in range(points.shape[0]):
        powers(points[i], pw)
        for c in range(table.exponents.shape[0]):
            out[c, i] = value(c, table, pw)


@njit(types.void(FRAMES, ROWS, types.uint8[::1], numba_type(Table), types.int64[:, ::1], ROWS), **HELPER)
def integrals(nodes, weights, begins, table, constants, out):
    """`matching.integrate`."""
    integrate(nodes, weights, begins, table, constants, out)


@njit(types.void(ROWS, NUMBERS, types.int64[:, ::1], ROWS), **HELPER)
def extend(G, b, bases, out):
    """`matching.extensions`."""
    extensions(G, b, bases, bases.shape[1], out)


@njit(types.float64(NUMBERS, NUMBERS, NUMBERS, types.float64, NUMBERS), **HELPER)
def spline(t, y, w, penalty, g):
    """`smoothing.smooth`."""
    return smooth(t, y, w, penalty, g)
