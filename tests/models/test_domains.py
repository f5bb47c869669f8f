"""Domains: areas, distances, and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import symdyn as sd

L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]


@pytest.mark.parametrize(
    ("domain", "measure"),
    [
        (sd.Interval(-1, 2), 3),
        (sd.Rectangle(2, 3), 6),
        (sd.Disk(2), 4 * math.pi),
        (sd.Polygon(L_SHAPE), 3),
        (sd.Polygon(L_SHAPE[::-1]), 3),
        (sd.Plane(), math.inf),
    ],
)
def test_measures(domain, measure):
    assert domain.measure == pytest.approx(measure)


@pytest.mark.parametrize("domain", [sd.Rectangle(2, 1, (-1, 0)), sd.Disk(0.8, (0.1, 0.2)), sd.Polygon(L_SHAPE)])
def test_the_share_of_random_points_inside_is_the_area(domain):
    low, high = domain.box
    points = low + (high - low) * np.random.default_rng(1).random((40000, 2))
    share = domain.contains(points).mean() * np.prod(high - low)
    assert share == pytest.approx(domain.measure, abs=4 * np.prod(high - low) * 0.5 / 200)


@pytest.mark.parametrize("domain", [sd.Interval(0, 2), sd.Rectangle(2, 1), sd.Disk(1), sd.Polygon(L_SHAPE)])
def test_distance_changes_at_most_by_the_way_gone(domain):
    generator = np.random.default_rng(2)
    a, b = generator.uniform(-1, 3, (2, 500, domain.dimension))
    change = np.abs(domain.distance(a) - domain.distance(b))
    assert (change <= np.linalg.norm(a - b, axis=-1) + 1e-12).all()


def test_distances_by_hand():
    assert sd.Rectangle(2, 1).distance([[1, 0.5], [3, 2], [1, 2], [-1, 0.5]]) == pytest.approx([-0.5, math.sqrt(2), 1, 1])
    assert sd.Disk(2, (1, 0)).distance([[1, 0], [4, 0]]) == pytest.approx([-2, 1])
    assert sd.Polygon(L_SHAPE).distance(np.array([[0.5, 0.5], [1.5, 1.5], [0.8, 0.9]])) == pytest.approx(
        [-0.5, 0.5, -math.hypot(0.2, 0.1)]
    )
    assert sd.Interval(0, 2).distance([[0.5], [3]]) == pytest.approx([-0.5, 1])
    assert sd.Plane().contains(np.zeros((3, 2))).all()


@pytest.mark.parametrize(
    "make", [sd.Plane, lambda: sd.Disk(1, [0, 1]), lambda: sd.Rectangle(2, 1), lambda: sd.Polygon(L_SHAPE)]
)
def test_equal_domains_have_one_hash(make):
    assert make() == make()
    assert len({make(), make()}) == 1


def test_polygons_are_equal_by_their_corners():
    assert sd.Polygon(L_SHAPE) == sd.Polygon(np.array(L_SHAPE))
    assert repr(sd.Polygon([(0, 0), (1, 0), (0, 1)])) == "Polygon([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.Interval(2, 1), "the interval ends at 1, not after its start 2"),
        (lambda: sd.Interval(0, math.inf), "the end of the Interval is inf; expected a finite number"),
        (lambda: sd.Rectangle(0, 1), "the width of the Rectangle is 0; expected a positive number"),
        (lambda: sd.Rectangle(1, 1, 3), "the corner of the Rectangle is 3; expected two numbers"),
        (lambda: sd.Disk("a"), "the radius of the Disk is 'a'; expected a finite number"),
        (lambda: sd.Polygon([(0, 0), (1, 0)]), "at least three corners"),
        (lambda: sd.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "sides of the Polygon cross"),
        (lambda: sd.Polygon([(0, 0), (1, 0), (1, 0), (0, 1)]), "cross or touch"),
        (lambda: sd.Polygon([(0, "a"), (1, 1), (1, 0)]), "expected pairs of numbers"),
    ],
)
def test_errors(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()


@pytest.mark.parametrize(
    "domain", [sd.Box(1, 1, 1), sd.Rectangle(1, 1), sd.Disk(1), sd.Polygon([(0, 0), (1, 0), (0, 1)]), sd.Plane()]
)
@pytest.mark.parametrize("ask", ["contains", "distance"])
def test_positions_of_another_dimension_are_refused(domain, ask):
    for wrong in (5.0, [0.5], np.zeros((2, 4)), "middle"):
        with pytest.raises(sd.DeclarationError, match=f"expected numbers|takes .*{domain.dimension}"):
            getattr(domain, ask)(wrong)
