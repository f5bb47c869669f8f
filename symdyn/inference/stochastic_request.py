"""What a user of `fit` wants of a system with randomness: data, observables, initial values, and which likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.data import Observations, Trajectory, paths_or_cells
from symdyn.inference.fit_problem import FittedColumn
from symdyn.inference.fit_symbols import FitRequest, FitSymbols, observable_formulas
from symdyn.inference.likelihoods import LIKELIHOODS, FitLikelihood
from symdyn.inference.stochastic_problem import StochasticProblem, made_problem
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["stochastic_problem", "stochastic_system"]

#: Numbers from which on normal laws are taken for networks that are too large for the master equation.
LARGE = 30.0
#: States up to which the master equation is chosen.
CHOSEN = 4000
#: Options of `fit` that only systems without randomness have.
IDLE = ("conditions", "windows", "limits")


def stochastic_problem(system: System, data: Any, wanted: FitRequest) -> tuple[StochasticProblem, tuple[str, ...]]:
    """The likelihood of a network or of stochastic differential equations, and notes.

    Parameters
    ----------
    system : ReactionNetwork or SDESystem
    data : as for `symdyn.fit`
    wanted : FitRequest

    Raises
    ------
    RecoveryError
        For data, options and likelihoods that do not go together.
    """
    for name in IDLE:
        if getattr(wanted, name) is not None:
            raise RecoveryError(f"{name} has no effect on fits of systems with randomness; leave it out")
    for name, value in wanted.accuracy.items():
        if value is not None:
            raise RecoveryError(f"{name} has no effect on fits of systems with randomness; options are those of the likelihood")
    if data is None:
        raise RecoveryError("data is None; expected measurements of states or observables")
    begun = system.with_initial(wanted.initial) if wanted.initial else system
    formulas = observable_formulas(begun, wanted)
    seen, snapshots = _measured(begun, data, formulas)
    if absent := [str(name_of(k)) for k in wanted.observables or {} if str(name_of(k)) not in seen.states]:
        raise RecoveryError(
            f"observables names {absent[0]}, of which the data hold no value; measured are {', '.join(seen.states)}"
        )
    symbols = FitSymbols(begun, formulas, seen, wanted, random=True)
    _refuse_negative(begun, seen, symbols)
    setup = _setup(begun, seen, snapshots, symbols, wanted)
    likelihood, why = _chosen(setup, wanted.likelihood)
    problem = made_problem(setup, likelihood)
    return problem, (*seen.notes, why, *problem.evaluator.notes)


# ---- data ----------------------------------------------------------------------------------------------------


def _measured(system: System, data: Any, formulas: Mapping[str, sp.Expr]) -> tuple[Observations, bool]:
    """Columns that were measured: paths, or cells that are not followed, one trajectory for each time."""
    seen, snapshots = (data, False) if isinstance(data, Observations) else paths_or_cells(system, data, tuple(formulas))
    kept = [i for i in range(len(seen.states)) if any(np.isfinite(t.values[:, i]).any() for t in seen.trajectories)]
    if not kept:
        raise RecoveryError(f"the data hold no number of {', '.join(seen.states)}: all are NaN; give some values")
    trajectories = tuple(Trajectory(t.times, t.values[:, kept]) for t in seen.trajectories)
    return replace(
        seen, trajectories=trajectories, states=tuple(seen.states[i] for i in kept), scale=seen.scale[kept],
        noise=seen.noise[kept],
    ), snapshots  # fmt: skip


def _refuse_negative(system: System, seen: Observations, symbols: FitSymbols) -> None:
    """Numbers of species are not below zero."""
    for o, spec in enumerate(symbols.observed):
        if system.propensities is None or not spec.law.exact or spec.expression not in system.states:
            continue
        values = np.concatenate([t.values[:, o] for t in seen.trajectories])
        if (values < 0).any():
            raise RecoveryError(
                f"{spec.name} is a number of molecules without noise of measurement, and the data hold "
                f"{values[values < 0][0]:.6g}; mend it, or give noise"
            )


# ---- what is fitted --------------------------------------------------------------------------------------


def _setup(system: System, seen: Observations, snapshots: bool, symbols: FitSymbols, wanted: FitRequest) -> StochasticSetup:
    """Everything that likelihoods need."""
    columns, fitted = list(symbols.columns()), list(symbols.fitted)
    taken = {s.name for s in (*system.states, *system.parameters, *fitted, system.time)}
    initial: dict[sp.Symbol, sp.Expr] = {}
    times = [float(t.times[0]) for t in seen.trajectories]
    begin = min(0.0, *times) if snapshots else times[0]
    direct = {o.expression for o in symbols.observed if o.law.exact}
    for s in system.states:
        if s in symbols.named:
            low, high = symbols.bounds.get(s, (-math.inf, math.inf))
            if low == high:
                initial[s] = sp.Float(low)
                continue
            if system.propensities is not None:
                low = max(low, 0.0)
            declared = system.initial.get(s)
            guess = float(declared) if declared is not None and not isinstance(declared, sp.Expr) else None
            symbol = fresh_symbol(f"start_of_{s}", taken)
            own = seen.scale[[s.name == name for name in seen.states]]
            size = abs(guess) if guess else float(np.median(own if own.size else seen.scale))
            logarithmic = low > 0 and math.isfinite(high)
            columns.append(FittedColumn(f"{s}({begin:g})", low, high, logarithmic, size, () if guess is None else (guess,)))
            fitted.append(symbol)
            initial[s] = symbol
        elif s in system.initial:
            initial[s] = expression(system.initial[s])
        elif snapshots:
            raise RecoveryError(
                f"no initial value of {s}, where cells begin at time {begin:g}; declare it, initial={{'{s}': 0}}, or name {s} "
                "in parameters to fit it"
            )
        elif s not in direct:
            raise RecoveryError(
                f"no initial value of {s}, which is not measured without noise; declare it, initial={{'{s}': 0}}, or name {s} "
                "in parameters to fit it"
            )
        elif any(not np.isfinite(t.values[0, seen.states.index(s.name)]) for t in seen.trajectories):
            raise RecoveryError(
                f"{s} was not measured at the first time of a path; declare its initial value, or leave the row out"
            )
    known = set(fitted)
    for s, e in dag.written_out(initial, "initial value of").items():
        e = e.xreplace({p: sp.Float(v) for p, v in system.defaults.items() if p not in known})
        if wrong := [str(q) for q in e.free_symbols - known]:
            raise RecoveryError(f"the initial value of {s} depends on {wrong[0]}, which is neither known nor fitted")
        initial[s] = e
    for p in system.parameters:
        if p not in known and p not in system.defaults:
            raise RecoveryError(f"the parameter {p} has no value and is not fitted; give it one, or name it in parameters")
    return StochasticSetup(
        system, symbols.observed, seen, snapshots, tuple(columns), tuple(fitted), initial, begin, wanted.seed
    )  # fmt: skip


# ---- which likelihood ------------------------------------------------------------------------------------


def _chosen(setup: StochasticSetup, given: Any) -> tuple[FitLikelihood, str]:
    """The likelihood that a user named, or the one that the system and the data call for, and why."""
    if isinstance(given, str) and given != "auto":
        if given not in LIKELIHOODS:
            known = ", ".join(("auto", *LIKELIHOODS))
            raise RecoveryError(f"the likelihood is {given!r}; known: {known}.{suggest(given, LIKELIHOODS)}")
        given = LIKELIHOODS[given]()
    if isinstance(given, FitLikelihood):
        if reason := given.unmet(setup):
            raise RecoveryError(f"the likelihood {given.name!r} {reason}")
        return given, f"the likelihood {given.name!r}: {given.definition}"
    if given != "auto":
        raise RecoveryError(f"the likelihood is {given!r}; expected 'auto', a name, or an object such as LIKELIHOODS['lna']()")
    reasons = []
    for name, why in _preferred(setup):
        options: dict[str, Any] = {"largest": CHOSEN} if name == "projection" else {}
        made = LIKELIHOODS[name](**options)
        if reason := made.unmet(setup):
            reasons.append(f"{name} {reason}")
            continue
        before = f"; {'; '.join(reasons)}" if reasons else ""
        return made, f"the likelihood {name!r} was chosen, {why or 'as no other applies'}{before}"
    raise RecoveryError(f"no likelihood applies: {'; '.join(reasons)}")


def _preferred(setup: StochasticSetup) -> list[tuple[str, str]]:
    """Likelihoods in the order in which they are tried, each with the reason."""
    system = setup.system
    if system.propensities is None:
        ito = system.ito()
        linear = all(f.diff(a, b) == 0 for f in ito.drift for a in ito.states for b in ito.states)
        additive = not ito.diffusion.free_symbols & set(ito.states)
        first = [("lna", "which is exact as the drift is linear and the noise additive")] if linear and additive else []
        return [*first, ("langevin", "normal laws with local moments; fit.validity() compares it with simulations"),
                ("particle", "as noise of measurement is not normal")]  # fmt: skip
    exact = ("projection", "which is exact as the box of states is small")
    sizes = [s for o, s in zip(setup.observed, setup.data.scale, strict=True) if o.expression in system.states]
    small = bool(sizes) and float(np.median(sizes)) < LARGE
    if small and not setup.snapshots:
        return [exact, ("particle", "as numbers are small"), ("moments", ""), ("langevin", ""), ("lna", "")]
    large = "as the numbers are large" if sizes else "as the numbers themselves are not measured"
    why = "which needs no shape of the distribution" if small else large
    if setup.snapshots:
        return [exact, ("moments", f"{why}; fit.validity() compares it with the exact law"), ("lna", why), ("particle", "")]
    return [exact, ("lna", f"{why}; fit.validity() compares it with the exact law"), ("moments", why), ("langevin", why),
            ("particle", "")]  # fmt: skip


# ---- the fitted system ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fitted:
    """From coordinates to the system with fitted values."""

    system: System
    problem: StochasticProblem

    def __call__(self, theta: np.ndarray, starts: np.ndarray) -> System:
        setup, values = self.problem.setup, self.problem.values(theta)
        known = {s: float(v) for s, v in zip(setup.symbols, values, strict=True) if s in self.system.parameters}
        fitted = self.system.with_parameters(known)
        begun, *_ = setup.first(values[None])
        whole = setup.system.propensities is not None
        numbers = {s: float(np.rint(v) if whole else v) for s, v in zip(setup.system.states, begun[0], strict=True)
                   if np.isfinite(v)}  # fmt: skip
        line = (
            f"{', '.join(self.problem.names)} fitted to {setup.data.size} data by the likelihood {self.problem.likelihood.name}"
        )
        return fitted.with_initial(numbers).replace(provenance=(*self.system.provenance, line))


def stochastic_system(system: System, problem: StochasticProblem) -> Callable[[np.ndarray, np.ndarray], System]:
    """From coordinates to the system with fitted values, that begins as cells or the first path do."""
    return _Fitted(system, problem)
