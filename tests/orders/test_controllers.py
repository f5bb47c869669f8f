"""Step controllers: the sequence of steps that their formula gives, and what a proportional part does for stability."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.methods.controllers import I_CONTROL, PI_CONTROL, PID

x, t = sp.symbols("x t")
#: Of order 3 on x' = t^2 with the error estimate C h^3: the sum of its weights times the squares of its nodes.
BS32 = sd.METHODS["bs32"]
C = abs(sum(e * c**2 for e, c in zip(BS32.error[0], BS32.nodes, strict=True)))


def expected(controller: PID, tolerance: float, end: float) -> tuple[int, int]:
    """Accepted and rejected steps of x' = t^2 from 0, whose error relative to an absolute tolerance is exactly C h^3."""
    first, second, third, _, safety, shrink, grow = controller.numbers(3)
    h, now, before, earlier, most, accepted, rejected = 1e-6, 0.0, 1.0, 1.0, grow, 0, 0
    while True:
        h = min(h, end - now)
        error = max(C * h**3 / tolerance, 1e-6)
        if error <= 1:
            now, accepted = now + h, accepted + 1
            if now > end * (1 - 1e-12):
                return accepted, rejected
            factor = error**first * before**second * earlier**third
            h *= min(most, max(shrink, safety * factor))
            before, earlier, most = error, before, grow
        else:
            h *= min(1.0, max(shrink, safety * error ** (-1 / 3)))
            rejected, most = rejected + 1, 1.0


CONTROLLERS = {
    "I": I_CONTROL,
    "PI": PI_CONTROL,
    "PID": PID(proportional=0.1, integral=0.3, derivative=0.4),
    "bounded": PID(proportional=-0.2, integral=1.6, safety=0.97, shrink=0.5, grow=20.0),
}


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("name", CONTROLLERS)
def test_steps_are_those_of_the_recursion(name, lanes):
    kernel = sd.compile(sd.ODESystem({x: t**2}), method="bs32", lanes=lanes)
    seen = set()
    for end in (0.01, 0.5, 1.0, 2.0, 5.0, 7.7):
        for tolerance in (1e-3, 1e-6, 1e-9):
            run = kernel([[0.0]], [[]], [0.0, end], rtol=0.0, atol=tolerance, controller=CONTROLLERS[name])
            assert (run.steps[0], run.rejected[0]) == expected(CONTROLLERS[name], tolerance, end)
            seen.add(int(run.rejected[0]))
    assert max(seen) > 0 or name != "bounded"  # growth by 20 makes some steps too long


def test_controllers_take_different_steps():
    counts = {tuple(expected(c, 1e-9, end) for end in (1.0, 5.0, 7.7)) for c in CONTROLLERS.values()}
    assert len(counts) == len(CONTROLLERS)


def test_a_proportional_part_avoids_rejections_where_stability_limits_the_step():
    """Along y' = -1000 (y - cos t) an elementary controller goes back and forth over the bound of the stability region."""
    stiff = sd.ODESystem({x: -1000 * (x - sp.cos(t))})
    kernel = sd.compile(stiff, method="tsit5")
    runs = [kernel([[1.0]], [[]], [0.0, 2.0], rtol=1e-3, atol=1e-5, controller=c) for c in (I_CONTROL, PI_CONTROL)]
    (elementary, smooth), exact = [int(r.rejected[0]) for r in runs], np.cos(2.0)
    assert elementary > 20
    assert smooth < elementary / 10
    # far behind the transient y = (1e6 cos t + 1e3 sin t)/(1e6 + 1)
    for run in runs:
        assert run.values[0, -1, 0] == pytest.approx((1e6 * exact + 1e3 * np.sin(2.0)) / (1e6 + 1), abs=2e-3)


def test_a_method_has_a_controller_of_its_own():
    system = sd.ODESystem({x: t**2 - x})
    for method, own in (("bs32", PI_CONTROL), ("tsit5", I_CONTROL), ("dop853", I_CONTROL), ("rodas5p", I_CONTROL)):
        kernel = sd.compile(system, method=method)
        first, second = (kernel([[1.0]], [[]], [0.0, 9.0], rtol=1e-7, **given) for given in ({}, {"controller": own}))
        assert first.values.tobytes() == second.values.tobytes()
        other = PI_CONTROL if own == I_CONTROL else I_CONTROL
        assert kernel([[1.0]], [[]], [0.0, 9.0], rtol=1e-7, controller=other).steps[0] != first.steps[0]


def test_the_text_of_a_controller_is_read_again():
    for controller in CONTROLLERS.values():
        assert PID.read(str(controller)) == controller
    assert str(I_CONTROL) == "PID()"
    data = sd.simulate(
        sd.ODESystem({x: -x}, initial={x: 1}), [0, 1], method=sd.methods.AdaptiveOptions(controller=PI_CONTROL), progress=False
    )
    assert data.attrs["controller"] == "PID(proportional=0.4, integral=0.3)"
