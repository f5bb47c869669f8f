"""Fixed steps."""

from __future__ import annotations

#: Part of a step: a gap that is an integer number of steps up to rounding takes that many.
SLACK = 1e-9
