"""Counted steps of controllers, from the closed form of their recursion on an error model."""

from __future__ import annotations

import math

import pytest

from symdyn.errors import DeclarationError
from symdyn.integration.controllers import Adaptive, Dyadic, Equal, equal_steps
from symdyn.methods.controllers import I_CONTROL, PI_CONTROL


def integrated(control, end, model, first):
    """Lengths of accepted steps, and how many were rejected, where a step of length h has the error model(h)."""
    control.first(first)
    control.aim(0.0, end)
    t, lengths, rejected = 0.0, [], 0
    while t < end:
        h, new = control.following(t)
        error = model(h)
        if error <= 1:
            control.accepted(error)
            lengths.append(h)
            t = new
        else:
            rejected += 1
            assert control.rejected(error)
    assert t == end
    return lengths, rejected


@pytest.mark.parametrize(("pid", "order"), [(I_CONTROL, 5), (I_CONTROL, 3), (PI_CONTROL, 4)])
def test_steps_converge_to_the_length_whose_factor_is_one(pid, order):
    """C h^k: the factor is s (C h^k)^(-k_I/k) once errors repeat, so the step becomes s^(1/k_I) C^(-1/k)."""
    C = 1e3
    lengths, rejected = integrated(Adaptive(pid, order, math.inf), 100.0, lambda h: C * h**order, 1e-3)
    fixed = pid.safety ** (1 / pid.integral) * C ** (-1 / order)
    assert lengths[len(lengths) // 2] == pytest.approx(fixed, rel=1e-6)
    assert rejected <= 2
    # from 1e-3 the step grows by 5 each time, then 100 / fixed steps follow
    grown = math.ceil(math.log(fixed / 1e-3, pid.grow))
    assert len(lengths) == pytest.approx(100 / fixed + grown, abs=8)


def test_a_rejected_step_shrinks_by_its_error_and_does_not_grow_next():
    control = Adaptive(I_CONTROL, 2, math.inf)
    control.first(0.5)
    control.aim(0.0, 10.0)
    h, _ = control.following(0.0)
    assert control.rejected(4.0)
    shorter, _ = control.following(0.0)
    assert shorter == pytest.approx(0.9 * h / 2)
    control.accepted(1e-9)
    assert control.following(shorter)[0] == pytest.approx(shorter)
    assert Adaptive(I_CONTROL, 2, 0.1).longest == 0.1


def test_errors_that_are_not_finite_shrink_most():
    control = Adaptive(I_CONTROL, 2, math.inf)
    control.first(1.0)
    control.aim(0.0, 10.0)
    h, _ = control.following(0.0)
    assert control.rejected(math.nan)
    assert control.following(0.0)[0] == pytest.approx(0.2 * h)


@pytest.mark.parametrize("order", [3, 5])
def test_dyadic_steps_are_the_longest_ones_that_the_error_allows(order):
    """C h^k <= 1 for h = 10 / 2^j: the steps end at the least j for which it holds, or one more where the factor is below 2."""
    C, end = 40.0, 10.0
    lengths, _ = integrated(Dyadic(I_CONTROL, order, math.inf), end, lambda h: C * h**order, 1e-3)
    allowed = math.ceil(math.log2(end * C ** (1 / order)))
    levels = [math.log2(end / h) for h in lengths]
    assert all(level == round(level) for level in levels)
    assert levels[-1] in (allowed, allowed + 1)
    assert sum(lengths) == pytest.approx(end)
    assert len(set(lengths)) <= 15


def test_dyadic_steps_keep_their_length_over_equal_gaps():
    control = Dyadic(I_CONTROL, 4, math.inf)
    control.first(0.3)
    seen = set()
    for k in range(5):
        t, end = 0.1 * k, 0.1 * (k + 1)  # rounded: 0.30000000000000004 - 0.2 is not 0.1
        control.aim(t, end)
        while t < end:
            h, t = control.following(t)
            control.accepted(0.5)
            seen.add(h)
    assert seen == {0.1}


def test_equal_steps_meet_the_end():
    control = Equal(0.3)
    control.aim(0.0, 1.0)
    ends = [control.following(0.0)[1] for _ in range(4)]
    assert ends == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(DeclarationError, match="rk4 takes steps of one length: step is None; expected a positive number"):
        equal_steps(None, "rk4")
