"""The likelihood of observables along simulations with sensitivities: any system without randomness, any noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn import dag
from symdyn.codegen.kernel import compile
from symdyn.codegen.passing_on import passed_on
from symdyn.derive.sensitivities import Sensitivities, fresh_symbol, sensitivities
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.fit_problem import FitProblem, expanded_in_parts
from symdyn.inference.fit_setup import FitSetup, NoisyObservable, dynamics
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.noise_laws import LAWS
from symdyn.inference.observation_noise import ObservationNoise
from symdyn.inference.quadratic import Quadratic
from symdyn.inference.shooting import ShootingWindows, windows
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["ObservedProblem", "Prediction", "extended"]

#: Initial values of states that were not measured, relative to the size of the data: one after another.
FACTORS = (1.0, 0.1, 10.0)
#: Attempted steps allowed to a trajectory of plain equations, and for each output; one that needs more is running away.
MAX_STEPS, EACH_OUTPUT = 4000, 100
#: Values beyond this are not simulated.
HUGE = 1e100


@dataclass(frozen=True)
class Prediction:
    """Expected values (V, T, n) of the observables, and parameters of their noise, each (V, T, n)."""

    mean: np.ndarray
    parameters: list[tuple[np.ndarray, ...]]


class ObservedProblem(FitProblem):
    """The likelihood of a `FitSetup`.

    Parameters
    ----------
    setup : FitSetup

    Raises
    ------
    RecoveryError
        If a parameter or an initial value is neither known nor fitted.
    DeclarationError
        If the sensitivities of the system are not known.
    """

    def __init__(self, setup: FitSetup) -> None:
        self.setup, self.columns = setup, setup.columns
        self.system, data = setup.system, setup.data
        self.cut: ShootingWindows = windows(data, setup.pieces)
        self.size = self.cut.size
        self.first = self.cut.origins[:, 1] == 0
        self.noise = ObservationNoise(setup, self.cut)
        self.concentrated = self.noise.concentrated
        self.corrected = all(o.parameters is None and o.law.centred for o in setup.observed)
        self.corrected &= not any(c.prior is not None for c in setup.columns)
        self._read_courses()
        self._read_formulas()

    @property
    def facts(self) -> Any:
        return type(self).__qualname__, self.setup

    # ---- how parameters and initial values follow from what is fitted --------------------------------------

    def _read_courses(self) -> None:
        setup, system = self.setup, self.system
        n = len(system.states)
        kept = set(system.states) if system.fields else {*system.algebraic, *getattr(system, "history", {})}
        taken = {s.name for s in (*system.states, *system.parameters, *system.observables, *setup.symbols, system.time)}
        self.x0 = {s: fresh_symbol(f"start_of_{s}", taken) for s in system.states if s not in kept}
        known = {s: v if isinstance(v, sp.Expr) else sp.Float(v) for s, v in system.initial.items() if s in self.x0}
        different: dict[tuple[Any, ...], int] = {}
        self.condition = np.array(
            [
                different.setdefault(tuple(sorted(o.items(), key=str)), len(different))
                for o in (setup.overrides[k] for k in self.cut.origins[:, 0])
            ]
        )
        held = np.zeros((len(different), n), dtype=bool)
        self.targets = [*system.parameters, *self.x0]
        fitted = set(setup.symbols)
        self.courses: list[ArrayFormulas] = []
        moving: set[sp.Symbol] = set()
        for c, items in enumerate(different):
            over = dict(items)
            rules = {s: e for s, e in known.items() if s not in setup.free} | {s: over[s] for s in over if s in self.x0}
            rules = dict(dag.written_out(rules, "initial value of"))
            chosen = {p: over.get(p, p if p in fitted else sp.Float(system.defaults.get(p, np.nan))) for p in system.parameters}
            expressions = []
            for s in self.targets:
                if s in self.x0:
                    held[c, system.states.index(s)] = s in rules
                    e = rules.get(s, sp.S.Zero).xreplace(chosen)
                else:
                    e = chosen[s]
                wrong = sorted(map(str, e.free_symbols - fitted))
                if wrong and wrong[0] in map(str, setup.free):
                    raise RecoveryError(
                        f"the initial value {e} of {s} follows that of {wrong[0]}, which is fitted; name {s} in parameters to "
                        f"fit it too, or let a parameter be the initial value of {wrong[0]}, which both follow"
                    )
                if wrong:
                    raise RecoveryError(f"the value of {s} depends on {wrong[0]}, which is neither known nor fitted")
                if e is sp.nan:
                    raise RecoveryError(
                        f"the parameter {s} has no value and is not fitted; give it one, or name it in parameters"
                    )
                expressions.append(e)
                if e.free_symbols:
                    moving.add(s)
            self.courses.append(ArrayFormulas(expressions, setup.symbols, setup.symbols))
        places = np.array([system.states.index(s) for s in self.x0], dtype=int)
        own = np.zeros((self.cut.count, n), dtype=bool)
        own[:, places] = True
        own &= ~(held[self.condition] & self.first[:, None])
        self.own = own
        begun = own[self.first].any(axis=0)
        if missing := [s for k, s in enumerate(system.states) if begun[k] and s not in setup.free]:
            raise RecoveryError(f"no initial value of {missing[0]}; declare one, or name {missing[0]} in parameters to fit it")
        enter = dynamics(system)
        self.moving = [s for s in self.targets if s in moving and (s in self.x0 or s in enter)]
        self.moving += [s for k, s in enumerate(system.states) if own[:, k].any() and s not in self.moving]
        self.start_scale = setup.start_scale
        low, high = np.zeros((2, self.cut.count, n))
        low[own], high[own] = -np.inf, np.inf
        for s, pair in setup.free.items():
            k = system.states.index(s)
            at = own[:, k] & self.first
            low[at, k], high[at, k] = np.array(pair) / self.start_scale[k]
        self.start_bounds = low, high

    def _read_formulas(self) -> None:
        setup, system = self.setup, self.system
        # what begins with a history begins when that says so
        self.relative = (system.parts <= {"drift"} or system.parts <= {"map"}) and not system.history
        self._extend()
        parameters = (*system.parameters, *(s for s in setup.symbols if s not in system.parameters))
        self.variables = system.states
        self.inputs = (*self.variables, *parameters)
        expressions = [e for o in setup.observed for e in (o.expression, *(o.parameters or ()))]
        self.formulas = ArrayFormulas(expressions, (*self.inputs, system.time), self.inputs)
        self.parameters = parameters

    def _extend(self) -> None:
        self.extended, self.clock = extended(self.system, tuple(self.x0.items()), tuple(self.moving), self.relative)

    @property
    def start_names(self) -> list[str]:
        cut, several = self.cut, self.cut.count > 1
        return [
            f"{self.system.names[i]}({cut.first[v]:g})" + (f" of trajectory {cut.origins[v, 0]}" if several else "")
            for v, i in zip(*np.nonzero(self.open_starts), strict=True)
        ]

    def starts_of(self, theta: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Initial values (V, n) of the windows at one candidate; NaN of states whose initial values are solved for."""
        return self.starts_of_many(theta[None], starts[None])[0]

    def starts_of_many(self, theta: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """The same (M, V, n) of many."""
        values, _ = self._course(theta, starts)
        found = np.full((len(theta), *self.own.shape), np.nan)
        for s in self.x0:
            found[..., self.system.states.index(s)] = values[self.targets.index(s)]
        return found

    def parameters_of_many(self, theta: np.ndarray, starts: np.ndarray, window: int) -> dict[str, np.ndarray]:
        """Parameters (M,) of the system by name in a window of many candidates, as its condition has them."""
        values, _ = self._course(theta, starts)
        return {p.name: values[self.targets.index(p)][:, window] for p in self.system.parameters}

    def rough_starts(self, count: int) -> np.ndarray:
        """Scaled initial values (S, V, n) from which to begin: what was measured, else declared, else of a usual size."""
        data, system = self.setup.data, self.system
        direct = {o.expression: k for k, o in enumerate(self.setup.observed)}
        found = np.ones((count, *self.own.shape))
        for i, s in enumerate(system.states):
            declared = system.initial.get(s)
            for v, (k, at) in enumerate(self.cut.origins):
                t = data.trajectories[k]
                seen = np.isfinite(t.values[:, direct[s]]) if s in direct else np.zeros(len(t.times), dtype=bool)
                if seen.any():
                    value = np.interp(t.times[at], t.times[seen], t.values[seen, direct[s]])
                    found[:, v, i] = value / self.start_scale[i]
                elif declared is not None and not isinstance(declared, sp.Expr):
                    found[:, v, i] = float(declared) / self.start_scale[i]
                else:
                    found[:, v, i] = np.resize(FACTORS, count)
        return np.where(self.own, found, 0.0)

    def _course(
        self, theta: np.ndarray, starts: np.ndarray
    ) -> tuple[list[np.ndarray], list[dict[tuple[int, int], np.ndarray]]]:
        """Values (M, V) of targets, and their derivatives by columns in each condition."""
        plain = self.values(theta)
        table = {s: plain[:, k] for k, s in enumerate(self.setup.symbols)}
        parts = [f(table) for f in self.courses]
        count, pieces = len(theta), self.cut.count
        values = [np.empty((count, pieces)) for _ in self.targets]
        for c, (found, _) in enumerate(parts):
            for k, v in enumerate(found):
                values[k][:, self.condition == c] = np.broadcast_to(v, (count,))[:, None]
        for s in self.x0:
            i = self.system.states.index(s)
            k, own = self.targets.index(s), self.own[:, i]
            values[k][:, own] = starts[:, own, i] * self.start_scale[i]
        return values, [slopes for _, slopes in parts]

    # ---- simulations ---------------------------------------------------------------------------------------

    def evaluate(self, theta: np.ndarray, starts: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Observables and noise parameters (M, V, T) in order, and derivatives (M, V, T, P + n) by coordinates."""
        values, courses = self._course(theta, starts)
        states, slopes = self._states(values)
        along, of_parameters = self._chained(theta, courses, slopes)
        count, pieces, length, n = states.shape
        P = len(self.columns)
        table = {s: states[..., i] for i, s in enumerate(self.variables)}
        table |= {s: values[self.targets.index(s)][:, :, None] for s in self.system.parameters}
        plain = self.values(theta)
        table |= {s: plain[:, k, None, None] for k, s in enumerate(self.setup.symbols) if s not in self.system.parameters}
        table |= self._coordinates()
        found, derivatives = self.formulas(table)
        totals = [np.zeros((count, pieces, length, along.shape[-1])) for _ in found]
        with np.errstate(all="ignore"):
            for (k, s), d in derivatives.items():
                if s < n:
                    totals[k] += d[..., None] * along[..., s, :]
                else:
                    totals[k][..., :P] += d[..., None] * of_parameters[:, :, None, s - n]
        return [np.broadcast_to(v, (count, pieces, length)) for v in found], totals

    def _coordinates(self) -> dict[sp.Symbol, np.ndarray]:
        """What observables may depend on beside: the time of each measurement, (1, V, T)."""
        return {self.system.time: self.times()[None]}

    def _states(self, values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """States (M, V, T, n) and their derivatives (M, V, T, n, K) by what moves, at values (M, V) of the targets."""
        count, length = len(values[0]), self.cut.values.shape[-2]
        n, K = len(self.system.states), len(self.extended.columns)
        states = np.full((count, self.cut.count, length, n), np.nan)
        slopes = np.full((*states.shape, K), np.nan)
        known = dict(zip(self.targets, values, strict=True))
        for members, times in self._groups():
            lanes = {self.x0.get(s, s): known[s][:, members].ravel() for s in self.targets}
            if self.clock is not None:
                lanes[self.clock] = np.tile(self.cut.first[members], count)
            table = np.stack([lanes[p] for p in self.extended.system.parameters])
            sound = np.flatnonzero((np.abs(table) < HUGE).all(axis=0))
            found = np.full((count * len(members), len(times), n + n * K), np.nan)
            if sound.size:
                found[sound] = self._run(table[:, sound], times)[..., : n + n * K]
            parts = self.extended.split(found.reshape((count, len(members), len(times), -1)))
            states[:, members, : len(times)], slopes[:, members, : len(times)] = parts
        return states, slopes

    def _chained(
        self, theta: np.ndarray, courses: Sequence[Mapping[tuple[int, int], np.ndarray]], slopes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives by coordinates: of states (M, V, T, n, P + n), and of parameters (M, V, k, P)."""
        count, pieces = slopes.shape[:2]
        P, scale = len(self.columns), self._slopes_of_values(theta)
        along = np.zeros((*slopes.shape[:-1], P + len(self.system.states)))
        of_parameters = np.zeros((count, pieces, len(self.parameters), P))
        for c, derivatives in enumerate(courses):
            here = self.condition == c
            for (k, p), d in derivatives.items():
                s, dq = self.targets[k], (np.broadcast_to(d, (count,)) * scale[:, p])[:, None]
                if s in self.x0:
                    i = self.system.states.index(s)
                    held = here & ~self.own[:, i]
                else:
                    held = here
                    of_parameters[:, here, self.parameters.index(s), p] = dq
                if s in self.moving:
                    own = along[..., p]
                    own[:, held] += dq[:, :, None, None] * slopes[..., self.moving.index(s)][:, held]
        for k, s in enumerate(self.setup.symbols):
            if s not in self.system.parameters:
                of_parameters[:, :, self.parameters.index(s), k] = scale[:, k, None]
        for i, s in enumerate(self.system.states):
            if self.own[:, i].any():
                part = slopes[..., self.moving.index(s)] * self.start_scale[i]
                along[..., P + i] = np.where(self.own[:, i, None, None], part, 0.0)
        return along, of_parameters

    def _run(self, table: np.ndarray, times: np.ndarray) -> np.ndarray:
        """States of the extended system (L, T, N) at values (k, L) of its parameters; NaN from a failure on."""
        system, accuracy = self.extended.system, dict(self.setup.accuracy or {})
        if not self.relative:
            return self._simulated(table, times)
        named = accuracy.pop("method", None)
        kernel = compile(system, method=named)
        if not kernel.adaptive and system.map is None:
            raise RecoveryError(
                f"the method {kernel.method} takes steps of one length; fits need one that chooses them by tolerances, such as "
                "tsit5 or rodas5p"
            )
        known = dict(zip(system.parameters, table, strict=True))
        ones = {self.extended.names[s, x0] for s, x0 in self.x0.items() if x0 in self.extended.columns}
        initial = np.zeros((table.shape[1], len(system.states)))
        for i, s in enumerate(system.states):
            initial[:, i] = known[self.x0[s]] if s in self.x0 else float(s in ones)
        if named is None and kernel.adaptive and kernel.method != kernel.stiff_method:
            accuracy["detect_stiffness"] = True
        run = kernel(initial, table.T.copy(), times, max_steps=MAX_STEPS + EACH_OUTPUT * len(times), **accuracy)
        run, _ = passed_on(run, lambda stiff: self._simulated(table[:, stiff], times))
        return run.values

    def _simulated(self, table: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The same by `simulate`."""
        system = self.extended.system
        lanes = {p: xr.DataArray(v, dims="trajectory") for p, v in zip(system.parameters, table, strict=True)}
        run = simulate(system, times, parameters=lanes, progress=False, on_failure="nan", **(self.setup.accuracy or {}))
        return np.stack([run[name].values for name in system.names], axis=-1)

    def _slopes_of_values(self, theta: np.ndarray) -> np.ndarray:
        plain = self.values(theta)
        return np.stack([c.slope(plain[:, k]) for k, c in enumerate(self.columns)], axis=-1) if self.columns else plain

    def times(self) -> np.ndarray:
        """Times (V, T) of the data of windows; those of the last datum beyond it."""
        found = np.zeros((self.cut.count, self.cut.values.shape[-2]))
        for members, times in self.cut.groups:
            found[members, : len(times)] = times
            found[members, len(times) :] = times[-1]
        return found + self.cut.first[:, None]

    def _groups(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Windows that are simulated at once, and their times: since the beginning of each of plain equations."""
        for members, times in self.cut.groups:
            if self.relative:
                yield members, times
                continue
            for first in np.unique(self.cut.first[members]):
                yield members[self.cut.first[members] == first], times + first

    # ---- the likelihood ------------------------------------------------------------------------------------

    def expand_data(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        each = (
            self.cut.count
            * self.cut.values.shape[-2]
            * len(self.system.states)
            * (2 * len(self.columns) + len(self.moving) + 2 * len(self.system.states))
        )
        return expanded_in_parts(partial(self._expanded, fisher=fisher), which, theta, starts, each)

    def _expanded(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool) -> Quadratic:
        count, P, n = len(theta), len(self.columns), len(self.system.states)
        values, slopes = self.evaluate(theta, starts)
        data = self.cut.values if self.cut.values.ndim == 4 else self.cut.values[None]
        data = data[which] if self.cut.values.ndim == 4 else data
        pieces = self.cut.count
        total, failed = np.zeros(count), np.zeros(count, dtype=bool)
        gradient, information = np.zeros((count, pieces, P + n)), np.zeros((count, pieces, P + n, P + n))
        place = 0
        for o, (spec, (mean, parameters)) in enumerate(zip(self.setup.observed, self.noise.at(data, values), strict=True)):
            own = 1 + len(spec.parameters or ())
            design = np.stack(slopes[place : place + own], axis=-2)
            place += own
            y = data[..., o]
            with np.errstate(all="ignore"):
                found = self.noise.scored(o, y, mean, parameters, fisher=fisher, which=which)
                scores, curvature = (
                    np.moveaxis(found.scores[:own], 0, -1),
                    np.moveaxis(found.information[:own, :own], (0, 1), (-2, -1)),
                )
            have = np.broadcast_to(np.isfinite(y), mean.shape)
            value = np.where(have, found.value, 0.0)
            scores, curvature = (np.broadcast_to(a, (*mean.shape, *a.shape[3:])) for a in (scores, curvature))
            bad = have & ~(np.isfinite(value) & np.isfinite(scores).all(-1) & np.isfinite(curvature).all((-1, -2)))
            bad |= have & ~np.isfinite(design).all((-1, -2))
            failed |= bad.any((1, 2))
            used = have & ~bad
            scores = np.where(used[..., None], scores, 0.0)
            curvature = np.where(used[..., None, None], curvature, 0.0)
            design = np.where(used[..., None, None], design, 0.0)
            total += np.where(used, value, 0.0).sum((1, 2))
            with np.errstate(over="ignore", invalid="ignore"):
                gradient += np.einsum("mvta,mvtaq->mvq", scores, design, optimize=True)
                weighted = (curvature @ design).reshape(count, pieces, -1, P + n)
                information += np.swapaxes(design.reshape(count, pieces, -1, P + n), -1, -2) @ weighted
        failed |= ~np.isfinite(information).all((1, 2, 3)) | ~np.isfinite(gradient).all((1, 2))
        gradient[failed], information[failed] = 0.0, 0.0
        rss = np.where(failed, np.inf, -2 * total)[:, None]
        return Quadratic(
            rss, information[..., :P, :P].sum(1), gradient[..., :P].sum(1), information[..., :P, P:],
            information[..., P:, P:], gradient[..., P:],
        )  # fmt: skip

    def predicted(self, theta: np.ndarray, starts: np.ndarray) -> Prediction:
        """What is expected at the data, at one candidate."""
        values, _ = self.evaluate(theta[None], starts[None])
        found = self.noise.at(self.cut.values[None], values)
        laws = [tuple(np.broadcast_to(p, mean.shape)[0] for p in parameters) for mean, parameters in found]
        return Prediction(np.stack([mean[0] for mean, _ in found], axis=-1), laws)

    def with_values(self, values: np.ndarray, limits: np.ndarray | None = None) -> ObservedProblem:
        """The same with data (M, V, T, n), and limits (M, V, T, n, 2) of those that are censored, for every candidate."""
        new = object.__new__(type(self))
        noise = self.noise if limits is None else self.noise.with_limits(limits)
        new.__dict__.update(self.__dict__, cut=replace(self.cut, values=values), noise=noise)
        return new

    def along(self, times: np.ndarray, trajectory: int) -> ObservedProblem:
        """States and observables of one trajectory at other times, the first of which is that of its beginning."""
        setup, names = self.setup, [o.name for o in self.setup.observed]
        states = [
            NoisyObservable(s.name, s, LAWS["normal"]) for s in self.system.states if s.name not in names
        ]  # fmt: skip
        place = setup.data.trajectories[trajectory].place
        observed = (*(replace(o, law=LAWS["normal"], parameters=None) for o in setup.observed), *states)
        scale = np.ones(len(observed))
        data = Observations(
            (Trajectory(times, np.full((len(times), len(observed)), np.nan), place=place),), tuple(o.name for o in observed),
            scale, scale,
        )  # fmt: skip
        found = type(self)(
            replace(setup, observed=observed, data=data, overrides=(setup.overrides[trajectory],), weights=None, pieces=1)
        )  # fmt: skip
        found.start_scale = self.start_scale
        return found


@lru_cache(maxsize=16)
def extended(
    system: System, x0: tuple[tuple[sp.Symbol, sp.Symbol], ...], moving: tuple[sp.Symbol, ...], relative: bool
) -> tuple[Sensitivities, sp.Symbol | None]:
    """The system that begins at symbols, extended by sensitivities, and the symbol that is added to its time."""
    symbols = dict(x0)
    bare = system.replace(observables={})
    clock = None
    sides = bare.drift if bare.drift is not None else bare.map
    if relative and sides is not None and system.time in dag.free_symbols(sides):
        taken = {s.name for s in (*system.states, *system.parameters, *symbols.values(), system.time)}
        clock = fresh_symbol("start_of_window", taken)
        later = {system.time: system.time + clock}
        side = "drift" if bare.drift is not None else "map"
        bare = bare.replace(**{side: tuple(e.xreplace(later) for e in sides), "parameters": (*bare.parameters, clock)})
    begun = bare.with_initial(symbols)
    return sensitivities(begun, [symbols.get(s, s) for s in moving], initial=False), clock
