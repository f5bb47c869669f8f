"""Systems that mix inputs, doses, constraints, sweeps and names of the field: exact numbers alone, in lanes and on a card."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import lambertw

SCRIPT = """
t, x, y, k, S = sp.symbols("t x y k S")
q, T = sp.Function("q"), np.linspace(0, 4, 9)

def simulate(name, system, times, state, **options):
    tight = {} if system.map is not None else {"rtol": 1e-10, "atol": 1e-12}
    three = {} if "parameters" in options else {"trajectories": 3}
    layouts = {"alone": {"layout": sd.Layout(lanes=1)}, "lanes": {"layout": sd.Layout(lanes=8), **three}}
    layouts["card"] = {"target": "cuda"}
    for where, layout in layouts.items():
        run = sd.simulate(system, times, **tight, **options, **layout, progress=False)
        results[f"{name} {where}"] = run[state].values

total = sd.ODESystem({x: -k * x}, {k: 0.5}, algebraic={y: x + y - 3}, initial={x: 1}, events=[sd.dose(x, 1, start=1)])
simulate("total", total, T, "y")
u = sd.Path("u", [0, 1, 2, 8], [0, 1, 0, 0], kind="linear")
simulate("sweep", sd.ODESystem({S: u - k * S}, {k: 1}, initial={S: 2 * k}), T, "S", parameters={k: [0.5, 2]}, method="rodas5p")
w = sd.Path("w", [0, 3, 6, 20], [1, 2, 0, 5], kind="hold")
simulate("map", sd.DiscreteSystem({x: x / 2 + w}, initial={x: 0}, events=sd.Event(x > 3, {x: 1})), range(11), "x")
swing = sd.ODESystem(sp.Eq(q(t).diff(t, 2), -q(t)), initial={"q": 1, "q_dot": 0})
simulate("swing", swing.replace(events=(sd.dose("q_dot", 1, start=1, times=1),)), T, "q")
simulate("backwards", sd.ODESystem({x: u}, initial={x: 0}), [4, 2, 1, 0], "x")
simulate("enzyme", sd.ODESystem.from_text("x' = -mm(x, 1, 2); x(0) = 3"), T, "x")
"""
T = np.linspace(0, 4, 9)


def total():
    return 3 - np.exp(-0.5 * T) - np.where(T >= 1, np.exp(-0.5 * (T - 1)), 0)


def sweep():
    """2 k exp(-k t) and the tent, convolved."""

    def at(k, t):
        def tent(s):
            return max(0.0, 1 - abs(s - 1)) * math.exp(-k * (t - s))

        return 2 * k * math.exp(-k * t) + sum(quad(tent, a, min(a + 1, t), epsabs=1e-13)[0] for a in (0, 1) if t > a)

    return [[at(k, t) for t in T] for k in (0.5, 2)]


def mapped():
    """x/2 + w, and 1 where that is above 3."""
    found = [0.0]
    for j in range(10):
        new = found[-1] / 2 + (1 if j < 3 else 2 if j < 6 else 0)
        found.append(1.0 if new > 3 else new)
    return found


def swing():
    return np.cos(T) + np.where(T >= 1, np.sin(T - 1), 0)


def enzyme():
    """x' = -x/(2 + x): the Lambert function of Schnell and Mendoza."""
    return 2 * np.real(lambertw(1.5 * np.exp((3 - T) / 2)))


EXACT = {
    "total": total,
    "sweep": sweep,
    "map": mapped,
    "swing": swing,
    "backwards": lambda: [0, 0, -0.5, -1],
    "enzyme": enzyme,
}


@pytest.mark.parametrize("where", ["alone", "lanes", "card"])
@pytest.mark.parametrize("name", EXACT)
def test_mixtures_have_their_exact_solutions(simulated, name, where):
    found, exact = simulated(SCRIPT)[f"{name} {where}"], np.asarray(EXACT[name]())
    np.testing.assert_allclose(found, np.broadcast_to(exact, found.shape), atol=1e-8)
