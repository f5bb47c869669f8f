"""Delays beside algebraic equations: exact solutions by the method of steps, orders, jumps, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.derive.sensitivities import sensitivities
from symdyn.models.text import text_of

t, x, y, z, tau, k = sp.symbols("t x y z tau k")
X, Z = sp.Function("x"), sp.Function("z")
TIGHT = {"rtol": 1e-11, "atol": 1e-13, "progress": False}


def values_of(pieces, times):
    """Of pieces on (-inf, 0), [0, 1), [1, 2), ..."""
    found = [pieces[int(np.clip(np.floor(s) + 1, 0, len(pieces) - 1))].subs(t, sp.nsimplify(s)) for s in times]
    return np.array(found, float)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_the_method_of_steps_gives_the_exact_solution(method):
    """x' = -z(t - 1), 0 = z + 2 w - x(t) - 1, 0 = z - w - x(t - 1), with z = 3 and x = 1 - t before."""
    w = sp.Symbol("w")
    equations = {z: z + 2 * w - x - 1, w: z - w - X(t - 1)}  # z = (x + 1 + 2 x(t - 1))/3
    system = sd.ODESystem({x: -Z(t - 1)}, algebraic=equations, history={x: 1 - t, z: 3})
    data = sd.simulate(system, np.linspace(0, 4, 81), method=method, **TIGHT)
    past = [1 - t, 1 - t, sp.expand(1 - 3 * t)]  # on (-2, -1), (-1, 0), (0, 1), where z(t - 1) = 3
    zs = [sp.Integer(3)]
    for n in range(4):
        now, before = past[n + 2], past[n + 1]
        zs.append(sp.expand((now + 1 + 2 * before.subs(t, t - 1)) / 3))
        rate = -zs[-1].subs(t, t - 1)
        past.append(sp.expand(now.subs(t, n + 1) + sp.integrate(rate, (t, n + 1, t))))
    np.testing.assert_allclose(data.x, values_of(past[1:], data.time.values), rtol=0, atol=1e-10)
    np.testing.assert_allclose(data.z[:-1], values_of(zs, data.time.values[:-1]), rtol=0, atol=1e-10)
    assert abs(data.z[0] - 2) < 1e-14  # after the jump from 3


