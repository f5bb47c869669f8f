r"""Adaptive explicit tau-leaping: many events at once while propensities hardly change.

A leap of length :math:`\tau` fires reaction j a Poisson number of times; bursts are summed over the firings.  It is made in
two halves by the weak trapezoidal rule, which is of second order in :math:`\tau` for means and variances:

.. math:: n^* = n + \sum_j S_j\, P_j\big(\tfrac{\tau}{2} a_j(n)\big), \qquad
          n' = n^* + \sum_j S_j\, P'_j\big(\tfrac{\tau}{2} \max(0, 2 a_j(n^*) - a_j(n))\big)

The length is the longest for which mean and standard deviation of the relative change of every propensity stay below
``epsilon`` (0.03 by default):

.. math:: \tau = \min_i \left\{ \frac{\max(\epsilon n_i/g_i, 1)}{|\mu_i|}, \frac{\max(\epsilon n_i/g_i, 1)^2}{\sigma_i^2},
          \frac{\min(10 \epsilon, 1/2)\,n_i}{\lambda_i} \right\}, \qquad \mu_i = \sum_j S_{ij} a_j, \quad
          \sigma_i^2 = \sum_j \langle S_{ij}^2 \rangle a_j

with :math:`g_i = \max_j \sum_k |n_k\,\partial a_j/\partial n_k| / a_j` over the reactions whose propensity holds species i, at
least 1.  For mass action this is the highest order of reaction with the corrections of Cao, Gillespie & Petzold (2006)
for several molecules of a kind, generalised to smooth propensities.  The last bound, with
:math:`\lambda_i = \sum_j |S_{ij}| \sum_k |n_k\,\partial a_j/\partial n_k|` over the reactions that change species i and
depend on it, keeps leaps below a relaxation time: without it they are unstable at large numbers in equilibrium, where
changes are small on average however long the leap is.  At 0.3 relaxation times the stationary variance of immigration
and death comes out 0.5 % too large, at 0.5 it is 2.6 %.

- Reactions that fewer than 10 firings can exhaust are critical: in total they fire at most once in a leap, at a time that
  is exact as far as their propensities are constant over the leap.
- A leap that would make a number negative is discarded and drawn anew over half the time, so numbers never become
  negative.
- Where a leap would be shorter than 10 mean waiting times, 100 exact events take its place: small numbers are
  simulated exactly.
- Leaps end at output times.
- With rates that depend on time, leaps do not reach across pieces of time in which a propensity changes by more than a part
  ``epsilon``, and take rates at their middle; events are exact by thinning with a bound from such a piece.  There are at
  least 1000 pieces from the first to the last output: a pulse shorter than half of one may be missed.

Means and variances are biased by a few parts in a thousand at the default; the bias falls with ``epsilon``.

A condition of ``until`` is evaluated at the first time, after every leap and after every exact event, not within leaps.  The
species in it shorten leaps as propensities do, ten times as much: in a leap their relative change stays below ``epsilon``/10
(3333 molecules change by 10, fewer by exact events), and where time occurs in it, leaps are no longer than a thousandth of the
time from the first to the last output.  ``first_passage`` is delayed by up to a leap, and a condition that is true only within
a leap is missed: where fluctuations alone lead to a rare passage, or a small difference of large numbers decides, use 'ssa' or
a smaller ``epsilon``.

Events act between leaps.  Leaps end at knots of inputs, and at the known times of doses and of conditions on time alone, which
are exact; conditions on species are looked at as `until` is, after leaps and exact events, and their species shorten leaps
likewise.

Of a dataset, ``leaps`` and ``exact_events`` count those, ``steps`` is their sum, ``rejected`` counts the leaps that were
discarded, and ``evaluations`` those of all propensities.
"""

from __future__ import annotations

from symdyn.methods.leaping import LeapScheme, refuse_all_but_networks
from symdyn.methods.options import LeapingOptions
from symdyn.methods.registry import METHODS

__all__ = ["TAU", "Tau"]


class Tau(LeapingOptions):
    """Adaptive explicit tau-leaping.

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
    >>> data = sd.simulate(decay, [0, 20], method=sd.methods.Tau(epsilon=0.01), seed=1, progress=False)
    >>> float(data.X.sel(time=20))
    0.0
    """

    method = "tau"


TAU = METHODS.register(
    "tau",
    LeapScheme(
        name="tau",
        reference="Cao, Gillespie & Petzold, J. Chem. Phys. 124 (2006) 044109; critical reactions: ibid. 123 (2005) 054104; "
        "weak trapezoidal rule: Anderson & Koyama, Multiscale Model. Simul. 10 (2012) 1493",
        implicit=False,
        applies=refuse_all_but_networks,
        options=Tau,
    ),
)
