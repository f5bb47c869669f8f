r"""Steps through time for cells in their bulk: what is linear implicitly, the kinetics explicitly.

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
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symdyn.cells._factors import Factors, factorise
from symdyn.cells.finite_elements import BulkMatrices

__all__ = ["METHODS", "Exchange", "Stepper", "Tableau"]


@dataclass(frozen=True)
class Tableau:
    """An additive Runge-Kutta method: explicit `E` and implicit `I` coefficients (s, s); the last row of `I` is the weights."""

    name: str
    order: int
    E: np.ndarray
    I: np.ndarray
    embedded: np.ndarray

    @property
    def diagonal(self) -> float:
        return float(self.I[-1, -1])

    @property
    def weights(self) -> np.ndarray:
        return self.I[-1]


def _tableau(name: str, order: int, explicit: list[list[float]], implicit: list[list[float]], embedded: list[float]) -> Tableau:
    s = len(embedded)
    E, I = np.zeros((s, s)), np.zeros((s, s))
    for i in range(1, s):
        E[i, :i], I[i, : i + 1] = explicit[i - 1], implicit[i - 1]
    return Tableau(name, order, E, I, np.array(embedded))


_G = 1767732205903 / 4055673282236
ARK3 = _tableau(
    "ark3", 3,
    [[1767732205903 / 2027836641118],
     [5535828885825 / 10492691773637, 788022342437 / 10882634858940],
     [6485989280629 / 16251701735622, -4246266847089 / 9704473918619, 10755448449292 / 10357097424841]],
    [[_G, _G],
     [2746238789719 / 10658868560708, -640167445237 / 6845629431997, _G],
     [1471266399579 / 7840856788654, -4482444167858 / 7529755066697, 11266239266428 / 11593286722821, _G]],
    [2756255671327 / 12835298489170, -10771552573575 / 22201958757719, 9247589265047 / 10645013368117,
     2193209047091 / 5459859503100],
)  # fmt: skip
ARK4 = _tableau(
    "ark4", 4,
    [[1 / 2],
     [13861 / 62500, 6889 / 62500],
     [-116923316275 / 2393684061468, -2731218467317 / 15368042101831, 9408046702089 / 11113171139209],
     [-451086348788 / 2902428689909, -2682348792572 / 7519795681897, 12662868775082 / 11960479115383,
      3355817975965 / 11060851509271],
     [647845179188 / 3216320057751, 73281519250 / 8382639484533, 552539513391 / 3454668386233,
      3354512671639 / 8306763924573, 4040 / 17871]],
    [[1 / 4, 1 / 4],
     [8611 / 62500, -1743 / 31250, 1 / 4],
     [5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4],
     [15267082809 / 155376265600, -71443401 / 120774400, 730878875 / 902184768, 2285395 / 8070912, 1 / 4],
     [82889 / 524892, 0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4]],
    [4586570599 / 29645900160, 0, 178811875 / 945068544, 814220225 / 1159782912, -3700637 / 11593932, 61727 / 225920],
)  # fmt: skip
TABLEAUX = {"ark3": ARK3, "ark4": ARK4}
METHODS = {"ark4": 4, "ark3": 3, "sbdf2": 2}
"""Methods and their orders."""

KEPT = 4
"""Factorisations that are kept."""


class Exchange:
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
        """What `solve` needs for a coefficient; a few are kept, for all who step with this object."""
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


class Stepper:
    """Runs side by side, with the same parameters, through time.

    Parameters
    ----------
    exchange : Exchange
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
        self, exchange: Exchange, rates: Callable[[np.ndarray], np.ndarray], method: str, u: np.ndarray, U: list[np.ndarray]
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

    def _runge_kutta(self, h: float, t: Tableau) -> None:
        exchange, u, U = self.exchange, self.u, self.U
        c = h * t.diagonal
        if self._linear is None:
            self._linear = exchange.bulk(u, U)
        fast, slow = [self.rates(u)], [exchange.cells(u, U)]
        bulk = [[k] for k in self._linear]
        Y, V = u, U
        for i in range(1, len(t.weights)):
            r = u + h * (np.tensordot(t.E[i, :i], fast, 1) + np.tensordot(t.I[i, :i], slow, 1))
            R = [x + h * sum(a * k for a, k in zip(t.I[i], ks, strict=False) if a) for x, ks in zip(U, bulk, strict=True)]
            Y, V = exchange.solve(c, r, R)
            # (1 - cL) y = r, so Ly = (y - r)/c: no mass matrix needs to be solved for
            slow.append((Y - r) / c)
            for ks, new, old in zip(bulk, V, R, strict=True):
                ks.append((new - old) / c)
            fast.append(self.rates(Y))
        # the last stage has the weights of the implicit part; only the cells' states lack the difference of the explicit ones
        self.u = Y + h * np.tensordot(t.weights - t.E[-1], fast, 1)
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
