"""Statistics of an ensemble, gathered while it runs: the trajectories are never all in memory.

Trajectories are reduced in blocks of a fixed size, and blocks are merged in their order, so that neither chunks, threads nor
processes change a bit of the result.  The statistics of a chunk of blocks are sent and stored as `Statistics.arrays`, and
merged with those of the preceding blocks.  Values that are not finite, such as those of trajectories that failed, are
excluded; `Statistics.result` has under ``count`` how many remain.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["BLOCK", "REDUCTIONS", "SUMMED", "Statistics", "blocks", "read_reductions"]

#: Trajectories in a block.
BLOCK = 1024
BINS, FINE_BINS = 64, 4096
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
REDUCTIONS = ("mean", "var", "std", "min", "max", "quantile", "histogram")
#: Those that follow from count, mean, sum of squares, least and greatest value of blocks, which a card computes by itself.
SUMMED = ("mean", "var", "std", "min", "max")


def blocks(start: int, stop: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Point, first row and that after the last, of each block between two rows, with `count` trajectories to a point.

    >>> list(blocks(0, 4000, 2000))
    [(0, 0, 1024), (0, 1024, 2000), (1, 2000, 3024), (1, 3024, 4000)]
    """
    row = start
    while row < stop:
        point, within = divmod(row, count)
        assert within % BLOCK == 0  # chunks begin and end at the bounds of blocks
        end = min(stop, row + BLOCK, (point + 1) * count)
        yield point, row, end
        row = end


