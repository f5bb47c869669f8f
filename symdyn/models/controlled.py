"""Networks that paths drive: neural controlled equations, liquid time constants, and the closed-form cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import as_symbol, expression
from symdyn.errors import DeclarationError
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem
from symdyn.network_forms import network
from symdyn.paths import Path

__all__ = ["closed_form_cell", "liquid_network", "neural_cde"]


def neural_cde(
    states: Iterable[Any],
    channels: Sequence[Any],
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, float] | None = None,
    time: Any = "t",
    **form: Any,
) -> ODESystem:
    r"""An equation that a path with several channels drives through networks f.

    .. math:: \dot z_i = \sum_j f_{ij}(z)\,\dot X_j(t)

    Its solution depends on the path and not on the speed at which it is passed, so samples may be irregular; where values of a
    channel are missing (NaN) its path goes straight on between those that are there.

    Parameters
    ----------
    states : iterable of Symbol or str
    channels : sequence of Path and Symbol
        Inputs of the kinds ``linear`` and ``cubic``, which have a slope; a symbol is the time, whose slope is 1.
    initial, parameters, time
        As for `ODESystem`.
    **form
        Options of `symdyn.network`, such as `width`.

    Returns
    -------
    ODESystem
        With unknown terms ``f_z_u`` for each state z and channel u, to be filled with `System.with_terms`, or learned; with
        ``inputs=`` of a simulation many paths drive it side by side.

    Raises
    ------
    DeclarationError
        Without states or channels, for a channel twice, and for paths that are held between their knots.

    References
    ----------
    Kidger, Morrill, Foster & Lyons, NeurIPS 33 (2020) 6696.

    Examples
    --------
    The area between a path and its chord, from f = -v/2 and u/2:

    >>> import sympy as sp, symdyn as sd
    >>> u, v = sd.Path("u", [0, 1, 2], [0, 1, 1]), sd.Path("v", [0, 1, 2], [0, 0, 1])
    >>> driven = sd.neural_cde(["a"], [u, v])
    >>> print(driven)
    a' = du/dt*f_a_u(a) + dv/dt*f_a_v(a)
    >>> area = driven.with_terms({driven.unknowns[0]: -v / 2, driven.unknowns[1]: u / 2})
    >>> sd.simulate(area, [0, 2], initial={"a": 0}, progress=False).a[-1].round(6).item()
    0.5
    """
    z = [as_symbol(s, "a state") for s in ([states] if isinstance(states, (str, sp.Basic)) else states)]
    if not z:
        raise DeclarationError("a controlled equation needs a state; name them, such as neural_cde(['z'], [u])")
    if isinstance(channels, sp.Basic):
        channels = [channels]
    if not channels or len({str(c) for c in channels}) < len(channels):
        raise DeclarationError(f"the channels are {list(channels)!r}; expected different paths, and one symbol for the time")
    clock, slopes = as_symbol(time, "time"), {}
    for channel in channels:
        if isinstance(channel, Path):
            slopes[channel.name] = channel.diff(sp.Symbol("t"))
        elif as_symbol(channel, "a channel").name == clock.name:
            slopes[clock.name] = sp.S.One
        else:
            raise DeclarationError(f"{channel!r} is no channel; expected a Path, or {clock} for the time")
    rows = {
        s: sp.Add(*(network(f"f_{s.name}_{name}", z, **form)(*z) * slope for name, slope in slopes.items())) for s in z
    }  # fmt: skip
    return ODESystem(
        rows, parameters=parameters, initial=initial, time=clock, provenance=("declared as a controlled equation",)
    )


def liquid_network(
    states: Iterable[Any],
    inputs: Sequence[Any] = (),
    *,
    recurrent: Any,
    feed: Any = None,
    bias: Any = None,
    leak: Any = 1.0,
    level: Any = 1.0,
    initial: Mapping[Any, Any] | None = None,
    time: Any = "t",
) -> ODESystem:
    r"""A network of liquid time constants.

    .. math:: \dot x_i = -(w_i + g_i)\,x_i + A_i\,g_i, \qquad g_i = \frac{1}{1 + e^{-(R x + U I(t) + b)_i}}

    Parameters
    ----------
    states : iterable of Symbol or str
        n of them.
    inputs : sequence of Expr, optional
        I: expressions of time, or paths.
    recurrent : (n, n) array
        R.
    feed : (n, m) array, optional
        U; needed with inputs.
    bias : (n,) array, optional
        b, zeros unless given.
    leak, level : number or (n,) array, optional
        w and A.
    initial, time
        As for `ODESystem`; states begin at 0 unless given.

    Returns
    -------
    ODESystem
        `symdyn.derive.hold` makes exact steps of it, of order 1 or 2, if its inputs are expressions of time.

    Raises
    ------
    DeclarationError
        For arrays of other shapes, and numbers that are not finite.

    References
    ----------
    Hasani, Lechner, Amini, Rus & Grosu, AAAI 35 (2021) 7657.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> cell = sd.liquid_network(["x"], [sp.sin(sp.Symbol("t"))], recurrent=[[0]], feed=[[2]], bias=[-1], leak=0.5)
    >>> print(cell)
    x' = x*(-0.5 - 1/(1 + 2.71828182845905*exp(-2.0*sin(t)))) + 1.0/(1 + 2.71828182845905*exp(-2.0*sin(t)))
    """
    x = [as_symbol(s, "a state") for s in ([states] if isinstance(states, (str, sp.Basic)) else states)]
    n, given = len(x), [expression(e) for e in inputs]
    if given and feed is None:
        raise DeclarationError("a liquid network with inputs needs feed, their weights (n, m)")
    weights = _array("recurrent", recurrent, (n, n))
    into = _array("feed", np.zeros((n, 0)) if feed is None else feed, (n, len(given)))
    offsets, leaks, levels = (
        _array(name, v, (n,)) for name, v in (("bias", 0.0 if bias is None else bias), ("leak", leak), ("level", level))
    )
    rows = {}
    for i, s in enumerate(x):
        terms = [*zip(weights[i], x, strict=True), *zip(into[i], given, strict=True)]
        drive = sp.Add(*(sp.Float(w) * e for w, e in terms if w != 0), sp.Float(offsets[i]))
        gate = 1 / (1 + sp.exp(-drive))  # of an inverse sum with tanh sympy asks for minutes whether it is infinite
        rows[s] = -(sp.Float(leaks[i]) + gate) * s + sp.Float(levels[i]) * gate
    return ODESystem(
        rows, initial={**dict.fromkeys(x, 0), **{as_symbol(k, "a state"): v for k, v in (initial or {}).items()}},
        time=as_symbol(time, "time"), provenance=("declared as a network of liquid time constants",),
    )  # fmt: skip


def closed_form_cell(
    states: Iterable[Any], inputs: Sequence[Any], elapsed: Any, *, initial: Mapping[Any, Any] | None = None, **form: Any
) -> DiscreteSystem:
    r"""The closed-form continuous-time cell: a recurrent map whose memory fades with the time between samples.

    .. math:: x_i' = \sigma(-g_i\,\tau)\,h_i + \big(1 - \sigma(-g_i\,\tau)\big)\,k_i, \qquad \sigma(v) = \frac{1}{1 + e^{-v}}

    with networks g, h, k of states and inputs.  It is an architecture: no solution of the equation of liquid time constants,
    whose exact steps `symdyn.derive.hold` makes.

    Parameters
    ----------
    states : iterable of Symbol or str
    inputs : sequence of Symbol or str
        Their values at a sample, parameters of the map.
    elapsed : Symbol, str or number
        :math:`\tau`, the time since the last sample.
    initial : mapping, optional
    **form
        Options of `symdyn.network`, such as `width`.

    Returns
    -------
    DiscreteSystem
        With unknown terms ``g_x``, ``h_x`` and ``k_x`` for each state x.

    Raises
    ------
    DeclarationError
        Without states, and for names that are given twice.

    References
    ----------
    Hasani, Lechner, Amini, Liebenwein, Ray, Tschaikowski, Teschl & Rus, Nature Machine Intelligence 4 (2022) 992, eq. 10.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.closed_form_cell(["x"], ["u"], "tau"))
    x[t+1] = (1/2 - tanh(tau*g_x(x, u)/2)/2)*h_x(x, u) + (tanh(tau*g_x(x, u)/2)/2 + 1/2)*k_x(x, u)
    """
    x = [as_symbol(s, "a state") for s in ([states] if isinstance(states, (str, sp.Basic)) else states)]
    u = [as_symbol(s, "an input") for s in ([inputs] if isinstance(inputs, (str, sp.Basic)) else inputs)]
    if not x:
        raise DeclarationError("a cell needs a state; name them, such as closed_form_cell(['x'], ['u'], 'tau')")
    if twice := sorted({s.name for s in (*x, *u) if [q.name for q in (*x, *u)].count(s.name) > 1}):
        raise DeclarationError(f"{twice[0]} is given twice among states and inputs")
    tau = as_symbol(elapsed, "the time") if isinstance(elapsed, str) else expression(elapsed)
    seen, rows = [*x, *u], {}
    for s in x:
        g, h, k = (network(f"{name}_{s.name}", seen, **form)(*seen) for name in "ghk")
        kept = (1 - sp.tanh(tau * g / 2)) / 2
        rows[s] = kept * h + (1 - kept) * k
    return DiscreteSystem(rows, initial=initial, provenance=("declared as a closed-form cell",))


def _array(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=float)
        found = np.broadcast_to(found, shape) if len(shape) == 1 and found.ndim == 0 else found
    except (TypeError, ValueError):
        raise DeclarationError(f"{name} of a liquid network is no array of numbers") from None
    if found.shape != shape or not np.isfinite(found).all():
        raise DeclarationError(f"{name} of a liquid network has the shape {found.shape}; expected finite numbers of {shape}")
    return found
