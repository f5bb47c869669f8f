"""Contradictions to the uniqueness of trajectories, and none where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.options import RecoverOptions
from symdyn.inference.phase_flow import flow_contradiction

T = np.linspace(0, 12, 241)


def contradiction(*columns, times=T, noise=0.02):
    curves = np.stack(columns, axis=1)
    return flow_contradiction(["x", "y", "z"][: len(columns)], [times], [curves], np.full(len(columns), noise))


def test_a_cosine_alone_turns_back():
    assert "falls through" in contradiction(np.cos(T))


@pytest.mark.parametrize("curve", [np.tanh(T - 6), np.exp(-T), 1 - np.exp(-T) + 0.01 * np.sin(T)])
def test_one_state_that_goes_one_way_within_the_noise_does_not(curve):
    assert contradiction(curve) is None


def test_two_trajectories_in_opposite_directions_contradict_each_other():
    up, down = np.tanh(T - 6)[:, None], np.tanh(6 - T)[:, None]
    assert "rises through" in flow_contradiction(["x"], [T, T], [up, down], np.array([0.02]))
    above = 3 + down  # another range of values
    assert flow_contradiction(["x"], [T, T], [up, above], np.array([0.02])) is None


def test_a_figure_of_eight_crosses_itself_and_cycles_and_spirals_do_not():
    assert "crosses itself" in contradiction(np.sin(T), np.sin(2 * T))
    assert contradiction(np.sin(T), np.cos(T)) is None
    assert contradiction(np.exp(-T / 8) * np.sin(2 * T), np.exp(-T / 8) * np.cos(2 * T)) is None


def test_cycles_within_the_noise_of_each_other_do_not_cross():
    wobble = 1 + 0.02 * np.sin(1.7 * T)
    assert contradiction(wobble * np.sin(2 * T), wobble * np.cos(2 * T)) is None


def test_recovery_of_which_nothing_is_known_says_so():
    t = np.linspace(0, 12, 61)
    data = {"t": t, "x": np.cos(t) + 0.02 * np.random.default_rng(0).normal(size=61)}
    found = sd.recover(None, data, options=RecoverOptions(process=False), progress=False)  # of first order
    (note,) = [text for text in found.warnings if "autonomous" in text]
    assert note.startswith("x ")
    assert "declare a second, unobserved one" in note
    x, y = sp.symbols("x y")
    lv = sd.ODESystem({x: x - x * y, y: x * y - y}, initial={x: 2, y: 1})
    run = sd.simulate(lv, t, progress=False)
    both = sd.recover(None, {"t": t} | {s: np.ravel(run[s]) for s in ("x", "y")}, progress=False)
    assert not any("autonomous" in text for text in both.warnings)
