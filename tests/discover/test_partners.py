"""One population that turns back: models with a second state that was not measured."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.discover.options import RecoverOptions
from symdyn.discover.turning_back import unmeasured
from symdyn.inference.data import observations
from symdyn.inference.error_fits import fit_errors
from symdyn.inference.filtering import ErrorLaw

x, hidden = sp.symbols("x hidden")


def solution(right, start, times):
    """The first state by an independent integrator."""
    return solve_ivp(right, times[[0, -1]], start, t_eval=times, rtol=1e-10, atol=1e-12).y[0]


@pytest.fixture(scope="module")
def outbreak():
    """Infected alone of an epidemic: with h = 0.0022 S the equations are x' = x (h - 0.45), h' = -0.0022 x h."""
    times = np.arange(14.0)
    values = solution(lambda t, y: [y[0] * (0.0022 * y[1] - 0.45), -0.0022 * y[0] * y[1]], [1, 762], times)
    table = {"t": times[:11], "x": (values * (1 + 0.03 * np.random.default_rng(0).standard_normal(14)))[:11]}
    return sd.recover(None, table, progress=False), times, values


def test_infected_alone_tell_of_the_susceptible(outbreak):
    found, times, values = outbreak
    assert found.system.names == ("x", "hidden")
    assert float(found.terms["f_x"].coeff(x * hidden)) == 1  # the unit of what was not measured
    assert float(found.terms["f_x"].expand().coeff(x).xreplace({hidden: 0})) == pytest.approx(-0.45, rel=0.15)
    assert float(found.terms["f_hidden"].coeff(x * hidden)) == pytest.approx(-0.0022, rel=0.15)
    inside = (found.intervals["lower"] < found.intervals["value"]) & (found.intervals["value"] < found.intervals["upper"])
    assert inside.all()
    assert found.predict(times[11:])["x"].values == pytest.approx(values[11:], rel=0.25)
    assert "a second, hidden, that was not measured" in found.warnings[0]
    assert "infected, without the susceptible" in found.warnings[0]


def test_bands_hold_what_comes_and_the_result_is_a_system_again(outbreak, tmp_path):
    found, times, values = outbreak
    run = found.predict(times[11:], band=0.9)
    assert ((run["x_lower"] < values[11:]) & (values[11:] < run["x_upper"])).all()
    found.save(tmp_path)
    again = sd.Recovery.load(tmp_path)
    assert again.system == found.system
    assert again.predict(times[11:])["x"].values.tolist() == found.predict(times[11:])["x"].values.tolist()


def test_a_prey_alone_tells_of_its_predator():
    """Lotka and Volterra's equations, whose hidden rate is h = 0.03 y."""
    times = np.arange(20.0)
    values = solution(lambda t, y: [y[0] * (0.5 - 0.03 * y[1]), y[1] * (0.02 * y[0] - 0.8)], [30, 4], times)
    noisy = values * (1 + 0.03 * np.random.default_rng(1).standard_normal(20))
    found = sd.recover(None, {"t": times[:14], "prey": noisy[:14]}, progress=False)
    prey = sp.Symbol("prey")
    terms = {u.func.__name__: e.expand() for u, e in found.terms.items()}
    assert set(terms["f_prey"].as_coefficients_dict(prey, hidden)) == {prey, prey * hidden}
    assert float(terms["f_prey"].coeff(prey).xreplace({hidden: 0})) == pytest.approx(0.5, rel=0.1)
    assert float(terms["f_hidden"].coeff(prey * hidden)) == pytest.approx(0.02, rel=0.1)
    assert (found.intervals["lower"] >= 0).all()  # of populations and of positive constants
    assert found.predict(times[14:])["prey"].values == pytest.approx(values[14:], rel=0.35)


