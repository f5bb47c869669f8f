"""Known answers of consistency functions, and edits along the flow."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from tests.transport.beds import ANGLES, LAST, RING, line, noise_of_ring, ring, schedule


@pytest.mark.parametrize(
    ("point", "time", "known"), [(0.5, 0.5, 0.5727491774), (-1.0, 0.3, -1.7407806176), (1.2, 0.8, 1.6407682774)]
)
def test_known_answers(point, time, known):
    found = sd.transport.consistency(line(64)[0], {"x": [point]}, time=time, end=LAST)
    assert found.x.item() == pytest.approx(known, abs=2e-10)


def test_boundary_and_semigroup():
    flow, points = line(64)[0], {"x": np.linspace(-2, 2, 9)}
    assert (sd.transport.consistency(flow, points, time=LAST, end=LAST).x.values == points["x"]).all()
    middle = sd.transport.consistency(flow, points, time=0.9, end=0.4)
    one, two = (sd.transport.consistency(flow, start, time=time, end=LAST) for start, time in ((points, 0.9), (middle, 0.4)))
    assert one.x.values == pytest.approx(two.x.values, abs=1e-9)
    assert np.abs(one.x.values - points["x"]).max() > 0.1


def damaged() -> dict[str, np.ndarray]:
    """Data on the ring with noise of standard deviation 1/2."""
    rng = np.random.default_rng(5)
    angles = ANGLES[rng.integers(0, 8, 300)]
    points = 1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.15 * rng.normal(size=(300, 2))
    points += 0.5 * rng.normal(size=points.shape)
    return {"x": points[:, 0], "y": points[:, 1]}


def likelihood(states) -> float:
    return float(RING.log_pdf(np.stack([np.asarray(states[k]) for k in "xy"], axis=1)).mean())


def moved(one, other) -> float:
    return float(np.sqrt(sum((np.asarray(one[k]) - np.asarray(other[k])) ** 2 for k in "xy")).mean())


@pytest.mark.parametrize("updates", [10, 50])
def test_edits_are_those_of_the_exact_flow(updates):
    flow, data = ring(64)[0], damaged()
    alpha, sigma = schedule(0.15)
    noised = sd.transport.consistency(flow, data, time=LAST, end=0.15, rtol=1e-8, atol=1e-9)
    w = np.stack([noised.x.values, noised.y.values], axis=1)
    for _ in range(updates):
        w = w - 0.05 * sigma * noise_of_ring(w, alpha, sigma)
    exact = sd.transport.consistency(flow, {"x": w[:, 0], "y": w[:, 1]}, time=0.15, end=LAST, rtol=1e-8, atol=1e-9)
    found = sd.transport.edited(flow, data, time=0.15, end=LAST, updates=updates, rtol=1e-9, atol=1e-10)
    assert moved(found, exact) < 1e-5
    # on 300 other points, at -9.14 where clean data are at -1.03, the sheet has -5.42 and -2.31: of the way there
    share = (likelihood(found) - likelihood(data)) / (-1.03 - likelihood(data))
    assert share == pytest.approx((9.14 - 5.42) / 8.11 if updates == 10 else (9.14 - 2.31) / 8.11, abs=0.06)
    # it moves .165 and .403 there, of which its way there and back is .03
    assert moved(found, data) == pytest.approx(0.135 if updates == 10 else 0.373, rel=0.1)


def test_without_updates_nothing_moves():
    flow, data = ring(64)[0], damaged()
    found = sd.transport.edited(flow, data, time=0.15, end=LAST, updates=0)
    assert all((found[k].values == data[k]).all() for k in "xy")


def test_clear_errors():
    flow = sd.ODESystem.from_text("x' = -x + sin(x)")
    with pytest.raises(DeclarationError, match="noise level"):
        sd.transport.edited(flow, {"x": [1.0]}, time=1, end=0, updates=1)
    with pytest.raises(DeclarationError, match="updates is -1"):
        sd.transport.edited(flow, {"x": [1.0]}, time=1, end=0, updates=-1)
    with pytest.raises(DeclarationError, match="expected an ODESystem"):
        sd.transport.consistency(3, {"x": [1.0]}, time=1, end=0)
    with pytest.raises(DeclarationError, match="points"):
        sd.transport.consistency(flow, {"z": [1.0]}, time=1, end=0)
