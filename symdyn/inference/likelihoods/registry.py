"""Where likelihoods of systems with randomness register, and what each of them returns."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from symdyn.derive.jumps import refuse_events
from symdyn.errors import DeclarationError
from symdyn.inference.budget import Budget
from symdyn.inference.data import Observations
from symdyn.inference.journal import KeptState
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.registry import Registry

__all__ = ["LIKELIHOODS", "Evaluator", "FitLikelihood", "LikelihoodTerms", "SmoothedPath", "eventful"]


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


class SmoothedPath(NamedTuple):
    """Normal laws of the states of a path at its times, given all that was measured of it.

    Attributes
    ----------
    times : (T,) float64
    means : (T, n) float64
    covariances : (T, n, n) float64

    Examples
    --------
    >>> SmoothedPath(np.array([0.0, 1.0]), np.zeros((2, 1)), np.ones((2, 1, 1))).means.shape
    (2, 1)
    """

    times: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


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
    _plain: Evaluator | None = None

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
        new._plain = None if self._plain is None or self._plain is self else self._plain.with_data(data)
        return new

    def prepare(self, budget: Budget, kept: KeptState) -> tuple[str, FitLikelihood] | None:
        """Compute what takes long before there is any value, such as a population; by default nothing does.

        Parameters
        ----------
        budget : symdyn.inference.budget.Budget
            At whose end, or at an interrupt, it ends with what there is.
        kept : symdyn.inference.journal.KeptState
            Where a state is kept from which it goes on.

        Returns
        -------
        (str, FitLikelihood) or None
            What was done, in words, and the likelihood that leads as far by itself, if it ended early.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> from symdyn.inference.budget import Budget
        >>> from symdyn.inference.journal import Journal
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> evaluator.prepare(Budget(60.0), Journal().kept(["nothing"])) is None
        True
        """
        return None

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

    def without_slopes(self) -> Evaluator:
        """The same likelihood, whose `expand` may leave derivatives out; by default itself.

        Returns
        -------
        Evaluator

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> evaluator.without_slopes().expand(np.array([[0.3], [0.5]])).gradient.shape
        (2, 0)
        """
        return self

    def log_likelihood(self, values: np.ndarray) -> np.ndarray:
        """The log-likelihood alone, by the evaluator `without_slopes`, which is made once.

        Parameters
        ----------
        values : (M, P) float64
            As of `expand`.

        Returns
        -------
        (M,) float64

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> values = np.array([[0.3], [0.5]])
        >>> bool(np.allclose(evaluator.log_likelihood(values), evaluator.expand(values).value, rtol=1e-9))
        True
        """
        if self._plain is None:
            self._plain = self.without_slopes()
        return self._plain.expand(values).value

    def smoothed(self, values: np.ndarray) -> list[SmoothedPath] | None:
        """The law of the states of every path given all that was measured of it.

        Parameters
        ----------
        values : (P,) float64
            Of what is fitted.

        Returns
        -------
        list of SmoothedPath
            One for each path; None of a likelihood that has no means and covariances along paths.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
        >>> evaluator = sd.fit(net, {"t": [0.0, 1.0], "X": [20, 13]}, likelihood="lna", starts=1).problem.evaluator
        >>> path, = evaluator.smoothed(np.array([0.5]))
        >>> path.means.tolist()  # without an error of measurement it is what was measured
        [[20.0], [13.0]]
        """
        return None

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
    certain : bool
        Whether paths begin at their initial values, and not about them (`symdyn.inference.beginnings`).

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
    certain: ClassVar[bool] = False

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
