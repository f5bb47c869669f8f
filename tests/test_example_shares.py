"""The example of shares of variance, beside the closed form of the height of an epidemic."""

from __future__ import annotations

import pytest

pytest.importorskip("SALib", reason="SALib is not installed")

from examples import epidemic_shares as example


def test_shares_of_the_height_are_those_of_its_closed_form(tmp_path):
    found, known = example.main(["--out", str(tmp_path)])
    for name, (first, total) in known.items():
        row = found.sel(parameter=name)
        assert float(row.height_first) == pytest.approx(first, abs=0.02)
        assert float(row.height_total) == pytest.approx(total, abs=0.02)
    assert float(found.height_total.sel(parameter="i0")) < 0.01 < 0.2 < float(found.day_total.sel(parameter="i0"))
    assert (tmp_path / "epidemic_shares.png").stat().st_size > 30_000
