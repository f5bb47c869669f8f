"""Symbolic regression with PySR, in a process of its own: Julia and numba do not live in one process (numba#7857)."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from symdyn.discover.regressors._formula import evaluate, ranked, refit, variables
from symdyn.discover.regressors._registry import REGRESSORS
from symdyn.errors import ParseError, RecoveryError
from symdyn.parsing import parse_expression

__all__ = ["PySRRegression", "read_hall_of_fame"]

INSTALL = "pip install pysr; then run once with a network, so that it fetches Julia: python -c 'import pysr'"


class PySRRegression(RegressorMixin, BaseEstimator):
    """Formulas from PySR's hall of fame, refitted and pruned.

    Parameters
    ----------
    binary, unary : sequence of str
        Operators of the search, as PySR names them.
    iterations, maxsize : int
        Effort of the search and largest formula in nodes.
    tolerance : float
        Error, relative to the values, below which a formula counts as exact.
    timeout : float, optional
        Seconds for the whole search, start of Julia included.
    options : mapping, optional
        Further keywords of ``pysr.PySRRegressor``; plain numbers, texts and lists of them.
    names : sequence of Symbol or str, optional
        Names of the columns, ``x0, x1, ...`` unless given.
    random_state : int, optional
        With a state the search is serial and deterministic.

    Attributes
    ----------
    expression_ : Expr
    expressions_ : list of Candidate
        Best first.

    References
    ----------
    Cranmer, Interpretable machine learning for science with PySR, arXiv:2305.01582.
    """

    def __init__(
        self,
        binary: Sequence[str] = ("+", "-", "*", "/"),
        unary: Sequence[str] = (),
        *,
        iterations: int = 40,
        maxsize: int = 20,
        tolerance: float = 0.01,
        timeout: float | None = None,
        options: Mapping[str, Any] | None = None,
        names: Sequence[Any] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.binary = binary
        self.unary = unary
        self.iterations = iterations
        self.maxsize = maxsize
        self.tolerance = tolerance
        self.timeout = timeout
        self.options = options
        self.names = names
        self.random_state = random_state

    def keywords(self) -> dict[str, Any]:
        """Keyword arguments for ``PySRRegressor`` (version 1.5 and later)."""
        chosen: dict[str, Any] = {
            "binary_operators": list(self.binary),
            "unary_operators": list(self.unary),
            "niterations": self.iterations,
            "maxsize": self.maxsize,
            "precision": 64,
            "progress": False,
            "verbosity": 0,
        }
        if self.random_state is not None:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            chosen.update(random_state=seed, deterministic=True, parallelism="serial")
        return {**chosen, **(self.options or {})}

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> PySRRegression:
        """Search formulas of the columns of `X` for `y`.

        Raises
        ------
        RecoveryError
            If PySR or Julia is missing or fails, or the time is over.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        self.symbols_ = variables(self.names, self.n_features_in_)
        samples = (self.symbols_, X, y, weights)
        swap = {sp.Symbol(f"x{i}"): s for i, s in enumerate(self.symbols_)}
        forms = [sp.Float(np.average(y, weights=weights))]
        for found in self._search(X, y, weights):
            forms += [found.xreplace(swap), *refit(found.xreplace(swap), *samples)]
        self.expressions_ = ranked(forms, samples, self.tolerance)
        self.expression_ = self.expressions_[0].expression
        return self

    def _search(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> list[sp.Expr]:
        if find_spec("pysr") is None:
            raise RecoveryError(f"the regressor 'pysr' needs PySR; install it with: {INSTALL}")
        with tempfile.TemporaryDirectory(prefix="symdyn-pysr-") as folder:
            place = Path(folder)
            np.savez(place / "samples.npz", X=X, y=y, weights=weights)
            (place / "keywords.json").write_text(json.dumps(self.keywords()), encoding="utf-8")
            worker = [sys.executable, str(Path(__file__).with_name("_pysr_worker.py")), folder]
            try:
                done = subprocess.run(worker, capture_output=True, text=True, timeout=self.timeout, check=False)
            except subprocess.TimeoutExpired:
                raise RecoveryError(
                    f"PySR took longer than the timeout of {self.timeout:g} s; raise it or lower iterations"
                ) from None
            if done.returncode or not (place / "hall_of_fame.csv").exists():
                said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
                raise RecoveryError(f"PySR failed with {said!r}; if Julia is missing: {INSTALL}")
            return read_hall_of_fame(place / "hall_of_fame.csv")

    def predict(self, X: Any) -> np.ndarray:
        """Values of the best formula, (m,)."""
        check_is_fitted(self, "expression_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return evaluate(self.expression_, self.symbols_, X)


def read_hall_of_fame(path: Path) -> list[sp.Expr]:
    """Formulas of a table with the columns Complexity, Loss, Equation (any case); those we cannot read are left out.

    Raises
    ------
    RecoveryError
        If the table has no column of equations, or none of them can be read.
    """
    with path.open(newline="") as file:
        rows = [{(k or "").lower(): v for k, v in row.items()} for row in csv.DictReader(file)]
    if not rows or "equation" not in rows[0]:
        raise RecoveryError(f"{path.name} is no hall of fame of PySR: it has no column Equation")
    found = []
    for row in rows:
        try:
            found.append(parse_expression(row["equation"]))
        except ParseError:
            continue
    if not found:
        raise RecoveryError(f"no equation of {path.name} could be read, such as {rows[0]['equation']!r}; use other operators")
    return found


REGRESSORS.register("pysr", PySRRegression)
