"""Green's functions in closed form and by series: against long sums in many digits, images, limits, and the equation itself."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import kv

from symdyn.cells.greens import DiskGreens, PlaneGreens, RectangleGreens, greens_function
from symdyn.errors import DeclarationError
from symdyn.models.boxes import Interval, Rectangle
from symdyn.models.domains import Disk, Plane, Polygon

SPREAD = np.array([[0.5, 0], [-0.5, 0], [0, 0], [0.2, 0.7], [0.9, -0.3]])
INSIDE = np.array([[0.5, 0.5], [1.5, 0.5], [0.1, 0.9], [1.2, 0.3]])
MANY = [1.0, 1 + 0.4j, 20 + 30j, 200.0, 1e-3, -5 + 0.1j]


def regular(phi):
    return (np.log(2) - np.euler_gamma - np.log(phi)) / (2 * np.pi)


def long_series(r, rho, angle, phi, terms):
    """The plain series of the unit disc, whose Bessel functions leave the range of double precision."""
    total = mp.mpf(0)
    for n in range(terms):
        k = -(mp.besselk(n - 1, phi) + mp.besselk(n + 1, phi)) / 2
        i = (mp.besseli(n - 1, phi) + mp.besseli(n + 1, phi)) / 2
        total -= (2 if n else 1) * mp.cos(n * angle) * k / i * mp.besseli(n, phi * r) * mp.besseli(n, phi * rho)
    return total / (2 * mp.pi)


@pytest.mark.parametrize("phi2", [1 + 0.4j, 1e-6, 20 + 30j, -5 + 0j, 1e4])
def test_disk_against_the_plain_series_in_many_digits(phi2):
    r, rho, angle = 0.6, 0.7, 0.6
    got = DiskGreens(Disk(1)).matrix([[r, 0], [rho * np.cos(angle), rho * np.sin(angle)]], [phi2])[0]
    with mp.workdps(30):
        phi = mp.sqrt(mp.mpmathify(phi2))
        apart = mp.sqrt(r**2 + rho**2 - 2 * r * rho * mp.cos(angle))
        expected = complex(mp.besselk(0, phi * apart) / (2 * mp.pi) + long_series(r, rho, angle, phi, 80))
        diagonal = complex((mp.log(2) - mp.euler - mp.log(phi)) / (2 * mp.pi) + long_series(r, r, 0, phi, 80))
    assert got[0, 1] == pytest.approx(expected, rel=1e-14, abs=2e-15)
    assert got[0, 0] == pytest.approx(diagonal, rel=1e-14, abs=2e-15)


@pytest.mark.parametrize("distance", [0.05, 0.005])
def test_disk_near_its_wall_approaches_that_of_the_half_plane(distance):
    # the image adds K0 at twice the distance; the wall's curvature adds terms of the size of the distance
    phi = 30.0
    x = [[1 - distance, 0]]
    got = DiskGreens(Disk(1)).matrix(x, [phi**2])[0, 0, 0].real
    flat = regular(phi) + kv(0, 2 * phi * distance) / (2 * np.pi)
    assert got == pytest.approx(flat, abs=0.006)
    # a disc ten times as large is flatter by as much
    wide = DiskGreens(Disk(10)).matrix([[10 - distance, 0]], [phi**2])[0, 0, 0].real
    assert abs(wide - flat) == pytest.approx(abs(got - flat) / 10, rel=0.1, abs=1e-6)


def test_neumann_function_of_the_disk_is_that_of_the_theory():
    x, y = SPREAD[3], SPREAD[4]
    a, b = x @ x, y @ y
    g = (
        -np.log(np.hypot(*(x - y))) / (2 * np.pi)
        - np.log(a * b + 1 - 2 * x @ y) / (4 * np.pi)
        + (a + b) / (4 * np.pi)
        - 3 / (8 * np.pi)
    )
    r = -np.log(1 - a) / (2 * np.pi) + a / (2 * np.pi) - 3 / (8 * np.pi)
    got = DiskGreens(Disk(1)).neumann([x, y])
    assert got[0, 1] == pytest.approx(g, abs=1e-15)
    assert got[0, 0] == pytest.approx(r, abs=1e-15)


def test_neumann_function_of_the_disk_has_zero_mean():
    nodes, weights = np.polynomial.legendre.leggauss(60)
    r, angle = (nodes + 1) / 2, 2 * np.pi * np.arange(120) / 120
    at = np.stack([np.outer(r, np.cos(angle)), np.outer(r, np.sin(angle))], axis=-1).reshape(-1, 2)
    area = np.repeat(weights / 2 * r, 120) * 2 * np.pi / 120
    source = np.array([0.3, 0.2])
    smooth = DiskGreens(Disk(1)).neumann_field(at, source[None])[:, 0] + np.log(np.hypot(*(at - source).T)) / (2 * np.pi)
    # the average of log|x - xi| over the disc is (|xi|^2 - 1)/2
    assert area @ smooth == pytest.approx((source @ source - 1) / 4, abs=1e-12)


def test_fast_diffusion_leaves_the_mean_and_the_neumann_function():
    x, disk = SPREAD[:3], DiskGreens(Disk(1))
    errors = [np.abs(disk.matrix(x, [1 / d])[0] - d / np.pi - disk.neumann(x)).max() for d in (10, 100, 1000)]
    assert np.all(np.array(errors) < [5.2e-3, 5.4e-4, 5.4e-5])
    assert np.all(np.array(errors[:-1]) / errors[1:] == pytest.approx([9.9, 10], rel=0.02))


def test_first_correction_of_fast_diffusion_is_the_square_of_the_neumann_function():
    # for the source in the middle, G0(r) = -log(r)/2 pi + r^2/4 pi - 3/8 pi
    square = quad(lambda r: 2 * np.pi * r * (-np.log(r) / (2 * np.pi) + r**2 / (4 * np.pi) - 3 / (8 * np.pi)) ** 2, 0, 1)[0]
    disk, d = DiskGreens(Disk(1)), 1e3
    got = disk.matrix([[0, 0]], [1 / d])[0, 0, 0].real - d / np.pi - disk.neumann([[0, 0]])[0, 0]
    assert got * d == pytest.approx(-square, rel=1e-3)


@pytest.mark.parametrize(
    ("small", "large", "points"),
    [
        (Disk(1), Disk(2, (1, -3)), SPREAD),
        (Rectangle(2, 1), Rectangle(4, 2, (1, -3)), INSIDE),
    ],
)
def test_other_sizes_and_places(small, large, points):
    one, two = greens_function(small), greens_function(large)
    moved = 2 * points + [1, -3]
    shift = np.log(2) / (2 * np.pi) * np.eye(len(points))
    assert two.matrix(moved, np.array(MANY) / 4) == pytest.approx(
        one.matrix(points, np.array(MANY)) + shift, rel=1e-13, abs=1e-13
    )
    assert two.neumann(moved) == pytest.approx(one.neumann(points) + shift, abs=1e-14)


def images(points, phi, a, b, reach):
    total = np.zeros((len(points), len(points)), complex)
    for n in range(-reach, reach + 1):
        for k in range(-reach, reach + 1):
            for s in (1, -1):
                for t in (1, -1):
                    x = points[:, None, 0] - s * points[:, 0] + 2 * n * a
                    y = points[:, None, 1] - t * points[:, 1] + 2 * k * b
                    r = np.hypot(x, y)
                    total[r > 0] += kv(0, phi * r[r > 0]) / (2 * np.pi)
    return total + np.eye(len(points)) * regular(phi)


@pytest.mark.parametrize("phi2", [2.0, 20 + 5j, 3 + 3j, 200 + 100j])
def test_rectangle_against_plain_images(phi2):
    expected = images(INSIDE, np.sqrt(complex(phi2)), 2, 1, 14)
    assert RectangleGreens(Rectangle(2, 1)).matrix(INSIDE, [phi2])[0] == pytest.approx(expected, abs=1e-13)


def test_flat_rectangle_is_a_line():
    # across a strip much thinner than the decay length the signal is that of one dimension
    got = RectangleGreens(Rectangle(3, 0.02)).matrix([[1, 0.01], [2.2, 0.01]], [4.0])[0, 0, 1].real
    phi = 2.0
    line = np.cosh(phi * 1) * np.cosh(phi * 0.8) / (phi * np.sinh(phi * 3))
    assert got == pytest.approx(line / 0.02, rel=1e-12)


def test_rectangle_has_its_modes_as_poles():
    kappa2 = np.pi**2 / 4 + np.pi**2
    wave = np.cos(np.pi * INSIDE[:, 0] / 2) * np.cos(np.pi * INSIDE[:, 1])
    g = RectangleGreens(Rectangle(2, 1)).matrix(INSIDE, np.array([-kappa2 + 1e-6j, -kappa2 - 1e-6j]))
    # 4/|Omega| is what normalises the product of two cosines
    assert (g[0] - g[1]) * 1e-6j / 2 == pytest.approx(2 * np.outer(wave, wave), abs=1e-9)


def richardson(greens, sources, phi2):
    """Means over the rectangle of size 2 x 1 by the midpoint rule, whose error at a logarithm is a multiple of h^2."""
    means = []
    for n in (20, 40):
        x, y = (np.arange(2 * n) + 0.5) / n, (np.arange(n) + 0.5) / n
        at = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        values = greens.neumann_field(at, sources) if phi2 is None else greens.field(at, sources, phi2)
        means.append(values.mean(axis=0))
    return (4 * means[1] - means[0]) / 3


def test_means_over_the_rectangle():
    greens = RectangleGreens(Rectangle(2, 1))
    assert richardson(greens, INSIDE, None) == pytest.approx(0, abs=1e-7)
    # what is released decays: the integral of G is 1/phi^2
    assert richardson(greens, INSIDE, 3 + 2j) == pytest.approx(1 / (3 + 2j) / 2, abs=1e-7)


CLOSED = [
    (DiskGreens(Disk(1)), SPREAD),
    (RectangleGreens(Rectangle(2, 1)), INSIDE),
    (PlaneGreens(Plane()), SPREAD),
]


@pytest.mark.parametrize(("greens", "points"), CLOSED)
def test_symmetry_and_order_of_points(greens, points):
    phi2 = np.array(MANY)
    matrix = greens.matrix(points, phi2)
    assert np.array_equal(matrix, matrix.swapaxes(1, 2))
    order = np.random.default_rng(0).permutation(len(points))
    assert greens.matrix(points[order], phi2) == pytest.approx(matrix[:, order][:, :, order], rel=1e-13, abs=1e-14)
    assert greens.matrix(points, phi2.conj()) == pytest.approx(matrix.conj(), rel=1e-13, abs=1e-14)


@pytest.mark.parametrize(("greens", "points"), CLOSED)
@pytest.mark.parametrize("phi2", [1.0, 20 + 30j])
def test_field_agrees_with_the_matrix(greens, points, phi2):
    matrix = greens.matrix(points, [phi2])[0]
    assert greens.field(points[:2], points[2:], phi2) == pytest.approx(matrix[:2, 2:], rel=1e-12, abs=1e-14)
    # close to a source it is the logarithm and the regular part
    near = points[0] + [1e-5, 0]
    assert greens.field(near[None], points[:1], phi2)[0, 0] + np.log(1e-5) / (2 * np.pi) == pytest.approx(
        matrix[0, 0], abs=2e-5
    )


def laplacian(function, at, h):
    """Of fourth order."""
    total = -60 * function(at)
    for step in ([h, 0], [-h, 0], [0, h], [0, -h]):
        total = total + 16 * function(at + step) - function(at + 2 * np.array(step))
    return total / (12 * h**2)


@pytest.mark.parametrize(("greens", "points"), CLOSED)
def test_fields_satisfy_their_equations(greens, points):
    at = {"Rectangle": np.array([[0.8, 0.2], [1.7, 0.8]])}.get(
        type(greens.domain).__name__, np.array([[0.4, -0.5], [-0.3, 0.3]])
    )
    for phi2 in (1.0, 5 + 8j):
        value = laplacian(lambda x, phi2=phi2: greens.field(x, points[:2], phi2), at, 0.01)
        assert value == pytest.approx(phi2 * greens.field(at, points[:2], phi2), abs=2e-5)
    if not isinstance(greens.domain, Plane):
        value = laplacian(lambda x: greens.neumann_field(x, points[:2]), at, 0.01)
        assert value == pytest.approx(1 / greens.domain.measure, abs=2e-5)


@pytest.mark.parametrize(
    ("greens", "points", "wall", "normal"),
    [
        (DiskGreens(Disk(1)), SPREAD, [np.cos(1), np.sin(1)], [np.cos(1), np.sin(1)]),
        (RectangleGreens(Rectangle(2, 1)), INSIDE, [2, 0.4], [1, 0]),
        (RectangleGreens(Rectangle(2, 1)), INSIDE, [0.7, 0], [0, -1]),
    ],
)
def test_nothing_flows_through_the_boundary(greens, points, wall, normal):
    h = 1e-3
    at = np.array(wall) - h * np.arange(4)[:, None] * np.array(normal)
    slope = np.array([11, -18, 9, -2]) / (6 * h)
    assert slope @ greens.field(at, points, 4 + 3j) == pytest.approx(0, abs=1e-5)
    assert slope @ greens.neumann_field(at, points) == pytest.approx(0, abs=1e-5)


def test_plane():
    got = PlaneGreens(Plane()).matrix([[1, 0], [-1, 0]], [1 / 3])[0]
    assert got[0, 1] == pytest.approx(kv(0, 2 / np.sqrt(3)) / (2 * np.pi), rel=1e-14)
    assert got[0, 0] == pytest.approx((np.log(2 * np.sqrt(3)) - np.euler_gamma) / (2 * np.pi), rel=1e-14)
    # a large disc hardly differs
    assert DiskGreens(Disk(30)).matrix([[1, 0], [-1, 0]], [1 / 3])[0] == pytest.approx(got, abs=1e-13)


def test_fields_outside_are_not_a_number():
    for greens, points in CLOSED[:2]:
        at = np.array([[0.1, 0.1], [3.0, 0.0]])
        assert np.isnan(greens.field(at, points, 1.0)).all(axis=1).tolist() == [False, True]
        assert np.isnan(greens.neumann_field(at, points)).all(axis=1).tolist() == [False, True]


def test_no_points_and_no_growth_rates():
    for greens, points in CLOSED:
        assert greens.matrix(points, np.empty(0)).shape == (0, len(points), len(points))


def test_plane_has_no_neumann_function():
    plane = greens_function(Plane())
    for call in (lambda: plane.neumann([[0, 0]]), lambda: plane.neumann_field([[1, 0]], [[0, 0]])):
        with pytest.raises(DeclarationError, match=r"the Plane has no Neumann function.*bounded domain"):
            call()


def test_each_domain_has_its_route():
    corners = [(0, 0), (2, 0), (2, 1), (0, 1)]
    names = [type(greens_function(d)).__name__ for d in (Disk(1), Plane(), Rectangle(1, 1), Polygon(corners))]
    assert names == ["DiskGreens", "PlaneGreens", "RectangleGreens", "SmoothCorrection"]
    with pytest.raises(DeclarationError, match=r"no Green's function of Interval.*take a Disk"):
        greens_function(Interval(0, 1))


def test_infinite_at_the_source_without_a_warning(recwarn):
    found = DiskGreens(Disk(1)).field([[0.5, 0]], [[0.5, 0]], 1.0)
    assert np.isinf(found).all()
    assert not recwarn.list
