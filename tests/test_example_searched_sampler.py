"""The example of a search for samplers, with few points."""

from __future__ import annotations

from examples import searched_sampler as example


def test_the_search_gains_and_bdia_is_inverted(tmp_path, monkeypatch):
    monkeypatch.setattr(example, "BUDGETS", (5, 10))
    monkeypatch.setattr(example, "STEPS", (10, 20))
    found = example.main(["--out", str(tmp_path), "--points", "400"])
    assert found["gain"][0] > 2  # .126 to .061 on the sheet's points
    assert found["gain"][1] > 1.5
    assert max(found["bdia"]) < 1e-13
    assert min(found["ddim"]) > 0.3
    assert (tmp_path / "searched_sampler.png").stat().st_size > 20_000
