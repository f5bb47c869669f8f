"""How many cells are a quorum, where they oscillate, and how fast, as published and by another route."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq, minimize_scalar

import symdyn as sd
from examples import quorum_sensing as example

# Iyaniwura and Ward (2021), eq. (3.19) with (4.22): delays between which m cells with d1 = 0.8 oscillate, none for m = 1, 2
INTERVALS = {
    3: (0.3863, 0.6814), 4: (0.2774, 0.6623), 5: (0.2188, 0.6237), 6: (0.1811, 0.5838), 8: (0.1350, 0.5127),
    10: (0.1077, 0.4548), 12: (0.0896, 0.4078),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The example with a coarse diagram, and what it wrote."""
    out = tmp_path_factory.mktemp("quorum")
    return example.main(["--out", str(out), "--points", "8"]), out


def hurwitz(total, tau):
    """The Hurwitz determinant of a cell in a well-mixed bulk, negative where it oscillates: eq. (3.19) by hand."""
    loss = 2 * np.pi * 0.2 / tau
    v = 2 / (1 + loss / (1 + 2 * total))
    w, step = 2 / (0.9 + v**2), 0.9 + v**2
    jacobian = [
        [2 * v * w - 1 - loss, step, 2 * np.pi * total / tau],
        [-0.3 * v * w, -0.15 * step, 0],
        [0.4 / tau, 0, -(1 + 2 * total) / tau],
    ]
    _, a2, a1, a0 = np.poly(jacobian)
    return a2 * a1 - a0


def test_the_table_of_the_quorum(found):
    table = found[0].table
    for m, interval in INTERVALS.items():
        assert table.loc[m].to_numpy() == pytest.approx(interval, abs=6e-5)
        for tau in table.loc[m]:
            assert hurwitz(0.8 * m, tau) == pytest.approx(0, abs=1e-7)
    assert table.loc[[1, 2]].isna().all(axis=None)
    assert table.loc[3:].notna().all(axis=None)
    crowd = table.index[(table["from"] < 0.45) & (table["to"] > 0.45)]
    assert (crowd[0], crowd[-1]) == (3, 10)  # three begin, eleven are too many


def test_only_the_sum_of_the_influxes_counts():
    for cells, influx, like in ((4, 0.8, 4), (5, 0.4, None), (6, 0.4, 3)):
        points = sd.analysis.hopf_points(example.colony(cells, influx).well_mixed(), "tau", (0.1, 1))
        if like:
            assert points.tau.values == pytest.approx(INTERVALS[like], abs=6e-5)
        assert points.tau.values == pytest.approx(example.oscillating(cells * influx), rel=1e-7)


def test_the_quorum_is_the_tip_of_the_tongue(found):
    def deepest(total):
        return minimize_scalar(lambda tau: hurwitz(total, tau), bounds=(0.3, 1), method="bounded", options={"xatol": 1e-10}).fun

    assert found[0].tip == pytest.approx(brentq(deepest, 1, 3), rel=1e-5)
    assert [found[0].least(d1) for d1 in (0.8, 0.4, 0.3)] == [3, 5, 7]
    assert example.oscillating(0.999 * found[0].tip) is None
    assert example.oscillating(1.001 * found[0].tip) is not None


def test_the_rhythm_grows_from_rest_like_a_root(found):
    rest = found[0].rest
    first, last = rest.isel(point=np.flatnonzero(rest.special == "hopf"))["d1"].values
    for total in (first, last):
        assert hurwitz(total, 0.45) == pytest.approx(0, abs=1e-7)
    ends = [first + 0.01, first + 0.02, last - 0.08, last - 0.04]
    near = example.swing(ends)
    square = near.amplitude.values**2  # zero where the range of a supercritical rhythm is zero, linearly
    assert 2 * square[0] - square[1] == pytest.approx(0, abs=0.05 * square[1])
    assert 2 * square[3] - square[2] == pytest.approx(0, abs=0.05 * square[2])
    frequency = rest.frequency.values[rest.special == "hopf"]
    assert near.period.values[[0, 3]] == pytest.approx(2 * np.pi / frequency, rel=5e-3)


def test_the_borders_of_three_cells(found):
    named = {name: [c for c in found[0].borders if c.attrs["name"] == name] for name in example.MODES}
    assert [len(c) for c in named.values()] == [2, 1, 1]
    # tips of figure 4a, and its border in step: D, and the delays where the rhythm sets in and ends
    assert named[example.MODES[1]][0].attrs["fold_D"] == pytest.approx([0.2116], abs=6e-5)
    assert named[example.MODES[2]][0].attrs["fold_D"] == pytest.approx([0.0869], abs=6e-5)
    sides = sorted(named[example.MODES[0]], key=lambda c: float(c.tau.max()))
    for diffusion, *delays in ((0.2, 0.13337, 0.65873), (0.5, 0.20481, 0.74699), (1, 0.26006, 0.74557), (5, 0.34773, 0.70484)):
        for side, tau in zip(sides, delays, strict=True):
            curve = side.sortby("D")
            assert CubicSpline(np.log(curve.D), curve.tau)(np.log(diffusion)) == pytest.approx(tau, abs=2e-4)


def test_simulations_do_what_theory_foretells(found):
    assert bool(example.foretold(found[0].diagram).all())
    # figures 5 to 7, by finite elements with SBDF2: period 8.239, v of the outer cells from 1.1254 to 2.0787; rest at tau = 1.1
    seen = example.diagram([1.0], [0.55, 1.1]).isel(D=0)
    assert float(seen.period[0]) == pytest.approx(8.239, abs=2e-3)
    assert seen.amplitude.values[0, 0] == pytest.approx((2.0787 - 1.1254) / 2, rel=2e-3)
    assert seen.amplitude.values[1] == pytest.approx(0, abs=1e-3)
    assert float(seen.order[0]) > 0.999


def test_three_fall_into_step_and_fewer_come_to_rest(found):
    traces = found[0].traces
    assert [bool(sd.cells.period(t, after=600.0).isnull().all()) for t in traces.values()] == [True, True, False]
    assert float(np.ptp(traces[3].values[:, 0])) > 1.5
    order = sd.cells.order_parameter(traces[3], after=600.0)
    assert float(order.min()) > 0.999
    # but at D = 1 the bulk of a lone cell is its own: .011966 + .741984i, by modified Bessel functions
    alone = example.colony(1).full().eigenvalues({"D": 1, "tau": 0.55})[0]
    assert alone == pytest.approx(0.011966 + 0.741984j, abs=2e-5)


def test_the_example_writes_a_figure_and_a_report(found):
    _, out = found
    text = (out / "quorum_sensing.txt").read_text()
    assert text.endswith("a quorum is m d1 = 1.9216: 3 cells with d1 = 0.8, 5 cells with d1 = 0.4, 7 cells with d1 = 0.3\n")
    assert "64 of 64 simulated colonies" in text
    assert 20_000 < (out / "quorum_sensing.png").stat().st_size < 300_000
