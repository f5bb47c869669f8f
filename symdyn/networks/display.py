"""A network as tables for notebooks, in HTML and LaTeX: its reactions, its stoichiometry matrix, its structure."""

from __future__ import annotations

from html import escape

import sympy as sp

from symdyn.html import formula, methods, table
from symdyn.models.reactions import ReactionNetwork
from symdyn.networks.complexes import structure
from symdyn.networks.conservation import conservation_laws
from symdyn.system.display import values_html

__all__ = ["network_html", "reactions_html", "stoichiometry_html", "stoichiometry_latex"]

#: Number of species or reactions above which the page has no matrix and no conservation laws.
MAX_SHOWN = 40


def reactions_html(network: ReactionNetwork) -> str:
    """A table of the reactions: number, reaction, rate constant or propensity as declared, propensity in molecule numbers.

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    str
        HTML with formulas in LaTeX.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    >>> sd.networks.reactions_html(net).count("<tr>"), "$X g$" in sd.networks.reactions_html(net)
    (3, True)
    """
    rows = []
    for i, (e, a) in enumerate(zip(network.equations(), network.propensities, strict=True), start=1):
        rows.append([f"R{i}", formula(e.left_latex), formula(e.right_latex), formula(sp.latex(a))])
    return table(["", "reaction", "rate", "propensity"], rows)


def stoichiometry_html(network: ReactionNetwork) -> str:
    """A table of the mean change of each species (row) by each reaction (column).

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    str
        HTML with formulas in LaTeX.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    >>> html = sd.networks.stoichiometry_html(net)
    >>> "R2" in html, "$1$" in html, "$-1$" in html
    (True, True, True)
    """
    matrix = network.stoichiometry
    heads = ["", *(f"R{i}" for i in range(1, len(network.reactions) + 1))]
    entries = [[formula(sp.latex(v)) if v else "" for v in matrix.row(i)] for i in range(len(network.states))]
    rows = [[formula(sp.latex(s)), *row] for s, row in zip(network.states, entries, strict=True)]
    return table(heads, rows)


def stoichiometry_latex(network: ReactionNetwork) -> str:
    r"""The stoichiometry matrix with the names of its rows and columns, as a LaTeX array.

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    str
        LaTeX, for mathematics mode.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    >>> print(sd.networks.stoichiometry_latex(net))
    \begin{array}{r|rr} & R_{1} & R_{2} \\ \hline X & 1 & -1 \end{array}
    """
    matrix = network.stoichiometry
    count = matrix.shape[1]
    lines = [" & ".join(["", *(f"R_{{{i}}}" for i in range(1, count + 1))])]
    lines += [" & ".join([sp.latex(s), *map(sp.latex, matrix.row(i))]) for i, s in enumerate(network.states)]
    body = lines[0] + r" \\ \hline " + r" \\ ".join(lines[1:])
    return rf"\begin{{array}}{{r|{'r' * count}}} {body} \end{{array}}"


def network_html(network: ReactionNetwork) -> str:
    """The notebook page of a network: reactions, stoichiometry, values, conservation laws and deficiency.

    Networks of more than 40 species or reactions are shown without stoichiometry, conservation laws and deficiency.

    Parameters
    ----------
    network : ReactionNetwork

    Returns
    -------
    str
        HTML with formulas in LaTeX.

    Raises
    ------
    DeclarationError
        If a reaction has a burst, since the deficiency is one of fixed stoichiometry.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    >>> html = sd.networks.network_html(net)
    >>> "1 species, 2 reactions" in html, "deficiency 0" in html
    (True, True)
    """
    count = f"{len(network.states)} species, {len(network.reactions)} reactions"
    parts = [f"<b>ReactionNetwork</b>: {count}", reactions_html(network)]
    parts += [f"<div>{escape(str(event))}</div>" for event in network.events]
    if values := values_html(network):
        parts.append(f"<div>{', '.join(values)}</div>")
    facts = [f"volume {formula(sp.latex(network.volume))}"] if network.volume != 1 else []
    facts += ["each set of equal reactants counts once (combinatoric)"] if network.combinatoric else []
    facts += [f"binary {', '.join(formula(sp.latex(s)) for s in network.binary)}"] if network.binary else []
    if facts:
        parts.append(f"<div>{'; '.join(facts)}</div>")
    if max(len(network.states), len(network.reactions)) <= MAX_SHOWN:
        parts.append(stoichiometry_html(network))
        parts += [f"<div>conserved: {escape(str(law))}</div>" for law in conservation_laws(network)]
        if not (network.delayed_reactions or any(r.bursts for r in network.reactions)):
            parts.append(f"<div>{structure(network)}</div>")
    return "<div>" + "".join((*parts, methods(ReactionNetwork))) + "</div>"
