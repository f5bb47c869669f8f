"""Where eigenvalues cross the imaginary axis along lines of a parameter plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.cells._hopf_condition import HopfCondition, HopfPoint
from symdyn.cells.asymptotic import modes, rest, unstable_count
from symdyn.cells.spectrum import Spectrum
from symdyn.models.colony import BulkCellSystem

__all__ = ["crossings", "near_vector"]

#: Real parts at which eigenvalues are sought next to a change of their number.
BESIDE = 0.2


def crossings(
    colony: BulkCellSystem, condition: HopfCondition, fixed: Mapping[Any, float], name: str, values: np.ndarray
) -> list[tuple[HopfPoint, tuple[int, int]]]:
    """Hopf points along a line, where the number of growing eigenvalues changes from one value to the next.

    Parameters
    ----------
    colony : BulkCellSystem
    condition : HopfCondition
    fixed : mapping
        The other parameters.
    name : str
        The parameter that varies, over `values`, which increase.

    Returns
    -------
    list of (HopfPoint, (int, int))
        Each with the numbers of growing eigenvalues at the values before and after.
    """
    counts = [unstable_count(colony, {**fixed, name: v}) for v in values]
    found: list[tuple[HopfPoint, tuple[int, int]]] = []
    for i in np.flatnonzero(np.diff(counts)):
        low, high = float(values[i]), float(values[i + 1])
        there: list[HopfPoint] = []
        for at in (np.sqrt(low * high), low, high):
            here = {**fixed, name: at}
            near = modes(colony, here, _strip(colony, here))
            for k in np.flatnonzero(near.eigenvalues.imag > 1e-9).tolist():
                point = condition.solve(here, float(near.eigenvalues[k].imag), near_vector(near, k), free=(name,))
                if point is not None and low <= point.parameters[name] <= high and not any(point.same(q) for q in there):
                    there.append(point)
            if 2 * len(there) >= abs(counts[i + 1] - counts[i]):
                break
        found += [(point, (counts[i], counts[i + 1])) for point in there]
    return found


def near_vector(spectrum: Spectrum, k: int) -> np.ndarray:
    """Sources and states of a mode, which distinguish it from others of similar frequency."""
    return np.concatenate([spectrum.sources[:, k], spectrum.states[:, k]])


def _strip(colony: BulkCellSystem, parameters: Mapping[Any, float]) -> tuple[float, float, float, float]:
    """A region beside the imaginary axis as high as growing eigenvalues may lie."""
    bulk, found = rest(colony, parameters)
    reach = float(np.abs(bulk.values.kinetics.jacobian(found.u)).sum(axis=1).max())
    decay = 1 / float(bulk.values.delay.max())
    return (-min(BESIDE, 0.7 * decay), BESIDE, 1e-4 * reach, reach)
