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
shares = sd.DenseLayers("g", [(400 * rng.normal(size=(5, 2)), None, "softmax"), (rng.normal(size=(2, 5)), None, "softmax")])
x, y = sp.symbols("x y")
for name, layers in (("", f), ("softmax ", shares)):
    system = sd.ODESystem({x: layers(x, y)[0] - x, y: layers(x, y)[1] - y})
    for method in ("tsit5", "rodas4"):
        for target in ("cpu", "cuda"):
            run = sd.simulate(system, [0, 0.5, 1], initial={x: [0.1, 1], y: 0.3}, method=method, target=target, progress=False)
            results[name + method + target] = run.x.values
""")
    for name in ("tsit5", "rodas4", "softmax tsit5", "softmax rodas4"):
        np.testing.assert_allclose(found[f"{name}cuda"], found[f"{name}cpu"], rtol=1e-12)
