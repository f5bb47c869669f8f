"""Figures of analyses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.given_values import name_of

__all__ = ["plot_bifurcations", "plot_cycle"]

#: One colour for each set of initial values; where there is one alone it is the first.
COLOURS = ("#1f4e79", "#c0392b", "#2a9d5c", "#e07b39", "#7d5fb2", "#303030")
#: Points in a figure above which they are drawn as an image: files of vectors would take long to show.
MANY = 5000


@styled
def plot_bifurcations(data: xr.Dataset, state: Any = None) -> Figure:
    """A bifurcation diagram: points of the attractors against the parameter, with the Lyapunov exponent below.

    Attractors from several initial values have several colours; those of earlier ones lie on top, so that others show only
    where they differ.

    Parameters
    ----------
    data : xarray.Dataset
        From `bifurcation_diagram`.
    state : Symbol or str, optional
        The first state by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If `data` is no bifurcation diagram, the parameter has one value alone, or there is no such state.

    Examples
    --------
    >>> import numpy as np
    >>> from symdyn.analysis import bifurcation_diagram
    >>> from symdyn.models import zoo
    >>> found = bifurcation_diagram(zoo.logistic_map(), "r", np.linspace(2.8, 4, 50))
    >>> [ax.get_ylabel() for ax in plot_bifurcations(found).axes]
    ['x', 'Lyapunov exponent']
    """
    parameter = data.attrs.get("parameter") if isinstance(data, xr.Dataset) else None
    if parameter is None or "sample" not in data.dims:
        raise DeclarationError(
            f"expected a dataset from bifurcation_diagram, got {type(data).__name__} without its 'parameter'"
        )
    if parameter not in data.dims:
        raise DeclarationError(
            f"the parameter {parameter} has no dim of its own; give bifurcation_diagram several values of it"
        )
    states = [str(n) for n, v in data.data_vars.items() if "sample" in v.dims]
    name = states[0] if state is None else str(state)
    if name not in states:
        raise DeclarationError(f"{name!r} is not a state of this diagram; its states: {', '.join(states)}")
    others = [d for d in data["lyapunov"].dims if d != parameter]
    values = np.asarray(data[parameter].values, dtype=float)
    points = data[name].transpose(parameter, *others, "sample").values
    exponents = data["lyapunov"].transpose(parameter, *others).values.reshape(len(values), -1)
    points = points.reshape(len(values), exponents.shape[1], -1)
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(7.0, 5.5), sharex=True, layout="constrained", height_ratios=(2.5, 1), squeeze=True
    )
    for k in range(exponents.shape[1]):
        colour, order = COLOURS[k % len(COLOURS)], 3 - k / exponents.shape[1]
        at = np.broadcast_to(values[:, None], points[:, k].shape)
        style = dict(ls="none", marker=",", color=colour, zorder=order, rasterized=points.size > MANY)
        top.plot(at.ravel(), points[:, k].ravel(), **style)
        shown = np.where(np.isfinite(exponents[:, k]), exponents[:, k], np.nan)
        below.plot(values, shown, color=colour, lw=0.8, zorder=order)
    below.axhline(0, color="#888888", lw=0.8, ls=":")
    top.set_ylabel(name)
    below.set(xlabel=parameter, ylabel="Lyapunov exponent", xlim=(values.min(), values.max()))
    return figure


@styled
def plot_cycle(data: xr.Dataset, states: Sequence[Any] | None = None) -> Figure:
    """A limit cycle in the plane of two states, and its Floquet multipliers in the complex plane with the unit circle.

    Parameters
    ----------
    data : xarray.Dataset
        From `limit_cycle`.
    states : sequence of two Symbols or str, optional
        The first two by default; the only state against time.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If `data` is no limit cycle, or there are no such states.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.analysis.limit_cycle(sd.ODESystem.from_text("x' = y; y' = (1 - x**2)*y - x"), initial={"x": 1, "y": 0})
    >>> plot_cycle(found).axes[0].get_title()
    'period 6.66329'
    """
    if not isinstance(data, xr.Dataset) or not {"period", "multiplier"} <= set(data.data_vars):
        raise DeclarationError(f"expected a dataset from limit_cycle, got {type(data).__name__} without its period")
    known = [str(name) for name, v in data.data_vars.items() if v.dims == ("time",)]
    names = known[:2] if states is None else [str(name_of(s)) for s in states]
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None or len(names) != min(2, len(known)):
        raise DeclarationError(f"{wrong or names!r} is not a state, or no pair of them; the states: {', '.join(known)}")
    figure, (orbit, circle) = plt.subplots(1, 2, figsize=(8, 4))
    pair = names if len(names) == 2 else ["time", *names]
    orbit.plot(data[pair[0]].values, data[pair[1]].values, color=COLOURS[0])
    orbit.set(xlabel=pair[0], ylabel=pair[1], title=f"period {data.period.item():.6g}")
    angle = np.linspace(0, 2 * np.pi, 200)
    circle.plot(np.cos(angle), np.sin(angle), color="0.6", linewidth=0.8)
    circle.plot(data.multiplier.values, data.multiplier_imag.values, "o", color=COLOURS[1])
    circle.set(xlabel="real part", ylabel="imaginary part", title="Floquet multipliers", aspect="equal")
    figure.tight_layout()
    return figure
