"""Tables and drawings of networks."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.networks._layout import place
from symdyn.networks.display import network_html, reactions_html, stoichiometry_html, stoichiometry_latex
from symdyn.networks.graph import draw

matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

BRUSSELATOR = "0 -> X, k0; 2 X + Y -> 3 X, k1; X -> Y, k2; X -> 0, k3"
GENE = "G <-> H, off, on; G -> G + geometric(b) P, k; P -> 0, g; 0 => M, k/(1 + P)"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_stoichiometry_in_latex():
    text = stoichiometry_latex(sd.ReactionNetwork.from_text(BRUSSELATOR))
    assert text.endswith(r"\hline X & 1 & 1 & -1 & -1 \\ Y & 0 & -1 & 1 & 0 \end{array}")
    assert text.startswith(r"\begin{array}{r|rrrr}")


def test_tables():
    net = sd.ReactionNetwork.from_text(BRUSSELATOR + "; k1 = 0.5; X(0) = 7", volume="V")
    table = reactions_html(net)
    assert table.count("<tr>") == 5
    assert r"2\,X + Y \longrightarrow 3\,X" in table
    assert stoichiometry_html(net).count("$-1$") == 3
    page = network_html(net)
    assert "2 species, 4 reactions" in page
    assert "deficiency 1" in page
    assert "$k_{1}$ = 0.5" in page
    assert "$X$(0) = 7" in page


def test_the_page_names_laws_and_events():
    page = network_html(sd.ReactionNetwork.from_text("A <-> B, a, b; 0 -> X, c; A(0) = 2; B(0) = 1; when X > 3, X = 0"))
    assert "conserved: A + B = 3" in page
    assert "when X &gt; 3, X = 0" in page
    assert "deficiency " not in network_html(sd.ReactionNetwork.from_text(GENE))


def test_large_networks_have_short_pages():
    text = "\n".join(f"X{i} -> X{i + 1}, k" for i in range(60))
    assert "conserved" not in network_html(sd.ReactionNetwork.from_text(text))


@pytest.mark.parametrize("text", [BRUSSELATOR, GENE, "A -> B, k", "X -> 2 X, k; X => 0, piecewise(k, t > 1, 0)*X"])
def test_drawing_of_species_and_reactions(text):
    net = sd.ReactionNetwork.from_text(text)
    ax = draw(net)
    labels = [t.get_text() for t in ax.texts]
    for name in net.names:
        assert f"${name}$" in labels
    for r in range(1, len(net.reactions) + 1):
        assert f"R{r}" in labels
    ax.figure.canvas.draw()


def test_drawing_of_complexes():
    net = sd.ReactionNetwork.from_text(BRUSSELATOR)
    labels = [t.get_text() for t in draw(net, kind="complexes").texts]
    assert "2 $X$ + $Y$" in labels
    assert r"$\varnothing$" in labels
    assert "$k_{1}$" in labels


def test_drawing_into_given_axes():
    _, ax = plt.subplots()
    assert draw(sd.ReactionNetwork.from_text("A -> B, k"), ax) is ax
    with pytest.raises(DeclarationError, match="Did you mean 'complexes'"):
        draw(sd.ReactionNetwork.from_text("A -> B, k"), kind="complex")


def test_a_chain_is_laid_out_straight():
    places = place(6, [(i, i + 1) for i in range(5)])
    steps = np.diff(places, axis=0)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 1, rtol=0.05)
    assert np.linalg.norm(places[5] - places[0]) > 4.8
    assert abs(places[5, 0] - places[0, 0]) > 4.5


def test_nodes_keep_apart():
    generator = np.random.default_rng(2)
    edges = [(int(i), int(j)) for i, j in generator.integers(0, 25, (35, 2)) if i != j]
    places = place(25, edges)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 10 * np.eye(25)
    assert apart.min() > 0.2
    np.testing.assert_array_equal(places, place(25, edges))


def test_a_star_has_distinct_leaves():
    places = place(9, [(0, i) for i in range(1, 9)])
    apart = np.linalg.norm(places[1:, None] - places[None, 1:], axis=-1) + 10 * np.eye(8)
    assert apart.min() > 0.4
