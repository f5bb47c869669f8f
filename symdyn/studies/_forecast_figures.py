"""Figures of forecasts: valid times against points, and against how chaotic flows are."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from symdyn.errors import DeclarationError
from symdyn.figure_style import COLOURS, styled

__all__ = ["plot_forecasts"]

_MARKERS = "osD^vPX*"


@styled
def plot_forecasts(study: xr.Dataset, *, noise: float | None = None) -> Figure:
    """How far methods foretell: medians and quartiles over flows against points, and each flow against its exponent.

    Parameters
    ----------
    study : Dataset
        Of `forecast`.
    noise : float, optional
        Of those of the study; the first unless given.

    Returns
    -------
    Figure
        Two axes: valid times in Lyapunov times against points, and at the most points against the largest exponent times the
        period, that is, Lyapunov times in a period.

    Raises
    ------
    DeclarationError
        For a noise that the study does not have.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> from symdyn.studies import forecast
    >>> study = forecast({"sprott_b": zoo.chaotic["sprott_b"]}, "persistence", points=[100], starts=3, progress=False)
    >>> figure = plot_forecasts(study)
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['points', 'Lyapunov times in a period']
    """
    levels = study.noise.values.tolist()
    level = levels[0] if noise is None else noise
    if level not in levels:
        raise DeclarationError(f"noise is {noise!r}; the study has {', '.join(f'{v:g}' for v in levels)}")
    each = study.valid_time.sel(noise=level).median("start").transpose("forecaster", "points", "flow").values
    low, middle, high = np.quantile(each, [0.25, 0.5, 0.75], axis=2)
    points, chaos = study.points.values, (study.exponent * study.period).values
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), layout="constrained", sharey=True)
    shift = np.exp(np.linspace(-0.06, 0.06, len(each)))
    for m, name in enumerate(study.forecaster.values.tolist()):
        own: dict[str, Any] = {"color": COLOURS[m % len(COLOURS)], "marker": _MARKERS[m % len(_MARKERS)], "ms": 4}
        bars = [middle[m] - low[m], high[m] - middle[m]]
        left.errorbar(points * shift[m], middle[m], bars, **own, lw=1.3, elinewidth=0.8, capsize=2, label=name)
        right.plot(chaos, each[m, -1], ls="none", **own, alpha=0.8)
    left.set(xscale="log", xlabel="points", ylabel="valid time (Lyapunov times)", ylim=(0, 1.05 * study.attrs["horizon"]))
    left.set_xticks(points, [f"{n:,}" for n in points])
    left.minorticks_off()
    right.set(xscale="log", xlabel="Lyapunov times in a period", title=f"{points[-1]:,} points")
    left.set_title(f"{len(chaos)} flow{'s' * (len(chaos) > 1)}, noise {100 * level:g} %")
    figure.legend(loc="outside right center", frameon=False)
    return figure
