"""Lyapunov spectra and limit cycles of flows against published values and exact ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from benchmarks.exponents import FLOWS, divergence
from symdyn.analysis import limit_cycle, lyapunov_exponents, plot_cycle


@pytest.mark.parametrize("name", ["Lorenz", "Rössler", "Thomas"])
def test_spectra_of_flows_are_those_published(name):
    flow = FLOWS[name]
    found = lyapunov_exponents(flow.system, steps=4000, burn_in=200)
    exponents, errors = found.lyapunov.values, found.standard_error.values
    if name != "Rössler":  # the sum is the mean divergence, which is constant for all others
        assert exponents.sum() == pytest.approx(divergence(flow.system), abs=1e-6)
    np.testing.assert_allclose(exponents, flow.published, atol=flow.digit + 4 * errors.max())
    assert errors.max() < 0.03 * max(abs(flow.published[0]), 0.3)


def test_spectra_are_swept_and_of_linear_flows_exact():
    a = sp.Symbol("a")
    system = sd.ODESystem.from_text("x' = a*x + y; y' = -2*y; z' = -z")
    found = lyapunov_exponents(system, {a: [-0.5, 0.3]}, initial={"x": 0, "y": 0, "z": 0}, steps=40, burn_in=60, batches=2)
    np.testing.assert_allclose(found.lyapunov, [[-0.5, -1, -2], [0.3, -1, -2]], atol=1e-8)
    np.testing.assert_allclose(found.kaplan_yorke, [0, 1.3], atol=1e-7)
    first = lyapunov_exponents(system, {a: 0.3}, initial={"x": 0, "y": 0, "z": 0}, steps=40, burn_in=60, batches=2, count=1)
    assert first.lyapunov.values == pytest.approx([0.3], abs=1e-8)


@pytest.mark.parametrize(
    ("mu", "period"),
    # the series of Andersen & Geer, SIAM J. Appl. Math. 42 (1982) 678, and their values
    [
        (0.1, 2 * np.pi * (1 + 0.1**2 / 16 - 5 * 0.1**4 / 3072 + 543 * 0.1**6 / 884736)),
        (1.0, 6.6632868593),
        (4.0, 10.2035236910),
    ],
)
def test_the_cycle_of_van_der_pol_has_its_period_and_liouvilles_multiplier(mu, period):
    system = sd.ODESystem.from_text("x' = y; y' = m*(1 - x**2)*y - x")
    found = limit_cycle(system, {"m": mu}, initial={"x": 1, "y": 0}, points=2001)
    assert found.period.item() == pytest.approx(period, rel=1e-7)
    # the product of the multipliers is the exponential of the divergence along the orbit
    x, t = found.x.values, found.time.values
    divergence = mu * np.sum((1 - x[1:] ** 2 + 1 - x[:-1] ** 2) / 2 * np.diff(t))
    if divergence > -30:
        assert np.log(np.prod(np.abs(found.multiplier.values))) == pytest.approx(divergence, rel=1e-4)
    assert found.trivial.item() < 1e-7
    assert found.stable.item()


def test_cycles_in_closed_form_stable_and_not():
    """r' = s r (1 - r^2) and unit speed of the angle: period 2 pi, multipliers 1 and exp(-4 pi s)."""
    system = sd.ODESystem.from_text("x' = -w*y + s*x*(1 - x**2 - y**2); y' = w*x + s*y*(1 - x**2 - y**2)")
    for s in (0.3, -0.2):
        near = {"initial": {"x": 1.05, "y": 0.02}, "period": 3.0} if s < 0 else {"initial": {"x": 0.2, "y": 0}}
        found = limit_cycle(system, {"s": s, "w": 2}, **near)
        assert found.period.item() == pytest.approx(np.pi, rel=1e-10)
        assert sorted(found.multiplier.values) == pytest.approx(sorted([1, np.exp(-2 * np.pi * s)]), rel=1e-7)
        assert found.stable.item() == (s > 0)
        np.testing.assert_allclose(found.x**2 + found.y**2, 1, rtol=1e-9)


def test_a_cycle_has_a_figure():
    found = limit_cycle(sd.ODESystem.from_text("x' = y; y' = (1 - x**2)*y - x"), initial={"x": 1, "y": 0})
    orbit, circle = plot_cycle(found).axes
    assert (orbit.get_xlabel(), orbit.get_ylabel()) == ("x", "y")
    np.testing.assert_allclose(orbit.lines[0].get_xdata(), found.x)
    assert circle.get_title() == "Floquet multipliers"
    with pytest.raises(sd.DeclarationError, match="from limit_cycle"):
        plot_cycle(found.drop_vars("period"))
    with pytest.raises(sd.DeclarationError, match="not a state"):
        plot_cycle(found, ["x", "w"])


def test_a_cycle_whose_section_is_crossed_twice_has_its_full_period():
    """After a period doubling of Rössler's equations the orbit closes after two turns only."""
    system = sd.ODESystem.from_text("x' = -y - z; y' = x + 0.2*y; z' = 0.2 + z*(x - c)", initial={"x": 1, "y": 1, "z": 0})
    one, two = (limit_cycle(system, {"c": c}, transient=600) for c in (2.5, 3.5))
    assert one.period.item() == pytest.approx(5.75, abs=0.05)
    assert two.period.item() == pytest.approx(2 * one.period.item(), rel=0.05)
    assert one.stable.item()
    assert two.stable.item()
    fixed = limit_cycle(system, {"c": 3.5}, initial={s: one[s][0].item() for s in "xyz"}, period=one.period.item())
    assert fixed.period.item() == pytest.approx(two.period.item() / 2, rel=0.02)  # the orbit of one turn is unstable there
    assert fixed.multiplier.values.min() < -1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: limit_cycle(s("x' = -x; y' = -y"), initial={"x": 1, "y": 1}), "comes to rest"),
        (
            lambda s: limit_cycle(s("x' = y; y' = -x + sin(t^2)"), initial={"x": 1, "y": 1}),
            "sines, cosines and mod of linear functions",
        ),
        (
            lambda s: limit_cycle(sd.DiscreteSystem.from_text("x[t+1] = x/2"), initial={"x": 1}),
            "a limit cycle needs an ODESystem",
        ),
        (lambda s: limit_cycle(s("x' = y; y' = -x"), initial={"x": [1, 2], "y": 1}), "one set of values"),
        (lambda s: limit_cycle(s("x' = y; y' = -x"), initial={"x": 1, "y": 1}, period=-1), "positive number"),
        (lambda s: limit_cycle(s("x' = 1; y' = -y"), initial={"x": 1, "y": 1}), "crosses its mean"),
        (lambda s: limit_cycle(s("x' = 1; y' = -y"), initial={"x": 1, "y": 1}, period=2.0), "did not close"),
        (lambda s: lyapunov_exponents(s("x' = -x"), initial={"x": 1}, seed=3), "belong to maps"),
        (lambda s: lyapunov_exponents(s("x' = -x"), initial={"x": 1}, interval=0), "positive number"),
        (lambda s: lyapunov_exponents(s("x' = 1"), initial={"x": 1}), "give interval="),
        (lambda s: lyapunov_exponents(s("x' = -x"), initial={"x": 1}, count=2), "has 1 states"),
        (
            lambda s: lyapunov_exponents(sd.DiscreteSystem.from_text("x[t+1] = x/2"), initial={"x": 1}, interval=1),
            "belongs to flows",
        ),
    ],
)
def test_what_has_no_answer_is_named(act, message):
    with pytest.raises(sd.SymdynError, match=message):
        act(sd.ODESystem.from_text)
