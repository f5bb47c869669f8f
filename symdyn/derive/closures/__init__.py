"""Moment closures: expressions for the moments above the order of truncation; one file each."""

from symdyn.derive.closures.registry import CLOSURES, Closure, find_closure

__all__ = ["CLOSURES", "Closure", "find_closure"]

CLOSURES.filled_by(__name__)
