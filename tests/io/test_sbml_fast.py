"""Fast reactions of SBML, against equilibria by hand."""

from __future__ import annotations

import numpy as np
import pytest

from symdyn.errors import DeclarationError
from symdyn.io.sbml import read_sbml
from tests.io.sbml_texts import TIME, apply, assign, ci, cn, document, event, math, parameter, rate, reaction, run, species

pytest.importorskip("libsbml")


def quick(text: str) -> str:
    """The text with its first reaction fast."""
    return text.replace('fast="false"', 'fast="true"', 1)


def test_a_fast_reaction_is_in_equilibrium():
    """A <-> B at 3 A = B, B decays at the rate 0.8: of A + B = 4, B is 3/4, and all of it falls as exp(-0.8 * 3/4 t)."""
    forth = apply("minus", apply("times", cn(3), ci("A")), ci("B"))
    text = document(
        Species=species("A", 'initialAmount="4"') + species("B", 'initialAmount="0"'),
        Reactions=reaction("F", {"A": 1}, {"B": 1}, forth) + reaction("D", {"B": 1}, {}, apply("times", cn(0.8), ci("B"))),
    )
    found, t = run(quick(text), [0, 0.5, 2]), np.array([0, 0.5, 2])
    np.testing.assert_allclose(found.A, np.exp(-0.6 * t), rtol=1e-7)
    np.testing.assert_allclose(found.B, 3 * np.exp(-0.6 * t), rtol=1e-7)
    with pytest.raises(DeclarationError, match="F is fast, in equilibrium at all times; read it as_='ode'"):
        read_sbml(quick(text))


@pytest.mark.parametrize(("k", "expected"), [(2, (0, 4.5)), (-2, (9, 0))])
def test_of_two_equilibria_the_one_that_is_reached(k, expected):
    """2 A <-> B at the rate k A B, which is 0 without A and without B; A + 2 B = 9 in 2 litres, and at 1 three A are added."""
    law = apply("times", cn(k), ci("A"), ci("B"))
    text = document(
        size=2,
        Species=species("A", 'initialConcentration="1.5"') + species("B", 'initialAmount="3"', amount="true"),
        Reactions=reaction("F", {"A": 2}, {"B": 1}, law),
        Events=event(apply("geq", TIME, cn(1)), {"B": apply("plus", ci("B"), cn(1.5))}),
    )
    found = run(quick(text), [0, 0.9, 1.1])
    added = (0, 1.5) if k > 0 else (3, 0)
    np.testing.assert_allclose(2 * found.A, expected[0] + np.array([0, 0, added[0]]), atol=1e-7)
    np.testing.assert_allclose(found.B, expected[1] + np.array([0, 0, added[1]]), atol=1e-7)


def test_fast_reactions_without_an_isolated_equilibrium_are_refused():
    k = parameter("k", 0, constant="true")
    both = species("A", 'initialAmount="4"') + species("B", 'initialAmount="0"')
    moved = reaction("F", {"A": 1}, {"B": 1}, apply("times", ci("k"), ci("A")))
    with pytest.raises(DeclarationError, match="fast reactions F lead to no isolated equilibrium"):
        read_sbml(quick(document(Species=both, Parameters=k, Reactions=moved)), as_="ode")
    again = moved.replace('id="F"', 'id="G"')
    with pytest.raises(DeclarationError, match="the fast reaction G does the same as other fast reactions"):
        read_sbml(
            document(Species=both, Parameters=k, Reactions=moved + again).replace('fast="false"', 'fast="true"'), as_="ode"
        )
    growing = document(constant="false", Species=both, Parameters=k, Reactions=moved, Rules=rate("C", ci("C")))
    with pytest.raises(DeclarationError, match="C, of the fast reaction F, varies"):
        read_sbml(quick(growing), as_="ode")


