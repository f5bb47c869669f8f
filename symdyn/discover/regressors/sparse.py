"""Sparse regression on a library of terms: for one unknown term, or for all right-hand sides (SINDy)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import sympy as sp
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from symdyn.discover.library import library_terms
from symdyn.discover.regressors._choice import METHODS, Choice, chosen, chosen_under
from symdyn.discover.regressors._constraints import Conserved, linear_equations
from symdyn.discover.regressors._criterion import effective_size, neighbours
from symdyn.discover.regressors._formula import columns, merged
from symdyn.discover.regressors._trajectories import TrajectoryFits
from symdyn.discover.regressors._weak import WIDTHS, WeakRows, are_several, read_runs, weak_rows
from symdyn.discover.regressors.estimator import FormulaRegressor
from symdyn.discover.regressors.registry import REGRESSORS, Candidate, complexity_of
from symdyn.discover.whole.problem import EquationProblem, prepared
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations
from symdyn.models.ode import ODESystem
from symdyn.paths import Path
from symdyn.registry import suggest

__all__ = ["Conserved", "SparseRegression"]

#: Times, and columns of states and controls.
Run = tuple[np.ndarray, np.ndarray]


@dataclass(eq=False, repr=False)
class SparseRegression(FormulaRegressor):
    r"""Few terms of a library, chosen by search of small subsets and by an information criterion.

    With times all right-hand sides are fitted: first in weak form, where no derivative of the data is taken, then by
    integrating windows of the trajectories, whose initial values are fitted jointly, for as long as windows that grow do not
    spoil the fit.

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
        Whether a right-hand side is refined by integrating windows of the trajectories, and terms are exchanged where that
        pays.  Terms are then monomials times at most two functions of `symdyn_kernels.candidates`: sines, cosines,
        exponentials, logarithms, roots, absolute values, tanh and reciprocals of ``a + b*x**m + c*y**m``.
    candidates : int
        How many formulas are kept.
    names : sequence of Symbol or str, optional
        Names of the columns.  Unless given they are the names of a data frame's columns, or ``x0, x1, ...``.
    random_state : int, optional
        Of the bootstrap.

    Attributes
    ----------
    expression_ : Expr, or tuple of Expr
        The best formula, which `predict` evaluates; one for each state when fitted with times.
    expressions_ : list of Candidate
        The best formulas, `candidates` of them at most, best first; a list for each state, from the weak form, when fitted
        with times.
    equations_ : tuple of Equation
        ``f(x0, x1) = ...`` or ``x0' = ...``, as `print` shows it.
    system_ : ODESystem
        The equations (fit with times); controls are the inputs of the first trajectory.
    symbols_, terms_ : tuple of Symbol, tuple of Expr
        The columns, and the library.
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

    library: Any = 3
    _: KW_ONLY
    method: str = "subsets"
    threshold: float = 0.01
    functions: Sequence[str] = ()
    exact: int = 4
    ensemble: int = 0
    left_out: float = 0.0
    constraints: Sequence[Any] | None = None
    symmetry: Sequence[Any] | None = None
    refine: bool = True
    candidates: int = 10
    names: Sequence[Any] | None = None
    random_state: int | None = 0

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, t: Any = None, u: Any = None, x_dot: Any = None
    ) -> SparseRegression:
        """Fit a term from samples, or a system from states and times.

        Parameters
        ----------
        X : (m, n) array, or a list of them
            Arguments of the term; with `t`, the states at those times (one array a trajectory).
        y : (m,) array, optional
            Values of the term.
        sample_weight : (m,) array, optional
            Weights of the samples, dimensionless; 1 unless given.
        t : float, (m,) array, or a list of them, optional
            Times, or the step between them; the right-hand side of a system is then fitted.  One of them serves all
            trajectories of a list.
        u : (m,) or (m, q) array, or a list of them, optional
            Controls at the times, linear between them: further columns of the library, the last of `names`, whose rates of
            change are not fitted.  Coefficients are those of the weak form, without `refine`.
        x_dot : (m, n) array, or a list of them, optional
            Rates of change of the states, where they were measured themselves: coefficients are then those of a regression of
            these numbers on the library, without weak form and `refine`.

        Returns
        -------
        SparseRegression
            The regressor itself, with the attributes of a fitted one.

        Raises
        ------
        RecoveryError
            If `t` is given beside `y` or weights, `u` or `x_dot` without `t`, `u` beside constraints, an option is unknown, the
            library does not fit the columns, constraints contradict each other, or a term cannot be integrated (`refine`).

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
            if y is not None or sample_weight is not None:
                got = "y" if y is not None else "sample_weight"
                raise RecoveryError(f"fit got both {got} and t; give y for the values of a term, or t for states along time")
            return self._fit_system(X, t, u, x_dot)
        if u is not None or x_dot is not None:
            given = "u holds controls" if u is not None else "x_dot holds rates of change"
            raise RecoveryError(f"{given} along time; give t, the times, too")
        x, y, weights = self._samples(X, y, sample_weight)
        a, b = self._library(system=False)
        x, y, each = merged(x, y, weights)
        values, root, near = columns(self.terms_, self.symbols_, x), np.sqrt(each), neighbours(x)
        finite = np.all(np.isfinite(values), axis=0)  # other terms count as zero
        design, target = np.where(finite, values, 0.0) * root[:, None], y * root
        if len(a):
            choices = chosen_under(
                design.T @ design, design.T @ target, float(target @ target), (a, b), threshold=self.threshold,
                most=self.candidates, size=lambda c: effective_size(target - design @ c, near),
            )  # fmt: skip
        else:
            choices = self._free(design, target, near)
        self.coef_ = choices[0].coefficients
        self.expressions_: Any = self._candidates(choices, float(weights.sum()))
        self.expression_: Any = self.expressions_[0].expression
        if self.ensemble:
            self.inclusion_ = self._inclusion(design, target, x)
        return self

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, t: Any = None, u: Any = None) -> float:
        r"""Share of the variance that the formulas explain, :math:`R^2`, of values or of a trajectory's rates of change.

        Parameters
        ----------
        X : (m, n) array, or a list of them
            Arguments of the term; with `t`, the states at those times.
        y : (m,) array, optional
            Values of the term.
        sample_weight : (m,) array, optional
            Weights of the samples, dimensionless.
        t : float, (m,) array, or a list of them, optional
            Times, or the step between them: :math:`R^2` is then that of the weak form, the mean over states; no derivative
            of the data is taken.
        u : (m,) or (m, q) array, or a list of them, optional
            Controls, as in `fit`.

        Returns
        -------
        float
            1 for formulas without error.

        Raises
        ------
        RecoveryError
            If `t` is given beside `y` or weights, or to a formula that was fitted without times.

        Examples
        --------
        >>> t = np.linspace(0, 5, 101)
        >>> X = np.stack([np.cos(t), -np.sin(t)], axis=1)
        >>> round(SparseRegression(library=1).fit(X, t=t).score(2 * X, t=t), 6)
        1.0
        """
        if t is None:
            if u is not None:
                raise RecoveryError("u holds controls along time; give t, the times, too")
            return float(super().score(X, y, sample_weight))
        check_is_fitted(self, "expression_")
        if y is not None or sample_weight is not None or not isinstance(self.expression_, tuple):
            raise RecoveryError("score with t is that of a system along time, fitted with t: give neither y nor weights")
        problem, nodes, _ = self._along(X, t, u, reset=False)
        rows = weak_rows(problem, columns(self.terms_, self.symbols_, nodes), WIDTHS[-1])
        return float(r2_score(rows.targets, rows.design @ self.coef_.T))

    def _along(self, X: Any, t: Any, u: Any, *, reset: bool) -> tuple[EquationProblem, np.ndarray, list[Run]]:
        """The problem of trajectories, the columns (N, n + q) at its nodes, and times with columns of each trajectory."""
        runs: list[Run] = []
        given = read_runs(X, t, u)
        for moments, x, _ in given:
            runs.append((moments, validate_data(self, x, dtype=np.float64, reset=reset and not runs)))
        courses = [course for *_, course in given]
        if reset:
            self._prepare()
        count = self.n_features_in_ - courses[0].shape[1]
        if count < 1 or any(c.shape[1] != courses[0].shape[1] for c in courses):
            raise RecoveryError("every trajectory needs states and the same number of controls")
        if not reset and count != len(self.expression_):
            raise RecoveryError(
                f"the system has {len(self.expression_)} states, and {count} columns are given; controls are u="
            )
        problem = prepared(observations(
            ODESystem(dict.fromkeys(self.symbols_[:count], sp.S.Zero)), [(moments, x[:, :count]) for moments, x in runs]
        ))  # fmt: skip
        at_nodes = np.zeros((*problem.at.shape, courses[0].shape[1]))
        for (a, b), (moments, _), course in zip(itertools.pairwise(problem.first), runs, courses, strict=True):
            for k, values in enumerate(course.T):
                at_nodes[a:b, :, k] = np.interp(problem.at[a:b], moments, values)
        return problem, np.concatenate([problem.nodes, at_nodes], axis=2).reshape(-1, self.n_features_in_), runs

    def _fit_system(self, X: Any, t: Any, u: Any, x_dot: Any) -> SparseRegression:
        if u is not None and (self.constraints or self.symmetry):
            raise RecoveryError("constraints and symmetry are those of systems without controls; leave out u, or them")
        self.__dict__.pop("errors_", None)  # of an earlier fit
        problem, nodes, runs = self._along(X, t, u, reset=True)
        equations, count = self._library(system=True), problem.d
        values, best, along = columns(self.terms_, self.symbols_, nodes), None, None
        measured = None if x_dot is None else self._measured(runs, x_dot, count)
        if self.refine and u is None and measured is None:
            along = TrajectoryFits(problem, self.terms_, self.symbols_, equations, np.isfinite(values).all(axis=0))
        for width in WIDTHS:
            rows = weak_rows(problem, values, width) if measured is None else measured
            tied = len(equations[0]) > 0
            each = self._tied(rows, equations) if tied else [self._free(rows.design, target) for target in rows.targets.T]
            first = np.stack([choices[0].coefficients for choices in each])
            ranking = [self._candidates(choices, float(len(rows.design))) for choices in each]
            if width == WIDTHS[0]:
                self.coef_, self.expressions_, chosen_rows = first, ranking, rows
            if along is None:
                break
            if not np.any(first):
                continue
            fit = along.refined(first)
            if fit is not None and (best is None or (fit.windows, fit.score) < (best.windows, best.score)):
                best, chosen_rows = fit, rows
                self.coef_, self.errors_, self.expressions_ = fit.coefficients, fit.errors, ranking
            if best is not None and best.good:
                break
        self.expression_ = tuple(self._expression(c) for c in self.coef_)
        (times, first), symbols = runs[0], self.symbols_[:count]
        courses = {
            c: Path(c.name, times, values)(sp.Symbol("t"))
            for c, values in zip(self.symbols_[count:], first[:, count:].T, strict=True)
        }
        self.system_ = ODESystem(
            {s: e.xreplace(courses) for s, e in zip(symbols, self.expression_, strict=True)},
            initial=dict(zip(symbols, map(float, first[0]), strict=False)),
            provenance=(f"sparse regression on {len(self.terms_)} terms",),
        )  # fmt: skip
        if self.ensemble:
            self.inclusion_ = np.stack([self._inclusion(chosen_rows.design, y) for y in chosen_rows.targets.T])
        return self

    def _measured(self, runs: Sequence[Run], x_dot: Any, count: int) -> WeakRows:
        """The library at the data, and rates of change that were measured there."""
        several = are_several(x_dot) or np.ndim(x_dot) == 3
        rates = [np.asarray(v, float) for v in (x_dot if several else [x_dot])]
        shapes, wanted = [v.shape for v in rates], [(len(x), count) for _, x in runs]
        if shapes != wanted or not all(np.isfinite(v).all() for v in rates):
            got, asked = (", ".join(map(str, s)) for s in (shapes, wanted))
            raise RecoveryError(
                f"x_dot has the shape {got} for states {asked}; expected a finite rate of change of every state at every time"
            )
        values = columns(self.terms_, self.symbols_, np.concatenate([x for _, x in runs]))
        return WeakRows(np.where(np.isfinite(values).all(axis=0), values, 0.0), np.concatenate(rates))

    def _tied(self, rows: WeakRows, equations: tuple[np.ndarray, np.ndarray]) -> list[list[Choice]]:
        """Choices for each state under equations between all coefficients.

        Every state weighs by what the library leaves of its target.
        """
        design, targets = rows.design, rows.targets
        p, n = design.shape[1], targets.shape[1]
        left = np.linalg.norm(targets - design @ np.linalg.lstsq(design, targets, rcond=None)[0], axis=0)
        left = np.maximum(left, 1e-3 * self.threshold * np.linalg.norm(targets, axis=0) + 1e-300)
        best = chosen_under(
            np.kron(np.diag(left**-2.0), design.T @ design), (design.T @ targets / left**2).T.ravel(),
            float((targets**2 / left**2).sum()), equations, threshold=self.threshold, most=self.candidates,
            size=lambda c: sum(effective_size(r) for r in (targets - design @ c.reshape(n, p).T).T),
        )  # fmt: skip
        return [[Choice(c.coefficients.reshape(n, p)[i], c.loss) for c in best] for i in range(n)]

    def _library(self, *, system: bool) -> tuple[np.ndarray, np.ndarray]:
        """Set the terms; the equations between their coefficients."""
        if isinstance(self.library, (int, np.integer)):
            self.terms_ = library_terms(self.symbols_, int(self.library), self.functions)
        else:
            self.terms_ = library_terms(self.symbols_, 0, self.functions, tuple(self.library), constant=False)
        strange = {s for term in self.terms_ for s in term.free_symbols} - set(self.symbols_)
        if strange:
            have = ", ".join(map(str, self.symbols_))
            raise RecoveryError(f"the library uses {', '.join(sorted(map(str, strange)))}; the columns are {have}; set names")
        return linear_equations(self.terms_, self.symbols_, self.constraints or (), self.symmetry or (), system=system)

    def _free(self, design: np.ndarray, target: np.ndarray, near: np.ndarray | None = None) -> list[Choice]:
        return chosen(
            design, target, method=self.method, threshold=self.threshold, exact=self.exact, most=self.candidates, near=near
        )

    def _expression(self, coefficients: np.ndarray) -> sp.Expr:
        return sp.Add(*(sp.Float(coefficients[i]) * self.terms_[i] for i in np.flatnonzero(coefficients)))

    def _candidates(self, choices: Sequence[Choice], count: float) -> list[Candidate]:
        formulas = [self._expression(c.coefficients) for c in choices]
        return [Candidate(e, complexity_of(e), c.loss / count) for e, c in zip(formulas, choices, strict=True)]

    def _inclusion(self, design: np.ndarray, target: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """How often each column is chosen, among the bootstrap samples in which it took part."""
        rng, (rows, count) = check_random_state(self.random_state), design.shape
        kept = max(1, count - int(self.left_out * count))
        taken, seen = np.zeros((2, count))
        for _ in range(self.ensemble):
            drawn, times = np.unique(rng.randint(rows, size=rows), return_counts=True)
            part = np.sort(rng.permutation(count)[:kept]) if kept < count else np.arange(count)
            root, near = np.sqrt(times), None if x is None else neighbours(x[drawn])
            best = self._free(design[np.ix_(drawn, part)] * root[:, None], target[drawn] * root, near)[0]
            taken[part] += best.coefficients != 0
            seen[part] += 1
        return taken / np.maximum(seen, 1)


REGRESSORS.register("sparse", SparseRegression)
