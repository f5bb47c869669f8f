"""What the front page says is true: its code runs, its links lead somewhere, its commands exist."""

import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from tests import blocks

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_the_lines_of_the_front_page_run(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="the front page draws a figure")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)  # they save files
    names = blocks.run(TEXT, "README.md")
    x, y = names["x"], names["y"]
    term = names["found"].terms[names["f"](x, y)]
    assert sp.Poly(term, x, y).monoms() == [(1, 1)]
    assert float(term.coeff(x * y)) == pytest.approx(0.03, rel=1e-5)
    assert dict(names["data"].x.sizes) == {"a": 3, "time": 101}
    swing = [sp.expand(e) for e in names["whole"].terms.values()]
    assert [set(e.as_coefficients_dict()) for e in swing] == [{y}, {y, sp.sin(x)}]
    found = [float(e) for e in (swing[0].coeff(y), swing[1].coeff(y), swing[1].coeff(sp.sin(x)))]
    np.testing.assert_allclose(found, [1, -0.2, -1], rtol=0.01)
    words = names["study"].verdict.sel(closure="normal", order=3)
    assert words.values.tolist() == ["inaccurate", "inaccurate", "several", "several"]  # a second state from V = 11.44 on


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / link).exists(), link


def test_commands_exist():
    targets = (ROOT / "Makefile").read_text()
    for command in re.findall(r"^    make (\w+)", TEXT, flags=re.M):
        assert f"\n{command}:" in targets
