"""Trajectories drawn against time: of one run, of an ensemble, of a sweep, by one call."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.figure_style import COLOURS, styled
from symdyn.given_values import listed, name_of
from symdyn.registry import suggest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

#: Runs of an ensemble that are drawn one by one, and most values of a sweep.
RUNS, VALUES = 20, 10
#: Lines of variables, one for each turn of the colours.
STYLES = ("-", "--", ":", "-.")
#: Axes of space, of simulated fields.
AXES = ("x", "y", "z", "vertex")


@styled
def plot(data: xr.Dataset, names: Any = None, *, ax: Axes | None = None) -> Figure:
    """Draw the states and observables of a simulation against time.

    A single run is a line for each variable.  Of an ensemble the mean is a line, the band contains nine tenths of the runs, and
    some runs are drawn thinly; of means with standard deviations or variances (``reduce=``) the band is one standard deviation
    wide on each side, and of quantiles the line is the level nearest to the median, the band lies between the outermost.  The
    values of a sweep have a line each, ten at most, which are spread over the sweep.  Missing values are left out.

    Parameters
    ----------
    data : Dataset
        As `simulate` returns it, or a part of it, ``data.sel(k=2)``.
    names : str, Symbol or sequence of them, optional
        What is drawn; all states and observables unless given.
    ax : Axes, optional
        Where to draw; a figure of its own unless given.

    Returns
    -------
    Figure

    Raises
    ------
    DeclarationError
        For data without times, names that are not in them, more variables than lines can be told apart (28), fields, and
        several sweeps at once.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g; k = 10; g = 1; X(0) = 0")
    >>> figure = sd.plot(sd.simulate(net, range(11), trajectories=50, seed=1, progress=False))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['X']
    """
    import matplotlib.pyplot as plt

    chosen, deviations = _chosen(data, names)
    own = ax if ax is not None else plt.subplots(figsize=(5.2, 3.4), layout="constrained")[1]
    swept = ""
    for k, (name, values) in enumerate(chosen.items()):
        turn, place = divmod(k, len(COLOURS))
        swept = _draw(own, name, values, deviations.get(name), COLOURS[place], STYLES[turn], alone=len(chosen) == 1)
    unit = {str(v.attrs.get("units", "")) for v in chosen.values()}
    what = ", ".join(chosen) if len(chosen) < 4 else "value"
    own.set_ylabel(f"{what} [{unit.pop()}]" if len(unit) == 1 and any(unit) else what)
    units = data["time"].attrs.get("units", "")
    own.set_xlabel(f"time [{units}]" if units else "time")
    low, high = float(data["time"].min()), float(data["time"].max())
    if ax is None and low < high:  # axes of the caller may have longer lines already
        own.set_xlim(low, high)
    found: Any = own.get_figure()
    if labels := own.get_legend_handles_labels()[1]:  # matplotlib has none for names that begin with an underscore
        width = 0.85 * 72 * found.bbox.width / found.dpi  # points; letters are of 8
        across = int(width / (4.5 * max(map(len, labels)) + 36))
        own.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=max(1, min(4, across)), title=swept or None)
    return found


def _chosen(data: Any, names: Any) -> tuple[dict[str, xr.DataArray], dict[str, xr.DataArray]]:
    """What is drawn by its label, and the standard deviations of those that are means."""
    if not isinstance(data, xr.Dataset) or not data.sizes.get("time"):
        sizes = f" with {dict(data.sizes)}" if isinstance(data, xr.Dataset) else ""
        raise DeclarationError(
            f"expected a dataset with the dimension 'time', as simulate returns it, got {type(data).__name__}{sizes}"
            + ("; keep the dataset, data[['x']] in the place of data.x" if isinstance(data, xr.DataArray) else "")
        )
    every: Any = data.data_vars if names is None else data.drop_vars("time", errors="ignore").variables  # also helpers
    timed = {str(k): data[k] for k in every if "time" in data[k].dims and data[k].dtype.kind in "iuf"}
    if names is not None:
        wanted = [str(name_of(n)) for n in listed(names)]
        if lost := [n for n in wanted if n not in timed]:
            raise DeclarationError(
                f"no {lost[0]} over time in the data; there are {', '.join(timed)}.{suggest(lost[0], timed)}"
            )
        timed = {n: timed[n] for n in wanted}
    if not timed:
        raise DeclarationError(
            f"nothing is to be drawn: names is {names!r}, and the data have {', '.join(map(str, data.data_vars))}"
        )
    if "bin" in data.dims:
        raise DeclarationError("histograms are no lines over time; draw data.x_histogram at one time, .isel(time=-1).plot()")
    means = {n for n in timed if n.endswith("_mean")}
    deviations = {}
    for name in means:
        state = name.removesuffix("_mean")
        if f"{state}_std" in data:
            deviations[name] = data[f"{state}_std"]
        elif f"{state}_var" in data:
            deviations[name] = data[f"{state}_var"] ** 0.5
    beside = {n for n in timed if "reduce" in data.attrs and n.endswith("_count")} if names is None else set()
    if names is None:
        beside |= {f"{n.removesuffix('_mean')}_{s}" for n in deviations for s in ("std", "var")}
    timed = {n: v for n, v in timed.items() if n not in beside}
    if len(timed) > (most := len(COLOURS) * len(STYLES)):
        raise DeclarationError(
            f"{len(timed)} variables are more lines than can be told apart; choose {most} or fewer, such as "
            f"sd.plot(data, {list(timed)[:2]})"
        )
    for name, values in timed.items():
        further = [str(d) for d in values.dims if d not in ("time", "trajectory", "quantile")]
        if spaces := [d for d in further if "domain" in data.attrs and d in AXES]:
            raise DeclarationError(
                f"{name} is a field over {', '.join(spaces)}; draw it with sd.grids.space_time or sd.grids.snapshots, or "
                "choose a point with data.sel"
            )
        if len(further) > 1:
            raise DeclarationError(
                f"{name} varies with {', '.join(further)}; choose a value of one, such as data.isel({further[0]}=0)"
            )
    return timed, deviations


def _draw(
    ax: Axes, name: str, values: xr.DataArray, deviation: xr.DataArray | None, colour: str, ls: str, *, alone: bool
) -> str:
    """The lines of a variable; what is swept, unless the labels name its values."""
    import matplotlib.pyplot as plt

    swept = next((str(d) for d in values.dims if d not in ("time", "trajectory", "quantile")), None)
    if swept is None:
        _curve(ax, values, deviation, name, colour, ls)
        return ""
    picked = np.unique(np.linspace(0, values.sizes[swept] - 1, min(VALUES, values.sizes[swept])).round().astype(int))
    labels = values[swept].values
    for i, k in enumerate(picked):
        text = f"{swept} = {_shown(labels[k])}"
        share = i / max(1, len(picked) - 1)
        shade = plt.get_cmap("viridis")(0.9 * share) if alone else (colour, 0.35 + 0.65 * share)
        part = None if deviation is None else deviation.isel({swept: k})
        label = text if alone else name if k == picked[-1] else ""
        _curve(ax, values.isel({swept: k}), part, label, shade, ls, thin=not alone)
    return "" if alone else f"{swept} from {_shown(labels[0])} (pale) to {_shown(labels[-1])}"


def _shown(value: Any) -> str:
    """A value of a sweep: a number, a name, a date."""
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def _curve(
    ax: Axes, values: xr.DataArray, deviation: xr.DataArray | None, label: str, colour: Any, ls: str, *,
    thin: bool = False,
) -> None:  # fmt: skip
    """One line, with the band and some runs where there are several."""
    time, band = values["time"].values, None
    if "trajectory" in values.dims:
        runs = values.transpose("trajectory", "time").values
        if len(runs) > 1 and not thin:
            ax.plot(time, runs[:RUNS].T, color=colour, lw=0.4, alpha=0.35)
            band = _over(np.nanquantile, runs, [0.05, 0.95])
        line = _over(np.nanmean, runs)
    elif "quantile" in values.dims:
        values = values.sortby("quantile").transpose("quantile", "time")
        levels, every = values["quantile"].values, values.values
        middle = int(np.argmin(abs(levels - 0.5)))
        line, band = every[middle], every[[0, -1]] if len(levels) > 1 else None
        label = label if levels[middle] == 0.5 or not label else f"{label} {levels[middle]:g}"
    else:
        line = values.transpose("time").values
        if deviation is not None:
            band = np.stack([line - deviation.values, line + deviation.values])
    ax.plot(time, line, color=colour, ls=ls, label=label or None, lw=0.8 if thin else None)
    if band is not None and not thin:
        ax.fill_between(time, *band, color=colour, alpha=0.2, lw=0)


def _over(statistic: Any, runs: np.ndarray, *levels: Any) -> np.ndarray:
    """A statistic of runs (n, m), NaN at times when all values are missing, as from a failure on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(statistic(runs, *levels, axis=0))
