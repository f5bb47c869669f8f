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
        (-x + t, "contains t outside of sines and cosines"),
        (-x + sp.sin(t**2), r"contains sin\(t\*\*2\)"),
        (-x + sp.sin(t) + sp.sin(sp.sqrt(2) * t), "not known to be multiples of a common one"),
        (-x + sp.sin(t) + sp.sin(sp.Rational(101, 100) * t), "up to 101; at most 24"),
        (-x + sd.Path("u", [0, 1], [0, 1]), "this one has inputs over time"),
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
