r"""Curves of limit cycles: collocation equations with a parameter, Newton's method along the curve, and Floquet multipliers.

A place is :math:`z = (u, \vartheta, q)`: an orbit of period 1, the logarithm of its period T and the parameter, as in
`symdyn.analysis.branch`.  The equations are

.. math:: u' = T f(u, p), \qquad \int u \cdot \hat u' \, dt = \int \hat u \cdot \hat u' \, dt, \qquad
          \langle z - \hat z, \dot z \rangle = 0

for a former orbit :math:`\hat u` and a direction :math:`\dot z`, with an integral over the states, each in its scale, as the
product.  Within an interval the values at the inner points are eliminated, for all intervals at once, so that the linear
systems have N n + 2 unknowns; the multipliers come from the same matrices, less the direction of the flow.

References
----------
Doedel, Keller & Kernevez, Int. J. Bifurcation Chaos 1 (1991) 745; Lust, Int. J. Bifurcation Chaos 11 (2001) 2389; Kuznetsov,
Elements of Applied Bifurcation Theory, 3rd ed. (2004), 10.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from symdyn.analysis._scaled_parameter import ScaledParameter
from symdyn.analysis.collocation import DEGREE, SLOPE, VALUE, Mesh, closed
from symdyn.analysis.field import Field
from symdyn.given_values import lookup

__all__ = ["CycleCurve", "CyclePlace", "signed_product"]

#: Changes below this, in scaled coordinates, end Newton's method; after some steps those that rounding causes in small orbits.
CONVERGED, ROUNDED = 1e-9, 1e-6
#: Most steps of it.
STEPS = 12
#: Share of its largest absolute value, and of its largest range so far, that a state is measured by at least.
FLOOR = 1e-2
#: Intervals whose matrices are multiplied at once, and sweeps of orthogonal iteration along the orbit.
GROUP, SWEEPS = 4, 2
#: Size of a state relative to the largest that is a rounding error of zero.
NOTHING = 1e-13
#: Unknowns above which linear systems are sparse.
DENSE = 200


@dataclass
class CyclePlace:
    """A cycle: its orbit u (N, m + 1, n) on a mesh, log T and the parameter; the unit tangent of the curve in the same shape.

    `du` is in the unit of the states; `scale` is what they are measured by.  `multipliers` (n - 1,) leave out the trivial one.
    """

    mesh: Mesh
    u: np.ndarray
    log_period: float
    q: float
    du: np.ndarray
    dt: float
    dq: float
    scale: np.ndarray
    multipliers: np.ndarray = field(default_factory=lambda: np.empty(0, complex))
    trivial: float = 1.0

    @property
    def period(self) -> float:
        return float(np.exp(self.log_period))

    @property
    def size(self) -> float:
        """The largest range of a state in its scale."""
        return float((np.ptp(self.u, axis=(0, 1)) / self.scale).max())

    def on(self, mesh: Mesh) -> CyclePlace:
        """The same on another mesh."""
        return replace(self, mesh=mesh, u=self.mesh.moved(self.u, mesh), du=self.mesh.moved(self.du, mesh))


class CycleCurve(ScaledParameter):
    """The equations of a curve of limit cycles, and how to move on it.

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
    still : int, optional
        The last of the states, which with the one before it makes an oscillator that the others do not act on: it fixes the
        phase, as it stays what it is at the beginning of the orbit.  By default the phase is that for which an orbit is nearest
        to the one before it.
    """

    def __init__(
        self, field: Field, parameter: object, p: np.ndarray, *, log: bool, length: float, still: int | None = None
    ) -> None:
        self.still = still
        self.field, self.p, self.log, self.length = field, p.copy(), log, length
        self.symbol = lookup(parameter, field.system.parameters, "parameter")
        self.index = field.system.parameters.index(self.symbol)
        self.largest = np.zeros(len(field.states))

    def scale(self, u: np.ndarray) -> np.ndarray:
        """What the states are measured by: their ranges, but for those that hardly vary, vary less than before, or are zero."""
        ranges = np.ptp(u, axis=(0, 1))
        self.largest = np.maximum(self.largest, ranges)
        size = np.maximum(np.maximum(ranges, FLOOR * self.largest), FLOOR * np.abs(u).max(axis=(0, 1)))
        largest = float(size.max())
        return np.where(size > NOTHING * largest, size, largest if largest > 0 else 1.0)

    def product(self, a: CyclePlace, du: np.ndarray, dt: float, dq: float) -> float:
        """The product of the tangent of a place with another direction, in the scales of that place."""
        at = [np.einsum("cj,njk->nck", VALUE, v / a.scale) for v in (a.du, du)]
        return float(np.einsum("nc,nck,nck->", a.mesh.weights, *at) + a.dt * dt + a.dq * dq)

    def _eliminated(self, mesh: Mesh, u: np.ndarray, log_period: float, q: float) -> np.ndarray:
        """Changes of the inner values and the last, (N, m, n, n + 3): by the first values, log T, q, and of the residual."""
        n, p, period = u.shape[-1], self.row(q), float(np.exp(log_period))
        x = np.einsum("cj,njk->nck", VALUE, u)
        rows = np.broadcast_to(p, (*x.shape[:-1], p.size))
        rates = self.field(x, rows)
        by_state = period * self.field.jacobian(x, rows)
        by_q = self.field.slope(x, rows, self.symbol) * (p[self.index] if self.log else self.length)
        slope = np.einsum("cj,njk->nck", SLOPE, u - u[:, :1]) / mesh.widths[:, None, None]
        matrix = -np.einsum("cj,nckl->nckjl", VALUE, by_state)
        k = np.arange(n)
        matrix[:, :, k, :, k] += SLOPE[:, :] / mesh.widths[:, None, None]
        size = DEGREE * n
        first = -matrix[:, :, :, 0].reshape(-1, size, n)
        others = [v.reshape(-1, size, 1) for v in (period * rates, period * by_q, period * rates - slope)]
        found = np.linalg.solve(matrix[:, :, :, 1:].reshape(-1, size, size), np.concatenate([first, *others], axis=2))
        return found.reshape(-1, DEGREE, n, n + 3)

    def _weights(self, place: CyclePlace, v: np.ndarray) -> np.ndarray:
        """Factors (N, m + 1, n) of the values of a function in its product with v (N, m + 1, n)."""
        return np.einsum("cj,nc,nck->njk", VALUE, place.mesh.weights, np.einsum("cj,njk->nck", VALUE, v)) / place.scale**2

    def _solve(
        self, eliminated: np.ndarray, rows: list[tuple[np.ndarray, float, float]], sides: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Directions that solve the linearised equations with and without the residual, and two conditions.

        `rows` are the conditions, as factors of the values, log T and q, with the right-hand sides (2, r); of the columns the
        first is with the residual.  Returns u (r, N, m + 1, n), log T (r,) and q (r,).
        """
        count, _, n, _ = eliminated.shape
        size, columns = count * n, sides.shape[1]
        last = eliminated[:, -1]
        right = np.zeros((size + 2, columns))
        right[:size, 0] = last[:, :, n + 2].ravel()
        right[size:] = sides
        lower = np.empty((2, size + 2))
        for k, (factors, by_time, by_q) in enumerate(rows):
            through = np.einsum("njk,njkl->nl", factors[:, 1:], eliminated)
            lower[k, :size] = (factors[:, 0] + through[:, :n]).ravel()
            lower[k, size:] = by_time + through[:, n].sum(), by_q + through[:, n + 1].sum()
            right[size + k, 0] -= through[:, n + 2].sum()
        at = np.arange(size).reshape(count, n)
        following = np.roll(at, -1, axis=0)
        if size <= DENSE:
            matrix = np.zeros((size + 2, size + 2))
            matrix[at[:, :, None], at[:, None, :]] = -last[:, :, :n]
            matrix[at, following] += 1.0
            matrix[:size, size] = -last[:, :, n].ravel()
            matrix[:size, size + 1] = -last[:, :, n + 1].ravel()
            matrix[size:] = lower
            found = np.linalg.solve(matrix, right)
        else:
            i = np.broadcast_to(at[:, :, None], (count, n, n)).ravel()
            j = np.broadcast_to(at[:, None, :], (count, n, n)).ravel()
            every = np.arange(size)
            entries = np.concatenate(
                [-last[:, :, :n].ravel(), np.ones(size), -last[:, :, n].ravel(), -last[:, :, n + 1].ravel(), lower.ravel()]
            )
            across = np.arange(size + 2)
            i = np.concatenate([i, at.ravel(), every, every, np.repeat([size, size + 1], size + 2)])
            j = np.concatenate([j, following.ravel(), np.full(size, size), np.full(size, size + 1), across, across])
            found = splu(sparse.csc_matrix((entries, (i, j)), (size + 2, size + 2))).solve(right)
        first, by_time, by_q = found[:size].reshape(count, n, columns), found[size], found[size + 1]
        inner = np.einsum("njkl,nlr->rnjk", eliminated[..., :n], first)
        inner += eliminated[..., n] * by_time[:, None, None, None] + eliminated[..., n + 1] * by_q[:, None, None, None]
        inner[0] += eliminated[..., n + 2]
        values = np.concatenate([first.transpose(2, 0, 1)[:, :, None], inner], axis=2)
        return values, by_time, by_q

    def correct(
        self, place: CyclePlace, u: np.ndarray, log_period: float, q: float, *, at_q: bool = False
    ) -> CyclePlace | None:
        """The cycle near (u, log_period, q) in the plane through it normal to the tangent of `place`, or None.

        With `at_q` the parameter stays as it is.  The tangent of what is found has a positive product with that of `place`.
        """
        moving = place.u if place.size > 0 else place.du  # an orbit at rest has no phase; the direction in which it grows has
        reference = np.einsum("cj,njk->nck", SLOPE, moving) / place.mesh.widths[:, None, None]
        phase = np.einsum("cj,nc,nck->njk", VALUE, place.mesh.weights, reference) / place.scale**2
        if self.still is not None:
            phase = np.zeros_like(u)
            phase[0, 0, self.still] = 1.0
        along = (np.zeros_like(u), 0.0, 1.0) if at_q else (self._weights(place, place.du), place.dt, place.dq)
        rows = [(phase / np.abs(phase).max(), 0.0, 0.0), along]
        before = np.inf
        for k in range(STEPS):
            try:
                eliminated = self._eliminated(place.mesh, u, log_period, q)
                drift = -float(np.sum(rows[0][0] * (u - place.u)))
                changes, by_time, by_q = self._solve(eliminated, rows, np.array([[drift, 0.0], [0.0, 1.0]]))
            except (np.linalg.LinAlgError, RuntimeError, OverflowError):
                return None
            moved = max(float((np.abs(changes[0]) / place.scale).max()), abs(by_time[0]), abs(by_q[0]))
            if not moved < 10 or moved > max(4 * before, ROUNDED):
                return None
            before = moved
            u, log_period, q = closed(u + changes[0]), log_period + float(by_time[0]), q + float(by_q[0])
            if moved < CONVERGED or (k > 3 and moved < ROUNDED):
                return self._arrived(place, u, log_period, q, eliminated, (changes[1], by_time[1], by_q[1]))
        return None

    def _arrived(
        self, place: CyclePlace, u: np.ndarray, log_period: float, q: float, eliminated: np.ndarray,
        tangent: tuple[np.ndarray, float, float],
    ) -> CyclePlace:  # fmt: skip
        scale = self.scale(u)
        found = CyclePlace(place.mesh, u, log_period, q, closed(tangent[0]), float(tangent[1]), float(tangent[2]), scale)
        length = np.sqrt(self.product(found, found.du, found.dt, found.dq))
        found.du, found.dt, found.dq = found.du / length, found.dt / length, found.dq / length
        rates = self.field(u[:, 0], np.broadcast_to(self.row(q), (len(u), self.p.size)))
        matrices = eliminated[:, -1, :, : u.shape[-1]]
        if self.still is None:
            found.multipliers, found.trivial = _multipliers(matrices, rates)
        else:  # the direction of the flow jumps with the forcing, whose phase does not depend on the other states
            own, found.trivial = _multipliers(matrices[:, -2:, -2:], rates[:, -2:])
            values = np.concatenate([_eigenvalues(matrices[:, :-2, :-2]), own])
            found.multipliers = values[np.argsort(-np.abs(values), kind="stable")]
        return found

    def step(self, place: CyclePlace, length: float) -> CyclePlace | None:
        """The cycle whose projection on the tangent at `place` is `length` away."""
        return self.correct(
            place, place.u + length * place.du, place.log_period + length * place.dt, place.q + length * place.dq
        )

    def at(self, place: CyclePlace, q: float) -> CyclePlace | None:
        """The cycle with this parameter, near `place`."""
        ahead = (q - place.q) / place.dq if place.dq else 0.0
        return self.correct(place, place.u + ahead * place.du, place.log_period + ahead * place.dt, q, at_q=True)

    def along(self, place: CyclePlace, other: CyclePlace) -> float:
        """The length of the step from a place to another, on the same mesh."""
        return self.product(place, other.u - place.u, other.log_period - place.log_period, other.q - place.q)

    def mode(self, place: CyclePlace, start: np.ndarray) -> np.ndarray:
        """Values (N, m + 1, n) of the linearised flow along the orbit from a vector (n,) at its first point."""
        eliminated = self._eliminated(place.mesh, place.u, place.log_period, place.q)
        n, found = start.size, np.empty_like(place.u)
        for k in range(place.mesh.count):
            found[k, 0] = start
            found[k, 1:] = eliminated[k, :, :, :n] @ start
            start = found[k, -1]
        return found

    def monodromy(self, place: CyclePlace) -> np.ndarray:
        """The derivative (n, n) of the flow over a period from the first point of the orbit."""
        n = place.u.shape[-1]
        product = np.eye(n)
        for matrix in self._eliminated(place.mesh, place.u, place.log_period, place.q)[:, -1, :, :n]:
            product = matrix @ product
        return product

    def hopf(self, x: np.ndarray, q: float, frequency: float, like: CyclePlace | None = None) -> CyclePlace | None:
        """The Hopf point near a steady state and a parameter, as an orbit at rest with the direction of the cycles.

        `like` gives the mesh; by default it is uniform.
        """
        step, before = 1e-3, None
        for _ in range(STEPS):
            there = self.rest(x, q)
            if there is None:
                return None
            x = there
            values, vectors = np.linalg.eig(self.field.jacobian(x, self.row(q)))
            k = int(np.argmin(np.abs(values - 1j * frequency)))
            rate, frequency = float(values[k].real), float(values[k].imag)
            if before is not None and (abs(rate) < 1e-13 * abs(values).max() or rate == before[1]):
                break
            new = q + step if before is None else q - rate * (q - before[0]) / (rate - before[1])
            before, q = (q, rate), new
            if abs(q - before[0]) < 1e-14 * max(1.0, abs(q)):
                break
        mesh = Mesh(np.linspace(0, 1, 41)) if like is None else like.mesh
        u = np.broadcast_to(x, (*mesh.times.shape, x.size)).copy()
        du = (vectors[:, k] * np.exp(2j * np.pi * mesh.times)[..., None]).real
        scale = self.scale(u)
        place = CyclePlace(mesh, u, float(np.log(2 * np.pi / frequency)), q, du, 0.0, 0.0, scale)
        length = np.sqrt(self.product(place, du, 0.0, 0.0))
        others = np.exp(np.delete(values, k) * place.period).astype(complex)
        return replace(place, du=du / length, multipliers=others[np.argsort(-np.abs(others), kind="stable")])

    def hopf_near(self, place: CyclePlace) -> CyclePlace | None:
        """The Hopf point at which small orbits end, from one of them."""
        x = np.einsum("nc,nck->k", place.mesh.weights, np.einsum("cj,njk->nck", VALUE, place.u))
        return self.hopf(x, place.q, 2 * np.pi / place.period, place)

    def rest(self, x: np.ndarray, q: float) -> np.ndarray | None:
        """The steady state near a point."""
        for _ in range(2 * STEPS):
            try:
                change = np.linalg.solve(self.field.jacobian(x, self.row(q)), -self.field(x, self.row(q)))
            except np.linalg.LinAlgError:
                return None
            x = x + change
            if np.abs(change).max() <= 1e-13 * (1e-300 + np.abs(x).max()) or not np.isfinite(x).all():
                break
        return x if np.isfinite(x).all() else None


