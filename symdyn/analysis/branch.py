r"""Curves of steady states in scaled coordinates, where states of very different sizes and a logarithm are all of order one.

A point is :math:`z = (x, q)` with :math:`q = p / \ell`, or :math:`q = \ln p`.  With the scales :math:`D` of the states at
the present point, steps and angles are measured in :math:`(D^{-1} x, q)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.analysis._scaled_parameter import ScaledParameter
from symdyn.analysis.conservation import sampled_integrals, tangent_space
from symdyn.analysis.field import Field
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.simulation.dataset import attributes

__all__ = ["BranchCurve", "Place"]

#: Corrections below this, in scaled coordinates, end Newton's method.
CONVERGED = 1e-11
#: Of the place of special points on a step.
PRECISION = 1e-14
#: Share of its largest size so far that a state is measured by at least.
FLOOR = 1e-2


@dataclass
class Place:
    """A point of the curve: states and parameter, with the unit tangent in scaled coordinates and their scales."""

    x: np.ndarray
    q: float
    tangent: np.ndarray
    scale: np.ndarray


class BranchCurve(ScaledParameter):
    """The equations of a curve of steady states, and how to move on it.

    Parameters
    ----------
    field : Field
    parameter : symbol or str
        The one that varies along the curve.
    p : (k,) float64
        Values of all parameters, of which that one is replaced.
    log : bool
        Measure the parameter by its logarithm.
    length : float
        Otherwise, by multiples of this.
    """

    def __init__(self, field: Field, parameter: object, p: np.ndarray, *, log: bool, length: float) -> None:
        self.field, self.p, self.log, self.length = field, p.copy(), log, length
        self.symbol = lookup(parameter, field.system.parameters, "parameter")
        self.index = field.system.parameters.index(self.symbol)
        #: Of how many coordinates the length of a step is the root mean square.
        self.coordinates = len(field.states) + 1
        self.precision = PRECISION
        self.largest = np.zeros(len(field.states))
        self.integrals = np.empty((0, self.largest.size))
        self.totals = np.empty(0)
        self.basis: np.ndarray | None = None

    def begin(self, x: np.ndarray, q: float) -> Place:
        """The point of the curve at this parameter that is closest to `x`.

        Raises
        ------
        DeclarationError
            If there is none near.
        """
        self.integrals = sampled_integrals(self.field, self.row(q))
        self.totals, self.basis = self.integrals @ x, tangent_space(self.integrals)
        scale = self.scale(x)
        found = self.correct(x, q, scale, np.append(np.zeros(x.size), 1.0))
        if found is None or (np.abs(found[0] - x) > 0.1 * scale).any():
            names = self.field.system.names
            nearest = {} if found is None else dict(zip(names, (float(f"{v:.6g}") for v in found[0]), strict=True))
            raise DeclarationError(
                f"there is no steady state near {dict(zip(names, x.tolist(), strict=True))} at "
                f"{self.symbol} = {self.value(q):g}; "
                + (f"start from the next one, start={nearest}, or " if nearest else "start ")
                + "from one that steady_states finds"
            )
        return self.place(*found, np.append(np.zeros(x.size), 1.0))

    def scale(self, x: np.ndarray) -> np.ndarray:
        """Sizes of the states, remembered so that a state may pass through zero."""
        self.largest = np.maximum(self.largest, np.abs(x))
        scale = np.maximum(np.abs(x), FLOOR * self.largest)
        return np.where(scale > 0, scale, 1.0)

    def _rows(self, x: np.ndarray, q: float, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (n,) and derivatives (n, n + 1) in scaled coordinates."""
        p = self.row(q)
        value, matrix = self.field(x, p), self.field.jacobian(x, p)
        slope = self.field.slope(x, p, self.symbol) * (p[self.index] if self.log else self.length)
        if self.basis is not None:
            value = np.concatenate([self.basis.T @ value, self.integrals @ x - self.totals])
            matrix = np.vstack([self.basis.T @ matrix, self.integrals])
            slope = np.concatenate([self.basis.T @ slope, np.zeros(len(self.integrals))])
        return value, np.column_stack([matrix * scale, slope])

    def equations(self, x: np.ndarray, q: float, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same, each row of order one."""
        value, matrix = self._rows(x, q, scale)
        size = _sizes(matrix)
        return value / size, matrix / size[:, None]

    def correct(self, x: np.ndarray, q: float, scale: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The point of the curve in the plane through (x, q) with this normal, or None if Newton's method fails."""
        for k in range(12):
            value, matrix = self.equations(x, q, scale)
            if not (np.isfinite(value).all() and np.isfinite(matrix).all()):
                return None
            try:
                delta = np.linalg.solve(np.vstack([matrix, normal]), np.append(value, 0.0))
            except np.linalg.LinAlgError:  # where branches cross, exactly
                delta = np.linalg.lstsq(np.vstack([matrix, normal]), np.append(value, 0.0), rcond=None)[0]
            x, q = x - scale * delta[:-1], q - float(delta[-1])
            moved = float(np.abs(delta).max())
            if moved < CONVERGED or (k > 5 and moved < 1e3 * CONVERGED):
                return x, q
            if moved > 10 or not np.isfinite(moved):
                return None
        return None

    def place(self, x: np.ndarray, q: float, forward: np.ndarray) -> Place:
        """The point with its tangent, which has a positive product with `forward` (scaled as the point)."""
        scale = self.scale(x)
        _, matrix = self.equations(x, q, scale)
        tangent = np.linalg.svd(matrix)[2][-1]
        return Place(x, q, tangent if tangent @ forward >= 0 else -tangent, scale)

    def step(self, place: Place, length: float) -> Place | None:
        """The point of the curve whose projection on the tangent at `place` is `length` away."""
        direction = place.tangent * length
        found = self.correct(place.x + place.scale * direction[:-1], place.q + direction[-1], place.scale, place.tangent)
        if found is None:
            return None
        return self.place(*found, self.forward(place, found[0]))

    def forward(self, place: Place, x: np.ndarray) -> np.ndarray:
        """The tangent of `place` in the scales that belong to `x`."""
        return np.append(place.tangent[:-1] * place.scale / self.scale(x), place.tangent[-1])

    def at(self, place: Place, q: float) -> Place | None:
        """The point of the curve with this parameter, near `place`."""
        ahead = (q - place.q) / place.tangent[-1] if place.tangent[-1] else 0.0
        x = place.x + place.scale * place.tangent[:-1] * ahead
        found = self.correct(x, q, place.scale, np.append(np.zeros(x.size), 1.0))
        return None if found is None else self.place(*found, self.forward(place, found[0]))

    def eigenvalues(self, place: Place) -> np.ndarray:
        return self.field.eigenvalues(place.x, self.row(place.q), self.basis)

    def variables(self, places: Sequence[Place]) -> dict[str, Any]:
        """The states at places, as variables of a dataset."""
        return {name: ("point", np.array([p.x[i] for p in places])) for i, name in enumerate(self.field.system.names)}

    @property
    def labels(self) -> Mapping[str, Any]:
        """Coordinates of those variables."""
        return {}

    def attributes(self, **facts: Any) -> dict[str, Any]:
        """Attributes of a dataset of the curve."""
        return attributes(self.field.system, **facts)

    def regularity(self, place: Place, other: Place) -> float:
        """Smallest singular value of the derivatives against that at another point: zero where branches cross."""
        there = self._rows(other.x, other.q, other.scale)[1]
        here = self._rows(place.x, place.q, other.scale)[1]
        size = _sizes(there)[:, None]
        least = [np.linalg.svd(m / size, compute_uv=False)[-1] for m in (here, there)]
        return float(least[0] / least[1]) if least[1] > 0 else np.inf


def _sizes(matrix: np.ndarray) -> np.ndarray:
    """The largest entry of each row, or one."""
    size = np.abs(matrix).max(axis=1)
    return np.where((size > 0) & np.isfinite(size), size, 1.0)
