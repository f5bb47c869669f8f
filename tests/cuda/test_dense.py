"""Dense layers on numba's simulator of a card."""

from __future__ import annotations

import numpy as np


def test_a_card_has_the_values_of_the_processor(simulated):
    found = simulated("""
rng = np.random.default_rng(0)
f = sd.DenseLayers("f", [
    (rng.normal(size=(9, 2)), rng.normal(size=9), "tanh"),
    (rng.normal(size=(2, 9)) / 3, None, "softplus"),
])
x, y = sp.symbols("x y")
system = sd.ODESystem({x: f(x, y)[0] - x, y: f(x, y)[1] - y})
for method in ("tsit5", "rodas4"):
    for target in ("cpu", "cuda"):
        run = sd.simulate(system, [0, 0.5, 1], initial={x: [0.1, 1], y: 0.3}, method=method, target=target, progress=False)
        results[method + target] = run.x.values
""")
    for method in ("tsit5", "rodas4"):
        np.testing.assert_allclose(found[f"{method}cuda"], found[f"{method}cpu"], rtol=1e-12)
