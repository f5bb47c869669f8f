"""Symbolic regression by genetic programming with Operon, its formulas refitted and pruned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import sympy as sp
from sklearn.utils import check_random_state

from symdyn.discover.regressors.estimator import SearchedFormula
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.errors import RecoveryError
from symdyn.parsing import parse_expression

__all__ = ["OperonRegression"]


@dataclass(eq=False, repr=False)
class OperonRegression(SearchedFormula):
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
        Names of the columns.  Unless given they are the names of a data frame's columns, or ``x0, x1, ...``.
    random_state : int, optional
        The same state gives the same formulas; the search runs on one thread.

    Attributes
    ----------
    expression_ : Expr
        The best formula, which `predict` evaluates.
    expressions_ : list of Candidate
        The best formulas, `candidates` of them at most, best first.
    equations_ : tuple of Equation
        ``f(x0, x1) = ...``, as `print` shows it.
    front_ : list of Candidate
        Those that no other formula beats in both complexity and loss, simplest first.
    symbols_ : tuple of Symbol
        The columns in the formulas.

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

    symbols: str = "add,sub,mul,div,constant,variable"
    _: KW_ONLY
    max_length: int = 20
    population_size: int = 600
    generations: int = 40
    evaluations: int | None = None
    tolerance: float = 0.01
    candidates: int = 10
    names: Sequence[Any] | None = None
    random_state: int | None = 0

    def _search(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> list[sp.Expr]:
        """The formulas of Operon's front, parsed; its variables are called by place, whatever their names here."""
        rows = _in_proportion(weights)
        x, y = x[rows], y[rows]
        spread = float(np.std(y))
        if spread <= 1e-12 * float(np.abs(y).max(initial=0.0)):  # nothing to search: the mean is exact
            return []
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
            random_state=int(check_random_state(self.random_state).randint(2**31 - 1)),
        )
        engine.fit(x, y / spread)
        places = [f"x{i}" for i in range(x.shape[1])]
        swap = {sp.Symbol(p): s for p, s in zip(places, self.symbols_, strict=True)}
        texts = [engine.get_model_string(m["tree"], 17, places) for m in engine.pareto_front_ if m["variables"]]
        finite = [text for text in texts if "nan" not in text and "inf" not in text]
        return [spread * parse_expression(text).xreplace(swap) for text in finite]


def _in_proportion(weights: np.ndarray) -> np.ndarray:
    """Numbers of samples, each as often as its weight asks, up to four times as many as there are samples.

    >>> _in_proportion(np.array([1.0, 3.0, 1.0])).tolist()
    [0, 1, 1, 1, 2]
    """
    count = min(round(weights.sum() / weights.min()), 4 * len(weights))
    return np.searchsorted(np.cumsum(weights) / weights.sum(), (np.arange(count) + 0.5) / count)


REGRESSORS.register("operon", OperonRegression)
