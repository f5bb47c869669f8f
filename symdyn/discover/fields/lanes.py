"""Runs of one system of fields with many sets of values at once, and their values at the points of the data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, SUCCESS

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.smoothing import along, between_points
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.methods.bs32 import Bs32
from symdyn.simulation.run import simulate

__all__ = ["Lanes"]

#: Accuracy of the runs.
RTOL, ATOL = 1e-6, 1e-8
#: Steps times cells times terms that a run may take at first, and how many times the steps of the longest that succeeded.
WORK, LONGER = 1e8, 20
#: Order of accuracy in space.
ORDER = 4


class Lanes:
    """The candidates of a recovery on a grid.

    Parameters
    ----------
    candidates : FieldCandidates
        With a `PDESystem`.
    data : FieldData
    cells : tuple of int
        Along each axis.

    Raises
    ------
    RecoveryError
        If the system cannot be discretised.

    Attributes
    ----------
    simulations : int
        Runs so far.
    """

    def __init__(self, candidates: FieldCandidates, data: FieldData, cells: Sequence[int]) -> None:
        self.candidates, self.data, self.cells = candidates, data, tuple(map(int, cells))
        self.system = candidates.system
        try:
            self.grid = self.system.discretize(self.cells, order=ORDER)
            self.grid.model()
        except DeclarationError as error:
            raise RecoveryError(f"the candidates cannot be simulated: {error}") from error
        self.centers = self.grid.centers
        self.between = [
            between_points(self.system, a, c, p) for a, (c, p) in enumerate(zip(self.centers, data.positions, strict=True))
        ]
        size = float(np.prod(self.cells)) * len(self.system.fields) * max(len(candidates.terms), 4)
        self.most = int(max(2000, WORK / size))
        self.simulations = 0
        self._longest = 0

    def parameters(self, theta: np.ndarray) -> dict[str, xr.DataArray]:
        """Values (lanes, P) of the columns, as a simulation takes them."""
        names = {s.name for s in self.system.parameters}
        return {
            c.name: xr.DataArray(theta[:, k], dims="trajectory")
            for k, c in enumerate(self.candidates.columns) if c.name in names
        }  # fmt: skip

    def run(self, theta: np.ndarray, starts: dict[str, np.ndarray], times: np.ndarray) -> np.ndarray:
        """Fields (lanes, T, fields, *positions of the data); NaN from where a run failed.

        Parameters
        ----------
        theta : (lanes, P) float64
        starts : mapping
            From fields whose initial values are not in the system to arrays (lanes, *cells).
        times : (T,) float64
            The first is that of the start.
        """
        count = len(theta)
        self.simulations += count
        most = min(self.most, max(1000, LONGER * self._longest)) if self._longest else self.most
        found = self._simulated(theta, starts, times, most)
        fine = found["status"].values == SUCCESS
        # a run that blows up takes ever shorter steps: it is not waited for
        self._longest = max(self._longest, int(found["steps"].values[fine].max(initial=0)))
        fields = np.stack([found[f.name].values for f in self.system.fields], axis=2)
        fields = fields.reshape(count, len(times), len(self.system.fields), *self.cells)
        return along(self.between, fields, 3)

    def _simulated(self, theta: np.ndarray, starts: dict[str, np.ndarray], times: np.ndarray, most: int) -> xr.Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of stiffness: runs that take too many steps count as failed
            found = simulate(
                self.grid, times, initial=starts, parameters=self.parameters(theta), trajectories=len(theta),
                method=Bs32(max_steps=most), rtol=RTOL, atol=ATOL * float(np.max(self.data.scale)), progress=False,
                on_failure="nan",
            )  # fmt: skip
        if (found["status"] == INTERRUPTED).any():  # a run ends early and says so, a search ends
            raise KeyboardInterrupt
        return found

    def initial(self, starts: dict[str, np.ndarray]) -> np.ndarray:
        """Fields (fields, *cells) at the start, with the guesses of the columns."""
        found = self._simulated(self.candidates.guesses[:1], {k: v[:1] for k, v in starts.items()}, np.zeros(1), 1)
        return np.stack([found[f.name].values.reshape(self.cells) for f in self.system.fields])

    def rates(self, theta: np.ndarray, fields: np.ndarray, time: float) -> np.ndarray:
        """Rates (lanes, fields, *cells) of one state (fields, *cells) with many sets of values."""
        known = {s: float(v) for s, v in self.system.defaults.items()}
        scalars = [float(self.system.initial.get(s, 0.0)) for s in self.system.scalars]
        y = np.concatenate([fields.ravel(), scalars])
        found = []
        for row in theta:
            values = known | dict(zip(self.candidates.columns, map(float, row), strict=True))
            p = np.array([values[s] for s in self.system.parameters])
            out = self.grid.model().rates(y, time, p)
            found.append(out[: fields.size].reshape(fields.shape))
        return np.array(found)
