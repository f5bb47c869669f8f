"""Sparse regression on a library of terms: for one unknown term, or for all right-hand sides (SINDy)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from symdyn.discover.library import library_terms
from symdyn.discover.regressors._choice import METHODS, Choice, Selector, chosen, chosen_under, inclusion
from symdyn.discover.regressors._constraints import Conserved, linear_equations
from symdyn.discover.regressors._formula import columns, effective_size, merged, neighbours, variables
from symdyn.discover.regressors._matching import Library
from symdyn.discover.regressors._system import (
    DOUBTFUL,
    WIDTHS,
    WeakRows,
    constrained_choices,
    noise_of,
    refined,
    smoothed,
    weak_rows,
)
from symdyn.discover.regressors.registry import REGRESSORS, Candidate, complexity_of
from symdyn.errors import RecoveryError
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest

__all__ = ["Conserved", "SparseRegression"]


class SparseRegression(RegressorMixin, BaseEstimator):
    r"""Few terms of a library, chosen by search of small subsets and by an information criterion.

    With times all right-hand sides are fitted: first in weak form, where no derivative of the data is taken, then by
    integrating windows of the trajectories, whose initial values are fitted jointly.

    Parameters
    ----------
    library : int or sequence of Expr
        Degree of the monomials, or the terms themselves in the symbols of `names`.  Columns may be derivatives: with the
        names ``u, u_x, u_xx`` a term may be ``u*u_x``.
    method : {'subsets', 'stlsq'}
        The best subset of every size, by exhaustive search of small ones, elimination, and exchanges; or sequentially
        thresholded least squares at a series of thresholds.  The criterion chooses among them.
    threshold : float
        Contribution, relative to what is fitted, below which a term is not looked for.
    functions : sequence of str
        Functions of single arguments beside the monomials, see `symdyn.discover.library.FUNCTIONS`.
    exact : int
        Numbers of terms up to which every subset is tried.
    ensemble : int
        Bootstrap samples behind `inclusion_`; 0 leaves it out.
    left_out : float
        Share of the terms that each of these samples goes without.
    constraints : sequence, optional
        Linear equations between coefficients, which hold exactly.  A pair ``(left, right)`` of a term, a number, or a
        mapping of terms to weights: ``(x, y)`` ties two coefficients, ``({x: 1, y: 2}, 3)`` fixes a sum.  For whole
        systems a coefficient is named by ``(state, term)``, and ``Conserved(H)`` keeps a quantity.
    symmetry : sequence, optional
        Maps that the equations respect, as mappings of columns to images: ``{x: -x, y: -y}`` for odd right-hand sides,
        ``{x: y, y: x}`` for a swap.  A single term is even under the map, odd if it is given as ``({x: -x}, -1)``.
    refine : bool
        Whether a right-hand side is refined by integrating windows of the trajectories.
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
        The equations (fit with times); `expressions_` is then a list for each state, from the weak form.
    coef_ : (p,) or (n, p) float64
        Coefficients of `terms_`.
    errors_ : (n, p) float64
        Their standard errors (fit with times and `refine`); zero for terms that were not chosen.
    inclusion_ : (p,) or (n, p) float64
        How often each term was chosen, among the bootstrap samples in which it took part (``ensemble > 0``).  Of
        constrained coefficients it is that without the constraints.

    References
    ----------
    Brunton, Proctor, Kutz, PNAS 113, 3932 (2016); Messenger, Bortz, Multiscale Model. Simul. 19, 1474 (2021); Fasel, Kutz,
    Brunton, Brunton, Proc. R. Soc. A 478, 20210904 (2022) (ensembles).

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
        method: str = "subsets",
        threshold: float = 0.01,
        functions: Sequence[str] = (),
        exact: int = 4,
        ensemble: int = 0,
        left_out: float = 0.0,
        constraints: Sequence[Any] | None = None,
        symmetry: Sequence[Any] | None = None,
        refine: bool = True,
        names: Sequence[Any] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.library = library
        self.method = method
        self.threshold = threshold
        self.functions = functions
        self.exact = exact
        self.ensemble = ensemble
        self.left_out = left_out
        self.constraints = constraints
        self.symmetry = symmetry
        self.refine = refine
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
            Weights of the samples, dimensionless; 1 unless given.
        t : (m,) array, or a list of them, optional
            Times; the right-hand side of a system is then fitted.

        Returns
        -------
        SparseRegression
            The regressor itself, with the attributes of a fitted one.

        Raises
        ------
        RecoveryError
            If both `y` and `t` are given, an option is unknown, the library does not fit the columns, or constraints
            contradict each other.

        Examples
        --------
        >>> X = np.linspace(0, 1, 20)[:, None]
        >>> found = SparseRegression(library=2).fit(X, 2 * X[:, 0] + 1)
        >>> found.terms_, found.coef_.round(9).tolist()
        ((1, x0, x0**2), [1.0, 2.0, 0.0])
        """
        if self.method not in METHODS:
            raise RecoveryError(f"unknown method {self.method!r}; known: {', '.join(METHODS)}.{suggest(self.method, METHODS)}")
        if not 0 <= self.left_out < 1:
            raise RecoveryError(f"left_out is {self.left_out!r}; expected a share of the terms, 0 or more and below 1")
        if t is not None:
            if y is not None:
                raise RecoveryError("fit got both y and t; give y for the values of a term, or t for states along time")
            return self._fit_system(X, t)
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        self._prepare()
        a, b = linear_equations(self.terms_, self.symbols_, self.constraints or (), self.symmetry or (), system=False)
        samples = merged(X, y, weights)
        design, target = self._weighted(*samples)
        near = neighbours(samples[0])
        choices = self._under(design, target, (a, b), near) if len(a) else self._free(design, target, near)
        self.coef_ = choices[0].coefficients
        self.expressions_: Any = self._candidates(choices, float(weights.sum()))
        self.expression_ = self.expressions_[0].expression
        if self.ensemble:

            def select(rows: np.ndarray, part: np.ndarray) -> np.ndarray:
                kept, times = np.unique(rows, return_counts=True)
                again = design[np.ix_(kept, part)] * np.sqrt(times)[:, None], target[kept] * np.sqrt(times)
                return self._free(*again, neighbours(samples[0][kept]))[0].coefficients

            self.inclusion_ = self._inclusion(design, select)
        return self

    def _weighted(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Terms and values, times the roots of the weights; terms that are not finite everywhere are zero."""
        values, root = columns(self.terms_, self.symbols_, x), np.sqrt(weights)
        finite = np.all(np.isfinite(values), axis=0)
        return np.where(finite, values, 0.0) * root[:, None], y * root

    def _fit_system(self, X: Any, t: Any) -> SparseRegression:
        pairs = list(zip(X, t, strict=True)) if isinstance(X, (list, tuple)) else [(X, t)]
        runs = [(np.asarray(times, dtype=float), np.asarray(x, dtype=float)) for x, times in pairs]
        self.n_features_in_ = runs[0][1].shape[-1]
        self._prepare()
        equations = linear_equations(self.terms_, self.symbols_, self.constraints or (), self.symmetry or (), system=True)
        fine = [smoothed(times, x) for times, x in runs]
        library, noise = Library(self.terms_, self.symbols_), noise_of(runs) if self.refine else None
        least = np.inf
        for width in WIDTHS:
            rows = weak_rows(runs, fine, library.values, width)
            first, ranking = self._first(rows, equations)
            if width == WIDTHS[0]:
                self.coef_, self.expressions_, chosen_rows = first, ranking, rows
            if noise is None or not np.any(first):
                continue
            fit = refined(library, runs, rows, first, noise, equations[0] if len(equations[0]) else None)
            if fit.points and fit.chi2 < least:
                least, chosen_rows = fit.chi2, rows
                self.coef_, self.errors_, self.expressions_ = fit.coefficients, fit.errors, ranking
            if least < DOUBTFUL:
                break
        formulas = [self._expression(c) for c in self.coef_]
        self.system_ = ODESystem(
            dict(zip(self.symbols_, formulas, strict=True)),
            initial={s: float(v) for s, v in zip(self.symbols_, runs[0][1][0], strict=True)},
            provenance=(f"sparse regression on {len(self.terms_)} terms",),
        )
        if self.ensemble:
            self.inclusion_ = np.stack(
                [self._inclusion(chosen_rows.design, self._again(chosen_rows.design, y)) for y in chosen_rows.targets.T]
            )
        return self

    def _first(self, rows: WeakRows, equations: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, list[list[Candidate]]]:
        """Coefficients (n, p) by the weak form, and candidates for each state."""
        n, p, count = self.n_features_in_, len(self.terms_), float(len(rows.design))
        if len(equations[0]):
            best = constrained_choices(rows, equations, self.threshold)
            tables = [c.coefficients.reshape(n, p) for c in best]
            each = [[Choice(c[i], b.loss) for c, b in zip(tables, best, strict=True)] for i in range(n)]
        else:
            each = [self._free(rows.design, target) for target in rows.targets.T]
        first = np.stack([c[0].coefficients for c in each])
        return first, [self._candidates(c, count) for c in each]

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

    def _free(self, design: np.ndarray, target: np.ndarray, near: np.ndarray | None = None) -> list[Choice]:
        return chosen(design, target, method=self.method, threshold=self.threshold, exact=self.exact, near=near)

    def _under(
        self, design: np.ndarray, target: np.ndarray, equations: tuple[np.ndarray, np.ndarray], near: np.ndarray
    ) -> list[Choice]:
        return chosen_under(
            design.T @ design, design.T @ target, float(target @ target), equations, threshold=self.threshold,
            size=lambda c: effective_size(target - design @ c, near),
        )  # fmt: skip

    def _expression(self, coefficients: np.ndarray) -> sp.Expr:
        used = np.flatnonzero(coefficients)
        return sp.Add(*(sp.Float(coefficients[i]) * self.terms_[i] for i in used))

    def _candidates(self, choices: Sequence[Choice], count: float) -> list[Candidate]:
        found = []
        for c in choices:
            expression = self._expression(c.coefficients)
            found.append(Candidate(expression, complexity_of(expression), c.loss / count))
        return found

    def _again(self, design: np.ndarray, target: np.ndarray) -> Selector:
        """Selection on some rows and columns of a weak form."""
        return lambda rows, part: self._free(design[np.ix_(rows, part)], target[rows])[0].coefficients

    def _inclusion(self, design: np.ndarray, select: Selector) -> np.ndarray:
        rng = check_random_state(self.random_state)
        return inclusion(self.ensemble, design.shape[0], design.shape[1], self.left_out, rng, select)

    def predict(self, X: Any) -> np.ndarray:
        """Values of the fitted term or right-hand side.

        Parameters
        ----------
        X : (m, n) array of float
            Arguments, in the units of the samples.

        Returns
        -------
        (m,) float64, or (m, n) float64
            Of a term, or of a right-hand side (fit with times).

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.

        Examples
        --------
        >>> X = np.linspace(0, 1, 20)[:, None]
        >>> SparseRegression(library=2).fit(X, 2 * X[:, 0] + 1).predict([[3.0]]).round(9).tolist()
        [7.0]
        """
        check_is_fitted(self, "coef_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        used = np.any(np.atleast_2d(self.coef_) != 0, axis=0)
        values = columns([term for term, u in zip(self.terms_, used, strict=True) if u], self.symbols_, X)
        return values @ self.coef_[..., used].T


REGRESSORS.register("sparse", SparseRegression)
