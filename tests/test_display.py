"""Pages of notebooks: what systems and fits show of themselves, and that nothing heavy is computed for it."""

from __future__ import annotations

import pydoc
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.registry import KINDS


class _Text(HTMLParser):
    """The text of a page, and whether what is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.open = "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shown(thing) -> str:
    read = _Text(thing._repr_html_())
    assert not read.open
    return read.text


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_system_has_a_page(kind):
    system = KINDS[kind].example()
    text = shown(system)
    assert type(system).__name__ in text
    assert all(sp.latex(s) in text for s in system.states[:3])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_system_is_printed_by_sympy(kind):
    system = KINDS[kind].example()
    text = sp.latex(system)
    assert text == system.latex()
    assert text.startswith("\\begin{aligned}\n")
    assert text.endswith("\n\\end{aligned}")
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert len(text.splitlines()) == len(system.equations()) + len(system.events) + len(system.history) + 2


def test_events_are_words_in_latex():
    system = sd.ODESystem.from_text("x_1' = -x_1; when x_1 < k^2, x_1 = 2")
    assert system.latex().splitlines()[-2] == r"\text{when x\_1 $<$ k**2, x\_1 = 2} &"


def test_a_page_says_what_is_given_what_is_missing_and_what_can_be_asked():
    text = shown(
        sd.ODESystem.from_text(
            "x' = a*x - b*x*y + f(y); y' = -y; a = 0.5; x(0) = 2*a; s := piecewise(1, x < y, 0); when x > 3, x = 0"
        )
    )
    for part in (r"\dot{x} &= a x - b x y + f{\left(y \right)}", "$a$ = 0.5", "$x$(0) = $2 a$", "no value yet: $b$, $y$",
                 r"unknown: $f{\left(y \right)}$", "x < y", "when x > 3", "methods: moments"):  # fmt: skip
        assert part in text


def test_large_systems_have_short_pages(monkeypatch):
    x = sp.symbols("x:500")
    large = sd.ODESystem({s: -s + x[i - 1] for i, s in enumerate(x)})
    monkeypatch.setattr(sd.ODESystem, "equations", lambda self: pytest.fail("all equations are printed"))
    assert "500 equations, which print shows" in shown(large)
    monkeypatch.undo()
    some = sd.ODESystem({s: -s for s in x[:50]})
    assert shown(some).count(r"\dot") == 40
    assert "(50 equations in all)" in shown(some)


def test_a_fit_shows_its_table_and_its_equations():
    t = np.arange(8.0)
    fit = sd.fit(sd.ODESystem.from_text("x' = -k*x"), {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}, starts=2)
    text = shown(fit)
    assert all(f"{v:.5g}" in text for v in fit.intervals["lower"])
    assert r"\dot{x} &= - k x" in text
    assert "profile" in text


def test_kernels_recoveries_networks_and_units_show_themselves():
    x, f, t = sp.Symbol("x"), sp.Function("f"), np.arange(10.0)
    decay = sd.ODESystem.from_text("x' = -k*x; k = 2; x(0) = 1")
    text = shown(sd.compile(decay, method="tsit5"))
    assert "Kernel: tsit5 of a ODESystem on cpu" in text.replace("an ODESystem", "a ODESystem")
    assert "- k x" in text
    found = sd.recover(sd.DiscreteSystem({x: f(x)}), {"t": t, "x": 3.0**t}, library=[x], surrogate=None, progress=False)
    text = shown(found)
    assert "systems from" in text
    assert r"f{\left(x \right)} = 3.0 x" in text
    assert "predict" in text
    assert "NaN" not in text
    assert "x_{t+1} &= 3.0 x" in found._repr_latex_()
    pytest.importorskip("pint")
    assert "mM" in shown(sd.Units(decay, {"x": "mM", "t": "min"}))


def test_help_names_no_private_module():
    text = pydoc.render_doc(sd, renderer=pydoc.plaintext)
    assert re.findall(r"symdyn(?:\.\w+)*\._[a-z]\w+", text) == []