def test_jumps_of_unknowns_stay_where_only_their_past_follows():
    """z = 1 - z(t - tau)/2 from 0 before: 1, 1/2, 3/4 ..., also at the jumps, whatever the rounding of their times."""
    system = sd.ODESystem({x: z}, {tau: 0.1}, algebraic={z: z - 1 + Z(t - tau) / 2}, history={z: 0}, initial={x: 0})
    delays = [0.1, 0.3, 0.7]
    for delay in delays:
        data = sd.simulate(system, np.arange(61) * (delay / 2), parameters={tau: delay}, **TIGHT)
        levels = (1 - (-0.5) ** (np.arange(61) // 2 + 1)) / 1.5
        np.testing.assert_allclose(data.z, levels, rtol=1e-12)
        exact = np.concatenate([[0], np.cumsum(levels[:-1])]) * delay / 2
        np.testing.assert_allclose(data.x, exact, rtol=1e-11)
    both = [sd.simulate(system, np.linspace(0, 2, 41), parameters={tau: delays}, layout=sd.Layout(lanes=lanes), **TIGHT)
            for lanes in (1, 8)]  # fmt: skip
    np.testing.assert_array_equal(both[0].z, both[1].z)


@pytest.mark.parametrize(("method", "order"), [("rodas4", 4), ("rodas5p", 5)])
def test_steps_and_interpolants_keep_their_order(method, order):
    """x = exp(sin t) and z = x(t - 1) cos t, which a cubic equation determines; z(t - 1/2) is in the rate of x."""
    exact_x, product = sp.exp(sp.sin(t)), X(t - 1) * sp.cos(t)
    exact_z = sp.exp(sp.sin(t - 1)) * sp.cos(t)
    half = sp.Rational(1, 2)
    rate = x * sp.cos(t) + Z(t - half) - exact_z.subs(t, t - half) + (z - exact_z) * x
    history = {x: exact_x, z: exact_z}
    system = sd.ODESystem({x: rate}, algebraic={z: z**3 + z - product**3 - product}, history=history)
    times, kernel, errors = np.linspace(0, 2, 401), sd.compile(system, method=method), []
    want = [sp.lambdify(t, e)(times) for e in (exact_x, exact_z)]
    for steps in (20, 40, 80):
        found = kernel([[1.0, float(exact_z.subs(t, 0))]], np.empty((1, 0)), times, rtol=1e10, atol=1e10, max_step=2 / steps)
        errors.append([abs(a - b).max() for a, b in zip(found.values[0].T, want, strict=True)])
    observed = np.log2(np.divide(errors[0], errors[2])) / 2
    assert (observed > order - 0.3).all()


def test_a_delay_that_depends_on_a_state():
    """x = 2 + sin t and z = x(t - x/2)."""
    past = 2 + sp.sin(t - 1 - sp.sin(t) / 2)
    system = sd.ODESystem({x: sp.cos(t) + z - past}, algebraic={z: z - X(t - x / 2)}, history={x: 2 + sp.sin(t)})
    times = np.linspace(0, 6, 31)
    data = sd.simulate(system, times, **TIGHT)
    np.testing.assert_allclose(data.x, 2 + np.sin(times), atol=2e-10)
    np.testing.assert_allclose(data.z, sp.lambdify(t, past)(times), atol=2e-10)


def test_without_a_history_unknowns_were_what_is_consistent():
    """0 = z - x - z(t - 1)/2 at rest: z = 2 x = 2 all along; z falls by x alone after that."""
    system = sd.ODESystem({x: -k * x}, {k: 1}, algebraic={z: z - x - Z(t - 1) / 2}, initial={x: 1})
    data = sd.simulate(system, [0, 0.5, 1, 1.5], **TIGHT)
    e = np.exp
    np.testing.assert_allclose(data.z, [2, 1 + e(-0.5), 1 + e(-1), e(-1.5) + (1 + e(-0.5)) / 2], rtol=1e-10)


def test_events_conditions_and_observables():
    """x rises at 1 until it is 1 and falls to 0, at 1, 2, 3 ...; z = x(t - 1/2)."""
    half = sp.Rational(1, 2)
    system = sd.ODESystem(
        {x: 1 + 0 * z}, algebraic={z: z - X(t - half)}, initial={x: 0}, history={x: 0}, events=sd.Event(x >= 1, {x: 0}),
        observables={"y": Z(t - half)},
    )  # fmt: skip
    times = np.array([0, *np.linspace(0.03, 3.43, 18)])
    data = sd.simulate(system, times, **TIGHT)
    wave = lambda s: np.where(s < 0, 0, s % 1)  # noqa: E731
    np.testing.assert_allclose(data.z, wave(times - 0.5), atol=2e-9)
    np.testing.assert_allclose(data.y, wave(times - 1), atol=2e-9)
    ended = sd.simulate(system, [0, 3], until=z >= sp.Rational(3, 4), **TIGHT)
    assert abs(ended.first_passage.item() - 1.25) < 1e-12


def test_inputs_change_after_the_outputs_of_their_step():
    """z = u + z(t - 1/2)/2, of an input that is 1 from 1 to 2."""
    u, half = sd.Path("u", [0, 1, 2, 5], [0, 1, 0, 0], "hold"), sp.Rational(1, 2)
    system = sd.ODESystem({x: z}, algebraic={z: z - Z(t - half) / 2 - u}, history={z: 0}, initial={x: 0})
    data = sd.simulate(system, np.arange(13) / 4, **TIGHT)
    levels = [0, 0, 0, 0, 1, 1, 1.5, 1.5, 0.75, 0.75, 0.375, 0.375, 0.1875]
    np.testing.assert_allclose(data.z, levels, atol=1e-14)
    np.testing.assert_allclose(data.x, np.concatenate([[0], np.cumsum(levels[:-1])]) / 4, atol=1e-10)


def test_sensitivities_equal_difference_quotients():
    cubic = {z: z**3 + z - k * X(t - 1)}
    system = sd.ODESystem({x: -k * z + Z(t - 1) / 4}, {k: 0.8}, algebraic=cubic, history={x: sp.cos(k * t)})
    times = [0, 0.7, 1.3, 2.6]
    run = sd.sensitivities(system, times, by=[k, x], **TIGHT)
    for name, change in (("k", {"parameters": {k: [0.8 - 1e-5, 0.8 + 1e-5]}}), ("x", {"initial": {x: [1 - 1e-5, 1 + 1e-5]}})):
        ends = sd.simulate(system, times, **change, **TIGHT)
        for s in "xz":
            low, high = np.moveaxis(ends[s].values, ends[s].dims.index(next(d for d in ends[s].dims if d != "time")), 0)
            np.testing.assert_allclose(run[f"d{s}_d{name}"], (high - low) / 2e-5, atol=1e-7)


def test_what_would_be_wrong_is_refused():
    with pytest.raises(sd.DeclarationError, match=r"the delay of x\(t - z\), in an algebraic equation, depends on z"):
        sd.ODESystem({x: -z}, algebraic={z: z - X(t - z)})
    higher = sd.ODESystem({x: z}, algebraic={z: x - X(t - 1)})
    with pytest.raises(sd.DeclarationError, match="they are of index 1"):
        sd.simulate(higher, [0, 1])
    kept = sd.ODESystem({x: -Z(t - 1)}, algebraic={z: z - X(t - 1)}, initial={x: 1}).index_reduced(eliminate=True)
    assert kept.algebraic == (z,)
    moving = sd.ODESystem({x: -z}, {tau: 1}, algebraic={z: z - X(t - tau)}, initial={x: 1})
    with pytest.raises(sd.DeclarationError, match="moves with tau; beside algebraic equations"):
        sensitivities(moving, [tau])
    with pytest.raises(sd.CompileError, match="algebraic"):
        sd.simulate(moving, [0, 1], method="tsit5")
    root = sd.ODESystem({x: -1}, algebraic={z: z**2 - X(t - 1)}, history={x: 1}, initial={z: 1})
    for first, message in (
        (0.5, "the step size fell"),
        (-1, "algebraic equations"),
    ):  # z = sqrt(1.5 - t), and a jump to nothing
        with pytest.raises(sd.SimulationError, match=message):
            sd.simulate(root, [0, 0.5, 1, 3], initial={x: first}, progress=False)


def test_text_reads_back():
    system = sd.ODESystem({x: -z}, {tau: 1.5}, algebraic={z: z + z**3 - X(t - tau)}, history={x: 1 + t})
    again = sd.ODESystem.from_text(text_of(system))
    assert again == system
    assert "0 = z**3 + z - x(t - tau) for z" in str(again)
