"""Periodic orbits of periodically forced systems, against exact ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.analysis import continue_cycle, limit_cycle, poincare_section, rotation_number

x, y, m, w, t, d = sp.symbols("x y m w t d")


def test_a_forced_linear_oscillator():
    """x = Re A exp(i w t) with A = 1/(1 - w^2 + i d w); multipliers are exponentials of the eigenvalues."""
    system = sd.ODESystem({x: y, y: -d * y - x + sp.cos(w * t)}, {d: 0.2, w: 2}, initial={x: 0, y: 0})
    found = limit_cycle(system)
    times = found.time.values
    assert found.period.item() == pytest.approx(np.pi, rel=1e-10)
    assert found.rounds == 1
    assert bool(found.stable)
    np.testing.assert_allclose(found.x, (np.exp(2j * times) / (1 - 4 + 0.4j)).real, atol=1e-9)
    exact = np.exp(np.linalg.eigvals([[0, 1], [-1, -0.2]]) * np.pi)
    multipliers = found.multiplier.values + 1j * found.multiplier_imag.values
    np.testing.assert_allclose(np.sort_complex(multipliers[1:]), np.sort_complex(exact), atol=1e-8)
    branch = continue_cycle(system, w, (0.8, 2.2), start=found)
    frequency = branch.w.values
    size = 1 / np.abs(1 - frequency**2 + 0.2j * frequency)
    at = frequency[:, None] * branch.time.values
    angle = np.angle(1 / (1 - frequency**2 + 0.2j * frequency))[:, None]
    np.testing.assert_allclose(branch.x, size[:, None] * np.cos(at + angle), atol=1e-6)
    np.testing.assert_allclose(branch.period, 2 * np.pi / frequency, rtol=1e-9)


def test_a_fold():
    """Of x = cos t + u, u' = m + u^2, the orbits are u = -sqrt(-m) and sqrt(-m), with multipliers exp(4 pi u)."""
    system = sd.ODESystem({x: -sp.sin(t) + m + (x - sp.cos(t)) ** 2}, {m: -0.01}, initial={x: 0.9})
    start = limit_cycle(system)
    assert start.multiplier.values[1] == pytest.approx(np.exp(-0.4 * np.pi), rel=1e-8)
    branch = continue_cycle(system, m, (-0.04, 0.01), start=start)
    assert [s for s in branch.special.values if s] == ["fold"]
    assert branch.m.values[branch.special.values == "fold"][0] == pytest.approx(0, abs=1e-9)
    offset = (branch.x - np.cos(branch.time)).values
    np.testing.assert_allclose(offset**2, np.repeat(-branch.m.values[:, None], offset.shape[1], axis=1), atol=1e-7)


def test_a_torus_is_born():
    """In the frame of the orbit (cos t, sin 2t/2), z' = (m + i w) z - |z|^2 z: at m = 0, with the rotation number w."""
    u, v = x - sp.cos(t), y - sp.sin(2 * t) / 2
    size = u**2 + v**2
    rates = {x: -sp.sin(t) + m * u - w * v - u * size, y: sp.cos(2 * t) + m * v + w * u - v * size}
    system = sd.ODESystem(rates, {m: -0.2, w: 0.3}, initial={x: 1.1, y: 0})
    branch = continue_cycle(system, m, (-0.3, 0.2), start=limit_cycle(system))
    torus = branch.isel(point=branch.special.values != "")
    assert torus.special.values.tolist() == ["torus"]
    np.testing.assert_allclose(torus.m, 0, atol=1e-9)
    np.testing.assert_allclose(torus.angle / (2 * np.pi), 0.3, atol=1e-8)


def test_a_period_doubling_and_the_branch_that_begins_there():
    """In a frame that turns with half the forcing, v' = diag(m, -1) v - |v|^2 v: at m = 0, to orbits of the radius sqrt(m)."""
    turning = sp.Matrix([[sp.cos(t), sp.sin(t)], [sp.sin(t), -sp.cos(t)]])
    matrix = sp.Matrix([[0, -1], [1, 0]]) / 2 + sp.eye(2) * (m - 1) / 2 + turning * (m + 1) / 2
    rates = matrix * sp.Matrix([x, y]) - (x**2 + y**2) * sp.Matrix([x, y])
    system = sd.ODESystem({x: sp.expand(rates[0]), y: sp.expand(rates[1])}, {m: -0.2})
    start = limit_cycle(system, initial={x: 0, y: 0}, period=2 * np.pi)
    np.testing.assert_allclose(start.multiplier[1:], [-np.exp(-0.4 * np.pi), -np.exp(-2 * np.pi)], atol=1e-9)
    branch = continue_cycle(system, m, (-0.3, 0.2), start=start)
    special = branch.isel(point=branch.special.values != "")
    assert special.special.values.tolist() == ["period doubling"]
    np.testing.assert_allclose(special.m, 0, atol=1e-9)
    doubled = continue_cycle(system, m, (-0.1, 0.2), start=special.isel(point=0))
    assert (doubled.rounds == 2).all()
    assert doubled.m[-1] == 0.2
    radius = np.hypot(doubled.x, doubled.y).values
    np.testing.assert_allclose(radius[2:] ** 2, np.repeat(doubled.m.values[2:, None], radius.shape[1], axis=1), atol=1e-6)


