"""Declared orders of samplers, on semilinear equations that are no diffusion models and smooth to both ends."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.methods.samplers import SamplerScheme

y, t = sp.symbols("y t")
SCHEMES = {name: scheme for name, scheme in sd.METHODS.items() if isinstance(scheme, SamplerScheme)}
#: Equations with a noise level for which even times are even in the signal-to-noise ratio or nearly so.  The first keeps the
#: error of the first steps; the second damps it by exp(-18) or more.
GROWING = sd.ODESystem({y: y / 2 + sp.sin(3 * t + y)}, initial={y: 1}, observables={"noise_level": 3 * sp.exp(t / 2) - 2})
DAMPED = sd.ODESystem(
    {y: -8 * y + 2 * sp.sin(3 * t + y)}, initial={y: 1}, observables={"noise_level": sp.Rational(1, 8)}
)  # fmt: skip


def observed(system: sd.ODESystem, rate, method: str, end: float, steps: int) -> float:
    """The order between a number of steps and twice as many."""
    exact = solve_ivp(rate, (0, end), [1.0], method="DOP853", rtol=1e-13, atol=1e-14).y[0, -1]
    errors = []
    for n in (steps, 2 * steps):
        chosen = SCHEMES[method].options(nodes=np.linspace(0, end, n + 1))
        errors.append(abs(float(sd.simulate(system, [0, end], method=chosen, progress=False).y[-1]) - exact))
    return float(np.log2(errors[0] / errors[1]))


@pytest.mark.parametrize("method", [name for name in SCHEMES if name != "unipc-3"])
def test_where_the_error_of_the_first_step_remains(method):
    found = observed(GROWING, lambda s, q: q / 2 + np.sin(3 * s + q), method, 2, 160)
    assert found == pytest.approx(SCHEMES[method].order, abs=0.2)


def test_the_first_step_of_unipc_is_of_order_2():
    # 1/(1 + t) solves y' = -y + (y - y^2); the coefficient of its error in h^3 bounds the order of the method by 3
    system = sd.ODESystem({y: -y + sd.nonlinear(y - y**2)}, initial={y: 1}, observables={"noise_level": 1 + sp.exp(-t)})
    errors = [
        abs(float(sd.simulate(system, [0, h, 2 * h], method="unipc-3", progress=False).y[1]) - 1 / (1 + h))
        for h in (0.02, 0.01)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(SCHEMES["unipc-3"].order, abs=0.1)


@pytest.mark.parametrize("method", [name for name, scheme in SCHEMES.items() if scheme.damped_order])
def test_where_the_error_of_the_first_step_is_damped(method):
    found = observed(DAMPED, lambda s, q: -8 * q + 2 * np.sin(3 * s + q), method, 3, 120)
    assert found == pytest.approx(SCHEMES[method].damped_order, abs=0.3)


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
