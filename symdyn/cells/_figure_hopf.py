"""Phase diagrams: Hopf curves over regions of counted or simulated quantities."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm, ListedColormap

from symdyn.cells import _figure_parts as parts
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_hopf"]

KINDS = {"in phase": ("#D55E00", "-"), "out of phase": ("#0072B2", "--"), "mixed": ("#000000", "-.")}
#: Further curves, in their order, if each has a name of its own.
COLOURS = ("#D55E00", "#0072B2", "#000000", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":")
#: Ratio of the ends of an axis above which it is logarithmic.
WIDE = 30.0
#: Letters in a line beside the bar of colours.
LINE = 42


@styled
def plot_hopf(
    curves: xr.Dataset | Sequence[xr.Dataset] | Mapping[str, xr.Dataset] = (),
    diagram: Any = None,
    ax: Axes | None = None,
    *,
    vary: tuple[str, str] | None = None,
    show: str | None = None,
    log: bool | tuple[bool, bool] | None = None,
    folds: bool = True,
    label: str | None = None,
) -> Axes:
    """Hopf curves in the plane of two parameters.

    Parameters
    ----------
    curves : xarray.Dataset, or sequence or mapping of them
        With dim ``point``, the two parameters, and a complex ``mode`` with dims (point, cell).  The keys of a mapping, or the
        attribute ``name``, name the curves; else they are named after their modes: in phase (the sum of the cells is more than
        0.9 of the sum of their magnitudes), out of phase (less than 0.1), or mixed.  Curves of one name look alike.
    diagram : xarray.Dataset or DataArray, optional
        Over the same two parameters, to shade regions: whole numbers (such as of growing eigenvalues) get a colour each, others
        a scale.
    ax : Axes, optional
    vary : (str, str), optional
        The parameters along x and y; those of the diagram or of the first curve by default.
    show : str, optional
        The variable of the diagram; its first one by default.
    log : bool or pair of bool, optional
        Whether the axes are logarithmic; by default those that span more than a factor of 30.
    folds : bool
        Whether to mark where curves turn back in the parameter along x.
    label : str, optional
        What the colours of the diagram mean.

    Returns
    -------
    Axes

    Raises
    ------
    DeclarationError
        If there is nothing to show, or curves and diagram are of other parameters.

    Examples
    --------
    >>> in_phase = xr.Dataset({"D": ("point", [1.0, 2.0]), "tau": ("point", [0.2, 0.3]),
    ...     "mode": (("point", "cell"), [[1 + 0j, 1], [1, 1]])})
    >>> ax = plot_hopf(in_phase, vary=("D", "tau"))
    >>> ax.get_xlabel()
    '$D$'
    """
    named = _named(curves)
    shading = None if diagram is None else _shading(diagram, show)
    if shading is None and not named:
        raise DeclarationError("there is neither a curve nor a diagram to show; pass some")
    x, y = vary or _vary(named, shading)
    for name, curve in named:
        missing = [p for p in (x, y) if p not in curve]
        if missing:
            raise DeclarationError(f"the curve {name!r} has no {missing[0]}; it has {', '.join(map(str, curve.variables))}")
    if shading is not None and set(shading.dims) != {x, y}:
        raise DeclarationError(f"the diagram has the dims {', '.join(map(str, shading.dims))}; expected {x} and {y}")
    ax = ax or plt.subplots(figsize=(5.6, 4.2), layout="constrained")[1]
    values = {p: [c[p].values for _, c in named] + ([] if shading is None else [shading[p].values]) for p in (x, y)}
    logs = _logs(log, [np.concatenate(values[p]) for p in (x, y)])
    if shading is not None:
        _shade(ax, shading.transpose(y, x), logs, label or str(shading.attrs.get("long_name", shading.name or "value")))
    shown: set[str] = set()
    turned = False
    looks = _looks([name for name, _ in named])
    for name, curve in named:
        colour, style = looks[name]
        at = curve[x].values, curve[y].values
        ax.plot(*at, color="white", lw=3.2, zorder=2.5)
        ax.plot(*at, color=colour, ls=style, lw=1.7, zorder=3, label=None if name in shown else name)
        shown.add(name)
        turns = turning_points(*at) if folds else np.empty((0, 2))
        if len(turns):
            ax.plot(*turns.T, ls="none", marker="D", ms=5.5, mfc="white", mec=colour, mew=1.3, zorder=4)
            turned = True
    if turned:
        ax.plot([], [], ls="none", marker="D", ms=5.5, mfc="white", mec=parts.EDGE, label="fold")
    ax.set(xlabel=parts.written(x), ylabel=parts.written(y))
    for axis, wide in zip("xy", logs, strict=True):
        if wide:
            getattr(ax, f"set_{axis}scale")("log")
    if shown:
        ax.legend(fontsize=9, framealpha=0.9)
    return ax


def _looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and style of each name: equal for curves of one name, different for different names until all colours are used."""
    distinct = list(dict.fromkeys(names))
    left = [c for c in COLOURS if c not in {KINDS[n][0] for n in distinct if n in KINDS}]
    others = [n for n in distinct if n not in KINDS]
    own = {n: (left[k % len(left)], STYLES[k % len(STYLES)]) for k, n in enumerate(others)}
    return {n: KINDS.get(n) or own[n] for n in distinct}


