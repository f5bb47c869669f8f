"""Where eigenvalues cross the imaginary axis along lines of a parameter plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.cells._hopf_condition import HopfCondition, Point

if TYPE_CHECKING:
    from symdyn.cells.colony import BulkCellSystem
    from symdyn.cells.spectrum import Spectrum

__all__ = ["crossings", "near_vector"]

#: Real parts at which eigenvalues beside a change of their number are looked for.
BESIDE = 0.2


def crossings(
    colony: BulkCellSystem, condition: HopfCondition, fixed: Mapping[Any, float], name: str, values: np.ndarray
) -> list[tuple[Point, tuple[int, int]]]:
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
    list of (Point, (int, int))
        Each with the numbers of growing eigenvalues at the values before and after.
    """
    counts = [colony.unstable_count({**fixed, name: v}) for v in values]
    found: list[tuple[Point, tuple[int, int]]] = []
    for i in np.flatnonzero(np.diff(counts)):
        low, high = float(values[i]), float(values[i + 1])
        there: list[Point] = []
        for at in (np.sqrt(low * high), low, high):
            modes = colony.modes({**fixed, name: at}, _strip(colony, {**fixed, name: at}))
            for k in range(len(modes)):
                if modes.eigenvalues[k].imag <= 1e-9:
                    continue
                point = condition.solve(
                    {**fixed, name: at}, float(modes.eigenvalues[k].imag), near_vector(modes, k), free=(name,)
                )
                if point is not None and low <= point.parameters[name] <= high and not any(point.same(q) for q in there):
                    there.append(point)
            if 2 * len(there) >= abs(counts[i + 1] - counts[i]):
                break
        found += [(point, (counts[i], counts[i + 1])) for point in there]
    return found


def near_vector(modes: Spectrum, k: int) -> np.ndarray:
    """Sources and states of a mode, which tell it from others of about its frequency."""
    return np.concatenate([modes.sources[:, k], modes.states[:, k]])


def _strip(colony: BulkCellSystem, parameters: Mapping[Any, float]) -> tuple[float, float, float, float]:
    """A region beside the imaginary axis as high as growing eigenvalues may lie."""
    values = colony.values(parameters)
    reach = float(np.abs(values.kinetics.jacobian(colony._steady(parameters).u)).sum(axis=1).max())
    decay = 1 / float(values.delay.max())
    return (-min(BESIDE, 0.7 * decay), BESIDE, 1e-4 * reach, reach)
