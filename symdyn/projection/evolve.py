"""Advance a distribution on a fixed set of states: constant rates by one exponential, others by extrapolation of many."""

from __future__ import annotations

import numpy as np
from symdyn_kernels.arguments.parts import Control
from symdyn_kernels.arguments.projection import KrylovArguments, UniformisationArguments
from symdyn_kernels.status import MESSAGES, SUCCESS

from symdyn.errors import SimulationError
from symdyn.integration.controllers import after_acceptance, after_rejection
from symdyn.methods.controllers import PID
from symdyn.projection.generator import Generator, assemble
from symdyn.projection.kernel import driver
from symdyn.projection.states import StateSpace
from symdyn.projection.transitions import StateJump, Transitions

__all__ = ["Clock", "Exponential", "Modulated"]

#: Dimension of Krylov spaces, and of those of many states, whose products cost more than small matrices do.
DIMENSION, LARGE_DIMENSION, LARGE = 30, 45, 5000
#: Numbers of midpoint steps whose results are extrapolated: the order is twice as many.
SEQUENCE = (1, 2, 3, 4)
ORDER = 2 * (len(SEQUENCE) - 1)  # of the estimate
CONTROL = Control(*PID(shrink=0.1, grow=3.0).numbers(ORDER))
SHORTEST = 1e-13  # step, relative to time, below which rates are taken to be singular


class Clock:
    """Where an integration is and what it may do.

    Attributes
    ----------
    time, step : float
        The time that is reached, and the length of the next step (0: to be found).
    error, loss : float
        Error, and probability that may leave the set, in a unit of time.
    floor : float
        The least sum of probabilities that is allowed now.
    """

    def __init__(self, time: float, *, error: float, loss: float = np.inf, floor: float = -np.inf) -> None:
        self.time, self.step, self.error, self.loss, self.floor = time, 0.0, error, loss, floor

    def allow(self, length: float) -> float:
        """The least sum that is allowed after a step."""
        return self.floor - self.loss * length if np.isfinite(self.loss) else -np.inf


class Exponential:
    """``p' = A p`` with constant rates."""

    def __init__(self, generator: Generator, method: str, *, contracting: bool = True) -> None:
        self.generator, self.method, self.contracting = generator, method, contracting
        n = generator.size
        self._basis = np.empty((min(n, LARGE_DIMENSION if n > LARGE else DIMENSION) + 1, n if method == "krylov" else 0))

    def advance(self, p: np.ndarray, clock: Clock, times: np.ndarray, out: np.ndarray) -> int:
        """Advance `p` in place to the last of `times`, fill rows of `out`; returns how many rows are filled.

        Fewer than all mean that more probability left the set than was allowed: `p` and the clock stand before that step.
        """
        arrays, counts = self.generator.arrays(), np.zeros(4, dtype=np.int64)
        if self.method == "uniformisation":
            state = np.array([clock.time, clock.error])
            code = driver().uniformisation(UniformisationArguments(arrays, p, state, times, out, counts))
            clock.time = float(state[0])
        else:
            finite = np.isfinite(clock.loss)
            limit = (clock.loss, clock.floor) if finite else (0.0, -np.inf)
            state = np.array([clock.time, clock.step, clock.error, *limit, float(self.contracting)])
            code = driver().krylov(KrylovArguments(arrays, p, state, times, out, counts, self._basis))
            clock.time, clock.step = float(state[0]), float(state[1])
            clock.floor = float(state[4]) if finite else clock.floor
        if code not in (SUCCESS, driver().LEAKED):
            raise SimulationError(f"the master equation could not be advanced beyond time {clock.time:g}: {MESSAGES[code]}")
        return int(counts[0])


