"""Time far from 0: results are those of the same intervals near 0."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, t = sp.symbols("x t")
DECAY = sd.ODESystem({x: -x}, initial={x: 1})
ADAPTIVE = ["tsit5", "dop853", "rodas4", "rodas5p", "taylor"]


@pytest.mark.parametrize("start", [1e12, 1_732_752_000.0, -3e9])
@pytest.mark.parametrize("method", ADAPTIVE)
def test_decay_far_from_0_is_exact(method, start):
    data = sd.simulate(DECAY, [start, start + 1, start + 2], method=method, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(data.x, np.exp([0, -1, -2]), rtol=2e-11)
    assert data.time.values.tolist() == [start, start + 1, start + 2]


@pytest.mark.parametrize("start", [1e12, 1_732_752_000.0])
@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p"])
def test_right_hand_sides_with_time_in_them(method, start):
    """Time selects a rate, which is the same in all of the interval: that steps are differences of times is all that counts."""
    system = sd.ODESystem({x: -x * sp.Piecewise((2, t < start - 100), (1, True))}, initial={x: 1}, time=t)
    data = sd.simulate(system, [start, start + 1, start + 2], method=method, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(data.x, np.exp([0, -1, -2]), rtol=2e-11)


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p"])
def test_right_hand_sides_that_depend_on_time_are_as_exact_as_numbers_are_near(method):
    """x' = -x + (t - t0) has the solution 2 exp(-s) + s - 1, with s = t - t0, which is known to 2.4e-7 s."""
    start, s = 1_732_752_000.0, np.array([0.0, 1.0, 2.0])
    driven = sd.ODESystem({x: -x + (t - start)}, initial={x: 1}, time=t)
    data = sd.simulate(driven, start + s, method=method, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(data.x, 2 * np.exp(-s) + s - 1, atol=2 * np.spacing(start))


def test_passages_and_jumps_far_from_0():
    start = 1e12
    stopped = sd.simulate(DECAY, [start, start + 2], until="x <= 0.5", rtol=1e-10)
    assert float(stopped.first_passage) - start == pytest.approx(np.log(2), abs=2e-4)  # the spacing of numbers there
    net = sd.ReactionNetwork.from_text("0 -> X, 1000; X -> 0, 10", initial={"X": 0})
    near = sd.simulate(net, [0, 1, 2], trajectories=50, seed=3, progress=False)
    far = sd.simulate(net, [start, start + 1, start + 2], trajectories=50, seed=3, progress=False)
    assert (near.X.values == far.X.values).all()


def test_more_steps_than_can_be_counted_are_refused():
    noise = sd.SDESystem({x: 1}, [[1]], initial={x: 0})
    with pytest.raises(
        sd.DeclarationError, match=r"from 0 to 1 there are 1e\+19 steps of the length 1e-19; expected at most 1e\+15"
    ):
        sd.simulate(noise, [0, 1], step=1e-19)


def test_a_step_of_a_field_ends_at_a_number():
    """The fields' controller: the length is the difference of the times at the ends of the step, far from 0 too."""
    from symdyn.integration.controllers import Adaptive
    from symdyn.methods.registry import METHODS

    control = Adaptive(METHODS["bs32"].controller, 2, np.inf)
    control.aim(1e12, 1e12 + 2)
    control.first(0.1)
    h, new = control.following(1e12)
    assert (h, new) == (new - 1e12, 1e12 + h)
    assert abs(h - 0.1) < 1e-4
