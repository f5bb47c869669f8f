"""Data as those that were measured, simulated from a system with randomness at any values of what is fitted."""

from __future__ import annotations

import numpy as np
import xarray as xr

from symdyn.inference.beginnings import drawn
from symdyn.inference.fit_setup import NoisyObservable
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.stochastic_setup import PathGroup, StochasticSetup
from symdyn.simulation.run import simulate

__all__ = ["SimulatedData"]

#: Least expected value of a law of positive numbers or counts.
LEAST = 1e-10


class SimulatedData:
    """Simulations of the data of a setup; the same seed gives the same data.

    Parameters
    ----------
    setup : StochasticSetup
    seed : int
    """

    def __init__(self, setup: StochasticSetup, seed: int) -> None:
        self.setup, self.rng = setup, np.random.default_rng(seed)
        self.symbols = tuple(dict.fromkeys((*setup.system.parameters, *setup.symbols)))
        found = [e for o in setup.observed for e in (o.expression, *(o.parameters or ()))]
        self.formulas = ArrayFormulas(found, (*setup.system.states, *self.symbols, setup.system.time), ())

    def like(self, values: np.ndarray) -> list[list[np.ndarray]]:
        """Of each of M choices of values (M, P) as many paths, or times with cells, as were measured, (T, n) each."""
        return self._cells(values) if self.setup.snapshots else self._paths(values)

    def begun(self, group: PathGroup, values: np.ndarray) -> np.ndarray:
        """First states (M, G, n) of paths, drawn where values (M, P) tell what they lie about."""
        begun, slopes = self.setup.path_starts(group, values)
        spread, _ = self.setup.path_spread(group, begun, slopes, values)
        if not spread.any():
            return begun
        M, G, n = begun.shape
        lanes = begun.reshape(1, M * G, n), spread.reshape(1, M * G, n, n)
        found = drawn(*lanes, self.rng.standard_normal((M * G, 1, n))).reshape(M, G, 1, n)
        return self.setup.inside(group, found, begun, values)[:, :, 0]

    def states(self, values: np.ndarray, begun: np.ndarray, times: np.ndarray) -> np.ndarray:
        """States (L, T, n) at times from initial ones (L, n)."""
        setup = self.setup
        table = setup.table(values)
        begun = np.rint(begun) if setup.system.propensities is not None else begun
        run = simulate(
            setup.system, times, progress=False, on_failure="nan", seed=int(self.rng.integers(2**31)),
            parameters={p: xr.DataArray(table[p], dims="trajectory") for p in setup.system.parameters},
            initial={s: xr.DataArray(begun[:, i], dims="trajectory") for i, s in enumerate(setup.system.states)},
        )  # fmt: skip
        return np.stack([run[s].transpose("trajectory", "time").values for s in setup.system.names], axis=-1)

    def laws(self, x: np.ndarray, values: np.ndarray, times: np.ndarray) -> list[tuple[NoisyObservable, list[np.ndarray]]]:
        """Columns with their expected values and parameters of noise (L, T), of states (L, T, n)."""
        lanes = {s: v[:, None] for s, v in self.setup.table(values).items()}
        table = {s: x[..., i] for i, s in enumerate(self.setup.system.states)} | {s: lanes[s] for s in self.symbols}
        found, _ = self.formulas(table | {self.setup.system.time: times[None]})
        laws, place = [], 0
        for spec in self.setup.observed:
            own = 1 + len(spec.parameters or ())
            laws.append((spec, [np.broadcast_to(f, x.shape[:2]) for f in found[place : place + own]]))
            place += own
        return laws

    def measured(self, x: np.ndarray, values: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Measurements (L, T, columns) of states (L, T, n)."""
        columns = []
        for spec, (mean, *parameters) in self.laws(x, values, times):
            sound = np.isfinite(mean)
            safe = np.where(sound, mean, 1.0)
            safe = np.maximum(safe, LEAST) if spec.law.counts or spec.law.positive else safe
            columns.append(np.where(sound, spec.law.draw(self.rng, safe, tuple(parameters)), np.nan))
        return np.stack(columns, axis=-1)

    def _paths(self, values: np.ndarray) -> list[list[np.ndarray]]:
        """Paths as those of the data, of each of M choices of values."""
        found: list[list[np.ndarray]] = [[np.zeros(0)] * len(self.setup.data.trajectories) for _ in values]
        for group in self.setup.groups():
            begun = self.begun(group, values)
            M, G, n = begun.shape
            lanes = np.repeat(values, G, axis=0)
            y = self.measured(self.states(lanes, begun.reshape(M * G, n), group.times), lanes, group.times)
            y = np.where(np.isfinite(group.values)[None], y.reshape(M, G, *y.shape[1:]), np.nan)
            for m in range(M):
                for g, k in enumerate(group.members):
                    found[m][int(k)] = y[m, g]
        return found

    def _cells(self, values: np.ndarray) -> list[list[np.ndarray]]:
        """Cells as those of the data, each simulated by itself to its time."""
        cells = self.setup.cells()
        begun, _ = self.setup.starts(values)
        found: list[list[np.ndarray]] = [[] for _ in values]
        for time, seen in cells:
            lanes, first = np.repeat(values, len(seen), axis=0), np.repeat(begun, len(seen), axis=0)
            if time > self.setup.begin:
                x = self.states(lanes, first, np.array([self.setup.begin, time]))[:, -1:]
            else:
                x = first[:, None]
            y = self.measured(x, lanes, np.array([time]))[:, 0].reshape(len(values), len(seen), -1)
            y = np.where(np.isfinite(seen)[None], y, np.nan)
            for m in range(len(values)):
                found[m].append(y[m])
        return found
