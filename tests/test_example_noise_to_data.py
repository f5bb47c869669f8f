"""The example of a diffusion model with the exact score, with few points."""

from __future__ import annotations

import numpy as np

from examples import noise_to_data as example


def test_samplers_approach_the_exact_flow_as_their_orders_say(tmp_path, capsys):
    found = example.main(["--out", str(tmp_path), "--points", "200"])
    # on 512 other points DDIM has .038 at 20 evaluations and .015 at 50, DEIS .0035 and .0003
    at = dict(zip(example.BUDGETS, zip(found["ddim"], found["deis-tab3"], strict=True), strict=True))
    assert 0.03 < at[18][0] < 0.055
    assert 0.01 < at[60][0] < 0.016
    assert 0.003 < at[18][1] < 0.006
    assert 1e-4 < at[60][1] < 3e-4
    for row in found.values():
        assert (np.diff(np.log(row)) < 0).all()
    assert (tmp_path / "noise_to_data.png").stat().st_size > 40_000
    assert "evaluations" not in capsys.readouterr().err
