"""Probabilities of hidden numbers through time: a filter on a box of states, with derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.likelihoods.registry import Evaluator, LikelihoodTerms
from symdyn.inference.stochastic_setup import PathGroup, StochasticSetup
from symdyn.projection.parametric import Rates, StateGrid
from symdyn.projection.rational import carried

__all__ = ["ProjectedEvaluator"]

#: Significant digits to which gaps are the same.
DIGITS = 10
#: Probability below which the rational approximation of the exponential has no digits left.
FLOOR = 1e-14
#: Part of the probability that may leave the box at the optimum without a note.
LOSS = 1e-3
#: Steps of one length from which on the transition matrix of a box of at most so many states is computed.
OFTEN, DENSE = 6, 400


class ProjectedEvaluator(Evaluator):
    """The likelihood on a box, with derivatives by what is fitted or by nothing."""

    def __init__(self, setup: StochasticSetup, box: StateGrid, by: tuple[sp.Symbol, ...] | None = None) -> None:
        self.setup, self.box = setup, box
        self.by = setup.symbols if by is None else by
        self.fitted = [p for p in setup.symbols if p in setup.system.parameters]
        self.rated = [setup.symbols.index(p) for p in self.fitted]
        self.places = self.rated if self.by else []
        self.rates = Rates(setup.system.with_parameters(setup.known), self.fitted, logarithmic=False)
        states, known = setup.system.states, {p: sp.Float(v) for p, v in setup.known.items()}
        found = [e.xreplace(known) for o in setup.observed for e in (o.expression, *(o.parameters or ()))]
        self.formulas = ArrayFormulas(found, (*states, *setup.symbols, setup.system.time), self.by)
        self.numbers = {s: box.states[:, i].astype(float) for i, s in enumerate(states)}
        self.lost = 0.0

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        """How large the box is."""
        corner = ", ".join(f"{s} up to {n - 1}" for s, n in zip(self.setup.system.names, self.box.shape, strict=True))
        return (f"the master equation on {len(self.box.states)} states, {corner}",)

    def without_slopes(self) -> ProjectedEvaluator:
        return ProjectedEvaluator(self.setup, self.box, by=())

    def expand(self, values: np.ndarray) -> LikelihoodTerms:
        found = [self._one(v) for v in values]
        return LikelihoodTerms(*(np.stack([f[k] for f in found]) for k in range(3)))

    def remarks(self, values: np.ndarray) -> tuple[str, ...]:
        self._one(values)
        if self.lost <= LOSS:
            return ()
        return (
            f"{self.lost:.2g} of the probability leaves the box; give larger numbers, LIKELIHOODS['projection'](upper=...)",
        )

    def _one(self, values: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Log-likelihood, gradient and information at one choice of values (P,)."""
        P = len(self.by)
        none = -np.inf, np.zeros(P), np.zeros((P, P))
        if not self._prepared(values):
            return none
        total: list[Any] = [0.0, np.zeros(P), np.zeros((P, P))]
        with np.errstate(all="ignore"):
            if self.setup.snapshots:
                sound = self._cells(values, total)
            else:
                sound = all(self._paths(group, values, total) for group in self.setup.groups())
        if not (sound and np.isfinite(total[0]) and np.isfinite(total[1]).all() and np.isfinite(total[2]).all()):
            return none
        return float(total[0]), np.asarray(total[1]), np.asarray(total[2])

    def _prepared(self, values: np.ndarray) -> bool:
        """Make the generator and its derivatives; False where a rate is impossible."""
        self.lost = 0.0
        self._steps: dict[float, tuple[np.ndarray, np.ndarray]] = {}
        rates = self.rates.at(values[self.rated], self.box.states, slopes=bool(self.by))
        if rates is None:
            return False
        self._data = self.box.generators.data(rates[0])
        self._bends = np.array([self.box.generators.data(b) for b in rates[1]]).reshape(-1, len(self._data))
        return True

    def columns_at(self, values: np.ndarray, times: list[float]) -> tuple[np.ndarray, np.ndarray] | None:
        begun, _, time = self.setup.first(values[None])
        start = np.rint(begun).astype(np.int64)
        if (start < 0).any() or (start >= np.array(self.box.shape)).any() or not self._prepared(values):
            return None
        D, means, variances = len(self.box.states), list[list[float]](), list[list[float]]()
        p, dp = np.zeros((D, 1)), np.zeros((len(self.by), D, 1))
        p[self.box.places(start), 0] = 1.0
        known: dict[sp.Symbol, np.ndarray] = {**self.numbers, **dict(zip(self.setup.symbols, values, strict=True))}
        for when in times:
            p, dp = self._carry(p, dp, when - time)
            time = when
            found, _ = self.formulas(known | {self.setup.system.time: np.asarray(when)})
            place, own = 0, list[tuple[float, float]]()
            for spec in self.setup.observed:
                size = 1 + len(spec.parameters or ())
                mean, *parameters = (np.broadcast_to(f, (D,)) for f in found[place : place + size])
                middle = float(p[:, 0] @ mean)
                own.append((middle, float(p[:, 0] @ ((mean - middle) ** 2 + spec.law.variance(mean, tuple(parameters))))))
                place += size
            means.append([m for m, _ in own])
            variances.append([v for _, v in own])
        return np.array(means), np.array(variances)

    # ---- distributions through time ------------------------------------------------------------------------

    def _carry(self, p: np.ndarray, dp: np.ndarray, gap: float, times: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Distributions (D, m) and derivatives (P, D, m) a gap later, one of `times` that are as long."""
        gap = _rounded(gap)
        if gap == 0:
            return p, dp
        own = dp[self.places]
        n = len(p)
        if times >= OFTEN and n <= DENSE:
            if gap not in self._steps:
                self._steps[gap] = carried(
                    self.box.generators, self._data, self._bends, np.eye(n), np.zeros((len(self.places), n, n)), gap
                )
            E, dE = self._steps[gap]
            moved = np.einsum("ij,pjm->pim", E, dp)
            for k, q in enumerate(self.places):
                moved[q] += dE[k] @ p
            return E @ p, moved
        rest = [q for q in range(len(dp)) if q not in self.places]
        new, bent = carried(self.box.generators, self._data, self._bends, p, own, gap)
        found = np.zeros_like(dp)
        found[self.places] = bent
        if rest and dp[rest].any():  # derivatives by what rates do not depend on
            flat = dp[rest].transpose(1, 0, 2).reshape(n, -1)
            moved, _ = carried(self.box.generators, self._data, self._bends[:0], flat, np.zeros((0, *flat.shape)), gap)
            found[rest] = moved.reshape(n, len(rest), -1).transpose(1, 0, 2)
        return new, found

    def _weights(self, y: np.ndarray, values: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Densities (D, m) of measurements (m, n) in every state, and derivatives (P, D, m)."""
        table = {**self.numbers, **dict(zip(self.setup.symbols, values, strict=True)), self.setup.system.time: np.asarray(time)}
        found, slopes = self.formulas(table)
        D, P = len(self.box.states), len(self.by)
        logs, bends = np.zeros((D, len(y))), np.zeros((P, D, len(y)))
        place = 0
        for o, spec in enumerate(self.setup.observed):
            own = 1 + len(spec.parameters or ())
            mean, *parameters = (np.broadcast_to(f, (D,))[:, None] for f in found[place : place + own])
            have = np.isfinite(y[:, o])[None]
            score = spec.law.score(
                np.where(have, y[None, :, o], 1.0), self._possible(spec, mean), tuple(parameters), fisher=True
            )
            logs += np.where(have, score.value, 0.0)
            for j in range(own):
                for q in range(P):
                    if (place + j, q) in slopes:
                        slope = np.broadcast_to(slopes[place + j, q], (D,))[:, None]
                        bends[q] += np.where(have, score.scores[j] * slope, 0.0)
            place += own
        return np.exp(logs), np.nan_to_num(bends)

    @staticmethod
    def _possible(spec: Any, mean: np.ndarray) -> np.ndarray:
        return np.maximum(mean, 1e-10) if spec.law.counts or spec.law.positive else mean

    # ---- likelihoods ---------------------------------------------------------------------------------------

    def _paths(self, group: PathGroup, values: np.ndarray, total: list[Any]) -> bool:
        """Add paths that were measured at the same times; False if they are impossible."""
        G, P, D = len(group.members), len(self.by), len(self.box.states)
        begun, _ = self.setup.path_starts(group, values[None])
        start = np.rint(begun[0]).astype(np.int64)
        if (start < 0).any() or (start >= np.array(self.box.shape)).any():
            return False
        p, dp = np.zeros((D, G)), np.zeros((P, D, G))
        p[self.box.places(start), np.arange(G)] = 1.0
        data = self.setup.later(group)
        gaps = np.array([_rounded(gap) for gap in np.diff(group.times)])
        for k, time in enumerate(group.times):
            if k:
                p, dp = self._carry(p, dp, gaps[k - 1], int((gaps == gaps[k - 1]).sum()))
                self.lost = max(self.lost, float(1 - p.sum(axis=0).min()))
            if not np.isfinite(data[:, k]).any():
                continue
            known = self._whole(data[:, k])
            if known is not None:  # every number is known: expected information, and the state is certain
                inside = ((known >= 0) & (known < np.array(self.box.shape))).all(axis=1)
                if not inside.all():
                    return False
                at = self.box.places(known)
                q, dq = p[at, np.arange(G)], dp[:, at, np.arange(G)]
                weight = np.where(p > FLOOR, 1 / np.maximum(p, FLOOR), 0.0)
                total[2] += np.einsum("adg,dg,bdg->ab", dp, weight, dp, optimize=True)
                total[0] += np.log(np.maximum(q, 1e-300)).sum() if (q > 0).all() else -np.inf
                total[1] += (dq / np.maximum(q, FLOOR)).sum(axis=1)
                p, dp = np.zeros_like(p), np.zeros_like(dp)
                p[at, np.arange(G)] = 1.0
                continue
            g, dg = self._weights(data[:, k], values, float(time))
            joint = g * p
            q = joint.sum(axis=0)
            if not (q > 0).all():
                return False
            moved = dg * joint + g * dp
            slope = moved.sum(axis=1) / q
            total[0] += np.log(q).sum()
            total[1] += slope.sum(axis=1)
            total[2] += slope @ slope.T
            p = joint / q
            dp = moved / q - p * slope[:, None]
        return True

    def _whole(self, y: np.ndarray) -> np.ndarray | None:
        """Numbers (G, species) where all of them were measured without noise."""
        direct = {o.expression: k for k, o in enumerate(self.setup.observed) if o.law.exact}
        if not np.isfinite(y).all() or len(self.setup.observed) > len(direct):
            return None
        if not all(s in direct for s in self.setup.system.states):
            return None
        return y[:, [direct[s] for s in self.setup.system.states]].astype(np.int64)

    def _cells(self, values: np.ndarray, total: list[Any]) -> bool:
        """Add cells that are not followed."""
        P, D = len(self.by), len(self.box.states)
        begun, _ = self.setup.starts(values[None])
        start = np.rint(begun).astype(np.int64)
        if (start < 0).any() or (start >= np.array(self.box.shape)).any():
            return False
        p, dp = np.zeros((D, 1)), np.zeros((P, D, 1))
        p[self.box.places(start), 0] = 1.0
        time = self.setup.begin
        for when, rows in self.setup.cells():
            p, dp = self._carry(p, dp, when - time)
            time = when
            self.lost = max(self.lost, float(1 - p.sum()))
            seen = rows[np.isfinite(rows).any(axis=1)]
            kinds, counts = np.unique(seen, axis=0, return_counts=True)
            if not len(kinds):
                continue
            exact = all(o.law.exact for o in self.setup.observed) and np.isfinite(seen).all()
            g, dg = self._weights(kinds, values, when)
            q = g.T @ p[:, 0]
            dq = np.einsum("adm,d->am", dg * g, p[:, 0]) + dp[:, :, 0] @ g
            if not (q > 0).all():
                return False
            slope = dq / q
            total[0] += counts @ np.log(q)
            total[1] += slope @ counts
            total[2] += (slope * counts) @ slope.T if not exact else self._expected(p, dp, len(seen))
        return True

    def _expected(self, p: np.ndarray, dp: np.ndarray, count: int) -> np.ndarray:
        """Expected information of so many cells whose columns were measured without noise."""
        table = {**self.numbers, **dict.fromkeys(self.setup.symbols, np.asarray(1.0)), self.setup.system.time: np.asarray(0.0)}
        found, _ = self.formulas(table)
        columns = np.stack([np.broadcast_to(f, (len(p),)) for f in found], axis=1)
        _, group = np.unique(columns, axis=0, return_inverse=True)
        q = np.bincount(group.ravel(), weights=p[:, 0])
        dq = np.array([np.bincount(group.ravel(), weights=d[:, 0], minlength=len(q)) for d in dp]).reshape(len(dp), len(q))
        return count * (dq * np.where(q > FLOOR, 1 / np.maximum(q, FLOOR), 0.0)) @ dq.T


def _rounded(gap: float) -> float:
    """A gap to its significant digits, whatever the unit of time."""
    return float(f"{gap:.{DIGITS - 1}e}")
