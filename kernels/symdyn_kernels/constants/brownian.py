"""The tree of a Brownian path."""

from __future__ import annotations

#: Cells at the root have the length 2^ROOT, in the unit of time, and those at depth d the length 2^(ROOT - d).
ROOT = 32
#: Depths of the cells that can be steps.
DEPTHS = 120
