"""Adaptive methods on numba's CUDA simulator: the numbers of the CPU, step for step."""

from __future__ import annotations

import numpy as np
import pytest
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, STIFF, SUCCESS, TOO_MANY_STEPS

import symdyn as sd
from symdyn.codegen.families import family_of
from symdyn.codegen.kernel import Run
from symdyn.methods.runge_kutta import ExplicitRungeKutta

METHODS = [m for m, s in sd.METHODS.items() if family_of(s).adaptive and family_of(s).on_device(s)]
EQUAL = [m for m, s in sd.METHODS.items() if isinstance(s, ExplicitRungeKutta) and not s.adaptive]
PULSES = [f"pulse {m}" for m in METHODS]
STOPPED = [f"stopped {m}" for m in METHODS + EQUAL] + ["stopped pulse", "stopped in time"]
SPECIAL = ["forced tsit5", "forced rodas5p", "many", "few", "short", "blow-up", "no number", "one time"]
SPECIAL += [*PULSES, *STOPPED, "pi", "pid"]
SCRIPT = """
from symdyn.codegen.families import family_of
from symdyn.methods.runge_kutta import ExplicitRungeKutta

adaptive = [m for m, s in sd.METHODS.items() if family_of(s).adaptive and family_of(s).on_device(s)]
equal = [m for m, s in sd.METHODS.items() if isinstance(s, ExplicitRungeKutta) and not s.adaptive]

def both(name, system, method, *arguments, until=None, **options):
    for target in ("cpu", "cuda"):
        run = sd.compile(system, method=method, target=target, until=until)(*arguments, **options)
        for field, array in zip(run._fields, run):
            results[f"{name} {target} {field}"] = array

scale = np.array([[1.0], [1.1], [0.9]])
lv = sd.ODESystem.from_text("x' = a*x - b*x*y\\ny' = c*x*y - d*y")
data = (np.array([[30.0, 4.0]]) * scale, np.array([[0.5, 0.03, 0.03, 0.8]] * 3), np.linspace(0, 12, 9))
for method in adaptive + equal:
    both(f"lv {method}", lv, method, *data, step=0.05)
    x, y, d = sp.symbols("x y d")
    both(f"stopped {method}", lv, method, *data, until=(x < 20 * d) & (y > 5), step=0.05)
both("pi", lv, "tsit5", *data, controller=sd.methods.PID(proportional=0.4, integral=0.3))
both("pid", lv, "dop853", *data, controller=sd.methods.PID(proportional=0.4, integral=0.3, derivative=0.05))
both("stopped in time", lv, "tsit5", *data, until=sp.Symbol("t") >= 4.6)
both("few", lv, "rodas4", *data, max_steps=20)
both("short", lv, "tsit5", *data, max_step=0.05)
both("one time", lv, "tsit5", *data[:2], [3.0])

forced = sd.ODESystem.from_text("x' = -5*(x - cos(t)) + y\\ny' = -y + 0.1*t*x")
for method in ("tsit5", "rodas5p"):
    both(f"forced {method}", forced, method, np.array([[0.0, 1.0]]) * scale, np.zeros((3, 0)), [0.0, 0.5, 2.0, 3.0])

x, ps = sp.Symbol("x"), sp.symbols("p0:30")
many = sd.ODESystem({x: sp.floor(25 * ps[0]) - sum(p * x**i for i, p in enumerate(ps))})
both("many", many, "tsit5", scale, np.full((3, 30), 0.1), [0.0, 1.0])

both("blow-up", sd.ODESystem.from_text("x' = x^2"), "dop853", [[1.0]], [[]], [0.0, 0.5, 2.0])
both("no number", sd.ODESystem.from_text("x' = sqrt(x)"), "tsit5", [[-1.0]], [[]], [0.0, 1.0])
vdp = sd.ODESystem.from_text("x' = y\\ny' = mu*(1 - x^2)*y - x")
both("stiff", vdp, "tsit5", [[2.0, 0.0]], [[100.0]], [0.0, 10.0, 100.0], detect_stiffness=True)

t, k, start = sp.symbols("t k start")
pulse = sd.ODESystem({x: sp.Piecewise((1, (t > start) & (t <= start + 1)), (0, True)) - k*x})
places = [[p for p in (k, start)].index(s) for s in pulse.parameters]
begins = np.array([[0.5, 5.0], [0.2, 0.0], [2.0, 12.0], [0.5, 9.5]])[:, places]
both("stopped pulse", pulse, "tsit5", np.array([[0.0], [0.0], [3.0], [0.0]]), begins, np.linspace(0, 10, 11), until=x > 0.5)
for method in adaptive:
    both(f"pulse {method}", pulse, method, np.zeros((4, 1)), begins, np.linspace(0, 10, 11))
card = sd.compile(pulse, method="tsit5", target="cuda", precision="float32")
results["single pulse"] = card(np.zeros((4, 1)), begins, np.linspace(0, 10, 11), rtol=1e-5, atol=1e-7).values

decay = sd.ODESystem.from_text("x' = -x\\ny' = x - y")
single = sd.compile(decay, method="tsit5", target="cuda", precision="float32")
run = single([[1.0, 2.0]], [[]], np.linspace(0, 3, 7), rtol=1e-6, atol=1e-7)
results["single"], results["single steps"] = run.values, run.steps
"""


