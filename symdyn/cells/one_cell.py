"""One cell in the middle of a disc: the bulk in closed form, for cells of any size."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ive, kve

from symdyn.cells.exchange import Exchange
from symdyn.cells.values import CellValues
from symdyn.errors import DeclarationError
from symdyn.models.domains import Disk, Plane

__all__ = ["OneCellExchange", "wall_ratio"]


def wall_ratio(phi: np.ndarray, radius: float, outer: float) -> np.ndarray:
    r"""Concentration at the wall of a cell over its slope there, :math:`Q = U/(\epsilon U')`, without angle-dependent parts.

    .. math:: U = K_0(\varphi r) + \frac{K_1(\varphi r_o)}{I_1(\varphi r_o)} I_0(\varphi r)

    In the limit of a small cell, -Q approaches :math:`1/\nu + 2\pi R`.

    Parameters
    ----------
    phi : array
        Complex, of positive real part.
    radius : float
        Of the cell, where :math:`r = \epsilon`.
    outer : float
        Radius of the disc, whose boundary lets nothing through; may be infinite.

    Examples
    --------
    >>> wall_ratio(np.array([1.0]), 0.05, 1.0).real.round(6).tolist()
    [-4.20451]
    """
    z = np.asarray(phi, complex) * radius
    even, odd = kve(0, z), kve(1, z)
    if math.isfinite(outer):
        far = np.asarray(phi, complex) * outer
        # exp(z) K_n(z) and exp(-Re z) I_n(z) neither overflow nor underflow; the remaining exponentials decay
        share = kve(1, far) / ive(1, far) * np.exp(-(far - z) - (far - z).real)
        even, odd = even + share * ive(0, z), odd - share * ive(1, z)
    return -even / (z * odd)


class OneCellExchange(Exchange):
    r"""The bulk around one cell in the middle of a disc, or alone in the plane, without approximation.

    .. math:: W = D - d^1 Q(\varphi_\lambda), \qquad q = d^2

    Only modes that do not depend on the angle are included; the others decay without exchange with the cell.

    Parameters
    ----------
    values : CellValues

    Raises
    ------
    DeclarationError
        For other domains, several cells, and a cell that is not in the middle or does not fit.

    References
    ----------
    Gou & Ward, Journal of Nonlinear Science 26 (2016) 979.

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> from symdyn.cells.values import values
    >>> exact, asymptotic = OneCellExchange(values(cell)).transfer([0.0]), cell.exchange().transfer([0.0])
    >>> exact.real.round(2).ravel(), asymptotic.real.round(2).ravel()
    (array([-0.58]), array([-0.58]))
    """

    def __init__(self, values: CellValues) -> None:
        super().__init__(values)
        domain = values.domain
        if not isinstance(domain, (Disk, Plane)) or values.cells != 1:
            raise DeclarationError(
                "the exact solution exists for one cell in the middle of a Disk or in the Plane, "
                f"got {values.cells} in {domain!r}; use the asymptotic theory or finite elements"
            )
        self._outer = domain.radius if isinstance(domain, Disk) else math.inf
        if isinstance(domain, Disk) and math.dist(values.centers[0], domain.center) > 1e-12 * domain.radius:
            raise DeclarationError(
                f"the cell lies at {tuple(map(float, values.centers[0]))}, not in the middle {domain.center} of the disc, "
                "the only place with an exact solution; use the asymptotic theory or finite elements"
            )
        if values.radius >= self._outer:
            raise DeclarationError(
                f"the radius {values.radius:g} of the cell is not below that of the disc, {self._outer:g}; pass a smaller one"
            )

    @property
    def uptake(self) -> np.ndarray:
        return self.values.efflux[:, 0]

    def bulk(self, lambdas: np.ndarray) -> np.ndarray:
        """The matrices W of the bulk with its wall, one diagonal entry for each bulk species.

        Parameters
        ----------
        lambdas : (k,) array, real or complex
            Growth rates, dimensionless.

        Returns
        -------
        (k, S, S) complex array

        Raises
        ------
        DeclarationError
            At the growth rate -1/tau, where the bulk has a pole.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> from symdyn.cells.values import values
        >>> OneCellExchange(values(cell)).bulk([0.0]).real.ravel()  # without influx: D
        array([1.])
        """
        v, lambdas = self.values, np.asarray(lambdas, complex)
        out = np.zeros((len(lambdas), v.species, v.species), complex)
        for s, d in enumerate(v.diffusion):
            out[:, s, s] = d - v.influx[s, 0] * wall_ratio(np.sqrt(self._decay(s, lambdas)), v.radius, self._outer)
        return out
