"""Forward sensitivities: how the states of an ODE system or a map move with its parameters and initial values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import derivative
from symdyn.derive._delay_sensitivities import DelayedStates
from symdyn.derive._event_sensitivities import extended_events
from symdyn.derive._jump_sensitivities import jump_events
from symdyn.derive.index_reduction import index_reduced
from symdyn.derive.jump_times import CORNERS
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.gradients import gradients
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.events import Event
from symdyn.system import System

__all__ = ["Sensitivities", "fresh_symbol", "moving_jumps", "sensitivities"]


@dataclass(frozen=True)
class Sensitivities:
    """A system extended by its forward sensitivities, and the way back from its solutions.

    Attributes
    ----------
    system : ODESystem or DiscreteSystem
        The n states, then the n sensitivities to the first of `columns`, then to the second ...; then what events with delays
        need.
    base : ODESystem or DiscreteSystem
        The system without them.
    columns : tuple of Symbol
        Parameters, then (optionally) the states, which denote their own initial values.
    names : mapping of (state, column) to Symbol
        The state of `system` that is equal to each derivative.
    """

    system: Any
    base: Any
    columns: tuple[sp.Symbol, ...]
    names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol]

    def initial(self, initial: np.ndarray) -> np.ndarray:
        """Initial values of the extended system, (N, n + n*k), from those of the states, (N, n)."""
        initial = np.atleast_2d(np.asarray(initial, dtype=float))
        n = len(self.base.states)
        slopes = np.zeros((len(self.columns), n))
        further = np.zeros((len(initial), len(self.system.states) - n - slopes.size))
        for k, column in enumerate(self.columns):
            if column in self.base.states:
                slopes[k, self.base.states.index(column)] = 1.0
        return np.concatenate([initial, np.broadcast_to(slopes.ravel(), (len(initial), slopes.size)), further], axis=1)

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States (..., n) and derivatives (..., n, k) from values of the extended system, (..., n + n*k)."""
        n = len(self.base.states)
        slopes = values[..., n : n + n * len(self.columns)].reshape(*values.shape[:-1], len(self.columns), n)
        return values[..., :n], np.swapaxes(slopes, -1, -2)


def sensitivities(system: System, parameters: Iterable[Any] | None = None, *, initial: bool = True) -> Sensitivities:
    r"""Extend an ODE system or a map by the derivatives of its states with respect to parameters and initial values.

    .. math:: \dot S_{ik} = \sum_j \frac{\partial f_i}{\partial x_j} S_{jk} + \frac{\partial f_i}{\partial p_k},
              \qquad S_{ik} = \frac{\partial x_i}{\partial p_k}

    with :math:`S(0) = 0`; for the initial value of state `j` the last term is missing and
    :math:`S_{ij}(0) = \delta_{ij}`.  Where an initial value is an expression, its derivative takes the place of 0.  Of a map
    :math:`x_{t+1} = F(x_t)` the right-hand side, with `F` for `f`, is :math:`S_{ik}` at the next step.  Events move in time,
    and sensitivities jump there by what `symdyn.derive._event_sensitivities` states; of systems with delays the equations have
    delays again, see `symdyn.derive._delay_sensitivities`, and jumps at events are followed by others after the delays.  Where
    rates of change jump at times that depend on the parameters, sensitivities jump too (`symdyn.derive._jump_sensitivities`).
    Maxima, minima and absolute values are differentiated on either side of their kinks.  Algebraic equations and
    constraints are differentiated by the chain rule, and are algebraic equations and constraints for the sensitivities.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Without unknown terms; of a map, without random numbers.
    parameters : iterable of Symbol or str, optional
        Parameters to differentiate by; all of them unless given.
    initial : bool, optional
        Whether to differentiate by the initial values too.

    Raises
    ------
    DeclarationError
        If the system is neither, has unknown terms or random numbers, or has no such parameter; if rates of change look up what
        an event assigns after a delay or at a delay that varies, or a condition what events assign.

    References
    ----------
    Dickinson, Gelinas, J. Comput. Phys. 21, 123 (1976).

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> print(sensitivities(sd.ODESystem({x: -a * x})).system)
    x' = -a*x
    dx_da' = -a*dx_da - x
    dx_dx' = -a*dx_dx
    """
    system = index_reduced(system)
    smooth = system.replace(events=()) if system.drift is not None and system.events else system
    if system.algebraic:
        if system.events:
            raise DeclarationError("sensitivities do not follow events of a system with algebraic equations")
        smooth = smooth.replace(algebraic=())
    known = smooth.parts == {"drift", "delays"}
    sides = smooth.part("drift") if known else smooth.deterministic("the derivation of sensitivities")
    if system.unknowns:
        unknown = ", ".join(map(str, system.unknowns))
        raise DeclarationError(f"the system has unknown terms ({unknown}); fill them in with with_terms")
    asked = system.parameters if parameters is None else parameters
    chosen = tuple(lookup(p, system.parameters, "parameter") for p in asked)
    columns = chosen + (system.states if initial else ())
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    names: dict[tuple[sp.Symbol, sp.Symbol], sp.Symbol] = {}
    for column in columns:
        for state in system.states:
            slope = f"d{state}_d{column}"  # of a state W it would be read as a random number
            names[state, column] = fresh_symbol(f"d_{slope[1:]}" if slope.startswith("dW") else slope, taken)

    past = DelayedStates(system, names)
    sides, written = tuple(f.xreplace(past.values) for f in sides), sides
    slopes = gradients(sides, [*system.states, *chosen]) if columns else []
    jacobian = [[(j, of[s]) for j, s in enumerate(system.states) if s in of] for of in slopes]
    rows = []
    for column in columns:
        s = [names[state, column] for state in system.states]
        for f, of, partial in zip(sides, slopes, jacobian, strict=True):
            direct = sp.S.Zero if column in system.states else of.get(column, sp.S.Zero)
            delayed = [derivative(f, value) * past.slope(call, column) for call, value in past.values.items() if f.has(value)]
            rows.append(past.written(sp.Add(direct, *(sp.Mul(d, s[j]) for j, d in partial), *delayed)))
    sides = written
    constraints = list(system.constraints)
    for column in columns if constraints else ():
        for c in system.constraints:
            direct = sp.S.Zero if column in system.states else derivative(c, column)
            constraints.append(sp.Add(direct, *(derivative(c, s) * names[s, column] for s in system.states if c.has(s))))
    defaults = {
        names[state, column]: value for state, column, value in _first(system, columns) if not past.begins(state, column)
    }
    jumps = jump_events(system, columns, names) if system.drift is not None else []
    if jumps and system.algebraic:
        raise DeclarationError("sensitivities do not follow jumps in time of a system with algebraic equations")
    events, further = extended_events(system, columns, names, past, lambda name: fresh_symbol(name, taken))
    kept, events = dict.fromkeys(further, 0.0), [*jumps, *events]
    differential = {} if not system.algebraic else {
        "algebraic": tuple(q for s in system.algebraic for q in (s, *(names[s, column] for column in columns))),
        "constraints": tuple(constraints),
        "free": tuple(q for s in system.free for q in (s, *(names[s, column] for column in columns))),
    }  # fmt: skip
    extended = _extended(
        system, (*system.states, *names.values(), *further), (*sides, *rows, *(sp.S.Zero for _ in further)),
        {**system.initial, **defaults, **kept}, events,
        (*system.provenance, f"with sensitivities to {', '.join(map(str, columns))}"),
        {**differential, **past.history(columns)},
    )  # fmt: skip
    return Sensitivities(extended, system, columns, names)


