"""What a user of `fit` wants, read and checked in one place: the likelihood, and from where to climb."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression, lookup, name_of
from symdyn.derive.index_reduction import index_reduced
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory, observations, typical_sizes
from symdyn.inference.fit_problem import FitProblem, FittedColumn
from symdyn.inference.guesses import read_bounds
from symdyn.inference.kinds import kind_of, plain
from symdyn.inference.noise_laws import LAWS, ScaledLaw
from symdyn.inference.observed_problem import FitSetup, NoisyObservable, ObservedProblem, dynamics
from symdyn.inference.optimum import Optimum, find_optimum
from symdyn.registry import suggest
from symdyn.system import System
from symdyn.system.contents import PARTS

__all__ = ["FitRequest", "Proposal", "fitted_system", "request"]

#: Parts of systems that are fitted.
KNOWN = {"drift", "map", "algebraic", "events", "delays"}
#: Tolerances of simulations: relative, and absolute over the least size of a column.
RTOL, TOLERANCE = 1e-8, 1e-9
IDLE = "the parameter {} does not enter the equations of the states, so their data cannot tell it; give it a value"


@dataclass(frozen=True)
class FitRequest:
    """The arguments of `fit`, as they were given."""

    parameters: Mapping[Any, Any]
    priors: Mapping[Any, Any]
    guesses: Mapping[Any, Any]
    observables: Mapping[Any, Any] | None
    noise: Any
    conditions: Mapping[str, Mapping[Any, Any]] | None
    initial: Mapping[Any, Any] | None
    scales: Mapping[Any, str]
    windows: int | None
    seed: int
    accuracy: Mapping[str, Any]


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
    """

    problem: FitProblem
    first: tuple[tuple[np.ndarray, np.ndarray], ...]
    fitted: Callable[[np.ndarray, np.ndarray], Any]
    notes: tuple[str, ...] = ()


def request(system: Any, data: Any, wanted: FitRequest) -> Proposal:
    """The likelihood of a system, and from where to climb.

    Raises
    ------
    RecoveryError
        For systems, data and options that are not fitted.
    """
    _check_kind(system)
    if data is None:
        raise RecoveryError("data is None; expected measurements of states or observables")
    begun = system.with_initial(wanted.initial) if wanted.initial else system
    bare = plain(begun) if begun.parts in ({"drift"}, {"map"}) else index_reduced(begun)
    if idle := [p for p in begun.parameters if p not in bare.parameters and p not in begun.defaults]:
        raise RecoveryError(IDLE.format(idle[0]))
    formulas = _formulas(bare, wanted)
    everything, conditions = _measured(bare, data, formulas, wanted)
    kept = [i for i in range(len(everything.states)) if any(np.isfinite(t.values[:, i]).any() for t in everything.trajectories)]
    seen = _columns_of(everything, kept)
    if absent := [str(name_of(k)) for k in wanted.observables or {} if str(name_of(k)) not in seen.states]:
        raise RecoveryError(
            f"observables names {absent[0]}, of which the data hold no value; measured are {', '.join(seen.states)}"
        )
    symbols = _Symbols(bare, formulas, seen, wanted)
    free, held = _initial(bare, seen, symbols, wanted)
    overrides = tuple({**held, **symbols.overrides.get(c, {})} for c in conditions)
    columns = symbols.columns()
    setup = FitSetup(
        bare, symbols.observed, seen, columns, symbols.fitted, overrides, free,
        accuracy=_accuracy(bare, seen, wanted.accuracy), conditions=conditions if wanted.conditions else (),
    )  # fmt: skip
    if not _shoots(bare, everything, symbols, wanted):
        if wanted.windows is not None:
            raise RecoveryError(
                "windows has an effect on fits of plain equations whose states are measured themselves, without observables, "
                "conditions, initial values or other noise than normal; leave it out"
            )
        problem = ObservedProblem(setup)
        if problem.concentrated and problem.size <= problem.count:
            raise RecoveryError(
                f"{problem.size} data cannot tell {problem.count} values and the scale of the noise; give more, known values, "
                "or the noise"
            )
        return Proposal(problem, (), _fitted(system, problem))
    best = _shot(bare, everything, symbols, free, held, wanted)
    growth = best.problem.shooting.growth if wanted.noise is None else None
    weights = None if growth is None else tuple(g[:, kept] for g in growth)
    problem = ObservedProblem(replace(setup, pieces=best.selection.pieces, weights=weights))
    values = problem.coordinates([best.values[s] for s in symbols.fitted])
    scaled = best.model.starts * everything.scale[: len(bare.states)] / problem.start_scale
    return Proposal(problem, ((values, scaled),), _fitted(system, problem), best.notes)


