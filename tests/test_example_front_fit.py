"""The example of a front: both experiments hold the truth, and tell the product of D and r better than their ratio."""

import numpy as np

from examples import front_fit as example


def test_the_speed_is_told_better_than_what_makes_it(tmp_path, capsys):
    found = example.main(["--out", str(tmp_path)])
    for fit in found.values():
        away = fit.theta - np.log(list(example.TRUE.values()))
        assert away @ np.linalg.solve(fit.information.covariance, away) < 11.8  # 99.7 % of chi square with 2 degrees
        product, ratio = example.errors(fit)
        assert ratio > 2 * product
    assert (tmp_path / "front_fit.png").stat().st_size > 30_000
    assert "pictures  speed 1." in capsys.readouterr().out
