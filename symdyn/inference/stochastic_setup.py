"""What likelihoods of systems with randomness are given: the system, what was measured, and what is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.inference.beginnings import first_spread, noise_rate
from symdyn.inference.data import Observations
from symdyn.inference.fit_problem import FittedColumn
from symdyn.inference.fit_setup import NoisyObservable
from symdyn.inference.formulas import ArrayFormulas
from symdyn.system import System

__all__ = ["PathGroup", "StochasticSetup"]


class PathGroup(NamedTuple):
    """Paths that were measured at the same times.

    Attributes
    ----------
    members : (G,) int64
        Their places among the trajectories.
    times : (T,) float64
        Or (G, T), where each path has its own.
    values : (G, T, n) float64
        NaN where nothing was measured.
    """

    members: np.ndarray
    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class StochasticSetup:
    """Everything that is known before a fit of a system with randomness.

    Attributes
    ----------
    system : ReactionNetwork or SDESystem
    observed : tuple of NoisyObservable
        In the order of the columns of `data`; all parameters of laws are given.
    data : Observations
        Paths; or of cells that are not followed one trajectory for each time, whose times are all equal.
    snapshots : bool
        Whether cells are not followed.
    columns : tuple of FittedColumn
    symbols : tuple of Symbol
        Of the columns.
    initial : mapping of Symbol to Expr
        Of states, in symbols of columns; of paths they hold at the first time of each, of cells at time `begin`.
    begin : float
    seed : int
        Of random numbers.
    certain : bool
        Whether paths begin at their initial values, and not about them.
    """

    system: Any
    observed: tuple[NoisyObservable, ...]
    data: Observations
    snapshots: bool
    columns: tuple[FittedColumn, ...]
    symbols: tuple[sp.Symbol, ...]
    initial: Mapping[sp.Symbol, sp.Expr]
    begin: float = 0.0
    seed: int = 0
    certain: bool = False

    @property
    def known(self) -> dict[sp.Symbol, float]:
        """Values of parameters of the system that are not fitted."""
        return {p: float(v) for p, v in self.system.defaults.items() if p not in self.symbols}

    def table(self, values: np.ndarray) -> dict[sp.Symbol, np.ndarray]:
        """Values (M,) of all parameters of the system, and of the other symbols, from those of the columns (M, P)."""
        found = {p: np.full(len(values), v) for p, v in self.known.items()}
        return found | {s: values[:, k] for k, s in enumerate(self.symbols)}

    def rows(self, system: System, values: np.ndarray, further: Mapping[sp.Symbol, np.ndarray] | None = None) -> np.ndarray:
        """Parameters (M, k) in the order of a system that is derived from this one; `further` are those of the derivation."""
        table = self.table(values) | dict(further or {})
        return np.stack([table[p] for p in system.parameters], axis=-1) if system.parameters else np.zeros((len(values), 0))

    def starts(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Initial values (M, n) of the states, NaN where there is none, and derivatives (M, n, P) by the columns."""
        states = self.system.states
        begun = np.full((len(values), len(states)), np.nan)
        slopes = np.zeros((*begun.shape, len(self.symbols)))
        found, derivatives = self._beginning({s: values[:, k] for k, s in enumerate(self.symbols)})
        for i, value in zip((states.index(s) for s in self.initial), found, strict=True):
            begun[:, i] = value
        places = [states.index(s) for s in self.initial]
        for (k, p), d in derivatives.items():
            slopes[:, places[k], p] = d
        return begun, slopes

    @cached_property
    def _beginning(self) -> ArrayFormulas:
        known = {p: sp.Float(v) for p, v in self.known.items()}
        return ArrayFormulas([expression(e).xreplace(known) for e in self.initial.values()], self.symbols, self.symbols)

    def path_starts(self, group: PathGroup, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Initial states (M, G, n) of paths, and derivatives: what was measured without noise is where a path begins."""
        begun, slopes = self.starts(values)
        begun = np.repeat(begun[:, None], len(group.members), axis=1)
        slopes = np.repeat(slopes[:, None], len(group.members), axis=1)
        for o, spec in enumerate(self.observed):
            if spec.law.exact and spec.expression in self.system.states:
                i, seen = self.system.states.index(spec.expression), np.isfinite(group.values[:, 0, o])
                begun[:, seen, i], slopes[:, seen, i] = group.values[seen, 0, o], 0.0
        return begun, slopes

    def path_spread(
        self, group: PathGroup, begun: np.ndarray, slopes: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Covariances (M, G, n, n) of the first states of paths about `path_starts`, and derivatives by the columns.

        They are those of `symdyn.inference.beginnings`.
        """
        (M, G, n), P = begun.shape, len(self.symbols)
        found, bends = np.zeros((M, G, n, n)), np.zeros((M, G, n, n, P))
        loose = self._loose(group, begun)
        if self.certain or not loose.any():
            return found, bends
        first = np.broadcast_to(group.times.T[0], (G,))
        table = {s: begun[..., i] for i, s in enumerate(self.system.states)} | {self.system.time: first}
        table |= {s: values[:, k, None] for k, s in enumerate(self.symbols)}
        rates, partial = self._noise(table)
        for (k, q), d in partial.items():
            if q < n:
                bends[..., k // n, k % n, :] += np.broadcast_to(d, (M, G))[..., None] * slopes[..., q, :]
            else:
                bends[..., k // n, k % n, q - n] += d
        for k, rate in enumerate(rates):
            found[..., k // n, k % n] = rate
        for g, own in enumerate(loose):
            path, both = self.data.trajectories[group.members[g]], own[:, None] & own
            found[:, g] = first_spread(found[:, g], both, path)
            bends[:, g] = first_spread(bends[:, g], both[..., None], path)
        return found, bends

    def inside(self, group: PathGroup, x: np.ndarray, begun: np.ndarray, values: np.ndarray) -> np.ndarray:
        """First states (M, G, N, n); those at which the noise is no number, as under a root, on the other side of `begun`.

        So are negative numbers of networks.
        """
        if self.system.propensities is not None:
            x = np.rint(np.where((x > -0.5).all(axis=-1, keepdims=True), x, 2 * begun[:, :, None] - x))
            return np.maximum(x, 0.0)
        table = {s: x[..., i] for i, s in enumerate(self.system.states)} | {self.system.time: group.times.T[0][..., None]}
        rates, _ = self._noise(table | {s: values[:, k, None, None] for k, s in enumerate(self.symbols)})
        n = x.shape[-1]
        sound = np.logical_and.reduce([np.broadcast_to(rates[k * n + k] >= 0, x.shape[:-1]) for k in range(n)])
        return np.where(sound[..., None], x, 2 * begun[:, :, None] - x)

    @cached_property
    def _noise(self) -> ArrayFormulas:
        """The covariance that the noise adds in a unit of time, row by row."""
        system, known = self.system, {p: sp.Float(v) for p, v in self.known.items()}
        by = (*system.states, *self.symbols)
        sides = [e.xreplace(known) for e in noise_rate(system)]
        return ArrayFormulas(sides, (*by, system.time), by)

    def _loose(self, group: PathGroup, begun: np.ndarray) -> np.ndarray:
        """Which initial values (G, n) are fitted, by themselves or by parameters of nothing else, or are the first datum.

        Numbers of networks are often known and measured again: they count as the datum where its error is fitted.
        """
        system = self.system
        found = np.zeros(begun.shape[1:], dtype=bool)
        fitted = set(self.symbols)
        own = fitted - dag.free_symbols(system.expressions)
        begins = {s: dag.free_symbols([e]) if isinstance(e, sp.Basic) else set() for s, e in self.initial.items()}
        for s, symbols in begins.items():
            found[:, system.states.index(s)] = bool(own & symbols)
        for o, spec in enumerate(self.observed):
            if (state := spec.expression) in system.states:
                i, datum = system.states.index(state), group.values[:, 0, o]
                sure = system.propensities is not None and not dag.free_symbols(spec.parameters or ()) & fitted
                if not sure and not begins.get(state, set()) & fitted:  # the same for all values that are tried
                    found[:, i] |= np.isclose(datum, begun[0, :, i], 1e-12, 0.0)
                found[:, i] &= ~(spec.law.exact & np.isfinite(datum))
        return found

    def first(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Where cells, or the first paths, begin: states (M, n), derivatives (M, n, P), and the time."""
        if self.snapshots:
            return (*self.starts(values), self.begin)
        group = next(iter(self.groups()))
        begun, slopes = self.path_starts(group, values)
        return begun[:, 0], slopes[:, 0], float(group.times[0])

    def later(self, group: PathGroup) -> np.ndarray:
        """What is measured of paths (G, T, n), without the first values of those that tell where a path begins."""
        found = group.values.copy()
        for o, spec in enumerate(self.observed):
            if spec.law.exact and spec.expression in self.system.states:
                found[:, 0, o] = np.nan
        return found

    def fraction(self) -> str | None:
        """Where a number of a species that was measured without noise is no whole one, in words."""
        for o, spec in enumerate(self.observed):
            if self.system.propensities is None or not spec.law.exact or spec.expression not in self.system.states:
                continue
            values = np.concatenate([t.values[:, o] for t in self.data.trajectories])
            if (wrong := values[np.isfinite(values) & (values != np.rint(values))]).size:
                return f"takes whole numbers of {spec.name} without noise, and the data hold {wrong[0]:.6g}; give noise"
        return None

    def conserved(self) -> str | None:
        """Which species were measured without noise though one follows from the others, in words: their law has no density."""
        if self.system.propensities is None:
            return None
        found = [o.expression for o in self.observed if o.law.exact and o.expression in self.system.states]
        bursts = [float(any(s in (r.bursts or {}) for r in self.system.reactions)) for s in self.system.states]
        moves = np.concatenate([self.system.changes, np.diag(bursts)], axis=1)
        rows = moves[[self.system.states.index(s) for s in found]]
        if not self.snapshots:  # along paths, what never changes tells nothing
            found, rows = [s for s, row in zip(found, rows, strict=True) if row.any()], rows[rows.any(axis=1)]
        if np.linalg.matrix_rank(rows) == len(rows):
            return None
        return (
            "takes no columns without noise of which one follows from the others, as reactions conserve a sum of "
            f"{', '.join(s.name for s in found)}; leave one out, or give noise"
        )

    def groups(self) -> Iterator[PathGroup]:
        """Paths by the times at which they were measured."""
        by: dict[bytes, list[int]] = {}
        for k, t in enumerate(self.data.trajectories):
            by.setdefault(np.ascontiguousarray(t.times).tobytes(), []).append(k)
        for members in by.values():
            values = np.stack([self.data.trajectories[k].values for k in members])
            yield PathGroup(np.array(members), self.data.trajectories[members[0]].times, values)

    def joined(self) -> Iterator[PathGroup]:
        """Paths with times (G, T), those of similar lengths at once: after its end one stays at its last time, without data."""
        by: dict[int, list[int]] = {}
        for k, t in enumerate(self.data.trajectories):
            by.setdefault(len(t.times).bit_length(), []).append(k)
        for members in by.values():
            parts = [self.data.trajectories[k] for k in members]
            length = max(len(t.times) for t in parts)
            times = np.stack([np.concatenate([t.times, np.full(length - len(t.times), t.times[-1])]) for t in parts])
            values = np.full((len(parts), length, len(self.observed)), np.nan)
            for own, t in zip(values, parts, strict=True):
                own[: len(t.times)] = t.values
            yield PathGroup(np.array(members), times, values)

    def cells(self) -> list[tuple[float, np.ndarray]]:
        """Times of snapshots with what was measured of the cells then, (cells, n)."""
        return [(float(t.times[0]), t.values) for t in self.data.trajectories]
