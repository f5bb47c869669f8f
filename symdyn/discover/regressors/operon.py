"""Symbolic regression by genetic programming with Operon, its formulas refitted and pruned."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import sympy as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from symdyn.discover.regressors._formula import evaluate, front, merged, ranked, refit, variables
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.errors import RecoveryError
from symdyn.parsing import parse_expression

__all__ = ["OperonRegression"]


class OperonRegression(RegressorMixin, BaseEstimator):
    """Formulas from the front of error against length that Operon finds.

    Every formula of the front is expanded, its constants are fitted again and its terms dropped one after another; the
    forms are ranked by an information criterion.  The search itself takes no weights: samples are repeated in proportion.

    Parameters
    ----------
    symbols : str
        Operations and functions of the search, separated by commas, as Operon names them.
    max_length : int
        Longest formula, in nodes.
    population_size, generations : int
        Effort of the search.
    evaluations : int, optional
        Most evaluations of formulas, local fits of their constants included: the budget in work, not in seconds, so that the
        result is the same on every machine.  Twenty for each formula of each generation by default.
    tolerance : float
        Error, relative to the values, below which a formula counts as exact.
    candidates : int
        How many formulas are kept.
    names : sequence of Symbol or str, optional
        Names of the columns, ``x0, x1, ...`` unless given.
    random_state : int, optional
        The same state gives the same formulas; the search runs on one thread.

    Attributes
    ----------
    expression_ : Expr
    expressions_ : list of Candidate
        Best first.
    front_ : list of Candidate
        Those that no other formula beats in both complexity and loss, simplest first.

    References
    ----------
    Burlacu, Kronberger, Kommenda, Operon C++, GECCO 2020 Companion.

    Examples
    --------
    >>> X = np.linspace(0, 1, 20)[:, None]
    >>> search = OperonRegression(population_size=50, generations=3, names=["x"]).fit(X, 2 * X[:, 0] + 1)
    >>> search.predict([[3.0]]).round(6).tolist()
    [7.0]
    """

    def __init__(
        self,
        symbols: str = "add,sub,mul,div,constant,variable",
        *,
        max_length: int = 20,
        population_size: int = 300,
        generations: int = 40,
        evaluations: int | None = None,
        tolerance: float = 0.01,
        candidates: int = 10,
        names: Sequence[Any] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.symbols = symbols
        self.max_length = max_length
        self.population_size = population_size
        self.generations = generations
        self.evaluations = evaluations
        self.tolerance = tolerance
        self.candidates = candidates
        self.names = names
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> OperonRegression:
        """Search formulas of the columns of `X` for `y`.

        Parameters
        ----------
        X : (m, n) array of float
            Arguments of the term.
        y : (m,) array of float
            Its values.
        sample_weight : (m,) array of float, optional
            Weights of the samples, dimensionless; 1 unless given.

        Returns
        -------
        OperonRegression
            The regressor itself, with the attributes of a fitted one.

        Raises
        ------
        RecoveryError
            If pyoperon is missing, or no formula is finite on the samples.

        Examples
        --------
        >>> OperonRegression().fit([[0.0], [1.0], [2.0]], [4.0, 4.0, 4.0]).expression_  # constant values need no search
        4.00000000000000
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        self.symbols_ = variables(self.names, self.n_features_in_)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        X, y, weights = merged(X, y, weights)
        samples = (self.symbols_, X, y, weights)
        forms = [sp.Float(np.average(y, weights=weights))]
        rows = _in_proportion(weights)
        for formula in self._search(X[rows], y[rows], seed):
            forms += [formula, *refit(formula, *samples)]
        found = ranked(forms, samples, self.tolerance)
        self.front_ = front(found)
        self.expressions_ = found[: self.candidates]
        if not self.expressions_:
            raise RecoveryError(
                "Operon found no formula that is finite on all samples; leave out functions or rescale the data"
            )
        self.expression_ = self.expressions_[0].expression
        return self

    def _search(self, X: np.ndarray, y: np.ndarray, seed: int) -> list[sp.Expr]:
        """The formulas of Operon's front, parsed; its variables are called by place, whatever their names here."""
        if find_spec("pyoperon") is None:
            raise RecoveryError("the regressor 'operon' needs pyoperon; install it with: pip install pyoperon")
        from pyoperon.sklearn import SymbolicRegressor

        engine = SymbolicRegressor(
            allowed_symbols=self.symbols,
            objectives=["mse", "length"],
            optimizer_iterations=5,
            max_length=self.max_length,
            population_size=self.population_size,
            generations=self.generations,
            max_evaluations=self.evaluations or 20 * self.population_size * self.generations,
            n_threads=1,
            random_state=seed,
        )
        spread = float(np.std(y))
        if spread <= 1e-12 * float(np.abs(y).max(initial=0.0)):  # nothing to search: the mean is exact
            return []
        engine.fit(X, y / spread)
        places = [f"x{i}" for i in range(X.shape[1])]
        swap = {sp.Symbol(p): s for p, s in zip(places, self.symbols_, strict=True)}
        texts = [engine.get_model_string(m["tree"], 17, places) for m in engine.pareto_front_ if m["variables"]]
        finite = [text for text in texts if "nan" not in text and "inf" not in text]
        return [spread * parse_expression(text).xreplace(swap) for text in finite]

    def predict(self, X: Any) -> np.ndarray:
        """Values of the best formula.

        Parameters
        ----------
        X : (m, n) array of float
            Arguments, in the units of the samples.

        Returns
        -------
        (m,) float64

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.

        Examples
        --------
        >>> OperonRegression().fit([[0.0], [1.0], [2.0]], [4.0, 4.0, 4.0]).predict([[7.0], [8.0]]).tolist()
        [4.0, 4.0]
        """
        check_is_fitted(self, "expression_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return evaluate(self.expression_, self.symbols_, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        tags.regressor_tags.poor_score = True  # a short search on the ten features of a check need not succeed
        return tags


def _in_proportion(weights: np.ndarray) -> np.ndarray:
    """Numbers of samples, each as often as its weight asks, up to four times as many as there are samples.

    >>> _in_proportion(np.array([1.0, 3.0, 1.0])).tolist()
    [0, 1, 1, 1, 2]
    """
    count = min(round(weights.sum() / weights.min()), 4 * len(weights))
    return np.searchsorted(np.cumsum(weights) / weights.sum(), (np.arange(count) + 0.5) / count)


REGRESSORS.register("operon", OperonRegression)
