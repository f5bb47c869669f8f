r"""The continuous adjoint of a system: what a cost gains from each state, as a system in reversed time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import DeclarationError
from symdyn.given_values import listed, lookup
from symdyn.gradients import gradients
from symdyn.models.ode import ODESystem
from symdyn.parsing import parse_expression
from symdyn.paths import Path
from symdyn.system import System

__all__ = ["adjoint"]


def adjoint(
    system: System, cost: Any, at: Any, *, running: Any = None, by: Iterable[Any] | None = None, along: Any = None
) -> ODESystem:
    r"""The adjoint equations of a cost :math:`g(x(T), p) + \int_0^T r(x, p, t)\,\mathrm{d}t`, in the reversed time s = T - t.

    .. math:: \frac{dx}{ds} = -f, \qquad \frac{da}{ds} = f_x^\top a + r_x, \qquad \frac{dg_p}{ds} = f_p^\top a + r_p,
              \qquad a(0) = g_x,\; g_p(0) = g_p\big(x(T), p\big)

    At s = T the state ``adjoint_x`` is the derivative of the cost by the initial value of x, and ``slope_p`` that by the
    parameter p.  States begin at their values at T, which `initial=` of a simulation says.

    Backwards, rounding of x grows as the volume of the state space contracts forwards: ``contraction`` is the integral of the
    divergence, :math:`-\int \operatorname{tr} f_x\,\mathrm{d}t`; far above 30 no digit of x is left.  Then give the trajectory
    as `along`, whose states become inputs, with the error of their interpolation; or use `symdyn.gradient`, which transposes
    the steps themselves.

    Parameters
    ----------
    system : ODESystem
        Without events, delays, inputs, algebraic equations and unknown terms.
    cost : Expr or str
        g, of states and parameters.
    at : number or expression
        T.
    running : Expr or str, optional
        r, of states, parameters and time.
    by : iterable of Symbol or str, optional
        Parameters; all unless given.
    along : Dataset, optional
        A simulation of `system` over 0 to T without further dims, T a number.

    Returns
    -------
    ODESystem
        With the time ``s``.

    Raises
    ------
    DeclarationError
        For other systems, costs of other symbols, and trajectories that do not cover the time.

    See Also
    --------
    symdyn.gradient : derivatives of costs by the discrete adjoint.

    References
    ----------
    Pontryagin, Boltyanskii, Gamkrelidze & Mishchenko, The Mathematical Theory of Optimal Processes (1962); Gholami, Keutzer &
    Biros, IJCAI (2019): that states followed backwards lose their digits.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 0.5")
    >>> back = sd.derive.adjoint(decay, "x^2", at=2)
    >>> print(back)
    x' = k*x
    adjoint_x' = -adjoint_x*k
    slope_k' = -adjoint_x*x
    contraction' = k
    >>> run = sd.simulate(back, [0, 2], initial={"x": 0.4}, rtol=1e-9, progress=False)
    >>> run.adjoint_x[-1].round(6).item(), run.slope_k[-1].round(6).item()   # 2 x e^(-k T), -2 T x^2
    (0.294304, -0.64)
    """
    if reason := system.unmet(["drift"]):
        raise DeclarationError(f"adjoint: {reason}")
    if system.unknowns:
        raise DeclarationError(f"{system.unknowns[0]} is an unknown term; fill it in with with_terms before adjoint")
    states, sides = system.states, system.deterministic("adjoint")
    chosen = list(system.parameters) if by is None else [lookup(k, system.parameters, "parameter") for k in listed(by)]
    last = expression(at)
    final, rate = _read(system, "cost", cost, ()), _read(system, "running", running, (system.time,))
    if strange := sorted(s.name for s in last.free_symbols - set(system.parameters)):
        raise DeclarationError(f"at is {last}; {strange[0]} is no parameter")
    taken = {s.name for s in (*states, *system.parameters)}
    s = fresh_symbol("s", taken)
    pulls = [fresh_symbol(f"adjoint_{x.name}", taken) for x in states]
    gained = [fresh_symbol(f"slope_{p.name}", taken) for p in chosen]
    contraction = fresh_symbol("contraction", taken)
    *rows, of_rate, of_cost = gradients([*sides, rate, final], [*states, *chosen])

    def summed(q: sp.Symbol) -> sp.Expr:
        return sp.Add(*(a * of[q] for a, of in zip(pulls, rows, strict=True) if q in of), of_rate.get(q, sp.S.Zero))

    divergence = sp.Add(*(of[x] for x, of in zip(states, rows, strict=True) if x in of))
    made = {a: summed(x) for a, x in zip(pulls, states, strict=True)}
    made |= {g: summed(p) for g, p in zip(gained, chosen, strict=True)}
    made[contraction] = -divergence
    if along is None:
        made = {**{x: -f for x, f in zip(states, sides, strict=True)}, **made}
    now: dict[sp.Basic, sp.Basic] = {system.time: last - s}
    initial: dict[sp.Symbol, Any] = {contraction: 0}
    starts = dict(zip((*pulls, *gained), (of_cost.get(q, sp.S.Zero) for q in (*states, *chosen)), strict=True))
    if along is not None:
        paths, ends = _paths(system, along, last)
        now |= paths
        starts = dict(zip(starts, dag.replace(list(starts.values()), ends), strict=True))
    found = dict(zip(made, dag.replace(list(made.values()), now), strict=True))
    back = ODESystem(
        found, initial={**initial, **starts}, time=s, provenance=(*system.provenance, f"adjoint of {final} at {last}")
    )
    return back.with_parameters({p: v for p, v in system.defaults.items() if p in back.parameters})


def _read(system: System, what: str, given: Any, also: tuple[sp.Symbol, ...]) -> sp.Expr:
    read = parse_expression(given) if isinstance(given, str) else expression(0 if given is None else given)
    e = dag.put_in(read, dict(system.observables), "observable")
    known = {q.name: q for q in (*system.states, *system.parameters, *also)}
    e = e.xreplace({q: known[q.name] for q in e.free_symbols if q.name in known})
    if strange := sorted(q.name for q in e.free_symbols if known.get(q.name) != q):
        raise DeclarationError(f"{what} contains {strange[0]}, which is neither a state nor a parameter")
    return e


def _paths(system: System, along: Any, last: sp.Expr) -> tuple[Mapping[sp.Basic, sp.Basic], Mapping[sp.Basic, sp.Basic]]:
    """Inputs in the place of the states, and their last values."""
    name = system.time.name if system.time.name in getattr(along, "coords", ()) else "time"
    if any(x not in along or getattr(along[x], "dims", None) != (name,) for x in system.names):
        raise DeclarationError("along is no single simulation of the system; expected a dataset with its states over time")
    times = np.asarray(along[name].values, dtype=float)
    if not last.is_number or times[0] > 1e-12 or abs(times[-1] - float(last)) > 1e-9 * max(1.0, abs(float(last))):
        raise DeclarationError(f"along covers the times from {times[0]:g} to {times[-1]:g}; expected 0 to {last}")
    paths: dict[sp.Basic, sp.Basic] = {}
    ends: dict[sp.Basic, sp.Basic] = {}
    for x in system.states:
        values = np.asarray(along[x.name].values, dtype=float)
        paths[x] = Path(x.name, float(last) - times[::-1], values[::-1], kind="cubic")
        ends[x] = sp.Float(values[-1])
    return paths, ends
