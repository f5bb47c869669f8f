r"""Cells in their bulk as a problem for `symdyn.integration.integrate`: exchange and diffusion implicitly, kinetics explicitly.

With one diagonal coefficient all stages of a step share one sparse factorisation for each bulk species.  For exponential
methods the linear part is diagonal in its modes, see `symdyn.cells.exchange_modes`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property, lru_cache, partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from symdyn.cells._factors import Factors, factorise
from symdyn.cells.exchange_modes import ExchangeModes
from symdyn.cells.finite_elements import BulkMatrices, FiniteElements
from symdyn.cells.full import FullBulkCells
from symdyn.cells.values import CellValues
from symdyn.integration.problem import DiagonalProblem, SplitProblem
from symdyn.methods.exponential import ExponentialRungeKutta

__all__ = ["ColonyProblem", "ModalColony", "WallExchange", "make_problem"]

#: Factorisations that are kept for a set of parameters, and sets of parameters for a mesh.
KEPT, SETS = 8, 8


class WallExchange:
    r"""The linear part, :math:`\dot y = L y` for y = (u, U), and the solution of :math:`(1 - cL)\, y = r`.

    Parameters
    ----------
    matrices : list of BulkMatrices
        One for each species.
    secreted : (S, m) int array
        Places of the secreted states among those of the cells.
    cells : int
        States of the cells, n.
    """

    def __init__(self, matrices: list[BulkMatrices], secreted: np.ndarray, cells: int) -> None:
        self.matrices, self.secreted, self.cells = matrices, secreted, cells
        self.nodes = matrices[0].M.shape[0]
        self.bulks = [slice(cells + k * self.nodes, cells + (k + 1) * self.nodes) for k in range(len(matrices))]
        self.size = cells + len(matrices) * self.nodes
        self._solvers = lru_cache(maxsize=KEPT)(partial(_eliminations, matrices))
        self._lock = threading.Lock()
        self._modes: ExchangeModes | None = None

    @property
    def modes(self) -> ExchangeModes:
        """Computed when it is asked for, by one thread."""
        with self._lock:
            if self._modes is None:
                self._modes = ExchangeModes(self.matrices, self.secreted, self.bulks)
            return self._modes

    @cached_property
    def _mass(self) -> Factors:
        return factorise(self.matrices[0].M)

    def solver(self, c: float) -> list[tuple]:
        """Factorisations that `solve` needs for a coefficient; those used last are kept and shared by all threads."""
        with self._lock:
            return self._solvers(c)

    def solve(self, c: float, r: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` (size,) with the y of :math:`(1 - cL) y = r`."""
        if out is not r:
            out[...] = r
        for e, (lu, spread, inner), places, bulk in zip(
            self.matrices, self.solver(c), self.secreted, self.bulks, strict=True
        ):  # fmt: skip
            w = lu.solve(e.tau * (e.M @ out[bulk]))
            s = inner @ (out[places] + c * (e.C @ w))
            out[places] = s
            out[bulk] = w + spread @ s

    def apply(self, y: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Fill `out` (size,) with L y."""
        out[: self.cells] = 0
        for k, (e, places, bulk) in enumerate(zip(self.matrices, self.secreted, self.bulks, strict=True)):
            s, x = y[places], y[bulk]
            out[places] = e.C @ x - e.loss * s
            out[bulk] = self._sources[k] @ s
            if x.any():  # an increment of the cells alone needs no solution
                out[bulk] -= self._mass.solve(e.A @ x) / e.tau
        return out

    @cached_property
    def _sources(self) -> list[np.ndarray]:
        """Rates of the bulk for a unit of each secreted state, each (N, m)."""
        return [self._mass.solve(e.B.toarray()) / e.tau for e in self.matrices]

    def quasi_steady(self, u: np.ndarray) -> list[np.ndarray]:
        """The bulk that rests while the cells are at u (n,), each (N,)."""
        return [factorise(e.A).solve(np.asarray(e.B @ u[p])) for e, p in zip(self.matrices, self.secreted, strict=True)]


def _eliminations(matrices: list[BulkMatrices], c: float) -> list[tuple]:
    """Of each species the factors of its bulk, the bulk for a unit of each secreted state, and the inverse for those."""
    found = []
    for e in matrices:
        lu = factorise(e.tau * e.M + c * e.A)
        spread = lu.solve(c * e.B.toarray())
        found.append((lu, spread, np.linalg.inv(np.diag(1 + c * e.loss) - c * (e.C @ spread))))
    return found


class ColonyProblem(SplitProblem):
    """One colony: the states of the cells, then each species of the bulk at the nodes.

    Parameters
    ----------
    exchange : WallExchange
    values : CellValues
    """

    # kinetics know nothing of the exchange through the walls of the cells
    corrected = True
    factorised = True

    def __init__(self, exchange: WallExchange, values: CellValues) -> None:
        self.exchange, self.kinetics = exchange, values.kinetics
        self.size = self.modes = exchange.size
        self.cells = slice(0, exchange.cells)
        self.blocks = [self.cells, *exchange.bulks]

    def rates(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        self.exchange.apply(y, out)
        out[self.cells] += self.kinetics.rates(y[self.cells])
        return out

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        out[self.exchange.cells :] = 0
        out[self.cells] = self.kinetics.rates(z[self.cells])
        return out

    def linear(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return self.exchange.apply(z, out)

    def solve(self, c: float, r: np.ndarray, out: np.ndarray, product: np.ndarray | None) -> None:
        if product is None:
            self.exchange.solve(c, r, out)
            return
        product[...] = r
        self.exchange.solve(c, r, out)
        # (1 - cL) y = r, so Ly = (y - r)/c: no mass matrix needs to be solved for
        np.subtract(out, product, out=product)
        product /= c


class ModalColony(DiagonalProblem):
    """The same in modes of the exchange.

    Parameters
    ----------
    exchange : WallExchange
    values : CellValues
    """

    def __init__(self, exchange: WallExchange, values: CellValues) -> None:
        super().__init__(exchange.modes, ColonyProblem(exchange, values).rates, corrected=True)
        self.exchange, self.kinetics = exchange, values.kinetics

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        modes = self.exchange.modes
        cells = modes.states(z)
        return modes.drive(z, cells, self.kinetics.rates(cells), out)


_EXCHANGES: WeakKeyDictionary[FiniteElements, dict[bytes, WallExchange]] = WeakKeyDictionary()
_LOCK = threading.Lock()


def make_problem(
    full: FullBulkCells, scheme: Any, parameters: Mapping[Any, float] | None = None
) -> ColonyProblem | ModalColony:
    """The problem of a colony for a method.

    Parameters
    ----------
    full : FullBulkCells
    scheme : object
        An entry of ``symdyn.METHODS``.
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.

    Returns
    -------
    ColonyProblem or ModalColony
        The latter for exponential methods.  Used by one thread at a time; factorisations and modes are shared by all problems
        with the same parameters.

    Raises
    ------
    DeclarationError
        For unknown names and missing values, and for exponential methods where the mesh has too many unknowns.

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> full = cell.full(mesh=0)
    >>> int(make_problem(full, sd.METHODS["imex"]).size - full.elements.size)
    1
    """
    values = full.values(parameters)
    numbers = (values.diffusion, values.delay, values.influx, values.efflux, values.secreted)
    key = b"".join(np.ascontiguousarray(a).tobytes() for a in numbers)
    with _LOCK:
        known = _EXCHANGES.setdefault(full.elements, {})
        exchange = known.pop(key, None)
        if exchange is None:
            exchange = WallExchange(full.elements.matrices(values), values.secreted, values.kinetics.size)
            while len(known) >= SETS:
                known.pop(next(iter(known)))
        known[key] = exchange
    return (ModalColony if isinstance(scheme, ExponentialRungeKutta) else ColonyProblem)(exchange, values)
