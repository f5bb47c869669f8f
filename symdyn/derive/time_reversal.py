r"""Reversal of a diffusion in time, and the flow of ordinary differential equations with the same marginals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import derivative, expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.ode import ODESystem
from symdyn.models.sde import SDESystem
from symdyn.text.mixtures import NOISE_LEVEL, nonlinear

__all__ = ["fokker_planck_residual", "probability_flow", "reverse_time"]


def reverse_time(system: SDESystem, score: Any, *, horizon: Any = None, noise: Any = 1) -> SDESystem | ODESystem:
    r"""The process that runs backwards from a time T, in :math:`\tau = T - t`.

    .. math:: \mathrm dx = -\Big[f - \nabla\!\cdot\! D - \tfrac{1 + \ell^2}{2} D\, s\Big] \mathrm d\tau + \ell\, G\, \mathrm dW,
              \qquad D = G G^T

    with the score :math:`s = \nabla \log p_t`.  For every :math:`\ell` it has the marginals of the forward process.

    Parameters
    ----------
    system : SDESystem
    score : density with a ``score``, mapping or sequence of Expr, Expr
        :math:`s_i(x, t)` of each state: what ``system.marginal(density)`` gives, or expressions, which may be unknown terms.
    horizon : Expr or number
        T, in the unit of time.
    noise : Expr or number
        :math:`\ell`, dimensionless: 1 reverses the process itself, 0 gives its probability flow.

    Returns
    -------
    SDESystem
        With the time :math:`\tau`; an `ODESystem` if `noise` is 0.

    Raises
    ------
    DeclarationError
        If a score lacks states, or `horizon` is missing or depends on states or time; for systems with events and inputs.

    References
    ----------
    Anderson, Stochastic Processes and their Applications 12 (1982) 313; Song et al., ICLR 2021 (arXiv:2011.13456), eq. 6.

    Examples
    --------
    Reversed in time, a stationary Ornstein-Uhlenbeck process is itself:

    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> print(sd.SDESystem({x: -x}, {x: sp.sqrt(2)}).reverse_time({x: -x}, horizon=1))
    dx = -x*dt + sqrt(2)*dW
    """
    if horizon is None:
        raise DeclarationError("reverse_time needs horizon=, the time from which the process runs backwards")
    _refuse_others(system)
    ito, ell, end = system.ito(), expression(noise), expression(horizon)
    for name, value in (("horizon", end), ("noise", ell)):
        if value.free_symbols & {*system.states, *((system.time,) if name == "horizon" else ())}:
            raise DeclarationError(f"{name} is {value}; expected a number or an expression of parameters")
    d, s = _covariance(ito), read_score(ito, score)
    swap = {ito.time: end - ito.time}
    drift = []
    for i in range(len(ito.states)):
        flux = sp.Add(*(d[i, j] * s[j] for j in range(len(s))))
        drift.append(-ito.drift[i] + _divergence(d, i, ito.states) + (1 + ell**2) / 2 * flux)
    turned = dag.replacing(swap, distributed=True)
    rows = dict(zip(ito.states, map(turned, drift), strict=True))
    observables = {o: turned(e) for o, e in ito.observables.items()}
    options: dict[str, Any] = {"parameters": _defaults(ito, (*rows.values(), *observables.values(), ell)), "time": ito.time,
                               "observables": observables,
                               "provenance": (*ito.provenance, f"reversed in time from {end}")}  # fmt: skip
    if ell == 0:
        return ODESystem(rows, **options)
    diffusion = (ell * ito.diffusion).xreplace(swap)
    return SDESystem(rows, diffusion, **options)


def probability_flow(system: SDESystem, score: Any, *, horizon: Any = None) -> ODESystem:
    r"""The ordinary differential equations whose flow has the marginals of a diffusion.

    .. math:: \dot x = f - \tfrac12 \nabla\!\cdot\! D - \tfrac12 D\, s, \qquad D = G G^T

    From the marginal of a linear process with noise of its own for each state the rate of change is written
    :math:`a(t)\, x + c(t) + g^2/(2\sigma)\; \texttt{nonlinear}(-\sigma s)`, and :math:`\sigma(t)` is the observable
    ``noise_level``: with these the samplers of ``symdyn.METHODS`` know the prediction of noise and the signal-to-noise ratio.

    Parameters
    ----------
    system : SDESystem
    score : density with a ``score``, mapping or sequence of Expr, Expr
        As of `reverse_time`.
    horizon : Expr or number, optional
        If it is given, the flow runs in :math:`\tau = T - t`; else in t, and at decreasing times it goes from noise to data.

    Returns
    -------
    ODESystem

    Raises
    ------
    DeclarationError
        If a score lacks states; for systems with events and inputs.

    References
    ----------
    Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021, eq. 13.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> vp = sd.SDESystem({x: -x / 2}, {x: 1})
    >>> print(vp.probability_flow({x: -x / 4}))
    x' = -3*x/8
    """
    _refuse_others(system)
    ito = system.ito()
    d, n = _covariance(ito), len(ito.states)
    noise: Any = getattr(score, "noise", None)  # which takes long in many dimensions, as does the score
    known = getattr(score, "sigma", None) is not None and noise is not None
    own = all(i == j or d[i, j] == 0 for i in range(n) for j in range(n))
    timed = own and not d.free_symbols & set(ito.states)
    observables = dict(ito.observables)
    if known and timed and len(set(score.sigmas)) == 1:
        predicted = read_score(ito, noise)
        rows = {x: ito.drift[i] + d[i, i] / (2 * score.sigma) * nonlinear(predicted[i]) for i, x in enumerate(ito.states)}
        observables = {o: e for o, e in observables.items() if o.name != NOISE_LEVEL} | {NOISE_LEVEL: score.sigma}
    else:
        s = read_score(ito, score)
        rows = {
            x: ito.drift[i] - _divergence(d, i, ito.states) / 2 - sp.Add(*(d[i, j] * s[j] for j in range(n))) / 2
            for i, x in enumerate(ito.states)
        }
    if horizon is not None:
        turned = dag.replacing({ito.time: expression(horizon) - ito.time}, distributed=True)
        rows = {x: -turned(f) for x, f in rows.items()}
        observables = {o: turned(e) for o, e in observables.items()}
    return ODESystem(
        rows, _defaults(ito, (*rows.values(), *observables.values())), observables=observables, time=ito.time,
        provenance=(*ito.provenance, "probability flow"),
    )  # fmt: skip


def fokker_planck_residual(system: SDESystem | ODESystem, density: Any) -> sp.Expr:
    r""":math:`\partial_t p + \nabla\!\cdot\!(f p) - \tfrac12 \sum_{ij} \partial_i \partial_j (D_{ij} p)`, divided by p.

    It is zero if p is the density of the process at all times; of ordinary differential equations D is 0.

    Parameters
    ----------
    system : SDESystem or ODESystem
    density : object with a ``log_density``, or Expr
        :math:`p(x, t)` where it is an expression.

    Returns
    -------
    Expr
        Not simplified.

    Raises
    ------
    DeclarationError
        For anything that is no density.

    References
    ----------
    Risken, The Fokker-Planck Equation (2nd ed., 1989), eq. 4.94a.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> sp.simplify(fokker_planck_residual(sd.SDESystem({x: -x}, {x: sp.sqrt(2)}), sp.exp(-x**2 / 2)))
    0
    """
    log_p = getattr(density, "log_density", None)
    log_p = sp.log(expression(density)) if log_p is None else log_p
    x, t = system.states, system.time
    s = [derivative(log_p, q) for q in x]
    drift, d = tuple(f.replace(nonlinear, lambda inside: inside) for f in system.part("drift")), None
    if system.noises:
        ito = system.ito()  # type: ignore[union-attr]
        drift, d = ito.drift, _covariance(ito)
    total = derivative(log_p, t) + sp.Add(*(derivative(f, q) + f * k for f, q, k in zip(drift, x, s, strict=True)))
    if d is None:
        return total
    for i, a in enumerate(x):
        for j, b in enumerate(x):
            if d[i, j] != 0:
                e, da, db = d[i, j], derivative(d[i, j], a), derivative(d[i, j], b)
                total -= (derivative(da, b) + da * s[j] + db * s[i] + e * (derivative(s[i], b) + s[i] * s[j])) / 2
    return total


def read_score(system: Any, score: Any) -> list[sp.Expr]:
    """The score of each state, from a density or from expressions."""
    given = getattr(score, "score", score)
    states = system.states
    if isinstance(given, Mapping):
        found = {lookup(k, states, "state"): expression(v) for k, v in given.items()}
        if missing := [x for x in states if x not in found]:
            raise DeclarationError(f"the score lacks the state {missing[0]}; expected an expression for each of {list(states)}")
        return [found[x] for x in states]
    listed = list(given) if isinstance(given, Sequence | sp.MatrixBase) and not isinstance(given, str) else [given]
    if len(listed) != len(states):
        raise DeclarationError(f"the score has {len(listed)} entries; expected {len(states)}, one for each of {list(states)}")
    return [expression(e) for e in listed]


def _refuse_others(system: SDESystem) -> None:
    if reason := system.unmet(["drift"], ["diffusion"]):
        raise DeclarationError(f"a reversal or flow: {reason}")


def _covariance(ito: Any) -> sp.Matrix:
    """G G^T."""
    return ito.diffusion * ito.diffusion.T


def _divergence(d: sp.Matrix, i: int, states: Sequence[sp.Symbol]) -> sp.Expr:
    return sp.Add(*(derivative(d[i, j], x) for j, x in enumerate(states)))


def _defaults(system: Any, expressions: Sequence[sp.Expr]) -> dict[Any, Any]:
    """The default values of the parameters that are left."""
    used = set().union(*(e.free_symbols for e in expressions))
    return {p: v for p, v in system.defaults.items() if p in used}