def turning_points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where a curve turns back in x, (k, 2), between its points by a parabola through three; closed curves all around."""
    closed = len(x) > 3 and x[0] == x[-1] and y[0] == y[-1]
    if closed:
        x, y = np.append(x, x[1]), np.append(y, y[1])
    moved = np.flatnonzero(np.diff(x))  # two points of the same x on either side of a turn are no third direction
    signs = np.sign(np.diff(x)[moved])
    found = []
    for k in (moved[:-1][signs[:-1] != signs[1:]] + 1).tolist():
        before, after = x[k] - x[k - 1], x[k + 1] - x[k]
        # the parabola through x at k - 1, k, k + 1 is steepest at the middle; its vertex lies within a step
        s = 0.5 * (before + after) / (before - after)
        found.append(
            [float(c[k] + s * (c[k + 1] - c[k - 1]) / 2 + s * s / 2 * (c[k + 1] - 2 * c[k] + c[k - 1])) for c in (x, y)]
        )
    return np.array(found).reshape(-1, 2)


def _named(curves: Any) -> list[tuple[str, xr.Dataset]]:
    if isinstance(curves, xr.Dataset):
        curves = [curves]
    pairs = list(curves.items()) if isinstance(curves, Mapping) else [(None, c) for c in curves]
    for _, curve in pairs:
        if not isinstance(curve, xr.Dataset) or "point" not in curve.dims:
            raise DeclarationError(
                f"a Hopf curve is {type(curve).__name__} without dim 'point'; expected what hopf_curve gives"
            )
    return [(str(name) if name is not None else _kind(curve), curve) for name, curve in pairs]


def _kind(curve: xr.Dataset) -> str:
    """Kind of the mode in the middle of a curve."""
    name = curve.attrs.get("name")
    if name or "mode" not in curve:
        return str(name or "Hopf")
    mode = curve["mode"].transpose("point", ...).values.reshape(curve.sizes["point"], -1)[curve.sizes["point"] // 2]
    total = np.abs(mode).sum()
    coherence = abs(mode.sum()) / total if total > 0 else 1.0
    return "in phase" if coherence > 0.9 else "out of phase" if coherence < 0.1 else "mixed"


def _vary(named: list[tuple[str, xr.Dataset]], shading: xr.DataArray | None) -> tuple[str, str]:
    if not named:
        assert shading is not None
        first, second = map(str, shading.dims)
        return first, second
    curve = named[0][1]
    real = [
        str(n)
        for n, v in curve.variables.items()
        if v.dims == ("point",) and n not in ("omega", "point") and v.dtype.kind == "f"
    ]
    if shading is not None and set(shading.dims) <= set(real):
        first, second = map(str, shading.dims)
        return first, second
    if len(real) < 2:
        raise DeclarationError(f"a Hopf curve holds {', '.join(real) or 'no parameter'}; expected two parameters over 'point'")
    return real[0], real[1]


def _shading(diagram: Any, show: str | None) -> xr.DataArray:
    if isinstance(diagram, xr.Dataset):
        usable = [str(n) for n, v in diagram.data_vars.items() if v.dtype.kind in "biuf" and v.ndim == 2]
        name = show if show is not None else next(iter(usable), None)
        if name not in usable:
            raise DeclarationError(
                f"the diagram has no variable {name!r} over two parameters; it has {', '.join(usable) or 'none'}"
            )
        diagram = diagram[name]
    if not isinstance(diagram, xr.DataArray) or diagram.ndim != 2:
        raise DeclarationError("the diagram is no dataset or array over two parameters; select one of every other dim")
    return diagram


def _logs(log: Any, values: list[np.ndarray]) -> tuple[bool, bool]:
    if log is None:
        ends = [(np.nanmin(v), np.nanmax(v)) for v in values]
        return tuple(bool(low > 0 and high > WIDE * low) for low, high in ends)  # type: ignore[return-value]
    return (log, log) if isinstance(log, bool) else tuple(log)


def _shade(ax: Axes, values: xr.DataArray, logs: tuple[bool, bool], label: str) -> None:
    y, x = (values[d].values.astype(float) for d in values.dims)
    edges = [_edges(v, wide) for v, wide in zip((x, y), logs, strict=True)]
    array = values.values.astype(float)
    known = np.unique(array[np.isfinite(array)])
    counts = known.size > 0 and (values.dtype.kind in "biu" or (known.size <= 12 and (known == np.round(known)).all()))
    if counts:
        levels = np.arange(known.min(), known.max() + 1) if np.ptp(known) <= 1 else known
        greys = plt.get_cmap("YlGnBu")(np.linspace(0.0, 0.75, max(2, len(levels))))[: len(levels)]
        between = (levels[1:] + levels[:-1]) / 2
        bounds = np.concatenate([[levels[0] - 0.5], between, [levels[-1] + 0.5]])
        style: dict[str, Any] = {"cmap": ListedColormap(greys), "norm": BoundaryNorm(bounds, len(levels))}
    else:
        style = {"cmap": "YlGnBu"}
    style["cmap"] = plt.get_cmap(style["cmap"]).with_extremes(bad="#d8d8d8")
    mesh = ax.pcolormesh(*edges, np.ma.masked_invalid(array), zorder=1, rasterized=True, **style)
    bar = ax.figure.colorbar(mesh, ax=ax, label=textwrap.fill(label, LINE))
    if counts:
        bar.set_ticks(levels.tolist(), labels=[f"{v:g}" for v in levels])


def _edges(centers: np.ndarray, log: bool) -> np.ndarray:
    v = np.log(centers) if log else centers
    if v.size == 1:
        found = np.array([v[0] - 0.5, v[0] + 0.5])
    else:
        middle = (v[1:] + v[:-1]) / 2
        found = np.concatenate([[2 * v[0] - middle[0]], middle, [2 * v[-1] - middle[-1]]])
    return np.exp(found) if log else found
