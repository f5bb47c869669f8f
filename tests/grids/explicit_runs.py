"""Runs of fields with tight tolerances, and the orders that their errors show."""

from __future__ import annotations

import math

import numpy as np

import symdyn as sd

TIGHT = dict(method="tsit5", rtol=1e-10, atol=1e-12, progress=False)


DISCRETISATION = ("order", "scheme", "dealias", "implicit", "advection")


def run(system, times, grid, **options):
    """A simulation on a grid, with options of both."""
    own = {name: options.pop(name) for name in DISCRETISATION if name in options}
    return sd.simulate(system.discretize(grid, **own), times, **options)


def last(system, field, end, grid, **options):
    data = run(system, np.array([0.0, end]), grid, **{**TIGHT, **options})
    return data, data[field].values[-1]


def fitted(system, exact, end, grids, order, **options):
    """Observed order from the largest errors on two grids."""
    errors = []
    for n in grids:
        data, found = last(system, "u", end, n, order=order, **options)
        centers = np.meshgrid(*(data[s.name].values for s in system.space), indexing="ij")
        errors.append(abs(found - exact(*centers)).max())
    return math.log(errors[0] / errors[1]) / math.log(grids[1] / grids[0])
