r"""HAVOK: a chaotic series as a linear system that its least energetic delay coordinate forces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import sympy as sp
from scipy.stats import kurtosis

from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.parsing import ModelText
from symdyn.paths import Path
from symdyn.reduction.dense import dense

__all__ = ["HavokSystem", "havok_system"]


class HavokSystem(ODESystem):
    r"""Delay coordinates as :math:`\dot v = A v + B f(t)`; `DelayCoordinates.havok` makes one.

    Its input ``f`` is the last coordinate, as it was in the data; observables are the values of the series.

    Parameters
    ----------
    matrix, forcing, times, explained, observed, start
        Computed by `DelayCoordinates.havok`.

    Attributes
    ----------
    matrix : (r - 1, r - 1) float64
        A.
    gain : (r - 1,) float64
        B.
    forcing : (M,) float64
        f at `times`.
    times : (M,) float64
    explained : (r,) float64
        Share of the variance of each slope that the coordinates explain; the last is that of the forcing, which is small where
        it is no linear function of the others.

    References
    ----------
    Brunton, Brunton, Proctor, Kaiser & Kutz, Nature Communications 8, 19 (2017).

    Examples
    --------
    >>> import symdyn as sd
    >>> t = np.linspace(0, 20, 401)
    >>> lin = sd.reduction.delays(np.cos(t) + np.cos(2 * t), delays=40, modes=4, step=0.05).havok()
    >>> bool(lin.explained.min() > 0.999)
    True
    """

    matrix: np.ndarray
    gain: np.ndarray
    forcing: np.ndarray
    times: np.ndarray
    explained: np.ndarray
    text_options: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self,
        matrix: np.ndarray,
        forcing: np.ndarray,
        times: np.ndarray,
        explained: np.ndarray,
        observed: dict[str, np.ndarray],
        start: np.ndarray,
    ) -> None:
        v = sp.symbols([f"v_{k + 1}" for k in range(len(matrix))])
        path = Path("f", times, forcing)
        observables = {name: dense(row[None], [*v, path])[0] for name, row in observed.items()}
        super().__init__(
            dict(zip(v, dense(matrix, [*v, path]), strict=True)), observables=observables,
            initial=dict(zip(v, start.tolist(), strict=True)),
        )  # fmt: skip
        known = {"matrix": matrix[:, :-1], "gain": matrix[:, -1], "forcing": forcing, "times": times, "explained": explained}
        self.__dict__.update(known)

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a HavokSystem has no text; symdyn.reduction.delays(...).havok() makes it")

    @classmethod
    def example(cls) -> Self:
        raise NotImplementedError("a HavokSystem is made from a series")

    @property
    def antisymmetry(self) -> float:
        r""":math:`\|A + A^\top\| / \|A\|`, near 0 where the coordinates are those of an orthonormal frame along the curve."""
        return float(np.linalg.norm(self.matrix + self.matrix.T) / np.linalg.norm(self.matrix))

    @property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of A, by their imaginary part."""
        found = np.linalg.eigvals(self.matrix)
        return found[np.argsort(np.abs(found.imag))]

    @property
    def kurtosis(self) -> float:
        """Excess kurtosis of the forcing, 0 of a normal distribution."""
        return float(kurtosis(self.forcing))

    def intermittent(self, threshold: float = 3.0) -> np.ndarray:
        """When the forcing is active: beyond so many standard deviations.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        (M,) bool
            At `times`.

        Raises
        ------
        DeclarationError
            For a threshold that is not positive.

        Examples
        --------
        >>> import symdyn as sd
        >>> t = np.linspace(0, 20, 401)
        >>> lin = sd.reduction.delays(np.cos(t) + np.cos(2 * t), delays=40, modes=4, step=0.05).havok()
        >>> bool(lin.intermittent(3).any())
        False
        """
        if not threshold > 0:
            raise DeclarationError(f"threshold is {threshold!r}; expected a positive number of standard deviations")
        return np.asarray(np.abs(self.forcing) > threshold * self.forcing.std())


def havok_system(coordinates: np.ndarray, times: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> HavokSystem:
    """The system of delay coordinates (M, r) at some times, with slopes by differences of fourth order.

    >>> t = np.linspace(0, 6, 601)
    >>> made = havok_system(np.stack([np.cos(t), np.sin(t)], axis=1), t, np.eye(1, 2), ["x"])
    >>> made.gain.round(6).tolist()
    [-1.0]
    """
    h = times[1] - times[0]
    v = coordinates
    slopes, inner = (v[:-4] - 8 * v[1:-3] + 8 * v[3:-1] - v[4:]) / (12 * h), v[2:-2]
    matrix = np.linalg.lstsq(inner, slopes, rcond=None)[0].T
    explained = 1 - ((slopes - inner @ matrix.T) ** 2).sum(axis=0) / (slopes**2).sum(axis=0)
    observed = dict(zip(names, rows, strict=True))
    return HavokSystem(matrix[:-1], v[2:-2, -1].copy(), times[2:-2], explained, observed, inner[0, :-1])
