"""Phase portraits and basins against curves in closed form."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.analysis import basins, phase_portrait, plot_basins, plot_portrait
from symdyn.analysis.field import Field
from symdyn.analysis.portraits import rest_kind
from symdyn.analysis.rate_grids import RateGrid

DOUBLE_WELL = sd.ODESystem.from_text("x' = x - x**3; y' = -y")
SQUARE = {"x": (-2, 2), "y": (-2, 2)}


def round_(growth):
    """r' = r growth(r), with unit speed of the angle."""
    return sd.ODESystem.from_text(f"x' = x*({growth}) - y; y' = y*({growth}) + x")


def test_nullclines_lie_on_the_curves_and_leave_poles_out():
    system = sd.ODESystem.from_text("x' = y - x**2; y' = 1/(x - 0.5) + y")
    grid = RateGrid(Field(system), np.empty(0), np.array([[-2.0, 2], [-2, 2]]))
    (parabola,) = grid.nullcline(0)
    np.testing.assert_allclose(parabola[:, 1], parabola[:, 0] ** 2, atol=1e-9)
    assert parabola[:, 0].min() < -1.4
    assert parabola[:, 0].max() > 1.4
    for line in grid.nullcline(1):
        np.testing.assert_allclose(line[:, 1], -1 / (line[:, 0] - 0.5), atol=1e-8)
        assert (np.abs(line[:, 0] - 0.5) > 0.4).all()


def test_nullclines_on_the_edge_of_the_region_and_across():
    """x' = x (1 - x - 2 y): the axis x = 0, which is an edge, and a line."""
    system = sd.ODESystem.from_text("x' = x*(1 - x - 2*y); y' = y*(1 - y - 2*x)")
    found = phase_portrait(system, {"x": (0, 1.2), "y": (0, 1.2)}, trajectories=2)
    points = np.concatenate(found.nullclines["x"])
    off = np.minimum(np.abs(points[:, 0]), np.abs(1 - points[:, 0] - 2 * points[:, 1]))
    np.testing.assert_allclose(off, 0, atol=1e-9)
    assert np.abs(points[points[:, 1] > 0.7, 0]).max() < 1e-9
    kinds = {tuple(rest.point.round(9).tolist()): rest.kind for rest in found.steady_states}
    third = round(1 / 3, 9)
    assert kinds == {(0, 0): "unstable node", (1, 0): "stable node", (0, 1): "stable node", (third, third): "saddle"}
    for line in found.separatrices["stable"]:  # the diagonal, by symmetry
        np.testing.assert_allclose(line[:, 0], line[:, 1], atol=1e-7)
    ends = sorted(tuple(line[-1].round(3).tolist()) for line in found.separatrices["unstable"])
    assert ends == [(0, 1), (1, 0)]


def test_separatrices_of_a_conservative_system():
    """y^2/2 - x^2/2 + x^4/4 is constant, and 0 on both manifolds of the saddle, which are one loop on either side."""
    found = phase_portrait(sd.ODESystem.from_text("x' = y; y' = x - x**3"), SQUARE, trajectories=2)
    assert [rest.kind for rest in found.steady_states] == [
        "center of the linearisation",
        "saddle",
        "center of the linearisation",
    ]
    for line in (*found.separatrices["stable"], *found.separatrices["unstable"]):
        x, y = line.T
        np.testing.assert_allclose(y**2 / 2 - x**2 / 2 + x**4 / 4, 0, atol=1e-6)
        assert np.abs(x).max() == pytest.approx(np.sqrt(2), rel=1e-3)
    assert found.cycles == []


def test_cycles_stable_and_unstable():
    """r' = r (1 - r^2)(r^2 - 4)/4: a stable cycle of radius 1 and an unstable one of radius 2, both of the period 2 pi."""
    found = phase_portrait(round_("(1 - x**2 - y**2)*(4 - x**2 - y**2)/4"), {"x": (-3, 3), "y": (-3, 3)}, trajectories=3)
    assert [rest.kind for rest in found.steady_states] == ["unstable focus"]
    assert [bool(c.stable) for c in found.cycles] == [True, False]
    for cycle, radius in zip(found.cycles, (1, 2), strict=True):
        np.testing.assert_allclose(np.hypot(cycle.x, cycle.y), radius, rtol=1e-8)
        assert cycle.period.item() == pytest.approx(2 * np.pi, rel=1e-9)
    assert "stable cycle of period 6.28319" in str(found)
    (ax,) = plot_portrait(found).axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["x' = 0", "y' = 0", "stable cycle", "unstable cycle", "unstable focus"]


def test_kinds_of_steady_states():
    assert rest_kind(np.array([-1.0, -2.0])) == "stable node"
    assert rest_kind(np.array([0.1 + 1j, 0.1 - 1j])) == "unstable focus"
    assert rest_kind(np.array([0.0, -2.0])) == "degenerate"


