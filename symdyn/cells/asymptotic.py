r"""The theory of small cells of a colony: steady state, bulk, and growth rates, to all orders in :math:`\nu = -1/\log\epsilon`.

References
----------
Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.cells import spectrum, steady
from symdyn.cells._guess import cell_names, read_guess
from symdyn.cells.exchange import AsymptoticExchange, exchange
from symdyn.errors import DeclarationError
from symdyn.models.colony import BulkCellSystem

__all__ = ["bulk_field", "eigenvalues", "modes", "rest", "steady_state", "unstable_count"]


def rest(
    colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None, guess: Any = None
) -> tuple[AsymptoticExchange, steady.SteadyState]:
    """The linear bulk and the steady state as numbers; arguments as of `steady_state`."""
    bulk = exchange(colony, parameters)
    start = None if guess is None else read_guess(guess, cell_names(colony))
    return bulk, steady.steady_state(bulk.values, bulk.still, start)


def steady_state(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None, *, guess: Any = None) -> xr.Dataset:
    r"""Steady state of small cells, to all orders in :math:`\nu`.

    .. math::
        F_j(u_j) + e_1 \frac{2\pi D}{\tau} A_j = 0, \qquad
        \Bigl[d_1 (I + 2\pi\nu\,\mathcal G) + \nu D\Bigr] A = -\nu d_2 u_1

    with the Green's matrix :math:`\mathcal G` at :math:`\varphi^2 = 1/D`.  The error is of order
    :math:`\epsilon^2|\log\epsilon|/D` while D is small, and of :math:`\epsilon^2` where it is large: the area of the cells
    counts to the bulk.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.
    guess : array (n,) or mapping of states to values, optional
        States of all cells to begin from, if there are several steady states.

    Returns
    -------
    xarray.Dataset
        Each state of the kinetics with dim ``cell`` (NaN where a cell has no such state), and the strength ``A`` of each
        cell as a source, :math:`U = -2\pi \sum_j A_j G(x; x_j)` (dims ``species`` and ``cell`` of several species); where a
        state is called A, it is ``A_source``.

    Raises
    ------
    DeclarationError
        For unknown names, missing values, and a guess that does not fit the states.
    SymdynError
        If none is found.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> float(cell.steady_state({"D": 1, "tau": 0.55}).v[0].round(4))
    1.3104
    """
    bulk, found = rest(colony, parameters, guess)
    variables: dict[str, Any] = {}
    for j, (system, start) in enumerate(zip(colony.kinetics, bulk.values.kinetics.starts, strict=True)):
        for k, name in enumerate(system.names):
            column = variables.setdefault(name, ("cell", np.full(colony.cells, np.nan)))
            column[1][j] = found.u[start + k]
    one = len(colony.secreted) == 1
    variables[colony.source_name] = ("cell", found.sources[0]) if one else (("species", "cell"), found.sources)
    coords = {"cell": np.arange(1, colony.cells + 1), **({} if one else {"species": list(colony.secreted)})}
    numbers = ", ".join(f"{p} = {v:g}" for p, v in colony.resolve(parameters).items())
    return xr.Dataset(variables, coords, {"route": "asymptotic", "parameters": numbers})


def bulk_field(colony: BulkCellSystem, at: Any, parameters: Mapping[Any, Any] | None = None) -> np.ndarray:
    r"""Steady bulk concentration of small cells, :math:`U(x) = -2\pi\sum_j A_j G(x; x_j)`.

    Parameters
    ----------
    colony : BulkCellSystem
    at : (p, 2) array-like
        Points in the units of length of the domain.
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.

    Returns
    -------
    (p,) array; (S, p) of several species
        NaN outside the domain, infinite at the center of a cell.

    Raises
    ------
    DeclarationError
        For points of another shape, unknown names and missing values.
    SymdynError
        If no steady state is found.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> near, far = cell.bulk_field([(0.1, 0), (0.9, 0)], {"D": 1, "tau": 0.55})
    >>> bool(near > far > 0)
    True
    """
    bulk, found = rest(colony, parameters)
    try:
        points = np.asarray(at, float).reshape(-1, 2)
    except (TypeError, ValueError):
        raise DeclarationError(f"the points are {at!r}; expected pairs of numbers, [(x, y), ...]") from None
    rows = [
        -2 * np.pi * bulk.still.greens.field(points, colony.centers, 1 / d).real @ a
        for d, a in zip(bulk.values.diffusion, found.sources, strict=True)
    ]
    return rows[0] if len(rows) == 1 else np.stack(rows)


def modes(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None, region: Any = None) -> spectrum.Spectrum:
    r"""Eigenvalues of the steady state with their modes, by the theory of small cells.

    They are the roots of :math:`\det M(\lambda)`, the globally coupled eigenvalue problem, see `symdyn.cells.spectrum`.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.
    region : pair of complex corners, ((re, re), (im, im)) or (re, re, im, im), optional
        Where to look; all that lie in it are found.  By default all growing ones and the slowly decaying.

    Returns
    -------
    Spectrum
        With ``eigenvalues``, the fluxes through the walls (``sources``), and ``amplitudes`` and ``phases`` of the cells.

    Raises
    ------
    DeclarationError
        For unknown names, missing values, and a region that is empty or reaches where the bulk alone decays.
    SymdynError
        If no steady state is found, or eigenvalues were counted that are not found.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499, section 2.2.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2)
    >>> found = pair.modes({"D": 1, "tau": 0.55})
    >>> bool(abs(found.phases[:, 0]).max() < 1e-6)  # the two cells of the slowest mode are in phase
    True
    """
    bulk, found = rest(colony, parameters)
    return spectrum.spectrum(bulk.values, bulk, found, region=region)


def eigenvalues(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None, region: Any = None) -> np.ndarray:
    """Eigenvalues of the steady state by the theory of small cells, growing first; conjugates follow each other.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.
    region : pair of complex corners, ((re, re), (im, im)) or (re, re, im, im), optional
        Where to look; all that lie in it are found.  By default all growing ones and the slowly decaying.

    Returns
    -------
    (k,) complex array
        In units of the inverse time of the kinetics.

    Raises
    ------
    DeclarationError, SymdynError
        As `modes`.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499, section 2.2.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> three = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> complex(three.eigenvalues({"D": 1, "tau": 0.55})[0].round(4))
    (0.0143+0.7617j)
    """
    return modes(colony, parameters, region).eigenvalues


def unstable_count(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None) -> int:
    r"""Number of growing eigenvalues by the winding number, conjugates counted.

    .. math:: N = \frac{1}{2\pi} [\arg\det M] + P

    around the right half plane, with P the growing eigenvalues of the cells alone.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults.

    Returns
    -------
    int

    Raises
    ------
    DeclarationError
        For unknown names and missing values.
    SymdynError
        If no steady state is found.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499, equation (4.21).

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> three = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> three.unstable_count({"D": 1, "tau": 0.55})
    2
    """
    bulk, found = rest(colony, parameters)
    return spectrum.unstable_count(bulk.values, bulk, found)
