"""Eigenvalues, stationary distributions and passage times of Markov chains whose step is a linear operator of scipy.

A matrix I - P of a chain that stays long near some states is almost singular, and its solutions by Gaussian elimination lose
all their digits.  Elimination without subtractions (Grassmann, Taksar & Heyman, Operations Research 33 (1985) 1107-1116) loses
none; it takes the place of the other one where that would lose more than six.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.linalg as sl
import scipy.sparse.linalg as ssl
from scipy.sparse.csgraph import connected_components

from symdyn.automata._product import cycles_of
from symdyn.errors import SymdynError

__all__ = ["DENSE", "leading_eigenvalues", "passage_times", "stationary_distribution"]

#: States of the largest chain that is treated with a dense matrix.
DENSE = 2048
#: Relative residual of passage times, and residual of stationary distributions that are found by iteration.
RESIDUAL, NEAR = 1e-12, 1e-10
#: Accuracy of eigenvalues that are found by iteration, relative to themselves, and vectors that it keeps.
CLOSE, KEPT = 1e-12, 40
#: Condition from which on there is elimination without subtractions, and passage time from which on iteration is not trusted.
ILL, LONG = 1e6, 1e8


def leading_eigenvalues(chain: Any, count: int) -> np.ndarray:
    """Eigenvalues of largest modulus."""
    if chain.permutation is not None:
        angles = np.concatenate([2 * np.pi * np.arange(len(c)) / len(c) for c in cycles_of(chain.permutation)])
        return np.exp(1j * np.sort(angles)[:count])
    if chain.shape[0] <= DENSE:
        found = np.linalg.eigvals(chain.matrix().toarray())
    else:
        start = np.random.default_rng(0).random(chain.shape[0])  # the same numbers in every call
        try:
            most = max(KEPT, 2 * count + 1)
            found = ssl.eigs(chain, k=count, which="LM", v0=start, ncv=most, tol=CLOSE, return_eigenvectors=False)
        except ssl.ArpackNoConvergence:
            raise SymdynError(f"the {count} largest eigenvalues of this chain were not found; ask for fewer or more") from None
    found = found.astype(complex)
    return found[np.lexsort((np.angle(found), -np.abs(found).round(12)))][:count]


def stationary_distribution(chain: Any) -> np.ndarray:
    """The only distribution that a step does not change."""
    if chain.shape[0] > DENSE:
        unknown = SymdynError("no stationary distribution of this chain was found; evolve(p, steps) approaches one")
        try:
            _, vectors = ssl.eigs(chain, k=1, which="LR", v0=np.full(chain.shape[0], 1.0 / chain.shape[0]))
        except ssl.ArpackNoConvergence:
            raise unknown from None
        found = np.abs(vectors[:, 0]) / np.abs(vectors[:, 0]).sum()
        if not np.abs(chain.matvec(found) - found).sum() < NEAR:
            raise unknown
        often = np.arange(found.size) == np.argmax(found)  # of states that are visited for ever
        if not (reach := _reaching(chain, often, np.zeros(found.size, bool))).all():
            raise _several(chain, int(np.argmax(found)), int(np.argmin(reach)))
        return found
    matrix = chain.matrix()
    count, label = connected_components(matrix.T, connection="strong")
    rows, columns = matrix.nonzero()
    closed = set(range(count)) - set(label[columns[label[rows] != label[columns]]].tolist())
    if len(closed) > 1:
        raise _several(chain, *(int(np.flatnonzero(label == c)[0]) for c in sorted(closed)[:2]))
    inside = np.flatnonzero(label == next(iter(closed)))
    found = np.zeros(chain.shape[0])
    found[inside] = _stationary(matrix.toarray()[np.ix_(inside, inside)])
    return found


def _stationary(block: np.ndarray) -> np.ndarray:
    """Of a column-stochastic irreducible matrix."""
    size = len(block)
    system = block - np.eye(size)
    system[-1] = 1.0  # the sum, in place of one of the dependent equations
    factors, pivots = sl.lu_factor(system, check_finite=False)
    if sl.lapack.dgecon(factors, np.linalg.norm(system, 1))[0] * ILL > 1:
        return np.maximum(sl.lu_solve((factors, pivots), np.eye(size)[-1]), 0.0)
    p = block.T.copy()
    for k in range(size - 1, 0, -1):
        p[:k, k] /= p[k, :k].sum()
        p[:k, :k] += np.outer(p[:k, k], p[k, :k])
    found = np.ones(size)
    for k in range(1, size):
        found[k] = found[:k] @ p[:k, k]
    return found / found.sum()


def _several(chain: Any, first: int, second: int) -> SymdynError:
    one, other = (format(state, f"0{chain.cells}b") for state in (first, second))
    return SymdynError(
        f"the automaton has several stationary distributions, as {one} is not reached from {other}; evolve(p, steps) leads to "
        "that of p"
    )


def passage_times(chain: Any, goal: np.ndarray) -> np.ndarray:
    """Mean numbers of steps to states, given as a mask, from all states."""
    reach = _reaching(chain, goal, np.zeros(chain.shape[0], bool))
    lost = _reaching(chain, ~reach, goal)  # from where states are reached from which the goal is not
    rest = np.flatnonzero(~goal & ~lost)
    found = np.where(lost, np.inf, 0.0)
    if rest.size == 0:
        return found
    if chain.shape[0] <= DENSE:
        matrix = chain.matrix().toarray()
        found[rest] = _absorbed(matrix[np.ix_(rest, rest)].T, matrix[np.ix_(np.flatnonzero(goal), rest)].sum(axis=0))
        return found

    def residual(x: np.ndarray) -> np.ndarray:
        full = np.zeros(chain.shape[0])
        full[rest] = x
        return x - chain.rmatvec(full)[rest]

    system = ssl.LinearOperator((rest.size, rest.size), matvec=residual, dtype=float)
    solution, code = ssl.gmres(system, np.ones(rest.size), rtol=RESIDUAL, restart=100, maxiter=50)
    if code or not solution.max() < LONG:  # the largest is the norm of the inverse matrix, by which residuals grow
        raise SymdynError(
            "the passage times of this chain were not found, or are too long for their equations to be solved by iteration; "
            "evolve(p, steps) gives them step by step"
        )
    found[rest] = solution
    return found


def _absorbed(p: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Mean numbers of steps until a chain with the row-stochastic matrix (p, out) leaves the rows of p."""
    size = len(p)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.LinAlgWarning)
        try:
            found = sl.solve(np.eye(size) - p, np.ones(size), check_finite=False)
        except sl.LinAlgError:
            found = np.full(size, np.inf)
    if found.min() >= 1 - RESIDUAL and found.max() < ILL:  # the largest is the norm of the inverse matrix
        return found
    p, out, spent = p.copy(), out.copy(), np.ones(size)
    for k in range(size - 1, -1, -1):
        left = p[k, :k].sum() + out[k]
        p[k, :k], out[k], spent[k] = p[k, :k] / left, out[k] / left, spent[k] / left
        share = p[:k, k].copy()
        p[:k, :k] += np.outer(share, p[k, :k])
        out[:k] += share * out[k]
        spent[:k] += share * spent[k]
    for k in range(1, size):
        spent[k] += p[k, :k] @ spent[:k]
    return spent


def _reaching(chain: Any, goal: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """States from which the goal is reached with positive probability before one of `stop`."""
    known = goal & ~stop
    while True:
        grown = known | ((chain.rmatvec(known.astype(float)) > 0) & ~stop)
        if (grown == known).all():
            return known
        known = grown
