r"""Adaptive tau-leaping that is implicit across fast equilibria, for stiff networks.

As 'tau', but a second leap length is found that leaves out reversible pairs in equilibrium: those whose propensities differ
by no more than 5 % or than three standard deviations of their thermal fluctuation.  Where it is more than 100 times
the explicit one, the leap is trapezoidal:

.. math:: n' = n + \sum_j S_j K_j, \qquad K_j = P_j(a_j(n)\,\tau) + \tfrac{\tau}{2}\,\big(a_j(n') - a_j(n)\big)

solved by Newton's method with the symbolic Jacobian of :math:`S a`.  The correction of every reaction is rounded to a
whole number of firings, so numbers of molecules remain integers and conservation laws hold.

The trapezoidal rule keeps the stationary variance of linear fast reactions whatever the step is, where the backward rule
shrinks it by :math:`1 + \lambda\tau/2`; but from another variance it converges slowly.  So the last three relaxation times
before every output are simulated by explicit leaps and exact events, and the fluctuations of fast species are those of
the network again.  In between, slow reactions depend on the mean of the fast species and not on all of their fluctuations; the
error of a mean is of the order of one molecule of the fast species.  Many output times make the method slow.

Pairs that change a species in the condition of ``until`` are not leapt across.

Of a dataset, ``implicit_leaps`` counts the leaps across equilibria, which are among ``leaps``.

Everything else is as in 'tau': leaps are explicit where that is not slower, exact events take over at small numbers, and
numbers never become negative.
"""

from __future__ import annotations

from symdyn.methods.leaping import LeapScheme, refuse_all_but_networks
from symdyn.methods.options import LeapingOptions
from symdyn.methods.registry import METHODS

__all__ = ["TAU_IMPLICIT", "TauImplicit"]


class TauImplicit(LeapingOptions):
    """Adaptive tau-leaping that is implicit across fast equilibria.

    Parameters
    ----------
    epsilon : float
        The largest relative change of a propensity that is expected in a leap, dimensionless.
    max_steps : int, optional
        Leaps and exact events allowed to each trajectory; a thousand million by default.

    Raises
    ------
    DeclarationError
        If ``max_steps`` is no positive whole number or ``epsilon`` is not positive.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 1000")
    >>> data = sd.simulate(decay, [0, 20], method=sd.methods.TauImplicit(epsilon=0.01), seed=1, progress=False)
    >>> float(data.X.sel(time=20))
    0.0
    """

    method = "tau-implicit"


TAU_IMPLICIT = METHODS.register(
    "tau-implicit",
    LeapScheme(
        name="tau-implicit",
        reference="Cao, Gillespie & Petzold, J. Chem. Phys. 126 (2007) 224101; "
        "trapezoidal leaps: Cao & Petzold, Proc. Found. Syst. Biol. Eng. (2005) 149",
        implicit=True,
        applies=refuse_all_but_networks,
        options=TauImplicit,
    ),
)
