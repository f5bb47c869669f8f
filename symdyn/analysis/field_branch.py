"""Curves of stationary states of fields: steps by sparse bordered equations, and how branches are left at crossings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sps

from symdyn.analysis._scaled_parameter import ScaledParameter
from symdyn.analysis.bordered import Border, Bordered, is_at_rest
from symdyn.analysis.branch import Place
from symdyn.analysis.field_newton import newton, sizes_of
from symdyn.analysis.field_states import EIGENVALUES, FieldRest, is_stable
from symdyn.analysis.iterated import Iterated
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.integration.rest import Derivative

__all__ = ["FieldCurve"]

#: Corrections below this, in scaled coordinates, end Newton's method; below the second they do once residuals stay.
CONVERGED, ROUGH = 1e-10, 1e-2
#: Contraction of the corrections up to which derivatives are kept.
KEEP = 0.1
#: Of the place of special points on a step.
PRECISION = 1e-7
#: Share of its largest size so far that a field is measured by at least.
LEAST = 0.1
#: Distance of a start from its state at rest, in sizes of the fields, beyond which it belongs to another.
NEAR = 0.5
#: Real eigenvalues below this share of the largest count as zero where a branch is left.
CROSSING = 1e-4


@dataclass
class _Judge:
    """What `follow` asks of the field of a curve."""

    system: Any

    def stable(self, eigenvalues: np.ndarray) -> bool:
        return is_stable(eigenvalues)


class FieldCurve(ScaledParameter):
    r"""A curve of states at rest (y, q), with :math:`q = p/\ell` or :math:`\ln p`, as `symdyn.analysis.following` steps on it.

    Coordinates are scaled so that the length of a field is its root mean square in units of its size: steps do not
    depend on the number of cells.

    Parameters
    ----------
    rest : FieldRest
    parameter : symbol or str
    log : bool
    length : float
        As for `BranchCurve`.
    """

    def __init__(self, rest: FieldRest, parameter: object, *, log: bool, length: float) -> None:
        self.rest, self.problem, self.p, self.log, self.length = rest, rest.problem, rest.p.copy(), log, length
        self.field = _Judge(rest.system)
        self.symbol = lookup(parameter, rest.system.parameters, "parameter")
        self.index = rest.system.parameters.index(self.symbol)
        self.coordinates = len(self.problem.blocks) + 1
        self.precision = PRECISION
        self.largest = np.zeros(len(self.problem.blocks))
        general = self.p.copy()  # what one value of the parameter alone conserves is not conserved along the curve
        general[self.index] += 0.137 * length if general[self.index] <= 0 or not log else 0.137 * general[self.index]
        self.border = Border(self.problem, general, rest.starts[0])
        self.totals = np.empty(0)
        self._spectra: dict[tuple[float, bytes], np.ndarray] = {}

    def scale(self, y: np.ndarray) -> np.ndarray:
        """Units (n,) of the numbers: sizes of their fields over the square roots of their shares."""
        self.largest = np.maximum(self.largest, self.problem.measure(y))
        return sizes_of(self.problem, y, LEAST * self.largest) / np.sqrt(self.problem.weights)

    def begin(self, y: np.ndarray, q: float, *, switch: int | None = None) -> Place:
        """The point of the curve at this parameter next to `y`; with `switch` on another branch through it.

        Raises
        ------
        DeclarationError
            If there is none near, and where no branch crosses.
        """
        p = self.row(q)
        self.totals, size = self.border.totals(y), self.problem.measure(y)
        self.largest = np.where(size > 0, size, 1.0)
        if switch is not None:
            return self._leave(y, q, switch)
        unsolved: list[str] = []
        found = newton(self.problem, self.border, y, p, self.totals, unsolved=unsolved)
        scale = self.scale(y)
        if found is None or np.linalg.norm((found - y) / scale) > NEAR * np.sqrt(self.coordinates):
            raise DeclarationError(
                f"there is no steady state near the start at {self.symbol} = {self.value(q):g}; start from one that "
                f"steady_states finds{''.join(f' ({reason})' for reason in unsolved)}"
            )
        return self.place(found, q, np.append(np.zeros(y.size), 1.0), scale)

    def _leave(self, y: np.ndarray, q: float, mode: int) -> Place:
        """A point where branches cross, with the direction of another branch: an eigenvector of the eigenvalue zero."""
        p, scale = self.row(q), self.scale(y)
        values, vectors = self.rest.eigenvalues(y, p, self.border)
        known = values[np.isfinite(values)]
        slow = max(abs(known[-1].real), 1e-12) if known.size else 1.0
        zero = [k for k in range(values.size) if abs(values[k].imag) < 1e-9 and abs(values[k].real) < CROSSING * slow]
        if not zero or not -len(zero) <= mode < len(zero):
            raise DeclarationError(
                f"no branch to switch to at {self.symbol} = {self.value(q):g}: {len(zero)} eigenvalues vanish there, and "
                f"switch={mode} counts from 0; start from a point where branch.special is 'branch point'"
            )
        direction = vectors[:, zero[mode]].real / scale
        tangent = np.append(direction / np.linalg.norm(direction), 0.0)
        return Place(y, q, tangent * np.sign(tangent[np.abs(tangent).argmax()]), scale)

    def _bordered(
        self, y: np.ndarray, q: float, scale: np.ndarray, normal: np.ndarray
    ) -> tuple[Bordered | Iterated, sps.csc_matrix | Derivative]:
        """The derivatives of the equations and of the plane with this normal, factorised, and those of the equations alone."""
        p = self.row(q)
        sizes = scale * np.sqrt(self.problem.weights)
        plain = self.problem.jacobian(y, p, sizes)
        slope = self.problem.slope(y, p, self.index) * (p[self.index] if self.log else self.length)
        columns, rows = self.border.at(y)
        if isinstance(plain, Derivative):
            k = columns.shape[1]
            corner = np.zeros((1 + k, 1 + k))
            corner[0, 0] = normal[-1]
            right, below = np.column_stack([slope, columns]), np.vstack([normal[:-1], rows * scale])
            return Iterated(plain, right, below, scale=scale, corner=corner, inner=1), plain
        matrix = plain @ sps.diags(scale)
        if not (np.isfinite(matrix.data).all() and np.isfinite(slope).all()):
            raise RuntimeError("not finite")
        whole = sps.bmat([[matrix, sps.csc_matrix(slope[:, None])], [sps.csc_matrix(normal[None, :-1]), [[normal[-1]]]]])
        rows = np.hstack([rows * scale, np.zeros((len(rows), 1))])
        return Bordered(whole, np.vstack([columns, np.zeros((1, columns.shape[1]))]), rows), plain

    def correct(self, y: np.ndarray, q: float, scale: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The point of the curve in the plane through (y, q) with this normal, or None if Newton's method fails."""
        solver, before, last = None, np.inf, np.inf
        for k in range(20):
            residual = self.problem.residual(y, self.row(q))
            if not np.isfinite(residual).all():
                return None
            if solver is None:
                try:
                    solver, matrix = self._bordered(y, q, scale, normal)
                except RuntimeError:
                    return None
            low = np.zeros(solver.below)
            low[: self.border.conserved] = self.border.totals(y) - self.totals
            try:
                delta = solver.solve(np.concatenate([residual, [0.0], low]))[: y.size + 1]
            except RuntimeError as error:  # iterations that come to nothing
                self.rest.say(f"some steps were shortened: {error}")
                return None
            moved, left = float(np.linalg.norm(delta)), float(np.linalg.norm(residual))
            if not np.isfinite(moved) or moved > 10:
                return None
            if k and moved < ROUGH and left > 0.5 * before:  # rounding, which nearly singular equations make larger
                break
            y, q = y - scale * delta[:-1], q - float(delta[-1])
            if moved < CONVERGED:
                break
            if moved > KEEP * last:  # the derivatives of before no longer serve
                solver = None
            before, last = left, moved
        else:
            return None
        sizes = scale * np.sqrt(self.problem.weights)
        return (y, q) if is_at_rest(matrix, y, self.problem.residual(y, self.row(q)), sizes) else None

    def place(self, y: np.ndarray, q: float, forward: np.ndarray, scale: np.ndarray) -> Place:
        """The point with its tangent, which has a positive product with `forward` in the units `scale`."""
        own = self.scale(y)
        forward = np.append(forward[:-1] * scale / own, forward[-1])
        size = float(np.linalg.norm(forward))
        forward = forward / size if size > 0 else np.append(np.zeros(y.size), 1.0)
        try:
            solver, _ = self._bordered(y, q, own, forward)
            right = np.zeros(y.size + 1 + solver.below)
            right[y.size] = 1.0
            tangent = solver.solve(right)[: y.size + 1]
            if not np.isfinite(tangent).all():
                raise RuntimeError
        except RuntimeError:  # branches cross, exactly
            tangent = forward
        return Place(y, q, tangent / np.linalg.norm(tangent), own)

    def step(self, place: Place, length: float) -> Place | None:
        """The point of the curve whose projection on the tangent at `place` is `length` away."""
        direction = place.tangent * length
        start = place.x + place.scale * direction[:-1], place.q + float(direction[-1])
        found = self.correct(*start, place.scale, place.tangent)
        return None if found is None else self.place(*found, place.tangent, place.scale)

    def forward(self, place: Place, y: np.ndarray) -> np.ndarray:
        """The tangent of `place` in the scales that belong to `y`."""
        return np.append(place.tangent[:-1] * place.scale / self.scale(y), place.tangent[-1])

    def at(self, place: Place, q: float) -> Place | None:
        """The point of the curve with this parameter, near `place`."""
        ahead = (q - place.q) / place.tangent[-1] if place.tangent[-1] else 0.0
        y = place.x + place.scale * place.tangent[:-1] * ahead
        found = self.correct(y, q, place.scale, np.append(np.zeros(y.size), 1.0))
        return None if found is None else self.place(*found, place.tangent, place.scale)

    def eigenvalues(self, place: Place) -> np.ndarray:
        """The rightmost eigenvalues, padded with minus infinity; remembered, since a branch asks for them again."""
        key = place.q, place.x.tobytes()
        if key not in self._spectra:
            values = self.rest.eigenvalues(place.x, self.row(place.q), self.border)[0]
            self._spectra[key] = np.concatenate([values, np.full(EIGENVALUES - values.size, -np.inf)])
        return self._spectra[key]

    def variables(self, places: Sequence[Place]) -> dict[str, Any]:
        """The fields at places, as variables of a dataset."""
        return self.rest.variables(np.array([p.x for p in places]), np.array([self.row(p.q) for p in places]), "point")

    @property
    def labels(self) -> Mapping[str, Any]:
        """Coordinates of those variables."""
        return self.rest.labels

    def attributes(self, **facts: Any) -> dict[str, Any]:
        """Attributes of a dataset of the curve."""
        return self.rest.attributes(**facts)

    def regularity(self, place: Place, other: Place) -> float:
        """Smallest singular value or eigenvalue of the derivatives over that at another point: zero where branches cross."""
        least = [self._least(p, other.scale) for p in (place, other)]
        return least[0] / least[1] if least[1] > 0 else np.inf

    def _least(self, place: Place, scale: np.ndarray) -> float:
        """By inverse iteration with the derivatives and, where they have factors, their transpose."""
        normal = np.append(place.tangent[:-1] * place.scale / scale, place.tangent[-1])
        try:
            solver, _ = self._bordered(place.x, place.q, scale, normal / np.linalg.norm(normal))
        except RuntimeError:
            return 0.0
        v = np.random.default_rng(4).standard_normal(place.x.size + 1 + solver.below)
        size = np.inf
        for _ in range(6):
            try:
                v = solver.solve(v / np.linalg.norm(v))
            except RuntimeError:
                return 0.0
            size = float(np.linalg.norm(v))
            if isinstance(solver, Bordered):
                v = solver.solve_transposed(v)
                size = float(np.sqrt(np.linalg.norm(v)))
            if not np.isfinite(size):
                return 0.0
        return 1 / size
