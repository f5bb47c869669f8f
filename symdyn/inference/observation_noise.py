"""The noise of observables along simulations: its parameters, scales that are estimated along, and limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdyn.inference.censoring import censored_score
from symdyn.inference.fit_setup import FitSetup
from symdyn.inference.noise_laws import LawScore, ScaledLaw
from symdyn.inference.problem import FEW
from symdyn.inference.shooting import ShootingWindows

__all__ = ["ObservationNoise"]

#: Least scale of noise that is estimated along, relative to the size of the data.
FLOOR = 1e-6
#: Expected counts below the first are impossible, others at least as large as the second.
IMPOSSIBLE, LEAST_COUNT = -1e-6, 1e-10


class ObservationNoise:
    """Laws of the observables of a fit at its windows.

    Parameters
    ----------
    setup : FitSetup
    cut : ShootingWindows

    Attributes
    ----------
    limits : (V, T, n, 2) or (M, V, T, n, 2) float64, or None
        Of censored measurements, else NaN; of every candidate, where its data are its own.
    pooled : bool
        Whether observables whose scale is estimated along share it, since one has few measurements.
    concentrated : int
        Scales that are estimated along.
    units : list of (V, T) float64
        What the scale of an observable that is estimated along is in proportion to.
    """

    def __init__(self, setup: FitSetup, cut: ShootingWindows) -> None:
        self.observed = setup.observed
        trajectories = setup.data.trajectories
        weights, limits = _cut(setup.weights, cut, 1.0), [t.limits for t in trajectories]
        missing = [np.full((*t.values.shape, 2), np.nan) for t in trajectories]
        known = tuple(m if part is None else part for m, part in zip(missing, limits, strict=True))
        self.limits = None if all(part is None for part in limits) else _cut(known, cut, np.nan)
        counts = [int(np.isfinite(cut.values[..., k]).sum()) for k, o in enumerate(setup.observed) if o.parameters is None]
        self.pooled = len(counts) > 1 and min(counts) < FEW
        self.concentrated = len({o.law.name for o in setup.observed if o.parameters is None}) if self.pooled else len(counts)
        sizes = [1.0 if o.law.positive else float(setup.data.scale[k]) for k, o in enumerate(setup.observed)]
        ones = np.ones(cut.values.shape[-3:-1])
        self.units = [size * (ones if weights is None else weights[..., k]) for k, size in enumerate(sizes)]

    def at(self, data: np.ndarray, values: Sequence[np.ndarray]) -> list[tuple[np.ndarray, tuple[np.ndarray, ...]]]:
        """Expected values (M, V, T) of each observable, and parameters of its noise."""
        found: list[tuple[np.ndarray, tuple[np.ndarray, ...]]] = []
        left: dict[int, np.ndarray] = {}
        place = 0
        for o, spec in enumerate(self.observed):
            mean, y = values[place], data[..., o]
            if spec.law.counts:
                mean = np.where(mean > IMPOSSIBLE, np.maximum(mean, LEAST_COUNT), np.nan)
            found.append((mean, tuple(values[place + 1 : place + 1 + len(spec.parameters or ())])))
            place += len(found[-1][1]) + 1
            if spec.parameters is None:
                with np.errstate(all="ignore"):
                    part = (spec.law.residuals(y, mean) / self.units[o]).reshape(len(mean), -1)
                have = np.broadcast_to(np.isfinite(y), mean.shape).reshape(part.shape)
                part = np.where(have, part, np.nan)
                part[(have & ~np.isfinite(part)).any(axis=-1)] = 1.0
                left[o] = part
        for o, part in left.items():
            law = self.observed[o].law
            assert isinstance(law, ScaledLaw)  # no other is without parameters
            alike = [r for k, r in left.items() if self.observed[k].law is law] if self.pooled else [part]
            scale = np.hypot(law.scale(np.concatenate(alike, axis=-1)), FLOOR)
            found[o] = found[o][0], (scale[:, None, None] * self.units[o],)
        return found

    def with_limits(self, limits: np.ndarray) -> ObservationNoise:
        """The same with limits (M, V, T, n, 2) of every candidate."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, limits=limits)
        return new

    def scored(
        self, o: int, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool,
        which: np.ndarray | slice = slice(None),
    ) -> LawScore:  # fmt: skip
        """The law of an observable at measurements, or between the limits of those that are censored.

        `which` are the candidates of `mean` among those that have limits of their own.
        """
        law = self.observed[o].law
        found = law.score(y, mean, parameters, fisher=fisher)
        if self.limits is None or np.isnan(limits := self.limits[..., o, :]).all():
            return found
        if limits.ndim == 4:
            limits = limits[which]
        between, known = censored_score(law, limits, mean, parameters), ~np.isnan(limits[..., 0])
        return LawScore(*(np.where(known, b, a) for a, b in zip(found, between, strict=True)))


def _cut(tables: tuple[np.ndarray, ...] | None, cut: ShootingWindows, filled: float) -> np.ndarray | None:
    """Tables (T, n, ...) of the trajectories in windows (V, T, n, ...)."""
    if tables is None:
        return None
    found = np.full((*cut.values.shape[-3:], *tables[0].shape[2:]), filled)
    for v, (k, i) in enumerate(cut.origins):
        part = tables[k][i : i + len(found[v])]
        found[v, : len(part)] = part
    return found
