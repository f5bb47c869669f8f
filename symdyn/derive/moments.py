"""Moment equations of reaction networks and stochastic differential equations, closed."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from symdyn import dag
from symdyn.derive.closing import MomentNames, close_moments, missing_moments
from symdyn.derive.closures import Closure, find_closure
from symdyn.derive.hierarchy import Hierarchy
from symdyn.derive.jumps import refuse_events
from symdyn.derive.kramers_moyal import Channel, JumpMoments, channels_of, jump_moments
from symdyn.errors import DeclarationError
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import indices, moment_symbol
from symdyn.models.moments import MomentSystem
from symdyn.system import System

__all__ = ["cumulants", "moments"]


def moments(
    system: System,
    order: int,
    closure: Any = "normal",
    *,
    central: bool = False,
    taylor_order: int | None = None,
) -> MomentSystem:
    r"""Equations of the moments up to an order, closed.

    Raw moments :math:`\mu_i = \langle n^i \rangle` by

    .. math:: \dot\mu_i = \sum_r \sum_{0 \le j < i} \binom{i}{j} \langle S_r^{i-j} \rangle \langle n^j a_r(n) \rangle,

    or means and central moments.  For stochastic differential equations (Stratonovich equations are converted to Itô form)
    :math:`\frac{\mathrm d}{\mathrm dt} \langle h \rangle = \langle f \cdot \nabla h \rangle
    + \frac12 \langle \operatorname{tr} G G^T \nabla\nabla h \rangle`.
    Powers of binary species are reduced before anything is closed.

    Parameters
    ----------
    system : ReactionNetwork, SDESystem or another system with a drift
        Without noise, only the initial values are random.
    order : int
        Highest order of the moments that are retained.
    closure : str, callable, Closure or None
        A name in ``symdyn.CLOSURES``; a function ``closure(index, moments)`` that expresses a raw moment (or the kind that
        its attribute ``kind`` names) by lower ones; or None, if no moment needs closing.
    central : bool
        Means and central moments instead of raw moments.
    taylor_order : int, optional
        Highest order of central moments in the expansion of rates about the mean.  Polynomials are exact without it.

    Returns
    -------
    MomentSystem
        Only moments that occur in the equations are closed; linear networks need no closure.

    Raises
    ------
    DeclarationError
        If a rate is not polynomial and `taylor_order` is missing, if moments are left open, if a closure for binary species
        finds none, or the system is of another kind.

    References
    ----------
    Schnoerr, Sanguinetti, Grima, J. Phys. A 50, 093001 (2017), section 4; Ale, Kirk, Stumpf, J. Chem. Phys. 138, 174101
    (2013) for the expansion about the mean.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c")
    >>> print(moments(net, 2))
    E[X]' = 2*E[X]*c - 2*E[X^2]*c + k
    E[X^2]' = E[X]*(-4*c + 2*k) + 8*E[X^2]*c - 4*E[X^3]*c + k
    K[X^3] = 0
    """
    return _derived(system, order, closure, "central" if central else "raw", taylor_order)


def cumulants(system: System, order: int, closure: Any = "normal", *, taylor_order: int | None = None) -> MomentSystem:
    """Equations of means and cumulants up to an order, closed as those of `moments`.

    Parameters
    ----------
    system : ReactionNetwork, SDESystem or another system with a drift
        Without noise, only the initial values are random.
    order : int
        Highest order of the cumulants, from 1.
    closure : str, callable, Closure or None
        As in `moments`.
    taylor_order : int, optional
        Highest order of central moments in the expansion of rates about the mean; polynomial rates are exact without it.

    Returns
    -------
    MomentSystem
        With states ``E[X]``, ``K[X^2]``, ``K[X*Y]`` ...

    Raises
    ------
    DeclarationError
        As for `moments`.

    References
    ----------
    Schnoerr, Sanguinetti, Grima, J. Phys. A 50, 093001 (2017), section 4.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(cumulants(sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g"), 2, None))
    E[X]' = -E[X]*g + k
    K[X^2]' = E[X]*g - 2*K[X^2]*g + k
    """
    return _derived(system, order, closure, "cumulant", taylor_order)


def _derived(system: System, order: int, closure: Any, kind: str, taylor_order: int | None) -> MomentSystem:
    system = _checked(system, order, taylor_order)
    species, binary = system.states, tuple(system.states.index(g) for g in system.binary)
    rule = None if closure is None else find_closure(closure)
    if rule is not None and rule.needs_binary and not binary:
        raise DeclarationError(
            f"the {rule.name} closure speaks of binary species, and the network has none; declare genes, binary=('G',)"
        )
    everything = Moments(len(species), kind, MomentNames(species, kind), binary=binary, order=order)
    kept = [i for k in range(1, order + 1) for i in indices(len(species), k) if everything.reduce(i) == i]
    names = {moment_symbol(species, i, kind): i for i in kept}
    known = {i: s for s, i in names.items()}
    jumps = _jumps(system, order, rule, Moments(len(species), kind, known, binary=binary, order=order))
    _check_smooth(jumps, order, taylor_order)
    hierarchy = Hierarchy(species, jumps, everything, taylor_order)
    open_sides = [hierarchy.equation(i) for i in kept]
    missing = missing_moments(open_sides, everything.known, names)
    closed, relations = close_moments(missing, rule, species, Moments(len(species), kind, known, binary=binary, order=order))
    used = rule if closed or (rule is not None and rule.linearise) else None
    lines = [f"{kind} moments up to order {order}" if kind != "cumulant" else f"cumulants up to order {order}"]
    if taylor_order is not None:
        lines[0] += f", rates expanded about the mean to order {taylor_order}"
    source = f" ({used.reference})" if used is not None and used.reference else ""
    lines.append("closes by itself" if used is None else f"{used.name} closure: {used.definition}{source}")
    return MomentSystem(
        dict(zip(names, dag.replace(open_sides, closed), strict=True)),
        system.defaults,
        species=species,
        indices=names,
        known={**known, **{missing[s]: e for s, e in closed.items()}},
        kind=kind,
        order=order,
        closure=None if used is None else used.name,
        open_sides=open_sides,
        relations=relations,
        close=None if used is None else used.express,
        close_kind="raw" if used is None else used.kind,
        positive_means=used is not None and used.positive_means,
        binary=binary,
        initial=system.initial,
        time=system.time,
        provenance=(*system.provenance, *lines),
    )


def _checked(system: Any, order: Any, taylor_order: Any) -> System:
    if not isinstance(system, System) or not {"propensities", "drift"} & system.parts:
        raise DeclarationError(
            f"moments are derived from reactions, or from rates of change with noise or without; got {type(system).__name__}"
        )
    if system.algebraic:
        raise DeclarationError("moments cannot be derived: this system has rates of change and algebraic equations")
    if not isinstance(order, Integral) or isinstance(order, bool) or order < 1:
        raise DeclarationError(f"order is {order!r}; expected the highest order of the moments, a whole number >= 1")
    if taylor_order is not None and (not isinstance(taylor_order, Integral) or taylor_order <= order):
        raise DeclarationError(f"taylor_order is {taylor_order!r}; expected a whole number above the order {order}, or None")
    unknown = [u for u in system.unknowns if u.free_symbols & set(system.states)]
    if unknown:
        raise DeclarationError(
            f"{unknown[0]} is an unknown term of the states; fill it in with with_terms before taking moments"
        )
    refuse_events(system, "moment equations")
    return system.ito()


def _jumps(system: System, order: int, rule: Closure | None, known: Moments) -> JumpMoments:
    channels: list[Channel] | None = None
    if rule is not None and rule.linearise is not None:
        channels = list(rule.linearise(channels_of(system), known, system.states))
    return jump_moments(system, order, channels)


def _check_smooth(jumps: JumpMoments, order: int, taylor_order: int | None) -> None:
    rough = [str(r) for r, p in zip(jumps.rates, jumps.polynomials, strict=True) if p is None]
    if rough and taylor_order is None:
        raise DeclarationError(
            f"the rate {rough[0]} is not a polynomial in the states; pass taylor_order=q to expand it about the mean up to "
            f"central moments of order q, for example taylor_order={order + 1}"
        )
