"""A set of states that follows the probability: it grows where probability leaks out and drops what has become negligible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.errors import SimulationError
from symdyn.projection.evolve import Clock, Exponential, Modulated
from symdyn.projection.generator import assemble
from symdyn.projection.states import Listing
from symdyn.projection.transitions import Jump, Transitions

__all__ = ["Bounds", "Growing", "reachable"]

#: Parts of the tolerance that leaks, dropped states and the integrator may use up.
LEAK, TRIM, INTEGRATOR = 0.5, 0.2, 0.05
#: The set grows by at least this many jumps, and by this part of its own width.
LAYERS, GROWTH = 8, 0.15
#: Fewer dropped states than this part are not worth the renumbering.
WORTH = 0.2
#: Probability of a size of a burst, relative to the likeliest one, above which the set grows by such bursts.
COMMON = 0.3
#: Times that the set may grow, each time twice as far, without any progress in time.
TRIES = 10


@dataclass(frozen=True)
class Bounds:
    """How far states may go, and how many of them there may be.

    Attributes
    ----------
    lower, upper : (species,) int64
    limit : int
        Number of states beyond which it is an error to go on.
    """

    lower: np.ndarray
    upper: np.ndarray
    limit: int

    def inside(self, states: np.ndarray) -> np.ndarray:
        """Which states are within the bounds."""
        return np.all((states >= self.lower) & (states <= self.upper), axis=1)

    def check(self, size: int, names: Sequence[str], states: np.ndarray) -> None:
        """Refuse sets beyond the limit."""
        if size > self.limit:
            low, high = states.min(axis=0), states.max(axis=0)
            reach = ", ".join(f"{s} {a}..{b}" for s, a, b in zip(names, low, high, strict=True))
            raise SimulationError(
                f"the state space has grown to {size} states ({reach}), more than max_states={self.limit}; raise max_states or "
                "tolerance, give upper bounds, or simulate with method='ssa'"
            )


def neighbours(
    frontier: np.ndarray, transitions: Transitions, jumps: Sequence[Jump], bounds: Bounds, time: float
) -> np.ndarray:
    """States that one jump reaches from the states `frontier`, within bounds; some may be listed twice."""
    rates = transitions.propensities(Listing(frontier, np.zeros(frontier.shape[1], dtype=np.int64)), time)
    order = Listing(frontier, np.zeros(frontier.shape[1], dtype=np.int64)).states
    found = [frontier[:0]]
    for jump in jumps:
        possible = np.zeros(len(frontier), dtype=bool)
        for r, _ in jump.parts:
            possible |= rates[r] > 0.0
        new = order[possible] + np.array(jump.change)
        found.append(new[bounds.inside(new)])
    return np.concatenate(found)


def reachable(
    seed: np.ndarray,
    known: Listing,
    transitions: Transitions,
    jumps: Sequence[Jump],
    bounds: Bounds,
    *,
    layers: int | None = None,
    time: float = 0.0,
) -> Listing:
    """`known` and all states that some jumps reach from `seed`; without a number of jumps, however many."""
    frontier, count = seed, 0
    while len(frontier) and (layers is None or count < layers):
        new = neighbours(frontier, transitions, jumps, bounds, time)
        if not len(new):
            break
        fresh = Listing.unique(new, np.zeros(new.shape[1], dtype=np.int64)).states
        frontier = fresh[known.locate(fresh) < 0]
        if len(frontier):
            known = Listing(np.concatenate([known.states, frontier]), known.span)
            bounds.check(known.size, transitions.network.names, known.states)
        count += 1
    return known


def usual(jumps: Sequence[Jump]) -> list[Jump]:
    """Jumps without long bursts, by which a set grows: a set that followed every burst to its tail would be far too large."""
    likeliest: dict[int, float] = {}
    for jump in jumps:
        for r, w in jump.parts:
            likeliest[r] = max(w, likeliest.get(r, 0.0))
    common = [j.change for j in jumps if any(w > COMMON * likeliest[r] for r, w in j.parts)]
    longest = np.abs(common).max(axis=0)
    return [j for j in jumps if (np.abs(j.change) <= longest).all()]


class Growing:
    """Integration on a list of states that changes on the way.

    All that leaves the list, or is dropped with states, is missing from the sum of probabilities: what is missing bounds
    the error at every time (Munsky and Khammash, J. Chem. Phys. 124 (2006) 044104).
    """

    def __init__(self, transitions: Transitions, jumps: list[Jump], bounds: Bounds, *, trimming: bool) -> None:
        self.transitions, self.jumps, self.trimming = transitions.stopped_outside(bounds.inside), jumps, trimming
        # states just outside are listed too, where the process stops: what is in them has left for good
        open_ = np.full_like(bounds.upper, np.iinfo(np.int64).max)
        self.within, self.bounds = bounds, Bounds(-open_, open_, bounds.limit)
        changes = np.array([j.change for j in jumps])
        self.span = np.abs(changes).max(axis=0)
        self.reach = usual(jumps)
        self.followed = np.zeros(len(transitions.moving))  # part of the jumps of each reaction
        for r, weight in (part for j in self.reach for part in j.parts):
            self.followed[r] += weight
        self.step = np.maximum(1, np.quantile([np.abs(j.change) for j in self.reach], 0.5, axis=0))

    def start(self, states: np.ndarray, p: np.ndarray, time: float) -> tuple[Listing, np.ndarray]:
        """The first list, about an initial distribution."""
        space = Listing.unique(states, self.span)
        values = np.zeros(space.size)
        np.add.at(values, space.locate(states), p)
        larger = reachable(space.states, space, self.transitions, self.reach, self.bounds, layers=LAYERS, time=time)
        return larger, carry(values, space, larger)

    def flow(self, space: Listing, time: float) -> Exponential | Modulated:
        """What advances distributions on `space`."""
        if any(self.transitions.moving):
            return Modulated(space, self.transitions, self.jumps, "krylov")
        rates = self.transitions.propensities(space, time)
        return Exponential(assemble(space, rates, self.jumps, reflecting=False), "krylov")

    def run(
        self, space: Listing, p: np.ndarray, times: np.ndarray, start: float, tolerance: float
    ) -> list[tuple[Listing, np.ndarray]]:
        """Distributions at `times`, each on a list of its own."""
        horizon = max(times[-1] - start, 1e-300)
        clock = Clock(start, error=INTEGRATOR * tolerance / horizon, loss=LEAK * tolerance / horizon, floor=float(p.sum()))
        results: list[tuple[Listing, np.ndarray]] = []
        tries, before, trimmed = 0, -np.inf, start
        flow = self.flow(space, start)
        while True:
            left = times[len(results) :]
            out = np.empty((left.size, p.size))
            done = flow.advance(p, clock, left, out)
            results += [(space, row) for row in out[:done]]
            if done == left.size:
                return self._inside(results)
            widths = (space.states.max(axis=0) - space.states.min(axis=0)) / self.step
            more = max(LAYERS, int(GROWTH * widths.max()))
            tries = tries + 1 if clock.time <= before else 0
            if tries > TRIES:
                raise SimulationError(
                    f"probability leaks out of the set at time {clock.time:g} however large it is; raise tolerance, or give "
                    "upper bounds"
                )
            layers, before = more * 2**tries, clock.time
            leaking = self._leaks(space, p, clock, everywhere=tries > 1)
            spent = TRIM * tolerance * (clock.time - trimmed) / horizon if self.trimming else 0.0
            smaller, p, dropped = self._trim(space, p, leaking, spent)
            if dropped:
                clock.floor -= dropped
                trimmed = clock.time
            larger = reachable(
                smaller.states[leaking if smaller is space else smaller.locate(space.states[leaking])],
                smaller, self.transitions, self.reach, self.bounds, layers=layers, time=clock.time,
            )  # fmt: skip
            space, p = larger, carry(p, smaller, larger)
            flow = self.flow(space, clock.time)

    def _inside(self, results: list[tuple[Listing, np.ndarray]]) -> list[tuple[Listing, np.ndarray]]:
        """Results without the states outside."""
        parts: dict[int, tuple[Listing, np.ndarray]] = {}
        for space, _ in results:
            if id(space) not in parts:
                kept = self.within.inside(space.states)
                if not kept.any():
                    raise SimulationError("all probability has left the bounds; raise upper, or leave it out")
                parts[id(space)] = (space if kept.all() else Listing(space.states[kept], space.span), kept)
        return [(parts[id(space)][0], p[parts[id(space)][1]]) for space, p in results]

    def _leaks(self, space: Listing, p: np.ndarray, clock: Clock, *, everywhere: bool) -> np.ndarray:
        """Numbers of the states through which nearly all is lost that is lost; of all at the edge if that is not known yet."""
        rates = self.transitions.propensities(space, clock.time)
        total = -assemble(space, rates, self.reach, reflecting=False).rates[0]
        exits = total + assemble(space, rates, self.reach, reflecting=True).rates[0]
        for r, a in enumerate(rates):  # long bursts leave from everywhere, and do not make an edge
            exits -= (1 - self.followed[r]) * a
        edge = np.flatnonzero(exits > 1e-9 * total)
        lost = exits[edge] * np.maximum(p[edge], 0.0)
        order = np.argsort(lost)
        negligible = np.cumsum(lost[order]) < 1e-3 * clock.loss
        chosen = edge[order[~negligible]]
        return chosen if chosen.size and not everywhere else edge

    def _trim(self, space: Listing, p: np.ndarray, needed: np.ndarray, budget: float) -> tuple[Listing, np.ndarray, float]:
        """Drop the least probable states, except those `needed`, while all of them together hold no more than `budget`."""
        order = np.argsort(p)
        gone = np.zeros(space.size, dtype=bool)
        gone[order[np.cumsum(np.maximum(p[order], 0.0)) <= budget]] = True
        gone[needed] = False
        if budget == 0.0 or gone.sum() < WORTH * space.size or gone.all():
            return space, p, 0.0
        return Listing(space.states[~gone], space.span), p[~gone], float(p[gone].sum())


def carry(p: np.ndarray, old: Listing, new: Listing) -> np.ndarray:
    """`p` on a larger list."""
    values = np.zeros(new.size)
    values[new.locate(old.states)] = p
    return values
