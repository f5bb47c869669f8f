"""The example of a front: both experiments hold the truth, and its advance alone tells the ratio of D and r far worse."""

import numpy as np

from examples import front_fit as example


def test_pictures_tell_the_ratio_that_the_length_does_not(tmp_path, capsys):
    found = example.main(["--out", str(tmp_path)])
    for fit in found.values():
        away = fit.theta - np.log(list(example.TRUE.values()))
        assert away @ np.linalg.solve(fit.information.covariance, away) < 11.8  # 99.7 % of chi square with 2 degrees
    pictures, length = (example.errors(found[name]) for name in ("pictures", "length"))
    assert length[1] > 4 * length[0]
    assert length[1] > 3 * pictures[1]
    assert (tmp_path / "front_fit.png").stat().st_size > 30_000
    assert "pictures  speed 1.4" in capsys.readouterr().out
