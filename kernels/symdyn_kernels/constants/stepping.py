"""Fixed steps."""

from __future__ import annotations

#: Of a step: a gap that is a whole number of steps up to rounding takes that many.
SLACK = 1e-9
