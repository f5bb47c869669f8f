"""A set of states that follows the probability: it grows where probability leaks out and drops what has become negligible."""

from __future__ import annotations

import numpy as np

from symdyn.errors import SimulationError
from symdyn.projection.bounds import Bounds
from symdyn.projection.evolve import Clock, Exponential, Modulated
from symdyn.projection.generator import Runs, assemble
from symdyn.projection.growth import COMMON, followed, length, reachable, usual
from symdyn.projection.states import Listing
from symdyn.projection.transitions import StateJump, Transitions

__all__ = ["INTEGRATOR", "Growing"]

#: Parts of the tolerance that leaks, dropped states and the integrator may use up.
LEAK, TRIM, INTEGRATOR = 0.5, 0.2, 0.05
#: The set grows by at least this many jumps, and by this part of its own width.
LAYERS, GROWTH = 8, 0.15
#: Smallest fraction of dropped states for which the set is renumbered.
RENUMBERED = 0.2
#: Least number of searches for states to drop, and the flow through those as a fraction of the allowed loss.
LOOKS, PASSING = 24, 0.3
#: Largest number of extensions, each twice as far, without progress in time.
TRIES = 10


class Growing:
    """Integration on a list of states that changes on the way.

    All that leaves the list, or is dropped with states, is missing from the sum of probabilities: what is missing bounds
    the error at every time (Munsky and Khammash, J. Chem. Phys. 124 (2006) 044104).
    """

    def __init__(self, transitions: Transitions, jumps: list[StateJump], bounds: Bounds, *, trimming: bool) -> None:
        self.transitions, self.jumps, self.trimming = transitions.stopped_outside(bounds.inside), jumps, trimming
        # states just outside are listed too, where the process stops: what is in them has left for good
        open_ = np.full_like(bounds.upper, np.iinfo(np.int64).max)
        self.within, self.bounds = bounds, Bounds(-open_, open_, bounds.limit)
        changes = np.array([j.change for j in jumps])
        self.span = np.abs(changes).max(axis=0)
        self.reach = usual(jumps, transitions.network.changes)
        self.followed = followed(self.reach, len(transitions.moving))
        single = [np.abs(j.change) for j in self.reach if j.tail is None]
        self.step = np.maximum(1, np.quantile(single, 0.5, axis=0)) if single else np.ones(len(self.span))
        for jump in self.reach:
            if jump.tail is not None:
                self.step[jump.tail.axis] = max(self.step[jump.tail.axis], length(jump.tail))

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
        looks = start + horizon * np.arange(1, LOOKS) / LOOKS if self.trimming else np.array([])
        flow = self.flow(space, start)
        while True:
            stop = min((s for s in looks if s > clock.time), default=times[-1])
            due = times[len(results) : np.searchsorted(times, stop, side="right")]
            stops = due if due.size and due[-1] == stop else np.append(due, stop)
            out = np.empty((stops.size, p.size))
            done = flow.advance(p, clock, stops, out)
            results += [(space, row) for row in out[: min(done, due.size)]]
            if len(results) == times.size:
                return self._inside(results)
            allowed = TRIM * tolerance * (clock.time - trimmed) / horizon if self.trimming else 0.0
            if done == stops.size:
                smaller, p, dropped = self._trim(space, p, clock, np.array([], dtype=np.int64), allowed)
                if dropped:
                    clock.floor, trimmed, space = clock.floor - dropped, clock.time, smaller
                    flow = self.flow(space, clock.time)
                continue
            widths = (space.states.max(axis=0) - space.states.min(axis=0)) / self.step
            more = max(LAYERS, int(GROWTH * widths.max()))
            tries = tries + 1 if clock.time <= before else 0
            if tries > TRIES:
                raise SimulationError(
                    f"probability leaks out of the set at time {clock.time:g} for any size of it; raise tolerance, or give "
                    "upper bounds"
                )
            layers, before = more * 2**tries, clock.time
            leaking = self._leaks(space, p, clock, everywhere=tries > 1)
            smaller, p, dropped = self._trim(space, p, clock, leaking, allowed)
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
        generator = assemble(space, rates, self.reach, reflecting=False)
        total = -generator.rates[0]
        exits = generator.exits()
        for r, a in enumerate(rates):  # long bursts leave from everywhere, and do not make an edge
            exits -= (1 - self.followed[r]) * a
        for jump in self.reach:
            if jump.tail is not None:
                flow = jump.flow(rates) / (1 - jump.tail.ratio)
                begins = space.sources([-c for c in jump.change])  # where the shortest of these jumps ends
                stay = np.where(
                    begins >= 0, Runs.along(space, jump.tail).ahead(np.full(space.size, 1 - jump.tail.ratio))[begins], 0
                )
                exits -= np.where(1 - stay <= COMMON, (1 - stay) * flow, 0.0)
        edge = np.flatnonzero(exits > 1e-9 * total)
        lost = exits[edge] * np.maximum(p[edge], 0.0)
        order = np.argsort(lost)
        negligible = np.cumsum(lost[order]) < 1e-3 * clock.loss
        chosen = edge[order[~negligible]]
        return chosen if chosen.size and not everywhere else edge

    def _trim(
        self, space: Listing, p: np.ndarray, clock: Clock, needed: np.ndarray, budget: float
    ) -> tuple[Listing, np.ndarray, float]:
        """Drop the least probable states, except those `needed`.

        Their total probability is at most `budget`, and the flow through them at most the loss at the edge, so that
        short-lived intermediate states are retained.
        """
        if budget <= 0.0:
            return space, p, 0.0
        passing = np.sum(self.transitions.propensities(space, clock.time), axis=0)
        part = np.maximum(p, 0.0) * (1.0 / budget + passing / (PASSING * clock.loss))
        order = np.argsort(part)
        gone = np.zeros(space.size, dtype=bool)
        gone[order[np.cumsum(part[order]) <= 1.0]] = True
        gone[needed] = False
        if gone.sum() < RENUMBERED * space.size or gone.all():
            return space, p, 0.0
        return Listing(space.states[~gone], space.span), p[~gone], float(p[gone].sum())


def carry(p: np.ndarray, old: Listing, new: Listing) -> np.ndarray:
    """`p` on a larger list."""
    values = np.zeros(new.size)
    values[new.locate(old.states)] = p
    return values
