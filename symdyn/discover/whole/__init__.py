"""Whole right-hand sides of differential equations from data, where nothing of them is known."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdyn.discover.recovery import Recovery
    from symdyn.discover.routes import Request
    from symdyn.system import System

__all__ = ["recovered"]


def recovered(system: System | None, data: Any, request: Request) -> Recovery:
    """See `symdyn.discover.whole.recovering`."""
    found: Recovery = importlib.import_module("symdyn.discover.whole.recovering").recovered(system, data, request)
    return found
