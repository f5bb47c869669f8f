"""Structured populations: Leslie and other matrix models, coupled, density-dependent, stochastic; their demography; their fit.

>>> import symdyn as sd
>>> model = sd.leslie.from_life_table(fecundity=[0, 4, 3], survival=[0.5, 0.25])
>>> round(model.growth_factor, 9), round(model.net_reproductive_rate, 9)
(1.5, 2.375)

Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdyn.leslie.coupled import (
        complex_matrix,
        evolution,
        growth_factor_approximation,
        last_standing,
        modes,
        prey_gone_after,
    )
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
    from symdyn.leslie.environment import correlated_noise, log_normal, logit_normal, markov_environment, random_environment
    from symdyn.leslie.extinction import demographic, quasi_extinction
    from symdyn.leslie.stochastic import stochastic_growth_rate, tuljapurkar

#: Public names by the module that holds them; no module is called like one of them, for it would take its place.
_MODULES = {
    "coupled": (
        "complex_matrix", "evolution", "growth_factor_approximation", "last_standing", "modes", "prey_gone_after",
    ),
    "coupling": ("community", "competition", "complex_predator_prey", "patches", "predator_prey"),
    "declare": ("age_by_stage", "from_life_table", "from_matrix", "lefkovitch"),
    "density": (
        "beverton_holt", "density_dependent", "density_library", "hassell", "leslie_gower", "logistic", "ricker", "usher",
    ),
    "extinction": ("demographic", "quasi_extinction"),
    "inverse": ("from_series",),
    "environment": ("correlated_noise", "log_normal", "logit_normal", "markov_environment", "random_environment"),
    "stochastic": ("stochastic_growth_rate", "tuljapurkar"),
}  # fmt: skip
_LAZY = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(f"symdyn.leslie.{_LAZY[name]}"), name)
        return value
    raise AttributeError(f"module 'symdyn.leslie' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
