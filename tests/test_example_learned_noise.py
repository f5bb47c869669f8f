"""The example of drift and noise as networks."""

from __future__ import annotations

import pytest

from examples import learned_noise as example

pytest.importorskip("jax")


def test_the_stationary_density_is_that_of_the_true_process(tmp_path):
    """From a path of 400 units, in which the particle goes to the other well some 40 times."""
    assert example.main(["--out", str(tmp_path)]) < 0.12
    assert (tmp_path / "learned_noise.png").stat().st_size > 20_000
