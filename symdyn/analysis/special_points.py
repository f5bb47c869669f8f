"""Folds, Hopf points and branch points on curves of steady states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from symdyn.analysis.branch import BranchCurve, Place

__all__ = ["Special", "special_points"]

#: Ratio of singular values to those a step away below which branches cross.
CROSSING = 1e-4
#: Imaginary parts below this share of the largest eigenvalue belong to real eigenvalues.
REAL = 1e-7

#: Share of a test function's values at the ends of a step that counts as zero where it cannot be had exactly.
NEXT = 1e-6


@dataclass
class Special:
    """A special point: 'fold', 'hopf' or 'branch point'; a Hopf point has a frequency."""

    kind: str
    place: Place
    frequency: float = float("nan")


def special_points(curve: BranchCurve, a: Place, b: Place, before: np.ndarray, after: np.ndarray) -> list[Special]:
    """Special points between two neighbouring points of a curve, in their order.

    A fold is where the tangent has no component along the parameter; a Hopf point where a pair of eigenvalues crosses the
    imaginary axis; a branch point where a real one does and there is no fold, or where the derivatives lose rank.

    Parameters
    ----------
    curve : BranchCurve
    a, b : Place
        `b` is one step from `a`.
    before, after : (n,) complex
        Eigenvalues at `a` and `b`, sorted by falling real part.
    """
    length = float(np.append((b.x - a.x) / a.scale, b.q - a.q) @ a.tangent)
    found: list[tuple[float, Special]] = []
    folded = False
    if a.tangent[-1] * b.tangent[-1] < 0:
        at = _locate(curve, a, length, lambda place: float(place.tangent[-1]))
        if at is not None:
            folded = True
            kind = "branch point" if curve.regularity(at[1], a) < CROSSING else "fold"
            found.append((at[0], Special(kind, at[1])))
    for j in _crossings(before, after):
        at = _locate(curve, a, length, lambda place, j=j: float(curve.eigenvalues(place)[j].real))  # type: ignore[misc]
        if at is None:
            continue
        values = curve.eigenvalues(at[1])
        if abs(values[j].imag) > REAL * np.abs(values).max():
            if not any(s.kind == "hopf" and abs(t - at[0]) < 1e-6 * abs(length) for t, s in found):
                found.append((at[0], Special("hopf", at[1], float(abs(values[j].imag)))))
        elif not folded:
            found.append((at[0], Special("branch point", at[1])))
    return [special for _, special in sorted(found, key=lambda pair: pair[0])]


def _crossings(before: np.ndarray, after: np.ndarray) -> Iterator[int]:
    """Positions in the sorted eigenvalues whose real parts change sign."""
    for j, (u, v) in enumerate(zip(before, after, strict=True)):
        if u.real * v.real < 0:
            yield j


def _locate(curve: BranchCurve, a: Place, length: float, test: Callable[[Place], float]) -> tuple[float, Place] | None:
    """Where on the step a test function vanishes."""
    known: dict[float, Place] = {0.0: a}

    def value(s: float) -> float:
        if s not in known:
            place = curve.step(a, s)
            if place is None:
                raise ArithmeticError
            known[s] = place
        return test(known[s])

    try:
        ends = value(0.0), value(length)
        if ends[0] * ends[1] > 0:
            return None
        s = float(brentq(value, 0.0, length, xtol=1e-14 * max(abs(length), 1e-3), rtol=1e-14))
        value(s)
    except ArithmeticError:  # the corrector fails where branches cross: next to it is near enough
        s = min(known, key=lambda at: abs(test(known[at])))
        if s in (0.0, length) or abs(test(known[s])) > NEXT * max(map(abs, ends)):
            return None
    return s, known[s]
