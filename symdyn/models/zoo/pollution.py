"""POLLU: a stiff model of air pollution with 20 species and 25 reactions."""

from __future__ import annotations

import sympy as sp

from symdyn.models.ode import ODESystem

__all__ = ["pollu"]

SPECIES = (
    "NO2", "NO", "O3P", "O3", "HO2", "OH", "HCHO", "CO", "ALD", "MEO2",
    "C2O3", "CO2", "PAN", "CH3O", "HNO3", "O1D", "SO2", "SO4", "NO3", "N2O5",
)  # fmt: skip
INITIAL = {"NO": 0.2, "O3": 0.04, "HCHO": 0.1, "CO": 0.3, "ALD": 0.01, "SO2": 0.007}
#: Reactants, products and rate constant of reactions 1 to 25 (Verwer 1994).
REACTIONS = (
    ("NO2", "NO O3P", 0.35),
    ("NO O3", "NO2", 26.6),
    ("HO2 NO", "NO2 OH", 1.23e4),
    ("HCHO", "HO2 HO2 CO", 8.6e-4),
    ("HCHO", "CO", 8.2e-4),
    ("HCHO OH", "HO2 CO", 1.5e4),
    ("ALD", "MEO2 HO2 CO", 1.3e-4),
    ("ALD OH", "C2O3", 2.4e4),
    ("C2O3 NO", "NO2 MEO2 CO2", 1.65e4),
    ("C2O3 NO2", "PAN", 9e3),
    ("PAN", "C2O3 NO2", 0.022),
    ("MEO2 NO", "CH3O NO2", 1.2e4),
    ("CH3O", "HCHO HO2", 1.88),
    ("NO2 OH", "HNO3", 1.63e4),
    ("O3P", "O3", 4.8e6),
    ("O3", "O1D", 3.5e-4),
    ("O3", "O3P", 0.0175),
    ("O1D", "OH OH", 1e8),
    ("O1D", "O3P", 4.44e11),
    ("SO2 OH", "SO4 HO2", 1.24e3),
    ("NO3", "NO", 2.1),
    ("NO3", "NO2 O3P", 5.78),
    ("NO2 O3", "NO3", 0.0474),
    ("NO3 NO2", "N2O5", 1.78e3),
    ("N2O5", "NO3 NO2", 3.12),
)


def pollu() -> ODESystem:
    r"""The chemical part of an air pollution model of RIVM, the Dutch institute of public health.

    .. math:: \dot y_i = \sum_{j=1}^{25} (P_{ij} - R_{ij}) r_j, \qquad r_j = k_j \prod_i y_i^{R_{ij}}

    with `R` and `P` the numbers of reactant and product molecules.  Concentrations in ppm, time in minutes,
    parameters k01 to k25.  Usually integrated to t = 60.

    Returns
    -------
    ODESystem
        20 states, named after the species.

    References
    ----------
    Verwer, SIAM Journal on Scientific Computing 15 (1994) 1243-1250.

    Examples
    --------
    >>> system = pollu()
    >>> len(system.states), len(system.parameters)
    (20, 25)
    >>> print(system.drift[system.names.index("SO4")])
    OH*SO2*k20
    """
    species = {name: sp.Symbol(name) for name in SPECIES}
    constants = sp.symbols("k01:26")
    terms: dict[str, list[sp.Expr]] = {name: [] for name in SPECIES}
    for k, (reactants, products, _) in zip(constants, REACTIONS, strict=True):
        rate = k * sp.Mul(*(species[name] for name in reactants.split()))
        for name in reactants.split():
            terms[name].append(-rate)
        for name in products.split():
            terms[name].append(rate)
    return ODESystem(
        {species[name]: sp.Add(*terms[name]) for name in SPECIES},
        {k: value for k, (_, _, value) in zip(constants, REACTIONS, strict=True)},
        initial={**dict.fromkeys(SPECIES, 0.0), **INITIAL},
        provenance=("zoo.pollu: Verwer (1994)",),
    )