def signed_product(values: np.ndarray, shift: float) -> float:
    """A bounded number with the sign of the product of the values, shifted; these are real or come in pairs."""
    return float(np.prod((values + shift) / (1 + np.abs(values))).real)


def _multipliers(matrices: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, float]:
    """Eigenvalues (n - 1,) of the product of matrices (N, n, n), the last of them first, but for that of the flow's direction.

    Each matrix takes the rates of change (N, n) at one point to those at the next, so that in the hyperplanes normal to them
    there remain matrices of one dimension less; in orthogonal iteration small eigenvalues of their product are not lost beside
    large ones.  The second result is the eigenvalue of the flow's direction, 1 but for errors.
    """
    n = matrices.shape[1]
    bases = np.linalg.qr(rates[:, :, None], mode="complete")[0]
    inner = np.swapaxes(np.roll(bases, -1, axis=0), 1, 2) @ matrices @ bases
    trivial = float(np.abs(np.prod(inner[:, 0, 0])))
    if n == 1:
        return np.empty(0, complex), trivial
    return _eigenvalues(inner[:, 1:, 1:]), trivial


def _eigenvalues(inner: np.ndarray) -> np.ndarray:
    """Eigenvalues (k,) of the product of matrices (N, k, k), the last of them first, by orthogonal iteration."""
    k = inner.shape[1]
    padded = np.concatenate([inner, np.broadcast_to(np.eye(k), (-len(inner) % GROUP, k, k))])
    grouped = padded.reshape(-1, GROUP, k, k)
    arcs = grouped[:, 0]
    for j in range(1, GROUP):
        arcs = grouped[:, j] @ arcs
    q = np.eye(k)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for _ in range(SWEEPS):
            begin, total = q, np.eye(k)
            for arc in arcs:  # the product up to here is q total begin^T
                q, r = np.linalg.qr(arc @ q)
                total = r @ total
        # rows of the total have the sizes of the multipliers; those of the similar matrix in which rows and columns share them
        # are computed with small relative errors
        size = np.sqrt(np.maximum(np.abs(np.diagonal(total)), 1e-300))
        graded = np.nan_to_num((total / size[:, None]) @ (begin.T @ q) * size, posinf=1e300, neginf=-1e300)
    found = np.linalg.eigvals(graded)
    return found[np.argsort(-np.abs(found), kind="stable")].astype(complex)
