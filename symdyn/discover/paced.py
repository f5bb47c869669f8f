"""One population that its own past or a season moves: models of textbooks with a delay, and with rates that have a period.

Neither is an autonomous system of few equations.  Constants that match increments of a curve through the data
(`symdyn.discover.matched`), for many delays or periods, come first; series that no such model matches are left alone.  Few of
them are fitted by simulation, to the beginning of the data and then to all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.discover import lagged, seasonal
from symdyn.discover.error_comparison import ErrorFits
from symdyn.discover.forecasts import refitted
from symdyn.discover.matched import Match, SmoothSeries, best
from symdyn.discover.model_error import enough
from symdyn.discover.options import Request
from symdyn.discover.ranked import RankedSystem, filled
from symdyn.discover.recovery import Recovery
from symdyn.discover.turning_back import accepted, of_states, unmeasured
from symdyn.inference.data import Observations
from symdyn.inference.error_fits import ErrorFit, fit_together, laws
from symdyn.inference.filtering import FilterLikelihood, Within
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["paced"]

#: Share of the squares of the increments that a match may leave.
LEFT = 0.6
#: Matches of each law that are fitted, by what factor they differ, and the share of the data that they are fitted to first.
EACH, APART, FIRST = 3, 1.2, 0.4


@dataclass(frozen=True)
class _Family:
    """Models of one kind with their matches."""

    declared: System
    matches: Sequence[Match]
    data: Observations
    later: Observations | None
    text: str


def paced(before: Recovery, system: System, request: Request) -> Recovery:
    """A recovery of one population, or that of a model with a delay, or with a season, which foretells better from within.

    Nothing is compared of several trajectories, of fewer than 20 data, or of numbers that are not positive.

    Parameters
    ----------
    before : Recovery
        Of an equation of first order, or of a model with a hidden population.
    system : System
        The equation of first order.
    request : Request
        What was asked for.
    """
    seen = before.observations
    if not request.budget.going():
        return before
    first = [t.values[:, 0] for t in seen.trajectories]
    if len(first) > 1 or np.isfinite(first[0]).sum() < lagged.FEWEST or not np.nanmin(first[0]) > 0 or _explained(before):
        return before
    curve = SmoothSeries(seen)
    for family in (_with_delay, _with_season):
        if not request.budget.going():
            break
        own = family(curve, seen, before.heldout, system)
        if own is not None:
            before = _fitted(own, before, request) or before
    return before


def _explained(before: Recovery) -> bool:
    """Whether a model with a hidden population leaves nothing of the data but noise that is not correlated."""
    if before.law is None or before.law.process or len(before.system.names) == 1:
        return False
    like = (own := refitted(before)).likelihood
    run = like.filtered(own.found.theta[None])
    left = run.gaps[0, np.isfinite(like.data.trajectories[0].values[:, 0]), 0]
    left = left - left.mean()
    return bool(abs(left[1:] @ left[:-1]) < 2 / np.sqrt(len(left)) * (left @ left))


def _with_delay(curve: SmoothSeries, seen: Observations, later: Observations | None, system: System) -> _Family | None:
    x, time = system.states[0], system.time
    found = best(lagged.matches(curve, x, _names(system), time), apart=APART, each=EACH)
    found = lagged.shortest(m for m in found if m.error < LEFT)
    if not found:
        return None
    longest = max(high for m in found for c, (_, high) in m.bounds.items() if c.name.startswith("delay"))
    past, span = lagged.history(curve, longest, time)
    _, begin = span
    (path,) = seen.trajectories
    kept = path.times >= begin
    data = replace(seen, trajectories=(replace(path.columns([0]), times=path.times[kept], values=path.values[kept, :1]),))
    data = of_states(data, (x.name,))
    unknown = sp.Function(f"f_{x.name}")(x, sp.Function(x.name)(time - 1))
    text = (
        f"the first model has a delay. It is of a textbook: {{name}}. The first {int((~kept).sum())} data are the history "
        f"of {x.name} before {begin!r}, smoothed, and were not fitted: its runs begin then; forecasts are its own run, without "
        "process noise"
    )
    start = (float(curve(np.array([begin]))[0]),)
    declared = ODESystem({x: unknown}, history={x: past}, history_span=span)
    return _Family(declared, [replace(m, start=start) for m in found], data, later and of_states(later, (x.name,)), text)


def _with_season(curve: SmoothSeries, seen: Observations, later: Observations | None, system: System) -> _Family | None:
    if len(curve.times) < seasonal.FEWEST:
        return None
    x, h, time = system.states[0], unmeasured("hidden", system), system.time
    found = best(seasonal.matches(curve, x, h, _names(system), time), apart=APART, each=EACH)
    found = [m for m in found if m.error < LEFT]
    if not found:
        return None
    names = tuple(min(found, key=lambda m: m.error).sides)
    found = [m for m in found if tuple(m.sides) == names]
    declared = ODESystem({sp.Symbol(s): sp.Function(f"f_{s}")(*map(sp.Symbol, names), time) for s in names})
    text = "the first model has rates that change with a season. It is of a textbook: {name}"
    if len(names) > 1:
        text += f"; {h} was not measured and has the unit of a rate"
    size = float(np.mean([m.start[-1] for m in found]))
    return _Family(declared, found, of_states(seen, names, size), later and of_states(later, names, size), text)


def _names(system: System) -> Callable[[str], sp.Symbol]:
    """Symbols by name that are not those of states."""
    return lambda name: unmeasured(name, system)


def _fitted(family: _Family, before: Recovery, request: Request) -> Recovery | None:
    """The recovery of the best of these models, if it may come first."""
    data, going = family.data, request.budget.going
    chosen = [(m, _ranked(family, m, m.values, np.array([m.start]))) for m in family.matches]
    within = {m.name: Within(compile(model.system), {}) for m, model in chosen}
    (path,) = data.trajectories
    count = round(FIRST * len(path.times))
    early = replace(data, trajectories=(replace(path, times=path.times[:count], values=path.values[:count]),))
    law = laws(of_states(data, data.states[:1]))[-1]
    begun = [
        FilterLikelihood(
            model.system, early, law, list(model.free), starts=np.array([m.start]), bounds=model.free, within=within[m.name]
        )
        for m, model in chosen
    ]
    first = fit_together(begun, [None] * len(begun), going=going)
    likelihoods = [f.on(data) for f in begun]
    fits = fit_together(likelihoods, first, going=going)
    runs = sum(f.runs for f in (*first, *fits) if f is not None)
    least: dict[str, tuple[float, Match, ErrorFit]] = {}
    for (m, _), fit in zip(chosen, fits, strict=True):
        if fit is not None and (m.name not in least or fit.criterion(0.0) < least[m.name][0]):
            least[m.name] = fit.criterion(0.0), m, fit
    if not least or not going():
        return None
    models, texts, larger, starts = [], {}, {}, np.array([chosen[0][0].start])
    for _, m, fit in sorted(least.values(), key=lambda row: row[0]):
        values, starts = fit.values()
        models.append(model := _ranked(family, m, {c: values[c] for c in m.values}, starts))
        texts[id(model)], larger[id(model)] = family.text.format(name=m.name), within[m.name]
    moved = enough(data) and "delays" not in models[0].system.parts
    rows = ErrorFits([(law, m) for m in models], data, starts, larger, going, process=moved)
    return accepted(rows.ranked(), texts, before, data, family.later, request, runs + rows.runs)


def _ranked(family: _Family, own: Match, values: Mapping[sp.Symbol, float], starts: np.ndarray) -> RankedSystem:
    """A model as it is shown in a result."""
    declared = family.declared
    sides = dict(zip(declared.drift or (), own.sides.values(), strict=True))
    numbers = {c: sp.Float(v) for c, v in values.items()}
    line = f"recovered from {family.data.size} data, with nothing known but models of textbooks with a delay or a season"
    shown = {u.func(*(a for a in u.args if a.is_Symbol)): e for u, e in sides.items()}  # the past is in what they are
    labels = [(str(u), str(term)) for u, e in shown.items() for term in sp.Add.make_args(sp.expand(e))]
    return RankedSystem(
        filled(declared, sides, values, line, starts[0]), shown, {u: e.xreplace(numbers) for u, e in shown.items()},
        len(values), np.nan, start=starts, free=dict(own.bounds), textbook=True, labels=tuple(labels),
    )  # fmt: skip