class Statistic(ABC):
    """A statistic accumulated over blocks ``(trajectory, time, variable)`` in which NaN means missing."""

    #: Names of the arrays of accumulated values.
    fields: ClassVar[tuple[str, ...]]

    @abstractmethod
    def add(self, block: np.ndarray) -> None:
        """Accumulate one block."""

    @abstractmethod
    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Merge the `fields` of another that accumulated the subsequent blocks."""


class MomentSums(Statistic):
    """Count, mean and central sum of squares, merged by the formula of Chan, Golub & LeVeque (1979).

    Sums of floating point numbers depend on their order: the moments of each block, (block, 3, ...), are kept separate until
    all preceding blocks are merged, when `merge` adds them one by one.
    """

    fields = ("blocks",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.blocks, self.total = np.zeros((0, 3, *shape)), np.zeros((3, *shape))

    def add(self, block: np.ndarray) -> None:
        there = np.isfinite(block)
        count = there.sum(axis=0)
        filled = np.where(there, block, 0.0)
        mean = filled.sum(axis=0) / np.maximum(count, 1)
        squares = (np.where(there, block - mean, 0.0) ** 2).sum(axis=0)
        self.append(count, mean, squares)

    def append(self, count: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> None:
        """Add the moments of one block."""
        self.blocks = np.concatenate([self.blocks, np.array([[count, mean, squares]])])

    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        for count, mean, squares in arrays["blocks"]:
            before, own, spread = self.total
            both, delta = before + count, mean - own
            weight = count / np.maximum(both, 1)
            self.total = np.array([both, own + delta * weight, spread + squares + delta**2 * before * weight])


class Finite(Statistic):
    """How many values are finite."""

    fields = ("count",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = np.zeros(shape, np.int64)

    def add(self, block: np.ndarray) -> None:
        self.count += np.isfinite(block).sum(axis=0)

    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.count = self.count + arrays["count"]


class Extremes(Statistic):
    """Least and greatest value."""

    fields = ("low", "high")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)

    def add(self, block: np.ndarray) -> None:
        self.low = np.minimum(self.low, np.where(np.isfinite(block), block, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(np.isfinite(block), block, -np.inf).max(axis=0))

    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.low, self.high = np.minimum(self.low, arrays["low"]), np.maximum(self.high, arrays["high"])


class Histogram(Statistic):
    """Counts in bins of width ``2**k`` aligned to multiples of it, with the least k for which `bins` bins suffice.

    Bins of one width nest exactly in those of the next, so the result depends neither on the order of the blocks nor on
    their grouping.  Variables that are whole numbers get bins of width 1 or more: one number, or several, to a bin.
    """

    fields = ("exponent", "first", "counts", "empty")

    def __init__(self, shape: tuple[int, ...], bins: int, whole: np.ndarray) -> None:
        self.bins = bins
        self.whole = np.broadcast_to(whole, shape)
        self.exponent = np.where(self.whole, 0, -1022)
        self.first = np.zeros(shape, dtype=np.int64)
        self.counts = np.zeros((*shape, bins), dtype=np.int64)
        self.empty = np.ones(shape, dtype=bool)

    def add(self, block: np.ndarray) -> None:
        there = np.isfinite(block)
        some = there.any(axis=0)
        low = np.where(some, np.where(there, block, np.inf).min(axis=0), 0.0)
        high = np.where(some, np.where(there, block, -np.inf).max(axis=0), 0.0)
        self._cover(low, high, some, self.exponent)
        place = np.floor(np.ldexp(np.where(there, block, low), -self.exponent)).astype(np.int64) - self.first
        cell = np.arange(self.first.size).reshape(self.first.shape) * self.bins
        flat = (place + cell)[there]
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)
        self.empty &= ~some

    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        other = copy.copy(self)
        other.__dict__.update(arrays)
        self._cover(*other._held(), ~other.empty, np.maximum(self.exponent, other.exponent))
        self.counts += other._rebinned(self.exponent, self.first)
        self.empty &= other.empty

    def _held(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower edges of the first and last bin that are not empty."""
        used = self.counts > 0
        head, tail = used.argmax(axis=-1), self.bins - 1 - used[..., ::-1].argmax(axis=-1)
        low, high = (np.ldexp((self.first + end).astype(float), self.exponent) for end in (head, tail))
        return low, high

    def _cover(self, low: np.ndarray, high: np.ndarray, some: np.ndarray, exponent: np.ndarray) -> None:
        """Widen the bins until they hold `low` and `high` too, where there are `some`; they are as wide as `exponent` says."""
        own_low, own_high = self._held()
        low = np.where(self.empty, low, np.where(some, np.minimum(low, own_low), own_low))
        high = np.where(self.empty, high, np.where(some, np.maximum(high, own_high), own_high))
        spread = np.maximum(np.maximum(high - low, 1e-12 * np.maximum(abs(low), abs(high))), 1e-300)
        exponent = np.maximum(np.floor(np.log2(spread / self.bins)).astype(int), exponent)
        while True:
            first = np.floor(np.ldexp(low, -exponent))
            wide = np.floor(np.ldexp(high, -exponent)) - first >= self.bins
            if not wide.any():
                break
            exponent = exponent + wide
        first = first.astype(np.int64)
        self.counts, self.exponent, self.first = self._rebinned(exponent, first), exponent, first

    def _rebinned(self, exponent: np.ndarray, first: np.ndarray) -> np.ndarray:
        """The counts in wider bins that start elsewhere."""
        old = self.first[..., None] + np.arange(self.bins)
        shift = np.clip(exponent - self.exponent, 0, 62)[..., None]
        place = (old >> shift) - first[..., None]
        counts = np.zeros(self.counts.shape, np.int64)
        cell = np.arange(first.size).reshape(first.shape)[..., None] * self.bins
        filled = self.counts > 0
        np.add.at(counts.reshape(-1), (place + cell)[filled], self.counts[filled])
        return counts

    def edges(self) -> np.ndarray:
        """Edges of the bins, one more than there are bins."""
        edges = self.first[..., None] + np.arange(self.bins + 1)
        return np.ldexp(edges.astype(float), self.exponent[..., None])

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles by linear interpolation within bins: off by at most one bin.

        Of whole numbers that have a bin each they are exact: the least number with at least that part of the counts up to it.
        """
        cumulative = np.concatenate([np.zeros((*self.first.shape, 1)), np.cumsum(self.counts, axis=-1)], axis=-1)
        edges = self.edges()
        out = np.full((*self.first.shape, len(levels)), np.nan)
        for index in np.ndindex(*self.first.shape):
            total = cumulative[index][-1]
            if total > 0 and self.whole[index] and self.exponent[index] == 0:
                place = np.searchsorted(cumulative[index][1:], np.asarray(levels) * total)
                out[index] = edges[index][np.minimum(place, self.bins - 1)]
            elif total > 0:
                out[index] = np.interp(np.asarray(levels) * total, cumulative[index], edges[index])
        return out


class Statistics:
    """All requested statistics of one point of the sweep."""

    def __init__(
        self,
        reductions: dict[str, Any],
        shape: tuple[int, ...],
        trajectories: int,
        whole: np.ndarray | None = None,
        events: int = 0,
    ) -> None:
        self.whole = whole = np.zeros(shape[-1], bool) if whole is None else whole
        self.reductions = reductions
        self.exact: np.ndarray | None = None
        if "quantile" in reductions and trajectories <= BLOCK:
            self.exact = np.full((*shape, len(reductions["quantile"])), np.nan)
        self.parts: dict[str, Any] = {"finite": Finite(shape)}
        if {"mean", "var", "std"} & set(reductions):
            self.parts["moments"] = MomentSums(shape)
        if {"min", "max"} & set(reductions):
            self.parts["extremes"] = Extremes(shape)
        if "quantile" in reductions and self.exact is None:
            self.parts["fine"] = Histogram(shape, FINE_BINS, whole)
        if "histogram" in reductions:
            self.parts["histogram"] = Histogram(shape, reductions["histogram"], whole)
        self.fired = {"fired": MomentSums((events,))} if events else {}

    def add(self, block: np.ndarray, fired: np.ndarray) -> None:
        """Accumulate a block ``(trajectory, time, variable)``, and how often events happened, (trajectory, event)."""
        for part in self.parts.values():
            part.add(block)
        for firings in self.fired.values():
            firings.add(fired)
        if self.exact is not None:
            levels = self.reductions["quantile"]
            with np.errstate(all="ignore"):
                finite = np.where(np.isfinite(block), block, np.nan)
                between = np.nanquantile(finite, levels, axis=0)
                own = np.nanquantile(finite, levels, axis=0, method="inverted_cdf") if self.whole.any() else between
            self.exact = np.moveaxis(np.where(self.whole, own, between), 0, -1)

    def add_summed(self, count: np.ndarray, mean: np.ndarray, squares: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Accumulate a block given by its summary, each entry (time, variable), which suffices for all of `SUMMED`."""
        self.parts["finite"].count += count.astype(np.int64)
        if "moments" in self.parts:
            self.parts["moments"].append(count, mean, squares)
        if "extremes" in self.parts:
            extremes = self.parts["extremes"]
            extremes.low, extremes.high = np.minimum(extremes.low, low), np.maximum(extremes.high, high)

    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Merge the `arrays` of the statistics of the subsequent blocks."""
        if self.exact is not None:
            self.exact = arrays["exact"]
        for name, part in (self.parts | self.fired).items():
            part.merge({field: arrays[f"{name}.{field}"] for field in part.fields})

    def arrays(self) -> dict[str, np.ndarray]:
        """The values that `add` accumulated from blocks, for `merge`."""
        parts = self.parts | self.fired
        own = {f"{name}.{field}": getattr(part, field) for name, part in parts.items() for field in part.fields}
        for name in own:
            if name.endswith(".counts"):  # thousands of bins of a few trajectories each
                own[name] = own[name].astype(np.min_scalar_type(own[name].max()))
        return own if self.exact is None else {**own, "exact": self.exact}

    def firings(self) -> np.ndarray:
        """How often each event happened on average, (event,)."""
        count, mean, _ = self.fired["fired"].total
        return np.where(count > 0, mean, np.nan)

    def result(self) -> dict[str, np.ndarray]:
        """Arrays ``(time, variable)`` of all that was merged, with a last axis for quantiles, bins and edges.

        ``count`` is the number of finite values; where it is 0 there are no statistics but counts.
        """
        finite = self.parts["finite"].count
        out: dict[str, np.ndarray] = {"count": finite}
        for name in self.reductions:
            if name in ("mean", "var", "std"):
                count, mean, squares = self.parts["moments"].total
                with np.errstate(all="ignore"):
                    variance = np.where(count > 1, squares / (count - 1), np.nan)
                mean = np.where(finite > 0, mean, np.nan)
                out[name] = {"mean": mean, "var": variance, "std": np.sqrt(variance)}[name]
            elif name in ("min", "max"):
                e = self.parts["extremes"]
                out[name] = np.where(finite > 0, e.low if name == "min" else e.high, np.nan)
            elif name == "quantile":
                out[name] = self.parts["fine"].quantiles(self.reductions[name]) if self.exact is None else self.exact
            else:
                out["histogram"], edges = self.parts["histogram"].counts, self.parts["histogram"].edges()
                out["edges"] = np.where(finite[..., None] > 0, edges, np.nan)
        return out


def read_reductions(reduce: Any) -> dict[str, Any]:
    """Names of statistics, or a mapping from names to options (levels of 'quantile', number of bins of 'histogram'), checked.

    >>> read_reductions(["mean", "quantile"])["quantile"]
    (0.05, 0.25, 0.5, 0.75, 0.95)
    """
    try:
        asked = dict(reduce) if isinstance(reduce, Mapping) else dict.fromkeys([reduce] if isinstance(reduce, str) else reduce)
    except TypeError:
        raise DeclarationError(
            f"reduce is {reduce!r}; expected names of statistics, such as ['mean', 'var'], or a mapping from names to options"
        ) from None
    for name in asked:
        if name not in REDUCTIONS:
            raise DeclarationError(f"unknown reduction {name!r}; known: {', '.join(REDUCTIONS)}.{suggest(name, REDUCTIONS)}")
    if "quantile" in asked:
        given = QUANTILES if asked["quantile"] is None else asked["quantile"]
        try:
            levels = asked["quantile"] = tuple(float(q) for q in given)
        except (TypeError, ValueError):
            levels = ()
        if not levels or not all(0 <= q <= 1 for q in levels):
            raise DeclarationError(f"quantile levels are {given!r}; expected numbers between 0 and 1, such as (0.1, 0.5, 0.9)")
    if "histogram" in asked:
        bins = BINS if asked["histogram"] is None else asked["histogram"]
        if not isinstance(bins, int | np.integer) or bins < 2:
            raise DeclarationError(f"'histogram' has {bins!r} bins; expected a whole number from 2")
        asked["histogram"] = int(bins)
    return asked
