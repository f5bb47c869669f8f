"""Growth of waves over a lattice of cells, for all wave vectors of the Brillouin zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.cells.asymptotic import modes
from symdyn.errors import DeclarationError
from symdyn.models.colony import BulkCellSystem
from symdyn.models.lattices import Lattice

__all__ = ["at_wave", "wave_growth"]


def at_wave(colony: BulkCellSystem, wave: Any) -> BulkCellSystem:
    """The same cells with perturbations of another wave vector.

    Parameters
    ----------
    colony : BulkCellSystem
        In a `Lattice`.
    wave : (x, y) or str
        In radians per unit of length, or a name in `Lattice.special`.

    Returns
    -------
    BulkCellSystem

    Raises
    ------
    DeclarationError
        For other domains and unknown names.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cells = sd.BulkCellSystem(domain=sd.Lattice.square(), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2)
    >>> [round(k, 6) for k in cells.at_wave("M").domain.wave]
    [3.141593, 3.141593]
    """
    return colony.replace(domain=_lattice(colony).at(wave))


def wave_growth(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None, *, waves: int = 9) -> xr.Dataset:
    r"""Rightmost eigenvalue of each wave vector in the Brillouin zone, by the theory of small cells.

    With the Bloch Green's matrix :math:`\mathcal G_\lambda(k)` the growth rates are the roots of
    :math:`\det M(\lambda; k) = 0`, see `modes`; k and -k have the same.

    Parameters
    ----------
    colony : BulkCellSystem
        In a `Lattice`.
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.
    waves : int
        Fractions of each reciprocal vector, from -1/2 to 1/2; with the special wave vectors of the lattice besides.

    Returns
    -------
    xarray.Dataset
        With the dim ``wave``: ``kx`` and ``ky``, ``growth`` and ``frequency`` of the rightmost eigenvalue (NaN where all decay
        faster than `modes` looks), and ``name``, that of a special wave vector.  ``attrs["first"]`` names the one that grows
        fastest, or decays most slowly, with ``attrs["growth"]``.

    Raises
    ------
    DeclarationError
        For other domains, and numbers of waves below 2.

    References
    ----------
    Iyaniwura, Gou & Ward, Journal of Engineering Mathematics 127 (2021) 18, section 4.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cells = sd.BulkCellSystem(domain=sd.Lattice.hexagonal(), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2)
    >>> found = cells.wave_growth({"D": 5, "tau": 0.5}, waves=2)
    >>> found.attrs["first"], found.attrs["growth"] > 0
    ('Gamma', True)
    """
    lattice = _lattice(colony)
    if isinstance(waves, bool) or not isinstance(waves, (int, np.integer)) or waves < 2:
        raise DeclarationError(f"waves is {waves!r}; expected a whole number, 2 or more")
    parts = np.linspace(-0.5, 0.5, int(waves))
    pairs = [(i, j) for i in parts for j in parts if j > 1e-12 or (abs(j) <= 1e-12 and i >= -1e-12)]
    named = lattice.special
    listed = [*named.values(), *(tuple(np.array(pair) @ lattice.reciprocal) for pair in pairs)]
    names = [*named, *("" for _ in pairs)]
    rates = np.full(len(listed), np.nan, complex)
    for k, wave in enumerate(listed):
        found = modes(at_wave(colony, wave), parameters).eigenvalues
        if found.size:
            rates[k] = found[found.real.argmax()]
    known = np.isfinite(rates.real)
    attrs: dict[str, Any] = {"lattice": str(lattice.still)}
    attrs["parameters"] = ", ".join(f"{p} = {v:g}" for p, v in colony.resolve(parameters).items())
    if known.any():
        best = int(np.nanargmax(np.where(known, rates.real, -np.inf).round(12)))
        attrs |= {"first": names[best] or f"({listed[best][0]:.6g}, {listed[best][1]:.6g})", "growth": float(rates[best].real)}
    else:
        attrs |= {"first": "none: all decay", "growth": float("nan")}
    kx, ky = np.array(listed).T
    return xr.Dataset(
        {"growth": ("wave", rates.real), "frequency": ("wave", np.abs(rates.imag))},
        {"kx": ("wave", kx), "ky": ("wave", ky), "name": ("wave", names)},
        attrs,
    )


def _lattice(colony: BulkCellSystem) -> Lattice:
    if not isinstance(colony.domain, Lattice):
        raise DeclarationError(f"waves need cells in a Lattice; these are in a {type(colony.domain).__name__}")
    return colony.domain
