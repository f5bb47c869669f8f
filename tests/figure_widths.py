"""Figures at the widths at which they are read: a column of a paper, a page of the site, a slide.

``python -m tests.figure_widths out`` writes the figures of the library at all widths and lists what overlaps.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

import symdyn as sd

__all__ = ["FIGURES", "WIDE", "WIDTHS", "flaws", "resized"]

#: Inches: 85 mm, the text of the site and of a README, a slide.
WIDTHS = {"column": 85 / 25.4, "page": 7.5, "slide": 12.0}
#: Points of the smallest letters.
SMALLEST = 6.0


def resized(figure: Figure, width: float) -> Figure:
    """The figure at a width in inches, letters as they are; lower than wide at most by a fourth."""
    wide, high = figure.get_size_inches()
    figure.set_size_inches(width, min(max(high * width / wide, 2.2), max(high, 0.7 * width)))
    figure.canvas.draw()
    return figure


def texts(figure: Figure) -> Iterator[Text]:
    """Letters that are seen."""
    for ax in figure.axes:
        if ax.get_visible():
            for axis, place in ((ax.xaxis, 0), (ax.yaxis, 1)):
                low, high = sorted(axis.get_view_interval())
                ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
                yield from (t.label1 for t in ticks if low <= t.label1.get_position()[place] <= high)
            yield from (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts)
            if ax.get_legend() is not None:
                yield from ax.get_legend().get_texts()
    for legend in figure.legends:
        yield from legend.get_texts()


def flaws(figure: Figure) -> list[str]:
    """Texts over each other or cut off, legends over curves, and letters that are too small."""
    renderer, found = figure.canvas.get_renderer(), []  # type: ignore[attr-defined]
    seen = [
        (t.get_text(), t.get_window_extent(renderer), t.get_fontsize())
        for t in texts(figure)
        if t.get_text().strip() and t.get_visible()
    ]
    for (one, a, _), (other, b, _) in itertools.combinations(seen, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > 1 and high > 0.25 * min(a.height, b.height):
            found.append(f"{one!r} over {other!r}")
    page = figure.bbox
    found += [
        f"{t!r} is cut off"
        for t, b, _ in seen
        if b.x0 < page.x0 - 2 or b.x1 > page.x1 + 2 or b.y0 < page.y0 - 2 or b.y1 > page.y1 + 2
    ]
    found += [f"{t!r} in {size:g} points" for t, _, size in seen if size < SMALLEST]
    for ax in figure.axes:
        if (legend := ax.get_legend()) is None:
            continue
        box = legend.get_window_extent(renderer)
        for line in ax.lines:
            if line.get_linestyle() in ("None", "none", " ") or len(line.get_xdata()) < 3:
                continue
            points = line.get_transform().transform(np.column_stack([line.get_xdata(), line.get_ydata()]).astype(float))
            inside = ((points > [box.x0, box.y0]) & (points < [box.x1, box.y1])).all(axis=1).mean()
            if inside > 0.05:
                found.append(f"the legend lies over {inside:.0%} of {line.get_label()!r}")
    return found


def _of(drawn: Any) -> Figure:
    """The figure of what was drawn."""
    return drawn if isinstance(drawn, Figure) else drawn.get_figure()


@functools.cache
def _fit() -> sd.Fit:
    t = np.arange(0, 8.0)
    model = sd.ODESystem.from_text("A' = -k*A; B' = k*A - g*B; A(0) = 5; B(0) = 0")
    noise = 0.05 * np.cos(9 * t)
    data = {"t": t, "A": 5 * np.exp(-0.6 * t) + noise, "B": 6 * (np.exp(-0.6 * t) - np.exp(-1.1 * t)) + noise[::-1]}
    return sd.fit(model, data, parameters={"k": (0.01, 10), "g": (0.01, 10)}, starts=4)


def _drawn(data: xr.Dataset, inches: float) -> Figure:
    """A simulation in axes of a width."""
    _, ax = plt.subplots(figsize=(inches, max(2.4, 0.6 * inches)), layout="constrained")
    return sd.plot(data, ax=ax)


def _ensemble(inches: float) -> Figure:
    net = sd.ReactionNetwork.from_text("S + I -> 2 I, b; I -> R, g; b = 0.001; g = 0.1; S(0) = 499; I(0) = 10; R(0) = 0")
    return _drawn(sd.simulate(net, np.linspace(0, 80, 81), trajectories=100, seed=1, progress=False), inches)


def _sweep(inches: float) -> Figure:
    model = sd.ODESystem.from_text("x' = -k*x; x(0) = 1")
    return _drawn(sd.simulate(model, np.linspace(0, 5, 51), parameters={"k": np.linspace(0.5, 2, 7)}, progress=False), inches)


def _portrait(_: float) -> Figure:
    swing = sd.ODESystem.from_text("theta' = omega; omega' = -0.25*omega - 5*sin(theta)")
    drawn = sd.analysis.plot_portrait(sd.analysis.phase_portrait(swing, {"theta": (-4, 4), "omega": (-6, 6)}))
    return _of(drawn)


def _continuation(_: float) -> Figure:
    system = sd.ODESystem.from_text("x' = a - (b + 1)*x + x^2*y; y' = b*x - x^2*y; a = 1; b = 1.5")
    branch = sd.analysis.continuation(system, "b", (0.5, 4), start={"x": 1, "y": 1.5})
    drawn = sd.analysis.plot_continuation(branch)
    return _of(drawn)


def _film(_: float) -> Figure:
    pde = sd.PDESystem.from_text(
        "u' = 0.05*dx(u, 2) + u - u^3", domain=(0, 10), boundary=sd.Neumann(0), initial={"u": "cos(x)"}
    )
    drawn = sd.grids.space_time(sd.simulate(pde, np.linspace(0, 4, 41), grid=64, progress=False), "u")
    return _of(drawn)


#: Those of several axes side by side, which are not for a column.
WIDE = ("residuals",)
#: Figures of the library by name.
FIGURES: dict[str, Callable[[float], Figure]] = {
    "ensemble": _ensemble,
    "sweep": _sweep,
    "portrait": _portrait,
    "continuation": _continuation,
    "film": _film,
    "fit": lambda _: _fit().plot(),
    "residuals": lambda _: _fit().plot_residuals(),
    "profiles": lambda _: _fit().plot_profiles(),
    "correlations": lambda _: _of(_fit().plot_correlations()),
    "optima": lambda _: _of(_fit().plot_optima()),
}


def main() -> None:
    """Write all figures at all widths."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FIGURES.items():
        for width, inches in WIDTHS.items():
            figure = resized(make(inches), inches)
            print(name, width, "; ".join(flaws(figure)) or "no flaw", flush=True)
            figure.savefig(folder / f"{name}_{width}.png", dpi=150)
            plt.close(figure)


if __name__ == "__main__":
    main()
