"""The example of a network inside an equation."""

from __future__ import annotations

import sympy as sp

from examples import learned_term as example


def test_the_network_is_near_the_truth_and_the_formula_is_found(tmp_path, capsys):
    results = example.main(["--out", str(tmp_path), "--members", "2"])
    formula = results.recovered.terms["f"]
    x, y = example.x, example.y
    assert abs(float(formula / (x * y)) - 0.03) < 0.0002  # and no other term
    assert sp.simplify(formula / (x * y)).is_number
    assert results.term_error < 0.03  # the noise of the data is 0.02
    assert results.formula_error < 0.01
    assert abs(results.learned.system.defaults[example.d] - 0.8) < 0.01
    assert results.ensemble.x.shape == (example.STARTS, example.SEEN.size)
    assert (tmp_path / "learned_term.png").stat().st_size > 50_000
    assert "f := network(8, 8; " in capsys.readouterr().out