class Modulated:
    r"""``p' = A(t) p``: exponentials of A at midpoints of steps, extrapolated in the length of the step.

    Results of h/1, h/2, h/3, h/4 have errors in even powers of the step, so that four of them give order 8, and the last
    three alone order 6; their difference is taken for the error (Hairer, Lubich and Wanner, Geometric Numerical
    Integration, 2nd ed., section V.3; Blanes, Casas, Oteo and Ros, Physics Reports 470 (2009) 151).
    """

    def __init__(self, space: StateSpace, transitions: Transitions, jumps: list[StateJump], method: str) -> None:
        self.space, self.transitions, self.jumps, self.method = space, transitions, jumps, method
        self.weights = extrapolation(SEQUENCE)
        self.lower_weights = np.append(0.0, extrapolation(SEQUENCE[1:]))

    def _generator(self, time: float) -> Generator:
        return assemble(self.space, self.transitions.propensities(self.space, time), self.jumps, reflecting=False)

    def _attempt(self, p: np.ndarray, time: float, h: float, error: float) -> tuple[np.ndarray, float]:
        """A step of length h, and its estimated error."""
        high, low = np.zeros_like(p), np.zeros_like(p)
        for count, w, v in zip(SEQUENCE, self.weights, self.lower_weights, strict=True):
            part, result = h / count, p.copy()
            for k in range(count):
                flow = Exponential(self._generator(time + (k + 0.5) * part), self.method)
                out = np.empty((1, p.size))
                flow.advance(result, Clock(0.0, error=error), np.array([part]), out)
            high += w * result
            low += v * result
        return high, float(np.abs(high - low).sum())

    def advance(self, p: np.ndarray, clock: Clock, times: np.ndarray, out: np.ndarray) -> int:
        """As `Exponential.advance`."""
        done = int(np.searchsorted(times, clock.time, side="right"))
        out[:done] = p
        for stop in (*self.transitions.breaks(clock.time, times[-1]), times[-1]):
            end = int(np.searchsorted(times, stop, side="right"))
            inner = times[done:end]
            stops = inner if inner.size and inner[-1] == stop else np.append(inner, stop)
            rows = np.empty((stops.size, p.size))
            if self.transitions.moves_between(clock.time, stop):
                got = self._follow(p, clock, stops, rows)
            else:
                flow = Exponential(self._generator((clock.time + stop) / 2), self.method)
                got = flow.advance(p, clock, stops, rows)
            filled = min(got, inner.size)
            out[done : done + filled] = rows[:filled]
            done += filled
            if got < stops.size:
                break
        return done

    def _follow(self, p: np.ndarray, clock: Clock, stops: np.ndarray, rows: np.ndarray) -> int:
        """Steps of adaptive length to each of `stops`, between two times at which rates jump."""
        for k, stop in enumerate(stops):
            while clock.time < stop:
                left = stop - clock.time
                h = min(left, clock.step or left / 16)
                if h < left < 2 * h:  # no sliver of rounding remains
                    h = left / 2
                new, error = self._attempt(p, clock.time, h, 0.1 * clock.error)
                allowed = 0.9 * clock.error * h
                ratio = error / allowed
                if error > allowed:
                    clock.step = h * after_rejection(ratio, CONTROL)
                    if clock.step < SHORTEST * max(abs(clock.time), left):
                        raise SimulationError(
                            f"the rates change too fast to be followed at time {clock.time:g}; write jumps as piecewise with "
                            "conditions on time, or raise tolerance"
                        )
                    continue
                if new.sum() < clock.allow(h):
                    clock.step = h
                    return k
                factor = after_acceptance(ratio, 1.0, 1.0, CONTROL, CONTROL.grow)
                if h < left or clock.step == 0.0 or factor < 1:
                    clock.step = h * factor
                clock.floor = clock.allow(h)
                clock.time = float(stop) if h == left else clock.time + h
                p[:] = new
            rows[k] = p
        return stops.size


def extrapolation(sequence: tuple[int, ...]) -> np.ndarray:
    """Weights of results of 1/n of a step that remove even powers of it, one for each number but the first."""
    squares = np.square(sequence, dtype=float)
    return np.array([np.prod([a / (a - b) for b in squares if b != a]) for a in squares])
