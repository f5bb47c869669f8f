"""Green's functions by finite elements: against series and images, their order, corners, and errors."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from symdyn.cells.greens import DiskGreens, RectangleGreens, SmoothCorrection, greens_function
from symdyn.errors import DeclarationError
from symdyn.models.boxes import Interval, Rectangle
from symdyn.models.domains import Disk, Plane, Polygon

SPREAD = np.array([[0.5, 0], [-0.5, 0], [0, 0], [0.2, 0.7], [0.9, -0.3]])
INSIDE = np.array([[0.5, 0.5], [1.5, 0.5], [0.1, 0.9], [1.2, 0.3]])
CASES = [
    (DiskGreens(Disk(1)), SPREAD),
    (DiskGreens(Disk(2, (1, 1))), 2 * SPREAD + 1),
    (RectangleGreens(Rectangle(2, 1)), INSIDE),
]
ELBOW = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
TURNS = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [0.9, 0.9]])
BENT = greens_function(ELBOW)


@pytest.mark.parametrize(("exact", "points"), CASES)
def test_elements_agree_with_series_and_images(exact, points):
    elements = SmoothCorrection(exact.domain)
    phi2 = np.array([1.0, 1 + 0.4j, 20 + 30j, 200.0])
    got = elements.matrix(points, phi2)
    assert got == pytest.approx(exact.matrix(points, phi2), abs=1e-6)
    assert elements.neumann(points) == pytest.approx(exact.neumann(points), abs=1e-6)
    assert np.array_equal(got, got.swapaxes(1, 2))


def test_waves_between_resonances():
    got = SmoothCorrection(Disk(1)).matrix(SPREAD, [-5 + 0.1j])
    assert got == pytest.approx(DiskGreens(Disk(1)).matrix(SPREAD, [-5 + 0.1j]), abs=5e-6)


@pytest.mark.parametrize(("exact", "points"), CASES)
def test_errors_fall_with_the_fourth_power_of_the_size(exact, points):
    whole = np.sqrt(exact.domain.measure / np.pi)
    errors = []
    for size in (0.2, 0.1):
        elements = SmoothCorrection(exact.domain, size * whole)
        first = np.abs(elements.matrix(points, [1 + 0.4j]) - exact.matrix(points, [1 + 0.4j])).max()
        errors.append((first, np.abs(elements.neumann(points) - exact.neumann(points)).max()))
    assert (np.log2(np.array(errors[0]) / errors[1]) > 3.2).all()


@pytest.mark.parametrize(("exact", "points"), CASES)
def test_fields_agree_with_series_and_images(exact, points):
    elements = SmoothCorrection(exact.domain)
    at = np.random.default_rng(0).uniform(*exact.domain.box, (300, 2))
    at = at[exact.domain.contains(at)]
    assert elements.field(at, points, 1 + 0.4j) == pytest.approx(exact.field(at, points, 1 + 0.4j), abs=5e-5)
    assert elements.neumann_field(at, points) == pytest.approx(exact.neumann_field(at, points), abs=5e-5)


def test_fields_reach_the_curved_boundary():
    angle = np.linspace(0, 6, 50)
    at = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    exact, elements = DiskGreens(Disk(1)), SmoothCorrection(Disk(1))
    assert elements.field(at, SPREAD[:3], 2.0) == pytest.approx(exact.field(at, SPREAD[:3], 2.0), abs=5e-5)


@pytest.mark.parametrize("distance", [0.02, 1e-3])
def test_points_close_to_the_wall(distance):
    points = [[1 - distance, 0], [(1 - distance) * np.cos(0.1), (1 - distance) * np.sin(0.1)], [0, 0]]
    got = SmoothCorrection(Disk(1)).matrix(points, [1 + 0.4j])
    assert got == pytest.approx(DiskGreens(Disk(1)).matrix(points, [1 + 0.4j]), abs=4e-6)


def test_polygon_that_is_a_rectangle():
    # turned by an angle, so that nothing is aligned
    turn = np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
    exact, turned = RectangleGreens(Rectangle(2, 1)), greens_function(Polygon(Rectangle(2, 1).points @ turn))
    assert turned.matrix(INSIDE @ turn, [3 + 2j]) == pytest.approx(exact.matrix(INSIDE, [3 + 2j]), abs=1e-6)
    assert turned.neumann(INSIDE @ turn) == pytest.approx(exact.neumann(INSIDE), abs=1e-6)


def test_reentrant_corner_costs_no_accuracy():
    errors = [SmoothCorrection(ELBOW, size).error(TURNS, 1 + 0.4j) for size in (0.2, 0.1)]
    assert errors[1] < 1e-6
    assert np.log2(errors[0] / errors[1]) > 3.2
    # the diagonal mirrors the second point on the third
    matrix = BENT.matrix(TURNS, [1 + 0.4j])[0]
    swapped = matrix[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])]
    assert swapped == pytest.approx(matrix, abs=1e-6)


def test_estimated_error_is_the_error():
    elements = SmoothCorrection(Disk(1), 0.2)
    error = np.abs(elements.matrix(SPREAD, [2.0]) - DiskGreens(Disk(1)).matrix(SPREAD, [2.0])).max()
    assert elements.error(SPREAD, 2.0) == pytest.approx(error, rel=0.2)


def test_means_over_the_polygon():
    means = []
    for n in (10, 20):
        x = (np.arange(2 * n) + 0.5) / n
        at = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
        at = at[ELBOW.contains(at)]
        # the midpoint rule errs at a logarithm by a multiple of h^2
        means.append((BENT.field(at, TURNS, 3 + 2j).mean(axis=0), BENT.neumann_field(at, TURNS).mean(axis=0)))
    first, second = ((4 * b - a) / 3 for a, b in zip(*means, strict=True))
    assert first == pytest.approx(1 / (3 + 2j) / 3, abs=1e-5)
    assert second == pytest.approx(0, abs=1e-5)


def test_fast_diffusion_in_a_polygon():
    d = np.array([100.0, 1000.0])
    rest = BENT.matrix(TURNS, 1 / d).real - d[:, None, None] / 3 - BENT.neumann(TURNS)
    assert np.abs(rest[0]).max() / np.abs(rest[1]).max() == pytest.approx(10, rel=0.05)


def test_same_mesh_same_numbers():
    again = [SmoothCorrection(ELBOW, 0.2).matrix(TURNS, [1 + 0.4j]) for _ in range(2)]
    assert np.array_equal(*again)


@pytest.mark.parametrize("domain", [Plane(), Interval(0, 1)])
def test_domains_that_elements_do_not_fill(domain):
    with pytest.raises(DeclarationError, match=r"finite elements do not fill .*; take a Disk, a Rectangle or a Polygon"):
        SmoothCorrection(domain)


@pytest.mark.parametrize("size", [0, -1, float("nan"), "fine"])
def test_size_of_the_elements(size):
    with pytest.raises(DeclarationError, match=r"the size of the elements is .*; expected a positive number, such as 0.1"):
        SmoothCorrection(Disk(1), size)


def test_without_scikit_fem(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfem", None)
    with pytest.raises(DeclarationError, match="finite elements need the package scikit-fem; install it with"):
        SmoothCorrection(Disk(1)).matrix([[0, 0]], [1.0])
