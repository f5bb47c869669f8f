"""Exact steps with held gates, beside exact solutions and their orders."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, y, t, h, c = sp.symbols("x y t h c")
CURRENT = sp.sin(t) + sp.sin(sp.Rational(31, 10) * t) / 2


def gate(e):
    return 1 / (1 + sp.exp(-e))


def liquid(units: int = 4) -> sd.ODESystem:
    """A recurrent network of liquid time constants with random weights."""
    rng = np.random.default_rng(0)
    weights, into, offset = rng.normal(0, 1, (units, units)), rng.normal(0, 2, units), rng.normal(0, 1, units)
    leak, level = rng.uniform(0.2, 2, units), rng.normal(0, 1, units)
    states = sp.symbols(f"x:{units}")
    rates = {}
    for i, s in enumerate(states):
        g = gate(
            sum(float(w) * v for w, v in zip(weights[i], states, strict=True)) + float(into[i]) * CURRENT + float(offset[i])
        )
        rates[s] = -(float(leak[i]) + g) * s + float(level[i]) * g
    return sd.ODESystem(rates, initial=dict.fromkeys(states, 0))


def _end(system, *arguments, **options):
    run = sd.simulate(system, *arguments, progress=False, **options)
    return np.array([float(run[str(s)][-1]) for s in system.states])


def test_steps_of_a_liquid_network_have_the_errors_of_a_computation_in_numpy():
    network = liquid()
    exact = _end(network, [0, 10], method="dop853", rtol=1e-11, atol=1e-13)
    errors = {
        order: [
            np.abs(_end(sd.derive.hold(network, order=order), [0, round(10 / size)], parameters={h: size}) - exact).max()
            for size in (0.4, 0.2, 0.1, 0.05)
        ]
        for order in (1, 2)
    }
    assert errors[1] == pytest.approx([1.508e-2, 6.069e-3, 2.729e-3, 1.296e-3], rel=1e-3)
    assert errors[2] == pytest.approx([4.794e-4, 1.079e-4, 2.636e-5, 6.560e-6], rel=1e-3)


def test_a_single_cell_converges_to_its_exact_value():
    g = gate(2 * CURRENT - 1)
    cell = sd.ODESystem({x: -(sp.Rational(1, 2) + g) * x + g}, initial={x: 0.2})
    coarse, fine = (_end(sd.derive.hold(cell, size), [0, round(10 / size)])[0] for size in (0.02, 0.01))
    assert fine + (fine - coarse) / 3 == pytest.approx(0.4046741911, abs=2e-9)


def test_linear_equations_are_stepped_exactly_also_without_decay():
    a, b = sp.symbols("a b")
    steps = sd.derive.hold(sd.ODESystem({x: b - a * x, y: b}, {b: 2}, initial={x: 3, y: 1}), 0.7)
    for rate in (0.0, 1.3):
        run = sd.simulate(steps, [0, 5], parameters={a: rate})
        expected = 3 + 2 * 3.5 if rate == 0 else 2 / rate + (3 - 2 / rate) * np.exp(-rate * 3.5)
        assert (float(run.x[-1]), float(run.y[-1])) == pytest.approx((expected, 1 + 2 * 3.5), rel=1e-13)


@pytest.mark.parametrize("rate", [1e-300, -1e-15, 1e-9, -1e-3, 40.0, -4000.0])
def test_rates_near_zero_and_far_from_it_lose_no_digits(rate):
    expected = 3 * np.exp(rate / 2) + np.expm1(rate / 2) / rate
    gated = sd.derive.hold(sd.ODESystem({x: y * x + 1, y: 0}, initial={x: 3, y: rate}), 0.5)
    swept = sd.derive.hold(sd.ODESystem({x: c * x + 1}, initial={x: 3}), 0.5)
    assert float(sd.simulate(gated, [0, 1], progress=False).x[-1]) == pytest.approx(expected, rel=1e-14)
    assert float(sd.simulate(swept, [0, 1], parameters={c: rate}, progress=False).x[-1]) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("order", "same"), [(1, 1), (2, 2)])
def test_the_modified_equation_of_held_steps_tells_their_order(order, same):
    coupled = sd.ODESystem({x: -(2 + sp.tanh(x)) * x + y, y: -2 * y + x})
    found = sd.derive.hold(coupled, order=order).modified_equation(order=same)
    point = {x: sp.Rational(1, 3), y: sp.Rational(2, 5)}
    for rate, true in zip(found.drift, coupled.drift, strict=True):
        values = [sp.N((rate - true).xreplace(point).coeff(h, k), 20) for k in range(same + 1)]
        assert all(abs(v) < 1e-15 for v in values[:same])
        assert abs(values[same]) > 1e-3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: sd.derive.hold(sd.ODESystem({x: x - x**2})), "the rate of x is not linear in x"),
        (lambda: sd.derive.hold(sd.ODESystem({x: -x}), order=3), "order is 3"),
        (lambda: sd.derive.hold(sd.ODESystem({x: -h * x})), "the step is called h"),
        (lambda: sd.derive.hold(sd.DiscreteSystem({x: -x})), "rates of change"),
    ],
)
def test_what_is_not_held_is_refused(wrong, message):
    with pytest.raises(sd.DeclarationError, match=message):
        wrong()


def test_inputs_are_held_with_their_values_at_beginnings_and_middles_of_steps():
    """A cell that a path drives: steps by hand in numpy, and the order of the method beside an adaptive one."""
    times, values = np.array([0.0, 0.3, 1.1, 2.0]), np.array([0.0, 1.0, -0.5, 0.4])
    u = sd.Path("u", times, values)
    cell = sd.ODESystem({x: -(1 + gate(x + u)) * x + u}, initial={x: 0.2}, observables={"seen": x + u})

    def step(now, at, h, state):
        drive = np.interp(at, times, values)
        c = -(1 + 1 / (1 + np.exp(-(state + drive))))
        return np.exp(c * h) * now + (np.exp(c * h) - 1) / c * drive

    for order in (1, 2):
        value = 0.2
        for n in range(20):
            half = step(value, n * 0.1, 0.05 if order == 2 else 0.1, value)
            value = step(value, (n + 0.5) * 0.1, 0.1, half) if order == 2 else half
        run = sd.simulate(sd.derive.hold(cell, 0.1, order), range(21), progress=False)
        assert float(run.x[-1]) == pytest.approx(value, rel=1e-13)
        assert float(run.seen[-1]) == pytest.approx(value + 0.4, rel=1e-13)
    exact = _end(cell, [0, 2], method="dop853", rtol=1e-12, atol=1e-13)
    coarse, fine = (abs(_end(sd.derive.hold(cell, h), [0, round(2 / h)]) - exact)[0] for h in (0.02, 0.01))
    assert coarse / fine == pytest.approx(4, rel=0.15)
    with pytest.raises(sd.DeclarationError, match="the input u has its values at multiples of the step, which is h"):
        sd.derive.hold(cell)
    with pytest.raises(sd.DeclarationError, match="not for a step of 3"):
        sd.derive.hold(cell, 3)


def test_slopes_of_inputs_and_several_courses_are_held():
    u = sd.Path("u", [0, 1, 2], [0, 1, 3])
    driven = sd.ODESystem({x: u.diff(t) - x}, initial={x: 0})
    both = driven.with_inputs({u: [u, sd.Path("u", [0, 2], [0, 4])]})
    run = sd.simulate(sd.derive.hold(both, 0.5), range(5), progress=False)
    for slopes, found in zip(([1, 1, 2, 2], [2, 2, 2, 2]), run.x.values, strict=True):
        value = 0.0
        for slope in slopes:
            value = np.exp(-0.5) * value + (1 - np.exp(-0.5)) * slope
        assert found[-1] == pytest.approx(value, rel=1e-12)
