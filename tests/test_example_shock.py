"""The shock of Burgers' equation is where Rankine and Hugoniot say."""

import pytest

from examples import burgers_shock as example


def test_the_shock_moves_at_half_the_jump(tmp_path):
    runs = example.main(["--out", str(tmp_path)])
    assert (tmp_path / "burgers_shock.png").exists()
    for name in ("upwind", "weno5"):
        assert example.position(runs[name]) == pytest.approx(example.START + example.END / 2, abs=1e-4)
        assert -0.01 < float(runs[name].u[-1].min()) <= float(runs[name].u[-1].max()) < 1.01
