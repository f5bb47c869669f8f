r"""The direct method: exact simulation of a reaction network, event by event.

In the state n the next reaction comes after a time :math:`\tau = -\ln u_0 / a(n)`, :math:`a = \sum_r a_r`, and is the first
one r with :math:`u_1 a < a_1 + \cdots + a_r`.  Rates that depend on time are exact too, by thinning: candidates come at the
rate of a bound :math:`B \ge a(n, s)` that holds for :math:`s \in [t, t + L]`, and one at the time s is accepted with the
probability :math:`a(n, s)/B`.

Networks of more than some 100 reactions are simulated by the rejection method, which has the same distribution: bounds
:math:`B_r \ge a_r(m)` for all m in a box about n replace the propensities, a candidate r is accepted with the probability
:math:`a_r(n)/B_r`, and bounds change only where a number of molecules leaves its box, of half a width of about its root.
Of many reactions of mass action that share a reactant, bounds without it are summed, which its changes leave as they are.

Events of the network act at the moment at which their condition becomes true: ``when t >= 1`` at 1, so that the output at 1
shows what is after it, ``when t > 1`` just after 1, so that the output at 1 shows what was before.  What they assign must be
numbers of molecules: a trajectory in which an event leaves a negative number or a fraction fails.  Halves are written
``X = floor(X/2)``.

A delayed reaction begins at its propensity and is completed when its delay has passed; in between the others go on.  Waiting
times have no memory: one that would pass the next completion ends there, and another one is drawn.

Of a dataset, ``steps`` counts events and completions, ``rejected`` attempts that were no events (candidates of thinning or
of bounds, and moments at which time alone changes a condition), and ``evaluations`` is their sum.
"""

from __future__ import annotations

from symdyn.methods.jump import JumpScheme, refuse_all_but_networks
from symdyn.methods.options import JumpOptions
from symdyn.methods.registry import METHODS

__all__ = ["SSA", "Ssa"]


class Ssa(JumpOptions):
    """The direct method, exact; the default of reaction networks.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 1000")
    >>> data = sd.simulate(decay, [0, 20], method=sd.methods.Ssa(max_steps=10_000), seed=1, progress=False)
    >>> float(data.X.sel(time=20))
    0.0
    """

    method = "ssa"


SSA = METHODS.register(
    "ssa",
    JumpScheme(
        name="ssa",
        reference="Gillespie, J. Phys. Chem. 81 (1977) 2340; thinning: Lewis & Shedler, Nav. Res. Logist. Q. 26 (1979) 403; "
        "large networks: Thanh, Priami & Zunino, J. Chem. Phys. 141 (2014) 134116; Ramaswamy, Gonzalez-Segredo & Sbalzarini, "
        "J. Chem. Phys. 130 (2009) 244104; "
        "delays: Barrio et al., PLoS Comput. Biol. 2 (2006) e117; Cai, J. Chem. Phys. 126 (2007) 124108",
        applies=refuse_all_but_networks,
        options=Ssa,
    ),
)
