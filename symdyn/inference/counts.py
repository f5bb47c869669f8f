"""Molecule numbers that were observed: every jump of a path, a path at some times, or cells that are not followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory, paths_or_cells
from symdyn.models.reactions import ReactionNetwork

__all__ = ["Counts", "observed"]

#: Gaps that are the same to this are taken to be one.
DIGITS = 10


@dataclass(frozen=True)
class Counts:
    """What was observed.

    Attributes
    ----------
    kind : {'complete', 'sampled', 'snapshots'}
    species : tuple of str
        Columns of the tables.
    trajectories : tuple of Trajectory
        Followed paths, values in the order of the species of the network; empty for snapshots.
    snapshots : tuple of (float, (cells, species) int64)
        Time and numbers of the cells then, in the order of time; empty for paths.
    notes : tuple of str
        What was made of dates, headers and columns when the data were read.
    """

    kind: str
    species: tuple[str, ...]
    trajectories: tuple[Trajectory, ...]
    snapshots: tuple[tuple[float, np.ndarray], ...]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many cells, or steps of paths, there are."""
        if self.kind == "snapshots":
            return sum(len(v) for _, v in self.snapshots)
        return sum(len(t.times) - 1 for t in self.trajectories)

    @property
    def rows(self) -> np.ndarray:
        """All observed numbers, (m, species)."""
        parts = [v for _, v in self.snapshots] or [t.values for t in self.trajectories]
        return np.concatenate(parts).astype(np.int64)

    @property
    def span(self) -> float:
        """From the first time to the last."""
        if self.kind == "snapshots":
            times = [t for t, _ in self.snapshots]
            return max(times[-1] - min(times[0], 0.0), 1e-300)
        return max(float(t.times[-1] - t.times[0]) for t in self.trajectories)


def observed(network: ReactionNetwork, data: Any) -> Counts:
    """Read molecule numbers, as `paths_or_cells` tells paths from cells.

    A path every step of which is one reaction was recorded completely.

    Raises
    ------
    RecoveryError
        If a value is no whole number from 0, a species of a path is missing, or both kinds are mixed.
    """
    seen, snapshots = paths_or_cells(network, data, network.names)
    if not snapshots:
        return replace(_paths(network, seen), notes=seen.notes)
    complete = ((float(t.times[0]), t.values[np.isfinite(t.values).all(axis=1)]) for t in seen.trajectories)
    found = tuple((time, _whole(values, seen.states)) for time, values in complete if len(values))
    return Counts("snapshots", seen.states, (), found, seen.notes)


def _paths(network: ReactionNetwork, seen: Observations) -> Counts:
    paths = []
    for trajectory in seen.trajectories:
        complete = np.isfinite(trajectory.values).all(axis=1)
        if complete.sum() > 1:
            values = _whole(trajectory.values[complete], network.names).astype(float)
            paths.append(Trajectory(trajectory.times[complete], values))
    if not paths:
        missing = [
            s for i, s in enumerate(network.names) if not any(np.isfinite(t.values[:, i]).any() for t in seen.trajectories)
        ]
        raise RecoveryError(
            f"the path does not hold {', '.join(missing) or 'all species at the same time'}; with species that are not "
            "observed give the data as snapshots: a table with many rows a time, or a dataset with the dimension 'cell'"
        )
    changes = {tuple(c) for c in network.changes.T if any(c)}
    single = not any(r.bursts for r in network.reactions)
    for path in paths:  # the last row may be the end of the observation
        steps = np.diff(path.values, axis=0).astype(int)
        single &= all(tuple(s) in changes for s in steps[:-1]) and (tuple(steps[-1]) in changes or not steps[-1].any())
    kind = "complete" if single and sum(len(p.times) for p in paths) > 2 else "sampled"
    return Counts(kind, network.names, tuple(paths), ())


def _whole(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    wrong = ~((values >= 0) & (values == np.round(values)))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise RecoveryError(
            f"the data hold {values[row, column]:g} of {names[column]}; expected numbers of molecules, whole and from 0 (for "
            "concentrations recover the terms of rate equations, net.rate_equations())"
        )
    return values.astype(np.int64)
