"""Inputs over time as those of maps, whose time counts steps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.paths import Path, PathSlope

__all__ = ["inputs_in_steps"]

#: Rounding of a number of steps.
ROUNDING = 1e-9


def inputs_in_steps(inputs: Iterable[Path], step: sp.Expr, part: sp.Rational) -> dict[sp.Symbol, sp.Expr]:
    """From inputs and their slopes to inputs that are held, with the values at a part of every whole step.

    Those in the middle of steps have ``_middle`` behind their name, and slopes ``_slope``.

    Parameters
    ----------
    inputs : iterable of Path
    step : Expr
        A number.
    part : {0, 1/2}

    Raises
    ------
    DeclarationError
        For a step that is no number, as the values are those at its multiples, and inputs that are shorter than a step.

    Examples
    --------
    >>> u = Path("u", [0, 1], [0, 4])
    >>> inputs_in_steps([u], sp.Rational(1, 4), sp.Rational(1, 2))[u].curves[0].values.tolist()
    [0.5, 1.5, 2.5, 3.5, 4.0]
    """
    listed = list(inputs)
    if listed and not step.is_number:
        raise DeclarationError(
            f"the input {listed[0]} has its values at multiples of the step, which is {step}: give the step as a number"
        )
    found: dict[sp.Symbol, sp.Expr] = {}
    for path in listed:
        name = path.name if part == 0 else f"{path.name}_middle"
        found[path] = _sampled(path, name, float(step), float(part), False)
        if path.degree:
            found[PathSlope(path)] = _sampled(path, f"{name}_slope", float(step), float(part), True)
    return found


def _sampled(path: Path, name: str, h: float, part: float, slope: bool) -> Path:
    courses = np.empty(len(path.curves), object)
    for k, curve in enumerate(path.curves):
        first, last = np.ceil(curve.times[0] / h - ROUNDING), np.floor(curve.times[-1] / h + ROUNDING)
        if last <= first:
            raise DeclarationError(
                f"the input {path} is known from {curve.times[0]:g} to {curve.times[-1]:g}, and not for a step of {h:g}"
            )
        counts = np.arange(first, last + 1)
        at = np.clip(h * (counts + part), curve.times[0], curve.times[-1])  # no step begins at the last one
        courses[k] = Path(name, counts, curve(at, slope=slope), "hold")
    return courses[0].with_curves(list(courses) if path.along is None else path.along.copy(data=courses))
