"""Exploration by hand: sliders for parameters and initial values, and trajectories that follow, in a notebook or a browser.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.explorer.notebook import ExplorerWidget, explore
    from symdyn.explorer.server import ExplorerServer
    from symdyn.explorer.views import Explorer

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "notebook": ("ExplorerWidget", "explore"),
        "server": ("ExplorerServer",),
        "views": ("Explorer",),
    },
)
