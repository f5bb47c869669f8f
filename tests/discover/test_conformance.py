"""What a recovery keeps to whatever the data: bits by the seed, and the best so far."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

threadpoolctl = pytest.importorskip("threadpoolctl", reason="threads of linear algebra are set by threadpoolctl")

X, u, x = sp.symbols("X u x")
f, g = sp.symbols("f g", cls=sp.Function)


def growth(points=21, noise=0.01):
    """x' = x (1 - x) from 0.2 on."""
    t = np.linspace(0, 4, points)
    return {"t": t, "x": 1 / (1 + 4 * np.exp(-t)) + noise * np.random.default_rng(0).normal(size=points)}


def generations():
    """x[t+1] = 2.8 x (1 - x)."""
    values = [0.2]
    for _ in range(20):
        values.append(2.8 * values[-1] * (1 - values[-1]))
    return {"t": np.arange(21.0), "x": np.array(values) * (1 + 0.01 * np.random.default_rng(0).normal(size=21))}


def heat():
    """sin(2 pi x) exp(-4 pi^2 D t) with D = 0.02."""
    at, times = (np.arange(24) + 0.5) / 24, np.array([0.2, 0.6, 1.0])
    values = np.exp(-0.08 * np.pi**2 * times)[:, None] * np.sin(2 * np.pi * at)
    values = values + 0.01 * np.random.default_rng(0).normal(size=values.shape)
    return xr.Dataset({"u": (("time", "x"), values)}, {"time": times, "x": at})


def reverting():
    """dx = (1 - x) dt + 0.5 dW, by its exact transitions."""
    rng, keep, values = np.random.default_rng(0), np.exp(-0.1), [1.0]
    for _ in range(200):
        values.append(1 + keep * (values[-1] - 1) + 0.5 * np.sqrt((1 - keep**2) / 2) * rng.normal())
    return {"t": 0.1 * np.arange(201), "x": np.array(values)}


def births():
    """Every jump of 0 -> X at rate 8 and X -> 0 at rate X."""
    rng, n, t, rows = np.random.default_rng(0), 0, 0.0, [(0.0, 0)]
    while t < 20:
        t += rng.exponential(1 / (8 + n))
        n += 1 if rng.random() < 8 / (8 + n) else -1
        rows.append((t, n))
    return pd.DataFrame(rows, columns=["time", "X"])


NETWORK = sd.ReactionNetwork([({}, {X: 1}, f(X)), ({X: 1}, {}, 1)], initial={X: 0})
FIELD = sd.PDESystem({u: f(u, sd.laplacian(u))}, (0, 1), boundary="periodic", initial={u: sp.sin(2 * sp.pi * x)})
#: By kind: the system and the data, and how they are recovered.
KINDS = {
    "terms": (lambda: (sd.ODESystem({x: f(x)}), growth()), {"library": 2, "surrogate": None}),
    "map": (lambda: (sd.DiscreteSystem({x: f(x)}), generations()), {"library": 2, "surrogate": None}),
    "whole": (lambda: (None, growth(41)), {}),
    "fields": (lambda: (FIELD, heat()), {"library": [u, u**2, sd.laplacian(u)]}),
    "diffusion": (
        lambda: (sd.SDESystem({x: f(x)}, {x: g(x)}), reverting()),
        {"library": {f: [1, x, x**2], g: [1]}},
    ),
    "network": (lambda: (NETWORK, births()), {"library": [1, X, X**2]}),
}


def recovered(kind, **options):
    problem, usual = KINDS[kind]
    return sd.recover(*problem(), **{"progress": False, **usual, **options})


def bits(found):
    """Everything that was found, to the last bit."""
    tables = [t.to_csv(float_format="%.17g") for t in (found.table, found.intervals, found.inclusion)]
    return tables, [sp.srepr(term) for term in found.terms.values()], [sp.srepr(e) for e in found.formulas.values()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits_with_one_and_two_threads(kind, monkeypatch):
    runs = []
    for threads in (1, 2, 2):
        monkeypatch.setenv("SYMDYN_NUM_THREADS", str(threads))
        with threadpoolctl.threadpool_limits(threads):
            runs.append(bits(recovered(kind, seed=3)))
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_keeps_the_best_so_far(kind):
    calls = []

    def interrupt(stage, fraction):
        calls.append(stage)
        if calls.count("selection") == 2:
            raise KeyboardInterrupt

    try:
        found = recovered(kind, progress=interrupt)
    except KeyboardInterrupt:
        pytest.fail("the interrupt lost what was found")
    assert not found.complete
    assert len(found.systems) > 0
    assert any("interrupted" in note for note in found.warnings)
