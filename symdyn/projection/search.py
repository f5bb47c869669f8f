"""The set of states of a stationary distribution: as given, or enlarged until it does not matter any more."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError, SimulationError
from symdyn.projection.bounds import Bounds
from symdyn.projection.equation import MasterEquation
from symdyn.projection.generator import assemble
from symdyn.projection.growth import reachable
from symdyn.projection.initial import read_initial
from symdyn.projection.states import Listing, StateBox, StateSpace
from symdyn.projection.stationary import Stationary, detailed_balance, is_chain, solve
from symdyn.projection.transitions import StateJump, Transitions

__all__ = ["Found", "StationarySearch", "cropped", "warn_of_edge"]

#: First upper bounds by the number of species without one, and the factor by which they grow.
FIRST, GROWTH = {1: 4095, 2: 63, 3: 23}, 1.5
FIRST_OF_MANY = 11
#: That of one species where each size of a burst is a kind of jump of its own.
FIRST_WITH_BURSTS = 511
#: Probability in the tails that are cut off from the result where there was no upper bound.
TAIL = 1e-20
#: Probability at the edge above which a warning is given.
WORTH_A_WARNING = 1e-6


@dataclass(frozen=True, eq=False)
class Found:
    """A stationary distribution and its set of states.

    Attributes
    ----------
    leaving : (species,) float64
        Probability that the next jump would leave through the upper bound of each species.
    searched : str
        The bounds of the search.
    """

    space: StateSpace
    p: np.ndarray
    method: str
    edge_mass: float
    leaving: np.ndarray
    solution: Stationary | None
    searched: str


class StationarySearch:
    """Stationary distributions on larger and larger sets."""

    def __init__(self, equation: MasterEquation, transitions: Transitions, initial: Any) -> None:
        self.equation, self.transitions = equation, transitions
        self.network = equation.network
        self.start: tuple[np.ndarray, np.ndarray] | None = None
        if initial is not None or len(self.network.initial) == len(self.network.states):
            self.start = read_initial(self.network, initial, transitions.values)

    def run(self, tolerance: float, *, factors: bool = False) -> Found:
        """The distribution on the box that was given, or on one that is large enough."""
        lower = np.array(self.equation.lower)
        fixed = np.array([b is not None for b in self.equation.upper])
        if fixed.all():
            return self._solve(np.array(self.equation.upper, dtype=np.int64), factors=factors)
        first = FIRST.get(int((~fixed).sum()), FIRST_OF_MANY)
        if any(_listed((r.bursts or {}).values()) for r in self.network.reactions):
            first = min(first, FIRST_WITH_BURSTS)
        upper = np.array([lower[i] + first if b is None else b for i, b in enumerate(self.equation.upper)])
        if self.start is not None:
            upper = np.where(fixed, upper, np.maximum(upper, 2 * self.start[0].max(axis=0)))
        before: np.ndarray | None = None
        while True:
            found = self._solve(upper, factors=factors)
            now = self._moments(found)
            settled = before is not None and bool(np.allclose(now, before, rtol=np.sqrt(tolerance), atol=np.sqrt(tolerance)))
            open_ = ~fixed & (found.leaving > tolerance)
            if not open_.any() and (settled or found.edge_mass < tolerance**2 or found.leaving[~fixed].max() == 0.0):
                return found
            grow = open_ if open_.any() else ~fixed & (found.leaving > 0.0)
            upper = np.where(grow, (upper - lower) * GROWTH + 8 + lower, upper).astype(np.int64)
            before = now

    def _moments(self, found: Found) -> np.ndarray:
        n = found.space.states
        mean = found.p @ n
        return np.concatenate([mean, found.p @ (n - mean) ** 2])

    def _space(self, upper: np.ndarray, jumps: list[StateJump]) -> StateSpace:
        """All states of the box; or those that can be reached, where conservation laws leave few of them."""
        lower = np.array(self.equation.lower)
        changes = np.array([j.change for j in jumps])
        box = StateBox(tuple(map(int, lower)), tuple(map(int, upper - lower + 1)))
        if self.equation.box is not None or np.linalg.matrix_rank(changes) == len(lower):
            if box.size > self.equation.max_states:
                raise SimulationError(
                    f"a stationary distribution on {box.size} states was called for, more than max_states="
                    f"{self.equation.max_states}; is there one? If so raise max_states or tolerance, or give upper bounds"
                )
            return box
        if self.start is None:
            raise DeclarationError(
                f"numbers of {', '.join(self.network.names)} obey a conservation law, so the stationary distribution depends "
                "on where the process starts: give initial={...}, or upper bounds of all species"
            )
        bounds = Bounds(lower, upper, self.equation.max_states)
        inside = self.start[0][bounds.inside(self.start[0])]
        if not len(inside):
            raise DeclarationError("the initial state lies outside the bounds; raise upper")
        seed = Listing.unique(inside, np.abs(changes).max(axis=0))
        return reachable(seed.states, seed, self.transitions, jumps, bounds)

    def _solve(self, upper: np.ndarray, *, factors: bool) -> Found:
        lower = np.array(self.equation.lower)
        jumps = self.transitions.jumps(lambda i: int(upper[i] - lower[i]), explicit=factors)
        space = self._space(upper, jumps)
        rates = self.transitions.propensities(space)
        generator = assemble(space, rates, jumps, reflecting=True)
        solution, p, method = None, None, "detailed balance"
        if is_chain(space, jumps) and not factors:
            p = detailed_balance(generator)
        if p is None:
            method = "elimination"
            start = None
            if self.start is not None:
                index = space.locate(self.start[0])
                start = np.bincount(index[index >= 0], weights=self.start[1][index >= 0], minlength=space.size)
                start = start if start.any() else None
            solution = solve(space, generator, start, factors=factors)
            p = solution.p
        edge, leaving = _edges(space, p, rates, jumps, lower, upper)
        names = self.network.names
        searched = ", ".join(f"{s} {a}..{b}" for s, a, b in zip(names, lower, upper, strict=True))
        return Found(space, p, method, edge, leaving, solution, searched)


def _listed(bursts: Iterable[Any]) -> bool:
    """Whether sizes of some bursts are jumps of their own: all but one of geometric size."""
    kinds = [b.distribution for b in bursts]
    return len(kinds) > 1 or kinds not in ([], ["geometric"])


def _edges(
    space: StateSpace, p: np.ndarray, rates: list[np.ndarray], jumps: list[StateJump], lower: np.ndarray, upper: np.ndarray
) -> tuple[float, np.ndarray]:
    """Probability that the next jump would leave, and through which upper bounds."""
    total = np.sum(rates, axis=0).ravel()
    share = np.where(total > 0, p / np.where(total > 0, total, 1.0), 0.0)
    used = np.zeros(space.size)  # rate of the jumps that are listed: those of longer bursts leave
    leaving, edge = np.zeros(len(lower)), 0.0
    states = space.states
    for jump in jumps:
        flow = jump.flow(rates).ravel()
        out = np.zeros(space.size)  # part of the jumps that leave
        if jump.tail is not None:
            axis, ratio = jump.tail.axis, jump.tail.ratio
            flow = flow / (1 - ratio)
            out = np.power(ratio, np.maximum(upper[axis] + 1 - jump.change[axis] - states[:, axis], 0.0))
            leaving[axis] += share @ (flow * out)
        used += flow
        for i, c in enumerate(jump.change):
            if c > 0 and (jump.tail is None or i != jump.tail.axis):
                beyond = states[:, i] > upper[i] - c
                leaving[i] += share[beyond] @ flow[beyond]
                out[beyond] = 1.0
            elif c < 0:
                out[states[:, i] < lower[i] - c] = 1.0
        edge += float(share @ (flow * out))
    longer = float(share @ np.maximum(total - used, 0.0))
    return float(edge) + longer, leaving


def cropped(found: Found, free: Sequence[bool]) -> tuple[StateSpace, np.ndarray]:
    """The distribution without its upper tails in species without upper bound."""
    if not isinstance(found.space, StateBox) or not any(free):
        return found.space, found.p
    p = found.p.reshape(found.space.shape)
    for axis, cut in enumerate(free):
        if cut:
            marginal = p.sum(axis=tuple(k for k in range(p.ndim) if k != axis))
            beyond = np.cumsum(marginal[::-1])[::-1]
            p = p[(slice(None),) * axis + (slice(max(1, int((beyond > TAIL).sum()))),)]
    return StateBox(found.space.lower, p.shape), np.ascontiguousarray(p).ravel()


def warn_of_edge(found: Found) -> None:
    """Say so if the bounds are felt."""
    if found.edge_mass > WORTH_A_WARNING:
        warnings.warn(
            f"the bounds cut off jumps of a probability of {found.edge_mass:.1e}; the stationary distribution depends on them: "
            "widen them, or leave upper out",
            stacklevel=3,
        )
