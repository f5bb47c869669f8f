"""Structure of reaction networks: conservation laws, complexes and deficiency, composition, drawings and tables.

>>> import symdyn as sd
>>> sd.networks.deficiency(sd.ReactionNetwork.from_text("A <-> B, 1, 2"))
0

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.networks.complexes import Structure, deficiency, structure
    from symdyn.networks.composition import compose, renamed, with_reactions
    from symdyn.networks.conservation import ConservationLaw, conservation_laws, eliminate
    from symdyn.networks.display import network_html, reactions_html, stoichiometry_html, stoichiometry_latex
    from symdyn.networks.graph import draw

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "complexes": ("Structure", "deficiency", "structure"),
        "composition": ("compose", "renamed", "with_reactions"),
        "conservation": ("ConservationLaw", "conservation_laws", "eliminate"),
        "display": ("network_html", "reactions_html", "stoichiometry_html", "stoichiometry_latex"),
        "graph": ("draw",),
    },
)
