"""The example of laws of growth: which foretells Gause's counts."""

from __future__ import annotations

from examples import which_growth as example


def test_the_logistic_law_foretells_best(tmp_path):
    """Leaving out single data is asymptotically half the difference of AIC (Stone 1977); blocks rank the laws alike."""
    table = example.main(["--out", str(tmp_path)])
    others = table.drop("logistic")
    half = (others["AIC"] - table["AIC"]["logistic"]) / 2
    assert (others["measurement: worse by"] > 2 * others["measurement: error"]).all()
    assert ((others["measurement: worse by"] - half).abs() < 2 * others["measurement: error"]).all()
    assert (others["time: worse by"] > 0).all()
    assert (tmp_path / "which_growth.png").stat().st_size > 30_000
