"""Structured populations: Leslie and other matrix models, coupled, density-dependent, stochastic; their demography; their fit.

>>> import symdyn as sd
>>> model = sd.leslie.from_life_table(fecundity=[0, 4, 3], survival=[0.5, 0.25])
>>> round(model.growth_factor, 9), round(model.net_reproductive_rate, 9)
(1.5, 2.375)

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.leslie import gallery
    from symdyn.leslie.cohorts import fundamental_matrix, life_expectancy
    from symdyn.leslie.convergence import cohen_distance, convergence_time, keyfitz_delta
    from symdyn.leslie.coupled import complex_matrix, evolution, growth_factor_approximation, modes, prey_gone_after
    from symdyn.leslie.coupling import community, competition, complex_predator_prey, patches, predator_prey
    from symdyn.leslie.declare import age_by_stage, from_life_table, from_matrix, lefkovitch
    from symdyn.leslie.density import (
        beverton_holt,
        density_dependent,
        density_library,
        hassell,
        leslie_gower,
        logistic,
        ricker,
        usher,
    )
    from symdyn.leslie.drawing import draw
    from symdyn.leslie.environment import correlated_noise, log_normal, logit_normal, markov_environment, random_environment
    from symdyn.leslie.extinction import demographic, diffusion_extinction, quasi_extinction
    from symdyn.leslie.fermions import FermionicModel, fermionic
    from symdyn.leslie.inverse import from_series
    from symdyn.leslie.many_particles import DoiPeliti, SecondQuantised, doi_peliti, second_quantised
    from symdyn.leslie.operators import Hamiltonian, generator
    from symdyn.leslie.overview import summary
    from symdyn.leslie.perturbation import vital_rates
    from symdyn.leslie.responses import ltre
    from symdyn.leslie.standing import LastStanding, last_standing
    from symdyn.leslie.stochastic import stochastic_growth_rate, tuljapurkar
    from symdyn.leslie.structure import blocks
    from symdyn.leslie.tables import life_table
    from symdyn.leslie.traits import age_at_maturity, cohort_generation_time, life_history, longevity, mean_age_of_mothers
    from symdyn.leslie.transients import Transient, case_reactivity, maximal_amplification, maximal_attenuation

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "cohorts": ("fundamental_matrix", "life_expectancy"),
        "convergence": ("cohen_distance", "convergence_time", "keyfitz_delta"),
        "coupled": ("complex_matrix", "evolution", "growth_factor_approximation", "modes", "prey_gone_after"),
        "coupling": ("community", "competition", "complex_predator_prey", "patches", "predator_prey"),
        "declare": ("age_by_stage", "from_life_table", "from_matrix", "lefkovitch"),
        "density": (
            "beverton_holt",
            "density_dependent",
            "density_library",
            "hassell",
            "leslie_gower",
            "logistic",
            "ricker",
            "usher",
        ),
        "drawing": ("draw",),
        "environment": ("correlated_noise", "log_normal", "logit_normal", "markov_environment", "random_environment"),
        "extinction": ("demographic", "diffusion_extinction", "quasi_extinction"),
        "fermions": ("FermionicModel", "fermionic"),
        "gallery": (),
        "inverse": ("from_series",),
        "many_particles": ("DoiPeliti", "SecondQuantised", "doi_peliti", "second_quantised"),
        "operators": ("Hamiltonian", "generator"),
        "overview": ("summary",),
        "perturbation": ("vital_rates",),
        "responses": ("ltre",),
        "standing": ("LastStanding", "last_standing"),
        "stochastic": ("stochastic_growth_rate", "tuljapurkar"),
        "structure": ("blocks",),
        "tables": ("life_table",),
        "traits": ("age_at_maturity", "cohort_generation_time", "life_history", "longevity", "mean_age_of_mothers"),
        "transients": ("Transient", "case_reactivity", "maximal_amplification", "maximal_attenuation"),
    },
)
