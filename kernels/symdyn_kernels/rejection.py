"""The rejection method: boxes of species, bounds of propensities over them, and the tree of sums that finds candidates.

Each species has a box in ``y``, the numbers for which the bounds in ``a`` of the propensities that read it hold; they are
computed anew where it has left the box.  The bounds are the leaves of a binary tree of sums.  A sum is always the sum of its
two children, so that rounding errors do not accumulate, and a leaf is found and sums are updated in O(log R).  A bound that
is computed to its old value changes no sum.

Where many reactions have a reactant in common, their hub, the tree has one leaf for all of them: the greatest number in the box
of the hub, times the sum, in a tree of its own, of their bounds without it.  A hub that leaves its box changes one leaf, and
another reactant the sums of the groups in which it is.  A candidate is passed on with its remainder divided by that number
(partial propensities: Ramaswamy, Gonzalez-Segredo & Sbalzarini, Journal of Chemical Physics 130 (2009) 244104).

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

from symdyn_kernels.arguments.jump import Groups, TablePlaces
from symdyn_kernels.options import INLINE, INNER
from symdyn_kernels.shared.sums import above, climb, descend, half_width, judge, judge_part, put_leaf, shared_bound
from symdyn_kernels.simd import WIDTH, call, ld, st
from symdyn_kernels.status import ABOVE_BOUND, SUCCESS

__all__ = [
    "DATA",
    "ENTRIES",
    "LargeNetwork",
    "Sums",
    "begin",
    "bound_of",
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
#: The first entry of a reaction of which a function neither bounds nor tests the propensity; of others in groups it is tested.
DATA = 1


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
    """The trees of sums, and which propensities depend on what.

    Attributes
    ----------
    starts, dependents, called, fixed, data : int64 arrays
        As of `LargeJump`; `fixed` is its `exact`.
    groups : Groups
    weights : (R,) float64
        Coefficients of the reactions that are data.
    exact : int64 array
        Which species have boxes of one number, in the present trajectory.
    tree : (2 leaves,) float64
        Node i is the sum of nodes 2 i and 2 i + 1; those of propensities come from `leaves` on, and then those of groups.
    leaves, units : int
        The first leaf; how many propensities are in no group.
    inner : (2 n,) float64
        The sums of groups, side by side.
    bounds : (8,) float64
        Of the candidates that were looked up, as far as they are in groups.
    """

    starts: np.ndarray
    dependents: np.ndarray
    called: np.ndarray
    fixed: np.ndarray
    data: np.ndarray
    groups: Groups
    weights: np.ndarray
    exact: np.ndarray
    tree: np.ndarray
    leaves: int
    units: int
    inner: np.ndarray
    bounds: np.ndarray


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


@njit(**INLINE)
def _part(network, sums, reaction):
    """The bound of a propensity in a group, without the hub, which comes first among its reactants."""
    y, high = network.y, network.places.boxes + network.species + 1
    data, place = sums.data, ENTRIES * reaction
    product = ld(y, high + data[place + 3]) - data[place + 4]
    product *= ld(y, high + data[place + 5]) - data[place + 6]
    return product * sums.weights[reaction]


@njit(**INLINE)
def _scale(network, sums, group):
    """The greatest number in the box of the hub of a group."""
    return ld(network.y, network.places.boxes + network.species + 1 + sums.groups.hubs[group])


@njit(**INLINE)
def _shared(network, sums, group):
    """The bound of all propensities of a group."""
    return shared_bound(_scale(network, sums, group), sums.inner[sums.groups.roots[group]])


@njit(**INNER)
def _build(network, sums):
    """All sums; returns a status."""
    tree, leaves, inner, groups = sums.tree, sums.leaves, sums.inner, sums.groups
    code = SUCCESS
    for k in range(sums.units):
        x = _bound(network, sums, k)
        code = max(code, judge(x))
        tree[leaves + k] = x
    for g in range(groups.hubs.size):
        for k in range(groups.firsts[g], groups.firsts[g + 1]):
            x = _part(network, sums, k)
            code = max(code, judge_part(x))
            inner[groups.lowest[g] + k - groups.firsts[g]] = x
    for i in range(inner.size // 2 - 1, 0, -1):
        inner[i] = inner[2 * i] + inner[2 * i + 1]
    for g in range(groups.hubs.size):
        x = _shared(network, sums, g)
        code = max(code, judge(x))
        tree[leaves + sums.units + g] = x
    for i in range(leaves - 1, 0, -1):
        tree[i] = tree[2 * i] + tree[2 * i + 1]
    return max(code, judge(tree[1]))


@njit(**INNER)
def mend(network, row, sums):
    """The leaves of a row of the dependents, and the sums above them; returns a status."""
    starts, tree, leaves, groups, inner = sums.starts, sums.tree, sums.leaves, sums.groups, sums.inner
    code, last = SUCCESS, 0
    for q in range(starts[row], starts[row + 1]):
        k = sums.dependents[q]
        x = _bound(network, sums, k)
        code = max(code, judge(x))
        last = put_leaf(x, leaves + k, last, tree)
    for run in range(groups.starts[row], groups.starts[row + 1]):
        g, below = groups.touched[run], 0
        for q in range(groups.members[run], groups.members[run + 1]):
            k = groups.dependents[q]
            x = _part(network, sums, k)
            code = max(code, judge_part(x))
            below = put_leaf(x, groups.lowest[g] + k - groups.firsts[g], below, inner)
        if below > 0:
            climb(below, groups.beyond[g], inner)
        x = _shared(network, sums, g)
        code = max(code, judge(x))
        last = put_leaf(x, leaves + sums.units + g, last, tree)
    if last > 0:
        climb(last, 0, tree)
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
    if sums.starts[s] == sums.starts[s + 1] and sums.groups.starts[s] == sums.groups.starts[s + 1]:
        width = np.inf
    st(network.y, network.places.boxes + s, x - width)
    st(network.y, network.places.boxes + network.species + 1 + s, x + width)
    if sums.called[s] != 0:
        tell(network, network.first + s)


@njit(**INNER)
def _rebound(network, s, sums):
    """A new box of a species and the bounds of what reads it; returns a status."""
    _enclose(network, s, sums)
    code = mend(network, s, sums)
    if code != SUCCESS and sums.exact[s] == 0:
        sums.exact[s] = 1
        _enclose(network, s, sums)
        code = mend(network, s, sums)
    return code


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
        _rebound(network, s, sums)
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
    high, code = low + network.species + 1, SUCCESS
    st(y, network.places.left, 0.0)
    for q in range(changes[row], changes[row + 1]):
        s = changed[q]
        if not ld(y, low + s) <= ld(y, s) <= ld(y, high + s):
            code = max(code, _rebound(network, s, sums))
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
    for j in range(sums.units):
        if sums.data[ENTRIES * j] == 0:
            tell(network, j)
            if above(ld(network.y, network.places.rate), sums.tree[sums.leaves + j]):
                return ABOVE_BOUND
    return SUCCESS


@njit(**INLINE)
def bound_of(sums, reaction, place):
    """The bound by which a candidate was chosen, that of the record `place`."""
    return sums.tree[sums.leaves + reaction] if reaction < sums.units else sums.bounds[place]


@njit(**INNER)
def _look_inside(first, last, network, sums, chosen, rests):
    """Of leaves that are groups, the reactions that the sums of these choose."""
    groups, inner = sums.groups, sums.inner
    for i in range(first, last):
        g = chosen[i] - sums.units
        if g >= 0:
            node, scale = groups.roots[g], _scale(network, sums, g)
            rest = rests[i] / scale
            while 2 * node < inner.size:
                node, rest = descend(node, rest, inner)
            k = min(node - groups.lowest[g], groups.firsts[g + 1] - groups.firsts[g] - 1)
            sums.bounds[i], rests[i] = scale * inner[groups.lowest[g] + k], scale * rest
            chosen[i] = groups.firsts[g] + k


@njit(**INLINE)
def look_up_one(records, size, place, network, sums, chosen, rests):
    """What `look_up` finds for one of the records."""
    node, rest = 1, ld(records, place * size + 1) * sums.tree[1]
    while node < sums.leaves:
        node, rest = descend(node, rest, sums.tree)
    chosen[place], rests[place] = min(node - sums.leaves, sums.units + sums.groups.hubs.size - 1), rest
    if sums.groups.hubs.size > 0:
        _look_inside(place, place + 1, network, sums, chosen, rests)


@njit(**INLINE)
def look_up(records, size, network, sums, chosen, rests):
    """The reactions that eight records choose, and the remainders of the thresholds in their bounds.

    Rounding may lead to a leaf that is 0, which is refused, or beyond the last, which then is the candidate.
    """
    tree, leaves, last = sums.tree, sums.leaves, sums.units + sums.groups.hubs.size - 1
    for i in range(WIDTH):
        chosen[i], rests[i] = 1, ld(records, i * size + 1) * tree[1]
    level = 1
    while level < leaves:
        for i in range(WIDTH):
            chosen[i], rests[i] = descend(chosen[i], rests[i], tree)
        level *= 2
    for i in range(WIDTH):
        chosen[i] = min(chosen[i] - leaves, last)
    if sums.groups.hubs.size > 0:
        _look_inside(0, WIDTH, network, sums, chosen, rests)
