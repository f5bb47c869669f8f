r"""Adaptive explicit tau-leaping: many events at once while propensities hardly change.

A leap of length :math:`\tau` fires reaction j a number of times that is Poisson with the mean :math:`a_j(n)\,\tau`; bursts
are summed over the firings.  The length is the longest for which mean and standard deviation of the relative change of
every propensity stay below ``epsilon`` (0.03 by default):

.. math:: \tau = \min_i \left\{ \frac{\max(\epsilon n_i/g_i, 1)}{|\mu_i|}, \frac{\max(\epsilon n_i/g_i, 1)^2}{\sigma_i^2}
          \right\}, \qquad \mu_i = \sum_j S_{ij} a_j, \quad \sigma_i^2 = \sum_j \langle S_{ij}^2 \rangle a_j

with :math:`g_i = \max_j \sum_k |n_k\,\partial a_j/\partial n_k| / a_j` over the reactions whose propensity holds species i, at
least 1.  For mass action this is the highest order of reaction with the corrections of Cao, Gillespie & Petzold (2006)
for several molecules of a kind; it is what makes any smooth propensity as safe as those.

- Reactions that fewer than 10 firings can exhaust are critical: together they fire at most once in a leap, at an exact
  exponential time as long as propensities hold.
- A leap that would make a number negative is discarded and half as long drawn anew, so numbers never become negative.
- Where a leap would be shorter than 10 mean waiting times, 100 exact events take its place: small numbers are
  simulated exactly.
- Leaps end at output times.  Rates that depend on time are taken at the middle of pieces of time in which no propensity
  changes by more than a part ``epsilon``, at least 1000 pieces from the first to the last output; this holds for the
  exact events as well.

The bias of means and variances is of order ``epsilon``.  Of a dataset, ``steps`` counts leaps and exact events and
``rejected`` the leaps that were discarded.
"""

from __future__ import annotations

from symdyn.methods._jump import refuse_all_but_networks
from symdyn.methods._leaping import LeapScheme
from symdyn.methods._registry import METHODS

__all__ = ["TAU"]

TAU = METHODS.register(
    "tau",
    LeapScheme(
        name="tau",
        reference="Cao, Gillespie & Petzold, J. Chem. Phys. 124 (2006) 044109; critical reactions: ibid. 123 (2005) 054104",
        implicit=False,
        applies=refuse_all_but_networks,
    ),
)
