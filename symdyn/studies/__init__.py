"""Studies that combine derivations, simulations and analysis."""

from __future__ import annotations

from symdyn.studies._colony_routes import compare_routes
from symdyn.studies._forecast_figures import plot_forecasts
from symdyn.studies._forecasters import Training
from symdyn.studies._table import validity_table
from symdyn.studies.colonies import phase_diagram
from symdyn.studies.figures import plot_branches, plot_validity
from symdyn.studies.forecasts import forecast, forecast_correlations, forecast_table
from symdyn.studies.frontiers import plot_frontier, sampler_frontier
from symdyn.studies.samplers import SearchedSampler, sampler_search
from symdyn.studies.validity import closure_validity

__all__ = [
    "SearchedSampler",
    "Training",
    "closure_validity",
    "compare_routes",
    "forecast",
    "forecast_correlations",
    "forecast_table",
    "phase_diagram",
    "plot_branches",
    "plot_forecasts",
    "plot_frontier",
    "plot_validity",
    "sampler_frontier",
    "sampler_search",
    "validity_table",
]
