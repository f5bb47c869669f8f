r"""The direct method: exact simulation of a reaction network, event by event.

In the state n the next reaction comes after a time :math:`\tau = -\ln u_0 / a(n)`, :math:`a = \sum_r a_r`, and is the first
one r with :math:`u_1 a < a_1 + \cdots + a_r`.  Rates that depend on time are exact too, by thinning: candidates come at the
rate of a bound :math:`B \ge a(n, s)` that holds for :math:`s \in [t, t + L]`, and one at the time s is accepted with the
probability :math:`a(n, s)/B`.

Of a dataset, ``steps`` counts events, ``rejected`` what turned out to be none (candidates of thinning, and moments at which
time alone changes a condition), and ``evaluations`` both together.
"""

from __future__ import annotations

from symdyn.methods._jump import JumpScheme, refuse_all_but_networks
from symdyn.methods._registry import METHODS

__all__ = ["SSA"]

SSA = METHODS.register(
    "ssa",
    JumpScheme(
        name="ssa",
        reference="Gillespie, J. Phys. Chem. 81 (1977) 2340; thinning: Lewis & Shedler, Nav. Res. Logist. Q. 26 (1979) 403",
        applies=refuse_all_but_networks,
    ),
)
