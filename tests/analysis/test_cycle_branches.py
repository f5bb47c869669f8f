"""Branches of limit cycles against exact ones, published values, and multiple shooting."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.analysis import (
    continuation,
    continue_cycle,
    cycle_following,
    hopf_points,
    limit_cycle,
    plot_continuation,
    steady_states,
)

CIRCLE = "x' = x*(1 - x**2 - y**2) - y; y' = y*(1 - x**2 - y**2) + x; x(0) = 0.5; y(0) = 0"


def round_(growth, values=""):
    """r' = r growth(r), with unit speed of the angle."""
    return sd.ODESystem.from_text(f"x' = x*({growth}) - y; y' = y*({growth}) + x" + values)


def special(branch, kind=None):
    """The special points of a branch, of one kind or all."""
    here = branch.special.values
    return branch.isel(point=here == kind if kind else here != "")


def multipliers(branch):
    """All of them but the trivial one, (point, n - 1), sorted."""
    values = branch.multiplier.values + 1j * branch.multiplier_imag.values
    trivial = np.abs(values - 1).argmin(axis=1)
    return np.sort(np.stack([np.delete(row, k) for row, k in zip(values, trivial, strict=True)]).real, axis=1)


def test_a_fold_of_cycles_in_closed_form():
    """r' = r (m + R - R^2) with R = r^2: cycles at m = R^2 - R, multiplier exp(2 pi (2 R - 4 R^2)), fold at R = 1/2."""
    system = round_("m + (x**2 + y**2) - (x**2 + y**2)**2")
    found = continue_cycle(system, "m", (-1, 0.5), start=hopf_points(system, "m", (-1, 1)).isel(point=0))
    assert special(found).special.values.tolist() == ["hopf", "fold"]
    assert special(found, "fold").m.item() == pytest.approx(-0.25, abs=1e-10)
    radius = found.x.values**2 + found.y.values**2
    np.testing.assert_allclose(radius**2 - radius, np.broadcast_to(found.m.values[:, None], radius.shape), atol=2e-7)
    np.testing.assert_allclose(found.period, 2 * np.pi, rtol=1e-9)
    size = radius[:, 0]
    exact = np.exp(2 * np.pi * (2 * size - 4 * size**2))
    far = np.abs(exact - 1) > 1e-3
    np.testing.assert_allclose(multipliers(found)[far, 0], exact[far], rtol=1e-5, atol=1e-12)
    np.testing.assert_array_equal(found.stable.values[far], (exact < 1)[far])
    assert found.attrs["ends"] == "span"


def test_a_period_doubling_in_closed_form_and_the_branch_of_twice_the_period():
    """Normal to the circle the frame turns by half a turn a round: multipliers -exp(2 pi a) and -exp(-2 pi b).

    In the frame the first direction has s' = a s - s^3: beyond a = 0 there is a cycle of the period 4 pi with s^2 = a.
    """
    system = sd.ODESystem.from_text(
        CIRCLE
        + """
        v' = (a - b)/2*v + (a + b)/2*(x*v + y*w) - w/2 - v*(v**2 + w**2)
        w' = (a - b)/2*w + (a + b)/2*(y*v - x*w) + v/2 - w*(v**2 + w**2)
        a = -0.5; b = 0.3; v(0) = 0.1; w(0) = 0"""
    )
    found = continue_cycle(system, "a", (-0.6, 0.4), start=limit_cycle(system))
    assert special(found).special.values.tolist() == ["period doubling"]
    assert special(found).a.item() == pytest.approx(0, abs=1e-10)
    a = found.a.values
    exact = np.stack([-np.exp(2 * np.pi * a), np.full(a.shape, -np.exp(-0.6 * np.pi)), np.full(a.shape, np.exp(-4 * np.pi))])
    np.testing.assert_allclose(multipliers(found), np.sort(exact.T, axis=1), rtol=1e-7, atol=1e-9)
    doubled = continue_cycle(system, "a", (-0.6, 0.4), start=special(found).isel(point=0))
    assert doubled.attrs["ends"] == "span"
    a = doubled.a.values
    assert a[0] == pytest.approx(0, abs=1e-10)
    assert a[-1] == pytest.approx(0.4, abs=1e-12)
    np.testing.assert_allclose(doubled.period, 4 * np.pi, rtol=1e-9)
    np.testing.assert_allclose(doubled.v**2 + doubled.w**2, np.broadcast_to(a[:, None], doubled.v.shape), atol=1e-6)
    exact = np.stack([np.exp(-8 * np.pi * a), np.exp(-4 * np.pi * (a + 0.3)), np.full(a.shape, np.exp(-8 * np.pi))])
    np.testing.assert_allclose(multipliers(doubled)[3:], np.sort(exact.T, axis=1)[3:], rtol=1e-5, atol=1e-9)
    assert doubled.stable.values[3:].all()
    back = continue_cycle(system, "a", (-0.6, 0.4), start=doubled.isel(point=-1))
    assert "period doubling: the orbit becomes two rounds" in back.attrs["ends"]
    assert special(back, "period doubling").a.item() == pytest.approx(0, abs=1e-8)


