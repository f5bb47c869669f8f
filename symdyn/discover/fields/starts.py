"""What runs start from: fields that the system knows, and fields that are fitted to the first snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.smoothing import smooth_fields
from symdyn.errors import RecoveryError

__all__ = ["FieldStarts", "read_starts"]

#: Most values that are fitted of one initial field.
MOST = 40
#: Noise, relative to the size of a field, below which the first snapshot is taken as it is.
CLEAN = 2e-3


@dataclass(frozen=True)
class FieldStarts:
    """Initial fields of every run.

    Attributes
    ----------
    times : tuple of (T,) float64
        For each run the time of the start and those of the snapshots to be compared.
    used : tuple of (S,) int
        The snapshots of each run that are compared.
    fixed : tuple of mappings
        For each run, arrays (*cells) by field of what is not fitted.
    bases : tuple of mappings
        For each run by field what is fitted: functions (m, *cells) and the columns of their coefficients.
    first : (M,) float64
        Coefficients with which the fit begins.
    """

    times: tuple[np.ndarray, ...]
    used: tuple[np.ndarray, ...]
    fixed: tuple[dict[str, np.ndarray], ...]
    bases: tuple[dict[str, tuple[np.ndarray, slice]], ...]
    first: np.ndarray

    def fields(self, run: int, values: np.ndarray) -> dict[str, np.ndarray]:
        """Initial arrays (lanes, *cells) by field for coefficients (lanes, M)."""
        found = {k: np.broadcast_to(v, (len(values), *v.shape)) for k, v in self.fixed[run].items()}
        for name, (basis, columns) in self.bases[run].items():
            found[name] = np.tensordot(values[:, columns], basis, axes=(1, 0))
        return found


def read_starts(lanes: Lanes, data: FieldData, *, held: bool = False) -> FieldStarts:
    """Starts of all runs on the grid of `lanes`; those that are `held` are first snapshots, smoothed and not fitted.

    A field with an initial value in the system has it at time 0, or at the first snapshot if that is earlier.

    Raises
    ------
    RecoveryError
        If a field was not measured at first and the system has no initial value of it, or the data begin before that.
    """
    system = lanes.system
    known = {s.name for s in system.initial}
    fields = set() if held else known
    missing = [s.name for s in system.scalars if s.name not in known]
    if missing:
        raise RecoveryError(f"no initial value of the scalar {missing[0]}; give it in the system")
    all_known = all(f.name in fields for f in system.fields)
    times, used, fixed, bases, first = [], [], [], [], []
    size = 0
    for r, run in enumerate(data.trajectories):
        begin = min(0.0, float(run.times[0])) if all_known else float(run.times[0])
        here: dict[str, np.ndarray] = {}
        made: dict[str, tuple[np.ndarray, slice]] = {}
        for i, f in enumerate(system.fields):
            if f.name in fields:
                continue
            frame = run.values[0, i]
            if not np.isfinite(frame).any():
                raise RecoveryError(
                    f"{f} was not measured in the first snapshot of experiment {r}, and the system has no initial value of it; "
                    "give one"
                )
            smooth = smooth_fields(system, data.positions, frame[None], float(data.noise[i]))
            count = smooth.coefficients[0].size
            if not held and data.noise[i] > CLEAN * data.scale[i] and count <= MOST and count < np.isfinite(frame).sum():
                unit = type(smooth)(system, smooth.counts, np.eye(count).reshape(count, *smooth.counts))
                made[f.name] = unit(lanes.centers), slice(size, size + count)
                first.append(smooth.coefficients[0].ravel())
                size += count
            else:
                here[f.name] = smooth(lanes.centers)[0]
        fixed.append(here)
        bases.append(made)
        late = run.times > begin
        # a first snapshot from which nothing is fitted says nothing more
        compared = np.flatnonzero(late | (run.times >= begin) & bool(made))
        used.append(compared)
        times.append(np.concatenate([[begin], run.times[late]]))
    return FieldStarts(tuple(times), tuple(used), tuple(fixed), tuple(bases), np.concatenate(first) if first else np.zeros(0))
