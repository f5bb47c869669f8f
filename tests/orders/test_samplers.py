"""Declared orders of samplers on the flow of a mixture, and on semilinear equations that are no diffusion models."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.methods.samplers import SamplerScheme
from tests.transport.beds import FIRST, LAST, line

y, t = sp.symbols("y t")
SCHEMES = {name: scheme for name, scheme in sd.METHODS.items() if isinstance(scheme, SamplerScheme)}
#: Orders that the sheet observes on the mixture up to 320 steps, here between 80 and 160; those of DDIM lie beyond.
OBSERVED = {"dpm-solver-3": 2.9, "deis-tab2": 2.82, "deis-tab3": 3.77, "deis-rhoab3": 3.77, "unipc-2": 2.93, "unipc-3": 4.17}


@cache
def spaced(n):
    """Nodes that are even in the signal-to-noise ratio."""
    return sd.transport.nodes(line(400)[0], n, span=(FIRST, LAST), spacing="log-snr")


@pytest.mark.parametrize("method", [name for name in SCHEMES if name != "ddim"])
def test_on_the_flow_of_a_mixture(method):
    flow, start, exact = line(400)
    errors = []
    for n in (80, 160):
        nodes = spaced(n)
        out = sd.simulate(
            flow, [FIRST, LAST], initial={"x": xr.DataArray(start["x"], dims="trajectory")}, trajectories=400,
            method=SCHEMES[method].options(nodes=nodes), progress=False,
        )  # fmt: skip
        errors.append(np.sqrt(np.mean((out.x.values[:, -1:] - exact) ** 2)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(OBSERVED.get(method, SCHEMES[method].order), abs=0.35)


#: Equations with a noise level, which makes time the clock of the signal-to-noise ratio: in the first, errors of the beginning
#: are damped, and the second suits methods of two steps that can be inverted, which no damping leaves stable.
DAMPED = sd.ODESystem({y: -20 * y + 20 * sp.sin(3 * t + y)}, initial={y: 1}, observables={"noise_level": sp.Rational(1, 20)})
GROWING = sd.ODESystem({y: y / 2 + sp.sin(3 * t + y)}, initial={y: 1}, observables={"noise_level": 3 * sp.exp(t / 2) - 2})


@pytest.mark.parametrize("method", SCHEMES)
def test_on_equations_that_are_no_diffusion_model(method):
    leap = method in ("bdia", "o-belm")
    rate = (lambda s, q: q / 2 + np.sin(3 * s + q)) if leap else (lambda s, q: -20 * q + 20 * np.sin(3 * s + q))
    exact = solve_ivp(rate, (0, 2), [1.0], method="DOP853", rtol=1e-13, atol=1e-14).y[0, -1]
    errors = []
    for n in (160, 320):
        chosen = SCHEMES[method].options(nodes=np.linspace(0, 2, n + 1))
        out = sd.simulate(GROWING if leap else DAMPED, [0, 2], method=chosen, progress=False)
        errors.append(abs(float(out.y[-1]) - exact))
    assert np.log2(errors[0] / errors[1]) > SCHEMES[method].order - 0.4


@pytest.mark.parametrize(
    ("method", "known"),
    [
        ("ddim", (1.4e-2, 6.2e-3, 2.8e-3)), ("deis-tab1", (1.3e-3, 2.3e-4, 4.7e-5)), ("deis-tab2", (2.7e-4, 3.1e-5, 3.5e-6)),
        ("deis-tab3", (6.2e-5, 3.0e-6, 1.5e-7)),
    ],
)  # fmt: skip
def test_on_a_stiff_equation(method, known):
    # y' = -50 (1 + sin^2 t) y + 10 sin(3t + y), where classical Adams-Bashforth methods need more than 80 steps to be stable
    system = sd.ODESystem({y: -50 * (1 + sp.sin(t) ** 2) * y + 10 * sp.sin(3 * t + y)}, initial={y: 1})
    for n, error in zip((40, 80, 160), known, strict=True):
        out = sd.simulate(system, [0, 2], method=SCHEMES[method].options(nodes=np.linspace(0, 2, n + 1)), progress=False)
        assert abs(float(out.y[-1]) + 0.038089799513) == pytest.approx(error, rel=0.05)
