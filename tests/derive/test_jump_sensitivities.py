"""Sensitivities where rates of change jump, against closed solutions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, y, t, k, d, T = sp.symbols("x y t k d T")
END, K, D, PERIOD = 10.0, 0.5, 0.7, 3.0
J = np.arange(4)  # pulses from 3 j to 3 j + 0.7, all of them over at 10
PULSE = sp.Piecewise((1, sp.Mod(t, T) < d), (0, True))


def slopes(rate, values, by, start=0.0):
    system = sd.ODESystem({x: rate}, values, initial={x: start})
    run = sd.sensitivities(system, [0, END], by=by, rtol=1e-10, atol=1e-12, progress=False)
    return [float(run[f"dx_d{c}"][-1]) for c in by]


@pytest.mark.parametrize(
    ("rate", "values", "start", "exact"),
    [
        (-k * x + sp.Heaviside(t - d), {k: K, d: D}, 0, {"d": -np.exp(-K * (END - D))}),
        (sp.sign(t - 2 * d), {d: D}, 0, {"d": -4.0}),
        (
            PULSE - k * x, {k: K, d: D, T: PERIOD}, 0,
            {
                "d": np.exp(-K * (END - PERIOD * J - D)).sum(),
                "T": (J * (np.exp(-K * (END - PERIOD * J - D)) - np.exp(-K * (END - PERIOD * J)))).sum(),
            },
        ),
        (sp.floor(t / d), {d: D}, 0, {"d": -14 * 15 / 2}),  # the sum of 10 - j d for j = 1, ..., 14
        (sp.Mod(t, T), {T: PERIOD}, 0, {"T": 3 * PERIOD - 3 * 1.0}),  # 3 T^2/2 + (10 - 3 T)^2/2
        (sp.Heaviside(sp.sin(t) - d), {d: D}, 0, {"d": -4 / np.sqrt(1 - D**2)}),  # two arcs of acos(d) on either side of a peak
        (sp.Piecewise((1, x < d), (3, True)), {d: D}, 0, {"d": -2.0, "x": 3.0}),
        (-1 - 2 * sp.Heaviside(x - d), {d: D}, 4, {"d": 2 / 3, "x": 1 / 3}),
        (sp.Heaviside(t - d) * sp.Piecewise((1, t < d), (2, True)), {d: D}, 0, {"d": -2.0}),
        (sp.Heaviside(x - d) + sp.Piecewise((1, x < d), (3, x >= d)), {d: D}, 0, {"d": -3.0}),
        # 3 T^3/2 + r^3/3 + T r^2/2 with r = 10 - 3 T
        (sp.Mod(t, T) * sp.Mod(t, 2 * T), {T: PERIOD}, 0, {"T": 9 * PERIOD**2 / 2 - 3 * 1 + 1 / 2 - 3 * PERIOD * 1}),
        (sp.Heaviside(t - (k - d)), {k: 1e9, d: 1e9 - 2}, 0, {"d": 1.0, "k": -1.0}),
        (sp.Heaviside(sp.sin(t) - d) + sp.Heaviside(sp.exp(-t) - k), {d: 1.5, k: -1.0}, 0, {"d": 0.0, "k": 0.0}),
        (sp.Piecewise((x / 2, x < d), (d / 2, True)), {d: D}, 0.1, {"d": (1 + END / 2 - np.log(D / 0.1)) - 1.0, "x": D / 0.1}),
    ],
)  # fmt: skip
def test_rates_that_jump(rate, values, start, exact):
    np.testing.assert_allclose(slopes(rate, values, list(exact), start), list(exact.values()), rtol=1e-8)


def test_multipliers_of_a_flow_that_jumps():
    """In polar coordinates r' = 1 - r + sign(sin a)/2, a' = 1: over a round what differs in r falls by exp(-2 pi)."""
    r = sp.sqrt(x**2 + y**2)
    growth = 1 - r + sp.sign(y) / 2
    flow = sd.ODESystem({x: growth * x / r - y, y: growth * y / r + x}, initial={x: 1, y: 0.1})
    found = sd.analysis.limit_cycle(flow, period=2 * np.pi, initial={x: 1, y: 0.1})
    assert found.period.item() == pytest.approx(2 * np.pi, rel=1e-10)
    np.testing.assert_allclose(found.multiplier, [1, np.exp(-2 * np.pi)], atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"priority": 1}])
def test_an_event_where_rates_jump(options):
    """x = (2 exp(-d) + 1) exp(-2 (t - d)) after d."""
    jump = sd.Event(y > d, {x: x + 1}, **options)
    system = sd.ODESystem({x: -x * (1 + sp.Heaviside(y - d)), y: 1}, {d: D}, initial={x: 2, y: 0}, events=jump)
    run = sd.sensitivities(system, [0, 2], by="d", rtol=1e-10, atol=1e-12, progress=False)
    assert float(run.dx_dd[-1]) == pytest.approx(2 * (np.exp(-D) + 1) * np.exp(-2 * (2 - D)), rel=1e-8)


def test_rates_that_are_no_numbers_at_a_place_but_continuous():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # x = 0.1 - 1.1 exp(-t), and the derivative of y by x(0) is the integral of (1 + log x)/1.1 over x
        system = sd.ODESystem({x: 0.1 - x, y: sp.Piecewise((x * sp.log(x), x > 0), (0, True))}, initial={x: -1, y: 0})
        run = sd.sensitivities(system, [0, 5], by="x", rtol=1e-9, progress=False)
        end = 0.1 - 1.1 * np.exp(-5)
        assert float(run.dy_dx[-1]) == pytest.approx(end * np.log(end) / 1.1, rel=1e-5)
        system = sd.ODESystem({x: sp.Piecewise((sp.sin(x) / x, sp.Ne(x, 0)), (1, True))}, initial={x: 0.1})
        run = sd.sensitivities(system, [0, 1], by="x", rtol=1e-9, progress=False)
        rates = np.sin(run.x) / run.x
        assert float(run.dx_dx[-1]) == pytest.approx(float(rates[-1] / rates[0]), rel=1e-7)


def test_jumps_with_delays_and_backwards():
    X = sp.Function("x")
    late = sd.ODESystem({x: -X(t - 1)}, {d: 0.3}, initial={x: 1}, history={x: sp.Heaviside(t + d)})
    with pytest.raises(sd.DeclarationError, match=r"jumps of the history Heaviside\(d \+ t\).*depend on d"):
        sd.sensitivities(late, [0, 2], by="d", progress=False)
    # of a history that bends at -d: at time 1 the state is 1 + d - (1 + d^2/2)
    bent = sd.ODESystem({x: -X(t - 1)}, {d: 0.3}, history={x: 1 + sp.Piecewise((t + d, t > -d), (0, True))})
    assert float(sd.sensitivities(bent, [0, 1], by="d", rtol=1e-9, progress=False).dx_dd[-1]) == pytest.approx(0.7, rel=1e-7)
    threshold = sd.ODESystem({x: k - sp.Heaviside(X(t - 1) - 2)}, {k: 1.3}, initial={x: 1})
    with pytest.warns(UserWarning, match=r"rates of change jump where Heaviside\(x\(t - 1\) - 2\) changes"):
        sd.sensitivities(threshold, [0, 1], by="k", progress=False)
    with pytest.raises(sd.DeclarationError, match=r"output times decrease, and rates of change jump .* forwards in time only"):
        sd.sensitivities(sd.ODESystem({x: sp.Heaviside(t - d)}, {d: D}, initial={x: 0}), [2, 0], by="d", progress=False)


def test_what_is_not_followed_is_named():
    with pytest.raises(sd.DeclarationError, match=r"do not follow the jumps of floor\(\(Mod\(t, 2\)\)/d\).*leave d out"):
        slopes(sp.floor(sp.Mod(t, 2) / d), {d: D}, ["d"])
    reset = sd.ODESystem({x: 1 + sp.Heaviside(x - d)}, {d: D}, initial={x: 0}, events=sd.Event(x > 2, {x: 0}))
    with pytest.warns(
        UserWarning, match=r"rates of change jump where Heaviside\(-d \+ x\) changes, and sensitivities leave out"
    ):
        sd.sensitivities(reset, [0, 1], by="d", progress=False)
    late = sd.ODESystem({x: 1 + sp.Heaviside(t - d)}, {d: D}, initial={x: 0}, events=sd.Event(x > 2, {x: 0}, delay=d / 10))
    run = sd.sensitivities(late, [0, 5], by="d", progress=False)
    assert run.event.values.tolist() == ["when x > 2 delay d/10, x = 0"]
    assert run.fired.values.tolist() == [4]  # at 1.42 and after each 1.07
    assert "fired" not in sd.sensitivities(late.replace(events=()), [0, 5], by="d", progress=False).variables
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert slopes(-k * x + sp.Heaviside(t - 3), {k: 0.0}, ["k"]) == [pytest.approx(-24.5)]


@pytest.mark.parametrize("width", [1e-6, 6e-9])
def test_short_pulses_at_the_first_time(width):
    """Pulses of the area 1 from 5 j on, the first at the start: by d the area of each grows by 1/d, and decays until 12."""
    left = np.exp(-K * (12 - 5 * np.arange(3) - width))
    system = sd.ODESystem({x: sp.Piecewise((1 / width, sp.Mod(t, 5) < d), (0, True)) - k * x}, {k: K, d: width}, initial={x: 0})
    run = sd.sensitivities(system, [0, 12], by="d", rtol=1e-10, atol=1e-12, progress=False)
    assert float(run.dx_dd[-1]) == pytest.approx(left.sum() / width, rel=1e-7)


def test_pulses_too_short_to_tell_their_ends_apart_are_refused():
    shape = sp.Piecewise((1e9, sp.Mod(t, 5) < d), (0, True))
    system = sd.ODESystem({x: shape - k * x}, {k: K, d: 1e-9}, initial={x: 0})
    with pytest.raises(sd.DeclarationError, match=r"step of the rates .* at 1e-09: another .* is 1e-09 apart.*as a dose"):
        sd.sensitivities(system, [0, 12], by="d", progress=False)
    # one whose ends are comparisons of their own may be as short: at 10 it has grown by 1e9 exp(-k (10 - d))
    once = sd.ODESystem({x: sp.Piecewise((1e9, (t >= 0) & (t < d)), (0, True)) - k * x}, {k: K, d: 1e-9}, initial={x: 0})
    run = sd.sensitivities(once, [0, END], by="d", rtol=1e-10, atol=1e-12, progress=False)
    assert float(run.dx_dd[-1]) == pytest.approx(1e9 * np.exp(-K * END), rel=1e-7)
