"""Where likelihoods of systems with randomness register, what they are given, and what each of them returns."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import sympy as sp

from symdyn.derive.jumps import refuse_events
from symdyn.errors import DeclarationError
from symdyn.inference.data import Observations
from symdyn.inference.fit_problem import FittedColumn
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.observed_problem import NoisyObservable
from symdyn.registry import Registry
from symdyn.system import System

__all__ = ["LIKELIHOODS", "Evaluator", "FitLikelihood", "LikelihoodTerms", "PathGroup", "StochasticSetup", "eventful"]


class PathGroup(NamedTuple):
    """Paths that were measured at the same times.

    Attributes
    ----------
    members : (G,) int64
        Their places among the trajectories.
    times : (T,) float64
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

    @property
    def known(self) -> dict[sp.Symbol, float]:
        """Values of parameters of the system that are not fitted."""
        return {p: float(v) for p, v in self.system.defaults.items() if p not in self.symbols}

    def table(self, values: np.ndarray) -> dict[sp.Symbol, np.ndarray]:
        """Values (M,) of all parameters of the system, and of the other symbols, from those of the columns (M, P)."""
        found = {p: np.full(len(values), v) for p, v in self.known.items()}
        return found | {s: values[:, k] for k, s in enumerate(self.symbols)}

    def rows(self, system: System, values: np.ndarray) -> np.ndarray:
        """Parameters (M, k) in the order of a system that is derived from this one."""
        table = self.table(values)
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
        return ArrayFormulas([sp.sympify(e).xreplace(known) for e in self.initial.values()], self.symbols, self.symbols)

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

    def groups(self) -> Iterator[PathGroup]:
        """Paths by the times at which they were measured."""
        by: dict[bytes, list[int]] = {}
        for k, t in enumerate(self.data.trajectories):
            by.setdefault(np.ascontiguousarray(t.times).tobytes(), []).append(k)
        for members in by.values():
            values = np.stack([self.data.trajectories[k].values for k in members])
            yield PathGroup(np.array(members), self.data.trajectories[members[0]].times, values)

    def cells(self) -> list[tuple[float, np.ndarray]]:
        """Times of snapshots with what was measured of the cells then, (cells, n)."""
        return [(float(t.times[0]), t.values) for t in self.data.trajectories]


def eventful(system: Any) -> str | None:
    """What a system has that happens at times or states, and that runs from one measurement to the next do not follow."""
    try:
        refuse_events(system, "a likelihood")
    except DeclarationError as error:
        return f"does not apply, but 'abc' may: {error}"
    return None


@dataclass(frozen=True)
class LikelihoodTerms:
    """Log-likelihoods of M choices of P values.

    Attributes
    ----------
    value : (M,) float64
        Minus infinity where the data are impossible.
    gradient : (M, P) float64
    information : (M, P, P) float64
    error : (M,) float64, optional
        Standard errors of `value`, where it is estimated by simulations.

    Examples
    --------
    >>> LikelihoodTerms(np.array([-1.5]), np.zeros((1, 2)), np.eye(2)[None]).information.shape
    (1, 2, 2)
    """

    value: np.ndarray
    gradient: np.ndarray
    information: np.ndarray
    error: np.ndarray | None = None


class Evaluator(ABC):
    """The likelihood of one set of data.

    Attributes
    ----------
    noisy : bool
        Whether values are estimated by simulations; then `expand` leaves the derivatives at zero, and they are differences.
    notes : tuple of str
        What is to be known of it.
    setup : StochasticSetup
        The system, what was measured, and what is fitted.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
    >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
    >>> evaluator.noisy, evaluator.setup.symbols, evaluator.setup.data.size
    (False, (g,), 2)
    """

    noisy: ClassVar[bool] = False
    notes: tuple[str, ...] = ()
    setup: StochasticSetup

    def with_data(self, data: Observations) -> Evaluator:
        """The likelihood of other data, measured at the same times.

        Parameters
        ----------
        data : Observations
            As those of the setup, with other values.

        Returns
        -------
        Evaluator

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> found = evaluator.with_data(evaluator.setup.data).expand(np.array([[0.5]])).value
        >>> bool(found == evaluator.expand(np.array([[0.5]])).value)
        True
        """
        new = copy.copy(self)
        new.setup = replace(self.setup, data=data)
        return new

    @abstractmethod
    def expand(self, values: np.ndarray) -> LikelihoodTerms:
        """The log-likelihood with its derivatives.

        Parameters
        ----------
        values : (M, P) float64
            Of what is fitted, in the order of the columns of the setup and in their units.

        Returns
        -------
        LikelihoodTerms

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> evaluator.expand(np.array([[0.3], [0.5]])).gradient.shape
        (2, 1)
        """

    def columns_at(self, values: np.ndarray, times: list[float]) -> tuple[np.ndarray, np.ndarray] | None:
        """Means and variances of what is measured, of cells or of the first path from its beginning on.

        Parameters
        ----------
        values : (P,) float64
            Of what is fitted.
        times : list of float
            Increasing, in the unit of time of the data.

        Returns
        -------
        mean, variance : (T, n) float64
            Of the n columns of the data; None of a likelihood without them.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> mean, variance = evaluator.columns_at(np.array([0.5]), [0.0, 1.0])
        >>> mean.round(6).tolist(), variance.round(6).tolist()  # binomial numbers
        ([[20.0], [12.130613]], [[0.0], [4.773024]])
        """
        return None

    def remarks(self, values: np.ndarray) -> tuple[str, ...]:
        """What is to be known of the fitted values.

        Parameters
        ----------
        values : (P,) float64

        Returns
        -------
        tuple of str
            Notes, in words.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> evaluator.remarks(np.array([0.5]))
        ()
        """
        return ()


@dataclass(frozen=True, kw_only=True)
class FitLikelihood(ABC):
    """A likelihood, by its options; a subclass is a frozen dataclass whose fields are options.

    Attributes
    ----------
    name : str
        By which `symdyn.fit` finds it.
    definition, reference : str
    exact : bool
        Whether it is the likelihood of the system itself.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.LIKELIHOODS["moments"](order=3).order, sd.LIKELIHOODS["projection"].exact
    (3, True)
    """

    name: ClassVar[str]
    definition: ClassVar[str]
    reference: ClassVar[str]
    exact: ClassVar[bool] = False

    @abstractmethod
    def unmet(self, setup: StochasticSetup) -> str | None:
        """Why it cannot be used.

        Parameters
        ----------
        setup : StochasticSetup

        Returns
        -------
        str or None
            A clause that follows the name of the likelihood; None if it can be used.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> sd.LIKELIHOODS["projection"](largest=5).unmet(evaluator.setup)
        'needs 59 states, more than largest=5'
        """

    @abstractmethod
    def evaluator(self, setup: StochasticSetup) -> Evaluator:
        """The likelihood of the data of a setup.

        Parameters
        ----------
        setup : StochasticSetup

        Returns
        -------
        Evaluator

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> exact = sd.LIKELIHOODS["projection"]().evaluator(evaluator.setup)
        >>> stay = np.exp(-0.5)
        >>> bool(np.isclose(exact.expand(np.array([[0.5]])).value[0], np.log(77520 * stay**13 * (1 - stay) ** 7)))
        True
        """


#: By name; classes of options.
LIKELIHOODS: Registry[type[FitLikelihood]] = Registry("likelihood")
