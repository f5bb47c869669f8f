"""Known answers of consistency functions, and edits along the flow."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from tests.transport.beds import ANGLES, LAST, RING, line, ring


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


# mean log-density and mean distance of the sheet, which has another sample of 300
@pytest.mark.parametrize(("updates", "gained", "distance"), [(10, 9.14 - 5.42, 0.165), (50, 9.14 - 2.31, 0.403)])
def test_edits_make_data_likelier(updates, gained, distance):
    flow, data = ring(64)[0], damaged()
    nodes = sd.transport.nodes(flow, 60, span=(0.15, LAST))
    found = sd.transport.edited(flow, data, nodes=nodes, updates=updates)
    assert likelihood(found) - likelihood(data) == pytest.approx(gained, rel=0.15)
    assert moved(found, data) == pytest.approx(distance, rel=0.15)


def test_without_updates_nothing_moves():
    flow, data = ring(64)[0], damaged()
    nodes = sd.transport.nodes(flow, 60, span=(0.15, LAST))
    found = sd.transport.edited(flow, data, nodes=nodes, updates=0)
    assert max(np.abs(found[k].values - data[k]).max() for k in "xy") < 1e-13


def test_clear_errors():
    flow = sd.ODESystem.from_text("x' = -x + sin(x)")
    with pytest.raises(DeclarationError, match="noise level"):
        sd.transport.edited(flow, {"x": [1.0]}, nodes=[1, 0.5, 0], updates=1)
    with pytest.raises(DeclarationError, match="updates is -1"):
        sd.transport.edited(flow, {"x": [1.0]}, nodes=[1, 0.5, 0], updates=-1)
    with pytest.raises(DeclarationError, match="expected an ODESystem"):
        sd.transport.consistency(3, {"x": [1.0]}, time=1, end=0)
    with pytest.raises(DeclarationError, match="points"):
        sd.transport.consistency(flow, {"z": [1.0]}, time=1, end=0)
