"""Polynomial chaotic flows of the package dysts: equations, true coefficients and trajectories on the attractor.

dysts keeps its trajectories on a host of its own; here they are integrated again, at tight tolerance, from its equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.discover.library import library_terms

__all__ = ["DEGREE", "SYSTEMS", "Flow", "flow", "polynomial_flows", "trajectories"]

DEGREE = 4
#: The systems of Kaptanoglu et al., arXiv:2302.10787 (bounded, with a strange attractor, degree 4 or less).
SYSTEMS = (
    "Aizawa", "Bouali2", "BurkeShaw", "Chen", "ChenLee", "Dadras", "DequanLi", "Finance", "GenesioTesi",
    "GuckenheimerHolmes", "Hadley", "Halvorsen", "HenonHeiles", "HyperBao", "HyperCai", "HyperJha", "HyperLorenz", "HyperLu",
    "HyperPang", "HyperQi", "HyperRossler", "HyperWang", "HyperXu", "HyperYan", "HyperYangChen", "KawczynskiStrizhak", "Laser",
    "Lorenz", "LorenzBounded", "LorenzStenflo", "LuChen", "LuChenCheng", "MooreSpiegel", "NewtonLiepnik", "NoseHoover",
    "NuclearQuadrupole", "PehlivanWei", "Qi", "QiChen", "RabinovichFabrikant", "RayleighBenard", "RikitakeDynamo", "Rossler",
    "Rucklidge", "Sakarya", "ShimizuMorioka", "SprottA", "SprottB", "SprottC", "SprottD", "SprottE", "SprottF", "SprottG",
    "SprottH", "SprottI", "SprottJ", "SprottJerk", "SprottK", "SprottL", "SprottM", "SprottN", "SprottO", "SprottP",
    "SprottQ", "SprottR", "SprottS", "SprottTorus", "VallisElNino", "WangSun", "ZhouChen",
)  # fmt: skip
#: Periods that are left for the way to the attractor, and periods of it from which trajectories begin.
APPROACH, REFERENCE = 20, 100


@dataclass(frozen=True)
class Flow:
    """A polynomial flow.

    Attributes
    ----------
    name : str
    system : ODESystem
    terms : tuple of Expr
        Monomials up to `DEGREE`.
    coefficients : (n, p) float64
        Of those terms in each equation.
    period : float
        Dominant period, as dysts has it.
    """

    name: str
    system: Any
    terms: tuple[sp.Expr, ...]
    coefficients: np.ndarray
    period: float


@cache
def flow(name: str) -> Flow | None:
    """A flow of dysts by name; None unless it is autonomous and polynomial of degree 4 or less."""
    import dysts.flows as flows

    model = getattr(flows, name)()
    start = np.atleast_1d(model.ic)
    states = sp.symbols(f"x0:{len(start)}")
    time = sp.Symbol("t")
    rhs = getattr(type(model)._rhs, "py_func", type(model)._rhs)
    try:
        sides = [sp.expand(sp.nsimplify(e, rational=True)) for e in rhs(*states, time, *model.param_list)]
        polynomials = [sp.Poly(e, *states) for e in sides]
    except (TypeError, sp.PolynomialError):  # numpy functions, branches, quotients
        return None
    if any(e.has(time) for e in sides) or max(p.total_degree() for p in polynomials) > DEGREE:
        return None
    terms = library_terms(states, DEGREE)
    coefficients = np.array([[float(p.coeff_monomial(term)) for term in terms] for p in polynomials])
    system = sd.ODESystem(dict(zip(states, sides, strict=True)), initial=dict(zip(states, map(float, start), strict=True)))
    return Flow(name, system, terms, coefficients, float(model.period))


def polynomial_flows() -> tuple[str, ...]:
    """All autonomous polynomial flows of the installed dysts with degree 4 or less."""
    import dysts.flows as flows

    kinds = [n for n, v in vars(flows).items() if isinstance(v, type) and issubclass(v, flows.DynSys) and v is not flows.DynSys]
    return tuple(n for n in sorted(kinds) if _is_polynomial(n))


def _is_polynomial(name: str) -> bool:
    try:
        return flow(name) is not None
    except (TypeError, ValueError):  # systems whose right-hand side is no function of the states one by one
        return False


def trajectories(name: str, count: int, *, points: int = 1000, per_period: int = 100, seed: int = 0) -> Any:
    """Times (points,) and `count` trajectories (count, points, n) that begin at random points of the attractor."""
    found = flow(name)
    if found is None:
        raise ValueError(f"{name} is no autonomous polynomial flow of degree {DEGREE} or less")
    rng = np.random.default_rng([seed, SYSTEMS.index(name) if name in SYSTEMS else len(SYSTEMS)])
    settings = {"rtol": 1e-11, "atol": 1e-12, "progress": False}
    long = np.linspace(0, (APPROACH + REFERENCE) * found.period, 12 * (APPROACH + REFERENCE) + 1)
    way = sd.simulate(found.system, long, **settings)
    states = [s.name for s in found.system.states]
    attractor = np.stack([way[s].to_numpy() for s in states], axis=-1).reshape(-1, len(states))[12 * APPROACH :]
    chosen = attractor[rng.choice(len(attractor), count, replace=False)]
    times = np.arange(points) * found.period / per_period
    import xarray as xr

    initial = {s: xr.DataArray(c, dims="trajectory") for s, c in zip(states, chosen.T, strict=True)}
    runs = sd.simulate(found.system, times, initial=initial, trajectories=count, **settings)
    values = np.stack([runs[s].transpose("trajectory", "time").to_numpy() for s in states], axis=-1)
    return times, values
