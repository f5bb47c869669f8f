"""Figures of what a fit leaves open: residuals, profiles, correlations, and where starts ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from scipy.stats import norm

from symdyn.errors import RecoveryError
from symdyn.figure_style import COLOURS, styled
from symdyn.given_values import listed, lookup
from symdyn.inference.fits import Fit
from symdyn.inference.profiles import profile

__all__ = ["correlations_of", "draw_correlations", "draw_parameters", "draw_profiles", "draw_residuals"]

#: Panels in a row, and their width and height in inches.
ROW, PANEL = 4, (2.9, 2.5)
#: Values, to either side, at which a profile is drawn.
POINTS = 11
#: Most names that are written along an axis.
MOST = 40


def correlations_of(fit: Fit) -> pd.DataFrame:
    r"""Correlations of the fitted values by Laplace's approximation, :math:`C_{ij}/\sqrt{C_{ii} C_{jj}}`.

    They are of the coordinates, logarithms where `scales` says so or bounds are positive; NaN where the data do not tell.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> table = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data).correlations
    >>> table.shape, bool(0 < table.loc["k", "x(0)"] < 1)
    ((2, 2), True)
    """
    facts = fit.information
    deviation = np.sqrt(np.maximum(np.diag(facts.covariance), 0.0))
    deviation = np.where(facts.undetermined | (deviation == 0), np.nan, deviation)
    names = list(facts.names)
    return pd.DataFrame(facts.covariance / np.outer(deviation, deviation), index=names, columns=names)


@styled
def draw_correlations(fit: Fit, *, ax: Any = None) -> Any:
    """Correlations of the fitted values: blue where both are too large together, red where one makes up for the other.

    Parameters
    ----------
    fit : Fit
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> axis = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data).plot_correlations()
    >>> [label.get_text() for label in axis.get_yticklabels()]
    ['k', 'x(0)']
    """
    table = correlations_of(fit)
    size = 1.6 + 0.32 * min(len(table), MOST)
    ax = _axes(1, (size + 0.8, size))[0] if ax is None else ax
    shown = ax.imshow(table.to_numpy(), vmin=-1, vmax=1, cmap="RdBu")
    if len(table) <= MOST:
        ax.set_xticks(range(len(table)), list(table), rotation=90)
        ax.set_yticks(range(len(table)), list(table.index))
    for side in ax.spines.values():
        side.set_visible(False)
    ax.figure.colorbar(shown, ax=ax, shrink=0.8, label="correlation")
    return ax


@styled
def draw_residuals(fit: Fit, *, axes: Any = None) -> Any:
    """Residuals over their scale along time, a panel for each observable, and their quantiles against the normal law.

    Of a model that holds they lie about 0 without a course, and the last panel is the diagonal; counts with few events are no
    normal law.

    Parameters
    ----------
    fit : Fit
        Of a system without randomness; not of a PEtab problem.
    axes : sequence of Axes, optional
        One for each observable, and one more.

    Returns
    -------
    Figure

    Raises
    ------
    RecoveryError
        If the number of axes is not that of the observables and one more.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> len(sd.fit(sd.ODESystem.from_text("x' = -k*x"), data).plot_residuals().axes)
    2
    """
    table = fit.residuals
    names = list(dict.fromkeys(table["observable"]))
    axes = _axes(len(names) + 1) if axes is None else list(axes)
    if len(axes) != len(names) + 1:
        raise RecoveryError(f"axes are {len(axes)}; expected {len(names) + 1}, one for each observable and one for quantiles")
    for axis, name in zip(axes, names, strict=False):
        for k, (_, own) in enumerate(table[table["observable"] == name].groupby("trajectory", sort=False)):
            axis.plot(own["time"], own["residual"], "o", color=COLOURS[k % len(COLOURS)], ms=3)
        axis.axhline(0, color="0.6", lw=0.8)
        axis.set(xlabel="time", ylabel=f"residual of {name}")
    last = axes[-1]
    for k, name in enumerate(names):
        own = np.sort(table.loc[table["observable"] == name, "residual"].to_numpy())
        last.plot(norm.ppf((np.arange(len(own)) + 0.5) / len(own)), own, "o", color=COLOURS[k % len(COLOURS)], ms=3, label=name)
    ends = np.array(last.get_xlim())
    last.plot(ends, ends, color="0.6", lw=0.8)
    last.set(xlabel="normal quantile", ylabel="residual")
    if len(names) > 1:
        last.legend()
    return last.figure


@styled
def draw_profiles(fit: Fit, names: Iterable[Any] | Any | None = None, *, axes: Any = None) -> Any:
    """Profile likelihoods: twice the fall of the log posterior along each parameter, the others fitted again.

    The line is the threshold of `Fit.level`; where a curve crosses it the interval ends, and where it does not the data leave
    the value open.

    Parameters
    ----------
    fit : Fit
    names : str, Symbol, Dataset of `Fit.profile`, or iterable of these, optional
        All fitted parameters unless given.  Profiles that take long are computed before, with a budget and a checkpoint.
    axes : sequence of Axes, optional
        One for each.

    Returns
    -------
    Figure

    Raises
    ------
    RecoveryError
        If the number of axes is not that of profiles, or a dataset is none of a fitted parameter.
    DeclarationError
        If a name is none of the fitted parameters.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> figure = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data).plot_profiles("k")
    >>> figure.axes[0].get_xlabel()
    'k'
    """
    known = [sp.Symbol(n) for n in fit.problem.names]
    chosen: list[Any] = list(fit.problem.names)
    if names is not None:
        given = [names] if isinstance(names, xr.Dataset) else listed(names)
        chosen = [g if isinstance(g, xr.Dataset) else lookup(g, known, "fitted parameter").name for g in given]
    if foreign := [g for g in chosen if isinstance(g, xr.Dataset) and g.attrs.get("parameter") not in fit.problem.names]:
        raise RecoveryError(
            f"a dataset with the attributes {dict(foreign[0].attrs)} is no profile of {', '.join(fit.problem.names)}; take "
            "what fit.profile returned"
        )
    axes = _axes(len(chosen)) if axes is None else list(axes)
    if len(axes) != len(chosen) or not chosen:
        raise RecoveryError(f"axes are {len(axes)}; expected one for each of {len(chosen)} profiles")
    columns = {c.name: c for c in fit.problem.columns}
    for axis, wanted in zip(axes, chosen, strict=True):
        curve = wanted if isinstance(wanted, xr.Dataset) else profile(fit, wanted, points=POINTS)
        name = curve.attrs["parameter"]
        inside = curve.ratio <= 4 * float(curve.threshold)
        axis.plot(curve.value[inside], curve.ratio[inside], "o-", ms=3)
        axis.plot(float(curve.estimate), 0, "*", ms=8, color=COLOURS[1])
        axis.axhline(float(curve.threshold), color="0.6", lw=0.8, ls="--")
        axis.set(xlabel=name, ylabel="2 (log posterior below)", ylim=(-0.2, 4.2 * float(curve.threshold)))
        if columns[name].logarithmic:
            axis.set_xscale("log")
            _plain_ticks(axis)
    return axes[0].figure


def _plain_ticks(axis: Any) -> None:
    """A few plain numbers on a logarithmic axis of less than a decade, where all minor ticks would be labelled."""
    from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

    low, high = axis.get_xlim()
    if high < 10 * low:
        axis.xaxis.set_major_locator(MaxNLocator(3))
        axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())


@styled
def draw_parameters(fit: Fit, *, below: float = 10.0, ax: Any = None) -> Any:
    """Where starts ended, a line for each: values as shares of the range that the starts reached, the best optimum in front.

    Lines that coincide tell that an optimum is found again and again; a fan at one parameter, that it is not determined.

    Parameters
    ----------
    fit : Fit
    below : float
        Starts whose log posterior is further below the best are left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    RecoveryError
        If ``below`` is not positive, or nothing but initial values is fitted.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> axis = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data, starts=6).plot_parameters()
    >>> [label.get_text() for label in axis.get_yticklabels()]
    ['k']
    """
    if not below > 0:
        raise RecoveryError(f"below is {below!r}; expected a positive difference of log posteriors")
    columns, best = fit.problem.columns, fit.ends["log_posterior"].max()
    if not columns:
        raise RecoveryError("nothing but initial values is fitted; there are no parameters to draw")
    ends = fit.ends[fit.ends["log_posterior"] > best - below].sort_values("log_posterior")
    points = np.stack([np.asarray(c.coordinate(ends[c.name].to_numpy())) for c in columns], axis=-1)
    low, high = points.min(axis=0), points.max(axis=0)
    width = np.where(high - low > 1e-6 * np.maximum(np.abs(high), 1.0), high - low, np.inf)
    places = np.where(np.isfinite(width), (points - low) / width, 0.5)
    ax = _axes(1, (4.2, 1.2 + 0.25 * min(len(columns), MOST)))[0] if ax is None else ax
    for row, value in zip(places, ends["log_posterior"], strict=True):
        near = best - value < 0.1
        ax.plot(
            row, np.arange(len(columns)), "o-", ms=3, color=COLOURS[1] if near else "0.7", lw=1.2 if near else 0.8, alpha=0.8
        )
    if len(columns) <= MOST:
        ax.set_yticks(range(len(columns)), [c.name for c in columns])
    ax.set(xlabel="share of the range reached", xlim=(-0.05, 1.05))
    ax.invert_yaxis()
    return ax


def _axes(count: int, size: tuple[float, float] = PANEL) -> list[Any]:
    """Axes of a figure of their own, four in a row."""
    from matplotlib import pyplot

    across = min(count, ROW)
    down = -(-count // across) if count else 1
    _, grid = pyplot.subplots(
        down, max(across, 1), figsize=(size[0] * max(across, 1), size[1] * down), layout="constrained", squeeze=False
    )  # fmt: skip
    for axis in grid.ravel()[count:]:
        axis.remove()
    return list(grid.ravel()[:count])
