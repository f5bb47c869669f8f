"""One coordinate that swings, which no equation of first order makes: recovered as an equation of second order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.options import Request
from symdyn.discover.reads import given
from symdyn.discover.recovery import Recovery
from symdyn.discover.routes import route_of
from symdyn.discover.turning_back import may_turn, turning, turns, unmeasured
from symdyn.errors import RecoveryError
from symdyn.inference.data import estimated_noise
from symdyn.models.ode import ODESystem

__all__ = ["second_order"]

#: What may be asked for beside.
BESIDE = {"library", "seed", "heldout", "options.keep", "options.level", "options.windows", "options.noise"}
#: Error over that before below which an equation of second order follows the data.
BETTER = 0.5
#: Fewest data, and the error of a model that may turn back, in units of the noise, that leaves nothing to look for.
LEAST, NOISE = 20, 1.5


def second_order(found: Recovery, data: Any, request: Request) -> Recovery:
    r"""A recovery of one coordinate, or where this follows the data, that of an equation of second order.

    .. math:: x' = v, \qquad v' = f(x, v)

    with the velocity `v`, which is not measured, and terms of x and v as for any unknown function.

    Parameters
    ----------
    found : Recovery
        Of data of which nothing was known.
    data : any
        As it was read.
    request : Request
        What was asked for.
    """
    seen = found.observations
    if not _asked(request) or not _missed(found) or not turns(seen):
        return found
    x = found.system.states[0]
    v = unmeasured("velocity", found.system)
    system, route = route_of(ODESystem({x: v, v: sp.Function(f"f_{v}")(x, v)}), data, request)
    better: Recovery | None = None
    with request.budget.keeping(lambda: True):
        try:
            better = route.recovered(system, data, request) if request.budget.going() else None
        except RecoveryError:  # no equation of second order follows the data either
            return found
    if better is None:
        note = f"an equation of second order was not looked for to the end, for {request.budget.end}"
        return replace(found, warnings=(*found.warnings, note), complete=False)
    left = better.table["rms"][0] * seen.scale[0]
    turn = turning(seen, max(left, seen.noise[0])) if np.isfinite(left) else None
    if turn is None or not better.table["rms"][0] < BETTER * found.table["rms"][0]:
        return replace(found, complete=found.complete and better.complete)
    note = (
        f"{turn.partition(': a state is hidden')[0]}: an equation of second order was looked for, with the {v} of {x}, which "
        "was not measured, as a second state; declare your own for another one"
    )
    return replace(better, warnings=(note, *better.warnings))


def _asked(request: Request) -> bool:
    """Whether nothing was asked for that is of equations of first order."""
    return set(given(request)) <= BESIDE and request.library in (None, "mechanics") and request.options.process == "auto"


def _missed(found: Recovery) -> bool:
    """Whether one state was measured, and no other model of it makes up for what an equation of first order misses."""
    seen = found.observations
    others = any(np.isfinite(t.values[:, 1:]).any() for t in seen.trajectories)
    if others or seen.size < LEAST:
        return False
    if not may_turn(found.system):
        return True
    left, noise, law, errors = found.table["rms"][0] * seen.scale[0], seen.noise[0], found.law, found.noise
    if law is not None and errors is not None and law.logarithmic and not law.process:  # in proportion to what is measured
        left = errors["measurement"].iloc[0]
        noise = estimated_noise([(t.times, np.log(t.values[:, 0])) for t in seen.trajectories])
    return bool(left > NOISE * noise)