def test_the_sign_of_the_frequency_does_not_matter():
    system = sd.ODESystem({x: -x + sp.sin(w * t)}, {w: -2}, initial={x: 0})
    found = limit_cycle(system)
    assert found.period.item() == pytest.approx(np.pi, rel=1e-10)
    times = found.time.values
    np.testing.assert_allclose(found.x, (2 * np.cos(2 * times) - np.sin(2 * times)) / 5, atol=1e-9)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (-x + t, "contains t outside of sines, cosines and mod"),
        (-x + sp.sin(t**2), r"contains sin\(t\*\*2\)"),
        (-x + sp.sin(t) + sp.sin(sp.sqrt(2) * t), "not known to be multiples of a common one"),
        (-x + sp.sin(t) + sp.sin(sp.Rational(101, 100) * t), "up to 101; at most 24"),
        (-x + sp.Mod(t**2, 3), r"contains Mod\(t\*\*2, 3\)"),
        (-x + sd.Path("u", [0, 1], [0, 1]).diff(t), "takes no slope of an input, du/dt"),
    ],
)
def test_other_dependence_on_time_is_refused(rate, message):
    with pytest.raises(sd.DeclarationError, match=message):
        limit_cycle(sd.ODESystem({x: rate}, initial={x: 0}))


def test_a_start_that_is_no_cycle_of_a_forced_system_is_refused():
    system = sd.ODESystem({x: -x + sp.cos(w * t)}, {w: 1}, initial={x: 0})
    free = limit_cycle(sd.ODESystem.from_text("x' = y; y' = (1 - x**2)*y - x; x(0) = 1; y(0) = 0"))
    with pytest.raises(sd.DeclarationError, match="start is no cycle of a forced system"):
        continue_cycle(system, w, (0.5, 2), start=free)
    with pytest.raises(sd.DeclarationError, match="'cosine' is not a state of this system; its states: x"):
        limit_cycle(system, initial={x: 1, "cosine": 1})


def test_the_rotation_number_on_the_torus():
    """The same torus after its birth, at m = 0.1: a circle of the radius sqrt(m) about the orbit, with the same rotation."""
    u, v = x - sp.cos(t), y - sp.sin(2 * t) / 2
    size = u**2 + v**2
    rates = {x: -sp.sin(t) + m * u - w * v - u * size, y: sp.cos(2 * t) + m * v + w * u - v * size}
    system = sd.ODESystem(rates, {m: 0.1, w: 0.3}, initial={x: 1.2, y: 0})
    options = {"duration": 1200.0, "transient": 200.0, "parameters": {w: [0.3, np.sqrt(2) / 3]}}
    section = poincare_section(system, sp.sin(t), **options)
    found = rotation_number(section, [x, y])
    np.testing.assert_allclose(found.rotation, [0.3, np.sqrt(2) / 3], atol=1e-7)
    assert (found.error < 1e-5).all()
    np.testing.assert_allclose(np.hypot(section.x - 1, section.y), np.sqrt(0.1), atol=1e-6)
    still = rotation_number(poincare_section(system, sp.sin(t), **options | {"parameters": {m: -0.1}}), [x, y])
    assert np.isnan(still.rotation)
    with pytest.raises(sd.DeclarationError, match="expected the names of two states"):
        rotation_number(section, ["x"])


PULSED = sd.ODESystem(
    {x: -d * x + sp.Piecewise((m, sp.Mod(t - w / 8, w) < w / 4), (0, True))}, {d: 0.5, m: 3, w: 8}, initial={x: 0}
)


def pulsed(d, m, w, times):
    """The periodic solution: after a pulse from w/8 to 3w/8 the state is m (1 - e^(-dw/4)) / d / (1 - e^(-dw))."""
    top = m / d * (1 - np.exp(-d * w / 4)) / (1 - np.exp(-d * w))
    s = np.mod(times - w / 8, w)
    return np.where(s < w / 4, m / d + (top * np.exp(-0.75 * d * w) - m / d) * np.exp(-d * s), top * np.exp(-d * (s - w / 4)))


