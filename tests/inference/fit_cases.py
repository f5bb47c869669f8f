"""Small fits of every kind of system and by every likelihood, for tests of what all of them do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from scipy import stats

import symdyn as sd

__all__ = ["CASES", "fitted"]

x, k, s, h = sp.symbols("x k s h")
t = np.linspace(0, 3, 13)
RIPPLE = 0.02 * np.cos(9 * t)
NET = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", initial={"X": 0})
#: Of likelihoods that simulate, fewer numbers.
OPTIONS = {"abc": {"population": 20, "simulations": 120}, "particle": {"particles": 30}}

Case = tuple[tuple[Any, ...], dict[str, Any]]


def shot() -> Case:
    """States that are measured themselves: multiple shooting first."""
    return (sd.ODESystem({x: -k * x}), {"t": t, "x": 3 * np.exp(-0.5 * t) + RIPPLE}), {"starts": 3}


def observed() -> Case:
    """An observable with a scale, a prior, and starts at which no simulation succeeds."""
    system = sd.ODESystem({x: -k * x * sp.sqrt(1 - k)}, initial={x: 1})
    data = {"t": t, "light": 20 * np.exp(-0.7 * np.sqrt(0.3) * t) * np.exp(RIPPLE)}
    how = {"observables": {"light": s * x}, "noise": "lognormal", "priors": {k: stats.lognorm(1)}}
    return (system, data), how | {"parameters": {s: (1, 1e3)}, "starts": 4}


def conditions() -> Case:
    """Conditions, an algebraic equation, and Laplace's noise."""
    y = sp.Symbol("y")
    system = sd.ODESystem({x: -k * y}, initial={x: 1}, algebraic={y: y - x})
    data = {c: {"t": t, "x": a * np.exp(-0.5 * t) + RIPPLE} for c, a in (("one", 1), ("two", 2))}
    return (system, data), {"conditions": {"one": {}, "two": {x: 2}}, "noise": "laplace", "starts": 2}


def events() -> Case:
    """A dose, with numbers that are counted."""
    system = sd.ODESystem({x: -k * x}, initial={x: 50}, events=sd.dose(x, 30, every=1, times=2, start=1))
    values = sd.simulate(system, t, parameters={k: 0.8}, progress=False).x.values
    return (system, {"t": t, "x": np.rint(values)}), {"noise": "poisson", "starts": 2}


def delay() -> Case:
    X = sp.Function("x")
    system = sd.ODESystem({x: -k * X(sp.Symbol("t") - 1)}, history={x: 1})
    values = sd.simulate(system, t, parameters={k: 0.8}, progress=False).x.values
    return (system, {"t": t, "x": values + RIPPLE}), {"parameters": {k: (0.1, 2)}, "starts": 2}


def discrete() -> Case:
    data = {"t": range(8), "x": [1.0, 0.52, 0.24, 0.13, 0.06, 0.03, 0.016, 0.007]}
    return (sd.DiscreteSystem({x: k * x}), data), {"starts": 3}


def field() -> Case:
    D = sp.Symbol("D")
    system = sd.PDESystem.from_text("u' = D*laplacian(u); u(0) = 1 + cos(pi*x/2)", domain=(0, 2)).discretize(12)
    hours, places = np.linspace(0, 1, 4), [0.3, 1.1, 1.7]
    values = 1 + np.exp(-0.5 * (np.pi / 2) ** 2 * hours)[:, None] * np.cos(np.pi * np.array(places) / 2)
    values = values + 0.01 * np.cos(9 * np.arange(12)).reshape(4, 3)
    return (system, xr.Dataset({"u": (("time", "x"), values)}, {"time": hours, "x": places})), {
        "parameters": {D: (0.1, 2)}, "starts": 2,
    }  # fmt: skip


def colony() -> Case:
    system = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=sd.ODESystem.from_text("v' = a - v; v(0) = 0.2"),
        secreted="v", influx=0.3, efflux=0.2, parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip
    return (system, {"t": t, "v_1": 1 - 0.8 * np.exp(-t) + RIPPLE}), {"parameters": {"a": (0.1, 10)}, "starts": 2}


def network(name: str) -> Case:
    """Births and deaths, by a likelihood of networks."""
    hours = np.linspace(0.0, 4.0, 6)
    run = sd.simulate(NET, hours, parameters={"k": 15.0, "g": 0.8}, trajectories=3, seed=5, progress=False).X.values
    values = run + np.random.default_rng(1).normal(size=run.shape)
    rule = sd.LIKELIHOODS[name](**OPTIONS.get(name, {}))
    how = {"likelihood": rule, "noise": 1.0, "parameters": {"k": (1.0, 200.0), "g": (0.05, 20.0)}, "starts": 2}
    return (NET, [{"t": hours, "X": v} for v in values]), how


def diffusion() -> Case:
    a = sp.Symbol("a")
    system = sd.SDESystem({x: a - k * x}, {x: s}, initial={x: 0})
    values = 1 - np.exp(-t) + 10 * RIPPLE
    return (system, {"t": t, "x": values}), {"parameters": dict.fromkeys((a, k, s), (0.01, 10)), "starts": 2}


def petab() -> Case:
    return (sd.read_petab("examples/data/petab_conversion/conversion.yaml"),), {"starts": 3}


def softened(folder: Path) -> Case:
    """A PEtab problem with known deviations that differ."""
    from tests.io.test_petab_starts import DEVIATIONS, TIMES, TRUE, oscillators

    noise = np.random.RandomState(0).randn(4, len(TIMES))
    measured = np.cos(np.multiply.outer(TRUE, TIMES)) + DEVIATIONS * noise
    return (oscillators(folder, measured, DEVIATIONS),), {"starts": 2}


def scaled(folder: Path) -> Case:
    """A PEtab problem with a scale that enters an observable alone, and a pool of starts for which it is fitted."""
    from tests.io.test_petab_windows import TIMES, TRUE, brusselator, course

    return (brusselator(folder, TRUE["s"] * course(TRUE, TIMES[:9])[0], times=TIMES[:9]),), {"starts": 2}


def windowed(folder: Path) -> Case:
    """A PEtab problem whose data oscillate."""
    from tests.io.test_petab_windows import DEVIATION, TIMES, TRUE, brusselator, course

    times = TIMES[:50]
    measured = TRUE["s"] * course(TRUE, times)[0] + DEVIATION * np.random.RandomState(0).randn(len(times))
    return (brusselator(folder, measured, times=times),), {"starts": 2}


#: By name: what makes the arguments of `symdyn.fit`, of a folder for files.
CASES: dict[str, Callable[[Path], Case]] = {
    one.__name__: (lambda folder, one=one: one())
    for one in (shot, observed, conditions, events, delay, discrete, field, colony, diffusion, petab)
}
CASES |= {name: (lambda folder, name=name: network(name)) for name in sd.LIKELIHOODS}
CASES |= {one.__name__: one for one in (scaled, softened, windowed)}


def fitted(case: Case, **further: Any) -> sd.Fit:
    """The fit of a case."""
    arguments, how = case
    return sd.fit(*arguments, **how, **further)
