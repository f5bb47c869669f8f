"""A binary tree of sums: node 1 is the total, node k the sum of nodes 2 k and 2 k + 1, and the leaves follow.

The leaves of a network are bounds of propensities over boxes, numbers of molecules about the present ones.  A tree also holds
several sums side by side, each above a power of two of neighbouring leaves.
"""

from __future__ import annotations

from symdyn_kernels.shared._scalars import i64, math, real64, shared_inline
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS

__all__ = ["above", "climb", "descend", "half_width", "judge", "judge_part", "put_leaf", "shared_bound"]

#: Numbers of molecules below which a box is the number alone: one that held 0 and more would let reactions that are
#: impossible at 0 be candidates, for as long as the number stays there.
FEW = 4.0
#: How far above its bound a propensity may be by rounding, relative to it.
EXCESS = 1e-12


@shared_inline
def descend(node, r, tree):
    """The child of a node in which the cumulative sum passes r, and the remainder of r in it."""
    left = tree[2 * node]
    right = r >= left
    return 2 * node + i64(right), r - (left if right else 0.0)


@shared_inline
def climb(node, other, tree):
    """Add up above a node that has changed, up to where it meets another one of its level, or to the total if that is 0.

    Of leaves that change together, in their order, each climbs to the next one: every sum above them is then taken once.
    """
    x = tree[node]
    while node >> 1 != other >> 1:
        x = x + tree[node ^ 1]
        node, other = node >> 1, other >> 1
        tree[node] = x


@shared_inline
def put_leaf(x, node, last, tree):
    """A new value of a leaf, after the one that changed last or 0; returns the last one that has now, which is to climb.

    Where the value is the old one, nothing changes.
    """
    if x != tree[node]:
        tree[node] = x
        if last > 0:
            climb(last, node, tree)
        last = node
    return last


@shared_inline
def half_width(x):
    """Half the width of the box about a number of molecules x, 0 below `FEW`: about its square root."""
    return real64(i64(math.sqrt(x))) - 1.0 if x >= FEW else 0.0


@shared_inline
def above(x, bound):
    """Whether a propensity is above its bound, by more than rounding errors; both may be negative where a trajectory ends."""
    return x > max(bound, 0.0) * (1.0 + EXCESS)


@shared_inline
def judge(x):
    """The status of a propensity, or of a sum of them."""
    if 0.0 <= x < math.inf:
        return SUCCESS
    return NEGATIVE if x < 0.0 else NOT_FINITE


@shared_inline
def judge_part(x):
    """The status of a bound without its hub: it may be infinite where there is none of the hub."""
    return NEGATIVE if x < 0.0 else SUCCESS


@shared_inline
def shared_bound(scale, total):
    """The bound of all propensities of a group: the greatest number of its hub times the sum of their bounds without it."""
    return scale * total if scale != 0.0 else 0.0
