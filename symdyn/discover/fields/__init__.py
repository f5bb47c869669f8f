"""Recovering partial differential equations: terms of fields that are unknown, or all of them."""

from __future__ import annotations

from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.fields.route import recovered

__all__ = ["FieldRecovery", "recovered"]
