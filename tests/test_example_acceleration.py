"""The example of gradient methods and their flows ends in the numbers that other computations give."""

import numpy as np
import pytest

from examples import acceleration as example


def test_gradient_methods_fall_as_their_own_formulas_do_and_the_heavy_ball_cycles(tmp_path):
    fallen, runs = example.main(["--out", str(tmp_path)])
    counts = {name: int(np.argmax(values <= 1e-10)) for name, values in fallen.items()}
    # with the textbook formulas in numpy
    assert (counts["Nesterov"], counts["heavy ball"], counts["flow, leapfrog steps of 1.9"]) == (841, 907, 581)
    # gradient steps multiply each by 1 - curvature
    scales = np.logspace(-4, 0, 50)
    assert fallen["gradient"][-1] == pytest.approx((scales * (1 - scales) ** 3000).sum() / scales.sum())
    assert sorted(runs["heavy ball"].values[-3:]) == pytest.approx([-1.802449, 0.646531, 2.115918], abs=1e-3)
    assert abs(float(runs["flow of both"][-1])) < 0.02
    assert (tmp_path / "acceleration.png").stat().st_size > 20_000
