"""A binary tree of sums: node 1 is the total, node k the sum of nodes 2 k and 2 k + 1, and the leaves follow."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import i64, shared_inline

__all__ = ["find"]


@shared_inline
def find(r, tree, leaves):
    """The leaf in which the cumulative sum passes r, never one that is zero; and the remainder of r in it."""
    node = 1
    while node < leaves:
        left = tree[2 * node]
        right = (r >= left) & (tree[2 * node + 1] > 0.0)
        r = r - (left if right else 0.0)
        node = 2 * node + i64(right)
    return node - leaves, r
