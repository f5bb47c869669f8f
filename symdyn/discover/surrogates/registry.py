"""Where surrogates register, and what each of them returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.data import Observations
from symdyn.errors import RecoveryError
from symdyn.registry import Registry, suggest
from symdyn.system import System

__all__ = ["FIELD_SURROGATES", "SURROGATES", "NothingLearnedError", "Surrogate", "SurrogateFit", "TermSamples", "with_options"]

Options = TypeVar("Options")


class NothingLearnedError(RecoveryError):
    """The data turned out to tell a surrogate nothing; recovery can go without."""


@dataclass(frozen=True)
class TermSamples:
    """Values of one unknown term along the fitted trajectories: what a regressor turns into a formula.

    Attributes
    ----------
    arguments : (m, k) float64
        Arguments of the term, one column each.
    values, weights : (m,) float64
        Values of the term and the weights they deserve.
    """

    arguments: np.ndarray
    values: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class SurrogateFit:
    """States and unknown terms along the data; of ODEs as smooth functions of time.

    Attributes
    ----------
    times : tuple of (m,) float64
        One array a trajectory.
    states : tuple of (m, n) float64
        The fitted states at those times.
    terms : dict of AppliedUndef to TermSamples
        Samples of every unknown term, trajectories one after another.
    parameters : dict of Symbol to float
        Values of the parameters that had none, as far as they were learned.
    history : mapping
        Losses by iteration and seconds.
    """

    times: tuple[np.ndarray, ...]
    states: tuple[np.ndarray, ...]
    terms: dict[AppliedUndef, TermSamples]
    parameters: dict[sp.Symbol, float]
    history: Mapping[str, Any] = field(default_factory=dict)


class Surrogate(Protocol):
    """Fits states and unknown terms to data; nothing is known of the terms but their arguments."""

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None if it can learn this system from these data, else the reason."""
        ...

    def fit(
        self,
        system: System,
        observations: Observations,
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> SurrogateFit: ...


def with_options(options: Options, changes: Mapping[str, Any], surrogate: str) -> Options:
    """Options (a frozen dataclass) with single ones changed.

    Raises
    ------
    RecoveryError
        If the surrogate of that name has no such option.
    """
    known = options.__dataclass_fields__  # type: ignore[attr-defined]
    wrong = [name for name in changes if name not in known]
    if wrong:
        raise RecoveryError(
            f"unknown option of the surrogate {surrogate!r}: {wrong[0]}; known: {', '.join(known)}.{suggest(wrong[0], known)}"
        )
    return replace(options, **changes)  # type: ignore[type-var]


#: Classes of surrogates by name; each is made with its options as keywords.
SURROGATES: Registry[Any] = Registry("surrogate")
#: The same for fields.
FIELD_SURROGATES: Registry[Any] = Registry("surrogate of fields")
