"""Verdicts: whether a closure is valid, its kind of error if not, and the comparison of orders that reveals it."""

from __future__ import annotations

import numpy as np

from symdyn.projection.statistics import relative_errors
from symdyn.studies._cell import Cell
from symdyn.studies._reference import Reference

__all__ = ["MEANINGS", "VERDICTS", "errors", "gap", "usable", "verdict"]

#: Meanings of the verdicts, from best to worst.
MEANINGS = {
    "valid": "one usable steady state, reached from every start, with means and standard deviations within the tolerance",
    "unchecked": "one usable steady state, reached from every start; no exact moments to compare with",
    "inaccurate": "one usable steady state, reached from every start, but not within the tolerance",
    "several": "several stable steady states: the moments depend on the initial condition, those of the master equation do not",
    "oscillates": "a sustained oscillation of the means, which the master equation cannot have",
    "unphysical": "negative means or variances, or an indefinite covariance matrix, in the state that is reached or on the way",
    "diverges": "the moments become infinite in finite time from some start",
    "undecided": "none of these could be shown: a longer t_end may decide",
    "failed": "no answer; see the attribute 'failures'",
}
VERDICTS = tuple(MEANINGS)


def usable(cell: Cell) -> np.ndarray:
    """Indices of the stable steady states with physical moments."""
    return np.flatnonzero(cell.stable & cell.physical)


def errors(cell: Cell, reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors (s,) of means and standard deviations of the usable state; NaN unless there is exactly one."""
    found = usable(cell)
    if found.size != 1:
        return (np.full(reference.mean.shape, np.nan),) * 2
    variances = np.diag(cell.covariance[found[0]]), np.diag(reference.covariance)
    return relative_errors(cell.mean[found[0]], variances[0], reference.mean, variances[1])


def verdict(cell: Cell, reference: Reference, tolerance: float) -> str:
    """The verdict on a closure at one order and volume: the worst that applies."""
    if cell.error:
        return "failed"
    if np.isfinite(cell.blow_up).any():
        return "diverges"
    found = usable(cell)
    if found.size == 0 and cell.swing.max(initial=0) == 0:
        return "unphysical" if cell.stable.any() or np.isfinite(cell.unphysical).any() else "undecided"
    if cell.swing.max(initial=0) > 0:
        return "oscillates"
    if np.isfinite(cell.unphysical).any() or (cell.stable & ~cell.physical).any():
        return "unphysical"
    if found.size > 1:
        return "several"
    if (cell.reached != found[0]).any():
        return "undecided"
    if reference.source == "none":
        return "unchecked"
    off = np.abs(np.concatenate(errors(cell, reference)))
    return "valid" if np.nanmax(off, initial=0.0) <= tolerance else "inaccurate"


def gap(cell: Cell, following: Cell) -> float:
    """Indicator of error without exact moments: the difference of two orders.

    The largest relative difference of means and standard deviations of their usable states, or infinity if one has
    another number of usable states, oscillates or diverges where the other does not.
    """
    a, b = usable(cell), usable(following)
    ends = [(bool((c.swing > 0).any()), bool(np.isfinite(c.blow_up).any())) for c in (cell, following)]
    if cell.error or following.error or a.size != b.size or ends[0] != ends[1]:
        return np.inf
    if a.size == 0:
        return np.nan
    with np.errstate(all="ignore"):
        order = [c.mean[i][np.lexsort(c.mean[i].T[::-1])] for c, i in ((cell, a), (following, b))]
        means = np.abs(order[0] / order[1] - 1)
        roots = [np.sqrt(np.diagonal(c.covariance[i], axis1=1, axis2=2)) for c, i in ((cell, a), (following, b))]
        spreads = np.abs(np.sort(roots[0], axis=0) / np.sort(roots[1], axis=0) - 1)
    return float(np.nanmax(np.concatenate([means, spreads])))
