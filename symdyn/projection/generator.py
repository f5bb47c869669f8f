"""The generator of the master equation on a set of states, as the kernels hold it and as a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as ss
from symdyn_kernels.arguments.projection import GeneratorArrays as Arrays

from symdyn.projection.kernel import driver
from symdyn.projection.states import StateBox, StateSpace
from symdyn.projection.transitions import StateJump, Tail

__all__ = ["Generator", "Runs", "assemble", "augmented"]

NO_SOURCES = np.empty((0, 0), dtype=np.uint32)
#: Part of the probability of the shortest jump of a tail below which longer ones are left out of matrices.
NEGLIGIBLE = 1e-18


@dataclass(frozen=True, eq=False)
class Runs:
    """States in lines along a species, for jumps of geometric size.

    Attributes
    ----------
    previous : (n,) uint32
        The state before; at the begin of a line the state itself.
    decay : (n,) float64
        What is left of a flow from there: the ratio of the tail to the power of the distance; 0 at the begin of a line.
    """

    previous: np.ndarray
    decay: np.ndarray

    @classmethod
    def along(cls, space: StateSpace, tail: Tail) -> Runs:
        """The lines of a set of states."""
        previous, step = space.runs(tail.axis)
        return cls(previous.astype(np.uint32), np.where(step > 0, tail.ratio**step, 0.0))

    def ahead(self, values: np.ndarray) -> np.ndarray:
        """At each state the sum of `values` from it on, each times the fraction of a flow that reaches it."""
        total = np.array(values, dtype=float)
        driver().backward(self.previous, self.decay, total)
        return total

    def following(self) -> np.ndarray:
        """The state after each, -1 at the end of a line."""
        after = np.full(self.previous.size, -1, dtype=np.int64)
        inner = np.flatnonzero(self.decay > 0.0)
        after[self.previous[inner]] = inner
        return after


@dataclass(frozen=True, eq=False)
class Generator:
    """Rates as `symdyn_kernels.sparse` describes them: by shifts of the index in boxes, by sources in lists.

    Attributes
    ----------
    rates : (1 + D, n) float64
        The diagonal, and for each kind of jump the rate at which it ends in a state.
    offsets : (D,) int64
    sources : (D, n) or (0, 0) uint32
    starts : (G + 1,) int64
        Kinds from ``starts[g]`` to ``starts[g + 1]`` are the shortest of jumps of geometric size, which continue along
        ``runs[g]``; those before ``starts[0]`` are single jumps.
    runs : tuple of Runs
    """

    rates: np.ndarray
    offsets: np.ndarray
    sources: np.ndarray
    starts: np.ndarray
    runs: tuple[Runs, ...] = field(default=())

    @property
    def size(self) -> int:
        """Number of states."""
        return self.rates.shape[1]

    @property
    def nonzeros(self) -> int:
        """Number of rates that are not zero, diagonal included; of jumps of geometric size the shortest alone."""
        return int(np.count_nonzero(self.rates))

    def arrays(self) -> Arrays:
        """What the kernels take."""
        n = self.size
        previous = np.array([r.previous for r in self.runs], dtype=np.uint32).reshape(-1, n)
        decay = np.array([r.decay for r in self.runs], dtype=float).reshape(-1, n)
        work = np.empty(n if self.runs else 0)
        return Arrays(np.ascontiguousarray(self.rates), self.offsets, self.sources, self.starts, previous, decay, work)

    def shortest(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates, ends and beginnings of the kinds of jumps from `first` to `last`, with any tails."""
        kind, end = np.nonzero(self.rates[1 + first : 1 + last])
        kind += first
        begin = self.sources[kind, end].astype(np.int64) if self.sources.size else end - self.offsets[kind]
        return self.rates[1 + kind, end], end, begin

    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates, ends and beginnings of all jumps, without the diagonal."""
        found = [self.shortest(0, int(self.starts[0]))]
        for g, run in enumerate(self.runs):
            rate, end, begin = self.shortest(*self.starts[g : g + 2])
            after, floor = run.following(), rate * NEGLIGIBLE
            while rate.size:
                found.append((rate, end, begin))
                end = after[end]
                rate = np.where(end >= 0, rate * run.decay[end], 0.0)
                kept = rate > floor
                rate, end, begin, floor = rate[kept], end[kept], begin[kept], floor[kept]
        rates, ends, begins = (np.concatenate(part) for part in zip(*found, strict=True))
        return rates, ends, begins

    def matrix(self) -> ss.csc_array:
        """A as a sparse matrix, column the state that is left."""
        rates, end, begin = self.entries()
        diagonal = np.arange(self.size)
        values, rows = np.concatenate([rates, self.rates[0]]), np.concatenate([end, diagonal])
        return ss.coo_array((values, (rows, np.concatenate([begin, diagonal]))), shape=(self.size, self.size)).tocsc()

    def exits(self) -> np.ndarray:
        """Rate at which each state is left for states outside."""
        return -self.rates[0] - self.sums(np.ones(self.size))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """For each state the sum over jumps that begin there, of the rate times the value where they end."""
        rate, end, begin = self.shortest(0, int(self.starts[0]))
        total = np.bincount(begin, weights=rate * values[end], minlength=self.size).astype(float)
        for g, run in enumerate(self.runs):
            rate, end, begin = self.shortest(*self.starts[g : g + 2])
            total += np.bincount(begin, weights=rate * run.ahead(values)[end], minlength=self.size)
        return total


def assemble(
    space: StateSpace, propensities: Sequence[np.ndarray], jumps: Sequence[StateJump], *, reflecting: bool
) -> Generator:
    """The generator on `space`.

    Jumps that leave the set carry probability away, or do not happen if it is `reflecting`.  Jumps of geometric size pass
    gaps in a list, but leave it if the state where the shortest of them ends is missing.
    """
    moving = [j for j in jumps if any(j.change) or j.tail is not None]
    inner = [j for j in moving if not isinstance(space, StateBox) or space.fits(j.change)]
    tails = list(dict.fromkeys(j.tail for j in inner if j.tail is not None))
    inner.sort(key=lambda j: -1 if j.tail is None else tails.index(j.tail))
    runs = tuple(Runs.along(space, tail) for tail in tails)
    starts = np.searchsorted([-1 if j.tail is None else tails.index(j.tail) for j in inner], np.arange(len(tails) + 1))
    rates = np.zeros((1 + len(inner), space.size))
    sources = NO_SOURCES if isinstance(space, StateBox) else np.zeros((len(inner), space.size), dtype=np.uint32)
    diagonal = rates[0].reshape(space.shape)
    if not reflecting:
        for a in propensities:
            diagonal -= a
        for jump in jumps:
            if not any(jump.change) and jump.tail is None:  # an empty burst changes nothing
                diagonal += jump.flow(propensities)
    for d, jump in enumerate(inner):
        flow = jump.flow(propensities)
        if isinstance(space, StateBox):
            begin, end = space.move(jump.change)
            rates[1 + d].reshape(space.shape)[end] = flow[begin]
        else:
            source = space.sources(jump.change)
            inside = source >= 0
            sources[d] = np.where(inside, source, 0)
            rates[1 + d] = np.where(inside, flow[source], 0.0)
    offsets = [space.offset(j.change) for j in inner] if isinstance(space, StateBox) else []
    generator = Generator(rates, np.array(offsets, dtype=np.int64), sources, starts.astype(np.int64), runs)
    if reflecting:
        rates[0] = -generator.sums(np.ones(space.size))
    return generator


def augmented(generator: Generator, slope: Generator) -> Generator:
    """The generator of (p, s) with ``p' = A p`` and ``s' = A s + B p``; `slope` is B, on the same states; without tails."""
    n, boxed = generator.size, not generator.sources.size
    nothing = np.zeros_like(slope.rates)
    rates = np.vstack([np.tile(generator.rates, 2), np.hstack([nothing, slope.rates])])
    starts = np.array([len(rates) - 1])
    if boxed:
        offsets = np.concatenate([generator.offsets, [n], slope.offsets + n])
        return Generator(rates, offsets, NO_SOURCES, starts)
    own = np.arange(n, dtype=np.uint32)
    below = np.vstack([own[None], slope.sources])
    sources = np.vstack([np.hstack([generator.sources, generator.sources + np.uint32(n)]), np.hstack([below, below])])
    return Generator(rates, np.array([], dtype=np.int64), np.ascontiguousarray(sources), starts)
