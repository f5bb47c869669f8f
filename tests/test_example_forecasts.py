"""The example of forecasts of chaos, with two flows."""

from __future__ import annotations

from examples import forecasting_chaos as example


def test_equations_foretell_furthest(tmp_path):
    found = example.main(["--out", str(tmp_path), "--flows", "sprott_n", "sprott_f", "--starts", "3"])
    assert found["recover"] > 4  # the sheet's medians are 4.6 for equations, 1.2 for nvar and .5 for echo states
    assert found["recover"] > 2 * max(found["nvar"], found["echo-state"])
    assert found["persistence"] < 0.6
    assert (tmp_path / "forecasting_chaos.png").stat().st_size > 20_000
