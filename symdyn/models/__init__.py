"""Ways to write a system down, one file per kind, and named models of the literature in `symdyn.models.zoo`.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy
from symdyn.models.registry import KINDS

if TYPE_CHECKING:
    from symdyn.models import zoo
    from symdyn.models.automaton import Automaton
    from symdyn.models.boundary import Dirichlet, Neumann, Robin
    from symdyn.models.boxes import Box, Interval, Rectangle
    from symdyn.models.branching import BranchingSystem
    from symdyn.models.colony import BulkCellSystem
    from symdyn.models.discrete import DiscreteSystem
    from symdyn.models.domains import Disk, Plane, Polygon
    from symdyn.models.events import Event, dose
    from symdyn.models.lattices import Lattice
    from symdyn.models.matrix import MatrixModel
    from symdyn.models.moments import MomentSystem
    from symdyn.models.ode import ODESystem
    from symdyn.models.operators import at, div, dot, dx, dy, dz, grad, integral, laplacian, mean, vector
    from symdyn.models.pde import PDESystem
    from symdyn.models.rate_laws import hill, hillar, hillr, mm, mmr
    from symdyn.models.reaction import Burst, Reaction
    from symdyn.models.reactions import ReactionNetwork
    from symdyn.models.sde import SDESystem

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "automaton": ("Automaton",),
        "boundary": ("Dirichlet", "Neumann", "Robin"),
        "branching": ("BranchingSystem",),
        "colony": ("BulkCellSystem",),
        "discrete": ("DiscreteSystem",),
        "boxes": ("Box", "Interval", "Rectangle"),
        "domains": ("Disk", "Plane", "Polygon"),
        "lattices": ("Lattice",),
        "events": ("Event", "dose"),
        "matrix": ("MatrixModel",),
        "moments": ("MomentSystem",),
        "ode": ("ODESystem",),
        "operators": ("at", "div", "dot", "dx", "dy", "dz", "grad", "integral", "laplacian", "mean", "vector"),
        "pde": ("PDESystem",),
        "rate_laws": ("hill", "hillar", "hillr", "mm", "mmr"),
        "reaction": ("Burst", "Reaction"),
        "reactions": ("ReactionNetwork",),
        "sde": ("SDESystem",),
        "zoo": (),
    },
)

KINDS.filled_by(__name__)
