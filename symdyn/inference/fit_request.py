"""What a user of `fit` wants, read and checked in one place: the likelihood, and from where to climb."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.derive.index_reduction import index_reduced
from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.censoring import with_limits
from symdyn.inference.colonies import check_beginnings, reduced_colony
from symdyn.inference.data import Observations, Trajectory, observations, typical_sizes
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.fit_setup import FitSetup
from symdyn.inference.fit_symbols import IDLE, FitRequest, FitSymbols, observable_formulas
from symdyn.inference.kinds import kind_of, plain
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.inference.optimum import Optimum, find_optimum
from symdyn.inference.spatial_data import spatial_observations
from symdyn.inference.spatial_problem import problem_of
from symdyn.inference.stochastic_request import stochastic_problem, stochastic_system
from symdyn.models.colony import BulkCellSystem
from symdyn.models.operators import varies
from symdyn.models.spatial import SpatialSystem
from symdyn.system import System
from symdyn.system.contents import PARTS

__all__ = ["Proposal", "fitted_system", "request"]

#: Parts of systems that are fitted.
KNOWN = {"drift", "map", "algebraic", "events", "delays"}
#: Tolerances of simulations: relative, and absolute over the least size of a column.
RTOL, TOLERANCE = 1e-8, 1e-9
#: That of fields, whose derivatives are difference quotients.
SPATIAL_RTOL = 1e-7


@dataclass(frozen=True)
class Proposal:
    """A likelihood, and where to begin.

    Attributes
    ----------
    problem : FitProblem
    first : tuple of (coordinates, scaled initial values)
        From which to climb before all others.
    fitted : callable
        From coordinates and scaled initial values to the fitted system.
    notes : tuple of str
        Of which the user is warned.
    facts : tuple of str
        Further notes of the fit.
    rough : FitProblem, optional
        An approximation of the likelihood with the same columns, whose optimum is where to begin; the likelihood itself is
        simulated.
    complete : bool
        False if a budget or an interrupt ended the search for where to begin.
    """

    problem: FitProblem
    first: tuple[tuple[np.ndarray, np.ndarray], ...]
    fitted: Callable[[np.ndarray, np.ndarray], Any]
    notes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    rough: FitProblem | None = None
    complete: bool = True


def request(system: Any, data: Any, wanted: FitRequest) -> Proposal:
    """The likelihood of a system, and from where to climb.

    Raises
    ------
    RecoveryError
        For systems, data and options that are not fitted.
    """
    if isinstance(system, System) and not system.unknowns and {"propensities", "diffusion"} & system.parts:
        random, notes = stochastic_problem(system, data, wanted)
        return Proposal(random, (), stochastic_system(system, random), facts=notes, rough=random.rough)
    _check_kind(system)
    if wanted.likelihood != "auto":
        raise RecoveryError(
            f"the likelihood is {wanted.likelihood!r}, which has an effect on systems with randomness alone; leave it out, or "
            "fit a ReactionNetwork or an SDESystem"
        )
    if data is None:
        raise RecoveryError("data is None; expected measurements of states or observables")
    facts: tuple[str, ...] = ()
    stated = wanted
    if isinstance(system, BulkCellSystem):
        system, wanted, note = reduced_colony(system, data, wanted)
        facts = (note,)
    begun = system.with_initial(wanted.initial) if wanted.initial else system
    if isinstance(begun, SpatialSystem):
        return _spatial(begun, data, wanted)
    bare = plain(begun) if begun.parts in ({"drift"}, {"map"}) else index_reduced(begun)
    if idle := [p for p in begun.parameters if p not in bare.parameters and p not in begun.defaults]:
        raise RecoveryError(IDLE.format(idle[0]))
    formulas = observable_formulas(bare, wanted)
    everything, conditions = _measured(bare, data, formulas, wanted)
    seen, kept = _seen(everything, wanted)
    if facts:
        check_beginnings(system.colony, seen, stated)
    symbols = FitSymbols(bare, formulas, seen, wanted)
    free, held = _initial(bare, seen, symbols, wanted)
    overrides = tuple({**held, **symbols.overrides.get(c, {})} for c in conditions)
    columns = symbols.columns()
    setup = FitSetup(
        bare, symbols.observed, seen, columns, symbols.fitted, overrides, free,
        accuracy=_accuracy(bare, seen, wanted.accuracy), conditions=conditions if wanted.conditions else (),
        differences=begun.by_differences,
    )  # fmt: skip
    if not _shoots(bare, everything, symbols, wanted) or any(t.limits is not None for t in seen.trajectories):
        if wanted.windows is not None:
            raise RecoveryError(
                "windows has an effect on fits of plain equations whose states are measured themselves, without observables, "
                "conditions, initial values, limits or other noise than normal; leave it out"
            )
        problem = problem_of(setup)
        if problem.concentrated and problem.size <= problem.count:
            raise RecoveryError(
                f"{problem.size} data cannot tell {problem.count} values and the scale of the noise; give more, known values, "
                "or the noise"
            )
        return Proposal(problem, (), _fitted(system, problem), facts=facts)
    best = _shot(bare, everything, symbols, free, held, wanted)
    growth = best.problem.shooting.growth if wanted.noise is None else None
    weights = None if growth is None else tuple(g[:, kept] for g in growth)
    problem = problem_of(replace(setup, pieces=best.selection.pieces, weights=weights))
    values = problem.coordinates([best.values[s] for s in symbols.fitted])
    scaled = best.model.starts * everything.scale[: len(bare.states)] / problem.start_scale
    return Proposal(problem, ((values, scaled),), _fitted(system, problem), best.notes, facts, complete=best.complete)


def _seen(everything: Observations, wanted: FitRequest) -> tuple[Observations, list[int]]:
    """What was measured, with limits, and which of all columns these are."""
    kept = [i for i in range(len(everything.states)) if any(np.isfinite(t.values[:, i]).any() for t in everything.trajectories)]
    seen = with_limits(_columns_of(everything, kept), wanted.limits)
    if absent := [str(name_of(k)) for k in wanted.observables or {} if str(name_of(k)) not in seen.states]:
        raise RecoveryError(
            f"observables names {absent[0]}, of which the data hold no value; measured are {', '.join(seen.states)}"
        )
    return seen, kept


def _spatial(system: Any, data: Any, wanted: FitRequest) -> Proposal:
    """The likelihood of a system of fields on a grid."""
    if wanted.windows is not None:
        raise RecoveryError("windows has no effect on fits of fields; leave it out")
    formulas = observable_formulas(system, wanted)
    everything, conditions = _measured(system, data, formulas, wanted)
    seen, _ = _seen(everything, wanted)
    if "kinetics" in system.parts:
        check_beginnings(system.colony, seen, wanted)
    for o, name in enumerate(seen.states):
        if "kinetics" in system.parts:  # whose runs record means of the bulk
            if placed := sorted({*getattr(data, "dims", ())} & {*"xyz"}):
                raise RecoveryError(
                    f"the data have the dim {placed[0]}; of a colony {system.fields[0]} is the mean of the bulk; leave it out"
                )
            continue
        if not varies(formulas[name], {*system.fields, *system.space}):
            continue
        if any(not t.place and np.isfinite(t.values[:, o]).any() for t in seen.trajectories):
            axes = ", ".join(s.name for s in system.space)
            raise RecoveryError(
                f"{name} varies in space; its data are an xarray.Dataset with the dims time, {axes}; or give an observable "
                f"such as at({system.fields[0]}, ...) or mean({system.fields[0]})"
            )
    symbols = FitSymbols(system, formulas, seen, wanted)
    if started := [s for s in system.states if s in symbols.named]:
        raise RecoveryError(
            f"the initial value of {started[0]} is not fitted itself; give it as an expression of parameters, which are"
        )
    overrides = tuple(symbols.overrides.get(c, {}) for c in conditions)
    for e in (e for o in overrides for s, e in o.items() if s in system.states):
        if own := sorted(q.name for q in e.free_symbols if q not in (*system.parameters, *getattr(system, "space", ()))):
            raise RecoveryError(f"an initial field of a condition contains {own[0]}, which is no parameter of the system")
    setup = FitSetup(
        system, symbols.observed, seen, symbols.columns(), symbols.fitted, overrides, {},
        accuracy=_accuracy(system, seen, wanted.accuracy),
        conditions=conditions if wanted.conditions else (),
    )  # fmt: skip
    problem = problem_of(setup)
    if problem.concentrated and problem.size <= problem.count:
        raise RecoveryError(f"{problem.size} data cannot tell {problem.count} values and the scale of the noise; give more")
    return Proposal(problem, (), _fitted(system, problem))


# ---- systems and data ----------------------------------------------------------------------------------


def _check_kind(system: Any) -> None:
    if isinstance(system, System) and system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise RecoveryError(f"the system has unknown terms ({names}); recover them with symdyn.recover")
    if isinstance(system, BulkCellSystem):
        return
    parts = system.parts if isinstance(system, System) else frozenset()
    if isinstance(system, SpatialSystem) and "fields" in parts:
        if system.gridless:
            raise RecoveryError(f"a fit needs the {type(system).__name__} on a grid: give system.discretize(60)")
        return
    if not parts & {"drift", "map"} or not parts <= KNOWN:
        if parts & {"drift", "map"} and "noise" not in parts:
            further = ", ".join(PARTS[p] for p in PARTS if p in parts - KNOWN)
            raise RecoveryError(f"fitting does not know {further}, which this {type(system).__name__} has")
        kind_of(system, "fitting")


def _measured(
    system: System, data: Any, formulas: Mapping[str, sp.Expr], wanted: FitRequest
) -> tuple[Observations, tuple[str, ...]]:
    """All data, states first, and the condition of each trajectory."""
    names = (*system.names, *(n for n in formulas if n not in system.names))
    bare = tuple(map(str, map(name_of, wanted.observables))) if wanted.observables else system.names

    def read(part: Any) -> Observations:
        if isinstance(part, Observations):
            return part
        if isinstance(system, SpatialSystem):
            return spatial_observations(system, part, names)
        pairs = isinstance(part, tuple) or (isinstance(part, list) and all(isinstance(p, tuple) for p in part))
        return observations(system, part, columns=bare if pairs else names, censored=True)

    if not wanted.conditions:
        if wanted.conditions is not None:
            raise RecoveryError("conditions is empty; leave it out, or give what differs by name")
        found = [read(data)]
        labels = [""] * len(found[0].trajectories)
    else:
        known = sorted(map(str, data)) if isinstance(data, Mapping) else None
        if known != sorted(map(str, wanted.conditions)):
            raise RecoveryError(
                f"with the conditions {', '.join(map(str, wanted.conditions))} data are a mapping from these names; got "
                f"{', '.join(known) if known is not None else type(data).__name__}"
            )
        found = [read(data[c]) for c in wanted.conditions]
        labels = [str(c) for c, o in zip(wanted.conditions, found, strict=True) for _ in o.trajectories]
    tables = [_padded(o, names) for o in found]
    trajectories = tuple(t for o in tables for t in o)
    scale = typical_sizes([t.values for t in trajectories])
    if len(found) == 1:
        at = [found[0].states.index(n) if n in found[0].states else -1 for n in names]
        noise = np.where(np.array(at) >= 0, found[0].noise[at], 1e-8 * scale)
        return replace(found[0], trajectories=trajectories, states=names, scale=scale, noise=noise), tuple(labels)
    notes = tuple(dict.fromkeys(n for o in found for n in o.notes))
    return Observations(trajectories, names, scale, 1e-8 * scale, notes), tuple(labels)


def _padded(seen: Observations, names: Sequence[str]) -> list[Trajectory]:
    """Trajectories with a column for each name."""
    if seen.states == tuple(names):
        return list(seen.trajectories)
    at = [seen.states.index(n) if n in seen.states else -1 for n in names]
    return [t.columns(at) for t in seen.trajectories]


def _columns_of(seen: Observations, kept: Sequence[int]) -> Observations:
    at = list(kept)
    trajectories = tuple(t.columns(at) for t in seen.trajectories)
    return replace(
        seen, trajectories=trajectories, states=tuple(seen.states[i] for i in at), scale=seen.scale[at], noise=seen.noise[at]
    )  # fmt: skip


def _accuracy(system: System, seen: Observations, given: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {k: v for k, v in given.items() if v is not None}
    if system.map is not None:
        if chosen:
            raise RecoveryError(f"{next(iter(chosen))} has no effect on a map; leave it out")
        return {}
    rtol = SPATIAL_RTOL if isinstance(system, SpatialSystem) else RTOL
    return {"rtol": rtol, "atol": TOLERANCE * float(min(seen.scale.min(), 1.0)), **chosen}


def _initial(
    system: System, seen: Observations, symbols: FitSymbols, wanted: FitRequest
) -> tuple[dict[sp.Symbol, tuple[float, float]], dict[sp.Symbol, sp.Expr]]:
    """Bounds of the initial values that are fitted, and those that bounds hold."""
    direct = {o.expression for o in symbols.observed}
    given = {name_of(k) for k in wanted.initial or {}}
    several = len(seen.trajectories) > 1 and not wanted.conditions
    everywhere = set.intersection(*(set(o) for o in symbols.overrides.values())) if symbols.overrides else set()
    free, held = {}, {}
    solved = {*system.algebraic, *getattr(system, "history", {})}
    for s in system.states:
        if s in solved:
            if s in symbols.named:
                raise RecoveryError(f"the initial value of {s} follows from an equation or a history, and is not fitted")
            continue
        declared = system.initial.get(s)
        if s in symbols.named:
            if s.name in given:
                raise RecoveryError(f"{s} is in initial, where values are not fitted, and in parameters; leave one out")
            low, high = symbols.bounds.get(s, (-math.inf, math.inf))
            if low == high:
                held[s] = sp.Float(low)
            else:
                free[s] = (low, high)
        elif s.name in given or s in everywhere:
            continue
        elif declared is None or (several and s in direct and not isinstance(declared, sp.Expr)):
            free[s] = (-math.inf, math.inf)
    return free, held


# ---- first values by multiple shooting ---------------------------------------------------------------------


def _shoots(system: System, seen: Observations, symbols: FitSymbols, wanted: FitRequest) -> bool:
    """Whether multiple shooting knows the problem: states of plain equations with normal noise."""
    normal = all(
        o.law.name == "normal" and (o.parameters is None or o.parameters[0].is_number) and o.expression in system.states
        for o in symbols.observed
    )
    other = wanted.observables or wanted.conditions or wanted.initial or symbols.own
    numbers = not any(isinstance(v, sp.Expr) for v in system.initial.values())
    return bool(normal and not other and numbers and system.parts in ({"drift"}, {"map"}) and not system.history)


def _shot(
    system: System, everything: Observations, symbols: FitSymbols, free: Mapping[sp.Symbol, tuple[float, float]],
    held: Mapping[sp.Symbol, sp.Expr], wanted: FitRequest,
) -> Optimum:  # fmt: skip
    """The optimum of multiple shooting."""
    columns = dict(zip(symbols.fitted, symbols.columns(), strict=True))
    bounds = {s: (c.low, c.high) for s, c in columns.items() if s in symbols.bounds or c.prior is not None}
    bounds |= {s: symbols.bounds[s] for s in symbols.bounds if s in system.states}
    given = {o.name: float(o.parameters[0]) for o in symbols.observed if o.parameters is not None}
    return find_optimum(
        system, _columns_of(everything, range(len(system.states))), fit=[*symbols.fitted, *symbols.named],
        guesses=symbols.guesses, bounds=bounds, noise=given if given else None, windows=wanted.windows, seed=wanted.seed,
        budget=wanted.budget, journal=wanted.journal,
    )  # fmt: skip


# ---- the fitted system ---------------------------------------------------------------------------------


def _fitted(system: System, problem: ObservedProblem) -> Callable[[np.ndarray, np.ndarray], System]:
    return lambda theta, starts: fitted_system(system, problem, theta, starts)


def fitted_system(system: System, problem: ObservedProblem, theta: np.ndarray, starts: np.ndarray) -> System:
    """The system with fitted values, and the initial values of the first trajectory."""
    values = dict(zip(problem.names, map(float, problem.values(theta)), strict=True))
    known = {p: values[p.name] for p in system.parameters if p.name in values}
    fitted = system.with_parameters(known)
    begun = problem.starts_of(theta, starts)[0]
    over = problem.setup.overrides[0]
    numbers = {
        s: float(begun[i]) for i, s in enumerate(problem.system.states)
        if s in system.states and s in problem.x0 and (problem.own[0, i] or (s in over and s not in system.initial))
    }  # fmt: skip
    numbers |= {s: float(e) for s, e in over.items() if s in system.states and e.is_number and not problem.setup.conditions}
    line = f"{', '.join(values) or 'initial values'} fitted to {problem.setup.data.size} data"
    return fitted.with_initial(numbers).replace(provenance=(*system.provenance, line))
