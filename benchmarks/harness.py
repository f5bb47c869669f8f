"""What every suite shares: jobs that take turns, what each round of them measured, and throughput at an error."""

from __future__ import annotations

import math
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Curve", "Sample", "Settings", "Unfit", "attempt", "best", "cpu_seconds", "interleaved", "paired"]

#: Seconds that a job's turn lasts at least, by repetition: the clock of CPU time ticks in milliseconds on some systems.
LEAST = 0.02


class Unfit(Exception):
    """A peer cannot do what is asked; the message says why."""


def attempt(make: Callable[[], Any]) -> tuple[Any, str]:
    """What a peer's maker makes, and "" or the reason why there is nothing: a peer that fails leaves its row, with the reason.

    Examples
    --------
    >>> attempt(lambda: 1 / 0)
    (None, 'ZeroDivisionError: division by zero')
    """
    try:
        return make(), ""
    except ImportError as error:
        return None, f"not installed ({error})"
    except Unfit as error:
        return None, str(error)
    except Exception as error:  # whatever a foreign package raises
        return None, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"


@dataclass(frozen=True)
class Settings:
    """How thoroughly to measure.

    Attributes
    ----------
    rounds : int
        How often every job gets its turn.
    quick : bool
        Fewer tolerances, fewer trajectories, smaller models: to see that everything runs.
    tables : tuple of str
        Of suites that can be measured in pieces, the tables that are; none for all.
    """

    rounds: int = 5
    quick: bool = False
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One number a round; if one is NaN, so are the median and the range.

    Examples
    --------
    >>> s = Sample((2.0, 1.0, 4.0))
    >>> s.median, s.low, s.high
    (2.0, 1.0, 4.0)
    """

    values: tuple[float, ...]

    @property
    def _whole(self) -> bool:
        return not any(map(math.isnan, self.values))

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self._whole else math.nan

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values) if self._whole else math.nan

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.values) if self._whole else math.nan

    def map(self, function: Callable[[float], float]) -> Sample:
        """The same function of every round."""
        return Sample(tuple(map(function, self.values)))


def paired(function: Callable[..., float], *samples: Sample) -> Sample:
    """A function of several samples, round by round: what disturbed one round disturbed all of its jobs, and cancels in ratios.

    Examples
    --------
    >>> paired(lambda a, b: a / b, Sample((1.0, 4.0)), Sample((2.0, 8.0))).values
    (0.5, 0.5)
    """
    return Sample(tuple(function(*values) for values in zip(*(s.values for s in samples), strict=True)))


def cpu_seconds() -> float:
    """CPU time of this process and of the processes that it started and that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def interleaved(
    jobs: Mapping[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = cpu_seconds, *, least: float = LEAST
) -> dict[str, Sample]:
    """Seconds of each job, which was warmed up before; jobs take turns, so that a disturbance of the machine meets all of them.

    A job that is over in less than `least` seconds is repeated within its turn.
    """
    repeats: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for name, job in jobs.items():
        begin = time.perf_counter()
        job()
        repeats[name] = 1 + int(least / max(time.perf_counter() - begin, 1e-6))
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = clock()
            for _ in range(repeats[name]):
                job()
            seconds[name].append((clock() - begin) / repeats[name])
    return {name: Sample(tuple(values)) for name, values in seconds.items()}


@dataclass(frozen=True)
class Curve:
    """Throughput of one solver against its measured error: one point for each tolerance.

    Attributes
    ----------
    errors : sequence of float
    throughputs : sequence of float
        At each of the errors.
    """

    errors: Sequence[float]
    throughputs: Sequence[float]

    def at(self, error: float) -> float:
        """Throughput with which an error is met, by interpolating the logarithms.

        Beyond the loosest tolerance it is that of the loosest; below the least error that was measured it is NaN.

        Examples
        --------
        >>> Curve([1e-8, 1e-6], [10.0, 1000.0]).at(1e-7)
        100.0
        >>> Curve([1e-8, 1e-6], [10.0, 1000.0]).at(1e-3)
        1000.0
        """
        order = np.argsort(self.errors)
        x, y = np.log10(np.asarray(self.errors)[order]), np.log10(np.asarray(self.throughputs)[order])
        return round(float(10 ** np.interp(np.log10(error), x, y, left=np.nan)), 9)


def best(curves: Iterable[Curve], error: float) -> float:
    """The highest throughput of several solvers with which an error is met; NaN if none meets it."""
    found = [t for t in (c.at(error) for c in curves) if t == t]
    return max(found, default=float("nan"))
