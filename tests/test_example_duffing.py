"""Period doublings of the forced oscillator, against an independent computation and the literature."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, root

from examples import forced_duffing as example


def multiplier(forcing):
    """The least multiplier of the orbit of the forcing's period, by shooting with SciPy: real, as their product is positive."""
    period = 2 * np.pi / 1.2

    def rates(t, z):
        slope = np.array([[0.0, 1.0], [1 - 3 * z[0] ** 2, -0.3]])
        change = [z[1], z[0] - z[0] ** 3 - 0.3 * z[1] + forcing * np.cos(1.2 * t)]
        return np.concatenate([change, (slope @ z[2:].reshape(2, 2)).ravel()])

    def after(start):
        found = solve_ivp(rates, (0, period), [*start, 1, 0, 0, 1], method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
        return found[:2] - start, found[2:].reshape(2, 2)

    settled = np.array([0.8, 0.0])
    for _ in range(20):
        settled = after(settled)[0] + settled
    solution = root(lambda z: after(z)[0], settled, jac=lambda z: after(z)[1] - np.eye(2))
    assert solution.success
    return np.linalg.eigvals(after(solution.x)[1]).real.min()


def test_periods_double_where_they_should(tmp_path):
    first, second, third = example.main(["--out", str(tmp_path)])
    assert (tmp_path / "forced_duffing.png").stat().st_size > 10_000
    assert first == pytest.approx(brentq(lambda f: multiplier(f) + 1, 0.262, 0.2685, xtol=1e-7), abs=1e-5)
    assert first < 0.28 < second < 0.29 < third  # Jordan & Smith (2007): periods two and four at 0.28 and 0.29
    assert (second - first) / (third - second) == pytest.approx(4.669, rel=0.05)
