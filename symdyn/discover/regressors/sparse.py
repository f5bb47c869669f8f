"""Sparse regression on a library of terms: for one unknown term, or for a whole right-hand side (SINDy)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from symdyn.discover.library import library_terms
from symdyn.discover.regressors._formula import columns, criterion, effective_size, variables
from symdyn.discover.regressors._registry import REGRESSORS, Candidate, complexity_of
from symdyn.discover.regressors._subsets import best_subsets, least_squares
from symdyn.discover.regressors._weak import smoothed, weak_form
from symdyn.errors import RecoveryError
from symdyn.models.ode import ODESystem

__all__ = ["SparseRegression"]


class SparseRegression(RegressorMixin, BaseEstimator):
    """Few terms of a library, chosen by exact search of small subsets and by an information criterion.

    Parameters
    ----------
    library : int or sequence of Expr
        Degree of the monomials, or the terms themselves in the symbols of `names`.
    threshold : float
        Contribution, relative to what is fitted, below which a term is not looked for.
    functions : sequence of str
        Functions of single arguments beside the monomials, see `symdyn.discover.library.FUNCTIONS`.
    exact : int
        Numbers of terms up to which every subset is tried.
    ensemble : int
        Bootstrap samples behind `inclusion_`; 0 leaves it out.
    names : sequence of Symbol or str, optional
        Names of the columns, ``x0, x1, ...`` unless given.
    random_state : int, optional
        Of the bootstrap.

    Attributes
    ----------
    terms_ : tuple of Expr
    expression_, expressions_
        The best formula, and candidates of every size, best first (fit to a term).
    system_ : ODESystem
        The equations (fit with times); `expressions_` is then a list for each state.
    coef_ : (p,) or (n, p) float64
        Coefficients of `terms_`.
    inclusion_ : (p,) or (n, p) float64
        How often each term was chosen on the bootstrap samples (``ensemble > 0``).

    References
    ----------
    Brunton, Proctor, Kutz, PNAS 113, 3932 (2016); Messenger, Bortz, Multiscale Model. Simul. 19, 1474 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 10, 200)
    >>> X = np.stack([np.cos(t), -np.sin(t)], axis=1)
    >>> print(SparseRegression(library=2, names=["x", "y"]).fit(X, t=t).coef_.round(3)[:, 1:3] + 0.0)
    [[ 0.  1.]
     [-1.  0.]]
    """

    def __init__(
        self,
        library: Any = 3,
        *,
        threshold: float = 0.01,
        functions: Sequence[str] = (),
        exact: int = 4,
        ensemble: int = 0,
        names: Sequence[Any] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.library = library
        self.threshold = threshold
        self.functions = functions
        self.exact = exact
        self.ensemble = ensemble
        self.names = names
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, t: Any = None) -> SparseRegression:
        """Fit a term from samples, or a system from states and times.

        Parameters
        ----------
        X : (m, n) array, or a list of them
            Arguments of the term; with `t`, the states at those times (one array a trajectory).
        y : (m,) array, optional
            Values of the term.
        sample_weight : (m,) array, optional
            Weights of the samples.
        t : (m,) array, or a list of them, optional
            Times; then the whole right-hand side is fitted in weak form.

        Raises
        ------
        RecoveryError
            If both `y` and `t` are given, or the library does not fit the columns.
        """
        if t is None:
            X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
            self._prepare()
            root = np.sqrt(weights)
            values = self._values(X)
            finite = np.all(np.isfinite(values), axis=0)
            design = np.where(finite, values, 0.0) * root[:, None]
            self.coef_, candidates = self._select(design, y * root, float(weights.sum()))
            self.expressions_: Any = candidates
            self.expression_ = candidates[0].expression
            if self.ensemble:
                self.inclusion_ = self._inclusion(design, y * root, float(weights.sum()))
            return self
        if y is not None:
            raise RecoveryError("fit got both y and t; give y for the values of a term, or t for states along time")
        return self._fit_system(X, t)

    def _fit_system(self, X: Any, t: Any) -> SparseRegression:
        runs = list(zip(X, t, strict=True)) if isinstance(X, (list, tuple)) else [(X, t)]
        runs = [(np.asarray(x, dtype=float), np.asarray(times, dtype=float)) for x, times in runs]
        self.n_features_in_ = runs[0][0].shape[-1]
        self._prepare()
        parts = [weak_form(*smoothed(times, x), self._values) for x, times in runs]
        design, targets = (np.concatenate(p) for p in zip(*parts, strict=True))
        finite = np.all(np.isfinite(design), axis=0)
        design = np.where(finite, design, 0.0)
        chosen = [self._select(design, target, float(len(design))) for target in targets.T]
        self.coef_ = np.stack([c for c, _ in chosen])
        ranking = [candidates for _, candidates in chosen]
        best = [candidates[0].expression for candidates in ranking]
        self.expressions_ = ranking
        self.system_ = ODESystem(
            dict(zip(self.symbols_, best, strict=True)),
            initial={s: float(v) for s, v in zip(self.symbols_, runs[0][0][0], strict=True)},
            provenance=(f"sparse regression on {len(self.terms_)} terms",),
        )
        if self.ensemble:
            self.inclusion_ = np.stack([self._inclusion(design, target, float(len(design))) for target in targets.T])
        return self

    def _values(self, X: np.ndarray) -> np.ndarray:
        return columns(self.terms_, self.symbols_, X)

    def _prepare(self) -> None:
        self.symbols_ = variables(self.names, self.n_features_in_)
        if isinstance(self.library, (int, np.integer)):
            self.terms_ = library_terms(self.symbols_, int(self.library), self.functions)
        else:
            self.terms_ = library_terms(self.symbols_, 0, self.functions, tuple(self.library), constant=False)
        strange = {s for term in self.terms_ for s in term.free_symbols} - set(self.symbols_)
        if strange:
            have = ", ".join(map(str, self.symbols_))
            raise RecoveryError(f"the library uses {', '.join(sorted(map(str, strange)))}; the columns are {have}; set names")

    def _select(self, design: np.ndarray, target: np.ndarray, count: float) -> tuple[np.ndarray, list[Candidate]]:
        """Coefficients of the best subset, and a candidate for every size, best first."""
        power = float(target @ target) or 1.0
        fits = []
        for subset in best_subsets(design, target, threshold=self.threshold, exact=self.exact):
            part = design[:, list(subset)]
            coefficients, loss = least_squares(part, target)
            fits.append((subset, coefficients, loss, target - part @ coefficients))
        size = effective_size(min(fits, key=lambda f: f[2])[3])
        fits.sort(key=lambda f: criterion(f[2] / power, size, len(f[0]), floor=self.threshold))
        candidates = []
        for subset, coefficients, loss, _ in fits:
            expression = sp.Add(*(sp.Float(c) * self.terms_[i] for i, c in zip(subset, coefficients, strict=True)))
            candidates.append(Candidate(expression, complexity_of(expression), loss / count))
        dense = np.zeros(len(self.terms_))
        dense[list(fits[0][0])] = fits[0][1]
        return dense, candidates

    def _inclusion(self, design: np.ndarray, target: np.ndarray, count: float) -> np.ndarray:
        rng = check_random_state(self.random_state)
        chosen = np.zeros(design.shape[1])
        for _ in range(self.ensemble):
            rows = np.sort(rng.randint(len(target), size=len(target)))
            chosen += self._select(design[rows], target[rows], count)[0] != 0
        return chosen / self.ensemble

    def predict(self, X: Any) -> np.ndarray:
        """Values of the term, (m,), or of the right-hand side, (m, n)."""
        check_is_fitted(self, "coef_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        used = np.any(np.atleast_2d(self.coef_) != 0, axis=0)
        values = columns([term for term, u in zip(self.terms_, used, strict=True) if u], self.symbols_, X)
        return values @ self.coef_[..., used].T


REGRESSORS.register("sparse", SparseRegression)
