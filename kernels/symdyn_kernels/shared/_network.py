"""What shared loops do with a network, for the processor; for cards `symdyn_kernels.devices.reactions` contains it."""

from __future__ import annotations

from symdyn_kernels.networks import (
    at_end,
    copied,
    draw,
    evaluate,
    fire,
    holds,
    how_many,
    least,
    newton_step,
    orders_at,
    output_time,
    pick,
    record,
    with_moments,
)

__all__ = [
    "at_end", "copied", "draw", "evaluate", "fire", "holds", "how_many", "least", "newton_step", "orders_at", "output_time",
    "pick", "record", "with_moments",
]  # fmt: skip
