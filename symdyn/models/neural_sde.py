"""Stochastic differential equations with networks whose noise keeps them stable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from symdyn.declaration import as_symbol, expression
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem
from symdyn.network_forms import network
from symdyn.registry import suggest

__all__ = ["neural_sde"]

KINDS = ("langevin", "linear-noise", "geometric")


def neural_sde(
    states: Iterable[Any],
    *,
    kind: str = "langevin",
    noise: Any = 1,
    timed: bool = False,
    logarithmic: bool = False,
    parameters: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    time: Any = "t",
    **form: Any,
) -> SDESystem:
    r"""A system of stochastic differential equations whose drift is a network g, in one of three stable forms.

    - ``"langevin"``: :math:`\mathrm dz_i = g_i(z)\,\mathrm dt + s_i(t)\,\mathrm dW_i`, additive noise;
    - ``"linear-noise"``: :math:`\mathrm dz_i = g_i(z)\,\mathrm dt + s_i(t)\,z_i\,\mathrm dW_i`, noise that vanishes at 0 and
      stabilises it: of one state with :math:`g(0) = 0` the exponent there is :math:`g'(0) - s^2/2`
      (`symdyn.SDESystem.exponent_at_zero`);
    - ``"geometric"``: :math:`\mathrm dz_i = z_i\,g_i(z)\,\mathrm dt + s_i(t)\,z_i\,\mathrm dW_i`, where 0 is absorbing and
      signs are kept; its exponent at 0 is :math:`g(0) - s^2/2`.

    Parameters
    ----------
    states : iterable of Symbol or str
    kind : {'langevin', 'linear-noise', 'geometric'}
    noise : number, Expr or mapping from states to these
        The factors s, of time and parameters.
    timed : bool
        Whether networks take the time as their first argument.
    logarithmic : bool
        Of the geometric form, equations of :math:`\ell = \log z`, :math:`\mathrm d\ell_i = (g_i(e^\ell) - s_i^2/2)\,\mathrm dt
        + s_i\,\mathrm dW_i`, for positive states: noise is additive, so that signs are kept by every scheme, and Euler's is of
        strong order 1.  The states are called ``log_z``; observables have the names of z.
    parameters, initial, time
        As for `SDESystem`; initial values of the states z.
    **form
        Options of `symdyn.network`, such as `width`.

    Returns
    -------
    SDESystem
        With an unknown term ``g_z`` for each state z, to be filled with `System.with_terms`.

    Raises
    ------
    DeclarationError
        For other kinds, factors that contain states, and `logarithmic` of other forms or with initial values that are not
        positive.

    References
    ----------
    Oh, Lim & Kim, Stable neural stochastic differential equations, ICLR (2024); Khasminskii, Stochastic Stability of
    Differential Equations (2012), section 6.7.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.neural_sde(["z"], kind="geometric", noise=sp.Symbol("s")))
    dz = z*g_z(z)*dt + s*z*dW
    >>> print(sd.neural_sde(["z"], kind="geometric", noise=2, logarithmic=True))
    dlog_z = (g_z(exp(log_z)) - 2)*dt + 2*dW
    """
    if kind not in KINDS:
        raise DeclarationError(f"the kind of a neural SDE is {kind!r}; known: {', '.join(KINDS)}.{suggest(str(kind), KINDS)}")
    if isinstance(states, (str, sp.Basic)):
        states = [states]
    z = [as_symbol(s, "a state") for s in states]
    if not z:
        raise DeclarationError("a neural SDE needs a state; name them, such as neural_sde(['z'])")
    if logarithmic and kind != "geometric":
        raise DeclarationError(f"logarithmic=True is for kind='geometric'; states of the kind {kind!r} change their sign")
    clock = as_symbol(time, "time")
    factors = _factors(noise, z)
    seen: list[Any] = [clock] * bool(timed) + z
    g = {s: network(f"g_{s.name}", seen, **form)(*seen) for s in z}
    common: dict[str, Any] = {"parameters": parameters, "time": clock}
    if not logarithmic:
        drift = {s: s * g[s] if kind == "geometric" else g[s] for s in z}
        rows = [[(factors[s] * (1 if kind == "langevin" else s)) if s == other else 0 for other in z] for s in z]
        return SDESystem(drift, sp.Matrix(rows), initial=initial, **common)
    logs = {s: sp.Symbol(f"log_{s.name}") for s in z}
    swap = {s: sp.exp(ell) for s, ell in logs.items()}
    drift = {logs[s]: g[s].xreplace(swap) - factors[s] ** 2 / 2 for s in z}
    rows = [[factors[s] if s == other else 0 for other in z] for s in z]
    begin = {}
    for key, value in (initial or {}).items():
        state = as_symbol(key, "a state")
        if state not in logs or not float(value) > 0:
            raise DeclarationError(f"the initial value of {state} is {value!r}; expected a positive number of one of {z}")
        begin[logs[state]] = math.log(float(value))
    return SDESystem(drift, sp.Matrix(rows), initial=begin, observables={s: sp.exp(ell) for s, ell in logs.items()}, **common)


def _factors(noise: Any, states: list[sp.Symbol]) -> dict[sp.Symbol, sp.Expr]:
    """The factor of the noise of each state."""
    given = (
        {as_symbol(k, "a state"): v for k, v in noise.items()} if isinstance(noise, Mapping) else dict.fromkeys(states, noise)
    )
    if set(given) != set(states):
        raise DeclarationError(f"noise names {sorted(map(str, given))}; the states are {sorted(map(str, states))}")
    found = {s: expression(v) for s, v in given.items()}
    for s, factor in found.items():
        if factor.free_symbols & set(states):
            raise DeclarationError(
                f"the factor {factor} of the noise of {s} contains a state; it is of time and parameters alone"
            )
    return found