# ---- systems and data ----------------------------------------------------------------------------------


def _check_kind(system: Any) -> None:
    if isinstance(system, System) and system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise RecoveryError(f"the system has unknown terms ({names}); recover them with symdyn.recover")
    parts = system.parts if isinstance(system, System) else frozenset()
    if not parts & {"drift", "map"} or not parts <= KNOWN:
        if isinstance(system, System) and system.propensities is not None:
            raise RecoveryError(
                f"fitting needs an ODESystem or a DiscreteSystem, got {type(system).__name__}; take its rate_equations()"
            )
        if parts & {"drift", "map"} and "noise" not in parts:
            further = ", ".join(PARTS[p] for p in PARTS if p in parts - KNOWN)
            raise RecoveryError(f"fitting does not know {further}, which this {type(system).__name__} has")
        kind_of(system, "fitting")


def _formulas(system: System, wanted: FitRequest) -> dict[str, sp.Expr]:
    """What each column that may be measured is."""
    found: dict[str, sp.Expr] = {str(name_of(k)): expression(v) for k, v in (wanted.observables or {}).items()}
    if wanted.observables is not None and not found:
        raise RecoveryError("observables is empty; leave it out, or say what is measured")
    found |= {s.name: s for s in system.states if s.name not in found}
    found |= {s.name: e for s, e in system.observables.items() if s.name not in found}
    rules = dict(system.observables)
    return {name: dag.put_in(e, rules, f"the observable {name}") for name, e in found.items()}


def _measured(
    system: System, data: Any, formulas: Mapping[str, sp.Expr], wanted: FitRequest
) -> tuple[Observations, tuple[str, ...]]:
    """All data, states first, and the condition of each trajectory."""
    names = (*system.names, *(n for n in formulas if n not in system.names))
    bare = tuple(map(str, map(name_of, wanted.observables))) if wanted.observables else system.names

    def read(part: Any) -> Observations:
        if isinstance(part, Observations):
            return part
        pairs = isinstance(part, tuple) or (isinstance(part, list) and all(isinstance(p, tuple) for p in part))
        return observations(system, part, columns=bare if pairs else names)

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
    missing = np.array(at) < 0
    return [Trajectory(t.times, np.where(missing, np.nan, t.values[:, at])) for t in seen.trajectories]


def _columns_of(seen: Observations, kept: Sequence[int]) -> Observations:
    at = list(kept)
    trajectories = tuple(Trajectory(t.times, t.values[:, at]) for t in seen.trajectories)
    return replace(
        seen, trajectories=trajectories, states=tuple(seen.states[i] for i in at), scale=seen.scale[at], noise=seen.noise[at]
    )  # fmt: skip


