"""The linear bulk: the inflow into the cells as a matrix times their secreted states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.cells.greens import Greens, greens, greens_function
from symdyn.cells.values import CellValues, values
from symdyn.errors import DeclarationError
from symdyn.models.colony import BulkCellSystem

__all__ = ["AsymptoticExchange", "Exchange", "exchange"]


class Exchange(ABC):
    r"""The Laplace transform of the bulk with its permeable walls.

    At a growth rate :math:`\lambda` the strengths B of the cells as sources, by :math:`U \sim B_j\log(|x - x_j|/\epsilon)` at
    the wall, and the inflow into the secreted states are, row by row as species s and cell j (s m + j),

    .. math:: W(\lambda) B = -q \odot u, \qquad \text{inflow} = g \odot B, \qquad g_{sj} = 2\pi D_s/\tau_s

    with W holomorphic away from the poles of the bulk without cells.

    Parameters
    ----------
    values : CellValues
    """

    def __init__(self, values: CellValues) -> None:
        self.values = values

    @property
    @abstractmethod
    def uptake(self) -> np.ndarray:
        """q, (S m,)."""

    @abstractmethod
    def bulk(self, lambdas: np.ndarray) -> np.ndarray:
        """W, (k, S m, S m) complex, at growth rates (k,)."""

    @property
    def gain(self) -> np.ndarray:
        """g, (S m,)."""
        return np.repeat(2 * np.pi * self.values.diffusion / self.values.delay, self.values.cells)

    def _decay(self, species: int, lambdas: np.ndarray) -> np.ndarray:
        r""":math:`\varphi^2 = (1 + \tau\lambda)/D` of a species, (k,), which may not vanish: there the bulk has a pole.

        Raises
        ------
        DeclarationError
            Where it does.
        """
        tau = float(self.values.delay[species])
        found = (1 + tau * lambdas) / self.values.diffusion[species]
        if not found.all():
            raise DeclarationError(
                f"the growth rate {-1 / tau:g} is -1/tau, at which the bulk decays on its own and its response has a pole; "
                "choose another growth rate"
            )
        return found

    def transfer(self, lambdas: np.ndarray) -> np.ndarray:
        """The matrices T of inflow = T u, from the secreted states to the inflow into them.

        Parameters
        ----------
        lambdas : (k,) array, real or complex
            Growth rates, dimensionless.

        Returns
        -------
        (k, S m, S m) complex array

        Raises
        ------
        DeclarationError
            At the growth rate -1/tau, where the bulk has a pole.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.exchange().transfer([0.0]).real.round(4).ravel()  # without influx: -2 pi d2/tau
        array([-2.5133])
        """
        return self._inflow(self.bulk(lambdas))

    def at_rest(self) -> tuple[np.ndarray, np.ndarray]:
        """Bulk and transfer at growth rate zero: what a steady state is made of.

        Returns
        -------
        W, T : (S m, S m) arrays

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> [found.round(4).tolist() for found in cell.exchange().at_rest()]
        [[[0.3338]], [[-2.5133]]]
        """
        bulk = self.bulk(np.zeros(1))
        return bulk[0].real, self._inflow(bulk)[0].real

    def _inflow(self, bulk: np.ndarray) -> np.ndarray:
        return -self.gain[:, None] * np.linalg.solve(bulk, np.diag(self.uptake).astype(complex))

    def characteristic(self, lambdas: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
        r"""A holomorphic function that vanishes at the eigenvalues of the coupled cells and bulk.

        .. math:: \det\begin{pmatrix} \lambda - J & -E g \\ q E^T & W(\lambda) \end{pmatrix}

        where E puts each secreted state in its place.

        Parameters
        ----------
        lambdas : (k,) array, real or complex
            Growth rates, dimensionless.
        jacobian : (n, n) array
            J, of the kinetics at the steady state.

        Returns
        -------
        (k,) complex array

        Raises
        ------
        DeclarationError
            At the growth rate -1/tau, where the bulk has a pole.

        References
        ----------
        Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438, section 2.2.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> found = cell.exchange().characteristic([-1 - 0.8 * np.pi], np.array([[-1.0]]))  # without influx: J - 2 pi d2/tau
        >>> bool(abs(found[0]) < 1e-12)
        True
        """
        lambdas = np.asarray(lambdas, complex)
        n, places = len(jacobian), self.values.secreted.ravel()
        rows = n + np.arange(places.size)
        out = np.zeros((len(lambdas), n + places.size, n + places.size), complex)
        out[:, :n, :n] = lambdas[:, None, None] * np.eye(n) - jacobian
        out[:, places, rows] = -self.gain
        out[:, rows, places] = self.uptake
        out[:, n:, n:] = self.bulk(lambdas)
        return np.linalg.det(out)


class AsymptoticExchange(Exchange):
    r"""The bulk with cells much smaller than their distances, to all orders in :math:`\nu = -1/\log\epsilon`.

    For each species, with the Green's matrix at :math:`\varphi^2 = (1 + \tau\lambda)/D`,

    .. math:: W = d^1 (1 + 2\pi\nu\,\mathcal G_\lambda) + \nu D, \qquad q = \nu d^2

    which are the rows of :math:`[1 + 2\pi\nu\,\mathcal G_\lambda + \nu D/d^1] B = -\nu (d^2/d^1) u` times the influx, and
    so hold without influx, too.

    Parameters
    ----------
    values : CellValues
        Cells inside the domain, apart from each other, with a radius below 1 (:math:`\nu > 0`).
    greens : Greens, optional
        Green's functions of the domain; found if not given.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438, equations (2.6) and (2.20).

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> type(cell.exchange()).__name__, cell.exchange().uptake.round(4).tolist()  # d2/log(20)
    ('AsymptoticExchange', [0.0668])
    """

    def __init__(self, values: CellValues, greens: Greens | None = None) -> None:
        super().__init__(values)
        self.greens = greens_function(values.domain) if greens is None else greens

    @property
    def uptake(self) -> np.ndarray:
        return self.values.nu * self.values.efflux.ravel()

    @property
    def still(self) -> AsymptoticExchange:
        """The exchange of what is at rest: itself, but for waves over a lattice."""
        domain = self.values.domain.still
        return self if domain is self.values.domain else AsymptoticExchange(self.values, greens_function(domain))

    def bulk(self, lambdas: np.ndarray) -> np.ndarray:
        """The matrices W of the bulk with its walls.

        Parameters
        ----------
        lambdas : (k,) array, real or complex
            Growth rates, dimensionless.

        Returns
        -------
        (k, S m, S m) complex array

        Raises
        ------
        DeclarationError
            At the growth rate -1/tau, where the bulk has a pole.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.exchange().bulk([0.0]).real.round(4).ravel()  # without influx: D/log(20)
        array([0.3338])
        """
        v, lambdas = self.values, np.asarray(lambdas, complex)
        m, known = v.cells, {}
        out = np.zeros((len(lambdas), v.species * m, v.species * m), complex)
        for s, (d, tau) in enumerate(zip(v.diffusion, v.delay, strict=True)):
            if (d, tau) not in known:
                known[d, tau] = self.greens.matrix(v.centers, self._decay(s, lambdas))
            rows = slice(s * m, (s + 1) * m)
            out[:, rows, rows] = v.influx[s][:, None] * (2 * np.pi * v.nu * known[d, tau])
            out[:, range(rows.start, rows.stop), range(rows.start, rows.stop)] += v.influx[s] + v.nu * d
        return out


def exchange(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None) -> AsymptoticExchange:
    r"""The linear exchange of cells and bulk, to all orders in :math:`\nu = -1/\log\epsilon`.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.

    Returns
    -------
    AsymptoticExchange

    Raises
    ------
    DeclarationError
        For unknown names and missing values.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438, equations (2.6) and (2.20).

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> bulk = cell.exchange({"D": 1, "tau": 0.5})
    >>> bulk.gain.round(4).tolist(), bulk.uptake.round(6).tolist()  # 2 pi D/tau, nu d2
    ([12.5664], [0.066762])
    """
    return AsymptoticExchange(values(colony, parameters), greens(colony))
