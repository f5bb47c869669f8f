"""The example of a double well and a feedback, at a size that takes seconds."""

from __future__ import annotations

import sympy as sp

from examples import noise_and_feedback as example

x, X = example.x, example.X


def test_drift_noise_and_feedback_are_found_and_drawn(tmp_path, capsys):
    wells, gene = example.main(["--out", str(tmp_path), "--points", "6000", "--cells", "250"])
    assert set(wells.terms["f"].as_coefficients_dict()) == {x, x**3}
    assert wells.terms["g"].is_Float
    K, top = sp.symbols("f_K f_1")
    assert sp.simplify(gene.formulas["f"] - top * K**2 / (K**2 + X**2)) == 0
    for found, truth in ((wells, {"f_1": 1, "f_2": -1, "g_1": 0.5}), (gene, {"f_1": 50, "f_K": 15})):
        table = found.intervals.set_index("constant")
        for name, value in truth.items():
            assert abs(table["value"][name] - value) < 4 * table["standard error"][name]
    assert (tmp_path / "noise_and_feedback.png").stat().st_size > 50_000
    assert "PropensityRecovery: " in capsys.readouterr().out