def test_a_torus_is_born_in_closed_form():
    """Normal to the circle z' = (m + i W) z - |z|^2 z: multipliers exp(2 pi (m +- i W))."""
    system = sd.ODESystem.from_text(
        CIRCLE + "; v' = m*v - W*w - v*(v**2 + w**2); w' = m*w + W*v - w*(v**2 + w**2); W = 0.3; m = -0.2; v(0) = 0.1; w(0) = 0"
    )
    found = continue_cycle(system, "m", (-0.3, 0.3), start=limit_cycle(system))
    assert special(found).special.values.tolist() == ["torus"]
    assert special(found).m.item() == pytest.approx(0, abs=1e-10)
    assert special(found).angle.item() == pytest.approx(0.6 * np.pi, rel=1e-8)


def test_crossing_branches_of_cycles_and_a_closed_one():
    """v' = m v - v^3 beside the circle; and (r^2 - 1)^2 + m^2 = 1/4."""
    system = sd.ODESystem.from_text(CIRCLE + "; v' = m*v - v**3; m = -0.2; v(0) = 0")
    found = continue_cycle(system, "m", (-0.5, 0.5), start=limit_cycle(system))
    assert special(found).special.values.tolist() == ["branch point"]
    assert special(found).m.item() == pytest.approx(0, abs=1e-10)
    ring = round_("1/4 - (x**2 + y**2 - 1)**2 - m**2", "; m = 0; x(0) = 1; y(0) = 0")
    closed = continue_cycle(ring, "m", (-1, 1), start=limit_cycle(ring))
    assert closed.attrs["ends"] == "closed; closed"
    np.testing.assert_allclose(np.sort(special(closed, "fold").m), [-0.5, 0.5], atol=1e-9)


@pytest.mark.parametrize("located", [True, False])
def test_a_neutral_saddle_is_no_torus_and_hides_no_branch_point(located, monkeypatch):
    """The multipliers exp(2 pi m) and exp(-0.004 pi) have the product 1 at m = 0.002, in the same step as the crossing at 0."""
    system = sd.ODESystem.from_text(CIRCLE + "; v' = m*v - v**3; w' = -0.002*w; m = -0.2; v(0) = 0; w(0) = 0")
    if not located:  # nor where the corrector fails on the way to it
        locate, twisting = cycle_following.locate, cycle_following._twisting
        monkeypatch.setattr(cycle_following, "locate", lambda *given: None if given[-1] is twisting else locate(*given))
    found = continue_cycle(system, "m", (-0.5, 0.5), start=limit_cycle(system))
    assert special(found).special.values.tolist() == ["branch point"]
    assert special(found).m.item() == pytest.approx(0, abs=1e-10)


def test_a_homoclinic_orbit_in_closed_form():
    """With H = y^2/2 - x^2/2 + x^3/3 the curve H = l is a cycle from l = -1/6, where it is born, to 0, where x = 0 is on it."""
    system = sd.ODESystem.from_text("x' = y; y' = x - x**2 - y*(y**2/2 - x**2/2 + x**3/3 - l)")
    found = continue_cycle(system, "l", (-0.3, 0.3), start=hopf_points(system, "l", (-0.3, 0.3)).isel(point=0))
    energy = found.y**2 / 2 - found.x**2 / 2 + found.x**3 / 3
    np.testing.assert_allclose(energy, np.broadcast_to(found.l.values[:, None], energy.shape), atol=1e-6)
    assert special(found).special.values.tolist() == ["hopf"]
    assert found.l.values[-1] == pytest.approx(0, abs=1e-6)
    assert found.attrs["ends"].startswith("homoclinic: the period grows without bound")
    assert found.attrs["ends"].endswith("near x = 0, y = 0")
    # the divergence along the orbit is -y^2, and the integral of y^2 over the homoclinic orbit is 6/5
    assert multipliers(found)[-1, 0] == pytest.approx(np.exp(-6 / 5), rel=1e-4)


def test_the_homoclinic_orbit_of_lorenz():
    """Cycles born in the Hopf point at 470/19 end at 13.926 (Sparrow, The Lorenz Equations (1982), chapter 2)."""
    system = sd.ODESystem.from_text("x' = 10*(y - x); y' = x*(r - z) - y; z' = x*y - 8*z/3")
    found = continue_cycle(system, "r", (2, 30), start=hopf_points(system, "r", (2, 30)).isel(point=1))
    assert found.r.values[0] == pytest.approx(470 / 19, rel=1e-9)
    assert found.r.values[-1] == pytest.approx(13.926, abs=1e-3)
    assert found.attrs["ends"].startswith("homoclinic")
    assert found.attrs["ends"].endswith("near x = 0, y = 0, z = 0")
    assert not found.stable.values[1:].any()


