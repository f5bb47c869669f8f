"""Statistics of an ensemble, gathered while it runs: a million trajectories are never held at once.

Trajectories are reduced in blocks of a fixed size, and blocks are merged in their order, so that neither chunks nor
threads change a bit of the result.  Trajectories that failed are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["BLOCK", "REDUCTIONS", "Statistics", "read_reductions"]

#: Trajectories that are reduced together.
BLOCK = 1024
BINS, FINE_BINS = 64, 4096
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
REDUCTIONS = ("mean", "var", "std", "min", "max", "quantile", "histogram")


class Statistic(ABC):
    """Something gathered over blocks ``(trajectory, time, variable)`` in which NaN means missing."""

    @abstractmethod
    def add(self, block: np.ndarray) -> None:
        """Take in one block."""


class Moments(Statistic):
    """Count, mean and central sum of squares, merged by the formula of Chan, Golub & LeVeque (1979)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count, self.mean, self.squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def add(self, block: np.ndarray) -> None:
        there = np.isfinite(block)
        count = there.sum(axis=0)
        filled = np.where(there, block, 0.0)
        mean = filled.sum(axis=0) / np.maximum(count, 1)
        squares = (np.where(there, block - mean, 0.0) ** 2).sum(axis=0)
        total = self.count + count
        delta = mean - self.mean
        weight = count / np.maximum(total, 1)
        self.mean = self.mean + delta * weight
        self.squares = self.squares + squares + delta**2 * self.count * weight
        self.count = total


