"""What the shared loop does with a life cycle, for the processor; for cards `symdyn_kernels.devices.branching` contains it."""

from __future__ import annotations

from symdyn_kernels.lifecycles import holds, outcomes, rates_at, record

__all__ = ["holds", "outcomes", "rates_at", "record"]
