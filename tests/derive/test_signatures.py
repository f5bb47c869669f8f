"""Iterated integrals beside Chen's identity for paths of straight lines."""

from itertools import product
from math import factorial

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

t = sp.Symbol("t")
TIMES = np.array([0.0, 0.4, 1.1, 1.5, 2.6])
VALUES = np.array([[0.3, 1.0, -0.5, 0.2, 0.9], [0.0, -0.4, 0.8, 0.1, -0.2]])


def chen(increments: np.ndarray, depth: int) -> dict[tuple[int, ...], float]:
    """The signature of straight lines (segments, channels): the product of the exponentials of their increments."""
    channels = increments.shape[1]
    words = [w for n in range(depth + 1) for w in product(range(channels), repeat=n)]
    total = {w: float(not w) for w in words}
    for step in increments:
        piece = {w: np.prod(step[list(w)]) / factorial(len(w)) for w in words}
        total = {w: sum(total[w[:k]] * piece[w[k:]] for k in range(len(w) + 1)) for w in words}
    return total


def test_the_signature_of_straight_lines_is_the_product_of_exponentials():
    u, v = (sd.Path(name, TIMES, row) for name, row in zip("uv", VALUES, strict=True))
    iterated = sd.derive.signature([t, u, v], depth=4)
    run = sd.simulate(iterated, [TIMES[0], TIMES[-1]], rtol=1e-12, atol=1e-14, progress=False)
    expected = chen(np.diff(np.stack([TIMES, *VALUES]), axis=1).T, 4)
    assert len(iterated.states) == 3 + 9 + 27 + 81
    for word, value in expected.items():
        if word:
            assert float(run["S_" + "".join(str(i + 1) for i in word)][-1]) == pytest.approx(value, abs=1e-12)


def test_products_of_iterated_integrals_are_shuffles_also_of_smooth_paths():
    u, v = (sd.Path(name, TIMES, row, kind="cubic") for name, row in zip("uv", VALUES, strict=True))
    run = sd.simulate(sd.derive.signature([u, v], depth=3), [0, 2.6], rtol=1e-11, atol=1e-13, progress=False).isel(time=-1)
    assert float(run.S_1 * run.S_2) == pytest.approx(float(run.S_12 + run.S_21), abs=1e-10)
    assert float(run.S_1 * run.S_12) == pytest.approx(float(2 * run.S_112 + run.S_121), abs=1e-10)


@pytest.mark.parametrize(
    ("channels", "depth", "message"),
    [
        ([], 2, "one to nine"),
        ([t, t], 2, "one to nine"),
        ([t, sp.Symbol("s")], 2, "one symbol for the time"),
        ([t + 1], 2, "no channel"),
        ([t], 0, "depth is 0"),
        ([sd.Path(f"u{k}", [0, 1], [0, 1]) for k in range(9)], 4, "up to 5000"),
        ([sd.Path("u", [0, 1], [0, 1], kind="hold")], 2, "no slope"),
    ],
)
def test_what_has_no_signature_is_refused(channels, depth, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.derive.signature(channels, depth)
