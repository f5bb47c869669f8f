"""Arrays of states and modes on a card, and what steps and transforms do with them as launches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.load import import_text
from symdyn.grids.card_text import waves_text
from symdyn.integration.arrays import Arrays
from symdyn.integration.problem import Lift

__all__ = ["CardArrays", "CardLift", "CardWeights"]

#: Threads that sum up an array.
SUMMING = 8 if toolchain.SIMULATED else 1 << 13


class CardWeights(NamedTuple):
    """Weights, one for each number or each complex number.

    Attributes
    ----------
    values : device array
    complex : bool
    """

    values: Any
    complex: bool


class CardArrays(Arrays):
    """Arrays of doubles on a card; complex numbers are pairs of them, see `symdyn_kernels.devices.waves`."""

    def __init__(self) -> None:
        self.source, self.types = waves_text()

    @cached_property
    def module(self) -> ModuleType:
        """The source, imported."""
        return import_text("cuda", self.source, "cuda")

    def run(self, name: str, count: int, *arguments: Any) -> None:
        """Launch a kernel of `symdyn_kernels.devices.waves` in so many threads."""
        if count:
            toolchain.queue(getattr(self.module, f"run_{name}"), self.types[name], count, (count, *arguments))

    def zeros(self, size: int, dtype: Any = float) -> Any:
        return toolchain.to_card(np.zeros(size * (2 if np.dtype(dtype).kind == "c" else 1)))

    def kept(self, array: np.ndarray) -> CardWeights:
        return CardWeights(toolchain.to_card(np.ascontiguousarray(array).ravel().view(float)), np.iscomplexobj(array))

    def copy(self, source: Any, out: Any) -> Any:
        if source is not out:
            out.copy_to_device(source)
        return out

    def host(self, array: Any) -> np.ndarray:
        return array.copy_to_host()

    def combine(self, start: Any, rows: Sequence[Any], weights: Sequence[Any] | np.ndarray, out: Any) -> Any:
        fresh = start is None
        if not fresh:
            self.copy(start, out)
        for row, weight in zip(rows, weights, strict=True):
            if isinstance(weight, CardWeights) or weight:
                self.weigh(row, weight, out, fresh=fresh)
                fresh = False
        if fresh:
            self.run("clear", out.size, out, 0)
        return out

    def weigh(self, row: Any, weight: Any, out: Any, *, fresh: bool) -> None:
        """Add a row times its weight to `out`, or fill it with that."""
        if not isinstance(weight, CardWeights):
            self.run("add", out.size, out, 0, row, 0, float(weight), int(fresh))
        elif weight.complex:
            self.run("add_waves", out.size // 2, out, 0, row, 0, weight.values, int(fresh))
        else:
            self.run("add_by", out.size, out, 0, row, 0, weight.values, out.size // weight.values.size, int(fresh))

    def total(self, array: Any, begin: int = 0, count: int | None = None) -> float:
        """The sum of so many numbers."""
        count = array.size - begin if count is None else count
        threads = max(1, min(SUMMING, count))
        self.run("total", threads, array, begin, count, threads, self._sums)
        return self._summed(threads)

    def scaled_error(self, error: Any, before: Any, after: Any, blocks: Sequence[slice], rtol: float, atol: float) -> float:
        worst = []
        for b in blocks:
            count = b.stop - b.start
            threads = min(SUMMING, count)
            sizes = b.start, count, threads, float(rtol), float(atol)
            self.run("squares", threads, error, before, after, *sizes, self._sums)
            worst.append(math.sqrt(self._summed(threads) / count))
        return float(np.max(worst))

    @cached_property
    def _sums(self) -> Any:
        """What threads add up each."""
        return self.zeros(SUMMING)

    def _summed(self, threads: int) -> float:
        return float(self.host(self._sums[:threads]).sum())

    def finite(self, array: Any) -> bool:
        return math.isfinite(self.total(array))


class CardLift:
    """Functions that meet the conditions at walls, on states that are copied to the processor for that.

    Parameters
    ----------
    lift : symdyn.integration.problem.Lift
    arrays : CardArrays
    """

    def __init__(self, lift: Lift, arrays: CardArrays) -> None:
        self.lift, self.arrays = lift, arrays

    def add(self, y: Any, t: float) -> None:
        """Add w to y (size,)."""
        here = self.arrays.host(y)
        self.lift.add(here, t)
        self.arrays.copy(here, y)

    def remove(self, y: Any, t: float) -> None:
        """Subtract w from y (size,)."""
        here = self.arrays.host(y)
        self.lift.remove(here, t)
        self.arrays.copy(here, y)

    def remove_rate(self, rates: Any, y: Any, t: float) -> None:
        r"""Subtract :math:`\dot w` from the rates (size,) of y (size,)."""
        here = self.arrays.host(rates)
        self.lift.remove_rate(here, self.arrays.host(y), t)
        self.arrays.copy(here, rates)
