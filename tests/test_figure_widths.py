"""Figures are legible in a column, on a page and on a slide: no letters over each other or cut off, no legend over a curve."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from tests.figure_widths import FIGURES, WIDE, WIDTHS, flaws, resized

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


def test_flaws_are_found():
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 0.5, 1], [1, 1, 1], label="line")
    ax.text(0.5, 0.97, "one"), ax.text(0.51, 0.97, "other", fontsize=4)
    ax.legend(loc="upper center")
    found = " ".join(flaws(resized(figure, 3)))
    assert "'one' over 'other'" in found
    assert "'other' in 4 points" in found
    plt.close(figure)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_legible(name, width):
    if width == "column" and name in WIDE:
        return
    figure = resized(FIGURES[name](WIDTHS[width]), WIDTHS[width])
    assert flaws(figure) == []
    plt.close(figure)
