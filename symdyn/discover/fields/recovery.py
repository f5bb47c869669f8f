"""What `recover` hands back for fields."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.models.pde import PDESystem

__all__ = ["FieldRecovery"]

#: Snapshots in a figure.
SHOWN = 5


@dataclass(frozen=True, kw_only=True, repr=False)
class FieldRecovery(Recovery):
    """Ranked systems of fields with the unknown terms filled in; see `Recovery` for what all of them have.

    Attributes
    ----------
    system : PDESystem
        Of the declared domain and boundary; it simulates on other grids and from other starts.
    table : DataFrame
        ``rms`` is the error of a run from the start, relative to the size of the fields; ``one_step`` is NaN.
    starts : tuple of (trajectories, fields, *cells) float64
        One array: the initial fields from which the data were fitted, on the grid of the fit.
    fitted : tuple of Dataset
        For each experiment the run of the first system from its start, at the times and places of the data.
    method : {'simulation', 'weak form'}
        Where the values come from.
    """

    system: PDESystem
    systems: tuple[PDESystem, ...]
    fitted: tuple[xr.Dataset, ...] = field(default=())
    method: str = "simulation"

    def plot(self, *, axes: Any = None) -> Any:
        """Snapshots of every field with the run of the first system, and how sure each term is.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for each field, then one for the terms; made unless given.

        Returns
        -------
        matplotlib.figure.Figure
        """
        count = len(self.system.fields) + 1
        if axes is None:
            pyplot = importlib.import_module("matplotlib.pyplot")
            _, axes = pyplot.subplots(count, 1, figsize=(7, 2.6 * count), layout="constrained", squeeze=False)
        axes = np.ravel(axes)
        if len(axes) < count:
            raise RecoveryError(f"plot got {len(axes)} axes; expected {count}, one for each field and one for the terms")
        for axis, f in zip(axes, self.system.fields, strict=False):
            self._plot_field(axis, f)
        self._plot_terms(axes[count - 1])
        return axes[0].figure

    def _plot_field(self, axis: Any, f: sp.Symbol) -> None:
        """Snapshots along the first axis of space, in the middle of the second."""
        data, i = self.observations, self.observations.fields.index(f.name)
        run, places = data.trajectories[0], data.positions
        middle = tuple(len(p) // 2 for p in places[1:])
        picked = np.unique(np.linspace(0, len(run.times) - 1, SHOWN).round().astype(int))
        for row, k in enumerate(picked):
            color = f"C{row}"
            axis.plot(places[0], run.values[(k, i, slice(None), *middle)], ".", ms=3, color=color, alpha=0.6)
            if self.fitted:
                line = self.fitted[0][f.name].isel(dict(zip([s.name for s in self.system.space[1:]], middle, strict=True)))
                axis.plot(places[0], line.sel(time=run.times[k], method="nearest"), color=color, lw=1.4,
                          label=f"{self.system.time} = {run.times[k]:.3g}")  # fmt: skip
        axis.set(xlabel=self.system.space[0].name, ylabel=f.name, title="data (dots) and recovered system (lines)")
        if self.fitted:
            axis.legend(frameon=False, fontsize="small")

    def _plot_terms(self, axis: Any) -> None:
        """Evidence of the terms that have most of it."""
        shown = self.inclusion.head(8)[::-1]
        axis.barh([f"{t} in {u}" for u, t in zip(shown["unknown"], shown["term"], strict=True)], shown["weight"], color="0.6")
        axis.set(xlim=(0, 1), xlabel="evidence that the term belongs to the equations")