def test_basins_of_a_double_well_and_of_two_competitors():
    found = basins(DOUBLE_WELL, SQUARE, duration=30, resolution=40)
    np.testing.assert_array_equal(found.basin, np.where(found.x > 0, 2, 1)[:, None] * np.ones((1, 40)))
    assert found.kind.values.tolist() == ["steady state"] * 2
    # a line of the grid is the stable manifold of the saddle: undecided
    odd = basins(DOUBLE_WELL, SQUARE, duration=30, resolution=21)
    assert (odd.basin.sel(x=0, method="nearest") == 0).all()
    assert odd.undecided.item() == pytest.approx(1 / 21)
    rivals = sd.ODESystem.from_text("x' = x*(1 - x - a*y); y' = y*(1 - y - a*x); a = 2")
    found = basins(rivals, {"x": (0.05, 1), "y": (0.05, 1)}, duration=60, resolution=20)
    winner = np.sign(found.x - found.y).values
    np.testing.assert_array_equal(found.basin.values[winner > 0], 2)
    np.testing.assert_array_equal(found.basin.values[winner < 0], 1)
    np.testing.assert_allclose(found.place, [[0, 1], [1, 0]], atol=1e-9)
    assert found.fraction.values.tolist() == [190 / 400] * 2


def test_the_basin_of_a_cycle_and_what_is_unbounded():
    """r' = r (r^2 - 1)(4 - r^2): the origin from r < 1, the cycle of radius 2 from beyond."""
    found = basins(round_("(x**2 + y**2 - 1)*(4 - x**2 - y**2)/2"), SQUARE, duration=30, resolution=30)
    radius = np.hypot(found.x, found.y).values
    by_kind = {str(k.item()): n for n, k in zip(found.attractor.values, found.kind, strict=True)}
    np.testing.assert_array_equal(found.basin == by_kind["steady state"], radius < 1)
    np.testing.assert_array_equal(found.basin == by_kind["cycle"], radius > 1)
    assert float(found.period.max()) == pytest.approx(2 * np.pi, rel=1e-8)
    orbit = found.orbit.sel(attractor=by_kind["cycle"])
    np.testing.assert_allclose(np.hypot(orbit.sel(state="x"), orbit.sel(state="y")), 2, rtol=1e-7)
    assert len(plot_basins(found).axes[0].get_legend().get_texts()) == 2
    # the other state follows a parameter: x' = x - x^3 + y with y = 2 k has one steady state from k = 0.2 on
    tilted = sd.ODESystem.from_text("x' = x - x**3 + y; y' = -(y - 2*k); y(0) = 2*k; k = 0.05")
    two, one = (basins(tilted, {"x": (-2, 2)}, duration=40, resolution=8, parameters={"k": k}) for k in (0.05, 0.5))
    assert (two.sizes["attractor"], one.sizes["attractor"]) == (2, 1)
    np.testing.assert_allclose(one.place.sel(state="y"), 1)
    away = basins(sd.ODESystem.from_text("x' = -x + x**3; y' = -y; y(0) = 1"), {"x": (-2, 2)}, duration=20, resolution=40)
    np.testing.assert_array_equal(away.basin, np.where(np.abs(away.x) < 1, 1, -1))
    assert away.unbounded.item() == 0.5


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: phase_portrait(sd.ODESystem.from_text("x' = -x"), {"x": (0, 1)}), "systems of two states; this one has 1"),
        (lambda: phase_portrait(DOUBLE_WELL, {"x": (0, 1)}), "has ranges of x; expected of x, y"),
        (lambda: phase_portrait(DOUBLE_WELL, SQUARE, trajectories=-1), "trajectories is -1; expected a whole number from 0"),
        (lambda: phase_portrait(DOUBLE_WELL, {"x": (1, 0), "y": (0, 1)}), "expected a range"),
        (lambda: phase_portrait(sd.SDESystem.from_text("dx = -x*dt + dW"), SQUARE), "it takes systems of rates of change"),
        (lambda: phase_portrait(sd.ODESystem.from_text("x' = y; y' = sin(t)"), SQUARE), "depends on t"),
        (lambda: phase_portrait(sd.ODESystem({"x": 0, "y": 0}), SQUARE), "more than 300 steady states"),
        (lambda: plot_portrait(DOUBLE_WELL), "expected what phase_portrait returns, got ODESystem"),
        (lambda: basins(DOUBLE_WELL, SQUARE, duration=0), "duration is 0"),
        (lambda: basins(DOUBLE_WELL, SQUARE, duration="10"), "duration is '10'; expected a positive number"),
        (lambda: basins(DOUBLE_WELL, {"x": (-1, 1)}, duration=1), "initial"),
        (lambda: basins(DOUBLE_WELL, SQUARE, duration=1, resolution=1), "resolution is 1; expected a whole number from 2"),
        (lambda: basins(sd.DiscreteSystem.from_text("x[t+1] = x/2"), {"x": (0, 1)}, duration=1), "basins: it takes systems"),
    ],
)
def test_what_is_refused(act, message):
    with pytest.raises(sd.DeclarationError, match=message):
        act()


def test_cycles_outside_of_the_region_are_none_of_its():
    # a stable circle of radius 1 about (0, 1.2), which a region with y < 1 does not hold whole
    round_about = "x' = -v + x*(1 - x**2 - v**2); y' = x + v*(1 - x**2 - v**2)".replace("v", "(y - 6/5)")
    moved = sd.ODESystem.from_text(round_about)
    assert phase_portrait(moved, {"x": (-2, 2), "y": (-2, 0.1)}, trajectories=2).cycles == []
    (cycle,) = phase_portrait(moved, {"x": (-2, 2), "y": (-2, 3)}, trajectories=2).cycles
    assert cycle.period.item() == pytest.approx(2 * np.pi, rel=1e-9)
