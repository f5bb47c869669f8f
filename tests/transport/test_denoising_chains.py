"""Denoising Markov chains: occupations and moments that are known, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from tests.transport.beds import ANGLES, RING

x, y, t = sp.symbols("x y t")
PROCESS = sd.SDESystem({x: 0, y: 0}, {x: sp.sqrt(2 * t), y: sp.sqrt(2 * t)})  # data + t z
LEVELS = np.geomspace(0.1, 1.5, 12)
MODES = 1.5 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def shares(draws):
    points = np.stack([draws.x.values.ravel(), draws.y.values.ravel()], axis=1)
    nearest = ((points[:, None] - MODES) ** 2).sum(-1).argmin(axis=1)
    return np.bincount(nearest, minlength=8) / len(points), np.sqrt(((points - MODES[nearest]) ** 2).mean())


def test_from_one_mode_of_a_ring_all_are_visited_alike_and_denoised_to_their_width():
    noised = PROCESS.marginal(RING)
    start = {x: np.full(400, 1.5), y: np.zeros(400)}
    chain = sd.transport.denoising_chain(noised, LEVELS, initial=start, draws=300, warmup=150, seed=1)
    data = sd.transport.denoised(PROCESS.probability_flow(noised), chain, end=1e-3)
    occupied, width = shares(data)
    assert np.abs(occupied - 1 / 8).max() < 0.01  # at sigma = 0.1 alone Langevin's steps give 0.03 to 0.26
    assert width == pytest.approx(0.15, rel=0.02)
    # every level has the same weight, and x at a level the variance of the ring with noise
    assert np.abs(np.bincount(chain.level.values.ravel(), minlength=12) / chain.level.size - 1 / 12).max() < 0.012
    for k in (0, 6, 11):
        inside = chain.x.values[chain.level.values == k]
        assert inside.var() == pytest.approx(1.5**2 / 2 + 0.15**2 + LEVELS[k] ** 2, rel=0.05)
    assert 0.6 < chain.attrs["accepted"] < 1


def test_correlated_components_have_their_covariance():
    covariance = np.array([[0.5, 0.3], [0.3, 0.4]])
    noised = PROCESS.marginal(sd.transport.Normal([1.0, -1.0], covariance=covariance))
    chain = sd.transport.denoising_chain(
        noised, [0.2, 0.4], initial={x: np.ones(200), y: -np.ones(200)}, draws=400, rate=0.8, seed=2
    )
    inside = chain.level.values == 1
    points = np.stack([chain.x.values[inside], chain.y.values[inside]])
    assert np.cov(points) == pytest.approx(covariance + 0.16 * np.eye(2), rel=0.08)


def test_a_chain_depends_on_seed_and_place_alone():
    noised = PROCESS.marginal(RING)

    def run(count, seed=3):
        return sd.transport.denoising_chain(
            noised, LEVELS, initial={x: np.full(count, 1.5), y: np.zeros(count)}, draws=5, warmup=2, seed=seed
        )

    assert np.array_equal(run(3).x.values, run(7).x.values[:3])
    assert not np.any(run(3).x.values[:, -1] == run(3, seed=4).x.values[:, -1])


def test_wrong_inputs_are_named():
    noised = PROCESS.marginal(RING)
    start = {x: [1.5], y: [0.0]}
    with pytest.raises(sd.DeclarationError, match=r"expected process.marginal\(mixture\)"):
        sd.transport.denoising_chain(RING, LEVELS, initial=start, draws=3)
    with pytest.raises(sd.DeclarationError, match="draws is 0"):
        sd.transport.denoising_chain(noised, LEVELS, initial=start, draws=0)
    with pytest.raises(sd.DeclarationError, match="more than 10"):
        sd.transport.denoising_chain(noised, LEVELS, initial=start, draws=10**9)
    with pytest.raises(sd.DeclarationError, match="initial has x; expected values of x, y"):
        sd.transport.denoising_chain(noised, LEVELS, initial={x: [1.5]}, draws=3)
    chain = sd.transport.denoising_chain(noised, LEVELS, initial=start, draws=3, seed=1)
    flow = PROCESS.probability_flow(noised)
    with pytest.raises(sd.DeclarationError, match="chain lacks level"):
        sd.transport.denoised(flow, chain.drop_vars("level"), end=1e-3)
    for wrong in ({"level": chain.level + 12}, {"level": chain.level + 0.5}, {"level_time": chain.level_time * np.nan}):
        with pytest.raises(sd.DeclarationError, match="level of the chain are no numbers of its level_time"):
            sd.transport.denoised(flow, chain.assign(wrong), end=1e-3)
    with pytest.raises(sd.DeclarationError, match="initial has values where the density is not a number"):
        sd.transport.denoising_chain(noised, LEVELS, initial={x: [1e200], y: [0.0]}, draws=3)
    with pytest.warns(UserWarning, match="0 of the steps were accepted"):
        sd.transport.denoising_chain(noised, LEVELS, initial=start, draws=9, rate=1e4)
    with pytest.raises(sd.DeclarationError, match="end is 'soon'"):
        sd.transport.denoised(flow, chain, end="soon")
