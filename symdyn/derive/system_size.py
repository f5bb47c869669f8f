r"""Van Kampen's system-size expansion: means and covariances as series in the inverse volume."""

from __future__ import annotations

from itertools import combinations_with_replacement

import sympy as sp

from symdyn.derive._expansion import Index, index_of
from symdyn.derive._fluctuations import Fluctuations
from symdyn.derive.jumps import refuse_events
from symdyn.errors import DeclarationError
from symdyn.models.moments import MomentSystem
from symdyn.models.reactions import ReactionNetwork

__all__ = ["linear_noise", "system_size"]

_NAMES = ("linear noise approximation", "effective mesoscopic rate equations", "inverse omega square")


def linear_noise(network: ReactionNetwork) -> MomentSystem:
    r"""Means by the rate equations and covariances by the linear noise approximation.

    .. math:: \dot{\bar n} = S\,a^{(0)}(\bar n), \qquad \dot C = J C + C J^T + D,
              \qquad J = \frac{\partial (S a^{(0)})}{\partial \bar n}, \qquad D = S \operatorname{diag}(a^{(0)})\, S^T

    with :math:`\langle S_r S_r^T \rangle` in place of :math:`S_r S_r^T` for bursts.  It is exact for networks whose
    propensities are linear.  States are ``E[X]`` and ``M[X^2]``, ``M[X*Y]``, all in molecule numbers.

    Parameters
    ----------
    network : ReactionNetwork
        With propensities that are differentiable in the numbers, and without events.

    Returns
    -------
    MomentSystem

    Raises
    ------
    DeclarationError
        If the network has events, or a propensity is not differentiable.

    References
    ----------
    van Kampen, Stochastic Processes in Physics and Chemistry, chapter 10; Elf, Ehrenberg, Genome Res. 13, 2475 (2003).

    Examples
    --------
    >>> import symdyn as sd
    >>> print(linear_noise(sd.ReactionNetwork.from_text("0 -> X, k1; 2 X -> 0, k2", volume="V")))
    E[X]' = -2*E[X]**2*k2/V + V*k1
    M[X^2]' = 4*E[X]**2*k2/V - 8*E[X]*M[X^2]*k2/V + V*k1
    """
    return system_size(network, 0)


