"""The example of the limit of detection: which half-life is right on average."""

from __future__ import annotations

import numpy as np

from examples import limit_of_detection as example


def test_censored_measurements_give_the_true_half_life(tmp_path):
    """The mean of twelve studies lies within three standard errors; without what lies below the limit it is too long."""
    table = example.main(["--out", str(tmp_path)])
    above = (table.mean() - np.log(2) / example.RATE) / table.sem()
    assert abs(above["censored"]) < 3
    assert above["the limit itself"] > 6
    assert (table["left out"] > table["censored"]).all()
    assert (tmp_path / "limit_of_detection.png").stat().st_size > 30_000
