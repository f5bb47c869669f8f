"""What a surrogate has learned, kept in a journal: training is the longest single piece of many recoveries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.surrogates.registry import SurrogateFit, TermSamples
from symdyn.inference.journal import Journal

__all__ = ["remembered"]


def remembered(
    journal: Journal,
    key: Sequence[Any],
    unknowns: Sequence[AppliedUndef],
    parameters: Sequence[sp.Symbol],
    fit: Callable[[], SurrogateFit],
) -> SurrogateFit:
    """The fit of a surrogate, from the journal if it is there; its history is not kept."""
    made: list[SurrogateFit] = []

    def compute() -> tuple[np.ndarray, ...]:
        made.append(fit())
        return tuple(_arrays(made[0], unknowns, parameters))

    arrays = journal(key, compute)
    return made[0] if made else _restored(iter(arrays), unknowns, parameters)


def _arrays(fit: SurrogateFit, unknowns: Sequence[AppliedUndef], parameters: Sequence[sp.Symbol]) -> Iterator[np.ndarray]:
    yield np.array([float(fit.parameters.get(p, np.nan)) for p in parameters])
    for unknown in unknowns:
        samples = fit.terms[unknown]
        yield from (samples.arguments, samples.values, samples.weights)
    for times, states in zip(fit.times, fit.states, strict=True):
        yield from (times, states)


def _restored(arrays: Iterator[np.ndarray], unknowns: Sequence[AppliedUndef], parameters: Sequence[sp.Symbol]) -> SurrogateFit:
    values = dict(zip(parameters, map(float, next(arrays)), strict=True))
    terms = {u: TermSamples(next(arrays), next(arrays), next(arrays)) for u in unknowns}
    rest = list(arrays)
    known = {p: v for p, v in values.items() if not np.isnan(v)}
    return SurrogateFit(tuple(rest[::2]), tuple(rest[1::2]), terms, known)
