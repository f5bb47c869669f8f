"""The example of a pendulum on a rod and of a conserved total."""

from __future__ import annotations

import numpy as np

from examples import constrained_motion as example


def test_the_rod_keeps_its_length_and_the_total_is_conserved(tmp_path, capsys):
    rod, angle, found = example.main(["--out", str(tmp_path)])
    assert abs(rod.x**2 + rod.y**2 - 1).max() < 1e-13
    assert (np.diff(np.sign(rod.y.values)) != 0).sum() > 10  # through the horizontal, again and again
    np.testing.assert_allclose(rod.x, np.sin(angle.phi), atol=2e-5)
    # Mazzia & Magherini, Test Set for IVP Solvers 2.4 (2008), problem ROBER
    np.testing.assert_allclose(found.A[-1], 0.2083340149701255e-7, rtol=3e-7)
    assert (tmp_path / "constrained_motion.png").stat().st_size > 50_000
    assert "reduced from index 3 to 1" in capsys.readouterr().out
