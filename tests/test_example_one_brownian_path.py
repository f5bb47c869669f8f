"""The example of Brownian trees, with few paths."""

from __future__ import annotations

import numpy as np

from examples import one_brownian_path as example


def test_errors_fall_as_the_orders_say_and_steps_from_the_state_keep_them(tmp_path):
    found = example.main(["--out", str(tmp_path), "--trajectories", "100"])
    slopes = {}
    for title, rows in found.items():
        for name, row in rows.items():
            steps, errors = np.array(row).T
            slopes[title, name] = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    # additive noise: Euler-Maruyama has order 1, the others 3/2
    assert 0.85 < slopes["double well", "euler-maruyama"] < 1.15
    for name in ("sra1", "shark", "state"):
        assert 1.35 < slopes["double well", name] < 1.85
    assert slopes["rate", "state"] > 1.3
    # a particle with a momentum: orders 2 and 3, and 1 of Euler-Maruyama, which it does not show in such steps
    assert 1.85 < slopes["particle", "ubu"] < 2.15
    assert 1.85 < slopes["particle", "align"] < 2.15
    assert 2.85 < slopes["particle", "quicsort"] < 3.15
    at = {name: dict(row) for name, row in found["particle"].items()}
    assert at["quicsort"][1024] < at["ubu"][1024] / 12  # for as many evaluations of the force
    assert max(e for n, e in found["rate"]["sra1"] if n >= 128) > 100 * found["rate"]["state"][1][1]  # with 200 steps
    assert (tmp_path / "one_brownian_path.png").stat().st_size > 40_000
