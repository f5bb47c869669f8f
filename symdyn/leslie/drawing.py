"""Life-cycle graphs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sympy as sp

from symdyn.figure_style import styled
from symdyn.leslie._life_cycle import Arrow, arrange
from symdyn.models.matrix import MatrixModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

#: Colours of arrows, and what the legend calls them.
_KINDS = {
    "survival": ("#2b5c8a", "survival, growth"),
    "reproduction": ("#c2571a", "reproduction"),
    "either": ("#6e6e6e", "survival or reproduction"),
    "gain": ("#3a7d44", "into another species or patch"),
    "loss": ("#a3263b", "taken by another species"),
}
#: Fill and edge of the boxes of each species in turn.
_BOXES = (("#dbe9f6", "#2b5c8a"), ("#f6ead8", "#8a6d2b"), ("#e2f0e0", "#3a7d44"), ("#ece3f3", "#6b4a8a"))
_NAME, _LABEL = 9.0, 8.0
#: Width of a name in inches above which its words stand on lines of their own.
_WIDE = 0.8


@styled
def draw(model: MatrixModel, ax: Axes | None = None) -> Axes:
    """Draw the life-cycle graph: an arrow from stage to stage wherever one contributes to the other.

    Parameters
    ----------
    model : MatrixModel
        Entries are written as they were declared, numbers to four digits.
    ax : Axes, optional
        A new figure of a fitting size unless given.

    Returns
    -------
    Axes
        Species (or patches) are rows, stages boxes in their order.  Survival and growth are straight arrows, loops and arcs
        below, reproduction arcs above; between rows gains are green and losses red.  The last of two species is
        a mirror image.

    Examples
    --------
    >>> from symdyn.leslie import gallery
    >>> ax = gallery.killer_whale().draw()
    >>> sorted(t.get_text() for t in ax.texts)[:4]
    ['0.0043', '0.0452', '0.0736', '0.1132']
    """
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path

    place = {s: i for i, s in enumerate(model.states)}
    rows = [[place[s] for s in group] for group in model.species.values()]
    names = [_name(s) for s in model.states]
    layout = arrange(rows, [_size(name, _NAME) for name in names], _arrows(model))
    margin = max(_size(name, _NAME)[0] for name in model.species) + 0.3 if len(rows) > 1 else 0.0
    layout.low[0] -= margin
    used = [kind for kind in _KINDS if any(a.kind == kind for a in layout.arrows)]
    needed = max((_size(_KINDS[kind][1], _LABEL)[0] + 0.6 for kind in used), default=0.0)
    wanting = max(needed + 0.2 - (layout.high[0] - layout.low[0]), 0.0)
    layout.low[0] -= wanting / 2
    layout.high[0] += wanting / 2
    columns = max(min(len(used), int((layout.high[0] - layout.low[0]) / max(needed, 0.1))), 1)
    layout.low[1] -= 0.12 + 0.17 * -(-len(used) // columns)
    if ax is None:
        _, ax = plt.subplots(figsize=tuple(layout.high - layout.low), layout="constrained")
    ax.set(xlim=(layout.low[0], layout.high[0]), ylim=(layout.low[1], layout.high[1]), aspect="equal")
    ax.set_axis_off()
    for a in layout.arrows:
        path = Path(a.curve.tolist(), [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
        ax.add_patch(
            FancyArrowPatch(
                path=path, arrowstyle="-|>", mutation_scale=9, linewidth=1.2, color=_KINDS[a.kind][0], joinstyle="miter",
                linestyle="--" if a.kind == "loss" else "-", zorder=1,
            )
        )  # fmt: skip
        ax.text(
            a.place[0], a.place[1], a.label, ha="center", va="center", fontsize=_LABEL, color=_KINDS[a.kind][0], zorder=4,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.9},
        )  # fmt: skip
    for name, box in zip(names, layout.boxes, strict=True):
        fill, edge = _BOXES[box.row % len(_BOXES)]
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        style = "round,pad=0,rounding_size=0.12"
        ax.add_patch(
            FancyBboxPatch(
                corner, box.width, box.height, boxstyle=style, facecolor=fill, edgecolor=edge, linewidth=1.2, zorder=2
            )
        )
        ax.text(box.x, box.y, name, ha="center", va="center", fontsize=_NAME, zorder=3, linespacing=1.1)
    if len(rows) > 1:
        for species, members in zip(model.species, rows, strict=True):
            at = layout.boxes[members[0]]
            ax.text(
                layout.low[0] + 0.12, at.y, species, ha="left", va="center", fontsize=_NAME, fontweight="bold",
                color=_BOXES[at.row % len(_BOXES)][1],
            )  # fmt: skip
    shown = [Line2D([], [], color=_KINDS[k][0], linestyle="--" if k == "loss" else "-", label=_KINDS[k][1]) for k in used]
    ax.legend(handles=shown, loc="lower center", ncol=columns, frameon=False, fontsize=_LABEL, borderaxespad=0.1)
    return ax


def _arrows(model: MatrixModel) -> list[Arrow]:
    """What of the matrix is not 0, survival and reproduction apart."""
    row_of = {s: r for r, group in enumerate(model.species.values()) for s in group}
    found = []
    for part, own in ((model.transitions, "survival"), (model.fecundity, "reproduction")):
        for i, to in enumerate(model.states):
            for j, whence in enumerate(model.states):
                entry = part[i, j]
                if entry == 0:
                    continue
                kind = "either" if i == j == 0 and not model.split else own
                if entry.is_negative or entry.could_extract_minus_sign():
                    kind = "loss"
                elif own == "survival" and row_of[to] != row_of[whence]:
                    kind = "gain"
                label = _entry(entry)
                found.append(Arrow(j, i, kind, label, _size(label, _LABEL)))
    return found


def _entry(e: sp.Expr) -> str:
    return f"{float(e):.4g}".replace("-", "\N{MINUS SIGN}") if e.is_Float else _formula(e)


def _name(symbol: sp.Symbol) -> str:
    """Short names as mathematics, others as words, each on its own line if they are long."""
    name = symbol.name
    if re.fullmatch(r"[A-Za-z]{1,2}_?\d*", name):
        return _formula(symbol)
    words = name.replace("_", " ").replace("$", r"\$")
    return words if _size(words, _NAME)[0] <= _WIDE else words.replace(" ", "\n")


def _formula(e: sp.Expr) -> str:
    """As a formula where matplotlib can set it, else as plain text."""
    from matplotlib.mathtext import MathTextParser

    formula = f"${sp.latex(e, fold_short_frac=True)}$"
    try:
        MathTextParser("path").parse(formula)
    except ValueError:
        return str(e).replace("$", r"\$")
    return formula


def _size(text: str, points: float) -> tuple[float, float]:
    """Width and height of a text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    lines = text.split("\n")
    boxes = [TextPath((0, 0), line, prop=FontProperties(size=points)).get_extents() for line in lines]
    return max(b.width for b in boxes) / 72, max(1.25 * points / 72 * len(lines), max(b.height for b in boxes) / 72)
