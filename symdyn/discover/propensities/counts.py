"""Molecule numbers that were observed: every jump of a path, a path at some times, or cells that are not followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from symdyn.discover.data import TRAJECTORY, Observations, Trajectory, observations
from symdyn.errors import RecoveryError
from symdyn.models.reactions import ReactionNetwork

__all__ = ["CELLS", "Counts", "observed"]

#: The dimension of a dataset, or the column of a table, along which cells are not followed.
CELLS = "cell"
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
    """

    kind: str
    species: tuple[str, ...]
    trajectories: tuple[Trajectory, ...]
    snapshots: tuple[tuple[float, np.ndarray], ...]

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
    """Read molecule numbers.

    A table or mapping with a time that occurs more than once holds snapshots unless a column ``trajectory`` tells paths
    apart; so does a dataset with the dimension ``cell``; everything else holds paths.  A path every step of which
    is one reaction was recorded completely.

    Raises
    ------
    RecoveryError
        If a value is no whole number from 0, a species of a path is missing, or both kinds are mixed.
    """
    parts = list(data) if isinstance(data, (list, tuple)) else [data]
    loose = [_is_snapshots(p, network.time.name) for p in parts]
    if any(loose):
        if not all(loose):
            raise RecoveryError("the data mix snapshots of cells and paths; recover from one kind, or give both as snapshots")
        return _snapshots(network, [_table(p, network.time.name) for p in parts])
    seen = observations(network, data)
    return _paths(network, seen)


def _is_snapshots(part: Any, time: str) -> bool:
    if isinstance(part, xr.Dataset):
        return CELLS in part.dims
    if isinstance(part, (pd.DataFrame, Mapping)):
        times = _times(part, time)
        followed = isinstance(part, pd.DataFrame) and TRAJECTORY in part
        return times is not None and not followed and len(np.unique(times)) < len(times)
    return False


def _times(part: Any, time: str) -> np.ndarray | None:
    named = {str(getattr(k, "name", k)): k for k in part}
    for name in (time, "time", "t"):
        if name in named:
            return np.asarray(part[named[name]], dtype=float)
    if isinstance(part, pd.DataFrame) and part.index.name in (time, "time", "t"):
        return part.index.to_numpy(dtype=float)
    return None


def _table(part: Any, time: str) -> pd.DataFrame:
    """Snapshots as a table with the column ``time``."""
    if isinstance(part, xr.Dataset):
        name = next((n for n in ("time", time) if n in part.coords or n in part.dims), None)
        if name is None:
            raise RecoveryError(f"the dataset of cells has no coordinate 'time' or {time!r}; give the time of each snapshot")
        frame = part.reset_coords(drop=False).to_dataframe().reset_index()
        return frame.rename(columns={name: "time"})
    times = _times(part, time)
    columns = {str(getattr(k, "name", k)): np.asarray(part[k]) for k in part}
    return pd.DataFrame({k: v for k, v in columns.items() if k not in (time, "t")}).assign(time=times)


def _snapshots(network: ReactionNetwork, tables: Sequence[pd.DataFrame]) -> Counts:
    table = pd.concat(tables, ignore_index=True)
    species = tuple(s for s in network.names if s in table)
    if not species:
        raise RecoveryError(
            f"no column of the data is a species: columns {', '.join(map(str, table.columns))}; "
            f"species {', '.join(network.names)}"
        )
    table = table[["time", *species]].dropna()
    values = _whole(table[list(species)].to_numpy(dtype=float), species)
    times = table["time"].to_numpy(dtype=float)
    found = tuple((float(t), values[times == t]) for t in np.unique(times))
    return Counts("snapshots", species, (), found)


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
