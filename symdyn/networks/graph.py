"""Drawings of networks: species and reactions, or complexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.models.reactions import ReactionNetwork
from symdyn.networks._layout import place
from symdyn.networks.complexes import structure
from symdyn.registry import suggest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_SPECIES = {"boxstyle": "round,pad=0.35,rounding_size=0.6", "facecolor": "#dbe9f6", "edgecolor": "#2b5c8a"}
_REACTION = {"boxstyle": "square,pad=0.25", "facecolor": "#f4f1e8", "edgecolor": "#8a6d2b"}
_STYLE: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 12, "linewidth": 1.1, "color": "#444444"}
_INCHES = 1.3

#: From node to node, with a label and what its style adds.
_Arrow = tuple[int, int, str, dict[str, Any]]


@styled
def draw(network: ReactionNetwork, ax: Axes | None = None, *, kind: str = "species") -> Axes:
    """Draw a network.

    Parameters
    ----------
    network : ReactionNetwork
    ax : Axes, optional
        A new figure of a fitting size unless given.
    kind : {'species', 'complexes'}
        Species (round) and reactions (square), arrows from reactants and to products with numbers of molecules other
        than 1, a line with two heads for catalysts, dotted arrows from species that affect the rate only; or the graph of
        complexes, arrows with their rates.

    Returns
    -------
    Axes

    Raises
    ------
    DeclarationError
        For other kinds.

    Examples
    --------
    >>> import symdyn as sd
    >>> ax = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c").draw()
    >>> sorted(text.get_text() for text in ax.texts if text.get_text())
    ['$X$', '2', 'R1', 'R2']
    """
    if kind not in _KINDS:
        raise DeclarationError(f"the drawing is of kind {kind!r}; known: {', '.join(_KINDS)}.{suggest(kind, _KINDS)}")
    return _KINDS[kind](network, ax)


def _species_graph(network: ReactionNetwork, ax: Axes | None) -> Axes:
    n = len(network.states)
    number = {s: i for i, s in enumerate(network.states)}
    arrows: list[_Arrow] = []
    for r, reaction in enumerate(network.reactions, start=n):
        produced = {s: str(k) if k != 1 else "" for s, k in reaction.products.items()}
        produced |= {s: str(b) for s, b in (reaction.bursts or {}).items()}
        kept = {s for s, k in reaction.reactants.items() if s in produced and reaction.products.get(s) == k}
        for s, k in reaction.reactants.items():
            style = {"arrowstyle": "<|-|>"} if s in kept else {}
            arrows.append((number[s], r, str(k) if k != 1 else "", style))
        arrows += [(r, number[s], label, {}) for s, label in produced.items() if s not in kept]
        felt = reaction.rate.free_symbols & set(network.states) - set(reaction.reactants)
        arrows += [(number[s], r, "", {"linestyle": ":", "color": "#999999"}) for s in sorted(felt, key=lambda s: number[s])]
    labels = [_written(s) for s in network.states] + [f"R{i}" for i in range(1, len(network.reactions) + 1)]
    boxes = [_SPECIES] * n + [_REACTION] * len(network.reactions)
    return _paint(labels, boxes, arrows, ax, spread=1.0)


def _complex_graph(network: ReactionNetwork, ax: Axes | None) -> Axes:
    found = structure(network)
    moving = [r for r in network.reactions if dict(r.reactants) != dict(r.products)]
    labels = [_mathematics(c) for c in found.complexes]
    arrows: list[_Arrow] = [(i, j, _written(r.rate), {}) for (i, j), r in zip(found.arrows, moving, strict=True)]
    return _paint(labels, [_SPECIES] * len(labels), arrows, ax, spread=1.6)


_KINDS = {"species": _species_graph, "complexes": _complex_graph}


def _mathematics(side: tuple[tuple[sp.Symbol, int], ...]) -> str:
    return " + ".join((f"{k} " if k != 1 else "") + _written(s) for s, k in side) or r"$\varnothing$"


def _written(e: sp.Expr) -> str:
    """As a formula where matplotlib can set it, else as plain text."""
    from matplotlib.mathtext import MathTextParser

    formula = f"${sp.latex(e)}$"
    try:
        MathTextParser("path").parse(formula)
    except ValueError:
        return str(e).replace("$", r"\$")
    return formula


def _paint(labels: list[str], boxes: list[dict[str, Any]], arrows: list[_Arrow], ax: Axes | None, *, spread: float) -> Axes:
    """Nodes as boxes with text, arrows between them; two arrows between the same nodes are bent apart."""
    from matplotlib import pyplot as plt

    places = spread * place(len(labels), [(i, j) for i, j, _, _ in arrows])
    low, high = places.min(axis=0) - 0.6, places.max(axis=0) + 0.6
    if ax is None:
        _, ax = plt.subplots(figsize=tuple(np.maximum(_INCHES * (high - low), 2.0)), layout="constrained")
    shown = [
        ax.text(x, y, label, ha="center", va="center", bbox=box, zorder=2)
        for (x, y), label, box in zip(places, labels, boxes, strict=True)
    ]
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.set_axis_off()
    pairs = [frozenset(a[:2]) for a in arrows]
    drawn: dict[frozenset[int], int] = {}
    for (i, j, label, style), pair in zip(arrows, pairs, strict=True):
        count, turn = pairs.count(pair), drawn.get(pair, 0)
        drawn[pair] = turn + 1
        # arrows i -> j and j -> i bend to different sides by themselves; equal ones are fanned out
        same = sum(a[:2] == (i, j) for a in arrows)
        bend = 0.0 if count == 1 else 0.2 + 0.15 * (turn if same > 1 else 0)
        ax.annotate(
            "",
            xytext=places[i],
            xy=places[j],
            arrowprops={**_STYLE, **style, "patchA": shown[i].get_bbox_patch(), "patchB": shown[j].get_bbox_patch(),
                        "shrinkA": 2, "shrinkB": 2, "connectionstyle": f"arc3,rad={bend}"},
            zorder=3,  # after the boxes, whose extent is known when they are drawn: arrows end at their edges
        )  # fmt: skip
        if label:
            x, y = _beside(places[i], places[j], bend)
            ax.text(x, y, label, ha="center", va="center", fontsize="small", zorder=4,
                    bbox={"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})  # fmt: skip
    return ax


def _beside(start: np.ndarray, end: np.ndarray, bend: float) -> np.ndarray:
    """The middle of an arc: matplotlib bends it by `bend` times the distance at its control point."""
    along = end - start
    return (start + end) / 2 + 0.5 * bend * np.array([along[1], -along[0]])
