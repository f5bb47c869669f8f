"""Small models of polynomial terms, and of textbooks, that follow steps of the data, to compare with those of a search."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.interpolate import PchipInterpolator
from sympy.core.function import AppliedUndef

from symdyn.discover.choose import choose
from symdyn.inference.data import Observations
from symdyn.inference.formulas import evaluated
from symdyn.inference.kinds import kind_of, unknown_slopes
from symdyn.system import System

__all__ = ["Offer", "Rival", "TextbookModel", "rivals"]

#: Most terms of an unknown function, its choices and rivals that are kept.
LARGEST, EACH, KEPT = 3, 4, 8
#: Gauss nodes between two data.
NODES = 3


@dataclass(frozen=True)
class Offer:
    """A term that an unknown function may hold.

    Attributes
    ----------
    unknown : AppliedUndef
    shape : Expr
        Without constants of its own.
    prior : float
        Minus twice the logarithm of its prior.
    """

    unknown: AppliedUndef
    shape: sp.Expr
    prior: float


@dataclass(frozen=True)
class TextbookModel:
    """A model of a textbook.

    Attributes
    ----------
    signs : mapping of (AppliedUndef, Expr) to int
        Signs of the coefficients of its terms, unknown function and shape: 1 and -1, or 2 for either.
    prior : float
        Minus twice the logarithm of its prior.
    """

    signs: Mapping[tuple[AppliedUndef, sp.Expr], int]
    prior: float


@dataclass(frozen=True)
class Rival:
    """A small model.

    Attributes
    ----------
    terms : tuple of (Offer, float)
        Terms with coefficients to begin from.
    known : TextbookModel or None
        The model of a textbook that it is.
    """

    terms: tuple[tuple[Offer, float], ...]
    known: TextbookModel | None = None


def rivals(
    system: System, offers: Sequence[Offer], data: Observations, *, logarithmic: bool, known: Sequence[TextbookModel] = ()
) -> list[Rival]:
    r"""Models whose increments are nearest to those of the data, by subsets of the terms of each equation apart.

    .. math:: x_{k+1} - x_k \approx \int_{t_k}^{t_{k+1}} f(x(t)) \, dt

    along curves through the data; of logarithms where the errors are those of logarithms.  Errors of the model add up over
    time, but of a single step they are small.

    Parameters
    ----------
    system : ODESystem
        Each equation linear in one unknown function or without any; without free parameters.
    offers : sequence of Offer
    data : Observations
    logarithmic : bool
    known : sequence of TextbookModel, optional
        Models of these terms that are rivals whether they are near or not, with the coefficients that are nearest.

    Returns
    -------
    list of Rival
        The nearest first, then those that are known; empty where the system or its data do not allow this.
    """
    owners = _owners(system)
    if owners is None or kind_of(system).stepwise:
        return []
    nodes = _nodes(data, logarithmic)
    if nodes is None:
        return []
    times, states, weights, steps, at = nodes
    along = dict(zip(system.states, np.moveaxis(states, -1, 0), strict=True)) | dict(system.defaults) | {system.time: times}

    def integrals(expressions: Sequence[sp.Expr], i: int) -> np.ndarray:
        table = np.moveaxis(evaluated(expressions, along, times.shape), 0, -1)
        with np.errstate(all="ignore"):
            return np.asarray(np.sum(weights[..., None] * table / (states[..., i, None] if logarithmic else 1.0), axis=1))

    each: list[list[tuple[float, tuple[tuple[Offer, float], ...]]]] = []
    nearest: dict[AppliedUndef, tuple[list[Offer], np.ndarray, np.ndarray]] = {}
    for i, (unknown, rest, factor) in enumerate(owners):
        own = [o for o in offers if unknown is not None and o.unknown == unknown]
        if not own:
            continue
        table = integrals([rest, *(factor * o.shape for o in own)], i)
        target, design = steps[:, i] - table[:, 0], table[:, 1:]
        if not np.isfinite(table).all():
            return []
        scale = np.sqrt(at)
        nearest[own[0].unknown] = own, design / scale[:, None], target / scale
        found = choose(
            design / scale[:, None], target / scale, np.arange(len(own)), np.arange(0), largest=LARGEST, floor=1e-6,
        )  # fmt: skip
        kept = []
        for choice in found:
            picked = np.flatnonzero(choice.chosen)
            if picked.size:
                loss = choice.criterion + sum(own[j].prior for j in picked)
                kept.append((loss, tuple((own[j], float(choice.theta[j])) for j in picked)))
        each.append(sorted(kept, key=lambda row: row[0])[:EACH])
    together = sorted(itertools.product(*each), key=lambda parts: sum(c for c, _ in parts)) if each else []
    small = [Rival(tuple(term for _, part in parts for term in part)) for parts in together[:KEPT]]
    return [*small, *(_textbook(model, nearest) for model in known if {u for u, _ in model.signs} <= nearest.keys())]


def _textbook(model: TextbookModel, nearest: Mapping[AppliedUndef, tuple[list[Offer], np.ndarray, np.ndarray]]) -> Rival:
    """A model that is known with the coefficients of least squares, those of the wrong sign with the other one."""
    found: list[tuple[Offer, float]] = []
    for unknown, (own, design, target) in nearest.items():
        at = [j for j, o in enumerate(own) if (unknown, o.shape) in model.signs]
        values = np.linalg.lstsq(design[:, at], target, rcond=None)[0]
        for j, value in zip(at, values, strict=True):
            sign = model.signs[unknown, own[j].shape]
            found.append((own[j], float(value if sign == 2 else sign * abs(value))))
    return Rival(tuple(found), model)


def _owners(system: System) -> list[tuple[AppliedUndef | None, sp.Expr, sp.Expr]] | None:
    """Of each equation the unknown function, the known rest and the factor of the function; None if there are others."""
    rest, slopes = unknown_slopes(system)
    factors = [{u: e[i] for u, e in slopes.items() if e[i] != 0} for i in range(len(rest))]
    owned = [u for own in factors for u in own]
    free = set(system.parameters) - set(system.defaults)
    if free or not owned or len(set(owned)) < len(owned) or any(len(own) > 1 for own in factors):
        return None
    if any(e.has(AppliedUndef) for e in (*rest, *(factor for own in factors for factor in own.values()))):
        return None
    none: tuple[AppliedUndef | None, sp.Expr] = (None, sp.S.Zero)
    return [(u, e, factor) for e, own in zip(rest, factors, strict=True) for u, factor in (own.items() or [none])]


def _nodes(data: Observations, logarithmic: bool) -> tuple[np.ndarray, ...] | None:
    """Times and states (M, NODES[, n]) and weights between complete neighbours, increments (M, n) and gaps (M,)."""
    where, part = np.polynomial.legendre.leggauss(NODES)
    rows: list[tuple[np.ndarray, ...]] = []
    for t in data.trajectories:
        whole = np.isfinite(t.values).all(axis=1)
        times, values = t.times[whole], t.values[whole]
        if len(times) < 4:
            continue
        z = np.log(values) if logarithmic else values
        gaps = np.diff(times)
        at = times[:-1, None] + gaps[:, None] * 0.5 * (1 + where)
        inside = PchipInterpolator(times, z)(at)
        rows.append((at, np.exp(inside) if logarithmic else inside, 0.5 * gaps[:, None] * part, np.diff(z, axis=0), gaps))
    return tuple(np.concatenate(parts) for parts in zip(*rows, strict=True)) if rows else None
