"""The example of a bursting gene: which of three likelihoods states errors that are too small."""

from __future__ import annotations

from examples import bursting_gene_fit as example


def test_normal_laws_understate_the_error_and_moments_do_not(tmp_path, capsys):
    factors = example.main(["--out", str(tmp_path), "--cells", "300"])
    assert factors["lna"] > 1.6
    assert 0.7 < factors["moments"] < 1.3
    assert (tmp_path / "bursting_gene_fit.png").stat().st_size > 30_000
    printed = capsys.readouterr().out
    assert "the likelihood 'lna' misleads" in printed
    assert "the likelihood 'moments' can be trusted" in printed
