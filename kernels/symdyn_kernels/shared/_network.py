"""What shared loops do with a network, for the processor; for cards `symdyn_kernels.devices.reactions` contains it."""

from __future__ import annotations

from symdyn_kernels.networks import (
    copied,
    draw,
    evaluate,
    fire,
    holds,
    least,
    newton_step,
    orders_at,
    pick,
    record,
    with_moments,
)

__all__ = [
    "copied", "draw", "evaluate", "fire", "holds", "least", "newton_step", "orders_at", "pick", "record",
    "with_moments",
]  # fmt: skip
