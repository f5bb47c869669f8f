r"""Steps through time for cells in their bulk: linear terms implicitly, kinetics explicitly.

With a fixed step and one diagonal coefficient all stages share one sparse factorisation for each bulk species.  The exchange
through the walls is stiff: on smooth solutions the cells of 'ark4' converge with the order 3.5, those of 'ark3' with 2.9 and of
'sbdf2' with 2; the bulk next to the walls with 2.

References
----------
Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181; Ascher, Ruuth & Wetton, SIAM Journal on Numerical
Analysis 32 (1995) 797-823.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property

import numpy as np

from symdyn.cells._factors import Factors, factorise
from symdyn.cells.finite_elements import BulkMatrices
from symdyn.methods.additive import ARK3, ARK4, AdditiveTableau

__all__ = ["METHODS", "AdditiveStepper", "WallExchange"]

TABLEAUX = {t.name: t for t in (ARK3, ARK4)}
METHODS = {"ark4": 4, "ark3": 3, "sbdf2": 2}
"""Methods and their orders."""

KEPT = 4
"""Number of cached factorisations."""


class WallExchange:
    r"""The linear part, :math:`\dot y = L y` for y = (u, U), and the solution of :math:`(1 - cL)\, y = r`.

    Parameters
    ----------
    matrices : list of BulkMatrices
        One for each species.
    secreted : (S, m) int array
        Places of the secreted states among those of the cells.
    """

    def __init__(self, matrices: list[BulkMatrices], secreted: np.ndarray) -> None:
        self.matrices, self.secreted = matrices, secreted
        self._solvers: dict[float, list[tuple]] = {}
        self._lock = threading.Lock()

    @cached_property
    def _mass(self) -> Factors:
        return factorise(self.matrices[0].M)

    def solver(self, c: float) -> list[tuple]:
        """Factorisations that `solve` needs for a coefficient; a few are cached and shared by all threads."""
        with self._lock:
            if c not in self._solvers:
                found = []
                for e in self.matrices:
                    lu = factorise(e.tau * e.M + c * e.A)
                    spread = lu.solve(c * e.B.toarray())
                    found.append((lu, spread, np.linalg.inv(np.diag(1 + c * e.loss) - c * (e.C @ spread))))
                while len(self._solvers) >= KEPT:
                    self._solvers.pop(next(iter(self._solvers)))
                self._solvers[c] = found
            return self._solvers[c]

    def solve(self, c: float, u: np.ndarray, U: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """The y with :math:`(1 - cL) y = r`; cells (R, n) and bulk, each (N, R), of r and of y."""
        u, out = u.copy(), []
        for e, (lu, spread, inner), places, r in zip(self.matrices, self.solver(c), self.secreted, U, strict=True):
            w = lu.solve(e.tau * (e.M @ r))
            s = inner @ (u[:, places].T + c * (e.C @ w))
            u[:, places] = s.T
            out.append(w + spread @ s)
        return u, out

    def cells(self, u: np.ndarray, U: list[np.ndarray]) -> np.ndarray:
        """What L adds to the rates of the cells, (R, n)."""
        out = np.zeros_like(u)
        for e, places, x in zip(self.matrices, self.secreted, U, strict=True):
            out[:, places] = (e.C @ x).T - e.loss * u[:, places]
        return out

    def bulk(self, u: np.ndarray, U: list[np.ndarray]) -> list[np.ndarray]:
        """The rates of the bulk, each (N, R)."""
        return [
            self._mass.solve(e.B @ u[:, places].T - e.A @ x) / e.tau
            for e, places, x in zip(self.matrices, self.secreted, U, strict=True)
        ]

    @cached_property
    def sources(self) -> list[np.ndarray]:
        """Rates of the bulk for a unit of each secreted state, each (N, m)."""
        return [self._mass.solve(e.B.toarray()) / e.tau for e in self.matrices]

    def quasi_steady(self, u: np.ndarray) -> list[np.ndarray]:
        """The bulk that rests while the cells are at u (R, n), each (N, R)."""
        return [factorise(e.A).solve(np.asarray(e.B @ u[:, p].T)) for e, p in zip(self.matrices, self.secreted, strict=True)]


class AdditiveStepper:
    """Runs side by side, with the same parameters, through time.

    Parameters
    ----------
    exchange : WallExchange
    rates : callable
        Kinetics F(u), from (R, n) to (R, n).
    method : {'ark4', 'ark3', 'sbdf2'}
    u, U : (R, n) array and list of (N, R) arrays
        Where to begin.

    Attributes
    ----------
    u, U
        Where it is.
    error : (R,) array
        Largest difference of the cells, in any step so far, from the embedded method of an order less.
    """

    def __init__(
        self, exchange: WallExchange, rates: Callable[[np.ndarray], np.ndarray], method: str, u: np.ndarray, U: list[np.ndarray]
    ) -> None:
        self.exchange, self.rates, self.method, self.u, self.U = exchange, rates, method, u, U
        self._linear: list[np.ndarray] | None = None
        self._before: tuple | None = None
        self.error = np.zeros(len(u))

    def advance(self, h: float, steps: int) -> None:
        """Go on by so many steps of length h."""
        for _ in range(steps):
            if self.method == "sbdf2":
                self._backward_difference(h)
            else:
                self._runge_kutta(h, TABLEAUX[self.method])

    def _runge_kutta(self, h: float, t: AdditiveTableau) -> None:
        exchange, u, U = self.exchange, self.u, self.U
        c = h * t.diagonal
        if self._linear is None:
            self._linear = exchange.bulk(u, U)
        fast, slow = [self.rates(u)], [exchange.cells(u, U)]
        bulk = [[k] for k in self._linear]
        Y, V = u, U
        for i in range(1, len(t.weights)):
            r = u + h * (np.tensordot(t.explicit[i, :i], fast, 1) + np.tensordot(t.implicit[i, :i], slow, 1))
            row = t.implicit[i]
            R = [x + h * sum(a * k for a, k in zip(row, ks, strict=False) if a) for x, ks in zip(U, bulk, strict=True)]
            Y, V = exchange.solve(c, r, R)
            # (1 - cL) y = r, so Ly = (y - r)/c: no mass matrix needs to be solved for
            slow.append((Y - r) / c)
            for ks, new, old in zip(bulk, V, R, strict=True):
                ks.append((new - old) / c)
            fast.append(self.rates(Y))
        # the last stage has the weights of the implicit part; only the cells' states lack the difference of the explicit ones
        self.u = Y + h * np.tensordot(t.weights - t.explicit[-1], fast, 1)
        self.U = V
        gap = np.tensordot(t.weights - t.embedded, np.add(fast, slow), 1)
        self.error = np.maximum(self.error, h * np.abs(gap).max(axis=1, initial=0))
        self._linear = [
            ks[-1] + source @ (self.u - Y)[:, places].T
            for ks, source, places in zip(bulk, exchange.sources, exchange.secreted, strict=True)
        ]

    def _backward_difference(self, h: float) -> None:
        if self._before is None or self._before[0] != h:  # begin with a step that is accurate enough for the order
            u, U, rate = self.u, self.U, self.rates(self.u)
            self._linear = None
            self._runge_kutta(h, ARK3)
            self._before = (h, u, U, rate)
            return
        _, u, U, rate = self._before
        now = self.rates(self.u)
        c = 2 * h / 3
        r = (4 * self.u - u) / 3 + c * (2 * now - rate)
        R = [(4 * x - y) / 3 for x, y in zip(self.U, U, strict=True)]
        self._before = (h, self.u, self.U, now)
        self.u, self.U = self.exchange.solve(c, r, R)