def test_noise_may_measure_a_prey_below_zero():
    """A tenth of the deviation of x, additive, where h = 0.9 y."""
    times = np.linspace(0.0, 8.0, 41)
    values = solution(lambda t, y: [y[0] * (1.3 - 0.9 * y[1]), y[1] * (0.8 * y[0] - 1.8)], [0.5, 4], times)
    noisy = values + 0.1 * values.std() * np.random.default_rng(3).standard_normal(41)
    assert noisy.min() < 0
    found = sd.recover(None, {"t": times, "x": noisy}, progress=False)
    within = found.intervals.set_index("constant")
    for name, value in {"f_x_1": 1.3, "f_hidden_1": 0.8, "f_hidden_2": 1.8}.items():
        assert within.loc[name, "lower"] < value < within.loc[name, "upper"]


@pytest.mark.parametrize(
    ("column", "other"),
    [("x", "velocity"), ("velocity", "velocity_"), ("f_velocity", "velocity_"), ("f_velocity_", "velocity")],
)
def test_what_was_not_measured_has_a_name_of_its_own(column, other):
    assert unmeasured("velocity", sd.ODESystem({sp.Symbol(column): sp.Symbol(column)})) == sp.Symbol(other)


def test_one_field_is_no_population():
    """u_t = u_xx/2, of which nothing is known but u."""
    place, times = np.linspace(0, 2 * np.pi, 32, endpoint=False), np.linspace(0, 1, 11)
    u = 2 + np.exp(-0.5 * times)[:, None] * np.sin(place)
    data = xr.Dataset({"u": (("time", "x"), u)}, {"time": times, "x": place})
    assert sd.recover(None, data, budget=20.0, progress=False).system.names == ("u",)


@pytest.mark.parametrize("stage", ["partners", "second_order"])
def test_an_interrupt_of_what_comes_last_keeps_what_was_found(stage, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    times = np.linspace(0, 8, 25)
    if stage == "partners":
        values = 5 + 4 * np.sin(times)
        monkeypatch.setattr("symdyn.discover.partners.fit", interrupted)
    else:
        values = np.sin(times)
        monkeypatch.setattr("symdyn.discover.pipeline.Pipeline.learn", interrupted)
    values = values + 0.02 * np.random.default_rng(0).standard_normal(25)
    found = sd.recover(None, {"t": times, "x": values}, checkpoint=tmp_path / "search", progress=False)
    assert found.system.names == ("x",)
    assert not found.complete
    assert any(note.endswith("for the search was interrupted") for note in found.warnings)
    assert (tmp_path / "search").exists()  # to go on from


def test_noise_about_a_plateau_is_no_turning_back():
    times = np.linspace(0, 18, 10)
    values = 200 / (1 + 40 * np.exp(-0.8 * times)) * np.exp(0.2 * np.random.default_rng(3).standard_normal(10))
    assert sd.recover(None, {"t": times, "x": values}, progress=False).system.names == ("x",)


def test_who_wants_equations_of_the_measured_state_alone_gets_them(outbreak):
    _, times, values = outbreak
    table = {"t": times, "x": values * (1 + 0.03 * np.random.default_rng(0).standard_normal(14))}
    for asked in ({"options": RecoverOptions(process=False)}, {"library": [x, x**2], "surrogate": None}):
        assert sd.recover(None, table, progress=False, **asked).system.names == ("x",)


def test_forecasts_count_what_is_measured_alone():
    """The error of a forecast of one measured state of two is not halved by the other; unchanged means its last datum."""
    a = sp.Symbol("a")
    times = np.arange(12.0)
    data = {"t": times, "x": np.exp(0.1 * times)}
    errors = []
    for system, starts in (
        (sd.ODESystem({x: a * x}, {a: 0.1}), [[1.0]]),
        (sd.ODESystem({x: a * x, hidden: -hidden}, {a: 0.1}), [[1.0, 1.0]]),
    ):
        held = np.array([[False, True][: len(starts[0])]])
        own = fit_errors(system, observations(system, data), ErrorLaw(), [a], starts=np.array(starts), held=held)
        (last,) = own.forecasts()[-1:]
        errors.append(last.unchanged(own.likelihood))
    assert errors[0] == pytest.approx(errors[1], rel=1e-9)
    left = np.exp(1.1) - np.exp(1.0)
    assert errors[0] == pytest.approx((left / np.sqrt(np.mean(np.exp(0.2 * times)))) ** 2 + 1e-6, rel=1e-9)
