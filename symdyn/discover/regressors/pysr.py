"""Symbolic regression with PySR 2, in a process of its own: Julia and numba do not live in one process (numba#7857)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from sklearn.utils import check_random_state

from symdyn.declaration import expression
from symdyn.discover.regressors._hall_of_fame import julia_text, read_hall_of_fame
from symdyn.discover.regressors.estimator import SearchedFormula
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.errors import RecoveryError
from symdyn.parsing import parse_expression

__all__ = ["WORKER", "PySRRegression"]

INSTALL = "pip install 'pysr>=2'; then run once with a network, so that it fetches Julia: python -c 'import pysr'"
#: The program that runs PySR: ``python WORKER FOLDER``.
WORKER = Path(__file__).with_name("_pysr_worker.py")
#: Seconds beyond the timeout of the search that starting Julia and compiling may take.
STARTING = 180.0


@dataclass(eq=False, repr=False)
class PySRRegression(SearchedFormula):
    """Formulas from PySR's hall of fame, refitted and pruned.

    Parameters
    ----------
    operators : mapping of int to sequence of str, optional
        Operators of the search by their number of arguments, as PySR names them: ``{2: ["+", "*"], 1: ["exp"]}``.  Sum,
        difference, product and quotient by default.
    iterations, maxsize : int
        Effort of the search and largest formula in nodes.
    parsimony : float
        What a node of a formula costs in the search.
    guesses : sequence of Expr or str, optional
        Formulas in the names of the columns to begin with; with a template, mappings of its expressions to texts such as
        ``"#1 * #2"``.
    template : mapping, optional
        Keywords of ``pysr.TemplateExpressionSpec``: ``combine`` such as ``"f(x, y) * x"``, ``expressions`` such as ``["f"]``,
        and ``parameters``; ``variable_names`` are the names of the columns unless given.  `combine` must be a formula that
        a model can hold: no derivatives.
    units, target_units : sequence of str, str, optional
        Units of the columns and of the values, as PySR reads them (``"m/s"``, ``"1"``).
    unit_penalty : float, optional
        What a formula that contradicts the units pays.
    tolerance : float
        Error, relative to the values, below which a formula counts as exact.
    candidates : int
        How many formulas are kept.
    timeout : float, optional
        Seconds for the search.  Starting Julia comes on top; a process that outlives both is stopped, and what it has found
        by then is used.
    options : mapping, optional
        Further keywords of ``pysr.PySRRegressor``; plain numbers, texts and lists of them.
    names : sequence of Symbol or str, optional
        Names of the columns.  Unless given they are the names of a data frame's columns, or ``x0, x1, ...``.
    command : sequence of str, optional
        What runs the search, given a folder as last argument: ``[python, symdyn.discover.regressors.pysr.WORKER]`` with the
        Python of another environment, say.  The folder holds ``samples.npz`` (X, y, weights) and ``task.json``, and gets
        ``hall_of_fame.csv``.
    random_state : int, optional
        With a state the search is serial and deterministic.

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
    Cranmer, Interpretable machine learning for science with PySR, arXiv:2305.01582.

    Examples
    --------
    >>> search = PySRRegression({2: ["+", "*"], 1: ["exp"]}, iterations=10)
    >>> search.get_params()["iterations"], search.get_params()["operators"]
    (10, {2: ['+', '*'], 1: ['exp']})
    """

    operators: Mapping[int, Sequence[str]] | None = None
    _: KW_ONLY
    iterations: int = 40
    maxsize: int = 20
    parsimony: float = 0.0
    guesses: Sequence[Any] | None = None
    template: Mapping[str, Any] | None = None
    units: Sequence[str] | None = None
    target_units: str | None = None
    unit_penalty: float | None = None
    tolerance: float = 0.01
    candidates: int = 10
    timeout: float | None = None
    options: Mapping[str, Any] | None = None
    names: Sequence[Any] | None = None
    command: Sequence[str] | None = None
    random_state: int | None = 0

    def _keywords(self) -> dict[str, Any]:
        """Keyword arguments for ``PySRRegressor`` (version 2), but for the template, which has a class of its own."""
        operators = self.operators or {2: ("+", "-", "*", "/")}
        chosen: dict[str, Any] = {
            "operators": {int(arity): list(names) for arity, names in operators.items() if names},
            "niterations": self.iterations,
            "maxsize": self.maxsize,
            "parsimony": self.parsimony,
            "precision": 64,
            "progress": False,
            "verbosity": 0,
        }
        if self.unit_penalty is not None:
            chosen["dimensional_constraint_penalty"] = self.unit_penalty
        if self.timeout is not None:
            chosen["timeout_in_seconds"] = self.timeout
        if self.random_state is not None:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            chosen.update(random_state=seed, deterministic=True, parallelism="serial")
        return {**chosen, **(self.options or {})}

    def _task(self, symbols: Sequence[sp.Symbol]) -> dict[str, Any]:
        """The task of the worker, as JSON holds it: keywords of the search, of its fit, and of the template.

        The search calls the columns ``x0, x1, ...`` unless there is a template.

        Raises
        ------
        RecoveryError
            If the template lacks a key, or units are not one for each column.
        """
        places = {s: sp.Symbol(f"x{i}") for i, s in enumerate(symbols)}
        search, template = self._keywords(), None
        if self.guesses:
            search["guesses"] = [
                {name: str(text) for name, text in g.items()} if isinstance(g, Mapping)
                else julia_text((parse_expression(g) if isinstance(g, str) else expression(g)).xreplace(places))
                for g in self.guesses
            ]  # fmt: skip
        if self.template is not None:
            template = {"variable_names": [s.name for s in symbols], **self.template}
            lacking = [key for key in ("combine", "expressions") if key not in template]
            if lacking:
                raise RecoveryError(f"the template lacks {lacking[0]!r}; expected combine and expressions, as in PySR")
        names = [p.name for p in places.values()] if template is None else list(template["variable_names"])
        fit: dict[str, Any] = {"variable_names": names}
        if self.units is not None:
            if len(self.units) != len(symbols):
                raise RecoveryError(f"units has {len(self.units)} entries for {len(symbols)} columns; give one a column")
            fit["X_units"] = [str(u) for u in self.units]
        if self.target_units is not None:
            fit["y_units"] = str(self.target_units)
        return {"search": search, "fit": fit, "template": template}

    def _search(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> list[sp.Expr]:
        """The formulas of the hall of fame that hold no other names than the columns'."""
        if self.command is None and find_spec("pysr") is None:
            raise RecoveryError(f"the regressor 'pysr' needs PySR; install it with: {INSTALL}")
        task = self._task(self.symbols_)
        with tempfile.TemporaryDirectory(prefix="symdyn-pysr-") as folder:
            place = Path(folder)
            np.savez(place / "samples.npz", X=x, y=y, weights=weights)
            (place / "task.json").write_text(json.dumps(task), encoding="utf-8")
            worker = [*(map(str, self.command) if self.command is not None else (sys.executable, str(WORKER))), folder]
            limit = None if self.timeout is None else self.timeout + STARTING
            late, failure = False, ""
            try:
                done = subprocess.run(worker, capture_output=True, text=True, timeout=limit, check=False)
                failure = (done.stderr.strip().splitlines() or ["nothing"])[-1] if done.returncode else ""
            except subprocess.TimeoutExpired:
                late = True
            except OSError as error:
                raise RecoveryError(f"PySR could not be started by {worker[0]!r}: {error.strerror}") from None
            tables = [place / "hall_of_fame.csv"] if not late else sorted(place.glob("runs/*/hall_of_fame.csv"))
            if not failure and tables and tables[-1].exists():
                swap = {sp.Symbol(f"x{i}"): s for i, s in enumerate(self.symbols_)} if self.template is None else {}
                named = [formula.xreplace(swap) for formula in read_hall_of_fame(tables[-1], task["template"])]
                return [formula for formula in named if formula.free_symbols <= set(self.symbols_)]
            if late:
                raise RecoveryError(
                    f"PySR found nothing within the timeout of {self.timeout:g} s and {STARTING:g} s to start; raise it"
                )
            raise RecoveryError(f"PySR failed with {failure or 'no hall of fame'!r}; if Julia is missing: {INSTALL}")


REGRESSORS.register("pysr", PySRRegression)
