"""Cells and bulk as numbers, the input of all routes (asymptotics, finite elements, limits, reduction)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from symdyn.analysis.field import Field
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, numeric_values
from symdyn.models.colony import BulkCellSystem
from symdyn.models.domains import Domain
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["CellValues", "Kinetics", "over_defaults", "values"]

#: Number of kinetics whose right-hand sides are cached.
KEPT = 32


@dataclass(frozen=True)
class Kinetics:
    r"""Rates :math:`F_j(u_j)` inside m cells, evaluated in one call.

    The states of all cells lie in one vector `u` of length n, cell after cell.

    Attributes
    ----------
    fields : sequence of Field
        Distinct right-hand sides.
    kinds : sequence of int
        Which of the `fields` each cell has, m of them.
    parameters : sequence of (k,) arrays
        Their parameter values in each cell.
    """

    fields: Sequence[Field]
    kinds: Sequence[int]
    parameters: Sequence[np.ndarray]

    @cached_property
    def sizes(self) -> np.ndarray:
        """States of each cell, (m,)."""
        return np.array([len(self.fields[k].states) for k in self.kinds])

    @cached_property
    def starts(self) -> np.ndarray:
        """Offsets of the states of each cell in `u`, (m,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]])

    @property
    def size(self) -> int:
        """States of all cells, n."""
        return int(self.sizes.sum())

    @cached_property
    def _groups(self) -> list[tuple[Field, np.ndarray, np.ndarray]]:
        """Each right-hand side with the places (c, n_j) of its cells in `u`, and their parameters (c, k)."""
        groups = []
        for kind, field in enumerate(self.fields):
            cells = np.flatnonzero(np.asarray(self.kinds) == kind)
            if cells.size:
                places = self.starts[cells][:, None] + np.arange(len(field.states))
                groups.append((field, places, np.array([self.parameters[c] for c in cells.tolist()]).reshape(cells.size, -1)))
        return groups

    def rates(self, u: np.ndarray) -> np.ndarray:
        """F(u), (..., n)."""
        out = np.empty_like(u, dtype=float)
        for field, places, p in self._groups:
            out[..., places] = field(u[..., places], p)
        return out

    def jacobian(self, u: np.ndarray) -> np.ndarray:
        """The block-diagonal derivative of F at u (n,), (n, n)."""
        out = np.zeros((self.size, self.size))
        for field, places, p in self._groups:
            for rows, block in zip(places, field.jacobian(u[places], p), strict=True):
                out[np.ix_(rows, rows)] = block
        return out


@dataclass(frozen=True)
class CellValues:
    r"""One colony with numbers in place of all parameters: m cells and S bulk species.

    .. math::
        \tau_s \partial_t U_s &= D_s \Delta U_s - U_s, \qquad \partial_n U_s = 0 \text{ on the outer boundary} \\
        \epsilon D_s \partial_n U_s &= d^1_{sj} U_s - d^2_{sj} u_{j,s} \quad \text{on the wall of cell } j \\
        \dot u_j &= F_j(u_j) + \sum_s e_s \frac{1}{\epsilon\tau_s} \oint (d^1_{sj} U_s - d^2_{sj} u_{j,s})\, \mathrm dl

    where n points out of the cell, and :math:`u_{j,s}` is the state of cell j that is secreted as species s.

    Attributes
    ----------
    domain : Domain
    centers : (m, 2) array
    radius : float
        :math:`\epsilon`, of every cell.
    diffusion, delay : (S,) arrays
        :math:`D_s` and :math:`\tau_s`.
    influx, efflux : (S, m) arrays
        :math:`d^1` and :math:`d^2`.
    kinetics : Kinetics
    secreted : (S, m) int array
        Place of :math:`u_{j,s}` in the vector u of all cell states.
    """

    domain: Domain
    centers: np.ndarray
    radius: float
    diffusion: np.ndarray
    delay: np.ndarray
    influx: np.ndarray
    efflux: np.ndarray
    kinetics: Kinetics
    secreted: np.ndarray

    @property
    def cells(self) -> int:
        """Number of cells, m."""
        return len(self.centers)

    @property
    def species(self) -> int:
        """Number of bulk species, S."""
        return len(self.diffusion)

    @property
    def with_conjugates(self) -> bool:
        """Whether each eigenvalue and mode has its conjugate: of waves over several cells that belongs to the opposite wave."""
        return self.cells == 1 or self.domain.still is self.domain

    @property
    def nu(self) -> float:
        r""":math:`\nu = -1/\log\epsilon`, the small parameter of the asymptotic theory."""
        return -1 / math.log(self.radius)


