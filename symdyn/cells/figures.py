"""Figures of cells in a bulk: maps, traces, modes, phase diagrams and films.

Each takes axes to draw in, or makes a figure of its own.
"""

from __future__ import annotations

from symdyn.cells._figure_film import animate_colony
from symdyn.cells._figure_hopf import plot_hopf
from symdyn.cells._figure_map import draw, plot_bulk
from symdyn.cells._figure_mode import plot_mode
from symdyn.cells._figure_traces import plot_traces

__all__ = ["animate_colony", "draw", "plot_bulk", "plot_hopf", "plot_mode", "plot_traces"]
