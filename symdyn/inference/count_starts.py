"""Where snapshots begin, and how large numbers may become."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from symdyn.errors import RecoveryError
from symdyn.inference.counts import Counts
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.parametric import StateGrid, roomy

__all__ = ["first_distribution", "first_moments", "largest_numbers"]


def largest_numbers(
    network: ReactionNetwork, seen: Counts, limits: Mapping[sp.Symbol, tuple[float, float]]
) -> dict[sp.Symbol, int]:
    """The upper corner of a box of states.

    Raises
    ------
    RecoveryError
        If a species was not observed and has no bound, or more was seen than a bound allows.
    """
    found = {}
    for s in network.states:
        most = int(seen.rows[:, seen.species.index(s.name)].max()) if s.name in seen.species else None
        if s in network.initial:
            most = max(most or 0, int(network.initial[s])) if most is not None else None
        if s in limits and np.isfinite(limits[s][1]):
            found[s] = int(limits[s][1])
            if most is not None and most > found[s]:
                raise RecoveryError(f"the data hold {most} of {s}, more than its bound of {found[s]}; raise it")
        elif s in network.binary:
            found[s] = 1
        elif most is None:
            raise RecoveryError(f"{s} is not in the data; say how large its number may become, bounds={{'{s}': (0, 100)}}")
        else:
            found[s] = roomy(most)
    return found


def first_distribution(network: ReactionNetwork, seen: Counts, box: StateGrid) -> tuple[float, np.ndarray]:
    """Time and distribution on the box from which snapshots follow."""
    begin, rows = _first(network, seen)
    places = box.places(rows)
    return begin, np.bincount(places, minlength=len(box.states)) / len(rows)


def first_moments(network: ReactionNetwork, seen: Counts) -> tuple[float, np.ndarray, np.ndarray]:
    """Time, mean (n,) and upper triangle of the covariance from which snapshots follow."""
    begin, rows = _first(network, seen)
    spread = np.cov(rows.T, bias=True).reshape(rows.shape[1], -1)
    n = rows.shape[1]
    return begin, rows.mean(axis=0), np.array([spread[i, j] for i in range(n) for j in range(i, n)])


def _first(network: ReactionNetwork, seen: Counts) -> tuple[float, np.ndarray]:
    """Time and numbers (m, species) of cells at first: those of the network at time 0, else those of the first snapshot.

    Raises
    ------
    RecoveryError
        If neither tells them, or no snapshot is later.
    """
    missing = [s.name for s in network.states if s not in network.initial]
    if not missing:
        begin, rows = 0.0, np.array([[int(network.initial[s]) for s in network.states]])
    else:
        hidden = [s for s in network.names if s not in seen.species]
        if hidden:
            raise RecoveryError(
                f"there are no initial numbers of {', '.join(missing)}, and the first snapshot does not hold {hidden[0]}; give "
                f"the network initial={{'{missing[0]}': ...}}, which hold at time 0"
            )
        begin, rows = seen.snapshots[0]
        rows = rows[:, [seen.species.index(s) for s in network.names]]
    if not any(t > begin for t, _ in seen.snapshots):
        raise RecoveryError(
            f"there is no snapshot after the time {begin:g} at which the cells begin; give initial numbers, which hold at "
            "time 0, or a later snapshot"
        )
    return begin, rows
