"""The reactions of a network as jumps between states: propensities on arrays of states, changes, sizes of bursts."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.declaration import derivative
from symdyn.errors import CompileError, DeclarationError, SimulationError
from symdyn.given_values import lookup, numeric_values
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.bursts import probabilities, slopes
from symdyn.projection.states import StateSpace

__all__ = ["LONGEST_BURST", "StateJump", "Tail", "Transitions"]

#: The longest burst that is followed where a species has no upper bound.
LONGEST_BURST = 1_000_000


@dataclass(frozen=True)
class Tail:
    """Longer and longer jumps, each by one molecule of a species, and less probable than the one before by a factor."""

    axis: int
    ratio: float


@dataclass(frozen=True)
class StateJump:
    """All jumps with one change of the state; with a tail, the shortest of the jumps of geometric size.

    Attributes
    ----------
    change : tuple of int
    parts : tuple of (int, float)
        Reactions that make it, each with the probability that it does when it fires.
    tail : Tail, optional
    """

    change: tuple[int, ...]
    parts: tuple[tuple[int, float], ...]
    tail: Tail | None = None

    def flow(self, propensities: Sequence[np.ndarray]) -> np.ndarray:
        """The rate of the jump at each state where it begins; with a tail, of the shortest one alone."""
        terms = [propensities[r] if w == 1.0 else w * propensities[r] for r, w in self.parts]
        return np.asarray(sum(terms[1:], start=terms[0]))


class Transitions:
    """Propensities and changes of a network for one choice of parameters.

    Parameters
    ----------
    network : ReactionNetwork
    parameters : mapping, optional
        Values over the defaults of the network.

    Raises
    ------
    DeclarationError
        If a parameter has no value or is not a number.
    CompileError
        If a rate holds an unknown term or a function without numerical counterpart.
    """

    def __init__(self, network: ReactionNetwork, parameters: Mapping[Any, Any] | None = None) -> None:
        if parameters is not None and not isinstance(parameters, Mapping):
            raise DeclarationError(f"parameters is {parameters!r}; expected a mapping from names to numbers")
        self.network = network
        self.values = {**network.defaults, **numeric_values(parameters, network.parameters, "parameter")}
        missing = [p.name for p in network.parameters if p not in self.values]
        if missing:
            example = ", ".join(f"{name!r}: ..." for name in missing)
            raise DeclarationError(f"no value for {', '.join(missing)}; give parameters={{{example}}}")
        rates = network.propensities
        self.moving = [network.time in rate.free_symbols for rate in rates]
        self._program = self._lower(rates)
        self._inside: Callable[[np.ndarray], np.ndarray] | None = None

    def _lower(self, expressions: Sequence[sp.Expr]) -> Program:
        network = self.network
        if network.unknowns:
            listed = ", ".join(map(str, network.unknowns))
            raise CompileError(f"the network holds the unknown terms {listed}; give them expressions with with_terms")
        blocks = [("lane", (network.time,)), ("y", network.states), ("p", network.parameters)]
        return lower("propensities", blocks, expressions, [str(r) for r in network.reactions])

    def stopped_outside(self, inside: Callable[[np.ndarray], np.ndarray]) -> Transitions:
        """The same with propensities of zero at states (k, species) that are not `inside`."""
        new = copy.copy(self)
        new._inside = inside
        return new

    # ---- propensities ------------------------------------------------------------------------------

    def propensities(self, space: StateSpace, time: float = 0.0) -> list[np.ndarray]:
        """The propensity of each reaction at each state; zero where the reaction would make a number negative.

        Raises
        ------
        SimulationError
            If a propensity is negative or not finite at a state where its reaction can happen.
        """
        rates = self._evaluate(self._program, space, time)
        for reaction, rate in zip(self.network.reactions, rates, strict=True):
            low = float(rate.min(initial=0.0))
            if not (low >= 0.0 and float(rate.max(initial=0.0)) < np.inf):
                place = np.unravel_index(np.argmax(~((rate >= 0) & (rate < np.inf))), space.shape)
                numbers = (np.broadcast_to(c, space.shape)[place] for c in space.coordinates)
                state = ", ".join(f"{s} = {v:g}" for s, v in zip(self.network.names, numbers, strict=True))
                raise SimulationError(
                    f"the propensity of '{reaction}' is {rate[place]:g} at {state}, time {time:g}; it must not be negative or "
                    "infinite anywhere in the set of states: mend the rate, for instance with Max(0, ...), or lower upper"
                )
        return rates

    def _evaluate(self, program: Program, space: StateSpace, time: float) -> list[np.ndarray]:
        numbers = space.coordinates
        parameters = [np.asarray(self.values[p], dtype=float) for p in self.network.parameters]
        found = evaluate(program, [np.asarray(time, dtype=float)], numbers, parameters)
        rates = []
        for values, change in zip(found, self.network.changes.T, strict=True):
            values = np.broadcast_to(np.asarray(values, dtype=float), space.shape)
            for n, c in zip(numbers, change, strict=True):
                if c < 0 and float(n.min()) < -c:
                    values = np.where(n >= -c, values, 0.0)
            rates.append(values)
        if self._inside is not None:
            inside = self._inside(space.states).reshape(space.shape)
            rates = [np.where(inside, values, 0.0) for values in rates]
        return rates

    def derivatives(self, space: StateSpace, parameter: sp.Symbol) -> list[np.ndarray]:
        """Derivatives of the propensities with respect to a parameter."""
        return self._evaluate(self._lower([derivative(a, parameter) for a in self.network.propensities]), space, 0.0)

    # ---- changes -----------------------------------------------------------------------------------

    def jumps(
        self, widest: Callable[[int], int], tail: float = 1e-16, wrt: sp.Symbol | None = None, *, explicit: bool = False
    ) -> list[StateJump]:
        """Jumps of all reactions, with equal changes combined.

        Bursts of geometric size are one jump with a tail, at most one of them in a reaction: if there are more, that of the
        largest mean.  All other bursts are a jump for each size.

        Parameters
        ----------
        widest : callable
            The largest burst of interest for the species of a number.
        tail : float
            Bursts whose total probability is below it are left out; what they carry leaves the set of states.
        wrt : Symbol, optional
            Give derivatives of the probabilities with respect to this parameter; without tails.
        explicit : bool
            Give a jump for each size of all bursts.
        """
        found: dict[tuple[tuple[int, ...], Tail | None], list[tuple[int, float]]] = {}
        for r, reaction in enumerate(self.network.reactions):
            sizes = [(self.network.states.index(s), b) for s, b in (reaction.bursts or {}).items()]
            long = None if explicit or wrt is not None else self._tail(sizes)
            if long is not None:
                sizes = [(i, b) for i, b in sizes if i != long.axis]
            tables = [probabilities(b.distribution, self._mean(b), widest(i), tail) for i, b in sizes]
            moved = [] if wrt is None else [self._slope(b, len(t), wrt) for (_, b), t in zip(sizes, tables, strict=True)]
            for counts in itertools.product(*(range(len(t)) for t in tables)):
                weight = np.prod([t[m] for t, m in zip(tables, counts, strict=True)])
                if wrt is not None:  # the product rule
                    weight = sum(
                        np.prod([(moved if j == k else tables)[j][m] for j, m in enumerate(counts)]) for k in range(len(counts))
                    )
                change = self.network.changes[:, r].copy()
                for (i, _), m in zip(sizes, counts, strict=True):
                    change[i] += m
                if long is not None:  # none in addition, or one and more
                    weight = weight * (1.0 - long.ratio)
                found.setdefault((tuple(map(int, change)), None), []).append((r, float(weight)))
                if long is not None:
                    change[long.axis] += 1
                    found.setdefault((tuple(map(int, change)), long), []).append((r, float(weight * long.ratio)))
        return [StateJump(change, tuple(parts), tail) for (change, tail), parts in found.items()]

    def _tail(self, sizes: Sequence[tuple[int, Any]]) -> Tail | None:
        """Of the geometric burst of the largest mean b: b/(1 + b) is the ratio of probabilities of successive sizes."""
        means = [(self._mean(b), i) for i, b in sizes if b.distribution == "geometric"]
        b, axis = max(means, default=(0.0, 0))
        return Tail(axis, b / (1.0 + b)) if b > 0.0 else None

    def _mean(self, burst: Any, wrt: sp.Symbol | None = None) -> float:
        expression = burst.mean if wrt is None else derivative(burst.mean, wrt)
        value = float(expression.xreplace({p: sp.Float(v) for p, v in self.values.items()}))
        if wrt is None and not 0 <= value < np.inf:
            raise SimulationError(f"the mean {burst.mean} of a burst is {value:g}; expected a number that is not negative")
        return value

    def _slope(self, burst: Any, size: int, wrt: sp.Symbol) -> np.ndarray:
        """Derivatives of the probabilities of sizes with respect to a parameter, through the mean."""
        return self._mean(burst, wrt) * slopes(burst.distribution, self._mean(burst), size)

    def parameter(self, key: Any) -> sp.Symbol:
        """The parameter that a symbol or name means."""
        if key is None:
            raise DeclarationError("wrt is missing: name the parameter, wrt='k'")
        return lookup(key, self.network.parameters, "parameter")

    def _conditions(self) -> dict[sp.Basic, tuple[float, sp.Expr]]:
        """Conditions on time alone, linear in it: when they change, and the difference of their sides."""
        time, found = self.network.time, {}
        swap = {p: sp.Float(v) for p, v in self.values.items()}
        for rate in self.network.propensities:
            for condition in rate.atoms(Relational):
                gap = (condition.lhs - condition.rhs).xreplace(swap)
                slope = gap.diff(time)
                if gap.free_symbols == {time} and slope.is_number and slope != 0:
                    found[condition] = (float(-gap.xreplace({time: sp.S.Zero}) / slope), gap)
        return found

    def breaks(self, start: float, end: float) -> list[float]:
        """Times at which rates may jump."""
        return sorted({when for when, _ in self._conditions().values() if start < when < end})

    def moves_between(self, start: float, end: float) -> bool:
        """Whether a rate depends on time between two breaks, where conditions on time are constant."""
        middle = {self.network.time: sp.Float((start + end) / 2)}
        truth = {c: c.func(gap.xreplace(middle), 0) for c, (_, gap) in self._conditions().items()}
        return any(self.network.time in rate.xreplace(truth).free_symbols for rate in self.network.propensities)
