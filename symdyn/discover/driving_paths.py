"""Inputs over time of trajectories: the polynomials that each of them follows, interval by interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.data import Observations, Trajectory
from symdyn.paths import Path
from symdyn.system import System

__all__ = ["DrivingPaths"]


class DrivingPaths:
    """The inputs of a system along every trajectory.

    Parameters
    ----------
    system : System
    given : mapping of Path or str to Path or sequence of Path, or None
        For each input its path in every trajectory; one path is that of all, and an input that is not given is itself.
    observed : Observations

    Raises
    ------
    RecoveryError
        For inputs that the system has not, of another kind, or not as many as trajectories, and paths that do not cover the
        data.
    """

    def __init__(self, system: System, given: Mapping[Any, Any] | None, observed: Observations) -> None:
        self.inputs, count = system.inputs, len(observed.trajectories)
        if given is not None and not isinstance(given, Mapping):
            raise RecoveryError(f"inputs is {given!r}; expected a mapping from inputs to paths, one for each trajectory")
        named = {name_of(k): v for k, v in (given or {}).items()}
        known = {path.name for path in self.inputs}
        if wrong := sorted(map(str, set(named) - known)):
            raise RecoveryError(f"inputs names {wrong[0]!r}; the inputs of this system: {', '.join(sorted(known)) or 'none'}")
        self.paths: list[list[Path]] = []
        for path in self.inputs:
            value = named.get(path.name, path)
            listed = list(value) if isinstance(value, (list, tuple)) else [value] * count
            if len(listed) != count:
                raise RecoveryError(
                    f"inputs has {len(listed)} paths of {path.name} for {count} trajectories; give one for each"
                )
            for p in listed:
                if not isinstance(p, Path) or p.kind != path.kind:
                    raise RecoveryError(f"inputs has {p!r} for {path.name}; expected a Path of the kind {path.kind!r}")
                if len(p.curves) > 1:
                    raise RecoveryError(
                        f"the path of {path.name} has {len(p.curves)} courses; a trajectory follows one: give a list of paths"
                    )
            self.paths.append(listed)
        for k, run in enumerate(observed.trajectories):
            for path, curve in zip(self.inputs, self._curves(k), strict=True):
                first, last = curve.times[0], curve.times[-1]
                if run.times[0] < first or run.times[-1] > last:
                    raise RecoveryError(
                        f"the data of trajectory {k} go from {run.times[0]:g} to {run.times[-1]:g}, the input {path.name} from "
                        f"{first:g} to {last:g}; give a path that covers them"
                    )

    def _curves(self, k: int) -> list[Any]:
        return [listed[k].curves[0] for listed in self.paths]

    @property
    def marks(self) -> list[bytes]:
        """What tells the courses of all trajectories from others."""
        return [path.digest.encode() for listed in self.paths for path in listed]

    def of(self, k: int) -> dict[Path, Path]:
        """The paths of a trajectory, as simulations take them."""
        return {path: listed[k] for path, listed in zip(self.inputs, self.paths, strict=True)}

    def with_knots(self, observed: Observations) -> Observations:
        """The data with the knots between their first and last times, at which nothing was measured."""
        if not self.inputs:
            return observed
        runs = []
        for k, run in enumerate(observed.trajectories):
            knots = np.unique(np.concatenate([c.times for c in self._curves(k)]))
            times = np.unique(np.concatenate([run.times, knots[(knots > run.times[0]) & (knots < run.times[-1])]]))
            values = np.full((len(times), run.values.shape[1]), np.nan)
            values[np.searchsorted(times, run.times)] = run.values
            runs.append(Trajectory(times, values))
        return replace(observed, trajectories=tuple(runs))

    def rows(self, trajectories: Sequence[int] | np.ndarray, times: np.ndarray) -> np.ndarray:
        """Knots and coefficients (W, T, m) of the segments in which times (W, T) of trajectories (W,) are."""
        parts = []
        for k, at in zip(trajectories, times, strict=True):
            columns = []
            for curve in self._curves(int(k)):
                segment = np.clip(np.searchsorted(curve.times, at, side="right") - 1, 0, len(curve.coefficients) - 1)
                columns += [curve.times[segment][:, None], curve.coefficients[segment]]
            parts.append(np.concatenate(columns, axis=1) if columns else np.zeros((len(at), 0)))
        return np.stack(parts)
