"""Eigenvalues, stationary distributions and passage times of Markov chains whose step is a linear operator of scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse.linalg as ssl
from scipy.sparse.csgraph import connected_components

from symdyn.automata._product import cycles_of
from symdyn.errors import SymdynError

__all__ = ["DENSE", "leading_eigenvalues", "passage_times", "stationary_distribution"]

#: States of the largest chain that is treated with a dense matrix.
DENSE = 2048
#: Relative residual of passage times, and residual of stationary distributions that are found by iteration.
RESIDUAL, NEAR = 1e-12, 1e-10


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
            found = ssl.eigs(chain, k=count, which="LM", v0=start, return_eigenvectors=False)
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
    block = matrix.toarray()[np.ix_(inside, inside)] - np.eye(inside.size)
    block[-1] = 1.0  # the sum, in place of one of the dependent equations
    found = np.zeros(chain.shape[0])
    found[inside] = np.linalg.solve(block, np.eye(inside.size)[-1])
    return np.maximum(found, 0.0)


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
        block = chain.matrix().toarray()[np.ix_(rest, rest)]
        found[rest] = np.linalg.solve((np.eye(rest.size) - block).T, np.ones(rest.size))
        return found

    def residual(x: np.ndarray) -> np.ndarray:
        full = np.zeros(chain.shape[0])
        full[rest] = x
        return x - chain.rmatvec(full)[rest]

    system = ssl.LinearOperator((rest.size, rest.size), matvec=residual, dtype=float)
    solution, code = ssl.gmres(system, np.ones(rest.size), rtol=RESIDUAL, restart=100, maxiter=50)
    if code:
        raise SymdynError(
            "the passage times of this chain were not found to 12 digits; evolve(p, steps) gives them step by step"
        )
    found[rest] = solution
    return found


def _reaching(chain: Any, goal: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """States from which the goal is reached with positive probability before one of `stop`."""
    known = goal & ~stop
    while True:
        grown = known | ((chain.rmatvec(known.astype(float)) > 0) & ~stop)
        if (grown == known).all():
            return known
        known = grown
