"""Linear stability of steady states of systems with delays: the rightmost roots of the characteristic equation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.given_values import numeric_values, value_of
from symdyn.system import System, delays_in

__all__ = ["characteristic_roots", "without_delays"]

#: Rates of change at a steady state, relative to the sizes of states or 1.
RESIDUAL = 1e-6
#: Intervals of the first collocation, the most rows of its matrix, and how well two must agree before roots are improved.
INTERVALS, MOST_ROWS, AGREEMENT = 16, 1600, 1e-4
MOST_ITERATIONS = 30


def without_delays(system: System) -> System:
    """The system with present states in the place of those of the past, which has the same steady states.

    Parameters
    ----------
    system : ODESystem

    Returns
    -------
    ODESystem

    Examples
    --------
    >>> import symdyn as sd
    >>> print(without_delays(sd.ODESystem.from_text("x' = 2/(1 + x(t - 1)^4) - x")))
    x' = -x + 2/(x**4 + 1)
    """
    named = {s.name: s for s in system.states}
    swap = {call: named[call.func.__name__] for call in system.delays}
    return system.map_expressions(lambda e: e.xreplace(swap)).replace(history=MappingProxyType({}), history_span=None)


def characteristic_roots(
    system: System, at: Mapping[Any, float], parameters: Mapping[Any, float] | None = None, *, count: int = 6
) -> np.ndarray:
    r"""The roots of largest real part of the characteristic equation at a steady state.

    .. math:: \det\Big(\lambda I - J_0 - \sum_j J_j e^{-\lambda\tau_j}\Big) = 0

    with the derivatives :math:`J_0` by the states and :math:`J_j` by those a time :math:`\tau_j` ago.  The steady state is
    stable if all real parts are negative.  The generator of the linearised equation is collocated at Chebyshev points, of which
    there are more until the roots agree; these are improved by Newton's method on the equation itself.

    Parameters
    ----------
    system : ODESystem
        With delays that do not depend on time; of those that depend on states the value at the steady state counts.
    at : mapping of Symbol or str to float
        The steady state.
    parameters : mapping of Symbol or str to float, optional
        Over the defaults of the system.
    count : int
        How many roots; of a pair both.

    Returns
    -------
    (count,) complex128
        In the order of falling real parts.

    Raises
    ------
    DeclarationError
        For a system without delays or with delays that depend on time, missing values, and a point that is no steady state.

    References
    ----------
    Breda, Maset & Vermiglio, SIAM J. Sci. Comput. 27 (2005) 482-495.

    Examples
    --------
    Of :math:`\dot x = -x(t - \tau)` roots cross the imaginary axis at :math:`\tau = \pi/2`, as :math:`\pm i`:

    >>> import math, symdyn as sd
    >>> echo = sd.ODESystem.from_text("x' = -x(t - tau)")
    >>> characteristic_roots(echo, {"x": 0}, {"tau": math.pi / 2}, count=2).round(9) + 0
    array([0.+1.j, 0.-1.j])
    """
    reason = system.unmet(["drift", "delays"])
    if reason is None and not delays_in(system.part("drift"), system.names):
        reason = "its rates of change have no delays"
    if reason is not None or system.slopes:
        raise DeclarationError(f"no characteristic roots: {reason or f'it has slopes of the past, {system.slopes[0]}'}")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DeclarationError(f"count is {count!r}; expected a whole number from 1")
    given = {**system.defaults, **numeric_values(parameters, system.parameters, "parameter")}
    values = {**given, **numeric_values(at, system.states, "state")}
    if missing := [s for s in (*system.states, *system.parameters) if s not in values]:
        raise DeclarationError(f"no value for {', '.join(map(str, missing))}")
    present, delays = _linearised(system, values)
    length = max(tau for tau, _ in delays)
    if length == 0:
        return _rightmost(np.linalg.eigvals(present + sum(j for _, j in delays)))[:count]
    before, intervals = np.array([np.inf]), INTERVALS
    while len(present) * (intervals + 1) <= MOST_ROWS:
        roots = _rightmost(np.linalg.eigvals(_generator(present, delays, length, intervals)))[: count + 1]
        if roots.shape == before.shape and np.allclose(roots[:count], before[:count], rtol=AGREEMENT, atol=AGREEMENT / length):
            break
        before, intervals = roots, 2 * intervals
    else:
        raise DeclarationError(f"{count} roots need more than {MOST_ROWS} rows; ask for fewer")
    return _rightmost(np.array([_improved(root, present, delays) for root in roots[:count]]))


def _linearised(system: System, values: Mapping[sp.Symbol, float]) -> tuple[np.ndarray, list[tuple[float, np.ndarray]]]:
    """The derivatives by present states, and each delay with those by the states of the past."""
    named = {s.name: s for s in system.states}
    past = {call: sp.Dummy() for call in delays_in(system.part("drift"), system.names)}
    here = {**values, **{symbol: values[named[call.func.__name__]] for call, symbol in past.items()}}
    sides = [f.xreplace(past) for f in system.part("drift")]
    if any(system.time in f.free_symbols for f in sides):
        raise DeclarationError("a right-hand side depends on time; a steady state needs one that does not")
    found: dict[sp.Expr, np.ndarray] = {}
    for call, symbol in past.items():
        delay = sp.expand(system.time - call.args[0])
        if system.time in delay.free_symbols:
            raise DeclarationError(f"the delay of {call} depends on time; a steady state needs delays that do not")
        column = system.names.index(call.func.__name__)
        matrix = found.setdefault(delay, np.zeros((len(sides), len(sides))))
        matrix[:, column] += [value_of(derivative(f, symbol), here) for f in sides]
    rates = np.array([value_of(f, here) for f in sides])
    scale = 1 + max(abs(values[s]) for s in system.states)
    if not np.abs(rates).max() <= RESIDUAL * scale:
        raise DeclarationError(f"the rates of change are {rates.tolist()} there; expected a steady state, where they are 0")
    present = np.array([[value_of(derivative(f, s), here) for s in system.states] for f in sides])
    return present, [(value_of(delay, values), matrix) for delay, matrix in found.items()]


def _generator(present: np.ndarray, delays: list[tuple[float, np.ndarray]], length: float, intervals: int) -> np.ndarray:
    """The collocated generator: the equation at the present, derivatives at the other Chebyshev points."""
    n, k = len(present), np.arange(intervals + 1)
    nodes = np.cos(np.pi * k / intervals)
    weights = np.where((k == 0) | (k == intervals), 0.5, 1.0) * (-1.0) ** k
    gaps = nodes[:, None] - nodes + np.eye(intervals + 1)
    slopes = weights / weights[:, None] / gaps
    slopes -= np.diag(slopes.sum(axis=1))
    matrix = np.kron(slopes * 2 / length, np.eye(n))
    matrix[:n] = 0
    matrix[:n, :n] = present
    for tau, jacobian in delays:
        distance = 1 - 2 * tau / length - nodes
        near = np.abs(distance) < 1e-14
        row = near.astype(float) if near.any() else (weights / distance) / (weights / distance).sum()
        matrix[:n] += np.kron(row, jacobian)
    return matrix


def _improved(root: complex, present: np.ndarray, delays: list[tuple[float, np.ndarray]]) -> complex:
    """Newton's method for a root, with the vectors of the least singular value."""
    for _ in range(MOST_ITERATIONS):
        equation = root * np.eye(len(present)) - present
        slope = np.eye(len(present), dtype=complex)
        for tau, jacobian in delays:
            equation = equation - jacobian * np.exp(-root * tau)
            slope += tau * jacobian * np.exp(-root * tau)
        left, _, right = np.linalg.svd(equation)
        u, v = left[:, -1].conj(), right[-1].conj()
        step = (u @ equation @ v) / (u @ slope @ v)
        root -= step
        if not abs(step) > 1e-14 * max(1.0, abs(root)):
            break
    return root


def _rightmost(roots: np.ndarray) -> np.ndarray:
    """Roots by falling real parts, of a pair that with the positive imaginary part first."""
    return roots[np.lexsort((-roots.imag, -roots.real.round(12)))]