def test_events_switch_a_fast_reaction():
    """A <-> B at k (A - B) in 2 litres, B decays at 0.8: k is 0 between 1 and 2, and at 1.5 three A are added."""
    law = apply("times", ci("k"), apply("minus", ci("A"), ci("B")))
    text = document(
        size=2,
        Species=species("A", 'initialConcentration="4"') + species("B", 'initialConcentration="0"'),
        Parameters=parameter("k", 1),
        Reactions=reaction("F", {"A": 1}, {"B": 1}, law) + reaction("D", {"B": 1}, {}, apply("times", cn(0.8), ci("B"), cn(2))),
        Events=event(apply("geq", TIME, cn(1)), {"k": cn(0)})
        + event(apply("geq", TIME, cn(2)), {"k": cn(1)})
        + event(apply("geq", TIME, cn(1.5)), {"A": apply("plus", ci("A"), cn(1.5))}),
    )
    found = run(quick(text), [0, 0.9, 1.2, 1.8, 2.1, 3])
    first, apart = 2 * np.exp(-0.4), np.exp(-0.8 * np.array([0.2, 0.8, 1]))
    again = (first + 1.5 + first * apart[2]) / 2 * np.exp(-0.4 * np.array([0.1, 1]))
    np.testing.assert_allclose(found.A, [2, 2 * np.exp(-0.36), first, first + 1.5, *again], rtol=1e-7)
    np.testing.assert_allclose(found.B, [2, 2 * np.exp(-0.36), *(first * apart[:2]), *again], rtol=1e-7)
    late = text.replace("</trigger>", f"</trigger><delay>{math(cn(1))}</delay>", 1)
    with pytest.raises(DeclarationError, match="changes the fast reaction F by values from before its delay"):
        read_sbml(quick(late), as_="ode")


def test_a_fast_reaction_that_an_event_starts():
    """k is 0 until 1, and then A -> B at once and B -> D at the rate 1, as in case 987 of the semantic suite."""
    both = species("A", 'initialAmount="1"') + species("B", 'initialAmount="0"') + species("D", 'initialAmount="0"')
    reactions = reaction("F", {"A": 1}, {"B": 1}, apply("times", ci("k"), ci("A")))
    slow = reaction("S", {"B": 1}, {"D": 1}, apply("times", ci("k"), ci("B")))
    text = document(
        Species=both,
        Parameters=parameter("k", 0),
        Reactions=reactions + slow,
        Events=event(apply("gt", TIME, cn(1)), {"k": cn(1)}),
    )
    found = run(quick(text), [0, 0.9, 1.5, 2])
    np.testing.assert_allclose(found.A, [1, 1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.D, [0, 0, 1 - np.exp(-0.5), 1 - np.exp(-1)], atol=1e-6)


def test_what_a_fast_species_was_before_the_start_is_its_value_in_the_file():
    """A -> B at once, and 2 A are added at 3: A is 4 before the start and 0 after it, B is 0 and then 4 and 6."""
    late = f'<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>{ci("A")}{cn(1)}</apply>'
    parts = {
        "Species": species("A", 'initialAmount="4"') + species("B", 'initialAmount="0"'),
        "Parameters": parameter("p") + parameter("q"),
        "Rules": assign("p", late) + assign("q", apply("times", cn(2), late.replace(ci("A"), ci("B")))),
        "Events": event(apply("geq", TIME, cn(3)), {"A": apply("plus", ci("A"), cn(2))}),
    }
    found = run(quick(document(**parts, Reactions=reaction("F", {"A": 1}, {"B": 1}, ci("A")))), [0, 0.5, 1.5, 3.5, 4.5])
    np.testing.assert_allclose(found.p, [4, 4, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.q, [0, 0, 8, 8, 12], atol=1e-9)
    delayed = document(**parts, Reactions=reaction("F", {"A": 1}, {"B": 1}, late))
    with pytest.raises(DeclarationError, match="A takes part in a fast reaction and is delayed in its rate"):
        read_sbml(quick(delayed), as_="ode")
