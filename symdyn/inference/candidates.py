"""One system that holds every candidate term: which of them are on is data, so nothing is compiled per candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.formulas import evaluated
from symdyn.inference.kinds import kind_of, plain, right_sides, unknown_slopes
from symdyn.inference.natural_sizes import natural_sizes
from symdyn.inference.parameters import FreeColumns, LibraryTerm, free_columns
from symdyn.system import System

__all__ = ["Candidates", "candidate_system"]

#: What no number stands for.
ENDLESS = (sp.zoo, sp.nan, sp.oo, sp.S.NegativeInfinity)


@dataclass(frozen=True)
class Candidates(FreeColumns):
    """A system with a coefficient before every candidate term; see `FreeColumns`."""

    system: System


def candidate_system(
    system: System,
    terms: Iterable[LibraryTerm],
    observations: Observations,
    *,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
) -> Candidates:
    """Put a coefficient times every term in place of the unknown functions.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    terms : iterable of LibraryTerm
    observations : Observations
        They tell the typical size of each term.
    fit, guesses, bounds : optional
        As `symdyn.inference.parameters.free_columns` takes them; `fit` and `bounds` may name states.

    Raises
    ------
    RecoveryError
        If a parameter to be fitted does not enter the equations, or a term is not finite anywhere on the data.
    """
    terms = tuple(terms)
    natural = {} if terms else natural_sizes(system, observations)  # unknown functions have a size of their own
    columns = free_columns(
        system, terms, fit=fit, guesses=guesses, bounds=bounds, initial=system.states, natural=natural
    )  # fmt: skip
    bare = plain(system)
    filled = bare.with_terms(columns.expressions()) if columns.terms else bare
    columns.check_entering(right_sides(filled))
    typical = [max(abs(float(np.median(values))), 1e-12) for values in columns.starts.values()]
    sizes = np.concatenate([_coefficient_sizes(system, columns.terms, observations, columns.starts), typical])
    return Candidates(system=filled, **vars(columns.scaled(sizes)))


def _coefficient_sizes(
    system: System, terms: Sequence[LibraryTerm], observations: Observations, starts: Mapping[sp.Symbol, Sequence[float]]
) -> np.ndarray:
    """Coefficients with which each term changes a state by its own scale within the time of the data, of a map in a step.

    Raises
    ------
    RecoveryError
        If a term is not finite anywhere on the data.
    """
    span = 1.0 if kind_of(system).stepwise else max(t.times[-1] - t.times[0] for t in observations.trajectories)
    values = np.concatenate([t.values for t in observations.trajectories])
    times = np.concatenate([t.times for t in observations.trajectories])
    missing = np.isnan(values)
    values = np.where(missing, observations.scale, values)
    typical = {c: float(np.median(v)) for c, v in starts.items()}
    known = {**dict.fromkeys(system.parameters, 1.0), **system.defaults, **typical}
    along = dict(zip(system.states, values.T, strict=True)) | {system.time: times} | known
    effects = _effects(system, terms)
    parts = [(k, u.func.__name__, part) for k, t in enumerate(terms) for u, part in t.parts.items()]
    expressions = [part for *_, part in parts] + [e for found in effects.values() for e in found]
    results = evaluated(expressions, along, times.shape)
    columns, rest = results[: len(parts)], iter(results[len(parts) :])
    factors = {name: [np.abs(next(rest)) for _ in found] for name, found in effects.items()}
    rate = float(np.median(observations.scale)) / span
    largest = np.zeros(len(terms))
    for (k, name, _), column in zip(parts, columns, strict=True):
        factor = np.max(factors[name], axis=0)
        factor = np.where(np.isfinite(factor) & (factor > 0), factor, 1.0)
        column = column * factor
        finite = column[np.isfinite(column)]
        if not finite.size:
            raise RecoveryError(
                f"the library term {terms[k].shape} of {terms[k].unknown} is not finite on the data; leave it out"
            )
        largest[k] = max(largest[k], float(np.sqrt(np.mean(finite**2))))
    return np.asarray(rate / np.maximum(largest, 1e-12))


def _effects(system: System, terms: Sequence[LibraryTerm]) -> dict[str, list[sp.Expr]]:
    """How the right-hand sides move with each unknown function, by its name: 1 where it stands alone, A in ``A*f(L)``."""
    zero = dict.fromkeys(system.unknowns, sp.S.Zero)
    found: dict[str, list[sp.Expr]] = {u.func.__name__: [sp.S.Zero] for t in terms for u in t.parts}
    for u, slopes in unknown_slopes(system)[1].items():
        here = (slope.xreplace(zero) for slope in slopes if slope != 0)
        # 1/f and log(f) have no slope where f is 0
        found.get(u.func.__name__, []).extend(e for e in here if not e.has(*ENDLESS))
    return found
