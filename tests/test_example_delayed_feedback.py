"""The example of delays in noise and maps, with few paths."""

from examples import delayed_feedback as example


def test_variances_are_the_exact_ones(tmp_path):
    deviation = example.main(["--out", str(tmp_path), "--trajectories", "2000"])
    assert deviation < 4 * (2 / 2000) ** 0.5 + 0.04  # a step of 0.02 makes the largest of them 3.9 % larger
    assert (tmp_path / "delayed_feedback.png").stat().st_size > 40_000