def moving_jumps(system: System, columns: Sequence[sp.Symbol]) -> bool:
    """Whether sensitivities by these parameters and initial values jump because rates of change do.

    Parameters
    ----------
    system : ODESystem
    columns : sequence of Symbol

    Raises
    ------
    DeclarationError
        Where rates of change jump at times that depend on a parameter and are not known.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, p = sp.symbols("x p")
    >>> moving_jumps(sd.ODESystem({x: sp.Heaviside(x - p)}), [p]), moving_jumps(sd.ODESystem({x: sp.Max(x, p)}), [p])
    (True, False)
    """
    if not any(isinstance(node, CORNERS) for node in dag.nodes(system.part("drift"))):
        return False
    return bool(jump_events(system, columns, {(s, c): sp.Dummy() for c in columns for s in system.states}))


def _first(system: System, columns: tuple[sp.Symbol, ...]) -> Iterator[tuple[sp.Symbol, sp.Symbol, Any]]:
    """Initial sensitivities of the states to the columns: of initial values that are expressions, their derivatives."""
    for column in columns:
        rules = {s: v for s, v in system.initial.items() if s != column and isinstance(v, sp.Expr)}
        written = dag.written_out(rules, "initial value of")
        for state in system.states:
            slope = derivative(written[state], column) if state in written else sp.S.Zero
            yield state, column, float(state == column) if slope.is_zero else float(slope) if slope.is_number else slope


def _extended(
    system: System, states: tuple[sp.Symbol, ...], sides: tuple[sp.Expr, ...], initial: Mapping[sp.Symbol, Any],
    events: Sequence[Event], provenance: tuple[str, ...], algebraic: Mapping[str, Any],
) -> System:  # fmt: skip
    """The system with further states; a matrix model becomes a plain map, for sensitivities are no ages."""
    if system.drift is not None:
        changed = {**algebraic, **({"events": tuple(events)} if events else {})}
        return system.replace(
            states=states, drift=sides, initial=MappingProxyType({**initial}), provenance=provenance, **changed
        )
    return DiscreteSystem(
        dict(zip(states, sides, strict=True)), dict(system.defaults), initial=initial,
        observables=dict(system.observables), time=system.time, provenance=provenance,
    )  # fmt: skip


def fresh_symbol(name: str, taken: set[str]) -> sp.Symbol:
    """A symbol of that name, with underscores appended until no other has it."""
    while name in taken:
        name += "_"
    taken.add(name)
    return sp.Symbol(name)
