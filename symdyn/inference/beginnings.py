r"""Where a path with process noise begins: about an initial value that is fitted, or is the first datum.

The first state is distributed as after a usual interval :math:`\Delta`, the median of those between measurements,

.. math:: z_0 \sim N(\zeta, \Sigma(\zeta) \Delta),

with :math:`\Sigma` the covariance that the noise adds in a unit of time: :math:`g g^T` of stochastic differential equations
with noise g, and :math:`\sum_r a_r \langle S_r S_r^T \rangle` of networks, whose reactions r change the numbers by
:math:`S_r` at the rates :math:`a_r`; numbers that are simulated are whole and not negative.  If the state were that value, the
likelihood of the datum would grow without bound as its error vanishes.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symdyn.derive.jumps import jump_moment, mean_jumps
from symdyn.inference.data import Trajectory

__all__ = ["LAW", "drawn", "first_spread", "noise_rate"]

#: Number of this law, which saved files tell; by 1, that of files which tell none, the first state is the initial value.
LAW = 2


def noise_rate(system: Any) -> sp.Matrix:
    """The covariance (n, n) that the noise of a network, or of stochastic differential equations, adds in a unit of time.

    Examples
    --------
    >>> import symdyn as sd
    >>> x = sp.Symbol("X")
    >>> noise_rate(sd.ReactionNetwork.from_text("0 -> 2 X, 5; X -> 0, g")).subs(x, 3)
    Matrix([[Max(0, 3*g) + 20]])
    """
    if system.propensities is None:
        return system.diffusion * system.diffusion.T
    found, places = sp.zeros(len(system.states)), {s: i for i, s in enumerate(system.states)}
    for reaction, rate in zip(system.reactions, system.propensities, strict=True):
        for x, y in product(mean_jumps(reaction), repeat=2):
            moment = jump_moment(reaction, [(x, 2)] if x == y else [(x, 1), (y, 1)])
            found[places[x], places[y]] += sp.Max(rate, 0) * moment  # X(X - 1) is negative between whole numbers
    return found


def first_spread(rate: np.ndarray, loose: np.ndarray, path: Trajectory) -> np.ndarray:
    """Variances or covariances of the first states of a path about their initial values.

    Parameters
    ----------
    rate : float64
        What the noise adds in a unit of time.
    loose : bool, of a shape that `rate` broadcasts with
        Where it counts; elsewhere the first state is the initial value.
    path : Trajectory

    Examples
    --------
    >>> path = Trajectory(np.array([0.0, 0.2, 1.0, 1.5, 2.0]), np.array([[3.0], [np.nan], [1.0], [2.0], [1.0]]))
    >>> first_spread(np.array([2.0, 5.0]), np.array([True, False]), path)
    array([1., 0.])
    """
    times = path.times[np.isfinite(path.values).any(axis=1)]  # states may be asked for at others
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return rate * np.where(loose, usual, 0.0)


def drawn(begun: np.ndarray, spread: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """First states (M, G, N, n) of such paths.

    Parameters
    ----------
    begun, spread : (M, G, n) and (M, G, n, n) float64
        Initial values and the covariances about them.
    normal : (G, N, n) float64
        Standard normal numbers.

    Examples
    --------
    >>> drawn(np.array([[[1.0, 5.0]]]), np.array([[[[4.0, 0.0], [0.0, 0.0]]]]), np.ones((1, 1, 2))).ravel().tolist()
    [3.0, 5.0]
    """
    sound = np.isfinite(spread).all(axis=(2, 3))[..., None, None]
    values, vectors = np.linalg.eigh(np.where(sound, spread, 0.0))
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    moved = np.einsum("mgij,gkj->mgki", root @ np.swapaxes(vectors, 2, 3), normal)
    return begun[:, :, None] + np.where(sound, moved, np.nan)