def test_van_der_pols_periods():
    system = sd.ODESystem.from_text("x' = y; y' = mu*(1 - x**2)*y - x; mu = 1; x(0) = 1; y(0) = 0")
    found = continue_cycle(system, "mu", (0.5, 10), start=limit_cycle(system))
    at = {mu: found.period.values[int(np.abs(found.mu.values - mu).argmin())] for mu in (1, 10)}
    assert at[1] == pytest.approx(6.6632868593231, rel=1e-10)  # Andersen & Geer, SIAM J. Appl. Math. 42 (1982) 678
    assert at[10] == pytest.approx(19.07837, abs=5e-6)
    shot = limit_cycle(system, {"mu": 10}, initial={"x": 2, "y": 0})
    assert at[10] == pytest.approx(shot.period.item(), rel=1e-9)


def test_roesslers_period_doublings():
    """The first two, near 2.83 and 3.84; there multiple shooting finds the multiplier -1, too."""
    system = sd.ODESystem.from_text("x' = -y - z; y' = x + a*y; z' = b + z*(x - c); a = 0.2; b = 0.2; c = 2.5")
    start = limit_cycle(system, initial={"x": 1, "y": 1, "z": 0})
    one = continue_cycle(system, "c", (2, 4), start=start)
    first = special(one, "period doubling").isel(point=0)
    two = continue_cycle(system, "c", (2, 4), start=first)
    second = special(two, "period doubling").isel(point=-1)
    for found, about in ((first, 2.83), (second, 3.84)):
        assert found.c.item() == pytest.approx(about, abs=0.006)
        begin = {s: found[s].values[0] for s in "xyz"}
        shot = limit_cycle(system, {"c": found.c.item()}, initial=begin, period=found.period.item())
        assert shot.period.item() == pytest.approx(found.period.item(), rel=1e-9)
        assert shot.multiplier.values.min() == pytest.approx(-1, abs=1e-6)
    assert second.period.item() == pytest.approx(2 * first.period.item(), rel=0.01)


def test_the_cycles_of_hodgkin_and_huxley():
    """Hopf points at 9.78 and 154.5, folds of cycles at 7.92, 7.84 and 6.26 (Rinzel & Miller, Math. Biosci. 49 (1980) 27)."""
    system = sd.ODESystem.from_text(
        """
        V' = I - 120*m**3*h*(V - 115) - 36*n**4*(V + 12) - 0.3*(V - 10.613)
        m' = (2.5 - 0.1*V)/(exp(2.5 - 0.1*V) - 1)*(1 - m) - 4*exp(-V/18)*m
        h' = 0.07*exp(-V/20)*(1 - h) - h/(exp(3 - 0.1*V) + 1)
        n' = (0.1 - 0.01*V)/(exp(1 - 0.1*V) - 1)*(1 - n) - 0.125*exp(-V/80)*n
        I = 5"""
    )
    rest = continuation(system, "I", (0, 200), start=steady_states(system).isel(branch=0))
    hopf = special(rest, "hopf")
    np.testing.assert_allclose(hopf.I, [9.78, 154.5], rtol=1e-3)
    found = continue_cycle(system, "I", (0, 200), start=hopf.isel(point=0))
    assert found.attrs["ends"].startswith("hopf")
    assert found.I.values[-1] == pytest.approx(hopf.I.values[1], rel=1e-8)
    folds = special(found, "fold")
    np.testing.assert_allclose(folds.I, [7.84, 7.92, 6.26], atol=0.006)
    between = (found.I.values > 10) & (found.I.values < 150)
    assert found.stable.values[between].all()
    assert not found.stable.values[1 : int(np.flatnonzero(found.special.values == "fold")[-1])].any()
    figure = plot_continuation(rest, found)
    assert [ax.get_ylabel() for ax in figure.axes] == ["V", "period"]
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["hopf", "fold", "period doubling"]


