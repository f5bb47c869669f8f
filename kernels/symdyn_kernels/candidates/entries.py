"""What Python calls: compiled once for this machine, for all systems."""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.candidates.fitting import minimise, place
from symdyn_kernels.candidates.matching import extensions, integrate
from symdyn_kernels.candidates.smoothing import smooth
from symdyn_kernels.candidates.sweeping import sweep
from symdyn_kernels.candidates.terms import TABLE, powers, slopes, value

__all__ = ["columns", "extend", "fit", "integrals", "rate", "spline"]

DATA = "Tuple((float64[::1], float64[:, ::1], float64[:, ::1]))"
MODEL = f"Tuple((int64[::1], int64[:, ::1], {TABLE}))"
ARROW = "Tuple((float64[:, ::1], float64[::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1]))"
WINDOWS = "int64[:, ::1], float64[:, ::1], float64[::1]"


@njit(
    f"void({DATA}, {WINDOWS}, {MODEL}, float64[::1], {TABLE}, float64[::1], {ARROW}, float64[::1], int64[::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1], float64[::1])",
    error_model="numpy", nogil=True, cache=True,
)  # fmt: skip
def fit(data, cut, starts, limits, model, theta, library, settings, arrow, rss, info, Y, A, g, diagonal):
    """`fitting.minimise`, then `sweeping.sweep` if the library has terms; one function, because it takes long to compile."""
    if settings[0] >= 0.0:
        minimise(data, cut, starts, limits, model, theta, library, settings, arrow, rss, info, Y)
    else:
        info[0] = sweep(data, cut, starts, limits, model, theta, library, A, g, diagonal, rss, Y)


@njit(
    f"void(float64[:, ::1], {MODEL}, float64[::1], float64[:, ::1], float64[:, :, ::1])",
    error_model="numpy", nogil=True, cache=True,
)  # fmt: skip
def rate(points, model, theta, f, J):
    """Rates of change (m, d) and their Jacobian matrices (m, d, d) at points (m, d)."""
    EQ, table = model[0], model[2]
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


@njit(f"void(float64[:, ::1], {TABLE}, float64[:, ::1])", error_model="numpy", nogil=True, cache=True)
def columns(points, table, out):
    """Values of all terms at points (m, d), into ``out`` (T, m)."""
    pw = np.zeros((points.shape[1], 8))
    for i in range(points.shape[0]):
        powers(points[i], pw)
        for c in range(table[0].shape[0]):
            out[c, i] = value(c, table, pw)


@njit(
    f"void(float64[:, :, ::1], float64[:, ::1], uint8[::1], {TABLE}, int64[:, ::1], float64[:, ::1])",
    error_model="numpy", nogil=True, cache=True,
)  # fmt: skip
def integrals(nodes, weights, begins, table, constants, out):
    """`matching.integrate`."""
    integrate(nodes, weights, begins, table, constants, out)


@njit("void(float64[:, ::1], float64[::1], int64[:, ::1], float64[:, ::1])", error_model="numpy", nogil=True, cache=True)
def extend(G, b, bases, out):
    """`matching.extensions`."""
    extensions(G, b, bases, bases.shape[1], out)


@njit("float64(float64[::1], float64[::1], float64[::1], float64, float64[::1])", error_model="numpy", nogil=True, cache=True)
def spline(t, y, w, penalty, g):
    """`smoothing.smooth`."""
    return smooth(t, y, w, penalty, g)
