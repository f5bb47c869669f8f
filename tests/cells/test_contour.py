"""All roots in a region, with multiplicity, of problems whose roots are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import symdyn as sd
from symdyn.cells._regions import SearchRectangle, read_region
from symdyn.cells.contour import eigenpairs, roots
from symdyn.cells.winding import winding_number


def polynomial(seed, n, degree):
    """A random matrix polynomial and all its eigenvalues by linearisation."""
    generator = np.random.default_rng(seed)
    parts = generator.normal(size=(degree + 1, n, n))

    def matrices(z):
        return sum(z[:, None, None] ** k * parts[k] for k in range(degree + 1))

    companion, mass = np.zeros((degree * n, degree * n)), np.eye(degree * n)
    companion[:-n, n:] = np.eye((degree - 1) * n)
    companion[-n:] = -np.concatenate(parts[:-1], axis=1)
    mass[-n:, -n:] = parts[-1]
    return matrices, scipy.linalg.eigvals(companion, mass)


def inside(values, low, high):
    return values[(values.real > low.real) & (values.real < high.real) & (values.imag > low.imag) & (values.imag < high.imag)]


@pytest.mark.parametrize("seed", range(6))
def test_matrix_polynomials(seed):
    matrices, every = polynomial(seed, 6, 3)
    low, high = -1.1 - 0.9j, 1.3 + 1.2j
    expected = inside(every, low, high)
    found, vectors = roots(matrices, (low, high))
    assert len(found) == len(expected) > 5
    assert np.abs(found[:, None] - expected).min(axis=1).max() < 1e-10
    assert np.abs(found[:, None] - expected).min(axis=0).max() < 1e-10
    rest = np.linalg.norm(np.einsum("kab,bk->ka", matrices(found), vectors), axis=1)
    assert rest.max() < 1e-9


def test_more_roots_than_rows():
    # det = sinh: its zeros are i pi n
    found, _ = roots(lambda z: np.sinh(z)[:, None, None] * np.eye(1), (-1 - 50j, 1 + 50j))
    assert np.sort(found.imag) == pytest.approx(np.pi * np.arange(-15, 16), abs=1e-11)


def test_multiple_roots_have_as_many_vectors():
    generator = np.random.default_rng(0)
    q, _ = np.linalg.qr(generator.normal(size=(4, 4)))

    def matrices(z):
        rows = np.stack([z - 0.3j, z - 0.3j, z - 0.3j, np.exp(z) - 2], axis=1)
        return q @ (rows[:, :, None] * q.T)

    found, vectors = roots(matrices, (-1 - 1j, 1 + 1j))
    assert found == pytest.approx([np.log(2), 0.3j, 0.3j, 0.3j], abs=1e-11)
    assert np.linalg.matrix_rank(vectors[:, 1:], tol=1e-6) == 3


def test_roots_beside_poles_of_the_reduced_problem():
    # 1 + g/(z - p) = 0 has the root p - g: as a whole, [[z - p, 1], [-g, 1]], it has no pole
    p, g = 0.4 + 0.1j, 1e-9

    def matrices(z):
        out = np.ones((len(z), 2, 2), complex)
        out[:, 0, 0], out[:, 1, 0] = z - p, -g
        return out

    def reduced(z):
        f = 1 + g / (z - p)
        return f / np.abs(f), np.log(np.abs(f))

    found, _ = eigenpairs(matrices, reduced, np.array([p]), SearchRectangle(-1 - 1j, 1 + 1j))
    assert len(found) == 1
    assert abs(found[0] - (p - g)) < 1e-13


@pytest.mark.parametrize("seed", range(4))
def test_winding_numbers_of_clustered_zeros_and_poles(seed):
    # as of many cells: hundreds of zeros and poles side by side, whose turns hide each other from afar
    generator = np.random.default_rng(seed)
    poles = 0.3 + 0.4j + 0.2 * (generator.normal(size=200) + 1j * generator.normal(size=200))
    zeros = np.concatenate([poles - 0.05 * generator.random(200), 2 * (generator.random(60) - 0.5) + 2j * generator.random(60)])

    def f(z):
        size = np.log(np.abs(z[:, None] - zeros)).sum(1) - np.log(np.abs(z[:, None] - poles)).sum(1)
        turn = np.angle(z[:, None] - zeros).sum(1) - np.angle(z[:, None] - poles).sum(1)
        return np.exp(1j * turn), size

    for region in (
        SearchRectangle(-0.2 - 0.1j, 0.8 + 0.9j),
        SearchRectangle(0.1 + 0.1j, 0.55 + 0.6j),
        SearchRectangle(-3 - 3j, 3 + 3j),
    ):
        expected = int(region.contains(zeros).sum()) - int(region.contains(poles).sum())
        assert winding_number(f, region, poles) == expected


def test_a_root_on_the_boundary_is_told():
    def f(z):
        return z / np.abs(z), np.log(np.abs(z))

    with np.errstate(all="ignore"), pytest.raises(sd.SymdynError, match="lies on the boundary"):
        winding_number(f, SearchRectangle(0 - 1j, 1 + 1.1j))


@pytest.mark.parametrize("region", [(-1 - 2j, 3 + 4j), ((-1, 3), (-2, 4)), (-1, 3, -2, 4), np.array([-1, 3, -2, 4.0])])
def test_regions_are_read_in_three_ways(region):
    assert read_region(region) == SearchRectangle(-1 - 2j, 3 + 4j)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((1, 2, 3), "expected two complex corners"),
        ("all", "the region is 'all'; expected"),
        ((1 + 1j, 0), "is empty or infinite"),
        ((-1, 1, 2, 2), "is empty or infinite"),
        ((-np.inf, 1, 0, 1), "is empty or infinite"),
    ],
)
def test_errors_of_regions(region, message):
    with pytest.raises(sd.DeclarationError, match=message):
        read_region(region)
