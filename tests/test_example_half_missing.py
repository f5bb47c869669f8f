"""The example of half-missing series: the fitted equation against the smoother that knows it."""

from __future__ import annotations

from examples import half_missing_series as example


def test_an_equation_found_from_gaps_smooths_as_the_true_one(tmp_path):
    """A smoother's error is the least there is; eight series suffice to come within 5 % of it, and its bands hold 90 %."""
    found = example.main(["--out", str(tmp_path)])
    assert 1 <= found["fitted equation"] / found["exact smoother"] < 1.05
    assert found["straight lines"] > 2.5 * found["exact smoother"]
    for name in ("fitted equation", "exact smoother"):
        assert abs(found[f"{name}, in its bands"] - 0.9) < 0.03
    assert (tmp_path / "half_missing_series.png").stat().st_size > 30_000
