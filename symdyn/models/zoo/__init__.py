"""Named models of the literature, each a function that returns a `System` with default and initial values.

Change values with ``with_parameters`` and ``with_initial``; the functions themselves take no arguments.

Examples
--------
>>> from symdyn.models import zoo
>>> zoo.lorenz().names
('x', 'y', 'z')
"""

from __future__ import annotations

from symdyn.models.zoo.chaos import lorenz
from symdyn.models.zoo.kinetics import hires, robertson
from symdyn.models.zoo.networks import (
    brusselator_network,
    cascade,
    dimerisation,
    gene_expression,
    schloegl,
    toggle_switch,
)
from symdyn.models.zoo.oscillators import brusselator, orego, selkov, van_der_pol
from symdyn.models.zoo.pollution import pollu
from symdyn.models.zoo.populations import flour_beetle, logistic_map, lotka_volterra, ricker_map

__all__ = [
    "brusselator",
    "brusselator_network",
    "cascade",
    "dimerisation",
    "flour_beetle",
    "gene_expression",
    "hires",
    "logistic_map",
    "lorenz",
    "lotka_volterra",
    "orego",
    "pollu",
    "ricker_map",
    "robertson",
    "schloegl",
    "selkov",
    "toggle_switch",
    "van_der_pol",
]
