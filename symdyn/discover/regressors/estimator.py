"""What all regressors share as estimators of scikit-learn: samples and weights, prediction, and the equations they print."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
import sympy as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from symdyn.discover.regressors._formula import columns, front, merged, ranked, refit
from symdyn.errors import RecoveryError
from symdyn.system import Equation

__all__ = ["FormulaRegressor", "SearchedFormula"]


class FormulaRegressor(RegressorMixin, BaseEstimator):
    """An estimator whose `fit` sets `expression_`, the best formula, or a tuple of formulas, one for each target.

    Parameters
    ----------
    names : sequence of Symbol or str, optional
        Names of the columns.  Unless given they are the names of a data frame's columns, or ``x0, x1, ...``.
    candidates : int
        How many formulas are kept.
    random_state : int, optional
        The same state gives the same formulas.
    """

    candidates: int
    names: Sequence[Any] | None
    random_state: int | None

    def _samples(self, X: Any, y: Any, sample_weight: Any, *, least: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Arguments, values and weights as arrays; sets the names of the columns."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=least)
        if sample_weight is None or isinstance(sample_weight, Real):
            weights = np.full(len(X), 1.0 if sample_weight is None else float(sample_weight))
        else:
            weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
        if weights.shape != (len(X),):
            raise ValueError(f"sample_weight has the shape {weights.shape}; expected one weight for each of {len(X)} samples")
        if weights.min() < 0 or not weights.any():
            raise ValueError("sample_weight has negative values or no positive one; expected none below zero, and one above")
        self._prepare()
        return X, y, weights

    def _prepare(self) -> None:
        """Set `symbols_` for the columns that were validated last."""
        if self.candidates < 1:
            raise RecoveryError(f"candidates is {self.candidates!r}; expected how many formulas are kept, 1 or more")
        count = self.n_features_in_
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(count)]) if self.names is None else self.names
        if len(names) != count:
            raise RecoveryError(f"names has {len(names)} entries for {count} columns; give one name a column")
        self.symbols_ = tuple(n if isinstance(n, sp.Symbol) else sp.Symbol(str(n)) for n in names)
        if len(set(self.symbols_)) < count:
            raise RecoveryError(f"names are {', '.join(map(str, self.symbols_))}; expected a name of its own for every column")

    def predict(self, X: Any) -> np.ndarray:
        """Values of the best formula, or of each of them.

        Parameters
        ----------
        X : (m, n) array of float
            Arguments, in the units of the samples.

        Returns
        -------
        (m,) float64, or (m, n) float64
            Of a term, or of all right-hand sides of a system.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.

        Examples
        --------
        >>> from symdyn import SparseRegression
        >>> X = np.linspace(0, 1, 20)[:, None]
        >>> SparseRegression(library=2).fit(X, 2 * X[:, 0] + 1).predict([[3.0]]).round(9).tolist()
        [7.0]
        """
        check_is_fitted(self, "expression_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        several = isinstance(self.expression_, tuple)
        values = columns(self.expression_ if several else [self.expression_], self.symbols_, X)
        return values if several else values[:, 0]

    @property
    def equations_(self) -> tuple[Equation, ...]:
        """The best formula as an equation, ``f(x, y) = ...``, or those of a system, ``x' = ...``; `print` shows them too.

        Returns
        -------
        tuple of Equation
            Both sides as text and as LaTeX.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "expression_")
        if isinstance(self.expression_, tuple):
            sides = zip(self.symbols_, self.expression_, strict=False)  # the columns of controls have no equation
            return tuple(Equation(f"{s}'", str(f), rf"\dot{{{sp.latex(s)}}}", sp.latex(f)) for s, f in sides)
        f, formula = sp.Function("f")(*self.symbols_), self.expression_
        return (Equation(str(f), str(formula), sp.latex(f), sp.latex(formula)),)

    def __str__(self) -> str:
        """The estimator, and once it is fitted its equations, each on a line of its own."""
        return "\n".join([repr(self), *(map(str, self.equations_) if hasattr(self, "expression_") else ())])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


class SearchedFormula(FormulaRegressor):
    """An estimator that makes formulas by a search of its own, refits and prunes them, and keeps the best.

    Parameters
    ----------
    tolerance : float
        Error, relative to the values, below which a formula counts as exact.
    """

    tolerance: float

    @abstractmethod
    def _search(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Iterable[sp.Expr]:
        """Formulas in `symbols_`."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
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
        Self
            The regressor itself, with the attributes of a fitted one.

        Raises
        ------
        RecoveryError
            If the search is not installed or fails.

        Examples
        --------
        >>> from symdyn import OperonRegression
        >>> OperonRegression().fit([[0.0], [1.0], [2.0]], [4.0, 4.0, 4.0]).expression_  # constant values need no search
        4.00000000000000
        """
        x, y, weights = merged(*self._samples(X, y, sample_weight, least=2))
        samples = (self.symbols_, x, y, weights)
        forms = [sp.Float(np.average(y, weights=weights))]
        for formula in self._search(x, y, weights):
            forms += [formula, *refit(formula, *samples)]
        found = ranked(forms, samples, self.tolerance)
        self.front_, self.expressions_ = front(found), found[: self.candidates]
        self.expression_ = found[0].expression
        return self
