"""Multiple shooting: many candidates and windows, simulated with sensitivities in one kernel call, against data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import Kernel, compile
from symdyn.codegen.passing_on import passed_on
from symdyn.derive.sensitivities import Sensitivities, fresh_symbol, sensitivities
from symdyn.inference.data import Observations
from symdyn.inference.kinds import kind_of, right_sides
from symdyn.inference.levenberg import Expand
from symdyn.inference.quadratic import Quadratic
from symdyn.system import System

__all__ = ["Shooting", "ShootingWindows", "windows"]

RTOL, ATOL = 1e-6, 1e-8
#: Attempted steps allowed to a window; a candidate that needs more is running away.
MAX_STEPS = 4000
#: Residuals and sensitivities beyond this, in units of the noise, count as failures: their squares would overflow.
HUGE = 1e60


@dataclass(frozen=True)
class ShootingWindows:
    """Stretches of the trajectories, each with initial values of its own.

    Attributes
    ----------
    origins : (V, 2) int64
        Trajectory and first point of each window.
    first : (V,) float64
        Time at which it begins.
    groups : tuple of (members, times)
        ShootingWindows whose times, counted from their beginnings, agree: they are simulated in one batch.
    values : (V, T, n) float64
        Data, padded with NaN.  A window includes the first point of the next one.  Candidates that are fitted to data of
        their own have (M, V, T, n).
    """

    origins: np.ndarray
    first: np.ndarray
    groups: tuple[tuple[np.ndarray, np.ndarray], ...]
    values: np.ndarray

    @property
    def count(self) -> int:
        return len(self.origins)

    def take(self, which: np.ndarray) -> ShootingWindows:
        """The windows of the candidates `which`."""
        return self if self.values.ndim == 3 else replace(self, values=self.values[which])

    @property
    def size(self) -> int:
        """How many data the windows hold (of one candidate); shared points count twice."""
        values = self.values if self.values.ndim == 3 else self.values[0]
        return int(np.isfinite(values).sum())


def windows(observations: Observations, per_trajectory: int) -> ShootingWindows:
    """Cut every trajectory into so many windows, fewer where there are not enough points.

    The cuts for 8 windows include those for 4, and so on.
    """
    parts = []
    for k, trajectory in enumerate(observations.trajectories):
        t = trajectory.times
        pieces = max(1, min(per_trajectory, (len(t) - 1) // 2))
        cuts = np.unique([round(i * (len(t) - 1) / pieces) for i in range(pieces + 1)])
        for a, b in itertools.pairwise(cuts):
            parts.append((k, int(a), t[a : b + 1] - t[a], t[a], trajectory.values[a : b + 1]))
    longest = max(len(p[2]) for p in parts)
    values = np.full((len(parts), longest, len(observations.states)), np.nan)
    groups: list[tuple[list[int], np.ndarray]] = []
    for v in sorted(range(len(parts)), key=lambda v: -len(parts[v][2])):
        times = parts[v][2]
        values[v, : len(times)] = parts[v][4]
        for members, shared in groups:
            if np.allclose(times, shared[: len(times)], rtol=1e-9, atol=1e-9 * shared[-1]):
                members.append(v)
                break
        else:
            groups.append(([v], times))
    return ShootingWindows(
        np.array([p[:2] for p in parts]),
        np.array([p[3] for p in parts]),
        tuple((np.array(members), times) for members, times in groups),
        values,
    )


class Shooting:
    """A system with free parameters, compiled with its sensitivities, against data.

    States are divided by their scale and parameters by their size, so that one tolerance suits all.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Without unknown terms.
    observations : Observations
    free : sequence of Symbol
        Parameters that candidates may differ in.
    sizes : (P,) float64
        Typical sizes of them.
    fixed : mapping of Symbol to float
        Values of the other parameters.
    noise : (n,) float64
        Standard deviations that weigh the residuals.
    stiff : bool
        Whether runs that turn out to be stiff are integrated again by a method for these; many candidates, of which most are
        wrong, are given up instead.
    """

    def __init__(
        self,
        system: System,
        observations: Observations,
        free: Sequence[sp.Symbol],
        *,
        sizes: np.ndarray,
        fixed: Mapping[sp.Symbol, float],
        noise: np.ndarray,
        stiff: bool = False,
    ) -> None:
        self.system, self.observations, self.free = system, observations, tuple(free)
        self.sizes, self.noise, self.scale = np.asarray(sizes, float), np.asarray(noise, float), observations.scale
        self.simulations = 0
        self.growth: tuple[np.ndarray, ...] | None = None
        scaled, constants, start = _scaled(system, self.free)
        self.extended, self.kernel = _compiled(scaled, self.free)
        self.stiff = stiff and self.kernel.adaptive and self.kernel.method != self.kernel.stiff_method
        place = {p: i for i, p in enumerate(scaled.parameters)}
        self._free = np.array([place[p] for p in self.free], dtype=np.int64)
        self._start = place.get(start)
        self._row = np.zeros(len(scaled.parameters))
        known = dict(zip(constants, (*self.sizes, *self.scale), strict=True)) | dict(fixed)
        for p, i in place.items():
            if p in known:
                self._row[i] = known[p]

    @property
    def facts(self) -> tuple[Any, ...]:
        """What the results of simulations depend on beside their arguments, for a `Journal`."""
        varying = () if self.growth is None else self.growth
        return self.extended.system.digest, tuple(map(str, self.free)), self._row, self.noise, self.scale, *varying

    def with_noise(self, noise: np.ndarray, growth: Sequence[np.ndarray] | None = None) -> Shooting:
        """The same with other weights of the residuals.

        Parameters
        ----------
        noise : (n,) float64
        growth : sequence of (T, n) float64, optional
            By how much the noise differs from that at every time of each trajectory.
        """
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, noise=np.asarray(noise, float), growth=None if growth is None else tuple(growth))
        return new

    def deviations(self, cut: ShootingWindows) -> np.ndarray:
        """Standard deviations of the noise of the data in every window, (V, T, n)."""
        found = np.tile(self.noise, (cut.count, cut.values.shape[-2], 1))
        if self.growth is not None:
            for v, (k, i) in enumerate(cut.origins):
                part = self.growth[k][i : i + found.shape[1]]
                found[v, : len(part)] *= part
        return found

    def simulate(self, cut: ShootingWindows, theta: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scaled states (M, V, T, n) and derivatives (M, V, T, n, P + n) of every candidate in every window.

        `theta` (M, P) and `starts` (M, V, n) are scaled.  NaN after a failure and after the end of a window's data.
        """
        count, n, length = len(theta), starts.shape[-1], cut.values.shape[-2]
        states = np.full((count, cut.count, length, n), np.nan)
        slopes = np.full((count, cut.count, length, n, len(self.free) + n), np.nan)
        for members, times in cut.groups:
            rows = np.repeat(self._row[None], count * len(members), axis=0)
            rows[:, self._free] = np.repeat(theta, len(members), axis=0)
            if self._start is not None:
                rows[:, self._start] = np.tile(cut.first[members], count)
            initial = self.extended.initial(starts[:, members].reshape(-1, n))
            values = self._run(initial, rows, times).reshape(count, len(members), len(times), -1)
            states[:, members, : len(times)], slopes[:, members, : len(times)] = self.extended.split(values)
            self.simulations += len(rows)
        return states, slopes

    def _run(self, initial: np.ndarray, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Values (L, T, N) of the extended system."""
        options: dict[str, Any] = {"rtol": RTOL, "atol": ATOL, "max_steps": MAX_STEPS}
        watched = {"detect_stiffness": True} if self.stiff else {}

        def again(stiff: np.ndarray) -> np.ndarray:
            successor = compile(self.extended.system, method=self.kernel.stiff_method)
            return successor(initial[stiff], rows[stiff], times, **options).values

        run, _ = passed_on(self.kernel(initial, rows, times, **watched, **options), again)
        return run.values

    def along(self, cut: ShootingWindows) -> Expand:
        """The expansions along windows, as the optimiser asks for them."""
        return lambda which, theta, starts: self.expand(cut.take(which), theta, starts)

    def expand(self, cut: ShootingWindows, theta: np.ndarray, starts: np.ndarray) -> Quadratic:
        """Sums of squares and Gauss-Newton expansions of M candidates."""
        states, slopes = self.simulate(cut, theta, starts)
        count, pieces, length, n = states.shape
        weight = np.where(np.isfinite(cut.values), self.scale / self.deviations(cut), 0.0)
        target = np.nan_to_num(cut.values / self.scale)
        seen = weight > 0
        with np.errstate(over="ignore", invalid="ignore"):  # candidates may run away
            residual = np.where(seen, (target - states) * weight, 0.0)
            design = np.where(seen[..., None], slopes * weight[..., None], 0.0)
            failed = ~np.isfinite(design).all(axis=(1, 2, 3, 4)) | ~np.isfinite(residual).all(axis=(1, 2, 3))
            failed |= (np.abs(residual).max(axis=(1, 2, 3)) > HUGE) | (np.abs(design).max(axis=(1, 2, 3, 4)) > HUGE)
        residual[failed], design[failed] = 0.0, 0.0
        rss = np.einsum("mvti,mvti->mi", residual, residual)
        rss[failed] = np.inf
        rows = (count, pieces, length * n)
        return Quadratic.of(rss, residual.reshape(rows), design.reshape(*rows, -1), len(self.free))


@lru_cache(maxsize=16)
def _compiled(system: System, free: tuple[sp.Symbol, ...]) -> tuple[Sensitivities, Kernel]:
    """The system with its sensitivities, and its kernel; kept, because noise levels and seeds are often gone through."""
    extended = sensitivities(system, free)
    return extended, compile(extended.system)


def _scaled(system: System, free: Sequence[sp.Symbol]) -> tuple[System, tuple[sp.Symbol, ...], sp.Symbol]:
    """The system in scaled states, scaled free parameters and time since a start; symbols of scales and of the start."""
    taken = {s.name for s in (*system.states, *system.parameters, system.time)}
    sizes = tuple(fresh_symbol(f"size_of_{p}", taken) for p in free)
    scales = tuple(fresh_symbol(f"scale_of_{s}", taken) for s in system.states)
    start = fresh_symbol("start_of_window", taken)
    swap = {p: p * s for p, s in zip((*free, *system.states), (*sizes, *scales), strict=True)}
    swap[system.time] = system.time + start
    sides = tuple(f.xreplace(swap) / s for f, s in zip(right_sides(system), scales, strict=True))
    scaled = kind_of(system).plain(dict(zip(system.states, sides, strict=True)), time=system.time)
    return scaled, (*sizes, *scales), start
