r"""Hybrid simulation: abundant and frequent reactions flow by rate equations, all others jump at random times.

At every moment the reactions are divided into flowing ones F and jumping ones D.  Numbers of molecules follow

.. math:: \dot n = \sum_{j \in F} S_j\, a_j(n, t), \qquad \dot H = \sum_{j \in D} a_j(n, t)

and where H reaches an exponential number with mean 1, a reaction of D fires, j with a probability in proportion to
:math:`a_j`; then H starts at 0 again.  Given the flow, times and kinds of jumps are exact, also while n moves between them
and with rates that depend on time (up to the tolerances ``rtol`` and ``atol`` of the integration).

The noise of flowing reactions is neglected, and species that flow take real instead of integer values.  Reaction j
flows where the error is small: every species it changes has at least
:math:`\langle S_{ij}^2 \rangle / (|\langle S_{ij} \rangle| \epsilon^2)` molecules (1111 for single molecules and ``epsilon`` =
0.03), so that the neglected fluctuations are about a part epsilon of the number or less, and at its present propensity it fires
at least :math:`\epsilon^{-2}` times between the first and the last output.  Below half of that it jumps again.  Reactions that
change no abundant species always jump: the switching of a gene is exact, its abundant protein flows.  In linear networks the
variance of a species lacks the contribution of its flowing reactions, which is about its mean.

The extents of the flowing reactions are integrated, not the species, so conservation laws hold.  Where a reaction jumps
again, its extent is rounded to a whole number of firings, up or down at random with the right mean; species that no
flowing reaction changes are integers at all times.

The flow is integrated by an explicit pair of orders 3 and 2, so abundant species with very fast reactions are slow to
simulate; 'tau-implicit' is made for those.  With rates that depend on time there are at least 1000 steps between the first
and the last output: a pulse shorter than one may be missed.

A condition of ``until`` is evaluated at the first time, after every jump and after every step of the flow.  Where it is true
after a step, its first instant within the step is located to the accuracy of the flow; a condition that is true only within a
step is missed.  Where time occurs in it, steps are no longer than a thousandth of the time from the first to the last output.

Steps end at the known times of events and at knots of inputs; conditions of events are located as that of ``until`` is.  An
event may set a species that flows to a fraction, which is rounded, as extents are, once nothing that flows changes the species;
of other species a fraction of a molecule is a failure.

Of a dataset, ``jumps`` counts the events of jumping reactions, ``switches`` how often a reaction began to flow or to jump,
``steps`` steps of the flow and jumps, ``rejected`` steps of the flow whose error was too large, and ``evaluations`` those of
all propensities.
"""

from __future__ import annotations

from symdyn.methods.leaping import HybridScheme, refuse_all_but_networks
from symdyn.methods.options import LeapingOptions
from symdyn.methods.registry import METHODS

__all__ = ["HYBRID", "Hybrid"]


class Hybrid(LeapingOptions):
    """Hybrid simulation: frequent reactions flow, the others jump.

    Parameters
    ----------
    epsilon : float
        Relative fluctuations below which reactions flow, dimensionless.
    max_steps : int, optional
        Steps of the flow and jumps allowed to each trajectory; a thousand million by default.

    Raises
    ------
    DeclarationError
        If ``max_steps`` is no positive whole number or ``epsilon`` is not positive.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 1000")
    >>> data = sd.simulate(decay, [0, 20], method=sd.methods.Hybrid(epsilon=0.01), seed=1, progress=False)
    >>> float(data.X.sel(time=20))
    0.0
    """

    method = "hybrid"


HYBRID = METHODS.register(
    "hybrid",
    HybridScheme(
        name="hybrid",
        reference="Alfonsi, Cances, Turinici, Di Ventura & Huisinga, ESAIM: Proc. 14 (2005) 1; "
        "M. H. A. Davis, J. R. Stat. Soc. B 46 (1984) 353",
        applies=refuse_all_but_networks,
        options=Hybrid,
    ),
)
