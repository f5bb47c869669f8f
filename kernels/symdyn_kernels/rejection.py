"""The rejection method: boxes of species, bounds of propensities over them, and the tree of sums that finds candidates.

Each species has a box in ``y``, the numbers for which the bounds in ``a`` of the propensities that read it hold; they are
computed anew where it has left the box.  The bounds are the leaves of a binary tree of sums.  A sum is always the sum of its
two children, so that rounding errors do not accumulate, and a leaf is found and sums are updated in O(log R).

The leaf found is a candidate of thinning: the remainder of the threshold is uniform on [0, bound), and the reaction fires
where it is below the propensity at the present states.  A box depends on the past alone, so the process is exact
(Thanh, Priami & Zunino, Journal of Chemical Physics 141 (2014) 134116).

Where a bound is infinite or a propensity may be negative in a box, the boxes of its species shrink to their numbers, and only
what is wrong at the states themselves fails.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.jump import TablePlaces
from symdyn_kernels.options import INLINE, INNER
from symdyn_kernels.shared.sums import above, descend, half_width, judge
from symdyn_kernels.simd import WIDTH, call, ld, st
from symdyn_kernels.status import ABOVE_BOUND, SUCCESS

__all__ = [
    "ENTRIES",
    "LargeNetwork",
    "Sums",
    "begin",
    "bounded",
    "follow",
    "look_up",
    "look_up_one",
    "mend",
    "propensity",
    "react",
    "tell",
]

#: Reactants and changes of a reaction that is data; its entries.
REACTANTS, CHANGES = 3, 4
ENTRIES = 1 + 2 * REACTANTS + 2 * CHANGES


class LargeNetwork(NamedTuple):
    """A model and the arrays of its function.

    Attributes
    ----------
    fire, lane, y, p, a : int
        Addresses of its function, and of what this one is given.
    reactions, species, first : int
        Of the functions that bound what reads a species, `first` is the number of the first.
    places : TablePlaces
    """

    fire: int
    lane: int
    y: int
    p: int
    a: int
    reactions: int
    species: int
    first: int
    places: TablePlaces


class Sums(NamedTuple):
    """The tree of sums, and which propensities depend on what.

    Attributes
    ----------
    starts, dependents, called, fixed, data : int64 arrays
        As of `LargeJump`; `fixed` is its `exact`.
    weights : (R,) float64
        Coefficients of the reactions that are data.
    exact : int64 array
        Which species have boxes of one number, in the present trajectory.
    tree : (2 leaves,) float64
        Node i is the sum of nodes 2 i and 2 i + 1; propensities come from `leaves` on.
    leaves : int
    nodes : int64 array
        Scratch memory.
    """

    starts: np.ndarray
    dependents: np.ndarray
    called: np.ndarray
    fixed: np.ndarray
    data: np.ndarray
    weights: np.ndarray
    exact: np.ndarray
    tree: np.ndarray
    leaves: int
    nodes: np.ndarray


@njit(**INLINE)
def propensity(y, base, sums, reaction):
    """The propensity of a reaction that is data, of the numbers at ``y[base:]``."""
    data, place = sums.data, ENTRIES * reaction
    product = ld(y, base + data[place + 1]) - data[place + 2]
    product *= ld(y, base + data[place + 3]) - data[place + 4]
    product *= ld(y, base + data[place + 5]) - data[place + 6]
    return product * sums.weights[reaction]


@njit(**INLINE)
def _bound(network, sums, reaction):
    """The bound of a propensity."""
    if sums.data[ENTRIES * reaction] != 0:
        return propensity(network.y, network.places.boxes + network.species + 1, sums, reaction)
    return ld(network.a, reaction)


@njit(**INNER)
def _build(network, sums):
    """All sums; returns a status."""
    R, tree, leaves = network.reactions, sums.tree, sums.leaves
    code = SUCCESS
    for k in range(R):
        x = _bound(network, sums, k)
        code = max(code, judge(x))
        tree[leaves + k] = x
    for i in range(leaves - 1, 0, -1):
        tree[i] = tree[2 * i] + tree[2 * i + 1]
    return max(code, judge(tree[1]))


@njit(**INNER)
def _leaves(network, row, sums, count):
    """The leaves of a row of the dependents; returns a status, and how many nodes are listed with those above them.

    Nodes are listed from ``nodes[count]`` on.
    """
    starts, dependents, tree, leaves, nodes = sums.starts, sums.dependents, sums.tree, sums.leaves, sums.nodes
    code, last = SUCCESS, 0
    for q in range(starts[row], starts[row + 1]):
        k = dependents[q]
        x = _bound(network, sums, k)
        code = max(code, judge(x))
        tree[leaves + k] = x
        parent = (leaves + k) >> 1
        if parent != last:
            nodes[count] = last = parent
            count += 1
    return code, count


@njit(**INNER)
def _climb(sums, count):
    """Level by level the sums above so many nodes."""
    tree, nodes = sums.tree, sums.nodes
    level = sums.leaves >> 1
    while level > 0:
        above, last = 0, 0
        for q in range(count):
            i = nodes[q]
            tree[i] = tree[2 * i] + tree[2 * i + 1]
            if i >> 1 != last:
                nodes[above] = last = i >> 1
                above += 1
        count, level = above, level >> 1


@njit(**INNER)
def mend(network, row, sums):
    """The leaves of a row of the dependents, and the sums above them; returns a status."""
    code, count = _leaves(network, row, sums, 0)
    _climb(sums, count)
    return code


@njit(**INNER)
def tell(network, number):
    """Call the model's function with a number."""
    st(network.lane, 0, float(number))
    call(network.fire, network.lane, network.y, network.p, network.a)


