"""Rows of the counts that a trajectory leaves."""

from __future__ import annotations

STATUS, STEPS, REJECTED, EVALUATIONS, DETAILS = range(5)
