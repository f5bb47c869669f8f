"""One population with a delay, or with a season: matched, fitted and foretold, and never found where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.discover import lagged, seasonal
from symdyn.discover.matched import SmoothSeries, best, match
from symdyn.discover.options import RecoverOptions, Request
from symdyn.discover.paced import paced
from symdyn.discover.partners import partnered
from symdyn.discover.second_order import second_order
from symdyn.inference.data import observations

x, t = sp.symbols("x t")
PLAIN = sd.ODESystem({x: x})


def delayed(right, delay, before, step, count, skipped=0):
    """Values of x' = right(x, x(t - delay)) at `count` times a `step` apart, by Heun's method, after some that are skipped."""
    parts = 200
    h, lag = step / parts, round(delay * parts / step)
    values = [before] * (lag + 1)
    for _ in range((count + skipped) * parts):
        now, past, next_past = values[-1], values[-1 - lag], values[-lag]
        slope = right(now, past)
        values.append(now + h / 2 * (slope + right(now + h * slope, next_past)))
    return np.array(values[lag:])[skipped * parts :: parts][:count]


def noisy(values, share, seed=0):
    return values * np.exp(share * np.random.default_rng(seed).standard_normal(len(values)))


def first_order(table):
    """An equation of first order for the data, quickly."""
    return sd.recover(sd.ODESystem({x: sp.Function("f_x")(x)}), table, library=[x, x**2], surrogate=None, progress=False)


@pytest.fixture(scope="module")
def wright():
    """Hutchinson's equation x' = 0.9 x (1 - x(t - 2.2)/200) beyond its bifurcation at 0.9*2.2 = pi/2."""
    times = 0.5 * np.arange(80)
    values = delayed(lambda now, past: 0.9 * now * (1 - past / 200), 2.2, 50.0, 0.5, 80, skipped=20)
    table = {"t": times[:54], "x": noisy(values, 0.05)[:54]}
    before = first_order(table)
    return before, paced(before, before.system, Request()), times, values


def test_a_delay_is_found_and_foretold(wright, tmp_path):
    _, found, times, values = wright
    assert found.system.parts == {"drift", "delays"}
    known = dict(zip(found.intervals["constant"], found.intervals["value"], strict=True))
    assert known["delay"] == pytest.approx(2.2, rel=0.03)
    assert known["rate"] == pytest.approx(0.9, rel=0.05)
    assert known["loss"] == pytest.approx(0.9 / 200, rel=0.05)
    ahead = found.predict(times[54:], band=0.8)
    error = np.sqrt(np.mean((ahead["x"].values - values[54:]) ** 2)) / values[54:].std()
    assert error < 0.15  # of persistence about 1.3
    inside = (ahead["x_lower"].values < values[54:]) & (values[54:] < ahead["x_upper"].values)
    assert inside.mean() > 0.8
    begin = float(found.observations.trajectories[0].times[0])
    assert any("has a delay" in note and f"before {begin!r}, smoothed" in note for note in found.warnings)
    found.save(tmp_path)
    again = sd.Recovery.load(tmp_path)
    assert again.system == found.system
    assert again.terms == found.terms
    assert again.predict(times[54:])["x"].values.tolist() == ahead["x"].values.tolist()


def test_a_history_without_an_end_that_was_saved_is_told(wright, tmp_path):
    _, found, _, _ = wright
    replace(found, system=found.system.replace(history_span=None)).save(tmp_path)
    first = float(found.observations.trajectories[0].times[0])
    with pytest.warns(UserWarning, match=f"history of a delay does not say that it ends at {first!r}"):
        sd.Recovery.load(tmp_path)


def test_the_history_of_a_delay_belongs_to_its_time(wright):
    """A run that begins elsewhere is refused, also of the text read back; one from its end is that of the constants."""
    _, found, times, values = wright
    first = float(found.observations.trajectories[0].times[0])
    assert found.system.history_span == (0.0, first)
    assert first >= 2.2
    for system in (found.system, sd.ODESystem.from_text(found.system.to_text()), found.system.with_parameters()):
        assert system == found.system
        run = sd.simulate(system, times[times >= first][:30], progress=False).x.values
        assert np.abs(run / values[times >= first][:30] - 1).mean() < 0.05
        with pytest.raises(sd.SymdynError, match=f"begins at 0.0; begin at {first!r}, or give a history"):
            sd.simulate(system, [0, 10], progress=False)
    with pytest.raises(sd.SymdynError, match=r"a delay is 9[.]5; expected none that is longer than"):
        sd.simulate(found.system, [first, 30.0], parameters={"delay": 9.5}, progress=False)
    own = sd.ODESystem.from_text(found.system.to_text(), history={"x": 50}, initial={"x": 50})
    assert own.history_span is None
    assert sd.simulate(own, [0, 1], progress=False).x.values[0] == 50


def test_increments_of_an_exact_delay_give_its_constants():
    values = delayed(lambda now, past: 8 * past * np.exp(-past / 100) - 0.5 * now, 5.0, 80.0, 0.5, 160, skipped=100)
    curve = SmoothSeries(observations(PLAIN, {"t": 0.5 * np.arange(160), "x": values}))
    found = lagged.shortest(best(lagged.matches(curve, x, sp.Symbol, t), apart=1.2, each=3))
    first = min(found, key=lambda m: m.error)
    known = {c.name: v for c, v in first.values.items()}
    assert first.name == "births of the past, of which crowding leaves few"
    assert known["delay"] == pytest.approx(5.0, abs=0.66)  # delays are tried 0.65 apart
    assert known["rate"] == pytest.approx(8.0, rel=0.15)
    assert abs(np.log(known["crowding"] / 0.01)) < 0.5 * np.log(1.6)  # values a factor of 1.6 apart are tried


def test_a_season_of_contacts_is_found_from_the_infected_alone():
    """Every second year an epidemic: S' = m N - m S - B S I, I' = (B S - g - m) I, B = B0 (1 + 0.1 cos 2 pi t)."""
    size, birth, recovery = 1e6, 0.02, 26.0

    def right(time, y):
        rate = 17 * recovery / size * (1 + 0.1 * np.cos(2 * np.pi * time)) * y[0]
        return [birth * size - birth * y[0] - rate * np.exp(y[1]), rate - recovery - birth]

    times = np.arange(156) / 26
    own = solve_ivp(right, [0, 46], [size / 17, np.log(birth * size / recovery)], t_eval=40 + times, rtol=1e-8, atol=1e-8)
    values = np.exp(own.y[1])
    before = first_order({"t": times[:104], "x": noisy(values, 0.1)[:104]})
    found = paced(before, before.system, Request())
    known = dict(zip(found.intervals["constant"], found.intervals["value"], strict=True))
    assert found.system.names == ("x", "hidden")
    assert known["period"] == pytest.approx(1.0, abs=0.02)
    assert np.hypot(known["cosine"], known["sine"]) == pytest.approx(0.1, abs=0.06)
    ahead = found.predict(times[104:])["x"].values
    assert np.sqrt(np.mean((ahead - values[104:]) ** 2)) < 0.5 * values[104:].std()
    assert any("change with a season" in note for note in found.warnings)


def test_susceptible_follow_from_the_infected():
    """An exact season is matched by one of the seasons that are tried, to a few percent of the increments."""
    turn = 2 * np.pi

    def right(time, y):
        rate = y[1] * (1 + 0.16 * np.cos(turn * time))
        return [y[0] * (rate - 12.0), 8.0 - 6e-4 * y[0] * rate]

    times = np.arange(160) / 32
    values = solve_ivp(right, [0, 10], [700.0, 12.0], t_eval=5 + times, rtol=1e-9, atol=1e-9).y[0]
    curve = SmoothSeries(observations(PLAIN, {"t": times, "x": values}))
    found = min(seasonal.matches(curve, x, sp.Symbol("h"), sp.Symbol, t), key=lambda m: m.error)
    assert found.error < 0.05
    assert {c.name: v for c, v in found.values.items()}["period"] == pytest.approx(1.0, rel=0.05)


@pytest.mark.filterwarnings("error")
def test_a_history_of_two_data_goes_through_both():
    """Where the first interval is longer than the delay."""
    times = np.concatenate([[0.0, 6.0], 6.5 + 0.5 * np.arange(30)])
    curve = SmoothSeries(observations(PLAIN, {"t": times, "x": np.exp(1 + 0.1 * times)}))
    past, span = lagged.history(curve, 2.0, t)
    assert span == (0.0, 6.0)
    assert [float(past.subs(t, s)) for s in (0.0, 3.0, 6.0)] == pytest.approx(np.exp([1.0, 1.3, 1.6]), rel=1e-4)


@pytest.mark.parametrize(("begin", "unit", "size"), [(1900.0, 1.0, 1e-6), (1e9, 1e6, 1e9), (0.0, 1e-6, 1.0)])
def test_matches_do_not_depend_on_units(begin, unit, size):
    """Growth with a season of period 6: the same constants, by their dimensions, wherever time begins."""
    times = 0.5 * np.arange(70)
    values = solve_ivp(lambda t, y: y * (1 + 0.5 * np.cos(np.pi * t / 3) - y), [0, 35], [0.5], t_eval=times, rtol=1e-9).y[0]

    def first(matches):
        return min((m for m in matches if not m.name.startswith("infected")), key=lambda m: m.error)

    def both(table):
        curve = SmoothSeries(observations(PLAIN, table))
        return first(lagged.matches(curve, x, sp.Symbol, t)), first(seasonal.matches(curve, x, sp.Symbol("h"), sp.Symbol, t))

    ours = both({"t": times, "x": noisy(values, 0.03)})
    others = both({"t": begin + unit * times, "x": size * noisy(values, 0.03)})
    for own, other in zip(ours, others, strict=True):
        assert other.name == own.name
        assert other.error == pytest.approx(own.error, rel=1e-4)
    constants = [{c.name: v for c, v in m.values.items()} for m in (ours[1], others[1])]
    units = {"period": unit, "cosine": 1.0, "sine": 1.0, "rate": 1 / unit, "loss": 1 / unit / size}
    for name, factor in units.items():
        assert constants[1][name] == pytest.approx(factor * constants[0][name], rel=1e-4)
    assert constants[0]["period"] == pytest.approx(6.0, rel=0.05)


def test_coefficients_are_nowhere_negative():
    columns = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 1.0]])
    values, error = match(columns, columns @ [2.0, 3.0])
    assert values == pytest.approx([2.0, 3.0])
    assert error == pytest.approx(0.0, abs=1e-12)
    values, error = match(columns, np.array([1.0, 2.0, -1.0]))  # 1 and -1/2 without the bound
    assert values == pytest.approx([1.0, 0.0])
    assert error == pytest.approx(1 / 6)


@pytest.mark.parametrize("seed", [2, 7])
def test_limited_growth_with_noise_has_no_delay_and_no_season(seed):
    times = 0.5 * np.arange(40)
    table = {"t": times, "x": noisy(200 / (1 + 40 * np.exp(-0.8 * times)), 0.15, seed)}
    before = first_order(table)
    assert paced(before, before.system, Request()) is before


def test_what_a_delay_explains_needs_no_equation_of_second_order(wright, monkeypatch):
    """None is looked for, which takes longer than all that was before."""
    _, found, _, _ = wright
    monkeypatch.setattr("symdyn.discover.second_order.route_of", None)
    assert second_order(found, None, Request()) is found


def test_an_interrupt_after_a_hidden_population_is_told(wright, monkeypatch):
    before, hidden, _, _ = wright  # any other recovery stands for that with a hidden population

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("symdyn.discover.partners._Partner.result", lambda self, found: hidden)
    monkeypatch.setattr("symdyn.discover.partners.paced", interrupted)
    found = partnered(before, Request())
    assert found.system == hidden.system
    assert not found.complete
    assert found.warnings[-1].endswith("were compared, for the search was interrupted")


def test_what_has_no_effect_is_told(wright):
    before, _, _, _ = wright
    request = Request(options=RecoverOptions(noise={"x": 0.05}))
    found = partnered(before, request)
    assert found.system == before.system
    assert "were not compared beside options.noise" in found.warnings[-1]
