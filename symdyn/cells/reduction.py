"""A colony as ordinary differential equations that approximate its finite elements to a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.cells._krylov import greedy_basis
from symdyn.cells._ranges import read_ranges, wall_groups
from symdyn.cells._reduced_cells import ReducedCells, full_pencil
from symdyn.cells.finite_elements import FiniteElements
from symdyn.cells.limits import bounded
from symdyn.errors import DeclarationError
from symdyn.models.colony import BulkCellSystem

__all__ = ["ReducedCells", "reduce"]

#: Tolerances that rounding allows.
FINEST = 1e-10


def reduce(
    colony: BulkCellSystem,
    parameters: Mapping[Any, Any] | None = None,
    *,
    tolerance: float = 1e-6,
    diffusion: Any = None,
    delay: Any = None,
    frequencies: float | None = None,
    influx: Mapping[Any, Any] | None = None,
    mesh: Any = None,
) -> ReducedCells:
    r"""Ordinary differential equations for a colony, some ten to a hundred, with D and tau as parameters.

    The bulk with its permeable walls is linear, and acts on the cells only through the means at their walls.  Projected on
    solutions at a few diffusivities and frequencies, chosen where a bound on the error is largest, it reproduces these to a
    relative tolerance over a range of both:

    .. math::
        \tau \dot z &= -(1 + D \kappa)\, z - \sum_j \frac{d_{1j}}{\epsilon} W_j W_j^T z
                       + \sum_j \frac{d_{2j}}{\epsilon} \beta_j u_{1j} \\
        \dot u_j &= F_j(u_j) + \frac{e_1}{\epsilon\tau} (d_{1j}\, \beta_j \cdot z - d_{2j} L_j u_{1j})

    The matrices are symmetric and positive, so that the bulk is stable for every D and tau, and the balance of the
    secreted amount is exact.

    Parameters
    ----------
    colony : BulkCellSystem
        In a bounded domain.
    parameters : mapping, optional
        New default values.  If a diffusivity or an influx is given here, the equations are valid for this value only.
    tolerance : float
        Of the transfer matrix between walls, relative, in its norm; from 1e-10.
    diffusion : number, (low, high) or mapping by species, optional
        Range of diffusivities.  By default from 0.05 to 20 times the default of D, or without one times the square of the
        domain's size, :math:`|\Omega|/\pi`.
    delay : number or mapping by species, optional
        Longest tau; by default its value or 2.
    frequencies : float, optional
        Highest frequency, radians per unit of time of the cells, that is resolved (at the longest tau); 20 by default.
    influx : mapping, optional
        Ranges (low, high) of symbols in influxes; by default from a quarter to four times their default.
    mesh : optional
        As in `BulkCellSystem.full`, or its result, whose elements are taken.

    Returns
    -------
    ReducedCells

    Raises
    ------
    DeclarationError
        In the plane, and for tolerances and ranges that are not admissible.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> small = cell.reduce({"D": 1, "tau": 0.55}, mesh=0)
    >>> len(small.states) < 12, bool(small.error().max() < 1e-6)
    (True, True)
    """
    bounded(colony, "a reduction by finite elements")
    try:
        sensible = not isinstance(tolerance, bool) and FINEST <= float(tolerance) < 1
    except (TypeError, ValueError):
        sensible = False
    if not sensible:
        raise DeclarationError(f"the tolerance is {tolerance!r}; expected a number from {FINEST:g} below 1")
    ranges = read_ranges(colony, parameters, diffusion, delay, frequencies, influx)
    if parameters:
        colony = colony.with_parameters(parameters)
    found = getattr(mesh, "elements", mesh)
    elements = (
        found if isinstance(found, FiniteElements) else FiniteElements(colony.domain, colony.centers, colony.radius, found)
    )
    if not (np.array_equal(elements.centers, colony.centers) and elements.radius == colony.radius):
        raise DeclarationError("the mesh belongs to other cells; pass the full() of this colony, or a level or size")
    groups = [wall_groups(row) for row in colony.influx]
    pencils = []
    for s, (d, tau) in enumerate(zip(colony.diffusivities, colony.delay, strict=True)):
        full = full_pencil(elements, groups[s])
        pencils.append(greedy_basis(full, ranges.points(d, tau, groups[s]), float(tolerance)))
    return ReducedCells(colony, elements, pencils, ranges)
