"""Life table response experiments: contributions of vital rates to differences, or the variance, of growth factors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.leslie._factors import Entries, Parameters, growths, labelled_models
from symdyn.models.matrix import MatrixModel
from symdyn.registry import suggest

__all__ = ["ltre"]

KINDS = {"fixed": ("one-way",), "random": ("random",), "exact": ("symmetric", "directional", "random")}
#: Most terms of an exact decomposition.
MOST = 2**14


def ltre(
    reference: MatrixModel | None,
    treatments: Any,
    *,
    kind: str = "fixed",
    by: str = "entries",
    design: str | None = None,
    order: int | None = None,
) -> xr.Dataset:
    r"""Decompose differences, or the variance, of growth factors into contributions of vital rates.

    .. math:: \lambda_t - \lambda_0 \approx \sum_k (x^t_k - x^0_k) \left. \frac{\partial \lambda}{\partial x_k}
            \right|_{(x^t + x^0) / 2}, \qquad
        \operatorname{var} \lambda \approx \sum_{k, l} \operatorname{cov}(x_k, x_l) \left. \frac{\partial \lambda}{\partial x_k}
            \frac{\partial \lambda}{\partial x_l} \right|_{\bar x}

    and exactly, by functional analysis of variance over all sets S of the factors that vary,

    .. math:: \sum_S \epsilon_S, \qquad \epsilon_S = \sum_{U \subseteq S} (-1)^{|S| - |U|} \nu_U

    where :math:`\nu_U` is the difference (or variance) when the factors U vary and the others are fixed.

    Parameters
    ----------
    reference : MatrixModel or None
        What treatments are compared with; the mean of the treatments if None, as it must be in a random design.
    treatments : MatrixModel, sequence or mapping of them
        All with the same stages; the names of a mapping label the result.
    kind : {'fixed', 'random', 'exact'}
        First-order differences; first-order variance; exact.
    by : {'entries', 'parameters'}
        Factors x: entries of the matrices, or parameters of the one matrix that all models share.
    design : {'symmetric', 'directional', 'random'}, optional
        Of kind 'exact': differences with the other factors fixed at the mean of treatment and reference, which is the default;
        or at the reference; the variance, with the others fixed at the mean.
    order : int, optional
        Of kind 'exact': the most factors in an interaction; all unless given.

    Returns
    -------
    xarray.Dataset
        ``contribution``: over ``treatment`` and, of kind 'fixed', ``to`` and ``from`` (stages) or ``parameter``; of kind
        'random', over ``factor`` and ``other`` that vary, with covariances in equal halves on both sides of the diagonal; of
        kind 'exact', over ``term``, with ``order``, the number of factors in the interaction.  ``growth_factor`` by treatment;
        ``difference`` from the reference, or ``variance``, divided by the number of models; ``residual``, the part
        that the contributions do not explain.

    Raises
    ------
    DeclarationError
        If the stages of models differ, or too many factors vary for all their interactions.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), ch. 10; Hernández, Ellner, Adler, Hooker & Snyder, Methods in Ecology
    and Evolution 14 (2023) 939, for the exact ones.

    Examples
    --------
    >>> import symdyn as sd
    >>> dry = sd.leslie.from_matrix([[0, 2], [0.5, 0.6]])
    >>> wet = sd.leslie.from_matrix([[0, 3], [0.5, 0.7]])
    >>> found = sd.leslie.ltre(dry, {"wet": wet}, kind="exact")
    >>> for term, value in zip(found.term.values, found.contribution.sel(treatment="wet").values):
    ...     print(f"{term:20} {value:.4f}")
    n2 -> n1             0.2156
    n2 -> n2             0.0640
    n2 -> n1, n2 -> n2   0.0001
    >>> round(float(found.difference[0]), 4)
    0.2797
    """
    design = _checked(kind, by, design)
    labels, models = labelled_models(treatments)
    factors = (Entries if by == "entries" else Parameters)([*models, *([reference] if reference is not None else [])])
    points = factors.points[: len(models)]
    if design == "random":
        if reference is not None:
            raise DeclarationError("a random design has no reference; pass None, and all matrices as treatments")
        if len(models) < 2:
            raise DeclarationError("there is one matrix, which has no variance; give two or more")
        found = _random(factors, points) if kind == "random" else _exact_variance(factors, points, order)
        spread = growths(factors.matrices(points)).var()
        found = found.assign(variance=spread, residual=spread - found.contribution.sum())
    else:
        base = factors.points[-1] if reference is not None else points.mean(axis=0)
        found = _fixed(factors, points, base) if kind == "fixed" else _exact(factors, points, base, order, design)
        difference = growths(factors.matrices(points)) - growths(factors.matrices(base[None]))
        rest = [d for d in found.contribution.dims if d != "treatment"]
        found = found.assign(difference=("treatment", difference))
        found = found.assign(residual=found.difference - found.contribution.sum(rest))
    found = found.assign(growth_factor=("treatment", growths(factors.matrices(points))))
    return found.assign_coords(treatment=labels).assign_attrs(kind=kind, design=design, by=by)


def _fixed(factors: Entries | Parameters, points: np.ndarray, base: np.ndarray) -> xr.Dataset:
    parts = np.array([(p - base) * factors.gradient((p + base) / 2) for p in points])
    if isinstance(factors, Entries):
        names = list(factors.model.names)
        return xr.Dataset(
            {"contribution": (("treatment", "to", "from"), factors.matrices(parts))}, coords={"to": names, "from": names}
        )
    return xr.Dataset({"contribution": (("treatment", "parameter"), parts)}, coords={"parameter": factors.labels})


def _random(factors: Entries | Parameters, points: np.ndarray) -> xr.Dataset:
    varying = np.flatnonzero(np.ptp(points, axis=0) > 0)
    slope = factors.gradient(points.mean(axis=0))[varying]
    apart = (points - points.mean(axis=0))[:, varying]
    parts = apart.T @ apart / len(points) * np.outer(slope, slope)
    names = [factors.labels[i] for i in varying]
    return xr.Dataset({"contribution": (("factor", "other"), parts)}, coords={"factor": names, "other": names})


def _exact(factors: Entries | Parameters, points: np.ndarray, base: np.ndarray, order: int | None, design: str) -> xr.Dataset:
    varying = np.flatnonzero((points != base).any(axis=0))
    sets = _sets(len(varying), order)
    parts = []
    for p in points:
        fixed = (p + base) / 2 if design == "symmetric" else base
        parts.append(_effects(sets, partial(_moved, factors, varying, fixed, p, base)))
    return _terms(factors, varying, sets, np.array(parts), ("treatment", "term"))


def _exact_variance(factors: Entries | Parameters, points: np.ndarray, order: int | None) -> xr.Dataset:
    varying = np.flatnonzero(np.ptp(points, axis=0) > 0)
    sets = _sets(len(varying), order)
    mean = points.mean(axis=0)

    def spread(s: tuple[int, ...]) -> float:
        mixed = np.repeat(mean[None], len(points), axis=0)
        mixed[:, varying[list(s)]] = points[:, varying[list(s)]]
        return float(growths(factors.matrices(mixed)).var())

    return _terms(factors, varying, sets, _effects(sets, spread), ("term",))


def _moved(
    factors: Entries | Parameters,
    varying: np.ndarray,
    fixed: np.ndarray,
    point: np.ndarray,
    base: np.ndarray,
    s: tuple[int, ...],
) -> float:
    """The difference of growth when the factors of a set differ and the others are fixed."""
    mixed = np.array([fixed, fixed])
    chosen = varying[list(s)]
    mixed[0, chosen], mixed[1, chosen] = point[chosen], base[chosen]
    there, here = growths(factors.matrices(mixed))
    return float(there - here)


def _effects(sets: list[tuple[int, ...]], response: Callable[[tuple[int, ...]], float]) -> np.ndarray:
    """Effect of each set beyond the responses of its subsets."""
    effect: dict[tuple[int, ...], float] = {}
    for s in sets:
        below = (u for size in range(1, len(s)) for u in combinations(s, size))
        effect[s] = response(s) - sum(effect[u] for u in below)
    return np.array([effect[s] for s in sets])


def _sets(varying: int, order: int | None) -> list[tuple[int, ...]]:
    """Sets of factors, smaller ones first."""
    if order is not None and (isinstance(order, bool) or int(order) != order or order < 1):
        raise DeclarationError(f"the order of interactions is {order!r}; expected a number from 1")
    largest = varying if order is None else min(int(order), varying)
    found: list[tuple[int, ...]] = []
    for size in range(1, largest + 1):
        for s in combinations(range(varying), size):
            found.append(s)
            if len(found) > MOST:
                raise DeclarationError(
                    f"{varying} factors differ, and their sets of up to {largest} are more than {MOST}; give a lower order of "
                    'interactions, order=2, or compare vital rates, by="parameters"'
                )
    return found


def _terms(
    factors: Entries | Parameters, varying: np.ndarray, sets: list[tuple[int, ...]], parts: np.ndarray, dims: tuple[str, ...]
) -> xr.Dataset:
    names = [", ".join(factors.labels[varying[i]] for i in s) for s in sets]
    sizes = np.array([len(s) for s in sets], dtype=int)
    return xr.Dataset({"contribution": (dims, parts)}, coords={"term": np.array(names, dtype=str), "order": ("term", sizes)})


def _checked(kind: str, by: str, design: str | None) -> str:
    for what, value, known in (("the kind", kind, tuple(KINDS)), ("by", by, ("entries", "parameters"))):
        if value not in known:
            raise DeclarationError(f"{what} is {value!r}; known: {', '.join(known)}.{suggest(str(value), known)}")
    if design is None:
        return KINDS[kind][0]
    if design not in KINDS[kind]:
        hint = suggest(str(design), KINDS[kind])
        raise DeclarationError(f"the design of kind {kind!r} is {design!r}; known: {', '.join(KINDS[kind])}.{hint}")
    return design
