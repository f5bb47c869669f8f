"""Named models of the literature, each a function that returns a `System` with default and initial values.

Change values with ``with_parameters`` and ``with_initial``; the functions themselves take no arguments, but for the
domain of fields.  `chaotic` holds chaotic flows by name.

Examples
--------
>>> from symdyn.models import zoo
>>> zoo.lorenz().names
('x', 'y', 'z')
"""

from __future__ import annotations

from symdyn.models.zoo.chaos import lorenz
from symdyn.models.zoo.chaotic import chaotic
from symdyn.models.zoo.fields import (
    advection_diffusion,
    burgers,
    cahn_hilliard,
    fisher_kpp,
    gray_scott,
    kuramoto_sivashinsky,
    schnakenberg,
    swift_hohenberg,
)
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
    "advection_diffusion",
    "brusselator",
    "brusselator_network",
    "burgers",
    "cahn_hilliard",
    "cascade",
    "chaotic",
    "dimerisation",
    "fisher_kpp",
    "flour_beetle",
    "gene_expression",
    "gray_scott",
    "hires",
    "kuramoto_sivashinsky",
    "logistic_map",
    "lorenz",
    "lotka_volterra",
    "orego",
    "pollu",
    "ricker_map",
    "robertson",
    "schloegl",
    "schnakenberg",
    "selkov",
    "swift_hohenberg",
    "toggle_switch",
    "van_der_pol",
]
