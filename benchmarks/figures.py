"""Figures of results: work against precision, and bars; solvers of symdyn stand out, peers are grey scales and dashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compile_time import SECONDS
from benchmarks.ensembles import THROUGHPUT
from benchmarks.results import Result
from benchmarks.ssa import SPEED

__all__ = ["draw_precision", "draw_seconds", "draw_speeds"]

OURS = ("#b3202a", "#e07b39", "#7a1fa2", "#c2185b")
PEERS = ("#1f4e79", "#2e8b57", "#5b5b5b", "#8a9a5b", "#4aa3c7", "#9c7a4a")
MARKERS = "os^Dvp"


def _styles(names: list[str]) -> dict[str, dict[str, Any]]:
    """For each solver its colour, line and marker."""
    found: dict[str, dict[str, Any]] = {}
    ours, peers = ([n for n in names if n.startswith("symdyn") is own] for own in (True, False))
    for group, colours, line, width in ((ours, OURS, "-", 2.2), (peers, PEERS, "--", 1.3)):
        for k, name in enumerate(group):
            found[name] = {
                "color": colours[k % len(colours)], "linestyle": line, "linewidth": width,
                "marker": MARKERS[k % len(MARKERS)], "markersize": 5,
            }  # fmt: skip
    return found


def draw_precision(result: Result, path: Path) -> None:
    """Throughput against error, a panel for each problem; bars show the least and the greatest of all rounds."""
    import matplotlib.pyplot as plt  # which the machine of another suite may lack

    (rows,) = (r for r in result.tables.values() if any("error" in row for row in r))
    rows = [row for row in rows if THROUGHPUT in row and np.isfinite(row["error"])]
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    names = list(dict.fromkeys(row["solver"] for row in rows))
    styles = _styles(names)
    figure, axes = plt.subplots(1, len(problems), figsize=(5.2 * len(problems), 4.6), sharey=True, layout="constrained")
    for ax, problem in zip(np.atleast_1d(axes), problems, strict=True):
        for name in names:
            points = sorted((r for r in rows if (r["problem"], r["solver"]) == (problem, name)), key=lambda r: r["error"])
            errors, samples = [p["error"] for p in points], [p[THROUGHPUT] for p in points]
            middle = np.array([s.median for s in samples])
            spread = [middle - [s.low for s in samples], [s.high for s in samples] - middle]
            if points:
                ax.errorbar(errors, middle, spread, label=name, elinewidth=1, capsize=2, **styles[name])
        ax.set(xscale="log", yscale="log", title=problem, xlabel="error, relative to the greatest value")
        ax.invert_xaxis()
        ax.grid(which="major", alpha=0.25)
    np.atleast_1d(axes)[0].set_ylabel(THROUGHPUT)
    handles, labels = [], []
    for ax in np.atleast_1d(axes):
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles, labels = [*handles, handle], [*labels, label]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_speeds(result: Result, path: Path) -> None:
    """Bars of exact stochastic simulation, a panel for each network; whiskers from the least to the greatest of all rounds."""
    import matplotlib.pyplot as plt  # which the machine of another suite may lack

    rows = [row for row in result.tables["ssa"] if SPEED in row]
    networks = list(dict.fromkeys(row["network"] for row in rows))
    names = list(dict.fromkeys(row["solver"] for row in rows))
    styles = _styles(names)
    figure, axes = plt.subplots(1, len(networks), figsize=(4.2 * len(networks), 4.2), sharey=True, layout="constrained")
    for ax, network in zip(np.atleast_1d(axes), networks, strict=True):
        found = {row["solver"]: row[SPEED] for row in rows if row["network"] == network}
        places = [names.index(name) for name in found]
        middle = np.array([s.median for s in found.values()])
        spread = [middle - [s.low for s in found.values()], [s.high for s in found.values()] - middle]
        ax.bar(places, middle, yerr=spread, color=[styles[name]["color"] for name in found], capsize=2, width=0.75)
        for place, value in zip(places, middle, strict=True):
            ax.text(place, value * 1.12, f"{value:.3g}", ha="center", fontsize=8)
        ax.set(yscale="log", title=network, xticks=[])
        ax.set_ylim(0.7 * middle.min(), 2.5 * max(middle.max(), ax.get_ylim()[1] / 2.5))
        ax.grid(axis="y", alpha=0.25)
        ax.set_axisbelow(True)
    np.atleast_1d(axes)[0].set_ylabel(SPEED)
    handles = [plt.Rectangle((0, 0), 1, 1, color=styles[name]["color"]) for name in names]
    figure.legend(handles, names, loc="outside lower center", ncols=min(4, len(names)), frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_seconds(result: Result, path: Path) -> None:
    """CPU time of compilation against the number of equations."""
    import matplotlib.pyplot as plt  # which the machine of another suite may lack

    rows = [row for row in result.tables["compile"] if SECONDS in row]
    names = list(dict.fromkeys(row["compiler"] for row in rows))
    styles = _styles(names)
    figure, ax = plt.subplots(figsize=(8.4, 4.6), layout="constrained")
    for name in names:
        points = [(row["equations"], row[SECONDS].median) for row in rows if row["compiler"] == name]
        ax.plot(*zip(*points, strict=True), label=name, **styles[name])
    ax.set(xscale="log", yscale="log", xlabel="equations", ylabel="CPU-seconds to compile")
    ax.grid(which="major", alpha=0.25)
    figure.legend(loc="outside right center", frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
