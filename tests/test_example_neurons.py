"""The example of noisy neurons, with few trials."""

from __future__ import annotations

import numpy as np

from examples import noisy_neurons as example


def test_rates_are_siegerts_and_records_make_spikes_reliable(tmp_path, capsys):
    runs, currents, (rates, errors) = example.main(["--out", str(tmp_path), "--trials", "60"])
    expected = np.array([example.siegert(mean, example.NOISE) for mean in currents])
    assert (np.abs(rates - expected) < 4 * errors + 0.01 * expected + 1e-3).all()
    assert example.reliability(runs["recorded"]) > 3 * example.reliability(runs["constant"])
    assert (tmp_path / "noisy_neurons.png").stat().st_size > 20_000
    assert "Siegert" in capsys.readouterr().out
