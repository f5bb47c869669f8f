"""Figures of branches of steady states and limit cycles."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.given_values import name_of

__all__ = ["plot_continuation"]

#: Colours of steady states and of cycles.
STEADY, CYCLES = "#1f4e79", "#2a9d5c"
#: Marks of special points.
MARKS = {
    "fold": ("o", "#303030"), "hopf": ("s", "#c0392b"), "branch point": ("x", "#303030"), "period doubling": ("D", "#7d5fb2"),
    "torus": ("^", "#e07b39"),
}  # fmt: skip


@styled
def plot_continuation(*branches: xr.Dataset, state: Any = None) -> Figure:
    """Branches of steady states and of limit cycles against the parameter, with their special points.

    Of cycles the greatest and the least value of the state are drawn, and the period below; of fields the root mean square over
    the positions.  Stable ones are solid lines.

    Parameters
    ----------
    *branches : xarray.Dataset
        From `continuation` and `continue_cycle`, of the same parameter.
    state : Symbol or str, optional
        The first state by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If these are no branches, or of several parameters, or there is no such state.

    Examples
    --------
    >>> import symdyn as sd
    >>> brusselator = sd.ODESystem.from_text("x' = 1 - (b + 1)*x + x**2*y; y' = b*x - x**2*y")
    >>> rest = sd.analysis.continuation(brusselator, "b", (1, 4), start={"x": 1, "y": 1}, at=1)
    >>> hopf = rest.isel(point=(rest.special == "hopf").values).isel(point=0)
    >>> cycles = sd.analysis.continue_cycle(brusselator, "b", (1, 3), start=hopf)
    >>> [ax.get_ylabel() for ax in plot_continuation(rest, cycles).axes]
    ['x', 'period']
    """
    parameter = _parameter(branches)
    branches = tuple(b if "node" in b.dims else _sizes(b) for b in branches)
    states = [str(n) for n in branches[0].data_vars if str(n) in _states(branches[0])]
    name = states[0] if state is None else str(name_of(state))
    missing = next((b for b in branches if name not in _states(b)), None)
    if missing is not None:
        raise DeclarationError(f"{name!r} is not a state of a branch; its states: {', '.join(_states(missing))}")
    periodic = [b for b in branches if "node" in b.dims]
    rows = 2 if periodic else 1
    figure, axes = plt.subplots(
        rows, 1, figsize=(7.0, 3.2 + 1.6 * rows), sharex=True, layout="constrained", squeeze=False,
        height_ratios=(2.2, 1)[:rows],
    )  # fmt: skip
    top = axes[0, 0]
    shown: dict[str, Any] = {}
    for branch in branches:
        at, stable = branch[parameter].values, branch["stable"].values
        curves, colour = [branch[name].values], STEADY
        if "node" in branch.dims:
            curves, colour = [branch[name].max("node").values, branch[name].min("node").values], CYCLES
            _lines(axes[1, 0], at, branch["period"].values, stable, colour)
            _marks(axes[1, 0], at, branch["period"].values, branch["special"].values, {})
        for values in curves:
            _lines(top, at, values, stable, colour)
            _marks(top, at, values, branch["special"].values, shown)
    if shown:
        top.legend(list(shown.values()), list(shown), frameon=False, fontsize=8)
    top.set_ylabel(f"root mean square of {name}" if branches[0][name].attrs.get("spread") else name)
    axes[-1, 0].set_xlabel(parameter)
    if periodic:
        axes[1, 0].set_ylabel("period")
        periods = np.concatenate([b["period"].values for b in periodic])
        if periods.max() > 20 * periods.min():
            axes[1, 0].set_yscale("log")
    return figure


def _parameter(branches: tuple[Any, ...]) -> str:
    """The one parameter of all branches."""
    for branch in branches:
        if not isinstance(branch, xr.Dataset) or "parameter" not in branch.attrs or "point" not in branch.dims:
            raise DeclarationError(f"expected datasets from continuation or continue_cycle, got {type(branch).__name__}")
    names = sorted({str(b.attrs["parameter"]) for b in branches})
    if len(names) != 1:
        raise DeclarationError(f"expected one branch or more of one parameter, got {', '.join(names) or 'none'}")
    return names[0]


def _sizes(branch: xr.Dataset) -> xr.Dataset:
    """A branch with the root mean square over all positions in the place of each field."""
    spread = {n: [d for d in v.dims if d != "point"] for n, v in branch.data_vars.items() if len(v.dims) > 1}
    found = {n: ((branch[n] ** 2).mean(dims) ** 0.5).assign_attrs(spread=1) for n, dims in spread.items()}
    return branch.assign(found)


def _states(branch: xr.Dataset) -> list[str]:
    """States of a branch: variables of the points, or of their orbits, that are not columns of the result."""
    if "node" in branch.dims:
        return [str(n) for n, v in branch.data_vars.items() if v.dims == ("point", "node")]
    columns = {"stable", "eigenvalue_real", "eigenvalue_imag", "special", "frequency"}
    return [str(n) for n, v in branch.data_vars.items() if v.dims == ("point",) and n not in columns]


def _lines(ax: Any, at: np.ndarray, values: np.ndarray, stable: np.ndarray, colour: str) -> None:
    """A curve, solid where it is stable; each part begins where the former ends."""
    ends = [0, *(np.flatnonzero(stable[1:] != stable[:-1]) + 1), len(stable)]
    for first, last in itertools.pairwise(ends):
        piece = slice(max(first - 1, 0), last)
        solid = bool(stable[first])
        ax.plot(at[piece], values[piece], color=colour, lw=1.6 if solid else 1.0, ls="-" if solid else (0, (3, 2)))


def _marks(ax: Any, at: np.ndarray, values: np.ndarray, special: np.ndarray, shown: dict[str, Any]) -> None:
    """Special points, with one handle of each kind for the legend."""
    for kind, (mark, colour) in MARKS.items():
        here = special == kind
        if here.any():
            (shown[kind],) = ax.plot(at[here], values[here], ls="none", marker=mark, color=colour, ms=5, zorder=4)