def system_size(network: ReactionNetwork, order: int) -> MomentSystem:
    r"""Means and covariances of a network by the system-size expansion to any order.

    With :math:`n = \bar n + \eta`, where :math:`\bar n \sim V` solves the rate equations and :math:`\eta \sim V^{1/2}`, the
    moments of :math:`\eta` are series in the inverse volume whose equations close exactly, level by level.  For
    concentrations the order p means

    =====  ==============================================  ==================================
    order  name                                            correct to, means and covariances
    =====  ==============================================  ==================================
    0      linear noise approximation (LNA)                :math:`V^0` and :math:`V^{-1}`
    1      effective mesoscopic rate equations (EMRE)      :math:`V^{-1}` and :math:`V^{-1}`
    2      inverse omega square (IOS)                      :math:`V^{-2}` and :math:`V^{-2}`
    p                                                      :math:`V^{-p}` and :math:`V^{-p}`
    =====  ==============================================  ==================================

    States are the macroscopic means ``E[X]`` and covariances ``M[X*Y]`` of the linear noise approximation, and
    ``Dk[X*Y]``, the part of :math:`\langle \eta_X \eta_Y \rangle` that is smaller than the first by :math:`V^{-k/2}`; the
    methods ``mean``, ``variance`` and ``covariance`` add the terms.  Everything is in molecule numbers.  The series is
    asymptotic: at small volumes a higher order may be worse, and near a bifurcation of the rate equations none is good.

    Parameters
    ----------
    network : ReactionNetwork
        Propensities need derivatives with respect to the numbers, as many as the order asks for; those that are not
        mass action count as of order V, with corrections where the volume occurs in them.
    order : int
        0 or more.

    Returns
    -------
    MomentSystem
        To be started from certain numbers, or from distributions that are nearly normal.

    Raises
    ------
    DeclarationError
        For another order, and for networks with events or with unknown terms of the species.

    References
    ----------
    Grima, J. Chem. Phys. 133, 035101 (2010) for order 1; Grima, Thomas, Straube, J. Chem. Phys. 135, 084103 (2011);
    Thomas, Matuschek, Grima, PLoS ONE 7, e38518 (2012) for order 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> corrected = system_size(sd.ReactionNetwork.from_text("0 -> X, k1; 2 X -> 0, k2", volume="V"), 1)
    >>> corrected.mean("X"), corrected.variance("X")
    (D1[X] + E[X], M[X^2])
    """
    if network.propensities is None:
        raise DeclarationError(f"the system-size expansion is of a ReactionNetwork, got {type(network).__name__}")
    if not isinstance(order, int) or isinstance(order, bool) or order < 0:
        raise DeclarationError(f"order is {order!r}; expected 0 (linear noise), 1, 2, or a higher whole number")
    refuse_events(network, "moment equations")
    unknown = next((u for u in network.unknowns if u.free_symbols & set(network.states)), None)
    if unknown is not None:
        raise DeclarationError(f"{unknown} is an unknown term of the species; fill it in with with_terms before expanding")
    expansion = Fluctuations(network)
    numbers = range(len(network.states))
    shifts = [[expansion.moment(((i, 1),), k) for k in range(1, 2 * order, 2)] for i in numbers]
    known: dict[tuple[int, ...], sp.Expr] = {
        _powers(((i, 1),), len(numbers)): sp.Add(expansion.means[i], *shifts[i]) for i in numbers
    }
    for i, j in combinations_with_replacement(numbers, 2):
        known[_powers(index_of((i, j)), len(numbers))] = _covariance(expansion, shifts, i, j, 2 * max(order - 1, 0))
    expansion.settle()
    places = {expansion.means[i]: _powers(((i, 1),), len(numbers)) for i in numbers}
    places |= {s: _powers(index, len(numbers)) for s, index in expansion.covariances.items()}
    name = _NAMES[order] if order < len(_NAMES) else f"system-size expansion of order {order}"
    return MomentSystem(
        expansion.equations,
        network.defaults,
        species=network.states,
        indices=places,
        known=known,
        kind="central",
        order=2,
        closure=name,
        initial=network.initial,
        observables=_observables(network, known),
        time=network.time,
        provenance=(*network.provenance, name),
    )


def _powers(index: Index, size: int) -> tuple[int, ...]:
    """Powers of all species."""
    given = dict(index)
    return tuple(given.get(i, 0) for i in range(size))


def _covariance(expansion: Fluctuations, shifts: list[list[sp.Expr]], i: int, j: int, level: int) -> sp.Expr:
    r""":math:`\langle \eta_i \eta_j \rangle - \langle \eta_i \rangle \langle \eta_j \rangle` up to a level."""
    terms = [expansion.moment(index_of((i, j)), k) for k in range(0, level + 1, 2)]
    # the shifts are of levels 1, 3, 5 ...
    odd = range(1, level, 2)
    terms += [-shifts[i][a // 2] * shifts[j][b // 2] for a in odd for b in odd if a + b <= level]
    return sp.Add(*terms)


def _observables(network: ReactionNetwork, known: dict[tuple[int, ...], sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
    """Observables of the network that are linear in the species, for the means of others are no functions of means."""
    size = len(network.states)
    means = {s: known[_powers(((i, 1),), size)] for i, s in enumerate(network.states)}
    found = {}
    for name, e in network.observables.items():
        present = [s for s in network.states if s in e.free_symbols]
        if all(not e.diff(s).free_symbols & set(present) for s in present):
            found[name] = e.xreplace(means)
    return found
