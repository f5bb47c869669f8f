"""Declared orders of all methods of the registry on the kinds of problems that other modules do not go through by it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.cells.problems import make_problem
from symdyn.methods.stochastic import StochasticScheme
from tests.integrated import SCHEMES, integrated

x, w, t = sp.symbols("x w t")
STOCHASTIC = [name for name, scheme in sd.METHODS.items() if isinstance(scheme, StochasticScheme)]
PIECES = 512  # of the unit of time, for the Wiener process
#: Numbers of steps whose errors lie above rounding.
STEPS = {"dop853": (6, 12), "tsit5": (24, 48)}


@pytest.fixture(scope="module")
def colony():
    """Two linear cells that exchange slowly and a bulk of slow diffusion, so that explicit methods are stable too."""
    pytest.importorskip("skfem")
    kinetics = sd.ODESystem.from_text("v' = a*v*w - v + 1/2; w' = 1 - v*w/4; a = 1/4; v(0) = 1; w(0) = 2")
    return sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.2, centers=[(0.5, 0), (-0.4, 0)], secreted="v", influx=[0.02, 0.03], efflux=0.02,
        kinetics=kinetics, parameters={"D": 2e-4, "tau": 2.0},
    ).full(mesh={"size": 0.6, "wall": 8})  # fmt: skip


@pytest.mark.parametrize("method", SCHEMES)
def test_colonies(colony, method):
    assert sd.METHODS[method].applies(colony) is None
    start = np.concatenate([[1.0, 2.0, 1.5, 1.0], colony.elements.points @ [0.1, 0.3] + 0.5])
    exact = integrated(make_problem(colony, SCHEMES["tsit5"]), "tsit5", start, [0, 2], rtol=1e-13, atol=1e-14).frames[-1]
    problem = make_problem(colony, SCHEMES[method])
    errors = []
    for n in STEPS.get(method, (32, 64)):
        found = integrated(problem, method, start, [0, 2], step=2 / n)
        assert (found.steps, found.rejected) == (n, 0)
        errors.append(np.abs(found.frames[-1] - exact).max())
    assert errors[1] > 1e-12
    assert -0.2 < np.log2(errors[0] / errors[1]) - SCHEMES[method].order < 0.7


@pytest.mark.parametrize("method", STOCHASTIC)
def test_orders_are_halves_and_the_weak_one_is_not_below_the_strong_one(method):
    scheme = sd.METHODS[method]
    assert all(order > 0 and (2 * order).is_integer() for order in (scheme.strong_order, scheme.weak_order))
    assert scheme.weak_order >= scheme.strong_order


def linear_noise():
    """Geometric Brownian motion, and its solution."""
    system = sd.SDESystem({x: x / 2, w: 0}, [[x * 4 / 5], [1]], initial={x: 1, w: 0})
    return system, lambda w: np.exp(0.18 + 0.8 * w)


def additive_noise():
    """Kloeden & Platen (1992), eq. 4.4.6 with a = 0.4 and b = 1.5."""
    noise = 1 / sp.sqrt(1 + t)
    system = sd.SDESystem({x: 1.5 * noise - x / (2 * (1 + t)), w: 0}, [[0.6 * noise], [1]], initial={x: 1, w: 0})
    return system, lambda w: (1 + 1.5 * (1 + 0.4 * w)) / np.sqrt(2)


@pytest.mark.parametrize("method", STOCHASTIC)
def test_strong_orders(method):
    scheme = sd.METHODS[method]
    problems = [make() for make in (linear_noise, additive_noise)]
    applicable = [p for p in problems if scheme.applies(p[0]) is None]
    assert applicable or method in (
        "align",
        "ubu",
        "quicsort",
    )  # which tests/orders/test_trees.py measures on an equation of its kind
    if not applicable:
        return
    orders = []
    for system, exact in applicable:
        pieces, errors = np.array([4, 8, 16, 32]), []
        for n in pieces:
            data = sd.simulate(
                system, [0, 1], trajectories=2000, seed=3, step=n / PIECES, method=scheme.options(brownian_step=1 / PIECES),
                progress=False,
            )  # fmt: skip
            errors.append(np.abs(data.x[:, -1].values - exact(data.w[:, -1].values)).mean())
        orders.append(np.polyfit(np.log(pieces), np.log(errors), 1)[0])
    assert min(orders) > scheme.strong_order - 0.12
