"""Gauss-Newton expansions of sums of squares of many candidates, and of whatever else is minimised like one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Quadratic"]


@dataclass(frozen=True)
class Quadratic:
    """Sums of squares of M candidates and their Gauss-Newton expansions, in scaled units.

    With residuals ``r`` (data minus simulation, over the noise) and their model derivatives ``J``:

    Attributes
    ----------
    rss : (M, n) float64
        Sum of squares of each state; infinite if a simulation failed.
    information, gradient : (M, P, P), (M, P)
        ``J'J`` and ``J'r`` of the parameters.
    mixed : (M, V, P, n)
        ``J'J`` of parameters with the initial values of each window.
    start_information, start_gradient : (M, V, n, n), (M, V, n)
        The same of the initial values.
    """

    rss: np.ndarray
    information: np.ndarray
    gradient: np.ndarray
    mixed: np.ndarray
    start_information: np.ndarray
    start_gradient: np.ndarray

    @classmethod
    def of(cls, rss: np.ndarray, residual: np.ndarray, design: np.ndarray, count: int) -> Quadratic:
        """From residuals (M, V, R) and derivatives of the model (M, V, R, P + n), of which `count` are those by parameters."""
        gram = np.swapaxes(design, -1, -2) @ design
        slope = np.einsum("mvrq,mvr->mvq", design, residual, optimize=True)
        both, mixed, own = gram[..., :count, :count].sum(axis=1), gram[..., :count, count:], gram[..., count:, count:]
        return cls(rss, both, slope[..., :count].sum(axis=1), mixed, own, slope[..., count:])

    @classmethod
    def joined(cls, parts: Sequence[Quadratic]) -> Quadratic:
        """The candidates of several, one after another."""
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(q, name) for q in parts]) for name in cls.__dataclass_fields__))

    def take(self, which: np.ndarray) -> Quadratic:
        """The candidates `which`."""
        return Quadratic(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def put(self, which: np.ndarray, other: Quadratic) -> None:
        """Overwrite the candidates `which`."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[which] = getattr(other, name)

    def hold(self, held: np.ndarray) -> Quadratic:
        """The same where the initial values `held` (M, V, n) may not move."""
        if not held.any():
            return self
        both = ~held[..., :, None] & ~held[..., None, :]
        eye = np.eye(held.shape[-1])
        return replace(
            self,
            mixed=np.where(held[:, :, None, :], 0.0, self.mixed),
            start_gradient=np.where(held, 0.0, self.start_gradient),
            start_information=np.where(both, self.start_information, 0.0) + eye * held[..., None],
        )

    def profiled(self, damping: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Information and gradient of the parameters with the windows' initial values eliminated, and what leads back.

        Parameters
        ----------
        damping : (M,) float64
            Multiples of the diagonal that are added to the information of the initial values.

        Returns
        -------
        information, gradient : (M, P, P), (M, P)
        back : (M, V, n, P + 1)
            Solutions of ``start_information @ back = [mixed', start_gradient]``.
        """
        n = self.start_gradient.shape[-1]
        scale = np.einsum("mvii->mvi", self.start_information)
        floor = 1e-12 * scale.max(axis=(1, 2), keepdims=True, initial=0.0) + 1e-300
        damped = self.start_information + ((damping[:, None, None] * scale + floor)[..., None] * np.eye(n))
        right = np.concatenate([np.swapaxes(self.mixed, -1, -2), self.start_gradient[..., None]], axis=-1)
        back = np.linalg.solve(damped, right)
        lost = np.einsum("mvpi,mviq->mpq", self.mixed, back, optimize=True)
        return self.information - lost[..., :-1], self.gradient - lost[..., -1], back
