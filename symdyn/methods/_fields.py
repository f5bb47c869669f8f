"""Which systems of fields methods apply to."""

from __future__ import annotations

from symdyn.system import System

__all__ = ["unmet_fields"]


def unmet_fields(system: System) -> str | None:
    """None for fields, with events and inputs or without, and for cells in a bulk; else the reason why not."""
    return system.unmet(["fields"], ["kinetics", "events", *([] if system.kinetics else ["inputs"])])
