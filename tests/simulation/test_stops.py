"""Right-hand sides that jump in time: adaptive steps end before the jumps and go on after them."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.stops import stop_program, stops_within

x, y, k, t, start, width = sp.symbols("x y k t start width")
METHODS = ["tsit5", "dop853", "rodas4", "rodas5p", None]
TIMES = np.linspace(0, 10, 21)  # 5 and 6 are among them
INSIDE = {
    "strict": (t > start) & (t < start + 1),
    "weak": (t >= start) & (t <= start + 1),
    "turned": sp.Not((start >= t) | (t - 1 > start)),
}
PULSES = {
    **{name: sp.Piecewise((1, inside), (0, True)) for name, inside in INSIDE.items()},
    "Heaviside": sp.Heaviside(t - start) - sp.Heaviside(t - start - 1),
    "sign": (sp.sign(t - start) - sp.sign(t - start - 1)) / 2,
}


def exact(times, k, begin, length=1.0, height=1.0):
    """x' = height - k x in the pulse and x' = -k x after it, from 0."""
    inside = np.clip(times - begin, 0, length)
    return height * -np.expm1(-k * inside) / k * np.exp(-k * np.maximum(times - begin - length, 0))


def run(pulse, values, times=TIMES, **options):
    system = sd.ODESystem({x: pulse - k * x}, parameters=dict.fromkeys(pulse.free_symbols - {t}, 1.0))
    options = {"initial": {x: 0}, "progress": False, **options}
    found = sd.simulate(system, times, parameters=values, **options)
    assert (found.status == 0).all()
    return found.x.transpose("time", ...).values.reshape(len(times), -1)


@pytest.mark.parametrize("pulse", PULSES)
@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-10])
@pytest.mark.parametrize("method", METHODS)
def test_a_pulse_is_not_passed_over(method, rtol, pulse):
    rates = [0.1, 0.5, 2.0]
    found = run(PULSES[pulse], {k: rates, start: 5.0}, method=method, rtol=rtol, atol=1e-3 * rtol)
    for column, rate in zip(found.T, rates, strict=True):
        np.testing.assert_allclose(column, exact(TIMES, rate, 5.0), atol=3 * rtol, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_times_of_pulses_may_differ_between_trajectories(method):
    begins = [-3.0, -0.5, 0.0, 2.2, 5.0, 9.0, 9.5, 10.0, 12.0]
    found = run(PULSES["strict"], {k: 0.5, start: begins}, method=method, rtol=1e-9, atol=1e-12)
    for column, begin in zip(found.T, begins, strict=True):
        before = exact(np.zeros(1), 0.5, begin)[0]  # what a pulse that began earlier would have given
        np.testing.assert_allclose(column, exact(TIMES, 0.5, begin) - before * np.exp(-0.5 * TIMES), atol=1e-8, rtol=0)


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p"])
def test_results_do_not_depend_on_lanes(method):
    begins = np.linspace(-1, 11, 45)
    system = sd.ODESystem({x: PULSES["weak"] - k * x})
    parameters = np.stack([np.linspace(0.1, 3, 45), begins], axis=1)
    parameters = parameters[:, [list(system.parameters).index(p) for p in (k, start)]]
    runs = [sd.compile(system, method=method, lanes=w)(np.zeros((45, 1)), parameters, TIMES) for w in (1, 8, 16, 32)]
    for other in runs[1:]:
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(runs[0], other, strict=True))
    part = sd.compile(system, method=method, lanes=8)(np.zeros((7, 1)), parameters[20:27], TIMES)
    assert (part.values == runs[0].values[20:27]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", [1e-6, 1e-3])
def test_a_pulse_narrower_than_any_step(method, width):
    found = run(sp.Piecewise((1, (t > 5) & (t < 5 + width)), (0, True)), {k: 0.0}, method=method)
    np.testing.assert_allclose(found[TIMES > 5, 0], width, rtol=1e-8)
    assert (found[TIMES <= 5] == 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("pulses", "width"),
    [
        (sp.Piecewise((1, sp.Mod(t, 10) < sp.Rational(1, 100)), (0, True)), 0.01),
        (sp.Heaviside(sp.Float(1e-3) - (t / 10 - sp.floor(t / 10))), 0.01),
        (
            sp.Piecewise((1, sp.sin(sp.pi * (t + 5) / 10) ** 2 > sp.Float(0.9999)), (0, True)),
            20 / np.pi * np.arccos(np.sqrt(0.9999)),
        ),
    ],
)
def test_pulses_that_come_again_and_again(pulses, width, method):
    """A thousand times in a run, each narrower than any step would be."""
    times = np.array([0.0, 1.0, 9995.0])
    first, last = run(pulses, {k: 0.0}, times, method=method)[1:, 0]
    np.testing.assert_allclose((last - first) / 999, width, rtol=1e-7)


def test_so_many_stops_are_named():
    """None of them is kept where there would be more than memory should have."""
    with pytest.warns(UserWarning, match=r"jump at more than .* known times of all trajectories together.*simulate fewer"):
        found = stops_within(np.empty((5, 0)), np.array([0.0, 1e7]), stop_program(sd.ODESystem({x: sp.floor(t)})).as_json())
    assert found.shape == (5, 0, 2)


def test_trajectories_with_many_stops_come_in_chunks(monkeypatch):
    """Half of the time the rate is 1: 10 in 20 periods.  With room for the stops of all, the bits are the same.

    The first trajectory has but 10 stops, and the last 80.
    """
    square = sp.Piecewise((1, sp.Mod(t, width) < width / 2), (0, True))
    values = {k: np.linspace(0, 1, 60), width: [4.0, 2.0, 1.0, 0.8, 0.5]}  # each with each
    whole = run(square, values, [0.0, 20.0])
    monkeypatch.setattr("symdyn.codegen.stops.MOST_STOPS", 4000)
    monkeypatch.setattr("symdyn.simulation.plan.MOST_STOPS", 4000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(square, values, [0.0, 20.0])
    np.testing.assert_array_equal(found, whole)
    np.testing.assert_allclose(found[1, ::60], 10, rtol=1e-10)  # of those without decay


@pytest.mark.parametrize("method", METHODS)
def test_an_output_at_a_stop_is_the_state_there(method):
    """A constant slope before and another after: x = t up to 5, then 5 - 3 (t - 5)."""
    times = [0.0, np.nextafter(5, 0), 5.0, np.nextafter(5, 6), 6.0]
    for relation in (t < 5, t <= 5):
        found = run(sp.Piecewise((1, relation), (-3, True)), {k: 0.0}, times, method=method)
        np.testing.assert_allclose(found[:, 0], [0, 5, 5, 5, 2], rtol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_stops_at_the_first_and_the_last_time(method):
    for relation, slope in itertools.product((t > 0, t >= 0), (1, -2)):
        found = run(sp.Piecewise((slope, relation), (1000, True)), {k: 0.0}, [0.0, 1.0], method=method)
        np.testing.assert_allclose(found[:, 0], [0, slope], rtol=1e-12)
    for relation in (t < 1, t <= 1):
        found = run(sp.Piecewise((1, relation), (1000, True)), {k: 0.0}, [0.0, 1.0], method=method)
        np.testing.assert_allclose(found[:, 0], [0, 1], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_many_pulses(method):
    """Twelve of width 0.01, of which each adds 0.01."""
    pulses = sum(sp.Piecewise((1, (t >= j) & (t < j + sp.Rational(1, 100))), (0, True)) for j in range(12))
    found = run(pulses, {k: 0.0}, np.arange(12) + 0.5, method=method, rtol=1e-8)
    np.testing.assert_allclose(found[:, 0], 0.01 * np.arange(12), atol=1e-12)


def test_a_stiff_trajectory_that_is_passed_on_stops_too():
    """x follows the pulse within 1/k; by default explicit steps give up and rodas5p goes on from the first time."""
    system = sd.ODESystem({x: k * (PULSES["strict"] - x) + 0 * y, y: -y})
    found = sd.simulate(system, [0.0, 4.9, 5.5, 9.0], initial={x: 0, y: 1}, parameters={k: 1e6, start: 5.0}, progress=False)
    np.testing.assert_allclose(found.x.values.ravel(), [0, 0, 1, 0], atol=1e-6)
    assert "rodas5p" in str(found.attrs)


def test_derivatives_at_stops_are_counted():
    system = sd.ODESystem({x: PULSES["strict"]})
    found = sd.compile(system, method="tsit5")([[0.0]], [[5.0]], [0.0, 10.0])
    # one at the first time, one after each of two stops, and six in a step
    assert found.evaluations[0] == 3 + 6 * (found.steps[0] + found.rejected[0])


# ---- where stops are ----------------------------------------------------------------------------


def stops(expression, **values):
    """Stops of a right-hand side from 0 to 10, those of one trajectory, rounded."""
    system = sd.ODESystem({x: expression})
    program = stop_program(system)
    if program is None:
        return []
    p = np.array([[values[s.name] for s in system.parameters]])
    found = stops_within(p, np.array([0.0, 10.0]), program.as_json())
    assert (found[0, :, 0] < found[0, :, 1]).all()
    assert (np.diff(found.reshape(-1)) > 0).all()
    at = found.mean(axis=2)[0].round(9)
    return at[(at > 0) & (at < 10)].tolist()


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        (sp.Piecewise((1, t > 5), (x, True)), {}, [5]),
        (sp.Piecewise((1, 2 * t + start > k), (x, True)), {"start": 3, "k": 11}, [4]),
        (sp.Piecewise((1, (t - start) / width >= 1), (x, True)), {"start": 2, "width": 0.5}, [2.5]),
        (sp.Piecewise((1, k * t > 1), (x, True)), {"k": 0}, []),
        (sp.Piecewise((1, k * t > 1), (x, True)), {"k": -1}, []),
        (sp.Piecewise((1, sp.Eq(t, 3)), (x, True)), {}, [3]),
        (sp.Piecewise((1, sp.Or(x > 1, sp.And(t < 7, sp.Not(t < 2)))), (0, True)), {}, [2, 7]),
        (sp.Heaviside(t - 3) * x + sp.sign(4 - t), {}, [3, 4]),
        (sp.Abs(t - 3) + sp.Max(0, t - 5, 3 * t - 7), {}, [1, sp.Rational(7, 3), 3, 5]),  # every two arguments of Max
        (sp.exp(sp.Piecewise((sp.Piecewise((1, t < 1), (2, True)), t < 2), (3, True))), {}, [1, 2]),
        (sp.Piecewise((1, t > 11), (2, t < -1), (x, True)), {}, []),
        (sp.Piecewise((1, t > start), (2, t > k), (x, True)), {"start": 5, "k": 5}, [5]),
        (sp.floor(t / 2) * x, {}, [2, 4, 6, 8]),
        (sp.ceiling(start - k * t), {"k": 0.5, "start": 0.25}, [0.5, 2.5, 4.5, 6.5, 8.5]),
        (sp.Mod(t - start, width), {"start": 1, "width": 4}, [1, 5, 9]),
        (sp.Mod(-t, 4), {}, [4, 8]),
        (sp.Piecewise((x, sp.Mod(t, width) < start), (0, True)), {"start": 1, "width": 4}, [1, 4, 5, 8, 9]),
        (sp.floor(sp.Mod(t, 5) / width), {"width": 2}, [2, 4, 5, 7, 9]),
        (sp.Heaviside(sp.sin(k * t) - sp.Rational(1, 2)), {"k": np.pi / 2}, [1 / 3, 5 / 3, 13 / 3, 17 / 3, 25 / 3, 29 / 3]),
        (sp.Max(0, k * sp.cos(sp.pi * t / 4)), {"k": 3}, [2, 6]),
        (sp.Piecewise((1, t / 4 - sp.floor(t / 4) < start), (0, True)), {"start": 0.25}, [1, 4, 5, 8, 9]),
        (sp.sign(sp.sin(t) - k), {"k": 1.5}, []),
        (sp.Piecewise((1, sp.Abs(t - start) < width), (0, True)), {"start": 5, "width": 0.5}, [4.5, 5, 5.5]),
        (sp.Piecewise((1, (t - start) ** 2 < width), (0, True)), {"start": 5, "width": 0.25}, [4.5, 5.5]),
        (sp.Piecewise((1, sp.exp(-k * t) < start), (0, True)), {"k": 0.5, "start": 0.25}, [2 * np.log(4)]),
        (sp.Piecewise((1, sp.Mod(sp.floor(t / 4), 2) < 1), (0, True)), {}, [4, 8]),
    ],
)
def test_stops_are_found(expression, values, expected):
    assert stops(expression, **values) == [pytest.approx(float(e)) for e in expected]


@pytest.mark.parametrize(
    "expression",
    [
        sp.Piecewise((1, x > 5), (0, True)),
        sp.Piecewise((1, x + t > 5), (0, True)),
        sp.Piecewise((1, x * t > 5), (0, True)),
        sp.Piecewise((1, k > 5), (0, True)),
        sp.Heaviside(sp.sin(t) - x),
        sp.Abs(x) + sp.Heaviside(x - 1),
        sp.floor(t + x),
        -x * sp.exp(-t),
    ],
)
def test_other_comparisons_are_no_stops(expression):
    assert stop_program(sd.ODESystem({x: expression})) is None


def test_a_stop_compared_with_time_itself_is_exact():
    program = stop_program(sd.ODESystem({x: sp.Piecewise((1, t > start), (0, True))}))
    given = np.array([[5.1]]), np.array([0.0, 10.0])
    assert [float(v) for v in evaluate(program, (), (), [5.1])] == [5.1, 0.0, np.inf, np.inf, 0.0]
    before, after = stops_within(*given, program.as_json())[0, 0]
    assert 5.1 - 4 * np.spacing(5.1) < before < 5.1
    assert after == np.nextafter(5.1, 6)


def test_in_single_precision_stops_are_those_of_the_rounded_parameters():
    program = stop_program(sd.ODESystem({x: sp.Piecewise((1, t > start), (0, True))}))
    given = np.array([[5.1]]), np.array([0.0, 10.0])
    before, after = stops_within(*given, program.as_json(), "float32")[0, 0]
    assert np.float32(before) == before < np.float32(5.1) < after == np.nextafter(np.float32(5.1), np.float32(6))