def test_the_cycles_of_fitzhugh_and_nagumo():
    """From one Hopf point to the other, both with v^2 = 1 - e b and the frequency sqrt(e - e^2 b^2); at I = 1/2 as by SciPy."""
    e, b, a = 0.08, 0.8, 0.7
    system = sd.ODESystem.from_text("v' = v - v^3/3 - w + I; w' = 0.08*(v + 0.7 - 0.8*w); I = 0.5; v(0) = 0; w(0) = 0")
    rest = continuation(system, "I", (0, 2), start=steady_states(system, {"I": 0}).isel(branch=0))
    hopf, v = special(rest, "hopf"), np.array([-1, 1]) * np.sqrt(1 - e * b)
    exact = v**3 / 3 - v + (v + a) / b
    np.testing.assert_allclose(hopf.I, exact, rtol=1e-9)
    np.testing.assert_allclose(hopf.frequency, np.sqrt(e - (e * b) ** 2), rtol=1e-8)
    found = continue_cycle(system, "I", (0, 2), start=hopf.isel(point=0))
    assert found.attrs["ends"].startswith("hopf")
    assert found.I.values[-1] == pytest.approx(exact[1], rel=1e-8)
    cycle = limit_cycle(system)

    def rates(_, z):  # with the integral of the divergence, whose exponential is the multiplier
        return [z[0] - z[0] ** 3 / 3 - z[1] + 0.5, e * (z[0] + a - b * z[1]), 1 - z[0] ** 2 - e * b]

    def crossing(_, z):
        return z[0]

    crossing.direction = 1
    run = solve_ivp(rates, (0, 400), [0.0, 0.5, 0.0], "DOP853", events=crossing, rtol=1e-12, atol=1e-13)
    times, states = run.t_events[0][-2:], run.y_events[0][-2:]
    assert cycle.period.item() == pytest.approx(times[1] - times[0], rel=1e-9)
    assert cycle.multiplier.values[1] == pytest.approx(np.exp(states[1, 2] - states[0, 2]), abs=1e-9)


def test_families_of_cycles_are_named():
    """At mu = 0 van der Pol's equation is that of a harmonic oscillator, all of whose orbits are closed."""
    vertical = sd.ODESystem.from_text("x' = y; y' = mu*(1 - x**2)*y - x")
    found = continue_cycle(vertical, "mu", (-1, 1), start=hopf_points(vertical, "mu", (-1, 1)).isel(point=0))
    assert found.attrs["ends"].startswith("family: cycles fill a region at mu = ")
    assert special(found).special.values.tolist() == ["hopf"]
    t = np.linspace(0, 2 * np.pi, 101)
    circle = xr.Dataset({"x": ("time", np.cos(t)), "y": ("time", -np.sin(t)), "period": 2 * np.pi}, {"time": t})
    with pytest.raises(sd.SymdynError, match=r"one of a family|does not find the cycle"):
        continue_cycle(vertical, "mu", (-1, 1), start=circle, parameters={"mu": 0})


ROUND = round_("m - x**2 - y**2", "; m = 1; x(0) = 1; y(0) = 0")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: continue_cycle(ROUND, "m", (0, 2), start={"x": 1}), "start is dict; expected a Hopf point or a cycle"),
        (lambda: continue_cycle(ROUND, "m", (2, 3), start=limit_cycle(ROUND)), "outside the span"),
        (lambda: continue_cycle(ROUND, "q", (0, 2), start=limit_cycle(ROUND)), "'q' is not a parameter"),
        (lambda: continue_cycle("r' = r", "m", (0, 2), start=limit_cycle(ROUND)), "expected an ODESystem"),
        (lambda: continue_cycle(ROUND, "m", (0, 2), start=limit_cycle(ROUND), step=0), "step is 0; expected a positive"),
        (lambda: continue_cycle(ROUND, "m", (0, 2), start=limit_cycle(ROUND), accuracy="1e-7"), "accuracy is '1e-7'"),
        (lambda: continue_cycle(ROUND, "m", (0, 2), start=limit_cycle(ROUND), points=0), "points is 0; expected a whole"),
        (
            lambda: continue_cycle(ROUND, "m", (0, 2), start=limit_cycle(ROUND).assign(special="period doubling")),
            "no multiplier of the cycle is -1",
        ),
        (
            lambda: continue_cycle(ROUND, "m", (0, 2), start=steady_states(ROUND).isel(branch=0)),
            "neither a Hopf point nor a cycle",
        ),
        (
            lambda: continue_cycle(ROUND, "m", (-1, 2), start=hopf_points(ROUND, "m", (-1, 2)).isel(point=0).assign(m=0.5)),
            "no Hopf point with the frequency 1 at m = 0.5",
        ),
        (
            lambda: continue_cycle(sd.ODESystem.from_text("x' = m*sin(t) - x"), "m", (0, 1), start=limit_cycle(ROUND)),
            "start is no cycle of a forced system",
        ),
        (
            lambda: continue_cycle(sd.SDESystem.from_text("dx = -m*x*dt + dW"), "m", (0, 1), start=limit_cycle(ROUND)),
            "continue_cycle: it takes systems of rates of change",
        ),
        (lambda: plot_continuation(limit_cycle(ROUND)), "expected datasets from continuation"),
    ],
)
def test_what_is_refused(act, message):
    with pytest.raises(sd.DeclarationError, match=message):
        act()
