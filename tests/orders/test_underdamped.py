"""Friction of underdamped Langevin equations: the functions that solve it, whatever its size and its sign."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import CompileError
from symdyn.methods.underdamped import functions, tilt

Z = (0, 1e-9, 1e-3, 0.5, 0.999, 1.0, 1.001, 3.0, 30.0, 1e4, 1e8, 1e12, -0.5, -1.0, -1.5, -5.0, -20.0, -40.0)


def exact_functions(z):
    """In 80 digits, by the recursion."""
    with mpmath.workdps(80):
        z = mpmath.mpf(z)
        if z == 0:
            return 1.0, 0.5, 1 / 6, 1.0
        first = (1 - mpmath.exp(-z)) / z
        second = (1 - first) / z
        third = (mpmath.mpf(1) / 2 - second) / z
        return tuple(float(v) for v in (first, second, third, 3 - 6 * (z + 2) * third))


@pytest.mark.parametrize("z", Z)
def test_functions_of_friction_have_all_digits(z):
    symbol = sp.Symbol("z")
    found = [sp.lambdify(symbol, e)(z) for e in (*functions(symbol), tilt(symbol))]
    assert found == pytest.approx(exact_functions(z), rel=4e-15)


@pytest.mark.parametrize("method", ["align", "ubu", "quicsort"])
def test_a_free_particle_is_exact_in_one_step_with_friction_of_any_size_and_sign(method):
    """Without noise q = q0 + h phi_1 p0 and p = exp(-z) p0, here as a sweep over friction in one kernel."""
    free = sd.SDESystem.from_text("dq = p*dt; dp = -g*p*dt + s*dW; q(0) = 0.5; p(0) = 2; g = 1; s = 0")
    data = sd.simulate(free, [0, 1], method=method, step=1.0, seed=1, parameters={"g": np.array(Z)}, progress=False)
    first = np.array([exact_functions(z)[0] for z in Z])
    assert data.q.values[:, -1] == pytest.approx(0.5 + 2 * first, rel=1e-14)
    assert data.p.values[:, -1] == pytest.approx(2 * np.exp(-np.array(Z)), rel=1e-13, abs=1e-15)


def test_a_constant_force_is_exact_in_one_step_of_align():
    z, c = np.array(Z), 0.7
    pushed = sd.SDESystem.from_text("dq = p*dt; dp = (0.7 - g*p)*dt + s*dW; q(0) = 0; p(0) = 0; g = 1; s = 0")
    data = sd.simulate(pushed, [0, 1], method="align", step=1.0, seed=1, parameters={"g": z}, progress=False)
    first, second = np.array([exact_functions(x)[:2] for x in Z]).T
    assert data.q.values[:, -1] == pytest.approx(c * second, rel=1e-14)
    assert data.p.values[:, -1] == pytest.approx(c * first, rel=1e-14)


def test_steps_long_against_the_time_of_friction_have_the_variance_of_the_position():
    """Far beyond 1/g the position is that of dq = -q dt + 0.5 sqrt(2/g) dW, of the variance (1 - exp(-2 t))/(4 g)."""
    g, count = 1e9, 4000
    slow = sd.SDESystem.from_text("dq = p*dt; dp = (-g*q - g*p)*dt + sqrt(g/2)*dW; q(0) = 0; p(0) = 0; g = 1e9")
    data = sd.simulate(slow, [0, 2], method="align", step=2**-7, seed=1, trajectories=count, progress=False)
    assert 4 * g * float(data.q[:, -1].var()) == pytest.approx(1 - np.exp(-4), rel=4 * np.sqrt(2 / count) + 0.01)


def test_no_noise_written_as_a_float_is_no_noise():
    q, p = sp.symbols("q p")
    bits = []
    for nothing in (0, 0.0):
        pair = sd.SDESystem({q: p, p: -q - p}, [[nothing], [1]], initial={q: 1, p: 0})
        bits.append(sd.simulate(pair, [0, 1], method="ubu", step=0.1, seed=1, progress=False).q.values)
    assert np.array_equal(*bits)


@pytest.mark.parametrize(
    "friction", ["2*sign(p)", "floor(p)", "mod(p, 1)", "piecewise(1, p > 0, -1)", "abs(p)", "p^3", "q*p", "t*p"]
)
@pytest.mark.parametrize("method", ["align", "ubu", "quicsort"])
def test_friction_that_is_not_linear_is_refused(method, friction):
    slides = sd.SDESystem.from_text(f"dq = p*dt; dp = (-q - p - {friction})*dt + 0.1*dW; q(0) = 1; p(0) = 2")
    with pytest.raises(CompileError, match="less a constant times p"):
        sd.compile(slides, method=method)


@pytest.mark.parametrize(
    "drag", ["-a*(p - sin(q))", "-(a + q)*p + q*p + a*sin(q)", "a*sin(q) - a*p", "-a*p/2 - a*(p/2 - sin(q))"]
)
def test_linear_friction_is_found_however_it_is_written(drag):
    flow = sd.SDESystem.from_text(f"dq = p*dt; dp = ({drag})*dt + 0.1*dW; a = 3; q(0) = 1; p(0) = 2")
    found = sd.simulate(flow, [0, 1], method="quicsort", step=0.1, seed=1, progress=False)
    plain = sd.SDESystem.from_text("dq = p*dt; dp = (a*sin(q) - a*p)*dt + 0.1*dW; a = 3; q(0) = 1; p(0) = 2")
    same = sd.simulate(plain, [0, 1], method="quicsort", step=0.1, seed=1, progress=False)
    assert found.p.values[-1] == pytest.approx(same.p.values[-1], rel=1e-13)
