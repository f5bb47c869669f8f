r"""Linear mapping approximation: gene binding reactions become linear, with a rate constant that the moments set.

:math:`G + n P \to G^*` with propensity :math:`a = s\, g\, p (p - 1) \cdots` becomes :math:`G \to G^*` with the rate constant
:math:`\bar s = \langle a \rangle / \langle g \rangle`: the gene alone changes, also in a reaction that is the exact reverse.
The moments of the linear network close by themselves; the order must reach the degree of the binding reaction.
It divides by the means of genes, which must be positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from symdyn.derive._polynomials import degree, expression_of, polynomial
from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.derive.kramers_moyal import Channel
from symdyn.errors import DeclarationError
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, times


def express(index: Index, moments: Moments) -> sp.Expr:
    """Not used, since a linear network is closed."""
    raise DeclarationError(f"the linear mapping leaves the moment of index {index} open; its rates are not linear")


def linearise(channels: Sequence[Channel], moments: Moments, species: Sequence[sp.Symbol]) -> list[Channel]:
    """The linear network.

    Raises
    ------
    DeclarationError
        If a nonlinear reaction is no binding to one binary species, or the order is below its degree.
    """
    mapped: dict[int, Channel] = {}
    for r, channel in enumerate(channels):
        found = polynomial(channel.rate, species)
        if found is not None and degree(found) < 2:
            continue
        genes = [k for k in moments.binary if found and all(e[k] == 1 for e in found)]
        if found is None or len(genes) != 1:
            raise DeclarationError(
                f"the linear mapping needs every nonlinear rate to be a polynomial times one binary species, got {channel.rate}"
                "; declare genes with binary=(...), or use another closure"
            )
        if degree(found) > moments.order:
            raise DeclarationError(
                f"the linear mapping of {channel.rate} needs moments of order {degree(found)}; got order {moments.order}"
            )
        gene = genes[0]
        mean_rate = sp.Add(*(times(1, expression_of(c), moments.raw(e)) for e, c in found.items()))
        rate = times(1, mean_rate, 1 / moments.mean(gene)) * species[gene]
        mapped[r] = Channel(rate, _genes_alone(channel, moments))
    reverse = [{k: -d for k, d in channels[r].change.items()} for r in mapped]
    return [
        mapped[r] if r in mapped else replace(c, change=_genes_alone(c, moments)) if dict(c.change) in reverse else c
        for r, c in enumerate(channels)
    ]


def _genes_alone(channel: Channel, moments: Moments) -> dict[int, int]:
    return {k: d for k, d in channel.change.items() if k in moments.binary}


CLOSURES.register(
    "linear-mapping",
    Closure(
        "linear-mapping",
        express,
        definition="gene binding reactions become linear, with rate constants set by the moments",
        reference="Cao, Grima, Nat. Commun. 9, 3305 (2018)",
        aliases=("lma", "linear-mapping-approximation"),
        positive_means=True,
        needs_binary=True,
        linearise=linearise,
    ),
)
