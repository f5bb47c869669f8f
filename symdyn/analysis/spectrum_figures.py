"""Figures of spectra: Lyapunov exponents, and characteristic roots of equations with delays."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from symdyn.analysis.figures import COLOURS
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled

__all__ = ["plot_lyapunov", "plot_roots"]

#: Real parts below this part of the largest root are zero but for rounding, as where roots cross the axis.
ROUNDING = 1e-12


@styled
def plot_lyapunov(data: xr.Dataset) -> Figure:
    """A Lyapunov spectrum with two standard errors; of a sweep, exponents and Kaplan-Yorke dimension against the parameter.

    Parameters
    ----------
    data : xarray.Dataset
        From `lyapunov_exponents`; of a sweep over several parameters a part, ``data.sel(k=2)``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If `data` is no spectrum, has several sweeps, or a sweep without finite exponents.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> from symdyn.analysis import lyapunov_exponents
    >>> found = lyapunov_exponents(zoo.logistic_map(), {"r": [3.2, 3.5, 4]}, initial={"x": 0.3}, steps=2000)
    >>> [ax.get_ylabel() for ax in plot_lyapunov(found).axes]
    ['Lyapunov exponent', 'Kaplan-Yorke dimension']
    """
    if not isinstance(data, xr.Dataset) or not {"lyapunov", "standard_error", "kaplan_yorke"} <= set(data.data_vars):
        raise DeclarationError(f"expected a dataset from lyapunov_exponents, got {type(data).__name__} without its spectrum")
    swept = [str(d) for d in data["lyapunov"].dims if d != "exponent"]
    if len(swept) > 1:
        raise DeclarationError(f"the spectrum has the sweeps {', '.join(swept)}; draw a part, such as data.isel({swept[1]}=0)")
    values, errors = (data[name].transpose("exponent", *swept).values for name in ("lyapunov", "standard_error"))
    if not np.isfinite(values).any():
        raise DeclarationError("no exponent of the spectrum is finite; its `status` says why")
    shown = np.where(np.isfinite(values), values, np.nan)
    if not swept:
        figure, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
        numbers = data["exponent"].values
        ax.axhline(0, color="#888888", lw=0.8)
        colours = [COLOURS[1] if v > 2 * e else COLOURS[0] for v, e in zip(shown, errors, strict=True)]
        ax.bar(numbers, shown, yerr=2 * errors, color=colours, width=0.6, capsize=3)
        dimension = float(data["kaplan_yorke"])
        title = f"Kaplan-Yorke dimension {dimension:.4g}" if np.isfinite(dimension) else ""
        ax.set(xlabel="number", ylabel="Lyapunov exponent", title=title, xticks=numbers)
        return figure
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(7.0, 5.6), sharex=True, layout="constrained", height_ratios=(1.5, 1), squeeze=True
    )
    at = data[swept[0]].values if swept[0] in data.coords else np.arange(data.sizes[swept[0]])
    for k, (row, error) in enumerate(zip(shown, errors, strict=True)):
        colour = COLOURS[k % len(COLOURS)]
        top.plot(at, row, color=colour, marker="o", ms=2, lw=0.9, label=f"{k + 1}")
        top.fill_between(at, row - 2 * error, row + 2 * error, color=colour, alpha=0.2, lw=0)
    top.axhline(0, color="#888888", lw=0.8, ls=":")
    top.set_ylabel("Lyapunov exponent")
    if len(shown) > 1:
        top.legend(frameon=False, fontsize=8, ncols=min(6, len(shown)))
    below.plot(at, data["kaplan_yorke"].values, color=COLOURS[5], marker="o", ms=2, lw=0.9)
    below.set(xlabel=swept[0], ylabel="Kaplan-Yorke dimension")
    return figure


@styled
def plot_roots(roots: Any) -> Figure:
    """Characteristic roots in the complex plane: those with a positive real part, which make a state unstable, are red.

    Parameters
    ----------
    roots : (n,) complex
        From `characteristic_roots`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        For anything but a row of finite numbers.

    Examples
    --------
    >>> import symdyn as sd
    >>> echo = sd.ODESystem.from_text("x' = -x(t - 2)")
    >>> plot_roots(sd.analysis.characteristic_roots(echo, {"x": 0}, count=7)).axes[0].get_title()
    '2 of 7 roots with a positive real part'
    """
    try:
        found = np.asarray(roots, dtype=complex)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise DeclarationError(f"expected the roots from characteristic_roots, a row of numbers; got {type(roots).__name__}")
    figure, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    ax.axvline(0, color="#888888", lw=0.8)
    unstable = found.real > ROUNDING * abs(found).max()
    for chosen, colour in ((~unstable, COLOURS[0]), (unstable, COLOURS[1])):
        ax.plot(found.real[chosen], found.imag[chosen], ls="none", marker="o", ms=5, color=colour)
    title = f"{int(unstable.sum())} of {found.size} roots with a positive real part"
    ax.set(xlabel="real part", ylabel="imaginary part", title=title)
    return figure
