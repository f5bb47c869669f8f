"""Stationary distributions on a fixed set of states: detailed balance on chains, sparse elimination otherwise.

Jumps of geometric size are eliminated as walks: the process goes from state to state along the species that bursts, and
ends at each with the probability that a burst ends there if it ends in the set at all.  A walker at a state is a phase, a
further unknown with two nonzeros a row, in place of a nonzero for each size of a burst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as ss
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from symdyn.errors import SimulationError
from symdyn.projection.balance import balanced
from symdyn.projection.generator import Generator
from symdyn.projection.states import StateBox, StateSpace
from symdyn.projection.transitions import StateJump

__all__ = ["Recurrent", "Stationary", "detailed_balance", "is_chain", "solve"]

#: A reference state less probable than this part of the most probable one costs digits of improbable states: a better one
#: is taken.  (At this part sums of probabilities have 14 digits, and states 1e-10 of the most probable one seven.)
POOR = 1e-9
#: Negative part of a solution beyond which it is none: the matrix was singular to rounding.
NEGATIVE = 1e-9


def is_chain(space: StateSpace, jumps: Sequence[StateJump]) -> bool:
    """Whether the states are the numbers of one species, which change by one at a time."""
    return (
        isinstance(space, StateBox)
        and len(space.shape) == 1
        and all(j.tail is None and j.change in {(1,), (-1,), (0,)} for j in jumps)
    )


def detailed_balance(generator: Generator) -> np.ndarray | None:
    r""":math:`\pi(n) = \pi(n-1)\,b(n-1)/d(n)` in logarithms; None if the chain is broken somewhere."""
    up, down = np.zeros(generator.size), np.zeros(generator.size)
    for offset, rate in zip(generator.offsets, generator.rates[1:], strict=True):
        if offset == 1:
            up[:-1] += rate[1:]
        else:
            down[1:] += rate[:-1]
    if (up[:-1] <= 0).any() or (down[1:] <= 0).any():
        return None
    log = np.concatenate([[0.0], np.cumsum(np.log(up[:-1]) - np.log(down[1:]))])
    p = np.exp(np.maximum(log - log.max(), -745.0))
    return p / p.sum()


@dataclass(frozen=True, eq=False)
class Recurrent:
    """A set of states that is never left, and the stationary distribution on it.

    Attributes
    ----------
    members : (k,) int64
        Numbers of its states.
    p : (k,) float64
    reference : int
        The place in `members` of the state whose equation is left out.
    factors : SuperLU or None
        Of the generator with that state for itself, see `_with_reference`; None where nobody asked for them.
    """

    members: np.ndarray
    p: np.ndarray
    reference: int
    factors: Any

    def response(self, source: np.ndarray) -> np.ndarray:
        """The solution x of ``A x = source`` with sum zero; `source` adds up to zero."""
        if self.p.size == 1:
            return np.zeros(1)
        right = source.copy()
        right[self.reference] = 0.0
        x = self.factors.solve(right)
        return x - self.p * x.sum()


@dataclass(frozen=True, eq=False)
class Stationary:
    """A stationary distribution as a mixture of those on recurrent classes.

    Attributes
    ----------
    p : (n,) float64
    classes : tuple of Recurrent
    weights : tuple of float
    fixed_weights : bool
        Whether the weights do not depend on rates: the initial states are all recurrent, or there is one class alone.
    weight_error : float
        About the error of the weights of separate wells, see `symdyn.projection.balance`.
    """

    p: np.ndarray
    classes: tuple[Recurrent, ...]
    weights: tuple[float, ...]
    fixed_weights: bool
    weight_error: float


def solve(space: StateSpace, generator: Generator, start: np.ndarray | None, *, factors: bool = False) -> Stationary:
    """The stationary distribution that is reached from the distribution `start`, with `factors` also those of the generator.

    They take some 100 numbers a state, ten times as many as all else; so what is not needed is let go before they are made.

    Raises
    ------
    SimulationError
        If there are several recurrent classes and no `start`.
    """
    n = space.size
    matrix = phased(generator)
    label, closed = _classes(matrix)
    recurrent = np.flatnonzero(closed)
    if recurrent.size == 1:
        weights, fixed = np.ones(1), True
    elif start is None:
        raise SimulationError(
            f"the stationary distribution is not unique: there are {recurrent.size} sets of states that are never left, from "
            "conservation laws or absorbing states; give initial, such as initial={'X': 10}, to say which are reached"
        )
    else:
        extended = np.append(start, np.zeros(matrix.shape[0] - n))
        weights, fixed = _absorption(matrix, label, closed, extended)
    score = np.append(_imbalance(space, generator), np.full(matrix.shape[0] - n, np.inf))
    p, classes, error = np.zeros(n), [], 0.0
    for which, weight in zip(recurrent, weights, strict=True):
        if weight > 0.0:
            found, unbalanced = _recurrent(matrix, np.flatnonzero(label == which), score, space.states, factors)
            error += weight * unbalanced
            states = found.members < n
            p[found.members[states]] += weight * found.p[states] / found.p[states].sum()
            classes.append(found)
    return Stationary(p, tuple(classes), tuple(w for w in weights if w > 0.0), fixed, error)


def phased(generator: Generator) -> ss.csc_array:
    """A reflecting generator with a phase for each state and each sort of jumps of geometric size, after the states.

    Walks are quick, so that phases hold little probability next to states.
    """
    n = generator.size
    quick = max(1.0, float(-generator.rates[0].min()))
    rate, end, begin = generator.shortest(0, int(generator.starts[0]))
    parts = [(rate, end, begin)]
    own = np.arange(n)
    for g, run in enumerate(generator.runs):
        first = (g + 1) * n
        chance = run.ahead(np.ones(n))  # in units of that of ending at once
        rate, end, begin = generator.shortest(*generator.starts[g : g + 2])
        parts.append((rate * chance[end], end + first, begin))
        parts.append((quick / chance, own, own + first))
        inner = np.flatnonzero(run.decay > 0.0)
        before = run.previous[inner].astype(np.int64)
        parts.append((quick * run.decay[inner] * chance[inner] / chance[before], inner + first, before + first))
    size = (1 + len(generator.runs)) * n
    diagonal = np.append(generator.rates[0], np.full(size - n, -quick))
    parts.append((diagonal, np.arange(size), np.arange(size)))
    rates, *places = zip(*parts, strict=True)
    kind = np.int32 if size < 2**31 else np.int64  # scipy would keep the 8 bytes of the numbers of states
    ends, begins = (np.concatenate([part.astype(kind) for part in place]) for place in places)
    return ss.coo_array((np.concatenate(rates), (ends, begins)), shape=(size, size)).tocsc()


def _classes(matrix: ss.csc_array) -> tuple[np.ndarray, np.ndarray]:
    """The communicating class of each state, and whether it is never left."""
    _, label = connected_components(matrix, directed=True, connection="strong")
    closed = np.ones(label.max() + 1, dtype=bool)
    begins = np.repeat(label, np.diff(matrix.indptr))
    closed[begins[begins != label[matrix.indices]]] = False
    return label, closed


def _absorption(matrix: ss.csc_array, label: np.ndarray, closed: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, bool]:
    """Probability of ending in each recurrent class, and whether it is that of starting there."""
    transient = np.flatnonzero(~closed[label])
    final = start.copy()
    passing = transient.size > 0 and bool((start[transient] > 0).any())
    if passing:
        inner = matrix[transient, :][:, transient].tocsc()
        occupation = _factors(inner).solve(-start[transient])  # expected time in each transient state
        final += matrix[:, transient] @ occupation
    weights = np.bincount(label, weights=np.maximum(final, 0.0), minlength=closed.size)[closed]
    return weights / weights.sum(), not passing


def _imbalance(space: StateSpace, generator: Generator) -> np.ndarray:
    """Square of the mean change of each state over its variance, summed over species: small where probability gathers."""
    total, rate = np.zeros(space.size), -generator.rates[0]
    for n in np.ascontiguousarray(space.states.T, dtype=float):
        first, second = generator.sums(n), generator.sums(n**2)
        drift = first - rate * n
        spread = second - 2 * n * first + rate * n**2
        total += drift**2 / np.maximum(spread, 1e-300)
    return total


def _factors(matrix: ss.csc_array) -> Any:
    """LU factors of a diagonally dominant matrix: the diagonal needs no pivoting, the order is of minimum degree."""
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _recurrent(
    matrix: ss.csc_array, members: np.ndarray, score: np.ndarray, states: np.ndarray, factors: bool
) -> tuple[Recurrent, float]:
    """The distribution on the class of `members`, phases among them, and the error of the weights of its wells."""
    if members.size == 1:
        return Recurrent(members, np.ones(1), 0, None), 0.0
    inner = matrix if members.size == matrix.shape[0] else matrix[members, :][:, members].tocsc()
    found = _with_reference(inner, members, int(np.argmin(score[members])), factors)
    if found is None:  # the reference is so improbable that its part is lost in rounding
        shifted = (inner - ss.diags_array(np.full(members.size, 1e-12 * np.abs(inner.diagonal()).max()))).tocsc()
        p = np.abs(_factors(shifted).solve(np.ones(members.size)))
        found = _with_reference(inner, members, int(np.argmax(p)), factors)
    elif found.p[found.reference] < POOR * found.p.max():
        first = replace(found, factors=None)
        found = None  # and its factors, before there are others
        found = _with_reference(inner, members, int(np.argmax(first.p)), factors)
        found = found or (_with_reference(inner, members, first.reference, factors) if factors else first)
    if found is None:
        raise SimulationError(
            "the stationary distribution could not be computed: probabilities of its states differ too much; narrow the bounds"
        )
    p, error = balanced(inner, found.p, states[members % len(states)], chained=bool(members[-1] < len(states)))
    return replace(found, p=p), error


def _with_reference(matrix: ss.csc_array, members: np.ndarray, reference: int, keep: bool) -> Recurrent | None:
    """Solve with the probability of one state set to 1; its equation follows from the others.  None if rounding wins.

    That state is for itself in the matrix that is factored, which has its row and column of the unit matrix.
    """
    own = slice(*matrix.indptr[reference : reference + 2])
    right = np.zeros(members.size)
    right[matrix.indices[own]] = -matrix.data[own]
    right[reference] = 1.0
    values = np.where(matrix.indices == reference, 0.0, matrix.data)
    values[own] = np.where(matrix.indices[own] == reference, 1.0, 0.0)
    try:
        factors = _factors(ss.csc_array((values, matrix.indices, matrix.indptr), shape=matrix.shape))
    except RuntimeError:  # singular to rounding
        return None
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        x = factors.solve(right)
        p = np.maximum(x, 0.0)
        total = p.sum()
        below = -np.minimum(x, 0.0).sum()
    if not np.isfinite(total) or not below <= NEGATIVE * total:
        return None
    return Recurrent(members, p / total, reference, factors if keep else None)
