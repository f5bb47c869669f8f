"""Matrices of the bulk: exact integrals, balances, the eigenvalues of domains, and convergence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from scipy.sparse.linalg import eigsh

import symdyn as sd
from symdyn.cells._factors import factorise
from symdyn.cells.finite_elements import FiniteElements
from symdyn.errors import DeclarationError
from symdyn.models import zoo

pytest.importorskip("skfem")

THREE = np.array([(0.5, 0), (-0.5, 0), (0, 0)])


@pytest.fixture(scope="module")
def elements() -> FiniteElements:
    return FiniteElements(sd.Disk(1), THREE, 0.05, 0)


@pytest.fixture(scope="module")
def values():
    colony = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=[0.8, 0.7, 0.4],
        efflux=[0.2, 0.3, 0.4],
    )  # fmt: skip
    return colony.values({"D": 0.7, "tau": 0.55})


def test_integrals_of_polynomials(elements):
    x, y = elements.points.T
    inside = np.pi * (1 - 3 * 0.05**2)
    one = np.ones(elements.size)
    assert elements.area == pytest.approx(inside, rel=1e-5)
    assert elements.perimeters == pytest.approx(np.full(3, 0.1 * np.pi), rel=1e-4)
    # quadratic functions belong to the elements where triangles are straight, and nearly where they are curved
    moment = np.pi / 2 - sum(0.05**4 * np.pi / 2 + np.pi * 0.05**2 * (c @ c) for c in THREE)
    assert elements.integral @ (x**2 + y**2) == pytest.approx(moment, rel=1e-4)
    assert x @ elements.stiffness @ x == pytest.approx(inside, rel=1e-5)
    assert np.abs(elements.stiffness @ one).max() < 1e-12
    for j, wall in enumerate(elements.walls):
        assert wall @ one == pytest.approx(elements.loads[:, [j]].toarray().ravel(), abs=1e-15)
        assert one @ wall @ x == pytest.approx(THREE[j, 0] * 0.1 * np.pi, rel=1e-4, abs=1e-6)


def test_what_leaves_the_cells_enters_the_bulk(elements, values):
    (e,) = elements.matrices(values)
    one = np.ones(elements.size)
    assert abs(e.A - e.A.T).max() < 1e-12
    assert one @ e.B == pytest.approx(e.tau * e.loss, rel=1e-13)
    assert e.tau * (one[:3] @ e.C) == pytest.approx(one @ (e.A - e.M), abs=1e-12)
    assert e.loss == pytest.approx(2 * np.pi * np.array([0.2, 0.3, 0.4]) / 0.55, rel=1e-4)


def test_eigenvalues_of_the_disc_converge_with_the_fourth_power():
    exact = np.sort(
        np.concatenate([np.repeat(special.jnp_zeros(1, 1), 2), np.repeat(special.jnp_zeros(2, 1), 2), special.jnp_zeros(0, 1)])
        ** 2
    )
    wrong = []
    for level in range(2):
        e = FiniteElements(sd.Disk(1), np.empty((0, 2)), 0.05, level)
        found = eigsh(e.stiffness, 6, e.mass, sigma=-1.0, v0=np.ones(e.size) + e.points[:, 0], return_eigenvectors=False)
        wrong.append(np.sort(found)[1:] - exact)
    assert np.abs(wrong[1] / exact).max() < 2e-5
    assert (np.log2(np.abs(np.array(wrong[0]) / wrong[1])) > 3.5).all()


@pytest.mark.parametrize("domain", [sd.Rectangle(2, 1), sd.Polygon([(0, 0), (2, 0), (2, 1), (0, 1)])])
def test_eigenvalues_of_the_rectangle(domain):
    e = FiniteElements(domain, np.empty((0, 2)), 0.05, None)
    found = np.sort(eigsh(e.stiffness, 5, e.mass, sigma=-1.0, v0=np.cos(np.arange(e.size)), return_eigenvectors=False))
    assert found[1:] == pytest.approx(np.pi**2 * np.array([0.25, 1, 1, 1.25]), rel=1e-5)


def test_first_eigenvalue_of_the_l_shape():
    # 1.4756218 for squares of side 1 (Dauge's benchmark of Maxwell eigenvalues, of which those of Neumann are a part)
    domain = sd.Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])
    e = FiniteElements(domain, np.empty((0, 2)), 0.05, 0.1)
    found = np.sort(eigsh(e.stiffness, 4, e.mass, sigma=-1.0, v0=np.cos(np.arange(e.size)), return_eigenvectors=False))
    assert found[1] == pytest.approx(1.47562182408, rel=1e-3)
    assert found[2] == pytest.approx(3.53403136678, rel=1e-5)
    assert found[3] == pytest.approx(np.pi**2, rel=1e-5)


def test_a_ring_around_a_cell_has_the_field_of_bessel_functions():
    e = FiniteElements(sd.Disk(1), np.zeros((1, 2)), 0.1, 1)
    decay = e.stiffness + e.mass
    field = factorise(decay).solve(e.loads.toarray().ravel())  # unit flux through the wall, decay, no flux outside
    r = np.hypot(*e.points.T)

    def shape(r):
        return special.k0(r) + special.k1(1) / special.i1(1) * special.i0(r)

    slope = special.k1(0.1) - special.k1(1) / special.i1(1) * special.i1(0.1)
    assert field == pytest.approx(shape(r) / slope, rel=1e-4)


def test_triangles_cover_the_bulk(elements):
    p, t = elements.points, elements.triangles
    u, v = p[t[:, 1]] - p[t[:, 0]], p[t[:, 2]] - p[t[:, 0]]
    areas = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(elements.area, rel=3e-3)


def test_factors_solve(elements, values):
    (e,) = elements.matrices(values)
    right = np.cos(np.arange(elements.size))
    assert e.A @ factorise(e.A).solve(right) == pytest.approx(right, abs=1e-11)


def test_values_of_other_cells_are_refused(elements):
    other = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2
    )
    with pytest.raises(DeclarationError, match="the values are of 1 cells, the mesh has 3"):
        elements.matrices(other.values({"D": 1, "tau": 1}))
