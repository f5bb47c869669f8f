"""Which symbols a fit determines: of parameters, observables, conditions and noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.codegen.history_span import looks_beyond
from symdyn.declaration import expression
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import RecoveryError
from symdyn.given_values import keyed, name_of
from symdyn.inference.budget import Budget
from symdyn.inference.censoring import CENSORED_LAWS
from symdyn.inference.data import Observations
from symdyn.inference.fit_problem import FittedColumn
from symdyn.inference.fit_setup import NoisyObservable, dynamics
from symdyn.inference.guesses import read_bounds
from symdyn.inference.journal import Journal
from symdyn.inference.natural_sizes import natural_sizes
from symdyn.inference.noise_laws import LAWS, ScaledLaw
from symdyn.inference.report import Report
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["IDLE", "STAGES", "FitRequest", "FitSymbols", "observable_formulas"]

#: Scale of noise from which one is fitted, relative to the size of the data.
FIRST_NOISE = 0.1
#: Bounds where there are none.
OPEN = (-math.inf, math.inf)
#: Stages of a fit, and where each begins and ends on a bar.
STAGES = {"beginning": (0.0, 0.2), "softened": (0.2, 0.6), "starts": (0.6, 0.95), "polish": (0.95, 1.0)}
IDLE = "the parameter {} does not enter the equations of the states, so their data cannot tell it; give it a value"


@dataclass(frozen=True)
class FitRequest:
    """The arguments of `fit`, as they were given, but for those of its time, its record on disk and its progress."""

    accuracy: Mapping[str, Any]
    parameters: Mapping[Any, Any] = field(default_factory=dict)
    priors: Mapping[Any, Any] = field(default_factory=dict)
    guesses: Mapping[Any, Any] = field(default_factory=dict)
    observables: Mapping[Any, Any] | None = None
    noise: Any = None
    conditions: Mapping[str, Mapping[Any, Any]] | None = None
    initial: Mapping[Any, Any] | None = None
    scales: Mapping[Any, str] = field(default_factory=dict)
    windows: int | None = None
    seed: int = 0
    likelihood: Any = "auto"
    limits: Mapping[str, Any] | None = None
    budget: Budget = field(default_factory=Budget)
    journal: Journal = field(default_factory=Journal)
    report: Report = field(default_factory=partial(Report, False, "fit", STAGES))


def observable_formulas(system: System, wanted: FitRequest) -> dict[str, sp.Expr]:
    """What each column that may be measured is."""
    found: dict[str, sp.Expr] = {str(name_of(k)): expression(v) for k, v in (wanted.observables or {}).items()}
    if wanted.observables is not None and not found:
        raise RecoveryError("observables is empty; leave it out, or say what is measured")
    found |= {s.name: s for s in system.states if s.name not in found}
    found |= {s.name: e for s, e in system.observables.items() if s.name not in found}
    rules = dict(system.observables)
    return {name: dag.put_in(e, rules, f"the observable {name}") for name, e in found.items()}


class FitSymbols:
    """Which symbols are fitted, and what they enter; `random` says whether the system has randomness of its own."""

    def __init__(
        self, system: System, formulas: Mapping[str, sp.Expr], seen: Observations, wanted: FitRequest, *, random: bool = False
    ) -> None:
        self.system, self.wanted, self.random = system, wanted, random
        self.overrides = {str(c): self._override(c, v) for c, v in (wanted.conditions or {}).items()}
        self.made: list[sp.Symbol] = []
        self.usual: dict[sp.Symbol, tuple[float, float]] = {}
        self.first: dict[sp.Symbol, float] = {}  # from which scales of noise are fitted
        self.observed = tuple(self._noisy(name, formulas[name], k, seen) for k, name in enumerate(seen.states))
        used = [e for o in self.observed for e in (o.expression, *(o.parameters or ()))]
        changed = [e for over in self.overrides.values() for e in over.values()]
        starts = [v for v in system.initial.values() if isinstance(v, sp.Expr)]
        entering = dag.free_symbols([*used, *changed, *starts])
        taken = (*system.states, system.time, *system.parameters, *getattr(system, "space", ()))
        own = {s.name: s for s in entering if s not in taken}
        known = {s.name for s in taken}
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
        self.named = set(keyed(wanted.parameters, symbols, what))
        self.priors = keyed(wanted.priors, (*system.parameters, *self.own), "parameter")
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
        self.natural = natural_sizes(system, seen, {o.name: o.expression for o in self.observed})
        self.scales = self._of_fitted("scales", wanted.scales)
        for p, v in self.scales.items():
            if v not in ("lin", "log"):
                raise RecoveryError(f"the scale of {p} is {v!r}; expected 'lin' or 'log'")

    def _of_fitted(self, option: str, given: Mapping[Any, Any]) -> dict[sp.Symbol, Any]:
        found = keyed(given, (*self.system.parameters, *self.own), "parameter")
        if idle := [p for p in found if p not in self.fitted]:
            raise RecoveryError(f"{option} names {idle[0]}, which is not fitted; name it in parameters, or leave it out")
        return found

    def _override(self, condition: str, given: Any) -> dict[sp.Symbol, sp.Expr]:
        if not isinstance(given, Mapping):
            raise RecoveryError(
                f"the condition {condition} is {given!r}; expected a mapping from parameters and states to values"
            )
        symbols = (*self.system.parameters, *self.system.states)
        return {s: expression(v) for s, v in keyed(given, symbols, "parameter or state").items()}

    def columns(self) -> tuple[FittedColumn, ...]:
        """What is fitted, beside initial values."""
        found = {s: self._column(s) for s in self.fitted}
        _refuse_long_delays(self.system, found)
        return tuple(found.values())

    def _column(self, s: sp.Symbol) -> FittedColumn:
        low, high = self.bounds.get(s, OPEN)
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
        if self.random and self.system.propensities is not None and s in self.system.parameters and (low, high) == OPEN:
            low, positive = 0.0, True  # constants of reactions
        if s in self.in_noise and low <= 0 and s not in self.system.parameters:
            low, positive = 0.0, True
        logarithmic = self.scales[s] == "log" if s in self.scales else positive
        if logarithmic:
            low = max(low, 0.0)
        if not low < high:
            raise RecoveryError(f"the values of {s} are between {low:g} and {high:g}: none is left")
        guess = self.system.defaults.get(s, self.first.get(s))
        if s in self.guesses:
            given = self.guesses[s]
            if not isinstance(given, Real) or not math.isfinite(given):
                raise RecoveryError(f"the guess of {s} is {given!r}; expected a finite number")
            guess = float(given)
            if not low <= guess <= high or (logarithmic and guess <= 0):
                wanted = f"a {'positive ' if logarithmic else ''}number between {low:g} and {high:g}"
                raise RecoveryError(f"the guess of {s} is {guess:g}; expected {wanted}")
        usual = abs(guess) if guess else self.natural.get(s, 1.0)
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
            ("none" if self.random else "normal",)
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
        if law.exact and not self.random:
            raise RecoveryError(f"the noise of {name} is 'none', which only systems with randomness allow; leave it out")
        if len(numbers) > len(law.parameters):
            takes = ", ".join(law.parameters) or "no parameters"
            raise RecoveryError(f"the noise of {name} is {given!r}; {law.name} noise takes {takes}")
        limited = any(t.limits is not None and not np.isnan(t.limits[:, k]).all() for t in seen.trajectories)
        if limited and law.name not in CENSORED_LAWS:
            raise RecoveryError(
                f"{name} has censored measurements, which {law.name} noise does not take; known: {', '.join(CENSORED_LAWS)}"
            )
        values = np.concatenate([t.values[:, k] for t in seen.trajectories])
        values = values[np.isfinite(values)]
        if law.counts and ((values < 0) | (values != np.round(values))).any():
            raise RecoveryError(
                f"{law.name} noise needs whole numbers from 0, but {name} has {values[(values < 0) | (values % 1 > 0)][0]:g}"
            )
        if law.positive and (lost := _not_positive(seen, k)):
            raise RecoveryError(f"{law.name} noise needs positive values, but {name} has {lost}")
        if not numbers and isinstance(law, ScaledLaw) and not self.random and not limited:
            return NoisyObservable(name, mean, law)
        found = [self._noise_parameter(name, mean, v) for v in numbers]
        taken = {s.name for s in (*self.system.states, *self.system.parameters, *self.made)}
        for parameter in law.parameters[len(numbers) :]:
            self.made.append(fresh_symbol(f"{parameter}_{name}", taken))
            if parameter in law.bounds:
                self.usual[self.made[-1]] = law.bounds[parameter]
            elif law.centred:
                self.first[self.made[-1]] = FIRST_NOISE * (1.0 if law.positive else float(seen.scale[k]))
            found.append(self.made[-1])
        return NoisyObservable(name, mean, law, tuple(found))

    def _noise_parameter(self, name: str, mean: sp.Expr, value: Any) -> sp.Expr:
        e = expression(value)
        if isinstance(value, bool) or (e.is_number and not (e.is_finite and e > 0)):
            raise RecoveryError(f"the noise of {name} is {value!r}; expected a positive standard deviation")
        e = dag.put_in(e, dict(self.system.observables), "noise")
        return e.xreplace({s: mean for s in e.free_symbols if s.name == name})


def _refuse_long_delays(system: System, columns: Mapping[sp.Symbol, FittedColumn]) -> None:
    """Refuse bounds at whose ends a delay is longer than a history that is known between two times."""
    if system.history_span is None:
        return
    low, high = system.history_span
    known = {s.name for s in system.history}
    held = {p: sp.Float(v) for p, v in system.numeric_defaults.items() if p not in columns}
    for call in system.delays:
        delay = sp.expand(system.time - call.args[0]).xreplace(held)
        moving = sorted(delay.free_symbols & {*columns}, key=str)
        if call.func.__name__.rstrip("'") not in known or not moving or len(moving) < len(delay.free_symbols):
            continue
        ends = product(*((sp.Float(columns[p].low), sp.Float(columns[p].high)) for p in moving))
        values = [delay.xreplace(dict(zip(moving, end, strict=True))) for end in ends]
        longest = max((math.inf if v is sp.zoo else float(v) for v in values if v.is_extended_real or v is sp.zoo), default=0.0)
        if looks_beyond(system, longest):
            between = " and ".join(f"{p} between {columns[p].low:g} and {columns[p].high:g}" for p in moving)
            raise RecoveryError(
                f"the fit takes {between}, where the delay of {call} may be {longest:g}, and the history is that "
                f"from {low!r} to {high!r}; give bounds, parameters={{{moving[0].name!r}: (..., ...)}}, in which no delay is "
                f"longer than {high - low:g}"
            )


def _not_positive(seen: Observations, k: int) -> str:
    """The first measurement of a column that no positive value is, or that no positive number stands for; empty without."""
    for t in seen.trajectories:
        for row in np.flatnonzero(t.values[:, k] <= 0):
            low, high = (np.nan, np.nan) if t.limits is None else t.limits[row, k]
            if np.isnan(low):
                return f"{t.values[row, k]:g}"
            return f"a limit of {high:g}" if high <= 0 else f"an interval from {low:g} to {high:g}; write <{high:g}"
    return ""
