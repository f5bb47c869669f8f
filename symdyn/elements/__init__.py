"""Fields on discs and polygons: meshes of triangles and finite elements.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.elements.meshing import mesh_domain
    from symdyn.elements.system import ElementSystem

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {"meshing": ("mesh_domain",), "system": ("ElementSystem",)},
)
