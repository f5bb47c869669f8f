"""A beginning of the search by sparse regression: the weak form needs no run that follows noisy data."""

from __future__ import annotations

import itertools

import numpy as np
import sympy as sp

from symdyn.discover.regressors.sparse import SparseRegression
from symdyn.discover.whole.library import monomials
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import EquationModel

__all__ = ["weak_support"]


def weak_support(problem: EquationProblem) -> EquationModel | None:
    """The monomials and coefficients that `symdyn.SparseRegression` chooses; None if an equation gets no term."""
    d = problem.d
    states = sp.symbols(f"x:{d}")
    terms = {term.expression(states, []): term for term in monomials(d)}
    pieces = [slice(a, b) for a, b in itertools.pairwise(problem.first)]
    regression = SparseRegression(list(terms), names=states)
    regression.fit([problem.x[p] for p in pieces], t=[problem.t[p] for p in pieces])
    if not np.any(regression.coef_, axis=1).all():
        return None
    used = [(int(j), int(k)) for j, k in np.argwhere(regression.coef_)]
    chosen = [(j, terms[regression.terms_[k]]) for j, k in used]
    return EquationModel(d, chosen, [float(regression.coef_[j, k]) for j, k in used])
