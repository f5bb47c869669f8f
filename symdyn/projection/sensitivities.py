"""Derivatives of distributions with respect to parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.projection.equation import MasterEquation
from symdyn.projection.evolve import Clock, Exponential
from symdyn.projection.generator import Generator, assemble, augmented
from symdyn.projection.initial import begin
from symdyn.projection.labelled import labelled
from symdyn.projection.search import StationarySearch
from symdyn.projection.states import StateSpace
from symdyn.projection.transient import check_tolerance, read_times
from symdyn.projection.transitions import Transitions

__all__ = ["stationary_sensitivity", "transient_sensitivity"]


def transient_sensitivity(
    equation: MasterEquation,
    t: float | Sequence[float],
    wrt: Any,
    initial: Any = None,
    parameters: Mapping[Any, float] | None = None,
    *,
    tolerance: float = 1e-8,
) -> xr.DataArray:
    r"""Derivatives of the transient distribution with respect to a parameter.

    Solves :math:`\dot s = A s + (\partial A/\partial\theta)\,p` beside :math:`\dot p = A p` on the box, s = 0 at first.

    Parameters
    ----------
    equation : MasterEquation
        On a box, with rates that do not depend on time.
    t : float or increasing sequence of float
    wrt : Symbol or str
        The parameter.
    initial : mapping or DataArray, optional
        For each species a number, a discrete distribution of scipy.stats or a DataArray over it; or a joint
        distribution.
    parameters : mapping, optional
        Values over the defaults of the network.
    tolerance : float
        Error of the integration, of the derivative times the parameter.

    Returns
    -------
    xarray.DataArray
        With a leading dimension ``time`` if `t` is a sequence.

    Raises
    ------
    DeclarationError
        Without upper bounds, for rates that depend on time, and for input that does not fit.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> s = net.master_equation(upper={"X": 60}).transient_sensitivity(2.0, "k", {"X": 0})
    >>> round(float((s * s.X).sum()), 6)  # of the mean k/g (1 - exp(-g t))
    0.864665
    """
    space, times = equation.need_box("a sensitivity"), read_times(t, 0.0)
    check_tolerance(tolerance)
    transitions = equation.constant(parameters, "a sensitivity")
    theta = transitions.parameter(wrt)
    for s, v in equation.network.initial.items():
        if theta in getattr(v, "free_symbols", ()):
            raise DeclarationError(f"the initial number {v} of {s} depends on {theta}, and whole numbers have no derivative")
    # theta ds/dtheta is of the size of p times numbers of events, in any units of theta
    scale = abs(transitions.values[theta]) or 1.0
    jumps = equation.jumps(transitions, explicit=True)
    generator = assemble(space, transitions.propensities(space), jumps, reflecting=False)
    slope = _slope(equation, space, transitions, theta, reflecting=False)
    scaled = Generator(slope.rates * scale, slope.offsets, slope.sources, slope.starts)
    p = np.concatenate([begin(equation.network, space, initial, transitions.values), np.zeros(space.size)])
    out = np.empty((times.size, p.size))
    clock = Clock(0.0, error=tolerance / max(times[-1], 1e-300))
    Exponential(augmented(generator, scaled), "krylov", contracting=False).advance(p, clock, times, out)
    found: list[tuple[StateSpace, np.ndarray]] = [(space, row[space.size :] / scale) for row in out]
    facts = {"method": "krylov", "wrt": theta.name, "tolerance": tolerance}
    return labelled(equation, transitions, found, None if np.ndim(t) == 0 else times, layout="box", facts=facts)


def stationary_sensitivity(
    equation: MasterEquation,
    parameters: Mapping[Any, float] | None = None,
    wrt: Any = None,
    initial: Any = None,
    *,
    tolerance: float = 1e-10,
) -> xr.DataArray:
    r"""Derivative of the stationary distribution with respect to a parameter.

    The solution of :math:`A\,\partial_\theta\pi = -(\partial_\theta A)\,\pi` with sum zero, by the factors that give
    :math:`\pi` itself.

    Parameters
    ----------
    equation : MasterEquation
    parameters : mapping, optional
        Values over the defaults of the network.
    wrt : Symbol or str
        The parameter.
    initial : mapping or DataArray, optional
        Where the process starts, see `transient`; it matters where several sets of states are never left.
    tolerance : float
        Without upper bounds, as of `stationary`.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    DeclarationError
        For rates that depend on time, and where the weights of sets of states that are never left depend on parameters.
    SimulationError
        As of `stationary`.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> s = net.master_equation(upper={"X": 80}).stationary_sensitivity(wrt="k")
    >>> round(float((s * s.X).sum()), 9)  # the mean is k/g
    1.0
    """
    check_tolerance(tolerance)
    transitions = equation.constant(parameters, "a sensitivity")
    theta = transitions.parameter(wrt)
    found = StationarySearch(equation, transitions, initial).run(tolerance, factors=True)
    solution = found.solution
    assert solution is not None
    if not solution.fixed_weights:
        raise DeclarationError(
            "the weights of the sets of states that are never left depend on the parameters; start in one of them"
        )
    slope = _slope(equation, found.space, transitions, theta, reflecting=True).matrix()
    result = np.zeros(found.space.size)
    for part, weight in zip(solution.classes, solution.weights, strict=True):
        inner = slope[part.members, :][:, part.members]
        result[part.members] += weight * part.response(-(inner @ part.p))
    facts = {"method": "elimination", "wrt": theta.name, "edge_mass": found.edge_mass}
    return labelled(equation, transitions, [(found.space, result)], None, layout="box", facts=facts)


def _slope(
    equation: MasterEquation, space: StateSpace, transitions: Transitions, theta: sp.Symbol, *, reflecting: bool
) -> Generator:
    """Derivative of the generator: of propensities, and of the probabilities of bursts, each size a jump of its own."""
    jumps = equation.jumps(transitions, explicit=True)
    slope = assemble(space, transitions.derivatives(space, theta), jumps, reflecting=reflecting)
    if not any(theta in b.mean.free_symbols for r in equation.network.reactions for b in (r.bursts or {}).values()):
        return slope
    moved = equation.jumps(transitions, wrt=theta)
    more = assemble(space, transitions.propensities(space), moved, reflecting=reflecting)
    if not reflecting:  # probabilities of bursts move, the rate of their reaction does not
        for a in transitions.propensities(space):
            more.rates[0].reshape(space.shape)[...] += a
    return Generator(slope.rates + more.rates, slope.offsets, slope.sources, slope.starts)
