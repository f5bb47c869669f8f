"""Drift and noise that were recovered, with bands, against averages of increments in bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from scipy.stats import binned_statistic
from sympy.core.function import AppliedUndef

from symdyn.declaration import derivative
from symdyn.discover.diffusions.result import DiffusionRecovery
from symdyn.discover.figures import draw_curve, panels, term_values
from symdyn.figure_style import COLOURS, styled
from symdyn.inference.formulas import evaluated

__all__ = ["binned", "draw"]

#: Bins of the averages, and the fewest increments in one.
BINS, FEWEST = 30, 12


@styled
def draw(recovery: DiffusionRecovery, *, axes: Any = None) -> Any:
    """Drift and squared noise with 90 % bands against averages of increments in bins: a panel for each unknown function.

    Of a function of one variable the panel shows it over that variable with a 90 % band, and averages of increments in bins
    with their standard errors: the coefficients of Kramers and Moyal, freed of what is known beside the function and, as far as
    the recovered system tells it, of the length of the steps.  Of one of several variables it shows the averages over the
    recovered values.

    Parameters
    ----------
    recovery : DiffusionRecovery
    axes : sequence of matplotlib Axes, optional
        One for each unknown function; made unless given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    RecoveryError
        If there are fewer axes than unknown functions.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f, s = sp.Symbol("x"), sp.Function("f"), sp.Symbol("s")
    >>> path = np.cumsum(np.random.default_rng(0).normal(scale=0.1, size=500))
    >>> data = {"t": 0.01 * np.arange(500), "x": path}
    >>> found = sd.recover(sd.SDESystem({x: f(x)}, {x: s}), data, library=1, progress=False)
    >>> len(found.plot().axes)
    1
    """
    unknowns = list(recovery.terms)
    axes = panels(axes, len(unknowns), "one for each unknown function", (4.6, 3.6), across=True)
    for axis, unknown in zip(axes, unknowns, strict=False):
        arguments, estimates, squared = _estimates(recovery, unknown)
        power = 2 if squared else 1
        across, name = str(unknown.args[0]), f"${sp.latex(unknown**power)}$"
        if len(unknown.args) == 1 or not recovery.formulas[unknown].free_symbols & set(recovery.system.states):
            where, mean, error = binned(arguments[:, 0], estimates)
            grid = np.linspace(*_range(arguments[:, 0]), 201)
            places = np.tile(grid[:, None], len(unknown.args))  # of several arguments the function depends on none
            draw_curve(recovery, axis, unknown, grid, places, power=power)
        else:
            where, mean, error = binned(term_values(recovery, unknown, arguments) ** power, estimates)
            across = f"{name}, recovered"
            axis.plot(where, where, color=COLOURS[3], lw=1.5, label="formula")
        axis.errorbar(where, mean, error, fmt="o", ms=3, lw=0.8, color="0.4", label="increments in bins", zorder=0)
        axis.set(xlabel=across, ylabel=name)
        axis.legend(frameon=False, fontsize=9)
    return axes[0].figure


def binned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of x and y, and the standard error of the latter, in bins of equal width that hold enough points."""
    bins: dict[str, Any] = dict(bins=BINS, range=_range(x))
    count = binned_statistic(x, x, "count", **bins).statistic
    kept = count >= FEWEST
    means, spreads = (binned_statistic(x, [x, y], kind, **bins).statistic[:, kept] for kind in ("mean", "std"))
    return means[0], means[1], spreads[1] / np.sqrt(count[kept] - 1)


def _range(x: np.ndarray) -> tuple[float, float]:
    """Where nearly all of the data are."""
    low, high = np.quantile(x, [0.001, 0.999])
    return float(low), float(high)


def _estimates(recovery: DiffusionRecovery, unknown: AppliedUndef) -> tuple[np.ndarray, np.ndarray, bool]:
    """Arguments of a function along the data, an estimate of it from each increment, and whether that is of its square."""
    data, declared = recovery.increments, recovery.declared
    system = recovery.system
    others = {u: e for u, e in recovery.terms.items() if u != unknown}
    known = {p: sp.Float(v) for p, v in system.defaults.items()}
    along = dict(zip((*system.states, system.time), (*data.begin, data.times), strict=True))
    stand_in = sp.Dummy()

    def values(*expressions: sp.Expr) -> np.ndarray:
        return evaluated([e.xreplace(others).xreplace(known) for e in expressions], along, data.times.shape)

    arguments = values(*unknown.args).T
    own = term_values(recovery, unknown, arguments)
    residuals, variances = recovery.residuals.T, recovery.variances.T
    for i, drift in enumerate(declared.drift):
        if drift.has(unknown):
            (slope,) = values(derivative(drift.xreplace({unknown: stand_in}), stand_in))
            return arguments, own + residuals[i] / data.gaps / slope, False
    row = next(i for i in range(len(system.states)) if declared.diffusion[i, :].has(unknown))
    noise = declared.diffusion[row, :].xreplace({unknown: stand_in})
    (slope,) = values(sp.expand((noise * noise.T)[0, 0]).coeff(stand_in, 2))
    return arguments, own**2 + (residuals[row] ** 2 - variances[row]) / data.gaps / slope, True
