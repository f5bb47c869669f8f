"""The phase plane of an explorer, at a cost that is bounded, and steady states of any system at rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.analysis.equilibria import steady_states
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.portraits import rest_kind
from symdyn.analysis.rate_grids import RateGrid
from symdyn.analysis.search import newton
from symdyn.system import System

__all__ = ["PlaneView", "all_rests"]

#: Points of the grid along each side, and cells in which nullclines may cross before steady states fill curves.
GRID, MOST = 61, 40


class PlaneView:
    """Nullclines of a planar flow and the steady states at which they cross, on a grid of 61 by 61 points."""

    def __init__(self, system: System) -> None:
        self.system, self.rates = system, Field(system)

    def __call__(self, parameters: Mapping[str, float], box: np.ndarray) -> dict[str, Any]:
        """What is in a region (2, 2), as plain numbers.

        Two steady states in one cell of the grid are found as one, or none; `steady_states` finds all.
        """
        p, size = parameter_row(self.system, parameters), box[:, 1] - box[:, 0]
        with np.errstate(all="ignore"):  # rates may be beyond what doubles hold; there is no nullcline then
            grid = RateGrid(self.rates, p, box, GRID)
            lines = {n: [line.T.tolist() for line in grid.nullcline(i)] for i, n in enumerate(self.system.names)}
            guesses, note = grid.crossings(), ""
        found: list[np.ndarray] = []
        if len(guesses) > MOST:
            guesses, note = guesses[:0], "steady states fill curves, or lie too densely to be told apart here"
        for guess in guesses:
            with np.errstate(all="ignore"):
                x = newton(self.rates, guess, p)
            if x is None or not ((x >= box[:, 0]) & (x <= box[:, 1])).all():
                continue
            if not any((np.abs(x - y) < 1e-6 * size).all() for y in found):
                found.append(x)
        found.sort(key=lambda x: tuple(np.round(x / size, 9)))
        return {"region": box.tolist(), "nullclines": lines, "rests": [self._rest(x, p) for x in found], "note": note}

    def _rest(self, x: np.ndarray, p: np.ndarray) -> dict[str, Any]:
        values = self.rates.eigenvalues(x, p)
        return {"point": x.tolist(), "kind": rest_kind(values), "stable": self.rates.stable(values)}


def all_rests(system: System, parameters: Mapping[str, float], initial: Mapping[str, float]) -> dict[str, Any]:
    """All steady states as `symdyn.analysis.steady_states` finds them, as plain numbers."""
    found = steady_states(system, parameters, initial=initial if len(initial) == len(system.states) else None)
    points = np.stack([found[n].values for n in system.names], axis=-1)
    stable = found["stable"].values
    rests = [
        {"point": x.tolist(), "kind": "stable" if s else "unstable or neutral", "stable": bool(s)}
        for x, s in zip(points, stable, strict=True)
    ]
    return {"rests": rests, "complete": bool(found.attrs["complete"]), "note": found.attrs["notes"]}
