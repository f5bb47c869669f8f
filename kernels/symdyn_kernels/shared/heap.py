"""A binary heap of times, each with a number: the earliest comes first."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import shared

__all__ = ["pop", "push"]


@shared
def push(when, what, size, at, number):
    """Add a completion to a heap of `size` of them, the earliest first."""
    q = size
    while q > 0 and when[(q - 1) >> 1] > at:
        when[q], what[q] = when[(q - 1) >> 1], what[(q - 1) >> 1]
        q = (q - 1) >> 1
    when[q], what[q] = at, number


@shared
def pop(when, what, size):
    """Remove the earliest of `size` completions; returns its number."""
    first, at, number = what[0], when[size - 1], what[size - 1]
    q = 0
    while 2 * q + 1 < size - 1:
        below = 2 * q + 1
        if below + 1 < size - 1 and when[below + 1] < when[below]:
            below += 1
        if when[below] >= at:
            break
        when[q], what[q] = when[below], what[below]
        q = below
    when[q], what[q] = at, number
    return first
