"""Triangles from gmsh, between the same boundary nodes as those of the built-in mesher."""

from __future__ import annotations

import signal
import threading

import numpy as np

from symdyn.elements._mesh_sizes import make_outline, make_sizes
from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain

__all__ = ["triangles"]


def triangles(domain: Domain, centers: np.ndarray, radius: float, nodes: np.ndarray, size: float, wall: int):
    """Points (N, 2) and triangles (T, 3).

    Raises
    ------
    DeclarationError
        If gmsh is not installed.
    """
    try:
        import gmsh
    except (ImportError, OSError):
        raise DeclarationError(
            "mesher='gmsh' needs the package gmsh; install it with: pip install gmsh, or leave mesher out"
        ) from None
    sizes = make_sizes(domain, centers, radius, nodes, size, wall)
    outline = make_outline(domain, centers, radius, sizes, wall)
    running = gmsh.isInitialized()
    if not running:
        gmsh.initialize(interruptible=False)
        _broken_pipes_as_before()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.model.add("symdyn")
    try:
        geo = gmsh.model.geo
        tags = [geo.addPoint(x, y, 0) for x, y in outline.points]
        lines = [geo.addLine(tags[a], tags[b]) for a, b in outline.segments]
        loops = [geo.addCurveLoop([lines[i] for i in np.flatnonzero(outline.owners == j)]) for j in range(-1, len(centers))]
        surface = geo.addPlaneSurface(loops)
        extra = [geo.addPoint(x, y, 0) for x, y in nodes]
        geo.synchronize()
        if extra:
            gmsh.model.mesh.embed(0, extra, 2, surface)
        for line in lines:
            gmsh.model.mesh.setTransfiniteCurve(line, 2)  # the edges of the outline are not split
        gmsh.model.mesh.setSizeCallback(lambda dim, tag, x, y, z, lc: float(sizes(np.array([[x, y]]))[0]))
        for option in ("ExtendFromBoundary", "FromPoints", "FromCurvature"):
            gmsh.option.setNumber(f"Mesh.MeshSize{option}", 0)
        gmsh.model.mesh.generate(2)
        labels, places, _ = gmsh.model.mesh.getNodes()
        _, t = gmsh.model.mesh.getElementsByType(2)
    finally:
        gmsh.model.remove()
        if not running:
            gmsh.finalize()
    used, t = np.unique(t, return_inverse=True)
    order = np.empty(int(labels.max()) + 1, int)
    order[labels.astype(int)] = np.arange(len(labels))
    points = places.reshape(-1, 3)[order[used.astype(int)], :2]
    t = t.reshape(-1, 3)
    p, q = points[t[:, 1]] - points[t[:, 0]], points[t[:, 2]] - points[t[:, 0]]
    turned = p[:, 0] * q[:, 1] < p[:, 1] * q[:, 0]
    t[turned] = t[turned][:, ::-1]
    return points, t


def _broken_pipes_as_before() -> None:
    """Have SIGPIPE handled as Python knows it: gmsh gives it its default, and a broken pipe would end the program."""
    if hasattr(signal, "SIGPIPE") and threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGPIPE)
        if handler is not None:  # set outside of Python
            signal.signal(signal.SIGPIPE, handler)