class Extremes(Statistic):
    """Least and greatest value."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)

    def add(self, block: np.ndarray) -> None:
        self.low = np.minimum(self.low, np.where(np.isfinite(block), block, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(np.isfinite(block), block, -np.inf).max(axis=0))


class Histogram(Statistic):
    """Counts in bins of width ``2**k`` aligned to multiples of it, with the least k for which `bins` bins suffice.

    Bins of one width nest exactly in those of the next, so the result does not depend on the order of the blocks.
    Variables that are whole numbers get bins of width 1 or more: one number, or several, to a bin.
    """

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
        # the range of what is held: first and last bin that are not empty
        used = self.counts > 0
        head, tail = used.argmax(axis=-1), self.bins - 1 - used[..., ::-1].argmax(axis=-1)
        own_low = np.ldexp((self.first + head).astype(float), self.exponent)
        own_high = np.ldexp((self.first + tail).astype(float), self.exponent)
        low = np.where(self.empty, low, np.where(some, np.minimum(low, own_low), own_low))
        high = np.where(self.empty, high, np.where(some, np.maximum(high, own_high), own_high))
        spread = np.maximum(np.maximum(high - low, 1e-12 * np.maximum(abs(low), abs(high))), 1e-300)
        exponent = np.maximum(np.floor(np.log2(spread / self.bins)).astype(int), self.exponent)
        while True:
            first = np.floor(np.ldexp(low, -exponent))
            wide = np.floor(np.ldexp(high, -exponent)) - first >= self.bins
            if not wide.any():
                break
            exponent = exponent + wide
        self._rebin(exponent, first.astype(np.int64))
        place = np.floor(np.ldexp(np.where(there, block, low), -exponent)).astype(np.int64) - self.first
        cell = np.arange(self.first.size).reshape(self.first.shape) * self.bins
        flat = (place + cell)[there]
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)
        self.empty &= ~some

    def _rebin(self, exponent: np.ndarray, first: np.ndarray) -> None:
        """Move the counts to wider bins that start elsewhere."""
        old = self.first[..., None] + np.arange(self.bins)
        shift = np.clip(exponent - self.exponent, 0, 62)[..., None]
        place = (old >> shift) - first[..., None]
        counts = np.zeros_like(self.counts)
        cell = np.arange(first.size).reshape(first.shape)[..., None] * self.bins
        held = self.counts > 0
        np.add.at(counts.reshape(-1), (place + cell)[held], self.counts[held])
        self.counts, self.exponent, self.first = counts, exponent, first

    def edges(self) -> np.ndarray:
        """Edges of the bins, one more than there are bins."""
        whole = self.first[..., None] + np.arange(self.bins + 1)
        return np.ldexp(whole.astype(float), self.exponent[..., None])

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
    """All statistics that were asked for, of one point of the sweep."""

    def __init__(
        self, reductions: dict[str, Any], shape: tuple[int, ...], trajectories: int, whole: np.ndarray | None = None
    ) -> None:
        self.whole = whole = np.zeros(shape[-1], bool) if whole is None else whole
        self.reductions = reductions
        self.exact: np.ndarray | None = None
        self._hold = "quantile" in reductions and trajectories <= BLOCK
        self.parts: dict[str, Any] = {}
        if {"mean", "var", "std"} & set(reductions):
            self.parts["moments"] = Moments(shape)
        if {"min", "max"} & set(reductions):
            self.parts["extremes"] = Extremes(shape)
        if "quantile" in reductions and not self._hold:
            self.parts["fine"] = Histogram(shape, FINE_BINS, whole)
        if "histogram" in reductions:
            self.parts["histogram"] = Histogram(shape, reductions["histogram"], whole)

    def add(self, block: np.ndarray) -> None:
        """Take in a block ``(trajectory, time, variable)``."""
        for part in self.parts.values():
            part.add(block)
        if self._hold:
            levels = self.reductions["quantile"]
            with np.errstate(all="ignore"):
                between = np.nanquantile(block, levels, axis=0)
                own = np.nanquantile(block, levels, axis=0, method="inverted_cdf") if self.whole.any() else between
            self.exact = np.moveaxis(np.where(self.whole, own, between), 0, -1)

    def result(self) -> dict[str, np.ndarray]:
        """Arrays ``(time, variable)``, with a last axis for quantiles, bins and edges."""
        out: dict[str, np.ndarray] = {}
        for name in self.reductions:
            if name in ("mean", "var", "std"):
                m = self.parts["moments"]
                with np.errstate(all="ignore"):
                    variance = np.where(m.count > 1, m.squares / (m.count - 1), np.nan)
                mean = np.where(m.count > 0, m.mean, np.nan)
                out[name] = {"mean": mean, "var": variance, "std": np.sqrt(variance)}[name]
            elif name in ("min", "max"):
                e = self.parts["extremes"]
                out[name] = e.low if name == "min" else e.high
            elif name == "quantile":
                out[name] = self.parts["fine"].quantiles(self.reductions[name]) if self.exact is None else self.exact
            else:
                out["histogram"], out["edges"] = self.parts["histogram"].counts, self.parts["histogram"].edges()
        return out


def read_reductions(reduce: Any) -> dict[str, Any]:
    """Names of statistics, or a mapping from names to options (levels of 'quantile', number of bins of 'histogram'), checked.

    >>> read_reductions(["mean", "quantile"])["quantile"]
    (0.05, 0.25, 0.5, 0.75, 0.95)
    """
    asked = dict(reduce) if isinstance(reduce, dict) else dict.fromkeys([reduce] if isinstance(reduce, str) else reduce)
    for name in asked:
        if name not in REDUCTIONS:
            raise DeclarationError(f"unknown reduction {name!r}; known: {', '.join(REDUCTIONS)}.{suggest(name, REDUCTIONS)}")
    if "quantile" in asked:
        levels = tuple(float(q) for q in asked["quantile"] or QUANTILES)
        if not all(0 <= q <= 1 for q in levels):
            raise DeclarationError(f"quantile levels must lie between 0 and 1, got {levels}")
        asked["quantile"] = levels
    if "histogram" in asked:
        bins = asked["histogram"] = BINS if asked["histogram"] is None else asked["histogram"]
        if not isinstance(bins, int) or bins < 2:
            raise DeclarationError(f"'histogram' has {bins!r} bins; expected a whole number from 2")
    return asked
