"""What a card can do: bytes a second through its memory, and floating-point operations a second, both measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import Sample, Settings
from symdyn.codegen.cuda import toolchain

__all__ = ["Capacity", "computing", "copying", "measure"]

#: Bytes that are copied: many times what the cache of any card holds.
BYTES = 1 << 30
BLOCK, BLOCKS_EACH = 256, 32
#: Fused multiplications and additions of a thread: so many chains, which do not wait for each other, of so many.
CHAINS, LENGTH = 8, 1 << 15
#: Launches that are timed together, so that starting one is hidden behind the one before.
LAUNCHES = 10


@dataclass(frozen=True)
class Capacity:
    """Of one card; a fused multiplication and addition counts as two operations, a copied byte as one read and one written.

    Attributes
    ----------
    name : str
    capability : tuple of int
    multiprocessors : int
    threads : int
        Of a multiprocessor, at most.
    bandwidth : Sample
        GB/s.
    arithmetic : dict
        TFLOP/s by precision.
    """

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    threads: int
    bandwidth: Sample
    arithmetic: dict[str, Sample]

    def row(self) -> dict[str, Any]:
        """A row of a table."""
        return {
            "card": self.name,
            "capability": "{}.{}".format(*self.capability),
            "multiprocessors": self.multiprocessors,
            "memory, GB/s": self.bandwidth,
            **{f"{precision}, TFLOP/s": s for precision, s in self.arithmetic.items()},
        }


def copying() -> tuple[Callable[..., None], str]:
    """A kernel that copies an array, and the types of its arguments."""
    cuda = toolchain.cuda

    def copy(source: Any, target: Any) -> None:
        i = cuda.grid(1)
        while i < source.size:
            target[i] = source[i]
            i += cuda.gridsize(1)

    return copy, "float64[::1], float64[::1]"


def computing(precision: str) -> tuple[Callable[..., None], str]:
    """A kernel that multiplies and adds in registers, and the types of its arguments."""
    cuda, real = toolchain.cuda, toolchain.real64 if precision == "float64" else toolchain.real32

    def compute(out: Any, factor: Any, term: Any) -> None:
        i = cuda.grid(1)
        a, b, c, d = real(i), real(i + 1), real(i + 2), real(i + 3)
        e, f, g, h = real(i + 4), real(i + 5), real(i + 6), real(i + 7)
        for _ in range(LENGTH):
            a, b, c, d = a * factor + term, b * factor + term, c * factor + term, d * factor + term
            e, f, g, h = e * factor + term, f * factor + term, g * factor + term, h * factor + term
        out[i] = a + b + c + d + e + f + g + h

    return compute, f"{precision}[::1], {precision}, {precision}"


def _rate(kernel: tuple[Callable[..., None], str], blocks: int, values: tuple[Any, ...], amount: float, rounds: int) -> Sample:
    """`amount` a second, of one launch."""
    cuda, (function, types) = toolchain.cuda, kernel
    ready = cuda.jit(f"void({types})")(function)[blocks, BLOCK]
    ready(*values)
    found = []
    for _ in range(rounds):
        cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(LAUNCHES):
            ready(*values)
        cuda.synchronize()
        found.append(LAUNCHES * amount / (time.perf_counter() - begin))
    return Sample(tuple(found))


def _bandwidth(blocks: int, rounds: int) -> Sample:
    source, target = (toolchain.empty_on_card((BYTES // 8,), np.dtype(float)) for _ in range(2))
    return _rate(copying(), blocks, (source, target), 2 * BYTES / 1e9, rounds)


def _arithmetic(precision: str, blocks: int, rounds: int) -> Sample:
    real = np.dtype(precision)
    values = toolchain.empty_on_card((blocks * BLOCK,), real), real.type(0.5), real.type(0.25)
    return _rate(computing(precision), blocks, values, 2.0 * CHAINS * LENGTH * blocks * BLOCK / 1e12, rounds)


def measure(settings: Settings) -> Capacity:
    """The card in use."""
    device = toolchain.cuda.get_current_device()
    blocks = device.MULTIPROCESSOR_COUNT * BLOCKS_EACH
    return Capacity(
        str(toolchain.card()),
        tuple(device.compute_capability),
        device.MULTIPROCESSOR_COUNT,
        device.MAX_THREADS_PER_MULTI_PROCESSOR,
        _bandwidth(blocks, settings.rounds),
        {p: _arithmetic(p, blocks, settings.rounds) for p in ("float32", "float64")},
    )
