"""Studies that combine derivations, simulations and analysis.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
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

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "_colony_routes": ("compare_routes",),
        "_forecast_figures": ("plot_forecasts",),
        "_forecasters": ("Training",),
        "_table": ("validity_table",),
        "colonies": ("phase_diagram",),
        "figures": ("plot_branches", "plot_validity"),
        "forecasts": ("forecast", "forecast_correlations", "forecast_table"),
        "frontiers": ("plot_frontier", "sampler_frontier"),
        "samplers": ("SearchedSampler", "sampler_search"),
        "validity": ("closure_validity",),
    },
)
