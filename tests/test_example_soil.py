"""The example of soil under a recorded surface temperature."""

from __future__ import annotations

import numpy as np

from examples import soil_temperature as example


def test_a_day_falls_by_e_at_the_damping_depth_and_a_cold_spell_is_noticed(tmp_path):
    data = example.study()
    wave = example.daily_wave(data)
    at, above = (complex(wave.interp(x=depth)) for depth in (2 * example.DAMPING, example.DAMPING))
    assert abs(abs(at / above) * np.e - 1) < 0.02
    assert abs(np.angle(above / at) - 1) < 0.02  # it comes later by one radian
    assert data.fired[:, 0].values.tolist() == [0, 1]
    example.figure(data).savefig(tmp_path / "soil.png")
    assert (tmp_path / "soil.png").stat().st_size > 20_000
