"""Sizes of parameters from those of the data: dimensional analysis by hand."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.inference.fit_setup import NoisyObservable
from symdyn.inference.natural_sizes import natural_sizes
from symdyn.inference.noise_laws import LAWS

x, b, k, s = sp.symbols("x b k s")
FORCED = sd.SDESystem({x: -k * x + b * sd.Path("u", [0, 1], [0, 1], kind="linear")}, {x: s})


@pytest.mark.parametrize(("system", "scale", "sizes"), [
    ("dx = (a*x - b*x*y)*dt + s*x*dW1; dy = (c*x*y - d*y)*dt + r*dW2", [1000, 10],
     {"a": 1, "b": 1 / 10, "c": 1 / 1000, "d": 1, "s": 1, "r": 10, "r_x": 1000, "r_y": 10}),
    ("dx = V*x**n/(K**n + x**n)*dt - k*x*dt + s*dW; x(0) = x0", [50], {"V": 50, "n": 1, "K": 50, "k": 1, "s": 50, "x0": 50}),
    ("dx = (-k*x + b*u0)*dt + 0.5*dW; u0 = 2", [1000], {"k": 1, "b": 1000, "r_x": 1000}),
    ("dx = -k*(x - m)*dt + s*dW; m = 3; x(0) = 2", [1000], {"k": 1, "s": 1000}),
    ("dx = -k*x(t - 1)*dt + s*sqrt(x)*dW; x(t <= 0) = h", [100], {"k": 1, "h": 100, "s": 10}),
    ("dx = (k*x - x**3)*dt + s*dW", [100], {"k": 1, "s": 1, "r_x": 1}),
    (FORCED, [100], {"k": 1, "b": 100, "s": 100}),
])  # fmt: skip
def test_sizes_are_those_of_the_units(system, scale, sizes):
    """The last but one has a coefficient 1, which demands that x has no unit; inputs have none."""
    system = sd.SDESystem.from_text(system) if isinstance(system, str) else system
    seen = [NoisyObservable(z.name, z, LAWS["normal"], (sp.Symbol(f"r_{z}"),)) for z in system.states]
    found = natural_sizes(system, seen, np.array(scale, float), sp.symbols(list(sizes)))
    assert {n: found[sp.Symbol(n)] for n in sizes} == pytest.approx(sizes, rel=1e-4)
