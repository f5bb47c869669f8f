"""Systems with fields: they bring their own way through time, since a field is no short list of numbers."""

from __future__ import annotations

from symdyn.system import System

__all__ = ["SpatialSystem"]


class SpatialSystem(System):
    """A system some of whose states are fields over a domain; `symdyn.simulate` hands the work to its method ``run``."""
