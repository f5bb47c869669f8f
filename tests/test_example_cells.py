"""The example of cells between snapshots: the drift that made them, and cells that were held out."""

from __future__ import annotations

import pytest

from examples import cells_between_snapshots as example


def test_the_hidden_drift_is_found_and_leads_to_the_cells_between(tmp_path):
    found = example.main(["--out", str(tmp_path), "--cells", "250"])
    assert (found["f: x"], found["f: y"]) == pytest.approx((-0.2, -1.5), abs=0.12)
    assert (found["g: x"], found["g: y"]) == pytest.approx((1.5, -0.2), abs=0.12)
    assert found["found"] < 0.25 * found["Brownian"]
    assert (tmp_path / "cells_between_snapshots.png").stat().st_size > 40_000
