"""Figures of recovered fields: snapshots of data and of the first system, and the evidence of terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.figures import panels
from symdyn.figure_style import COLOURS, styled

__all__ = ["draw"]

#: Snapshots in a figure.
SHOWN = 5


@styled
def draw(recovery: FieldRecovery, *, axes: Any = None) -> Any:
    """Snapshots of every field with the run of the first system, and how sure each term is.

    Parameters
    ----------
    recovery : FieldRecovery
    axes : sequence of matplotlib Axes, optional
        One for each field, then one for the terms; made unless given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    RecoveryError
        If there are fewer axes than panels.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd, xarray as xr
    >>> u, f = sp.Symbol("u"), sp.Function("f")
    >>> t, x = np.linspace(0, 2, 21), np.linspace(0, 1, 16, endpoint=False) + 1 / 32
    >>> shape = np.exp(-t)[:, None] * (2 + np.cos(2 * np.pi * x))
    >>> data = xr.Dataset({"u": (("time", "x"), shape)}, {"time": t, "x": x})
    >>> found = sd.recover(sd.PDESystem({u: f(u)}, domain=(0, 1), boundary="periodic"), data, library=1, progress=False)
    >>> [axis.get_xlabel() for axis in found.plot().axes]
    ['x', 'evidence that the term belongs to the equations']
    """
    count = len(recovery.system.fields) + 1
    axes = panels(axes, count, "one for each field and one for the terms", (7, 2.6))
    for axis, f in zip(axes, recovery.system.fields, strict=False):
        _draw_field(recovery, axis, f)
    _draw_terms(recovery, axes[count - 1])
    return axes[0].figure


def _draw_field(recovery: FieldRecovery, axis: Any, f: sp.Symbol) -> None:
    """Snapshots along the first axis of space, in the middle of the second."""
    data, i = recovery.observations, recovery.observations.fields.index(f.name)
    run, places = data.trajectories[0], data.positions
    middle = tuple(len(p) // 2 for p in places[1:])
    picked = np.unique(np.linspace(0, len(run.times) - 1, SHOWN).round().astype(int))
    for row, k in enumerate(picked):
        color = COLOURS[row % len(COLOURS)]
        axis.plot(places[0], run.values[(k, i, slice(None), *middle)], ".", ms=3, color=color, alpha=0.6)
        if recovery.fitted:
            line = recovery.fitted[0][f.name].isel(dict(zip([s.name for s in recovery.system.space[1:]], middle, strict=True)))
            axis.plot(places[0], line.sel(time=run.times[k], method="nearest"), color=color, lw=1.4,
                      label=f"{recovery.system.time} = {run.times[k]:.3g}")  # fmt: skip
    axis.set(xlabel=recovery.system.space[0].name, ylabel=f.name, title="data (dots) and recovered system (lines)")
    if recovery.fitted:
        axis.legend(frameon=False, fontsize="small")


def _draw_terms(recovery: FieldRecovery, axis: Any) -> None:
    """Evidence of the terms that have most of it."""
    shown = recovery.inclusion.head(8)[::-1]
    axis.barh([f"{t} in {u}" for u, t in zip(shown["unknown"], shown["term"], strict=True)], shown["weight"], color="0.6")
    axis.set(xlim=(0, 1), xlabel="evidence that the term belongs to the equations")
