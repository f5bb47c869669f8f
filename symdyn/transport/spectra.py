r"""Exponentials of a matrix as functions of time: :math:`e^{A s} = \sum_k e^{\lambda_k s} P_k`, and integrals of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from scipy.linalg import expm

from symdyn.errors import DeclarationError

__all__ = ["ConstantLaw", "ConstantReference", "Exponentials", "Transition"]

#: Largest condition of the eigenvectors, and entries relative to the largest that count as zero.
CONDITION, ROUNDING = 1e7, 1e-14


class Transition:
    r"""The normal law :math:`x_1 \mid x_0 \sim \mathcal N(F x_0 + c, Q)`, expressions of time or numbers.

    Attributes
    ----------
    factor, noise : (d, d) Matrix or float64
    shift : (d, 1) Matrix, or (d,) float64
    plain : bool
        Whether F and Q are multiples of the unit matrix.
    """

    def __init__(self, factor: Any, shift: Any, noise: Any, plain: bool = False) -> None:
        self.factor, self.shift, self.noise, self.plain = factor, shift, noise, plain


class Exponentials:
    r"""The law of :math:`\mathrm dx = (A x + c)\,\mathrm dt + G\,\mathrm dW` after a time s.

    Parameters
    ----------
    matrix : (d, d) float64
        A, with d independent eigenvectors.
    shift : (d,) float64
        c.
    square : (d, d) float64
        :math:`D = G G^T`.

    Raises
    ------
    DeclarationError
        If there are fewer eigenvectors.

    Examples
    --------
    >>> s = sp.Symbol("s")
    >>> Exponentials(np.array([[0.0, -2.0], [2.0, 0.0]]), np.zeros(2), np.eye(2)).at(s).factor[0, 1]
    -1.0*sin(2.0*s)
    """

    def __init__(self, matrix: np.ndarray, shift: np.ndarray, square: np.ndarray) -> None:
        self.matrix, self.offset, self.square = matrix, shift, square
        rates, vectors = np.linalg.eig(matrix)
        if np.linalg.cond(vectors) > CONDITION:
            raise DeclarationError(
                "the matrix of the drift has fewer independent eigenvectors than states; change one of its numbers a little"
            )
        left = np.linalg.inv(vectors)
        parts = [np.outer(vectors[:, k], left[k]) for k in range(len(rates))]
        self._factor = [(r, p) for r, p in zip(rates, parts, strict=True)]
        self._shift = [(r, (p @ shift)[:, None]) for r, p in zip(rates, parts, strict=True)]
        self._noise = [
            (r + o.conjugate(), p @ square @ q.conj().T)
            for r, p in zip(rates, parts, strict=True)
            for o, q in zip(rates, parts, strict=True)
        ]

    def at(self, s: Any) -> Transition:
        """After a time that is an expression; of a negative time the noise is minus that of the way back."""
        scale = float(np.abs(self.matrix).max()) or 1.0
        shift, noise = (_integrated(terms, scale) for terms in (self._shift, self._noise))
        return Transition(_written(self._factor, None, s), _written(*shift, s), _written(*noise, s))

    def numbers(self, s: float) -> Transition:
        """After a positive time, in numbers."""
        return ConstantLaw(self.matrix, self.offset, self.square).after(s)


class ConstantLaw:
    r"""The law of :math:`\mathrm dx = (A x + c)\,\mathrm dt + G\,\mathrm dW` after a time, in numbers, of any matrix.

    Parameters
    ----------
    matrix : (d, d) float64
    shift : (d,) float64
    square : (d, d) float64

    References
    ----------
    van Loan, IEEE Trans. Autom. Control 23, 395 (1978).
    """

    def __init__(self, matrix: np.ndarray, shift: np.ndarray, square: np.ndarray) -> None:
        self.matrix, self.shift, self.square = matrix, shift, square
        self._known: dict[float, Transition] = {}

    def after(self, s: float) -> Transition:
        """After a positive time."""
        key = round(s, 13)
        if key not in self._known:
            d = len(self.matrix)
            whole = expm(np.block([[self.matrix, self.shift[:, None]], [np.zeros((1, d + 1))]]) * s)
            pair = expm(np.block([[-self.matrix, self.square], [np.zeros((d, d)), self.matrix.T]]) * s)
            factor = whole[:d, :d]
            noise = factor @ pair[:d, d:]
            self._known[key] = Transition(factor, whole[:d, d], 0.5 * (noise + noise.T))
        return self._known[key]


class ConstantReference:
    """A constant law between two times.

    Parameters
    ----------
    law : ConstantLaw
    span : (float, float)
    """

    def __init__(self, law: ConstantLaw, span: tuple[float, float]) -> None:
        self.law, self.span = law, span
        self.whole = self.between(*span)

    def between(self, begin: float, end: float) -> Transition:
        """From one time to another."""
        return self.law.after(end - begin)


def _integrated(terms: list[tuple[complex, np.ndarray]], scale: float) -> tuple[list[tuple[complex, np.ndarray]], np.ndarray]:
    r"""Of :math:`\sum e^{\mu s} M` the integral from 0: exponentials, and the part that grows like s."""
    found, steady = [], np.zeros(terms[0][1].shape)
    for rate, part in terms:
        if abs(rate) < 1e-12 * scale:
            steady = steady + part.real
        else:
            found += [(rate, part / rate), (0j, -part / rate)]
    return found, steady


def _written(terms: list[tuple[complex, np.ndarray]], steady: np.ndarray | None, s: Any) -> sp.Matrix:
    """The real sum of exponentials as a matrix of expressions; conjugate pairs are cosines and sines."""
    merged: dict[complex, np.ndarray] = {}
    for rate, part in terms:
        low = rate.imag < 0
        rate, part = (np.conj(rate), np.conj(part)) if low else (rate, part)
        near = next((r for r in merged if abs(r - rate) <= 1e-12 * (1 + abs(r))), complex(rate))
        merged[near] = merged.get(near, 0) + part
    total = sp.zeros(*terms[0][1].shape)
    size = max(float(np.abs(m).max()) for m in merged.values()) or 1.0

    def numbers(m: np.ndarray) -> sp.Matrix:
        return sp.Matrix([[sp.Float(float(v)) if abs(v) > ROUNDING * size else sp.S.Zero for v in row] for row in m])

    for rate, part in merged.items():
        growth = sp.exp(sp.Float(rate.real) * s) if abs(rate.real) > 1e-15 else sp.S.One
        if abs(rate.imag) > 1e-15:
            turn = sp.Float(rate.imag) * s
            total += growth * (sp.cos(turn) * numbers(part.real) - sp.sin(turn) * numbers(part.imag))
        else:
            total += growth * numbers(part.real)
    return total if steady is None else total + s * numbers(steady)
