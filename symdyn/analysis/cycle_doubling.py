"""Period doublings: where they are, the branch of twice the period, and where that ends."""

from __future__ import annotations

import numpy as np

from symdyn.analysis.collocation import Mesh, closed
from symdyn.analysis.cycle_curve import CycleCurve, CyclePlace, signed_product

__all__ = ["doubled", "doubling", "halved"]

#: Steps of the secant method.
STEPS = 12


def doubling(place: CyclePlace) -> float:
    """A function that vanishes where a multiplier is -1."""
    return signed_product(place.multipliers, 1.0)


def _located(curve: CycleCurve, cycle: CyclePlace) -> CyclePlace:
    """The cycle next to one at which a multiplier is -1 on this mesh."""
    other = curve.at(cycle, cycle.q + 1e-7)
    for _ in range(STEPS):
        if other is None or doubling(other) == doubling(cycle) or abs(other.q - cycle.q) < 1e-13:
            break
        q = other.q - doubling(other) * (other.q - cycle.q) / (doubling(other) - doubling(cycle))
        cycle, other = other, curve.at(other, q)
    return cycle if other is None else other


def doubled(curve: CycleCurve, cycle: CyclePlace) -> CyclePlace:
    """Two rounds of the cycle next to one at which a multiplier is -1, with the direction of the branch of twice the period."""
    cycle = _located(curve, cycle)
    values, vectors = np.linalg.eig(curve.monodromy(cycle))
    mode = curve.mode(cycle, vectors[:, int(np.argmin(np.abs(values + 1)))].real)
    ends = np.concatenate([cycle.mesh.ends / 2, (1 + cycle.mesh.ends[1:]) / 2])
    du = closed(np.concatenate([mode, -mode]))
    u = closed(np.concatenate([cycle.u, cycle.u]))
    place = CyclePlace(
        Mesh(ends, np.concatenate([cycle.mesh.kept / 2, (1 + cycle.mesh.kept) / 2])),
        u,
        cycle.log_period + float(np.log(2)),
        cycle.q,
        du,
        0.0,
        0.0,
        cycle.scale,
        cycle.multipliers**2,
    )
    place.du = du / np.sqrt(curve.product(place, du, 0.0, 0.0))
    return place


def halved(curve: CycleCurve, place: CyclePlace) -> CyclePlace | None:
    """The point of the branch at which an orbit near it is two rounds of a cycle."""
    half = place.mesh.ends[place.mesh.ends < 0.5 - place.mesh.widths.min() / 2]
    mesh = Mesh(np.append(2 * half, 1.0), 2 * place.mesh.kept[place.mesh.kept < 0.5])
    u = closed(place.mesh.sample(place.u, mesh.times.ravel() / 2).reshape(*mesh.times.shape, -1))
    still = np.zeros_like(u)
    start = CyclePlace(mesh, u, place.log_period - float(np.log(2)), place.q, still, 0.0, 1.0, curve.scale(u))
    cycle = curve.correct(start, u, start.log_period, start.q, at_q=True)
    return None if cycle is None else doubled(curve, cycle)
