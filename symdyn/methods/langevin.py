r"""The chemical Langevin equation of a network, by Euler-Maruyama with limited extents, which keep numbers at zero or above.

.. math:: n' = n + \sum_j S_j \varphi_j \xi_j, \qquad \xi_j = a_j^+ h + \sqrt{a_j^+}\,\Delta W_j, \qquad
    a_j^+ = \max(a_j(n, t), 0)

Each reaction has a Wiener process of its own; a burst with the mean b and the variance v adds b to :math:`S_{ij}`, and has an
extent :math:`\sqrt{v\,a_j^+}\,\Delta W` of its own.  Extents may be negative.  With what they take of species i,
:math:`L_i = \sum_j (S_{ij} \xi_j)^-`,

.. math:: \varphi_j = \min_{i:\, S_{ij} \xi_j < 0} \min(1, n_i / L_i)

limits them to what there is, so that :math:`n' \ge 0`.  Whatever the reactions conserve is conserved, as the change is a
combination of the columns of S.

The equation holds for large numbers, where many firings happen before propensities change.  It is not defined where
molecules run out, so positivity is enforced, by two changes to the textbook scheme: propensities that come out negative
(:math:`n (n - 1)` between 0 and 1) count as 0, and extents are limited.  Near zero this changes means where molecules enter
and leave; extinction and other rare events are not those of the jump process.  Away from zero no extent is limited, and
means and variances converge with order 1 in ``step``, by default a thousandth of the time from the first to the last output.
Events are evaluated after every step, and act there; steps end at the times of schedules and delays.  A trajectory in which an
event leaves a negative number fails.

For the equation without these changes, and other schemes for it, simulate ``network.langevin()``.

A condition of ``until`` is evaluated at the first time and after every step, so ``first_passage`` is delayed, by the order of
``sqrt(step)`` where it is due to noise.  ``steps`` counts all steps, including those after the first passage.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.leaping import DiffusionScheme, refuse_all_but_networks
from symdyn.methods.options import FixedStepOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols
from symdyn.models.reactions import ReactionNetwork

__all__ = ["LANGEVIN", "Langevin"]


def noises(network: ReactionNetwork) -> int:
    """One for each reaction and each burst."""
    return len(network.reactions) + sum(len(r.bursts or {}) for r in network.reactions)


def extents(network: ReactionNetwork, symbols: StepSymbols) -> list[tuple[dict[sp.Symbol, sp.Expr], sp.Expr]]:
    """What each extent changes, by species, and the extent in one step, before it is limited."""
    found: list[tuple[dict[sp.Symbol, sp.Expr], sp.Expr]] = []
    dW = iter(symbols.dW)
    of_reactions = [next(dW) for _ in network.reactions]
    for reaction, a, dw in zip(network.reactions, network.propensities, of_reactions, strict=True):
        propensity = a if a.is_nonnegative else sp.Max(a, 0)
        root = sp.sqrt(propensity)
        change: dict[sp.Symbol, sp.Expr] = {s: sp.Integer(d) for s, d in reaction.change.items()}
        for s, burst in (reaction.bursts or {}).items():
            change[s] = change.get(s, sp.S.Zero) + burst.mean
            variance = sp.expand(burst.moment(2) - burst.mean**2)
            found.append(({s: sp.S.One}, sp.sqrt(variance) * root * next(dW)))
        # a product, where a sum of two would be contracted with what it is added to by some compilers, and not by others
        found.append((change, root * (root * symbols.h + dw)))
    return found


class Langevin(FixedStepOptions):
    """The chemical Langevin equation, with extents that keep numbers at zero or above.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 1000")
    >>> data = sd.simulate(decay, [0, 20], method=sd.methods.Langevin(brownian_step=0.01), step=0.02, seed=1, progress=False)
    >>> float(data.X.sel(time=20)) < 1
    True
    """

    method = "langevin"


LANGEVIN = METHODS.register(
    "langevin",
    DiffusionScheme(
        name="langevin",
        reference="D. T. Gillespie, J. Chem. Phys. 113 (2000) 297, eq. 23; Euler-Maruyama: Kloeden & Platen (1992), eq. 10.2.4",
        noises=noises,
        extents=extents,
        applies=refuse_all_but_networks,
        options=Langevin,
    ),
)
