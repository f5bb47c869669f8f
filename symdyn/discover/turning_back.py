"""Models of one population that turns back: which of them may come before an equation of first order, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from scipy.optimize import isotonic_regression

from symdyn.codegen.kernel import compile
from symdyn.discover.error_comparison import Fitted
from symdyn.discover.model_error import enough, in_order, less, root_mean
from symdyn.discover.options import Request
from symdyn.discover.ranked import ranked_recovery
from symdyn.discover.reads import given
from symdyn.discover.recovery import Recovery
from symdyn.inference.data import Observations
from symdyn.inference.error_fits import ErrorFit, fit_errors
from symdyn.inference.filtering import ErrorLaw
from symdyn.inference.phase_flow import flow_contradiction
from symdyn.system import System

__all__ = ["TELLING", "accepted", "may_turn", "of_states", "turning", "turns", "unmeasured"]

#: What is read by the search among equations of first order alone.
EARLIER = ("options.windows", "options.ties")
#: Data from which their own noise is known, and deviations of it that are not its own, also where it grows with the value.
TELLING, MUCH = 30, 4.0
#: Deviations of the correlation of neighbours, and of those two and three apart where neighbours are not unlike each other, by
#: which it is none by chance: about the nearest course noise itself goes to and fro.
LIKE, UNLIKE = 2.5, 4.5
#: Share of the distance of two bounds within which a value is at one of them.
EDGE = 1e-3


def unmeasured(name: str, system: System) -> sp.Symbol:
    """A symbol of this name beside those of a system, and underscores where that, or its right-hand side, is taken."""
    taken = {s.name for s in (*system.states, system.time)}
    return next(sp.Symbol(n) for k in range(9) if not {n := name + "_" * k, f"f_{n}"} & taken)


def turns(seen: Observations) -> bool:
    r"""Whether the first state rises and falls through the same value by much more than its noise, which may grow with it.

    One autonomous equation of first order makes monotone courses.  Data are taken as those that are nearest by least squares if
    what is left is like noise: not much larger than that of the data, and not correlated, where the correlation :math:`r` of n
    data makes :math:`r \sqrt n` about normal.  Few data tell too little of that.

    References
    ----------
    Barlow, Bartholomew, Bremner, Brunk, Statistical Inference under Order Restrictions (1972).
    """
    times, values = _known(seen)
    courses = [_monotone(v[:, 0])[:, None] for v in values]
    left = [(v - c)[:, 0] for v, c in zip(values, courses, strict=True)]
    size = np.sqrt(np.mean(np.concatenate(left) ** 2)) if left else 0.0
    noisy = seen.size >= TELLING and size <= MUCH * seen.noise[0] and not _correlated(left)
    return flow_contradiction(seen.states[:1], times, courses if noisy else values, seen.noise[:1]) is not None


def _monotone(x: np.ndarray) -> np.ndarray:
    """The nearest series that nowhere falls, or nowhere rises."""
    found = [np.asarray(isotonic_regression(x, increasing=up).x) for up in (True, False)]
    return min(found, key=lambda course: float(((x - course) ** 2).sum()))


def _correlated(left: Sequence[np.ndarray]) -> bool:
    """Whether neighbours are like each other by more than chance, or those next to them like or unlike each other."""
    left = [x - x.mean() for x in left]
    root, size = np.sqrt(sum(map(len, left))), sum(x @ x for x in left)
    first, *others = (sum(x[k:] @ x[:-k] for x in left) * root for k in (1, 2, 3))
    return bool(first > LIKE * size or (first > 0 and max(map(abs, others)) > UNLIKE * size))


def turning(seen: Observations, noise: float) -> str | None:
    """Where the first state rises and falls through the same value in the data themselves, by much more than the noise.

    Parameters
    ----------
    seen : Observations
    noise : float
        Standard deviation, as of `symdyn.inference.phase_flow.flow_contradiction`.
    """
    return flow_contradiction(seen.states[:1], *_known(seen), np.array([noise]))


def _known(seen: Observations) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Times and values (T, 1) of the first state of each trajectory, without those that are missing."""
    known = [(t, np.isfinite(t.values[:, 0])) for t in seen.trajectories]
    return [t.times[k] for t, k in known if k.any()], [t.values[k, :1] for t, k in known if k.any()]


def of_states(data: Observations, names: tuple[str, ...], size: float = 1.0) -> Observations:
    """Data of the first state alone, with an empty column for another one of a typical size where two names are given."""
    more = [-1] * (len(names) - 1)
    return replace(
        data, trajectories=tuple(t.columns([0, *more]) for t in data.trajectories), states=names,
        scale=np.append(data.scale[:1], [size] * len(more)), noise=np.append(data.noise[:1], [size] * len(more)),
    )  # fmt: skip


def may_turn(system: System) -> bool:
    """Whether a system is none of one autonomous equation of first order."""
    return len(system.states) > 1 or "delays" in system.parts or any(e.has(system.time) for e in system.expressions)


