"""Delays on numba's CUDA simulator: exact solutions, and the numbers of the processor."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import NEGATIVE_DELAY, TOO_MANY_KEPT

import symdyn as sd

SCRIPT = """
x, n, k, t = sp.symbols("x n k t")
X, u = sp.Function("x"), sd.Path("u", [0, 1, 2, 20], [0, 1, 0, 0], kind="linear")
tight = {"rtol": 1e-9, "atol": 1e-11, "progress": False, "on_failure": "nan"}

def simulate(name, system, times, method="tsit5", targets=("cuda",), **options):
    for target in targets:
        run = sd.simulate(system, times, method=method, target=target, **{**tight, **options})
        for field in ("steps", "fired", "fired_at", "status", "first_passage", *system.names, *map(str, system.observables)):
            if field in run:
                results[f"{name} {target} {field}"] = run[field].values

T = np.linspace(0, 4, 17)
echo = sd.ODESystem({x: -X(t - k)}, {k: 1}, history={x: 1}, observables={"before": X(t - 2)})
for method in ("tsit5", "dop853", "rodas5p"):
    simulate(f"echo {method}", echo, T, method, parameters={k: [1, 0.5]})
doses = sd.dose(x, 1, every=0.7, times=3, start=0.3)
simulate("dosed", sd.ODESystem({x: -X(t - 1)}, history={x: 0}, events=doses), T)
varying = sd.ODESystem({x: x * X(sp.log(x)) / t}, history={x: 1})
simulate("varying", varying, [1, 2, 2.5, 4, 7], targets=("cpu", "cuda"))
states = sp.symbols("x:12")
wide = sd.ODESystem({s: -sp.Function(s.name)(t - k) for s in states}, {k: 1}, history={s: 1 for s in states})
simulate("wide", wide, [0, 0.25, 0.5, 1, 1.75], sd.methods.Tsit5(max_step=5e-3), parameters={k: [1, 0.25]})
try:
    sd.simulate(wide, [0, 1.1], method=sd.methods.Tsit5(max_step=5e-3), target="cuda", progress=False)
except sd.SimulationError as error:
    results["message"] = str(error)
simulate("negative", sd.ODESystem({x: X(t - x)}, history={x: 1}), [0, 1], initial={x: -1})
some = sp.symbols("x:8")
many = sd.ODESystem({s: s * sp.Function(s.name)(sp.log(some[0])) / t for s in some}, history={s: 1 for s in some})
simulate("many varying", many, [1, 2, 2.7, 3.2], sd.methods.Tsit5(max_step=5e-3))
both = {"targets": ("cpu", "cuda")}
fires = [sd.Event(X(t - 0.5) <= -0.1, {x: X(t - 1), n: n + 1}, delay=0.3), sd.Event(x >= 1, {n: n + 10})]
simulate("mixed", sd.ODESystem({x: u - X(t - 1), n: 0}, history={x: 1}, initial={n: 0}, events=fires), T, **both)
simulate("ended", sd.ODESystem({x: -X(t - 1)}, history={x: sp.cos(t)}), T, until=X(t - 0.5) < -0.2, **both)
"""


def steps(t, delay, first):
    """The solution of x' = -x(t - delay) that is 1 from 0 on, and before 0 too if `first` is 1, or 0 if it is 0."""
    return sum((-1.0) ** j * max(t - (j - first) * delay, 0.0) ** j / math.factorial(j) for j in range(1, 12)) + 1.0


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p"])
def test_a_delayed_decay_is_a_polynomial_of_each_interval(simulated, method):
    found = simulated(SCRIPT)
    times = np.linspace(0, 4, 17)
    exact = [[steps(t, delay, 1) for t in times] for delay in (1.0, 0.5)]
    np.testing.assert_allclose(found[f"echo {method} cuda x"], exact, atol=1e-9)
    before = [[steps(t - 2, delay, 1) if t > 2 else 1.0 for t in times] for delay in (1.0, 0.5)]
    np.testing.assert_allclose(found[f"echo {method} cuda before"], before, atol=1e-9)


def test_jumps_at_events_are_echoed(simulated):
    """A dose adds the solution that is 0 before it and 1 just after."""
    times, at = np.linspace(0, 4, 17), [0.3, 1.0, 1.7]
    exact = [sum(steps(t - s, 1.0, 0) for s in at if t >= s) for t in times]
    np.testing.assert_allclose(simulated(SCRIPT)["dosed cuda x"], exact, atol=1e-9)


def test_a_delay_that_depends_on_the_state(simulated):
    """Neves & Feldstein (1976): x' = x x(log x)/t from x(1) = 1 is t up to e, then exp(t/e)."""
    exact = [t if t < math.e else math.exp(t / math.e) for t in (1, 2, 2.5, 4, 7)]
    found = simulated(SCRIPT)
    np.testing.assert_allclose(found["varying cuda x"], exact, rtol=2e-9)
    assert found["varying cuda steps"] == found["varying cpu steps"]  # which end at the same breakpoints


def test_what_a_card_cannot_look_up_ends_in_a_status(simulated):
    found = simulated(SCRIPT)
    assert found["negative cuda status"] == NEGATIVE_DELAY
    assert found["wide cuda status"].tolist() == [TOO_MANY_KEPT, 0]
    for name, exact in (("wide", [1, 0.75, 0.5, 0, -0.46875]), ("many varying", [1, 2, 2.7, math.exp(3.2 / math.e)])):
        values = np.atleast_2d(found[f"{name} cuda x7"])[0]
        assert found[f"{name} cuda status"].ravel()[0] == TOO_MANY_KEPT
        known = np.isfinite(values)
        assert known[:2].all()
        assert not known[-1]
        np.testing.assert_allclose(values[known], np.array(exact)[known], rtol=1e-8, atol=1e-9)
    assert "A thread of a card keeps fewer of them, at most 1024: target='cpu' keeps more" in str(found["message"])


@pytest.mark.parametrize("name", ["mixed", "ended"])
def test_card_and_processor_agree(simulated, name):
    found = simulated(SCRIPT)
    fields = [key.removeprefix(f"{name} cpu ") for key in found if key.startswith(f"{name} cpu ")]
    fields.remove("steps")
    for field in fields:
        card, cpu = (found[f"{name} {target} {field}"] for target in ("cuda", "cpu"))
        np.testing.assert_allclose(card, cpu, rtol=1e-7, atol=1e-7, equal_nan=True, err_msg=field)


def test_the_code_of_a_card_compiles_with_delays():
    x, k, t = sp.symbols("x k t")
    past = sp.Function("x")
    system = sd.ODESystem({x: -past(t - k) + past(t - 1 - x**2)}, history={x: 1})
    assert ".entry" in sd.compile(system, method="tsit5", target="cuda").ptx
    with pytest.raises(sd.CompileError, match="looks up states of the past, which single precision cannot"):
        sd.compile(system, method="tsit5", target="cuda", precision="float32")
