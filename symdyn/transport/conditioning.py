r"""Processes that are conditioned: on where they end, or, by guidance, on a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.sde import SDESystem
from symdyn.transport.densities import Normal
from symdyn.transport.marginals import marginal

__all__ = ["guided", "h_transform"]


def h_transform(system: SDESystem, end: Mapping[Any, Any], *, horizon: Any) -> SDESystem:
    r"""A linear diffusion that is conditioned to be at a point at a time T: Doob's transform, a bridge.

    .. math:: \mathrm dx = [f + D\, \nabla \log h]\, \mathrm dt + G\, \mathrm dW, \qquad h(x, t) = p(x_T = x_1 \mid x_t = x)

    Parameters
    ----------
    system : SDESystem
        With a drift that is linear in the state itself and noise of its own for each state, as of `marginal`.
    end : mapping from states to Expr or numbers
        :math:`x_1`, of every state.
    horizon : Expr or number
        T, in the unit of time; the drift is singular there, so that simulations end before it.

    Returns
    -------
    SDESystem

    Raises
    ------
    DeclarationError
        For other systems, if a state is missing in `end`, and if `horizon` depends on states or time.

    References
    ----------
    Rogers & Williams, Diffusions, Markov Processes and Martingales, vol. 2 (2nd ed., 2000), IV.39.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> print(sd.SDESystem({x: 0}, {x: 1}).h_transform({x: 2}, horizon=1))  # a Brownian bridge
    dx = (2 - x)/(1 - t)*dt + 1*dW
    """
    ito = system.ito()
    targets = {lookup(k, ito.states, "state"): expression(v) for k, v in end.items()}
    if missing := [s for s in ito.states if s not in targets]:
        raise DeclarationError(f"end= lacks the state {missing[0]}; a process is conditioned on all of {list(ito.states)}")
    last, t = expression(horizon), ito.time
    if last.free_symbols & {*ito.states, t}:
        raise DeclarationError(f"horizon is {last}; expected a number or an expression of parameters")
    now = marginal(ito, Normal([0] * len(ito.states), 1))
    rows = {}
    for i, x in enumerate(ito.states):
        a, c, s = now.alphas[i], now.shifts[i], now.sigmas[i]
        ahead = sp.simplify(a.xreplace({t: last}) / a)
        spread = sp.simplify((s**2).xreplace({t: last}) - ahead**2 * s**2)
        miss = targets[x] - ahead * (x - c) - c.xreplace({t: last})
        if spread == 0:
            raise DeclarationError(f"{x} has no noise, and ends where its drift leads; it cannot be conditioned")
        square = (ito.diffusion * ito.diffusion.T)[i, i]
        rows[x] = ito.drift[i] + square * ahead * miss / spread
    return ito.replace(
        drift=tuple(rows.values()), provenance=(*ito.provenance, f"conditioned to end at {list(targets.values())} at {last}")
    )


def guided(conditional: Mapping[Any, Any], unconditional: Mapping[Any, Any], weight: Any) -> dict[Any, sp.Expr]:
    r"""The score of classifier-free guidance, :math:`s_c + w\,(s_c - s_u)`.

    The same of predictions of noise or data, which are linear in the score.

    Parameters
    ----------
    conditional, unconditional : mapping from states to Expr
        Scores of the class, and of all data.
    weight : Expr or number
        w; 0 leaves the class as it is.

    Returns
    -------
    dict

    Raises
    ------
    DeclarationError
        If the states differ.

    References
    ----------
    Ho & Salimans, Classifier-free diffusion guidance (arXiv:2207.12598), eq. 6.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, w = sp.symbols("x w")
    >>> sd.transport.guided({x: 1 - x}, {x: -x}, w)
    {x: w - x + 1}
    """
    if set(conditional) != set(unconditional):
        raise DeclarationError(f"the scores are of {list(conditional)} and {list(unconditional)}; expected the same states")
    w = expression(weight)
    return {x: expression(s) + w * (s - unconditional[x]) for x, s in conditional.items()}
