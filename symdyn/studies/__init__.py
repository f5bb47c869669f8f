"""Studies that combine derivations, simulations and analysis."""

from __future__ import annotations

from symdyn.studies._colony_routes import compare_routes
from symdyn.studies._table import validity_table
from symdyn.studies.colonies import phase_diagram
from symdyn.studies.figures import plot_branches, plot_validity
from symdyn.studies.frontiers import plot_frontier, sampler_frontier
from symdyn.studies.samplers import SearchedSampler, sampler_search
from symdyn.studies.validity import closure_validity

__all__ = [
    "SearchedSampler",
    "closure_validity",
    "compare_routes",
    "phase_diagram",
    "plot_branches",
    "plot_frontier",
    "plot_validity",
    "sampler_frontier",
    "sampler_search",
    "validity_table",
]
