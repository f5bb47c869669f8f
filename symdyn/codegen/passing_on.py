"""Trajectories that end because a method is not the one for them, integrated again by another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from symdyn_kernels.arguments.parts import Run
from symdyn_kernels.status import STIFF

__all__ = ["passed_on"]


def passed_on(run: Run, again: Callable[[np.ndarray], Run | np.ndarray], *, ended: int = STIFF) -> tuple[Run, np.ndarray]:
    """Put runs by another method in the place of those that ended with a status.

    Parameters
    ----------
    run : Run
        Of N trajectories; changed.
    again : callable
        From places (L,) of trajectories to their run by the other method, or to its values (L, T, n) alone.  It is called once,
        if there are any.
    ended : int
        The status: by default that of explicit methods that stability limits.

    Returns
    -------
    Run
        The run, or the other one if all were passed on.
    (L,) int
        Which trajectories were passed on.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -1e5*(x - 1); x(0) = 0")
    >>> explicit, implicit = (sd.compile(decay, method=m) for m in ("tsit5", "rodas5p"))
    >>> lanes = np.zeros((2, 1)), np.zeros((2, 0)), np.array([0.0, 1.0])
    >>> def again(rows):
    ...     return implicit(lanes[0][rows], lanes[1][rows], lanes[2])
    >>> run, rows = passed_on(explicit(*lanes, detect_stiffness=True), again)
    >>> rows.tolist(), run.values[:, -1, 0].round(6).tolist()
    ([0, 1], [1.0, 1.0])
    """
    (rows,) = (run.status == ended).nonzero()
    if not rows.size:
        return run, rows
    other = again(rows)
    if isinstance(other, np.ndarray):
        run.values[rows] = other
    elif rows.size == len(run.status):
        run = other
    else:
        for mine, new in zip(run, other, strict=True):
            mine[rows] = new
    return run, rows