@njit(**INNER)
def _enclose(network, s, sums):
    """Put a box around the number of a species; it is without end where no propensity reads the species."""
    x = ld(network.y, s)
    width = half_width(x) if sums.exact[s] == 0 else 0.0
    if sums.starts[s] == sums.starts[s + 1]:
        width = np.inf
    st(network.y, network.places.boxes + s, x - width)
    st(network.y, network.places.boxes + network.species + 1 + s, x + width)
    if sums.called[s] != 0:
        tell(network, network.first + s)


@njit(**INNER)
def _rebound(network, s, sums, count):
    """A new box of a species and the leaves of what reads it, of which `_climb` has to hear; results as of `_leaves`."""
    _enclose(network, s, sums)
    code, above = _leaves(network, s, sums, count)
    if code != SUCCESS and sums.exact[s] == 0:
        sums.exact[s] = 1
        _enclose(network, s, sums)
        code, above = _leaves(network, s, sums, count)
    return code, above


@njit(**INNER)
def _rebound_all(network, sums):
    """Each box as wide as bounds that are not wrong allow; returns the status of all bounds.

    All boxes become numbers, then each is widened again unless that makes a bound wrong.
    """
    for _ in range(2):  # of the second time, every bound is of boxes that are numbers
        for s in range(network.species):
            sums.exact[s] = 1
            _enclose(network, s, sums)
    _build(network, sums)
    for s in range(network.species):
        sums.exact[s] = sums.fixed[s]
        _rebound(network, s, sums, 0)
    return _build(network, sums)


@njit(**INNER)
def begin(network, sums):
    """Boxes and everything that the model computes, at states that anything may have changed; returns a status."""
    for s in range(network.species):
        _enclose(network, s, sums)
    st(network.y, network.places.left, 0.0)
    tell(network, -1)
    code = _build(network, sums)
    return code if code == SUCCESS else _rebound_all(network, sums)


@njit(**INNER)
def follow(network, row, changes, changed, sums):
    """New bounds after the reaction or completion `row` has moved species out of their boxes; returns a status."""
    y, low = network.y, network.places.boxes
    high, code, count = low + network.species + 1, SUCCESS, 0
    st(y, network.places.left, 0.0)
    for q in range(changes[row], changes[row + 1]):
        s = changed[q]
        if not ld(y, low + s) <= ld(y, s) <= ld(y, high + s):
            wrong, count = _rebound(network, s, sums, count)
            code = max(code, wrong)
    _climb(sums, count)
    return max(code if code == SUCCESS else _rebound_all(network, sums), judge(sums.tree[1]))


@njit(**INLINE)
def react(network, reaction, sums):
    """Change the numbers of molecules by a reaction that is data; returns whether a species has left its box."""
    y, low, place = network.y, network.places.boxes, ENTRIES * reaction + 1 + 2 * REACTANTS
    high, data, left = low + network.species + 1, sums.data, False
    for _ in range(CHANGES):
        i = data[place]
        x = ld(y, i) + data[place + 1]
        st(y, i, x)
        left |= (x < ld(y, low + i)) | (x > ld(y, high + i))
        place += 2
    return left


@njit(**INNER)
def bounded(network, sums):
    """Whether the propensities that functions evaluate are below their bounds at the present states, as a status.

    Candidates that fire tell it of themselves; one whose bound is too low may never be a candidate.
    """
    st(network.lane, 1, np.inf)  # no candidate fires
    for j in range(network.reactions):
        if sums.data[ENTRIES * j] == 0:
            tell(network, j)
            if above(ld(network.y, network.places.rate), sums.tree[sums.leaves + j]):
                return ABOVE_BOUND
    return SUCCESS


@njit(**INLINE)
def look_up_one(records, size, place, sums, chosen, rests):
    """What `look_up` finds for one of the records."""
    node, rest = 1, ld(records, place * size + 1) * sums.tree[1]
    while node < sums.leaves:
        node, rest = descend(node, rest, sums.tree)
    chosen[place], rests[place] = min(node - sums.leaves, sums.weights.size - 1), rest


@njit(**INLINE)
def look_up(records, size, sums, chosen, rests):
    """The leaves that eight records choose, and the remainders of the thresholds in them.

    Rounding may lead to a leaf that is 0, which is refused, or beyond the last, which then is the candidate.
    """
    tree, leaves, last = sums.tree, sums.leaves, sums.weights.size - 1
    for i in range(WIDTH):
        chosen[i], rests[i] = 1, ld(records, i * size + 1) * tree[1]
    level = 1
    while level < leaves:
        for i in range(WIDTH):
            chosen[i], rests[i] = descend(chosen[i], rests[i], tree)
        level *= 2
    for i in range(WIDTH):
        chosen[i] = min(chosen[i] - leaves, last)
