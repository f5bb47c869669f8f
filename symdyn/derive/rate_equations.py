"""Rate equations: the deterministic limit of a reaction network."""

from __future__ import annotations

import sympy as sp

from symdyn.derive.jumps import mean_jumps, refuse_delays
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork

__all__ = ["rate_equations"]


def rate_equations(network: ReactionNetwork, *, concentrations: bool = False) -> ODESystem:
    r"""The rate equations of a network, which are the limit of large volumes.

    .. math:: \dot n_i = \sum_r S_{ir}\, a_r^{(0)}(n), \qquad a_r^{(0)} = k_r V^{1-s} \prod_j n_j^{s_{jr}}

    Parameters
    ----------
    network : ReactionNetwork
    concentrations : bool
        In concentrations :math:`\phi = n/V`, named as the species, instead of molecule numbers.  Initial numbers and
        observables are converted; initial values are left out if the volume is a symbol without a value.

    Returns
    -------
    ODESystem
        With the parameter values, initial values, observables and events of the network.

    Raises
    ------
    DeclarationError
        If the network has delayed reactions.

    References
    ----------
    Kurtz, J. Appl. Probab. 7, 49 (1970).

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k1; 2 X -> 0, k2", volume="V")
    >>> print(rate_equations(net))
    X' = V*k1 - 2*X**2*k2/V
    >>> print(rate_equations(net, concentrations=True))
    X' = -2*X**2*k2 + k1
    """
    refuse_delays(network, "an ODESystem")
    rows: dict[sp.Symbol, list[sp.Expr]] = {s: [] for s in network.states}
    for reaction, rate in zip(network.reactions, network.macroscopic, strict=True):
        for species, jump in mean_jumps(reaction).items():
            rows[species].append(jump * rate)
    drift = {s: sp.Add(*terms) for s, terms in rows.items()}
    observables, initial, events = dict(network.observables), dict(network.initial), network.events
    line = "rate equations in molecule numbers"
    if concentrations:
        volume = network.volume
        scaled = {s: volume * s for s in network.states}
        drift = {s: sp.Add(*(t.xreplace(scaled) / volume for t in terms)) for s, terms in rows.items()}
        observables = {k: e.xreplace(scaled) for k, e in observables.items()}
        events = tuple(e.mapped(lambda side: side.xreplace(scaled)).scaled(1 / volume) for e in events)
        size = network.defaults.get(volume) if volume.is_Symbol else float(volume)
        initial = {} if size is None else {
            s: _without(n.xreplace(scaled) / volume, volume) if isinstance(n, sp.Expr) else n / size
            for s, n in initial.items()
        }  # fmt: skip
        line = "rate equations in concentrations"
        if size is None and network.initial:
            line += f" (initial values left out: the volume {volume} has no value)"
    system = ODESystem(
        drift,
        observables=observables,
        initial=initial,
        events=events,
        time=network.time,
        provenance=(*network.provenance, line),
    )
    return system.with_parameters({p: v for p, v in network.numeric_defaults.items() if p in system.parameters})


def _without(e: sp.Expr, volume: sp.Expr) -> sp.Expr:
    """`e` with the volume cancelled in quotients, as in ``V*X/(V*K + V*X)``."""
    if not volume.is_Symbol or volume not in e.free_symbols:
        return e
    terms = [sp.cancel(t) if volume in t.free_symbols and t.is_rational_function(volume) else t for t in sp.Add.make_args(e)]
    return sp.Add(*terms)
