r"""Mean and covariance of a diffusion after a time, from where it began.

For :math:`\mathrm{d}x = f(x)\,\mathrm{d}t + G(x)\,\mathrm{d}W` with :math:`\Sigma = G G^T` the conditional mean m and
covariance P follow

.. math:: \dot m = f + \tfrac12 \nabla\nabla f : P, \qquad
          \dot P = J P + P J^T + \Sigma + \tfrac12 \nabla\nabla \Sigma : P

with everything taken at m and J the Jacobian of f.  They are exact if f is linear and :math:`\Sigma` at most quadratic, and
agree with the expansion of Kessler, Scand. J. Statist. 24, 211 (1997), to second order in the time for all others.  Unlike a
truncated expansion they give a covariance that is not negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative
from symdyn.models.sde import SDESystem

__all__ = ["LocalMoments", "diffusion_moments", "symmetric"]

#: Numbers worked on at once, so that they stay in the cache.
CHUNK = 65536


class LocalMoments:
    """The moments of a diffusion, and their derivatives with respect to its parameters.

    Parameters
    ----------
    states, parameters : sequence of Symbol
    time : Symbol
    drift : sequence of Expr
        In the sense of Ito.
    noise : Matrix
        The product of the diffusion matrix with its transpose.

    Attributes
    ----------
    spread : list of Symbol
        Entries of the covariance at `pairs`, its upper triangle.
    linear_rates : tuple of Expr
        How fast means and covariances change without the second derivatives, in the linear noise approximation.
    """

    def __init__(
        self, states: Sequence[sp.Symbol], parameters: Sequence[sp.Symbol], time: sp.Symbol, drift: Sequence[sp.Expr],
        noise: sp.MatrixBase,
    ) -> None:  # fmt: skip
        self.states, self.parameters, self.time = tuple(states), tuple(parameters), time
        n = len(self.states)
        self.pairs = [(i, j) for i in range(n) for j in range(i, n)]
        self.spread = [sp.Symbol(f"P_{i}_{j}__") for i, j in self.pairs]
        symbol = {(i, j): s for (i, j), s in zip(self.pairs, self.spread, strict=True)}
        P = [[symbol[min(i, j), max(i, j)] for j in range(n)] for i in range(n)]
        jacobian = [[derivative(f, x) for x in self.states] for f in drift]

        def bent(e: sp.Expr) -> sp.Expr:
            second = (derivative(derivative(e, x), y) * P[i][j] for i, x in enumerate(states) for j, y in enumerate(states))
            return sp.Add(*second) / 2

        linear = list(drift)
        for i, j in self.pairs:
            turned = [jacobian[i][k] * P[k][j] + P[i][k] * jacobian[j][k] for k in range(n)]
            linear.append(sp.Add(*turned, noise[i, j]))
        self.linear_rates: tuple[sp.Expr, ...] = tuple(linear)
        bends = [*(bent(f) for f in drift), *(bent(noise[i, j]) for i, j in self.pairs)]
        rates = self._rates = [sp.Add(e, b) for e, b in zip(linear, bends, strict=True)]
        # slopes are of parameters alone; third derivatives of networks would be many
        every = tuple(enumerate(rates)) if self.parameters else ()
        self._inner = {(i, j): derivative(e, y) for i, e in every for j, y in enumerate((*states, *self.spread))}
        self._outer = {(i, p): derivative(e, p) for i, e in every for p in self.parameters}
        self._lower()

    def _lower(self) -> None:
        blocks = [("t", (self.time,)), ("y", (*self.states, *self.spread)), ("p", self.parameters)]
        column = {p: k for k, p in enumerate(self.parameters)}
        self._inner = {key: e for key, e in self._inner.items() if e != 0}
        self._outer = {(i, p): e for (i, p), e in self._outer.items() if p in column and e != 0}
        self._places = [(i, column[p]) for i, p in self._outer]
        whole = [*self._rates, *self._inner.values(), *self._outer.values()]
        self._program = lower("moments", blocks, self._rates, [""] * len(self._rates))
        self._tangents = lower("tangents", blocks, whole, [""] * len(whole))

    def without(self, parameters: Sequence[sp.Symbol]) -> LocalMoments:
        """The same with some parameters at zero, which are no longer among the parameters."""
        zero = dict.fromkeys(parameters, sp.S.Zero)
        new = object.__new__(LocalMoments)
        new.__dict__.update(self.__dict__)
        new.parameters = tuple(p for p in self.parameters if p not in zero)
        new._rates = [e.xreplace(zero) for e in self._rates]
        new.linear_rates = tuple(e.xreplace(zero) for e in self.linear_rates)
        new._inner = {key: e.xreplace(zero) for key, e in self._inner.items()}
        new._outer = {(i, p): e.xreplace(zero) for (i, p), e in self._outer.items() if p not in zero}
        new._lower()
        return new

    def matrix(self, spread: np.ndarray) -> np.ndarray:
        """Covariances (..., n, n) from their upper triangles (pairs, ...)."""
        return symmetric(spread, len(self.states))

    @property
    def rates(self) -> tuple[sp.Expr, ...]:
        """How fast the means and the upper triangle of the covariance change."""
        return tuple(self._rates)

    def local(self, theta: np.ndarray, states: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Drift (n, N) and upper triangle of the squared diffusion (pairs, N) at states (n, N) and times (N,)."""
        zero = np.zeros(len(times))
        with np.errstate(all="ignore"):
            found = evaluate(self._program, [times], [*states, *(zero for _ in self.pairs)], list(theta))
        rates = np.stack([np.broadcast_to(v, times.shape) for v in found])
        return rates[: len(states)], rates[len(states) :]

    def after(
        self, theta: np.ndarray, begin: np.ndarray, times: np.ndarray, gaps: np.ndarray, *, steps: int, slopes: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Moments after times, by Runge and Kutta's method of order four.

        Parameters
        ----------
        theta : (P,) float64
        begin : (n, N) or (n + pairs, N) float64
            Where the process begins; or mean and covariance (upper triangle) at the beginning.
        times, gaps : (N,) float64
            When it begins, and how long it goes on.
        steps : int
            In which each gap is crossed.
        slopes : bool
            Whether derivatives are wanted.

        Returns
        -------
        moments : (n + pairs, N) float64
            Means and covariances.
        derivatives : (P, n + pairs, N) float64
            With respect to the parameters; P is 0 without `slopes`.
        """
        y, dy = np.zeros((len(self._rates), len(gaps))), np.zeros((len(self._rates), len(theta) * slopes, len(gaps)))
        y[: len(begin)] = begin
        return self.onward(theta, y, dy, times, gaps, steps=steps)

    def onward(
        self, theta: np.ndarray, y: np.ndarray, dy: np.ndarray, times: np.ndarray, gaps: np.ndarray, *, steps: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same from moments (n + pairs, N) with derivatives `dy` (n + pairs, P, N), which are given in that order."""
        y, dy = y.copy(), dy.copy()
        width = max(64, CHUNK // (1 + dy.shape[1]))
        knobs = list(theta)
        for first in range(0, len(gaps), width):
            part = slice(first, first + width)
            a, b, t, h = y[:, part], dy[:, :, part], times[part], gaps[part] / steps
            with np.errstate(all="ignore"):
                for _ in range(steps):
                    k1, l1 = self._slope(t, a, b, knobs)
                    k2, l2 = self._slope(t + h / 2, a + h / 2 * k1, b + h / 2 * l1, knobs)
                    k3, l3 = self._slope(t + h / 2, a + h / 2 * k2, b + h / 2 * l2, knobs)
                    k4, l4 = self._slope(t + h, a + h * k3, b + h * l3, knobs)
                    a = a + h / 6 * (k1 + 2 * (k2 + k3) + k4)
                    b = b + h / 6 * (l1 + 2 * (l2 + l3) + l4)
                    t = t + h
            y[:, part], dy[:, :, part] = a, b
        return y, dy.swapaxes(0, 1)

    def _slope(self, t: np.ndarray, y: np.ndarray, dy: np.ndarray, knobs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        found = iter(evaluate(self._tangents if dy.size else self._program, [t], list(y), knobs))
        slope, bent = np.empty_like(y), np.zeros_like(dy)
        for row in slope:
            row[...] = next(found)
        if dy.size:
            for i, j in self._inner:
                bent[i] += next(found) * dy[j]
            for i, k in self._places:
                bent[i, k] += next(found)
        return slope, bent


def symmetric(triangles: np.ndarray, n: int) -> np.ndarray:
    """Matrices (..., n, n) from their upper triangles (n (n + 1)/2, ...), row by row."""
    full = np.empty((*triangles.shape[1:], n, n))
    for i, j, values in zip(*np.triu_indices(n), triangles, strict=True):
        full[..., i, j] = full[..., j, i] = values
    return full


def diffusion_moments(
    diffusion: SDESystem, parameters: Sequence[sp.Symbol], known: Mapping[sp.Symbol, sp.Expr] | None = None
) -> LocalMoments:
    """The moments of a diffusion whose other parameters have the values `known`."""
    ito = diffusion.ito()
    drift = [e.xreplace(known or {}) for e in ito.drift]
    noise = (ito.diffusion * ito.diffusion.T).applyfunc(lambda e: e.xreplace(known or {}))
    return LocalMoments(ito.states, parameters, ito.time, drift, sp.ImmutableDenseMatrix(noise))