def _accuracy(system: System, seen: Observations, given: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {k: v for k, v in given.items() if v is not None}
    if system.map is not None:
        if chosen:
            raise RecoveryError(f"{next(iter(chosen))} has no effect on a map; leave it out")
        return {}
    return {"rtol": RTOL, "atol": TOLERANCE * float(min(seen.scale.min(), 1.0)), **chosen}


# ---- what is fitted --------------------------------------------------------------------------------------


class _Symbols:
    """Which symbols are fitted, and what they enter."""

    def __init__(self, system: System, formulas: Mapping[str, sp.Expr], seen: Observations, wanted: FitRequest) -> None:
        self.system, self.wanted = system, wanted
        self.overrides = {str(c): self._override(c, v) for c, v in (wanted.conditions or {}).items()}
        self.made: list[sp.Symbol] = []
        self.usual: dict[sp.Symbol, tuple[float, float]] = {}
        self.observed = tuple(self._noisy(name, formulas[name], k, seen) for k, name in enumerate(seen.states))
        used = [e for o in self.observed for e in (o.expression, *(o.parameters or ()))]
        changed = [e for over in self.overrides.values() for e in over.values()]
        starts = [v for v in system.initial.values() if isinstance(v, sp.Expr)]
        entering = dag.free_symbols([*used, *changed, *starts])
        own = {s.name: s for s in entering if s not in (*system.states, system.time, *system.parameters)}
        known = {s.name for s in (*system.states, *system.parameters, system.time)}
        for s in self.made:
            own.setdefault(s.name, s)
        if clash := [n for n in own if n in known]:
            raise RecoveryError(f"two symbols are called {clash[0]}; use that of the system")
        named = {name_of(k) for part in (wanted.parameters, wanted.priors) for k in part}
        loose = [n for n in sorted(own) if n not in named and own[n] not in self.made]
        if loose:
            raise RecoveryError(
                f"an observable, its noise or a condition contains {loose[0]}, which is neither a state nor a parameter; to "
                f"fit it, name it in parameters, such as parameters={{{loose[0]!r}: (0.01, 100)}}, or give it a prior"
            )
        self.own = tuple(own[n] for n in sorted(own))
        symbols = (*system.parameters, *system.states, *self.own)
        what = "parameter, symbol of an observable, or state"
        self.named = {lookup(k, symbols, what) for k in wanted.parameters}
        self.priors = {lookup(k, (*system.parameters, *self.own), "parameter"): v for k, v in wanted.priors.items()}
        given = {k: v for k, v in wanted.parameters.items() if v is not None}
        self.bounds = {**self.usual, **read_bounds(given, symbols, system.states)}
        everywhere = set.intersection(*(set(o) for o in self.overrides.values())) if self.overrides else set()
        if vain := [p for p in everywhere if p in self.named | set(self.priors)]:
            raise RecoveryError(f"{vain[0]} is not fitted, as every condition gives it a value; leave it out")
        fitted = [
            p for p in system.parameters
            if (p in self.named or p in self.priors or p not in system.defaults) and p not in everywhere
        ]  # fmt: skip
        self.fitted = (*fitted, *self.own)
        idle = [p for p in fitted if p not in entering | dynamics(system)]
        if idle:
            raise RecoveryError(IDLE.format(idle[0]))
        elsewhere = dag.free_symbols([*(o.expression for o in self.observed), *changed, *starts]) | dynamics(system)
        self.in_noise = dag.free_symbols([e for o in self.observed for e in o.parameters or ()]) - elsewhere
        self.guesses = self._of_fitted("guesses", wanted.guesses)
        self.scales = self._of_fitted("scales", wanted.scales)
        for p, v in self.scales.items():
            if v not in ("lin", "log"):
                raise RecoveryError(f"the scale of {p} is {v!r}; expected 'lin' or 'log'")

    def _of_fitted(self, option: str, given: Mapping[Any, Any]) -> dict[sp.Symbol, Any]:
        found = {lookup(k, (*self.system.parameters, *self.own), "parameter"): v for k, v in given.items()}
        if idle := [p for p in found if p not in self.fitted]:
            raise RecoveryError(f"{option} names {idle[0]}, which is not fitted; name it in parameters, or leave it out")
        return found

    def _override(self, condition: str, given: Any) -> dict[sp.Symbol, sp.Expr]:
        if not isinstance(given, Mapping):
            raise RecoveryError(
                f"the condition {condition} is {given!r}; expected a mapping from parameters and states to values"
            )
        symbols = (*self.system.parameters, *self.system.states)
        return {lookup(k, symbols, "parameter or state"): expression(v) for k, v in given.items()}

    def columns(self) -> tuple[FittedColumn, ...]:
        """What is fitted, beside initial values."""
        return tuple(self._column(s) for s in self.fitted)

    def _column(self, s: sp.Symbol) -> FittedColumn:
        low, high = self.bounds.get(s, (-math.inf, math.inf))
        if low == high:
            raise RecoveryError(f"the bounds of {s} are {(low, high)}; the first must be below the second")
        prior, positive = self.priors.get(s), low > 0 and high < math.inf
        if prior is not None:
            if not all(hasattr(prior, name) for name in ("logpdf", "ppf", "support")):
                raise RecoveryError(
                    f"the prior of {s} is {prior!r}; expected a frozen distribution such as scipy.stats.lognorm(1)"
                )
            least, most = prior.support()
            low, high = max(low, float(least)), min(high, float(most))
            positive |= low >= 0 and high == math.inf
        if s in self.in_noise and low <= 0 and s not in self.system.parameters:
            low, positive = 0.0, True
        logarithmic = self.scales[s] == "log" if s in self.scales else positive
        if logarithmic:
            low = max(low, 0.0)
        if not low < high:
            raise RecoveryError(f"the values of {s} are between {low:g} and {high:g}: none is left")
        guess = self.system.defaults.get(s)
        if s in self.guesses:
            given = self.guesses[s]
            if not isinstance(given, Real) or not math.isfinite(given):
                raise RecoveryError(f"the guess of {s} is {given!r}; expected a finite number")
            guess = float(given)
            if not low <= guess <= high or (logarithmic and guess <= 0):
                wanted = f"a {'positive ' if logarithmic else ''}number between {low:g} and {high:g}"
                raise RecoveryError(f"the guess of {s} is {guess:g}; expected {wanted}")
        usual = abs(guess) if guess else 1.0
        if guess is None and np.isfinite([low, high]).all():
            usual = max(abs(low), abs(high))
        guesses = () if guess is None or (logarithmic and guess <= 0) else (float(guess),)
        return FittedColumn(s.name, low, high, logarithmic, float(usual), guesses, prior)

    # ---- noise ------------------------------------------------------------------------------------------

    def _noisy(self, name: str, mean: sp.Expr, k: int, seen: Observations) -> NoisyObservable:
        given = self.wanted.noise
        if isinstance(given, Mapping):
            by = {str(name_of(key)): v for key, v in given.items()}
            if wrong := [n for n in by if n not in seen.states]:
                raise RecoveryError(f"noise names {wrong[0]}, which is not measured; measured are {', '.join(seen.states)}")
            given = by.get(name)
        law_name, *numbers = (
            ("normal",)
            if given is None
            else (given,)
            if isinstance(given, str)
            else given
            if isinstance(given, tuple) and given
            else ("normal", given)
        )
        if law_name not in LAWS:
            raise RecoveryError(f"the noise of {name} is {law_name!r}; known: {', '.join(LAWS)}.{suggest(str(law_name), LAWS)}")
        law = LAWS[law_name]
        if len(numbers) > len(law.parameters):
            takes = ", ".join(law.parameters) or "no parameters"
            raise RecoveryError(f"the noise of {name} is {given!r}; {law.name} noise takes {takes}")
        values = np.concatenate([t.values[:, k] for t in seen.trajectories])
        values = values[np.isfinite(values)]
        if law.counts and ((values < 0) | (values != np.round(values))).any():
            raise RecoveryError(
                f"{law.name} noise needs whole numbers from 0, but {name} has {values[(values < 0) | (values % 1 > 0)][0]:g}"
            )
        if law.positive and (values <= 0).any():
            raise RecoveryError(f"{law.name} noise needs positive values, but {name} has {values[values <= 0][0]:g}")
        if not numbers and isinstance(law, ScaledLaw):
            return NoisyObservable(name, mean, law)
        found = [self._noise_parameter(name, mean, v) for v in numbers]
        taken = {s.name for s in (*self.system.states, *self.system.parameters, *self.made)}
        for parameter in law.parameters[len(numbers) :]:
            self.made.append(fresh_symbol(f"{parameter}_{name}", taken))
            if parameter in law.bounds:
                self.usual[self.made[-1]] = law.bounds[parameter]
            found.append(self.made[-1])
        return NoisyObservable(name, mean, law, tuple(found))

    def _noise_parameter(self, name: str, mean: sp.Expr, value: Any) -> sp.Expr:
        e = expression(value)
        if isinstance(value, bool) or (e.is_number and not (e.is_finite and e > 0)):
            raise RecoveryError(f"the noise of {name} is {value!r}; expected a positive standard deviation")
        e = dag.put_in(e, dict(self.system.observables), "noise")
        return e.xreplace({s: mean for s in e.free_symbols if s.name == name})


def _initial(
    system: System, seen: Observations, symbols: _Symbols, wanted: FitRequest
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


def _shoots(system: System, seen: Observations, symbols: _Symbols, wanted: FitRequest) -> bool:
    """Whether multiple shooting knows the problem: states of plain equations with normal noise."""
    normal = all(
        o.law.name == "normal" and (o.parameters is None or o.parameters[0].is_number) and o.expression in system.states
        for o in symbols.observed
    )
    other = wanted.observables or wanted.conditions or wanted.initial or symbols.own
    numbers = not any(isinstance(v, sp.Expr) for v in system.initial.values())
    return bool(normal and not other and numbers and system.parts in ({"drift"}, {"map"}))


def _shot(
    system: System, everything: Observations, symbols: _Symbols, free: Mapping[sp.Symbol, tuple[float, float]],
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
