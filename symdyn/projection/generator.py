"""The generator of the master equation on a set of states, as the kernels hold it and as a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as ss

from symdyn.projection.states import Box, StateSpace
from symdyn.projection.transitions import Jump

__all__ = ["Generator", "assemble", "augmented"]

NO_SOURCES = np.empty((0, 0), dtype=np.uint32)


@dataclass(frozen=True, eq=False)
class Generator:
    """Rates as `symdyn_kernels.sparse` describes them: by shifts of the index in boxes, by sources in lists.

    Attributes
    ----------
    rates : (1 + D, n) float64
        The diagonal, and for each kind of jump the rate at which it ends in a state.
    offsets : (D,) int64
    sources : (D, n) or (0, 0) uint32
    """

    rates: np.ndarray
    offsets: np.ndarray
    sources: np.ndarray

    @property
    def size(self) -> int:
        """Number of states."""
        return self.rates.shape[1]

    @property
    def nonzeros(self) -> int:
        """Number of rates that are not zero, diagonal included."""
        return int(np.count_nonzero(self.rates))

    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates, ends and beginnings of all jumps, without the diagonal."""
        kind, end = np.nonzero(self.rates[1:])
        begin = self.sources[kind, end].astype(np.int64) if self.sources.size else end - self.offsets[kind]
        return self.rates[1 + kind, end], end, begin

    def matrix(self) -> ss.csc_array:
        """A as a sparse matrix, column the state that is left."""
        rates, end, begin = self.entries()
        diagonal = np.arange(self.size)
        values, rows = np.concatenate([rates, self.rates[0]]), np.concatenate([end, diagonal])
        return ss.coo_array((values, (rows, np.concatenate([begin, diagonal]))), shape=(self.size, self.size)).tocsc()

    def exits(self) -> np.ndarray:
        """Rate at which each state is left for states outside."""
        rates, _, begin = self.entries()
        return -self.rates[0] - np.bincount(begin, weights=rates, minlength=self.size)


def assemble(space: StateSpace, propensities: Sequence[np.ndarray], jumps: Sequence[Jump], *, reflecting: bool) -> Generator:
    """The generator on `space`.

    Jumps that leave the set carry probability away, or do not happen if it is `reflecting`.
    """
    inner = [j for j in jumps if any(j.change) and (not isinstance(space, Box) or space.fits(j.change))]
    rates = np.zeros((1 + len(inner), space.size))
    sources = NO_SOURCES if isinstance(space, Box) else np.zeros((len(inner), space.size), dtype=np.uint32)
    diagonal = rates[0].reshape(space.shape)
    if not reflecting:
        for a in propensities:
            diagonal -= a
        for jump in jumps:
            if not any(jump.change):  # an empty burst changes nothing
                diagonal += _flow(propensities, jump)
    for d, jump in enumerate(inner):
        flow = _flow(propensities, jump)
        if isinstance(space, Box):
            begin, end = space.move(jump.change)
            rates[1 + d].reshape(space.shape)[end] = flow[begin]
            if reflecting:
                diagonal[begin] -= flow[begin]
        else:
            source = space.sources(jump.change)
            inside = source >= 0
            sources[d] = np.where(inside, source, 0)
            rates[1 + d] = np.where(inside, flow[source], 0.0)
            if reflecting:
                diagonal -= np.bincount(source[inside], weights=rates[1 + d, inside], minlength=space.size)
    offsets = [space.offset(j.change) for j in inner] if isinstance(space, Box) else []
    return Generator(rates, np.array(offsets, dtype=np.int64), sources)


def _flow(propensities: Sequence[np.ndarray], jump: Jump) -> np.ndarray:
    terms = [propensities[r] if w == 1.0 else w * propensities[r] for r, w in jump.parts]
    return sum(terms[1:], start=terms[0])


def augmented(generator: Generator, slope: Generator) -> Generator:
    """The generator of (p, s) with ``p' = A p`` and ``s' = A s + B p``; `slope` is B, on the same states."""
    n, boxed = generator.size, not generator.sources.size
    nothing = np.zeros_like(slope.rates)
    rates = np.vstack([np.tile(generator.rates, 2), np.hstack([nothing, slope.rates])])
    if boxed:
        offsets = np.concatenate([generator.offsets, [n], slope.offsets + n])
        return Generator(rates, offsets, NO_SOURCES)
    own = np.arange(n, dtype=np.uint32)
    below = np.vstack([own[None], slope.sources])
    sources = np.vstack([np.hstack([generator.sources, generator.sources + np.uint32(n)]), np.hstack([below, below])])
    return Generator(rates, np.array([], dtype=np.int64), np.ascontiguousarray(sources))
