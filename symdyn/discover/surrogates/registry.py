"""Where surrogates register, and what each of them returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.neural_terms import TrainedNetwork
from symdyn.registry import Registry
from symdyn.system import System

__all__ = [
    "FIELD_SURROGATES", "SCORE_SURROGATES", "SURROGATES", "MemberFit", "NothingLearnedError", "Surrogate", "SurrogateFit",
    "TermSamples", "nested", "not_rates",
]  # fmt: skip


class NothingLearnedError(RecoveryError):
    """The data contain no information on the unknown terms for a surrogate; recovery can proceed without one.

    Examples
    --------
    >>> issubclass(NothingLearnedError, RecoveryError)
    True
    >>> raise NothingLearnedError("the term f(x) is constant along the data")
    Traceback (most recent call last):
    ...
    symdyn.discover.surrogates.registry.NothingLearnedError: the term f(x) is constant along the data
    """


@dataclass(frozen=True)
class TermSamples:
    """Values of one unknown term along the fitted trajectories, from which a regressor finds formulas.

    Attributes
    ----------
    arguments : (m, k) float64
        Arguments of the term, one column each, in their units.
    values, weights : (m,) float64
        Values of the term, in its unit, and their statistical weights.

    Examples
    --------
    >>> x = np.linspace(0, 1, 3)
    >>> samples = TermSamples(arguments=x[:, None], values=x**2, weights=np.ones(3))
    >>> samples.arguments.shape, samples.values.tolist()
    ((3, 1), [0.0, 0.25, 1.0])
    """

    arguments: np.ndarray
    values: np.ndarray
    weights: np.ndarray


class MemberFit(NamedTuple):
    """What one member of an ensemble of networks learned.

    Attributes
    ----------
    states : sequence of (m, n) float64
        At the times of the fit, one array a trajectory.
    arguments, values : (m, a) and (m, k) float64
        Of all unknown terms, at all times.
    parameters : (q,) float64
        Those that had no value.
    losses : dict of str to array
        By accepted step.
    networks : mapping of str to TrainedNetwork
        By the names of the functions; empty where networks are of time.

    Examples
    --------
    >>> MemberFit([], np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0), {"train": np.ones(2)}, {}).losses["train"].tolist()
    [1.0, 1.0]
    """

    states: Any
    arguments: Any
    values: Any
    parameters: Any
    losses: dict[str, np.ndarray]
    networks: Mapping[str, TrainedNetwork]


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
        Values of the parameters that had none, as far as they were estimated.
    history : mapping
        Losses by iteration and seconds.
    members : tuple of MemberFit
        Of a surrogate of networks: what each of them learned.

    Examples
    --------
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 1, 3)
    >>> samples = TermSamples(np.exp(-t)[:, None], -np.exp(-t), np.ones(3))  # x' = f(x) with f(x) = -x
    >>> fit = SurrogateFit(times=(t,), states=(np.exp(-t)[:, None],), terms={f(x): samples}, parameters={})
    >>> [str(term) for term in fit.terms], fit.states[0].shape
    (['f(x)'], (3, 1))
    """

    times: tuple[np.ndarray, ...]
    states: tuple[np.ndarray, ...]
    terms: dict[AppliedUndef, TermSamples]
    parameters: dict[sp.Symbol, float]
    history: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[MemberFit, ...] = ()


class Surrogate(Protocol):
    """Fits states and unknown terms to data; of the terms only the arguments are given.

    Examples
    --------
    >>> sorted(name for name in vars(Surrogate) if not name.startswith("_"))  # the methods of a surrogate
    ['applies', 'fit']
    """

    @staticmethod
    def applies(system: System, observations: Observations) -> str | None:
        """None if the surrogate can be fitted to these data of this system, else the reason.

        Parameters
        ----------
        system : System
            With unknown terms.
        observations : Observations
            The data, trajectory by trajectory.

        Returns
        -------
        str or None

        Examples
        --------
        >>> class Splines:
        ...     @staticmethod
        ...     def applies(system, observations):
        ...         return system.unmet(["drift"])
        >>> import symdyn as sd
        >>> Splines.applies(sd.ODESystem.from_text("x' = f(x)"), None)
        >>> Splines.applies(sd.DiscreteSystem.from_text("x[t+1] = f(x)"), None)
        'it takes systems of rates of change; this DiscreteSystem has next values'
        """
        ...

    def fit(
        self,
        system: System,
        observations: Observations,
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> SurrogateFit:
        """Fit states and unknown terms.

        Parameters
        ----------
        system : System
            With unknown terms.
        observations : Observations
            The data, trajectory by trajectory.
        seed : int
            Of random numbers.
        progress : callable, optional
            ``progress(done, total)`` is called with the iterations.

        Returns
        -------
        SurrogateFit

        Raises
        ------
        NothingLearnedError
            If the data contain no information on the unknown terms.

        Examples
        --------
        A surrogate that takes the data for the states, and differences of them for an only unknown term:

        >>> class Differences:
        ...     def fit(self, system, observations, *, seed=0, progress=None):
        ...         [term], [t], [x] = system.unknowns, observations.times, observations.values
        ...         slopes = np.gradient(x[:, 0], t)
        ...         return SurrogateFit((t,), (x,), {term: TermSamples(x, slopes, np.ones(len(t)))}, {})
        >>> import symdyn as sd
        >>> from types import SimpleNamespace
        >>> t = np.linspace(0, 1, 3)
        >>> data = SimpleNamespace(times=[t], values=[t[:, None] ** 2])
        >>> fit = Differences().fit(sd.ODESystem.from_text("x' = f(x)"), data)
        >>> fit.terms[sp.Function("f")(sp.Symbol("x"))].values.tolist()
        [0.5, 1.0, 1.5]
        """
        ...


def not_rates(system: System, surrogate: str) -> str | None:
    """Why a surrogate of ODEs does not apply to a system of another kind, or None."""
    if system.unmet(["drift"]) is None:
        return None
    return (
        f"the surrogate {surrogate!r} needs an ODESystem, got {type(system).__name__}; "
        "for a map leave surrogate='auto', which is 'inversion', or give None"
    )


def nested(system: System) -> str | None:
    """Which unknown term has another one among its arguments, or None."""
    for term in system.unknowns:
        if any(a.atoms(AppliedUndef) for a in term.args):
            return f"the unknown term {term} has an unknown term among its arguments; give that one a state of its own"
    return None


#: Classes of surrogates by name; each is made with its options as keywords.
SURROGATES: Registry[Any] = Registry("surrogate")
#: The same for fields.
FIELD_SURROGATES: Registry[Any] = Registry("surrogate of fields")
#: The same for scores of reversed processes; `fit` takes points (n, d), and returns what writes a score.
SCORE_SURROGATES: Registry[Any] = Registry("surrogate of scores")
