"""Finite differences against polynomials, and closures at walls against the spectra of the operators."""

from __future__ import annotations

import numpy as np
import pytest

from symdyn.errors import DeclarationError
from symdyn.grids.stencils import centred, staggered, weights
from symdyn.grids.walls import MIRROR, PERIODIC, axis_matrix, extrapolation, ghost_weights


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_stencils_are_exact_for_polynomials(order, derivative):
    rng = np.random.default_rng(0)
    for make, shift in ((centred, 0.0), (staggered, 0.5)):
        offsets, coefficients = make(derivative, order)
        poly = np.polynomial.Polynomial(rng.standard_normal(derivative + order))
        found = sum(c * poly(k + shift) for k, c in zip(offsets, coefficients, strict=True))
        assert found == pytest.approx(poly.deriv(derivative)(0.0), abs=1e-9)


def test_known_coefficients():
    np.testing.assert_allclose(centred(2, 4).coefficients, np.array([-1, 16, -30, 16, -1]) / 12, atol=1e-15)
    np.testing.assert_allclose(centred(1, 6).coefficients, np.array([-1, 9, -45, 45, -9, 1]) / 60, atol=1e-15)
    np.testing.assert_allclose(staggered(1, 4).coefficients, np.array([1, -27, 27, -1]) / 24, atol=1e-15)
    np.testing.assert_allclose(staggered(0, 4).coefficients, np.array([-1, 9, 9, -1]) / 16, atol=1e-15)
    np.testing.assert_allclose(weights([0, 1, 2], 1), [-1.5, 2, -0.5])


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("condition", [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (2.0, 0.1)])
def test_ghosts_lie_on_the_polynomial_that_meets_the_condition(order, condition):
    alpha, beta = condition
    poly, h = np.polynomial.Polynomial(np.arange(1.0, order + 2)), 0.1
    gamma = alpha * poly(0.0) - beta * poly.deriv()(0.0)  # the outward normal points to negative distances
    w, c = ghost_weights(order, 3, (alpha, beta), h)
    inner, outer = h * (np.arange(order) + 0.5), -h * (np.arange(3) + 0.5)
    np.testing.assert_allclose(w @ poly(inner) + c * gamma, poly(outer), rtol=1e-9)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("left", [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (10.0, 1.0), MIRROR])
@pytest.mark.parametrize("right", [(1.0, 0.0), (0.0, 1.0), (1.0, 0.1), MIRROR])
def test_closures_are_stable(order, left, right):
    """Eigenvalues of the second derivative are real up to rounding and not positive, those of explicit steps bounded."""
    values = np.linalg.eigvals(axis_matrix(40, 1.0, 2, order, left, right)[0])
    assert values.real.max() < 1e-8
    assert values.real.min() > -8
    assert abs(values.imag).max() < 1e-6


@pytest.mark.parametrize("order", [2, 4, 6])
def test_smallest_eigenvalues(order):
    values = np.linalg.eigvals(axis_matrix(60, 1 / 60, 2, order, (1.0, 0.0), (1.0, 0.0))[0])
    assert np.sort(-values.real)[0] == pytest.approx(np.pi**2, rel=(4e-4, 1e-5, 1e-6)[order // 2 - 1])
    mixed = np.linalg.eigvals(axis_matrix(60, 1 / 60, 2, order, (1.0, 0.0), (0.0, 1.0))[0])
    assert np.sort(-mixed.real)[0] == pytest.approx(np.pi**2 / 4, rel=(4e-4, 1e-5, 1e-6)[order // 2 - 1])


def test_periodic_matrix_has_the_symbol_of_its_stencil():
    values = np.sort(np.linalg.eigvals(axis_matrix(12, 1.0, 2, 2, PERIODIC, PERIODIC)[0]).real)
    np.testing.assert_allclose(values, np.sort(2 * np.cos(2 * np.pi * np.arange(12) / 12) - 2), atol=1e-12)


def test_fluxes_beyond_walls():
    poly = np.polynomial.Polynomial([1.0, -2.0, 3.0, 0.5, 1.0])
    np.testing.assert_allclose(extrapolation(4, 2, odd=False) @ poly(np.arange(5.0)), poly([-1.0, -2.0]), rtol=1e-10)
    np.testing.assert_allclose(extrapolation(4, 2, odd=True) @ np.array([0.0, 1.0, 8.0]), [-1, -8])


def test_a_condition_that_cannot_be_met():
    # on two cells of width h the polynomial through them has u(0) in proportion to du/dn for one ratio of a and b
    w = np.linalg.solve(np.vander([0.5, 1.5, 0.0], 3, increasing=True)[:2, :2], np.eye(2))
    assert w.shape == (2, 2)
    m = np.vander([0.5, 1.5], 3, increasing=True)
    null = np.linalg.svd(m)[2][-1]  # the polynomial that vanishes at both points
    alpha, beta = null[1], null[0]  # alpha*q(0) - beta*q'(0) = 0
    with pytest.raises(DeclarationError, match="cannot be met on cells of width"):
        ghost_weights(2, 1, (alpha, beta), 1.0)


@pytest.mark.parametrize(("points", "order"), [([0, 0, 1], 1), ([0, 1], 2), ([0, 1], -1), ([], 0)])
def test_weights_need_different_positions_more_than_the_order(points, order):
    with pytest.raises(DeclarationError, match="expected different numbers, more than the order"):
        weights(points, order)
