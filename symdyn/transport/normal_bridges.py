r"""Bridges between normal distributions: the plan in closed form, by Sinkhorn's iteration, and by Markovian projections."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import expm

from symdyn.transport.references import LinearReference
from symdyn.transport.spectra import ConstantReference, Transition

__all__ = ["NormalPlan", "closed_plan", "markov_plan", "moments", "pinned", "sinkhorn_plan"]

#: Steps of the equation for the covariance of a Markov process.
STEPS = 100


class NormalPlan:
    r"""Both ends, and coordinates in which the reference adds noise of covariance 1.

    Parameters
    ----------
    law : Transition
        Of the reference from start to end.
    means : pair of (d,) float64
    covariances : pair of (d, d) float64
    """

    def __init__(
        self, law: Transition, means: tuple[np.ndarray, np.ndarray], covariances: tuple[np.ndarray, np.ndarray]
    ) -> None:
        self.law, self.means, self.covariances = law, means, covariances
        root = np.linalg.inv(_root(law.noise))
        self.into = (root @ law.factor, root)  # of starts and ends
        self.plain = tuple(q @ s @ q.T for q, s in zip(self.into, covariances, strict=True))

    def back(self, cross: np.ndarray) -> np.ndarray:
        """A covariance of starts and ends in the coordinates of the states."""
        return np.linalg.solve(self.into[0], cross) @ np.linalg.inv(self.into[1]).T

    def potentials(self, cross: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        r"""Matrices and vectors of :math:`-\tfrac12 x^T A x + a^T x` at both ends, for a covariance C of the plan."""
        d = len(cross)
        s0, s1 = self.plain
        c = self.into[0] @ cross @ self.into[1].T
        precision = np.linalg.inv(np.block([[s0, c], [c.T, s1]]))
        matrices = precision[:d, :d] - np.eye(d), precision[d:, d:] - np.eye(d)
        places = self.into[0] @ self.means[0], self.into[1] @ (self.means[1] - self.law.shift)
        found = []
        for k, (q, own, shift) in enumerate(zip(self.into, matrices, (None, self.law.shift), strict=True)):
            vector = (own + np.eye(d)) @ places[k] - places[1 - k]
            matrix = q.T @ own @ q
            found.append((matrix, q.T @ vector + (0.0 if shift is None else matrix @ shift)))
        return found


def closed_plan(plan: NormalPlan) -> np.ndarray:
    r""":math:`C = \tfrac12\big(S_0^{1/2}(4 S_0^{1/2} S_1 S_0^{1/2} + 1)^{1/2} S_0^{-1/2} - 1\big)`.

    References
    ----------
    Janati, Muzellec, Peyre & Cuturi, Entropic optimal transport between unbalanced Gaussian measures has a closed form,
    NeurIPS 2020, theorem 1; Bunne, Hsieh, Cuturi & Krause, The Schroedinger bridge between Gaussian measures has a closed form,
    AISTATS 2023.
    """
    s0, s1 = plan.plain
    r = _root(s0)
    inner = _root(4 * r @ s1 @ r + np.eye(len(s0)))
    return plan.back(0.5 * (r @ inner @ np.linalg.inv(r) - np.eye(len(s0))))


def sinkhorn_plan(plan: NormalPlan, tolerance: float, most: int) -> tuple[np.ndarray, list[float]]:
    """Potentials that meet one marginal after the other; errors are those of the first covariance, relative."""
    (s0, s1), one = plan.plain, np.eye(len(plan.plain[0]))
    p0, p1 = np.linalg.inv(s0), np.linalg.inv(s1)
    b, errors = np.zeros_like(s0), []
    while True:
        a = p0 + np.linalg.inv(b + one) - one
        b = p1 + np.linalg.inv(a + one) - one
        joint = np.linalg.inv(np.block([[a + one, -one], [-one, b + one]]))
        d = len(s0)
        errors.append(float(np.linalg.norm(joint[:d, :d] - s0) / np.linalg.norm(s0)))
        if errors[-1] <= tolerance or len(errors) >= most:
            return plan.back(joint[:d, d:]), errors


def markov_plan(reference: LinearReference, plan: NormalPlan, tolerance: float, most: int) -> tuple[np.ndarray, list[float]]:
    """Bridges of the reference between the ends of a Markov process, and the Markov process with their drift, in turn.

    It begins with independent ends; errors are changes of the covariance of both ends, relative.
    """
    start, end = reference.span
    h = (end - start) / STEPS
    places = [start + h * (k + 0.5 + side * np.sqrt(3) / 6) for k in range(STEPS) for side in (-1, 1)]
    rows = [_Middle(reference, plan, t) for t in places]
    cross, errors = np.zeros_like(plan.covariances[0]), []
    while True:
        turned = np.eye(len(cross))
        for first, second in zip(rows[::2], rows[1::2], strict=True):  # Magnus, order 4
            a, b = first.drift(cross), second.drift(cross)
            turned = expm(0.5 * h * (a + b) + np.sqrt(3) / 12 * h**2 * (b @ a - a @ b)) @ turned
        new = plan.covariances[0] @ turned.T
        errors.append(float(np.linalg.norm(new - cross) / np.linalg.norm(new)))
        cross = new
        if errors[-1] <= tolerance or len(errors) >= most:
            return cross, errors


class _Middle:
    """What the drift of the Markov process at a time needs."""

    def __init__(self, reference: LinearReference, plan: NormalPlan, time: float) -> None:
        self.plan, self.time = plan, time
        self.rate, _, square = reference.drift_at(time)
        self.rest = reference.between(time, reference.span[1])
        self.between = pinned(reference, time)
        self.gain = square @ self.rest.factor.T @ np.linalg.inv(self.rest.noise)

    def drift(self, cross: np.ndarray) -> np.ndarray:
        """Of deviations from the mean."""
        joint = _joint(self.plan, cross)
        lead = self.between.lead
        covariance, d = lead @ joint @ lead.T + self.between.noise, len(cross)
        ends = joint[d:] @ lead.T @ np.linalg.inv(covariance)
        return self.rate + self.gain @ (ends - self.rest.factor)


class Pinned:
    r"""A state of the reference between two known ends, :math:`x_t \mid x_0, x_1 \sim \mathcal N(L\, (x_0, x_1) + o, V)`.

    Attributes
    ----------
    lead : (d, 2 d) float64
    shift : (d,) float64
    noise : (d, d) float64
    """

    def __init__(self, lead: np.ndarray, shift: np.ndarray, noise: np.ndarray) -> None:
        self.lead, self.shift, self.noise = lead, shift, noise


def pinned(reference: LinearReference | ConstantReference, time: float) -> Pinned:
    """The reference at a time, between two ends."""
    start, end = reference.span
    first, rest = reference.between(start, time), reference.between(time, end)
    gain = first.noise @ rest.factor.T @ np.linalg.inv(reference.whole.noise)
    lead = np.hstack([first.factor - gain @ reference.whole.factor, gain])
    noise = first.noise - gain @ rest.factor @ first.noise
    return Pinned(lead, first.shift - gain @ (rest.factor @ first.shift + rest.shift), 0.5 * (noise + noise.T))


def moments(
    reference: LinearReference, plan: NormalPlan, cross: np.ndarray
) -> Callable[[float], tuple[np.ndarray, np.ndarray]]:
    """Mean (d,) and covariance (d, d) of the bridge with a covariance of its ends, by time."""
    joint, ends = _joint(plan, cross), np.concatenate(plan.means)

    def at(time: float) -> tuple[np.ndarray, np.ndarray]:
        between = pinned(reference, time)
        return between.lead @ ends + between.shift, between.lead @ joint @ between.lead.T + between.noise

    return at


def _joint(plan: NormalPlan, cross: np.ndarray) -> np.ndarray:
    return np.block([[plan.covariances[0], cross], [cross.T, plan.covariances[1]]])


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
