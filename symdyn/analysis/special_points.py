"""Folds, Hopf points and branch points on curves of steady states."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from symdyn.analysis.branch import BranchCurve, Place
from symdyn.analysis.field_branch import FieldCurve

__all__ = ["Special", "locate", "special_points"]

P = TypeVar("P")

#: Ratio of singular values to those a step away below which branches cross.
CROSSING = 1e-4
#: Imaginary parts below this share of the largest eigenvalue belong to real eigenvalues.
REAL = 1e-7

#: Share of a test function's values at the ends of a step that counts as zero where it cannot be had exactly.
NEXT = 1e-6
#: Distances, as shares of a step, at which the corrector is tried beside a point where it fails.
BESIDE = np.outer(10.0 ** np.arange(-12, -5), (-1.0, 1.0)).ravel()
#: Share of a test function's values at the ends of a step that a parabola's extremum has to be below for it to be looked at.
NEAR = 0.5


@dataclass
class Special:
    """A special point: 'fold', 'hopf' or 'branch point'; a Hopf point has a frequency."""

    kind: str
    place: Place
    frequency: float = float("nan")


def special_points(curve: BranchCurve | FieldCurve, a: Place, b: Place, before: np.ndarray, after: np.ndarray) -> list[Special]:
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
    middle = curve.step(a, length / 2)
    found: list[tuple[float, Special]] = []

    def turning(place: Place) -> float:
        return float(place.tangent[-1])

    within = None if middle is None else turning(middle)
    turns = list(_zeros(curve, a, length, turning, (turning(a), within, turning(b))))
    for at in turns:
        kind = "branch point" if curve.regularity(at[1], a) < CROSSING else "fold"
        found.append((at[0], Special(kind, at[1])))
    between = None if middle is None else curve.eigenvalues(middle)
    for j in range(before.size):

        def growth(place: Place, j: int = j) -> float:
            return float(curve.eigenvalues(place)[j].real)

        values = (float(before[j].real), None if between is None else float(between[j].real), float(after[j].real))
        for at in _zeros(curve, a, length, growth, values):
            eigenvalues = curve.eigenvalues(at[1])
            if abs(eigenvalues[j].imag) > REAL * np.abs(eigenvalues[np.isfinite(eigenvalues)]).max(initial=0):
                if not any(s.kind == "hopf" and abs(t - at[0]) < 1e-6 * abs(length) for t, s in found):
                    found.append((at[0], Special("hopf", at[1], float(abs(eigenvalues[j].imag)))))
            elif not turns:
                found.append((at[0], Special("branch point", at[1])))
    return [special for _, special in sorted(found, key=lambda pair: pair[0])]


def _zeros(
    curve: BranchCurve | FieldCurve,
    a: Place,
    length: float,
    test: Callable[[Place], float],
    values: tuple[float, float | None, float],
) -> Iterator[tuple[float, Place]]:
    """Where on the step a test function vanishes, from its values at the ends and in the middle.

    Where it has one sign at these, but the parabola through them comes close to zero, its extremum is looked for: the two
    zeros of a pair of special points are then on either side.
    """
    first, middle, last = values
    bounds = [0.0, length]
    if first * last < 0:
        pass
    elif middle is None or not first * last > 0:
        return
    elif first * middle < 0:
        bounds.insert(1, length / 2)
    else:
        bend, slope = 2 * (first - 2 * middle + last), 4 * middle - 3 * first - last
        if not bend * first > 0 or not 0 < -slope / (2 * bend) < 1:
            return
        if (first - slope**2 / (4 * bend)) * np.sign(first) > NEAR * min(abs(first), abs(last)):
            return

        def size(s: float) -> float:
            place = curve.step(a, s)
            return abs(first) + abs(last) if place is None else test(place) * np.sign(first)

        lowest = minimize_scalar(size, bounds=sorted(bounds), method="bounded", options={"xatol": 1e-9 * abs(length)})
        if not lowest.fun < 0:
            return
        bounds.insert(1, float(lowest.x))
    for low, high in itertools.pairwise(bounds):
        at = locate(lambda s: curve.step(a, s), a, (low, high), test, curve.precision)
        if at is not None:
            yield at


def locate(
    step: Callable[[float], P | None], a: P, between: tuple[float, float], test: Callable[[P], float], precision: float = 1e-14
) -> tuple[float, P] | None:
    """Where on a part of the step from `a` a test function vanishes; `step` gives the point so far away, or None."""
    low, high = between
    length = high - low
    known: dict[float, P] = {0.0: a}
    failed = low

    def value(s: float) -> float:
        nonlocal failed
        if s not in known:
            place = step(s)
            if place is None:
                failed = s
                raise ArithmeticError
            known[s] = place
        return test(known[s])

    try:
        ends = value(low), value(high)
    except ArithmeticError:
        return None
    try:
        if ends[0] * ends[1] > 0:
            return None
        s = float(brentq(value, low, high, xtol=precision * max(abs(length), 1e-3), rtol=1e-14))
        value(s)
    except ArithmeticError:  # the corrector fails where branches cross: next to it is near enough
        for offset in BESIDE * length:
            with contextlib.suppress(ArithmeticError):
                value(failed + offset)
                break
        s = min(known, key=lambda at: abs(test(known[at])))
        if s in between or abs(test(known[s])) > NEXT * max(map(abs, ends)):
            return None
    return s, known[s]