@pytest.fixture
def runs(simulated):
    """Runs of the CPU and of the simulated card, by name."""
    arrays = simulated(SCRIPT)
    return lambda name: (Run(*(arrays[f"{name} {target} {f}"] for f in Run._fields)) for target in ("cpu", "cuda"))


@pytest.mark.parametrize("name", [*(f"lv {m}" for m in METHODS + EQUAL), *SPECIAL])
def test_card_and_processor_agree(runs, name):
    """Same formulas in the same order: what differs is rounding, in fused multiplications and in elementary functions."""
    cpu, card = runs(name)
    np.testing.assert_allclose(card.values, cpu.values, rtol=1e-12, equal_nan=True)
    np.testing.assert_allclose(card.passage, cpu.passage, rtol=1e-12)
    for field in ("status", "steps", "rejected", "evaluations"):
        np.testing.assert_array_equal(getattr(card, field), getattr(cpu, field), err_msg=field)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("lv tsit5", SUCCESS),
        ("blow-up", STEP_TOO_SMALL),
        ("no number", NOT_FINITE),
        ("few", TOO_MANY_STEPS),
        ("stiff", STIFF),
    ],
)
def test_card_says_how_trajectories_end(runs, name, status):
    _, card = runs(name)
    assert set(card.status) == {status}
    assert np.isnan(card.values[:, -1]).all() == (status != SUCCESS)
    assert np.isfinite(card.values[:, 0]).all()


def test_stiffness_shows_in_the_same_step(runs):
    cpu, card = runs("stiff")
    assert card.status[0] == cpu.status[0] == STIFF
    assert card.steps[0] == cpu.steps[0]
    assert 17 <= card.steps[0] <= 40  # 8 hits in the window of steps 10 to 40


def test_single_precision_is_as_exact_as_its_roundings(simulated):
    r"""x = e^-t and y = (2 + t) e^-t, a problem that damps what is lost: errors add up, and do not grow.

    Local errors are below ``rtol|x| + atol`` in root mean square, so below sqrt(2) of it in each state.  A step of Tsit5
    rounds the new state once and each of the increments ``h b_i k_i`` and of their sums a few times, by ``u = 2^-24`` of their
    size; with ``h |b_i k_i|`` below the size of the state and the sum of ``|b_i|`` below 8 that is at most 20 u |y|.  The
    interpolant adds as much once.  The norm of ``exp(t J)`` is at most 1.62 (t = 1), with sizes of at most 2.
    """
    arrays = simulated(SCRIPT)
    t = np.linspace(0, 3, 7)
    exact = np.stack([np.exp(-t), (2 + t) * np.exp(-t)], axis=-1)
    steps = int(arrays["single steps"][0])
    bound = 1.62 * (steps + 1) * (np.sqrt(2) * (1e-6 * 2 + 1e-7) + 20 * 2.0**-24 * 2)
    error = np.abs(arrays["single"][0] - exact).max()
    assert 2.0**-28 < error < bound  # it is not double precision, and it is what the analysis says


def test_pulses_on_a_card(runs, simulated):
    """In both precisions, against x' = 1 - k x in a pulse of length 1 and x' = -k x after it."""
    times = np.linspace(0, 10, 11)[:, None]
    k, start = np.array([0.5, 0.2, 2.0, 0.5]), np.array([5.0, 0.0, 12.0, 9.5])
    inside, after = np.clip(times - start, 0, 1), np.maximum(times - start - 1, 0)
    exact = -np.expm1(-k * inside) / k * np.exp(-k * after)
    for name in PULSES:
        np.testing.assert_allclose(next(runs(name)).values[:, :, 0].T, exact, atol=3e-6)
    np.testing.assert_allclose(simulated(SCRIPT)["single pulse"][:, :, 0].T, exact, atol=3e-5)