def over_defaults(system: System, parameters: Mapping[Any, Any] | None) -> dict[str, float]:
    """Values by name: those given, and the default values of a system made of a colony, which may differ from the colony's.

    Parameters
    ----------
    system : System
    parameters : mapping of Symbol or str to float, optional
        Dimensionless.

    Returns
    -------
    dict of str to float

    Raises
    ------
    DeclarationError
        For unknown names and values that are not finite numbers.

    Examples
    --------
    >>> import symdyn as sd
    >>> over_defaults(sd.ODESystem.from_text("x' = a - k*x; a = 1; k = 2"), {"k": 3})
    {'a': 1.0, 'k': 3.0}
    """
    return {p.name: v for p, v in {**system.defaults, **numeric_values(parameters, system.parameters, "parameter")}.items()}


def values(colony: BulkCellSystem, parameters: Mapping[Any, Any] | None = None) -> CellValues:
    """The colony with numbers in place of its parameters.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping of Symbol or str to float, optional
        Values in place of the defaults; all are dimensionless, as the equations are.

    Returns
    -------
    CellValues

    Raises
    ------
    DeclarationError
        For unknown names, missing values, diffusivities and delays that are not positive, and negative permeabilities.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=[0.8, "d"], efflux=0.2)
    >>> pair.values({"D": 1, "tau": 0.55, "d": 0.4}).influx.tolist()
    [[0.8, 0.4]]
    """
    numbers = colony.resolve(parameters)
    fields, kinds = _fields(colony.kinetics)
    rows = []
    for cell, kind in enumerate(kinds):
        names = colony.parameter_names(cell)
        rows.append(np.array([numbers[names[lookup(p, names, "parameter")]] for p in fields[kind].system.parameters]))
    kinetics = Kinetics(fields, kinds, tuple(rows))
    places = [
        [int(kinetics.starts[j]) + colony.kinetics[j].names.index(s) for j in range(colony.cells)] for s in colony.secreted
    ]
    permeability = {}
    for name in ("influx", "efflux"):
        table = np.array([[float(e.xreplace(numbers)) for e in row] for row in getattr(colony, name)])
        if (table < 0).any():
            species, cell = np.argwhere(table < 0)[0]
            raise DeclarationError(f"the {name} of cell {cell + 1} is {table[species, cell]:g}; expected 0 or more")
        permeability[name] = table
    return CellValues(
        domain=colony.domain, centers=colony.centers, radius=colony.radius, kinetics=kinetics, secreted=np.array(places),
        diffusion=np.array([numbers[p] for p in colony.diffusivities]), delay=np.array([numbers[p] for p in colony.delay]),
        **permeability,
    )  # fmt: skip


@lru_cache(maxsize=KEPT)
def _fields(kinetics: tuple[ODESystem, ...]) -> tuple[tuple[Field, ...], tuple[int, ...]]:
    """Distinct right-hand sides, and the index of that of each cell."""
    fields: dict[str, Field] = {}
    for system in kinetics:
        if system.digest not in fields:
            fields[system.digest] = Field(system)
    order = list(fields)
    return tuple(fields.values()), tuple(order.index(system.digest) for system in kinetics)
