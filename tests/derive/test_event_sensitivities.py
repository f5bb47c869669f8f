"""Sensitivities through events that other events trigger at the same moment, against closed solutions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

t, x, y, z, k, a = sp.symbols("t x y z k a")
K, A = 1.3, 0.2


def slope(events, by, end, rate=k, other=0):
    """Of z at the end, where x grows at a rate from 0, and z changes at events alone."""
    rates = {x: rate, y: other, z: 0}
    used = sp.Tuple(rate, other, *(e for event in events for e in event.sides)).free_symbols
    values = {p: v for p, v in ((k, K), (a, A)) if p in used}
    system = sd.ODESystem(rates, values, initial={x: 0, y: 0, z: 0}, events=events)
    run = sd.sensitivities(system, [0, end], by=by, rtol=1e-10, atol=1e-12, progress=False)
    return float(run[f"dz_d{by}"][-1])


LATE = sd.Event(y >= sp.Rational(3, 2), {z: x + t}, delay=sp.Rational(1, 10))
RESET = [sd.Event(x >= 1, {x: a * k}), sd.Event(x < 1, {z: z + t})]  # at 1/k, 2/k - a and 3/k - 2 a


@pytest.mark.parametrize(
    ("events", "by", "end", "other", "exact"),
    [
        ([sd.Event(x >= 1, {y: 2}), sd.Event(y >= 2, {z: x + t})], "k", 2, 0, -1 / K**2),  # z = 1 + 1/k
        ([sd.Event(x >= 1, {y: 2}), LATE], "k", 1.2, 1 - y, 0.1 - 1 / K**2),  # z = 1 + k/10 + 1/k + 1/10
        (RESET, "k", 2, 0, -6 / K**2),
        (RESET, "a", 1.9, 0, -1.0),
        # z is x + t at 1, whether y grows by itself or not
        ([sd.dose(y, 2, start=1), sd.Event(y >= sp.Rational(3, 2), {z: x + t})], "k", 1.5, a * k - y, 1.0),
        # a dose at a time that k moves: z = x + y t at k/2 with y = 2 + a k (1 - exp(-k/2))
        (
            [sd.dose(y, 2, start=k / 2), sd.Event(y >= sp.Rational(3, 2), {z: x + y * t})], "k", 1.5, a * k - y,
            K + 1 + A * K * (1 - np.exp(-K / 2)) + A * K**2 / 4 * np.exp(-K / 2),
        ),
        # where y falls by itself the condition is crossed along the flow
        ([sd.dose(y, 2, start=1), sd.Event(y <= 1, {z: x + t})], "k", 1.9, -y, 1 + np.log(2)),
    ],
)  # fmt: skip
def test_an_event_that_another_triggers_moves_with_it(events, by, end, other, exact):
    assert slope(events, by, end, other=other) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize(("begin", "by_k", "by_x"), [(0.2, 3.5, 0.5), (0.8, 1.5, 1.0)])
def test_an_event_at_the_first_time_acts_at_a_time_that_does_not_move(begin, by_k, by_x):
    """From x0 < k it is 2 k + x0/2 at once, falls to k at k + x0/2, is 5/2 k, then 7/2 k + x0/2 - t; else 3/2 k + x0 - t."""
    event = sd.Event(x <= k, {x: 2 * k + x / 2}, initial=False)
    system = sd.ODESystem({x: sp.Integer(-1)}, {k: 0.5}, events=[event])
    run = sd.sensitivities(system, [0, 1], by=["k", "x"], initial={x: begin}, rtol=1e-10, atol=1e-12, progress=False)
    assert run.x[-1].item() == pytest.approx(by_k * 0.5 + by_x * begin - 1, rel=1e-9)
    assert run.dx_dk[-1].item() == pytest.approx(by_k, rel=1e-9)
    assert run.dx_dx[-1].item() == pytest.approx(by_x, rel=1e-9)
