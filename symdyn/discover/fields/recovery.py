"""What `recover` hands back for fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from symdyn.attached import FieldRecoveryVerbs
from symdyn.discover.fields.data import read_fields
from symdyn.discover.recovery import Recovery
from symdyn.models.pde import PDESystem

__all__ = ["FieldRecovery"]


@dataclass(frozen=True, kw_only=True, repr=False)
class FieldRecovery(FieldRecoveryVerbs, Recovery):
    """Ranked systems of fields with the unknown terms filled in; see `Recovery` for what all of them have.

    Attributes
    ----------
    system : PDESystem
        Of the declared domain and boundary; it simulates on other grids and from other starts.
    table : DataFrame
        ``rms`` is the error of a run from the start, relative to the size of the fields; ``one_step`` is NaN.
    starts : tuple of (trajectories, fields, *cells) float64
        One array: the initial fields from which the data were fitted, on the grid of the fit.
    fitted : tuple of Dataset
        For each experiment the run of the first system from its start, at the times and places of the data.
    method : {'simulation', 'weak form'}
        Where the values come from.
    """

    system: PDESystem
    systems: tuple[PDESystem, ...]
    fitted: tuple[xr.Dataset, ...] = field(default=())
    method: str = "simulation"

    def _beginnings(self) -> list[tuple[float, dict[str, Any]]]:
        names = self.observations.fields
        pairs = zip(self.fitted, self.starts, strict=True)
        return [(float(run["time"][0]), dict(zip(names, start, strict=True))) for run, start in pairs]

    def _measured(self, data: Any) -> Any:
        return self.observations if data is None else read_fields(self.system, data)
