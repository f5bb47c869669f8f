"""Moments of diffusions after a time, against closed forms of linear ones and of the method of order four."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdyn.inference.local_moments import CHUNK, LocalMoments

x, y, t, a, b, s = sp.symbols("x y t a b s")


def test_one_step_is_that_of_runge_and_kutta():
    # m' = -a m: the Taylor polynomial of degree four; P' = -2 a P + s^2
    moments = LocalMoments([x], [a, s], t, [-a * x], sp.Matrix([[s**2]]))
    theta, gap = np.array([0.7, 0.5]), 0.4

    def grown(z):
        return 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24

    (mean, spread), slopes = moments.after(theta, np.array([[2.0]]), np.array([3.0]), np.array([gap]), steps=1, slopes=True)
    z = -2 * 0.7 * gap
    assert mean == pytest.approx(2 * grown(-0.7 * gap), rel=1e-14)
    assert spread == pytest.approx(0.25 * gap * (1 + z / 2 + z**2 / 6 + z**3 / 24), rel=1e-14)
    # the derivative by a of the polynomial, and the covariance is proportional to s^2
    w = -0.7 * gap
    assert slopes[0, 0] == pytest.approx(-gap * 2 * (1 + w + w**2 / 2 + w**3 / 6), rel=1e-13)
    assert slopes[1, :, 0] == pytest.approx([0.0, 2 * spread[0] / 0.5], rel=1e-13)


def test_time_inside_a_step_is_that_of_simpson():
    moments = LocalMoments([x], [], t, [sp.cos(t)], sp.Matrix([[t]]))
    begin, gap = 0.3, 0.8
    (mean, spread), _ = moments.after(np.zeros(0), np.array([[1.0]]), np.array([begin]), np.array([gap]), steps=2)
    nodes = begin + gap * np.arange(5) / 4
    rule = gap / 12 * np.array([1, 4, 2, 4, 1])
    assert mean == pytest.approx(1 + rule @ np.cos(nodes), rel=1e-14)
    assert spread == pytest.approx(rule @ nodes, rel=1e-14)


def test_two_states_many_points_and_terms_at_zero():
    # geometric Brownian motion x, and y' = b x: E x = e^{a t}, Var x = e^{2 a t}(e^{s^2 t} - 1)
    noise = sp.Matrix([[s**2 * x**2, 0], [0, 0]])
    moments = LocalMoments([x, y], [a, b, s], t, [a * x, b * x], noise)
    count = CHUNK // 4 + 7  # more than are worked on at once
    gaps = np.linspace(0.1, 1.0, count)
    found, slopes = moments.after(
        np.array([0.3, 0.5, 0.2]), np.ones((2, count)) * [[1.0], [0.0]], np.zeros(count), gaps, steps=8, slopes=True
    )
    mean = np.exp(0.3 * gaps)
    np.testing.assert_allclose(found[0], mean, rtol=1e-7)
    np.testing.assert_allclose(found[1], 0.5 * (mean - 1) / 0.3, rtol=1e-7)
    np.testing.assert_allclose(found[2], mean**2 * np.expm1(0.04 * gaps), rtol=1e-6)
    np.testing.assert_allclose(slopes[0, 0], gaps * mean, rtol=1e-6)
    np.testing.assert_allclose(slopes[1, 1], (mean - 1) / 0.3, rtol=1e-6)
    full = moments.matrix(found[2:])
    assert full.shape == (count, 2, 2)
    np.testing.assert_allclose(full[:, 0, 1], full[:, 1, 0])
    still = moments.without([a])
    assert still.parameters == (b, s)
    (level, *_), _ = still.after(np.array([0.5, 0.2]), np.array([[2.0], [0.0]]), np.zeros(1), np.ones(1), steps=1)
    assert level == pytest.approx(2.0)
    drift, spread = still.local(np.array([0.5, 0.2]), np.array([[2.0], [0.0]]), np.zeros(1))
    assert drift[:, 0] == pytest.approx([0.0, 1.0])
    assert spread[:, 0] == pytest.approx([0.16, 0.0, 0.0])
