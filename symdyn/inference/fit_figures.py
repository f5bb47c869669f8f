"""Figures of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.figure_style import COLOURS, styled
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.foretelling import predict_fit
from symdyn.inference.stochastic_problem import StochasticProblem

__all__ = ["draw_data", "draw_optima"]

#: Points of a smooth curve, and trajectories that are drawn at most.
CURVE, MOST = 201, 12


@styled
def draw_data(fit: Fit, *, trajectories: Any = None, axes: Any = None) -> Any:
    """Data of every observable with the fitted curve and the band of what is expected, a panel for each.

    Censored measurements are triangles at their limit, which point to where the value lies, or bars over their interval.

    Parameters
    ----------
    fit : Fit
        Of a system; not of a PEtab problem.
    trajectories : sequence of int, optional
        Which are drawn; the first twelve unless given.
    axes : sequence of Axes, optional
        One for each observable.

    Returns
    -------
    Figure

    Raises
    ------
    RecoveryError
        If there is no such trajectory.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> figure = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data).plot()
    >>> len(figure.axes)
    1
    """
    from matplotlib import pyplot

    random = fit.problem if isinstance(fit.problem, StochasticProblem) else None
    problem: Any = random or observed_problem(fit, "figures of data")
    data, observed = problem.setup.data, problem.setup.observed
    cells = random is not None and random.setup.snapshots
    if axes is None:
        count = len(observed)
        _, grid = pyplot.subplots(
            1, count, figsize=(4.6 * count, 3.4), layout="constrained", squeeze=False
        )  # fmt: skip
        axes = grid[0]
    if cells and trajectories is not None:
        raise RecoveryError("trajectories has no effect on a figure of cells that are not followed; leave it out")
    shown = 1 if cells else min(len(data.trajectories), MOST)
    chosen = range(shown) if trajectories is None else trajectories
    for place, k in enumerate(chosen):
        times, seen, color = data.trajectories[k].times, data.trajectories[k].values, COLOURS[place % len(COLOURS)]
        if cells:
            times = np.concatenate([[problem.setup.begin], *(t.times for t in data.trajectories)])
            seen = np.concatenate([np.full((1, len(observed)), np.nan), *(t.values for t in data.trajectories)])
        step = problem.system.map is not None
        curve = np.arange(times[0], times[-1] + 0.5) if step else np.linspace(times[0], times[-1], CURVE)
        run = predict_fit(fit, curve, trajectory=k)
        names = () if random is not None else problem.setup.conditions
        label = names[k] if names else f"trajectory {k}" if len(chosen) > 1 else None
        for axis, spec, o in zip(axes, observed, range(len(observed)), strict=True):
            lower, upper = run[f"{spec.name}_lower"], run[f"{spec.name}_upper"]
            if np.isfinite(lower).all():
                axis.fill_between(curve, lower, upper, color=color, alpha=0.2, lw=0)
            axis.plot(curve, run[spec.name], color=color, lw=1.6, label=label, marker="." if step else None)
            style = {"color": color, "ms": 2 if cells else 4, "mec": "white", "mew": 0.4, "alpha": 0.3 if cells else 1}
            limits = None if cells else data.trajectories[k].limits
            exact = np.ones(len(times), dtype=bool) if limits is None else np.isnan(limits[:, o, 0])
            axis.plot(times[exact], seen[exact, o], "o", **style)
            if limits is not None and not exact.all():
                _draw_limits(axis, times[~exact], limits[~exact, o], color)
    for axis, spec in zip(axes, observed, strict=True):
        axis.set(xlabel=problem.system.time.name, ylabel=spec.name)
        axis.locator_params(axis="x", nbins=6)
    if axes[0].get_legend_handles_labels()[1]:
        axes[0].legend()
    return axes[0].figure


def _draw_limits(axis: Any, times: np.ndarray, limits: np.ndarray, color: str) -> None:
    below, above = np.isinf(limits[:, 0]), np.isinf(limits[:, 1])
    for which, column, marker in ((below, 1, "v"), (above, 0, "^")):
        axis.plot(times[which], limits[which, column], marker, color=color, ms=6, mfc="white")
    between = ~(below | above)
    axis.vlines(times[between], *limits[between].T, color=color, lw=2)


@styled
def draw_optima(fit: Fit, *, ax: Any = None) -> Any:
    """Where the starts ended: the logarithm of the posterior below its greatest value, in order.

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
    >>> axis = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data, starts=6).plot_optima()
    >>> axis.get_xlabel()
    'start, the best first'
    """
    from matplotlib import pyplot

    if ax is None:
        _, ax = pyplot.subplots(figsize=(4.6, 3.4), layout="constrained")
    below = fit.ends["log_posterior"].max() - fit.ends["log_posterior"]
    ax.plot(np.arange(1, len(below) + 1), np.maximum(below, 1e-6), "o-", ms=4, lw=1)
    ax.set(xlabel="start, the best first", ylabel="log posterior below the best", yscale="log")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
