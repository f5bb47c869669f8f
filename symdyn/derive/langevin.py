"""The chemical Langevin equation: a reaction network as a stochastic differential equation."""

from __future__ import annotations

import sympy as sp

from symdyn.derive.jumps import burst_variances, mean_jumps, refuse_events
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem

__all__ = ["DESCRIPTION", "langevin"]

#: Line of the provenance of such a system.
DESCRIPTION = "chemical Langevin equation"


def langevin(network: ReactionNetwork) -> SDESystem:
    r"""The chemical Langevin equation (Itô) of a network, in molecule numbers.

    .. math:: \mathrm{d}n_i = \sum_r S_{ir}\, a_r(n)\,\mathrm{d}t + \sum_r S_{ir} \sqrt{a_r(n)}\,\mathrm{d}W_r

    Each reaction that changes the numbers has a Wiener process of its own.  A burst with mean b and variance v adds b to
    :math:`S_{ir}` and a further independent process :math:`\sqrt{v\,a_r}\,\mathrm{d}W`, so that drift and second
    moments of the increments, :math:`\langle S S^T \rangle a`, are those of the jumps.

    The equation is valid if many reactions fire before the propensities change appreciably, that is for large numbers.  It
    fails near the boundary: numbers may become negative (the noise of ``0 -> X`` does not vanish at X = 0,
    and :math:`n (n-1)` is negative between 0 and 1), where the square root of a propensity is not defined.
    The exponents of rare events, extinction and bistable switching differ from those of the jump process.

    Parameters
    ----------
    network : ReactionNetwork
        Without events.

    Returns
    -------
    SDESystem
        With the parameter values, initial values and observables of the network.

    Raises
    ------
    DeclarationError
        If the network has events.

    References
    ----------
    Gillespie, J. Chem. Phys. 113, 297 (2000), equation 23.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(langevin(sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")))
    dX = (-X*g + k)*dt + sqrt(k)*dW1 + -sqrt(X*g)*dW2
    """
    refuse_events(network, "a Langevin equation")
    states = network.states
    drift: dict[sp.Symbol, list[sp.Expr]] = {s: [] for s in states}
    columns: list[list[sp.Expr]] = []
    for reaction, rate in zip(network.reactions, network.propensities, strict=True):
        jumps = mean_jumps(reaction)
        for species, jump in jumps.items():
            drift[species].append(jump * rate)
        if jumps:
            columns.append([jumps.get(s, sp.S.Zero) * sp.sqrt(rate) for s in states])
        for species, variance in burst_variances(reaction).items():
            columns.append([sp.sqrt(variance * rate) if s == species else sp.S.Zero for s in states])
    if not columns:
        columns.append([sp.S.Zero] * len(states))
    system = SDESystem(
        {s: sp.Add(*terms) for s, terms in drift.items()},
        sp.Matrix(columns).T,
        observables=network.observables,
        initial=network.initial,
        time=network.time,
        provenance=(*network.provenance, DESCRIPTION),
    )
    return system.with_parameters({p: v for p, v in network.defaults.items() if p in system.parameters})
