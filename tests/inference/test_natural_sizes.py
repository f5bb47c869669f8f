"""Sizes of parameters from those of the data: the balance of terms by hand."""

import numpy as np
import pytest
import sympy as sp
from scipy import optimize

import symdyn as sd
from symdyn.inference.data import observations, paths_or_cells
from symdyn.inference.natural_sizes import natural_sizes

x, b, k, s = sp.symbols("x b k s")
FORCED = sd.SDESystem({x: -k * x + b * sd.Path("u", [0, 20], [0, 1], kind="linear")}, {x: s})
#: The geometric mean of the span of three data at 0, 1, 16, and of its half; one over it, and over its root.
TAU = np.sqrt(16 * 8)
RATE, NOISE = 1 / TAU, TAU**-0.5


@pytest.mark.parametrize(("system", "scale", "sizes"), [
    ("dx = (a*x - b*x*y)*dt + s*x*dW1; dy = (c*x*y - d*y)*dt + r*dW2", [1000, 10],
     {"a": RATE, "b": RATE / 10, "c": RATE / 1000, "d": RATE, "s": NOISE, "r": 10 * NOISE}),
    ("dx = V*x**n/(K**n + x**n)*dt - k*x*dt + s*dW; x(0) = x0", [50],
     {"V": 50 * RATE, "K": 50, "k": RATE, "s": 50 * NOISE, "x0": 50}),
    ("dx = (-k*x + b*u0)*dt + 0.5*dW; u0 = 2", [1000], {"k": RATE, "b": 500 * RATE}),
    ("dx = -k*(x - m)*dt + s*dW; m = 3; x(0) = 2", [1000], {"k": RATE, "s": 1000 * NOISE}),
    ("dx = -k*x(t - 1)*dt + s*sqrt(x)*dW; x(t <= 0) = h", [100], {"k": RATE, "h": 100, "s": 10 * NOISE}),
    (FORCED, [100], {"k": RATE, "b": 100 * RATE, "s": 100 * NOISE}),
    (sd.DiscreteSystem({x: x * sp.exp(k - b * x)}), [100], {"b": 0.01, "k": 1}),
])  # fmt: skip
def test_sizes_are_those_at_which_terms_balance(system, scale, sizes):
    """Inputs, exponents and what stands in an exponential have no unit."""
    system = sd.SDESystem.from_text(system) if isinstance(system, str) else system
    times = [0, 1, 2] if system.map is not None else [0, 1, 16]
    seen = observations(system, {"t": times} | {z.name: [c, c, c] for z, c in zip(system.states, scale, strict=True)})
    found = natural_sizes(system, seen)
    assert {n: found[sp.Symbol(n)] for n in sizes} == pytest.approx(sizes, rel=1e-4)


def test_cells_of_one_time_each_have_the_times_of_all():
    decay = sd.SDESystem({x: -k * x}, {x: s})
    seen, cells = paths_or_cells(decay, {"t": [0, 0, 1, 1, 16, 16], "x": 6 * [100]}, ("x",))
    assert cells
    assert natural_sizes(decay, seen) == pytest.approx({k: RATE, s: 100 * NOISE}, rel=1e-4)


def test_numbers_beyond_all_bounds_leave_sizes_that_are_numbers():
    seen = observations(sd.ODESystem({x: -k * x}), {"t": [0, 1, 16], "x": [1, 1, 1]})
    assert np.isfinite(natural_sizes(sd.ODESystem({x: -k * x + b * sp.Float("1e400")}), seen)[k])


@pytest.mark.parametrize("noise", ["normal", "lognormal"])
@pytest.mark.parametrize(("size", "unit"), [(1.0, 1.0), (1e7, 24.0), (1e-9, 1e-3)])
def test_fits_without_guesses_follow_the_units_of_the_data(noise, size, unit):
    def growth(t, r, K, x0):
        return K / (1 + (K / x0 - 1) * np.exp(-r * t))

    t = np.linspace(0, 10, 21)
    values = growth(t, 0.8, 50, 2) * (1 + 0.02 * np.random.RandomState(6).randn(21))
    change = np.log if noise == "lognormal" else np.positive
    best, _ = optimize.curve_fit(lambda *p: change(growth(*p)), t, change(values), [1, 40, 1])
    fit = sd.fit(sd.ODESystem.from_text("x' = r*x*(1 - x/K)"), {"t": unit * t, "x": size * values}, noise=noise)
    found = [fit.parameters["r"] * unit, fit.parameters["K"] / size, float(fit.system.initial[x]) / size]
    np.testing.assert_allclose(found, best, rtol=1e-4)
