"""The examples of curves to roots and of spirals end in the numbers that geometry gives."""

import numpy as np
import pytest

from examples import root_curves, spirals


def test_curves_that_arrive_end_where_the_circle_meets_the_cubic(tmp_path):
    run, paths = root_curves.main(["--out", str(tmp_path)])
    arrived = np.isfinite(run.first_passage.values)
    assert arrived.sum() >= 36
    assert np.abs(run.x.values[arrived, -1]) == pytest.approx(2**0.5, abs=1e-5)
    assert (run.folds.values[~arrived, -1] > 0).all()
    assert (paths.attrs["bezout"], paths.attrs["real"], paths.attrs["complex"]) == (6, 2, 4)
    assert (tmp_path / "root_curves.png").stat().st_size > 20_000


def test_the_sign_of_the_area_is_the_sense_of_rotation(tmp_path):
    exact, learned = spirals.main(["--out", str(tmp_path)])
    assert exact == 1.0
    assert learned >= 0.9
    assert (tmp_path / "spirals.png").stat().st_size > 20_000