def test_pulses_by_mod_of_time():
    found = limit_cycle(PULSED)
    np.testing.assert_allclose(found.x, pulsed(0.5, 3, 8, found.time.values), rtol=1e-8)
    assert found.period.item() == pytest.approx(8, rel=1e-10)
    assert found.multiplier.values[1] == pytest.approx(np.exp(-4), rel=1e-7)
    branch = continue_cycle(PULSED, w, (2, 12), start=found)
    exact = np.stack([pulsed(0.5, 3, w, times) for w, times in zip(branch.w.values, branch.time.values, strict=True)])
    np.testing.assert_allclose(branch.x, exact, rtol=1e-7)
    np.testing.assert_allclose(branch.multiplier[:, 1], np.exp(-0.5 * branch.w), rtol=1e-6)
    late = sd.ODESystem({x: -x + sp.Piecewise((1, sp.Mod(t, w) < 1), (0, True))}, {w: 3}, initial={x: 0})
    with pytest.raises(sd.DeclarationError, match="the phase 1/w at which the forcing jumps depends on w"):
        continue_cycle(late, w, (2, 4), start=limit_cycle(late))


def bent(s):
    """The periodic solution of x' = -x + |s - 1|, where s is time modulo 4."""
    top = 2 / (1 - np.exp(-4))
    return np.where(s < 1, 2 - s + top * np.exp(-3 - s), s - 2 + top * np.exp(1 - s))


@pytest.mark.parametrize("kind", ["abs", "max", "sign", "heaviside"])
def test_functions_of_mod_that_jump_or_bend(kind):
    text = {
        "abs": "abs(mod(t, 4) - 1)", "max": "max(mod(t, 4) - 1, 1 - mod(t, 4))", "sign": "(mod(t, 4) - 1)*sign(mod(t, 4) - 1)",
        "heaviside": "(mod(t, 4) - 1)*(1 - 2*heaviside(1 - mod(t, 4)))",
    }[kind]  # fmt: skip
    system = sd.ODESystem.from_text(f"x' = -x + a*{text}; a = 1; x(0) = 0")
    start = limit_cycle(system)
    np.testing.assert_allclose(start.x, bent(np.mod(start.time.values, 4)), rtol=1e-7)
    branch = continue_cycle(system, "a", (0.9, 1.1), start=start)
    exact = branch.a.values[:, None] * bent(np.mod(branch.time.values, 4))
    np.testing.assert_allclose(branch.x, exact, rtol=1e-7)


def stairs(levels, period, times):
    """The periodic solution of x' = -x + f, where f has these values, each for the same part of the period."""
    levels, step = np.asarray(levels, float), period / len(levels)
    knots = step * np.arange(len(levels) + 1)
    begin = levels @ (np.exp(knots[1:] - period) - np.exp(knots[:-1] - period)) / -np.expm1(-period)
    at = np.concatenate([[begin], begin * np.exp(-knots[1:]) + np.exp(-knots[1:]) * np.cumsum(levels * np.diff(np.exp(knots)))])
    s = np.mod(times, period)
    k = np.minimum((s / step).astype(int), len(levels) - 1)
    return levels[k] + (at[k] - levels[k]) * np.exp(knots[k] - s)


@pytest.mark.parametrize(
    ("forcing", "levels"),
    [
        ("floor(mod(t, 4))", [0, 1, 2, 3]),
        ("floor(t) - 4*floor(t/4)", [0, 1, 2, 3]),
        ("sign(sin(pi*t/2))", [1, 1, -1, -1]),
        ("(-1)^floor(t/2)", [1, 1, -1, -1]),
        ("mod(ceiling(t/2), 2)", [1, 1, 0, 0]),
        ("piecewise(2, abs(mod(t, 4) - 2) < 1, 0)", [0, 2, 2, 0]),
    ],
)
def test_square_waves_and_stairs(forcing, levels):
    """A pulse is missed by no step, and its phases are known to the branch."""
    system = sd.ODESystem.from_text(f"x' = -x + a*({forcing}); a = 1; x(0) = 0")
    start = limit_cycle(system)
    assert start.period.item() == pytest.approx(4, rel=1e-12)
    np.testing.assert_allclose(start.x, stairs(levels, 4, start.time.values), rtol=1e-9, atol=1e-10)
    branch = continue_cycle(system, "a", (0.9, 1.1), start=start)
    exact = branch.a.values[:, None] * stairs(levels, 4, branch.time.values)
    np.testing.assert_allclose(branch.x, exact, rtol=1e-7, atol=1e-9)


