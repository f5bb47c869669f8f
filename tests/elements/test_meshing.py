"""Meshes of domains without cells: areas, perimeters, angles, boundaries, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from symdyn.elements._mesh_curved import distortion
from symdyn.elements._mesh_points import smallest_angles
from symdyn.elements.meshing import mesh_domain, read_mesh
from symdyn.errors import DeclarationError
from symdyn.models.boxes import Interval, Rectangle
from symdyn.models.domains import Disk, Plane, Polygon

fem = pytest.importorskip("skfem")

L = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
THREE = [(0.5, 0), (-0.5, 0), (0, 0)]
RING = [(0.6 * np.cos(a), 0.6 * np.sin(a)) for a in 2 * np.pi * np.arange(7) / 7]


def area(mesh) -> float:
    basis = fem.Basis(mesh, fem.ElementTriP2(), intorder=6)
    return float(fem.Functional(lambda w: 1 + 0 * w.x[0]).assemble(basis))


def length(mesh, name: str) -> float:
    basis = fem.FacetBasis(mesh, fem.ElementTriP2(), facets=mesh.boundaries[name], intorder=8)
    return float(fem.Functional(lambda w: 1 + 0 * w.x[0]).assemble(basis))


CASES = {
    "three": (Disk(1), THREE, 0.05, {}),
    "ring": (Disk(1), RING, 0.05, {"size": 0.2, "wall": 12}),
    "close": (Disk(1), [(0, 0), (0.15, 0)], 0.05, {}),
    "nearly touching": (Disk(1), [(0, 0), (0.105, 0)], 0.05, {}),
    "at the wall": (Disk(1), [(0.92, 0), (0, -0.9)], 0.05, {}),
    "moved": (Disk(3, (5, -2)), [(5, -1), (6, -3)], 0.2, {}),
    "rectangle": (Rectangle(2, 1, (-1, -1)), [(-0.5, -0.5), (0.6, -0.7)], 0.05, {}),
    "corner": (L, [(0.5, 0.5), (1.6, 0.4)], 0.05, {}),
    "narrow": (Rectangle(2, 0.1), [(0.5, 0.05)], 0.02, {}),
    "empty": (Disk(1), None, None, {"size": 0.15}),
    "nodes": (L, [(0.5, 0.5)], 0.1, {"nodes": [(0.65, 0.5), (1.9, 0.5), (0.98, 1.5)]}),
}


@pytest.mark.parametrize("case", CASES)
def test_meshes_have_the_area_the_walls_and_good_triangles(case):
    domain, centers, radius, options = CASES[case]
    mesh = mesh_domain(domain, centers=centers, radius=radius, **options)
    cells = 0 if centers is None else len(centers)
    r = radius or 0.0
    assert sorted(mesh.boundaries) == sorted([*(f"cell{j}" for j in range(cells)), "outer"])
    assert area(mesh) == pytest.approx(domain.measure - cells * np.pi * r**2, rel=3e-6)
    for j in range(cells):
        assert length(mesh, f"cell{j}") == pytest.approx(2 * np.pi * r, rel=1e-4)
        ends = mesh.p[:, mesh.facets[:, mesh.boundaries[f"cell{j}"]]] - np.array(centers[j])[:, None, None]
        assert np.hypot(*ends) == pytest.approx(r, rel=1e-12)
    assert smallest_angles(mesh.p.T, mesh.t.T).min() > 20
    assert distortion(mesh) > 0.3
    # a connected surface with holes: Euler's number, and every boundary edge has a name
    assert mesh.nvertices - mesh.nfacets + mesh.nelements == 1 - cells
    assert sum(len(b) for b in mesh.boundaries.values()) == len(mesh.boundary_facets())


def test_area_and_perimeter_converge_with_the_fourth_power_of_the_edges():
    wrong = []
    for level in range(3):
        mesh = mesh_domain(Disk(1), centers=THREE, radius=0.05, level=level)
        wrong.append(
            [area(mesh) - np.pi * (1 - 3 * 0.05**2), length(mesh, "cell1") - 0.1 * np.pi, length(mesh, "outer") - 2 * np.pi]
        )
    orders = np.log2(np.abs(np.array(wrong[:-1]) / wrong[1:]))
    assert (orders > 3.9).all()


def test_edges_grow_from_the_cells_outwards():
    mesh = mesh_domain(Disk(1), centers=[(0, 0)], radius=0.02, size=0.12, wall=24)
    ends = mesh.p[:, mesh.facets]
    middle, edge = np.hypot(*ends.mean(axis=1)), np.hypot(*(ends[:, 0] - ends[:, 1]))
    assert edge[middle < 0.03].mean() < 0.01 < 0.08 < edge[middle > 0.7].mean() < 0.13
    assert len(mesh.boundaries["cell0"]) == 24


def test_reentrant_corners_are_refined():
    mesh = mesh_domain(L)
    corner = np.flatnonzero(np.hypot(*(mesh.p - [[1], [1]])) < 1e-12)
    touching = (mesh.facets == corner).any(axis=0)
    edge = np.hypot(*(mesh.p[:, mesh.facets[0]] - mesh.p[:, mesh.facets[1]]))
    assert edge[touching].max() < 0.25 * np.median(edge)


def test_wanted_points_are_vertices():
    nodes = [(0.1, 0.2), (0.12, 0.2), (-0.99, 0.0), (0.3, -0.7)]
    mesh = mesh_domain(Disk(1), centers=[(0.4, 0.4)], radius=0.1, nodes=nodes)
    for p in nodes:
        assert (np.abs(mesh.p.T - p).max(axis=1) == 0).any()


def test_the_same_input_gives_the_same_mesh():
    first, second = (mesh_domain(Disk(1), centers=RING, radius=0.05) for _ in range(2))
    assert np.array_equal(first.doflocs, second.doflocs)
    assert np.array_equal(first.t, second.t)


def test_a_hundred_cells():
    golden = np.pi * (3 - np.sqrt(5))
    centers = [
        (0.94 * np.sqrt((k + 0.5) / 100) * np.cos(k * golden), 0.94 * np.sqrt((k + 0.5) / 100) * np.sin(k * golden))
        for k in range(100)
    ]
    mesh = mesh_domain(Disk(1), centers=centers, radius=0.015, size=0.2, wall=12)
    assert area(mesh) == pytest.approx(np.pi * (1 - 100 * 0.015**2), rel=1e-5)
    assert smallest_angles(mesh.p.T, mesh.t.T).min() > 20


def test_gmsh_keeps_the_same_contract():
    pytest.importorskip("gmsh")
    mesh = mesh_domain(L, centers=[(0.5, 0.5), (1.5, 0.5)], radius=0.05, nodes=[(0.5, 1.5)], mesher="gmsh")
    assert area(mesh) == pytest.approx(3 - 2 * np.pi * 0.05**2, rel=1e-6)
    assert sorted(mesh.boundaries) == ["cell0", "cell1", "outer"]
    assert (np.abs(mesh.p.T - [0.5, 1.5]).max(axis=1) < 1e-14).any()
    assert smallest_angles(mesh.p.T, mesh.t.T).min() > 20


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_broken_pipe_is_an_error_after_gmsh():
    """As before it; run apart, since it would end the tests."""
    pytest.importorskip("gmsh")
    script = (
        "import os\nfrom symdyn.elements.meshing import mesh_domain\nfrom symdyn.models.domains import Disk\n"
        "mesh_domain(Disk(1), centers=[(0, 0)], radius=0.1, mesher='gmsh')\nread, write = os.pipe()\nos.close(read)\n"
        "try:\n    os.write(write, b'1')\nexcept BrokenPipeError:\n    print('told')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "told\n"), done


def test_a_mesh_of_scikit_fem_is_taken():
    made = mesh_domain(Disk(1), centers=THREE, radius=0.05)
    straight = fem.MeshTri1(made.p, made.t)
    centers = np.array(THREE)
    for given in (made, fem.MeshTri2(made.doflocs, made.t), straight):
        mesh = read_mesh(Disk(1), centers, 0.05, given)
        assert {k: sorted(v) for k, v in mesh.boundaries.items()} == {k: sorted(v) for k, v in made.boundaries.items()}
        assert area(mesh) == pytest.approx(area(made), rel=1e-12)
    with pytest.raises(DeclarationError, match=r"neither the wall of a cell of radius 0.06"):
        read_mesh(Disk(1), centers, 0.06, made)
    with pytest.raises(DeclarationError, match=r"no boundary at cell 4 at \(0.0, 0.5\)"):
        read_mesh(Disk(1), np.array([*THREE, (0, 0.5)]), 0.05, made)
    with pytest.raises(DeclarationError, match=r"near .* that is neither the wall"):
        read_mesh(Disk(2), centers, 0.05, made)


def test_what_a_mesh_may_be():
    sizes = [read_mesh(Disk(1), np.array(THREE), 0.05, m).nelements for m in (None, 0.1, {"size": 0.1, "wall": 20})]
    assert sizes[0] == sizes[1] == sizes[2]
    assert read_mesh(Disk(1), np.array(THREE), 0.05, 1).nelements == 4 * read_mesh(Disk(1), np.array(THREE), 0.05, 0).nelements
    for wrong in (True, [1, 2], object()):
        with pytest.raises(DeclarationError, match="expected a level"):
            read_mesh(Disk(1), np.array(THREE), 0.05, wrong)
    with pytest.raises(DeclarationError, match="'siez' is no option of a mesh; expected level, mesher, nodes, size, wall"):
        read_mesh(Disk(1), np.array(THREE), 0.05, {"siez": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain": Plane()}, r"no mesh of Plane\(\); expected a Disk, a Rectangle or a Polygon"),
        ({"domain": Interval(0, 1)}, "no mesh of Interval"),
        ({"radius": None}, "the cells need a radius"),
        ({"radius": -1}, "the radius of the mesh is -1; expected a positive number"),
        ({"radius": "x"}, "the radius of the mesh is 'x'"),
        ({"centers": [(0, 0), (0.1, 0)]}, r"cells 1 and 2 at \(0.0, 0.0\) and \(0.1, 0.0\) touch or overlap: .* 0.1 apart"),
        ({"centers": [(0, 0), (0.95, 0)]}, r"cell 2 at \(0.95, 0\) with the radius 0.05 touches or crosses the boundary"),
        ({"centers": [(3, 0)]}, r"cell 1 at \(3, 0\)"),
        ({"centers": [1, 2]}, r"the centers of the mesh have the shape \(2,\)"),
        ({"centers": "ab"}, "the centers of the mesh are 'ab'"),
        ({"nodes": [(1, 0)]}, r"the node \(1, 0\) does not lie inside"),
        ({"nodes": [(0.51, 0)]}, r"the node \(0.51, 0\) lies in cell 1"),
        ({"nodes": [(0.1, 0.1), (0.1, 0.1)]}, "the nodes 1 and 2 are the same point"),
        ({"size": 0}, "the size of the mesh is 0; expected a positive number"),
        ({"size": 5}, "the size 5 of the mesh is larger than"),
        ({"size": 1e-4}, "would need some 6e.08 triangles; pass a larger size"),
        ({"size": 0.1, "level": 1}, "either level or size"),
        ({"level": -1}, "the level of the mesh is -1; expected a whole number from 0 to 8"),
        ({"level": True}, "the level of the mesh is True"),
        ({"wall": 3}, r"the mesh has 3 edges around each cell \(wall\); expected a whole number, 8 or more"),
        ({"mesher": "triangle"}, "the mesher is 'triangle'; expected 'symdyn' or 'gmsh'"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(DeclarationError, match=message):
        mesh_domain(**{"domain": Disk(1), "centers": [(0.5, 0)], "radius": 0.05, **options})


@pytest.mark.parametrize(("module", "options"), [("skfem", {}), ("gmsh", {"mesher": "gmsh"})])
def test_missing_packages_are_named(monkeypatch, module, options):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DeclarationError, match="pip install"):
        mesh_domain(Disk(1), **options)
