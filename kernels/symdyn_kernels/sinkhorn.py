"""Sinkhorn's iterations between two clouds of weighted points, in the logarithms of their scalings.

Half an iteration in the log domain takes the largest entry of each row out of the sum.  While the scalings stay near those
at which the plan was last written down, rows and columns are scaled by products with that matrix, which takes no exponentials
(Schmitzer, SIAM J. Sci. Comput. 41, A1443 (2019), alg. 2).
"""

from __future__ import annotations

import numpy as np

#: Entries of a block of rows, so that it stays in the cache; of a plan that is kept as a matrix.
BLOCK, MOST = 1 << 15, 1 << 24
#: Largest logarithm of a scaling before the plan is written down again.
FAR = 60.0


def cost(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Half the squared distances (n, m)."""
    return np.maximum(0.5 * (x**2).sum(axis=1)[:, None] + 0.5 * (y**2).sum(axis=1) - x @ y.T, 0.0)


def _sides(x: np.ndarray, y: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors (n, d + 1) and (d + 1, m) of ``g_j - |x_i - y_j|^2 / 2 + |x_i|^2 / 2``."""
    return np.column_stack([x, np.ones(len(x))]), np.vstack([y.T, g - 0.5 * (y**2).sum(axis=1)])


def potential(x: np.ndarray, y: np.ndarray, g: np.ndarray) -> np.ndarray:
    """``log sum_j exp(g_j - |x_i - y_j|^2 / 2)``, (n,)."""
    found, rows = np.empty(len(x)), max(1, BLOCK // len(y))
    left, right = _sides(x, y, g)
    for first in range(0, len(x), rows):
        part = left[first : first + rows] @ right
        top = part.max(axis=1)
        part -= top[:, None]
        np.exp(part, out=part)
        found[first : first + rows] = top + np.log(part.sum(axis=1))
    return found - 0.5 * (x**2).sum(axis=1)


def coupling(x: np.ndarray, y: np.ndarray, f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The plan ``exp(f_i + g_j - |x_i - y_j|^2 / 2)``, (n, m)."""
    left, right = _sides(x, y, g)
    plan = left @ right
    plan += (f - 0.5 * (x**2).sum(axis=1))[:, None]
    return np.exp(plan, out=plan)


def sinkhorn(
    x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, tolerance: float, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scalings of the plan ``exp(f_i + g_j - |x_i - y_j|^2/2)`` with the marginals a and b.

    Parameters
    ----------
    x, y : (n, d), (m, d) float64
    a, b : (n,), (m,) float64
        Positive weights with the sum 1.
    tolerance : float
        Of the sum of errors of the first marginal, after the second was met.
    most : int
        Iterations.

    Returns
    -------
    f, g : (n,), (m,) float64
        The second marginal is exact.
    errors : (iterations,) float64
    """
    middle = y.mean(axis=0)  # distances lose no digits to a common place
    x, y = x - middle, y - middle
    g, errors = np.zeros(len(y)), []
    log_a, log_b, keep = np.log(a), np.log(b), len(x) * len(y) <= MOST
    f = log_a - potential(x, y, g)
    while True:
        g = log_b - potential(y, x, f)
        if not keep:
            change = log_a - potential(x, y, g) - f
            errors.append(float(np.abs(a * np.expm1(-np.minimum(change, 700.0))).sum()))
            if errors[-1] <= tolerance or len(errors) >= most:
                return f, g, np.array(errors)
            f += change
            continue
        plan = coupling(x, y, f, g)
        u, v = np.ones(len(x)), np.ones(len(y))
        while True:
            rows = np.einsum("ij,j->i", plan, v)
            errors.append(float(np.abs(u * rows - a).sum()))
            done = errors[-1] <= tolerance or len(errors) >= most
            if done or not rows.all():
                break
            new = a / rows
            columns = np.einsum("ij,i->j", plan, new)
            if not columns.all() or max(np.abs(np.log(new)).max(), np.abs(np.log(b / columns)).max()) > FAR:
                break
            u, v = new, b / columns
        f, g = f + np.log(u), g + np.log(v)
        if done:
            return f, g, np.array(errors)
        f = log_a - potential(x, y, g)