def test_held_inputs_that_are_repeated():
    levels = np.random.default_rng(1).normal(size=200)
    u = sd.Path("u", np.linspace(0, 10, 201), np.append(levels, 0), "hold")
    found = limit_cycle(sd.ODESystem({x: u - x}, initial={x: 0}))
    np.testing.assert_allclose(found.x, stairs(levels, 10, found.time.values), rtol=1e-8, atol=1e-10)


def test_a_guess_that_is_no_multiple_of_the_period_of_the_forcing_is_refused():
    with pytest.raises(sd.DeclarationError, match=r"period is 5; expected about a multiple of 8, the period of the forcing"):
        limit_cycle(PULSED, period=5)
    assert limit_cycle(PULSED, period=15.9).rounds == 2


@pytest.mark.parametrize(
    "forcing", ["piecewise(1, mod(t, 4) < x, 0)", "max(mod(t, 4), x)", "heaviside(x - sin(t))", "floor(mod(t, 4)/a)"]
)
def test_phases_of_jumps_that_are_not_known_are_refused(forcing):
    system = sd.ODESystem.from_text(f"x' = -x + a*{forcing}; a = 1; x(0) = 0.3")
    with pytest.raises(sd.DeclarationError, match=r"the phases at which .*t.* jumps or bends cannot be found; write it by"):
        continue_cycle(system, "a", (0.9, 1.1), start=limit_cycle(system))


def test_a_fold_under_inputs_that_are_repeated():
    """Of x = v(t) + z, v' = u, z' = m + z^2 the orbits are z = -sqrt(-m) and sqrt(-m), with multipliers exp(2 T z)."""
    u = sd.Path("u", [2, 3, 4, 5, 6], [1, -1, -1, 1, 1], "hold")
    v = sd.Path("v", [2, 3, 4, 5, 6], [0, 1, 0, -1, 0])
    system = sd.ODESystem({x: u + m + (x - v) ** 2}, {m: -0.01}, initial={x: -0.1})
    start = limit_cycle(system)
    assert start.period.item() == pytest.approx(4, rel=1e-10)
    assert start.multiplier.values[1] == pytest.approx(np.exp(-0.8), rel=1e-7)
    branch = continue_cycle(system, m, (-0.04, 0.01), start=start)
    assert [s for s in branch.special.values if s] == ["fold"]
    assert branch.m.values[branch.special.values == "fold"][0] == pytest.approx(0, abs=1e-8)
    offset = branch.x.values - np.interp(np.mod(branch.time.values - 2, 4), [0, 1, 2, 3, 4], [0, 1, 0, -1, 0])
    np.testing.assert_allclose(offset**2, np.repeat(-branch.m.values[:, None], offset.shape[1], axis=1), atol=1e-7)


def test_the_forced_van_der_pol_oscillator_is_entrained():
    """x'' + (a/w) (x^2 - 1) x' + x = a F cos(w t) near w = 1, with s = (1 - w^2)/a and F = 2 g.

    By averaging to the first order in a, the entrained oscillation is lost in a torus at 8 g^2 = 1 + 4 s^2 where |s| > 1/2, as
    a pair of multipliers turns by sqrt(s^2 - 1/4) a pi / w^2 (Guckenheimer & Holmes, Nonlinear Oscillations (1983), 2.1).
    """
    F = sp.Symbol("F")
    errors = []
    for a in (0.04, 0.02):
        w = np.sqrt(1 - a)  # s = 1
        system = sd.ODESystem({x: y, y: -a / w * (x**2 - 1) * y - x + a * F * sp.cos(w * t)}, {F: 2.0}, initial={x: 0, y: 1})
        start = limit_cycle(system, initial={x: 0.6, y: 1.0}, period=2 * np.pi / w)
        branch = continue_cycle(system, F, (1.4, 2.2), start=start)
        torus = branch.isel(point=branch.special.values == "torus")
        assert torus.sizes["point"] == 1
        errors.append(float(torus.F[0]) / 2 / np.sqrt(5 / 8) - 1)
        turns = a * np.pi / w**2 * np.sqrt(3) / 2
        assert float(torus.angle[0]) == pytest.approx(turns, rel=2 * a)
    assert abs(errors[1]) < 0.02
    assert abs(2 * errors[1] - errors[0]) < 2e-3  # what is left is of the second order