def accepted(
    rows: Sequence[Fitted], texts: Mapping[int, str], before: Recovery, data: Observations, later: Observations | None,
    request: Request, runs: int = 0,
) -> Recovery | None:  # fmt: skip
    """The recovery whose first model is the best of these.

    None if it does not contradict equations of first order, the data do not tell its constants, or it foretells less well than
    the first model before.

    Parameters
    ----------
    rows : sequence of (criterion, model, fit)
        The best first.
    texts : mapping of int to str
        By the `id` of a model what a note says of it.
    before : Recovery
        Of the same population.
    data, later : Observations
        Those of the rows, and what was held out.
    request : Request
    runs : int
        Simulations that the rows took.
    """
    rows = [row for row in rows if np.isfinite(row[0]) and _possible(row[2])]
    if not rows or not request.budget.going():
        return None
    own = rows[0][2]
    facts, turn = own.information(), _turn(own)
    constants = len(rows[0][1].free)
    told = not facts.undetermined.any() and (facts.deviations < np.abs(facts.values))[:constants][_sizes(own)].all()
    if turn is None or not told or _at_bounds(own) or not _foretells(own, before):
        return None
    order = in_order(rows, [], [model for _, model, _ in rows], None, data, later, automatic=False)
    idle = [name for name in EARLIER if name in set(given(request))]
    notes = [f"{turn}: {texts[id(rows[0][1])]}", *order.notes]
    notes += [f"{', '.join(idle)} had an effect on the search among equations of first order alone"] if idle else []
    return ranked_recovery(
        Recovery, order.models[: request.options.keep], replace(facts, low=np.maximum(facts.low, _least(own))),
        level=request.options.level, compared=[(m.criterion, m.labels) for m in order.models], notes=notes, observations=data,
        heldout=later, forecasters=order.forecasters, law=own.law, noise=own.errors(),
        evaluations=before.evaluations + runs, complete=before.complete,
    )  # fmt: skip


def _sizes(own: ErrorFit) -> np.ndarray:
    """Which of the constants have a sign: those of the others may be zero."""
    limits = own.likelihood.limits
    return np.array([limits.get(p, (0.0, np.inf))[0] >= 0 for p in own.likelihood.free])


def _at_bounds(own: ErrorFit) -> bool:
    """Whether a constant ends at a bound, between which the data then do not tell it."""
    values, _ = own.values()
    limits = [(values[p], *own.likelihood.limits.get(p, (0.0, np.inf))) for p in own.likelihood.free]
    return any(np.isfinite(high) and min(v - low, high - v) < EDGE * (high - low) for v, low, high in limits)


def _least(own: ErrorFit) -> np.ndarray:
    """Least values of constants and initial values: zero but for constants of either sign."""
    signed = ~_sizes(own)
    count = len(own.likelihood.names)
    return np.concatenate([np.where(signed, -np.inf, 0.0), np.zeros(count - len(signed))])


def _turn(own: ErrorFit) -> str | None:
    """Where the run of a fit turns back, by much more than the noise that it leaves."""
    like, seen = own.likelihood, own.likelihood.data
    deviation = own.errors()["measurement"].iloc[0]
    left = deviation * np.sqrt(seen.size / max(seen.size - like.size + len(like.measured), 1))
    times = [t.times for t in seen.trajectories]
    values, starts = own.values()
    row = np.array([values[p] for p in like.system.parameters])
    kernel = compile(like.system)
    runs = [kernel(start[None], row[None], t).values[0, :, :1] for start, t in zip(starts, times, strict=True)]
    noise = left * max(float(r.max()) for r in runs) if own.law.logarithmic else left
    found = flow_contradiction(like.data.states[:1], times, runs, np.array([noise]))
    return None if found is None else found.partition(": a state is hidden")[0]


def _possible(own: ErrorFit) -> bool:
    """Whether no population of a fit begins below zero, and no positive constant is zero, without which it is another model."""
    values, starts = own.values()
    return bool((starts >= 0).all()) and all(
        values[c] > 0 for c, kept in zip(own.likelihood.free, _sizes(own), strict=True) if kept
    )


def _foretells(own: ErrorFit, before: Recovery) -> bool:
    """Whether forecasts of a fit from within the data are no worse than those of the first model of a recovery.

    Better by more than chance, where its own run does not follow the data without process noise, and where that model turns
    back as well.
    """
    data, system = own.likelihood.data, before.system
    free = [p for p in system.parameters if p.name in set(before.intervals["constant"])]
    seen, starts = _since(before, data)
    processes = (None, "common") if enough(seen) and "delays" not in system.parts else (None,)
    fits = [fit_errors(system, seen, ErrorLaw(process, own.law.logarithmic), free, starts=starts) for process in processes]
    standing = min((f for f in fits if f is not None), key=lambda f: f.criterion(0.0), default=None)
    if standing is None:
        return True
    ours, theirs = ({f.origin: f.error(fit.likelihood) for f in fit.forecasts()} for fit in (own, standing))
    common = sorted(ours.keys() & theirs.keys())
    each = [[errors[k] for k in common] for errors in (ours, theirs)]
    if own.law.process or may_turn(system):
        return less(*each)
    return not common or root_mean(each[0]) <= root_mean(each[1])


def _since(before: Recovery, data: Observations) -> tuple[Observations, np.ndarray]:
    """The data of a recovery from when others begin, and the states of its first model then (trajectories, n)."""
    seen, starts = before.observations, before.starts[0].copy()
    kernel, row = compile(before.system), np.array([before.system.defaults[p] for p in before.system.parameters])
    parts = []
    for k, (own, other) in enumerate(zip(seen.trajectories, data.trajectories, strict=True)):
        begin = other.times[0]
        if begin > own.times[0]:
            run = kernel(starts[k][None], row[None], np.array([own.times[0], begin])).values[0, -1]
            starts[k] = np.where(np.isfinite(run), run, starts[k])
            starts[k, 0] = own.values[own.times >= begin, 0][0]
        kept = own.times >= begin
        parts.append(replace(own, times=own.times[kept], values=own.values[kept]))
    return replace(seen, trajectories=tuple(parts)), starts
