"""Events of fields against exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from symdyn_kernels.status import ENDLESS_EVENTS

import symdyn as sd

u, v, D, k, S, t, x, y = sp.symbols("u v D k S t x y")
TIGHT = {"rtol": 1e-9, "atol": 1e-12, "progress": False}


def decaying(*events, **options):
    """A field that is the same everywhere, u = exp(-k t), but for its events."""
    rate = {u: D * sd.laplacian(u) - k * u}
    given = {"parameters": {D: 0.01, k: 0.5}, "initial": {u: 0}, "observables": {"m": sd.mean(u)}} | options
    return sd.PDESystem(rate, (0, 1), events=events, **given)


@pytest.mark.parametrize(
    ("method", "bound"), [("bs32", 1e-7), ("imex", 1e-7), ("etdrk4", 1e-12), (sd.methods.Sbdf2(), 1e-4), ("rk4", 1e-9)]
)
def test_doses_and_conditions_of_a_field_happen_when_they_should(method, bound):
    """Doses of 1 at 1, 3 and 5; the mean falls to 1/2 at 1 + 2 log 2, and rises above it at the next dose."""
    model = decaying(sd.dose(u, 1, every=2, times=3, start=1), sd.Event(sd.mean(u) < 0.5, {S: S + 1}), odes={S: 0},
                     initial={u: 0, S: 0})  # fmt: skip
    fixed = not isinstance(method, str) or method == "rk4"
    options = {"step": 0.01, "progress": False} if fixed else TIGHT
    data = sd.simulate(model, [0, 0.5, 1, 2.5, 3, 5, 6], grid=8, method=method, **options)
    e = np.exp
    exact = [0, 0, 1, e(-0.75), 1 + e(-1), 1 + e(-1) + e(-2), e(-0.5) * (1 + e(-1) + e(-2))]
    np.testing.assert_allclose(data.m, exact, atol=bound)
    np.testing.assert_allclose(data.u, np.repeat(np.array(exact)[:, None], 8, axis=1), atol=bound)
    assert data.fired.values.tolist() == [3, 1]
    assert data.fired_at[0, :3].values.tolist() == [1, 3, 5]
    assert data.fired_at[1, 0].item() == pytest.approx(1 + 2 * np.log(2), abs=3 * bound)
    assert data.S[-1].item() == 1


@pytest.mark.parametrize("scheme", ["finite differences", "spectral"])
def test_what_an_event_adds_spreads_as_a_solution_from_then_on(scheme):
    """A wave that is added at 1 decays from then on; halving the gradient changes the wave alone."""
    wave = sp.cos(2 * sp.pi * x) * sp.sin(2 * sp.pi * y)
    model = sd.PDESystem(
        {u: D * sd.laplacian(u)}, sd.Rectangle(1, 1), boundary="periodic", parameters={D: 0.02}, initial={u: 1},
        events=[sd.Event(t >= 1, {u: u + k * wave}), sd.dose(u, sd.laplacian(u) / (16 * sp.pi**2), start=2)],
    ).with_parameters(k=3)  # fmt: skip
    grid = model.discretize(16, scheme=scheme)
    data = sd.simulate(grid, [0, 1, 1.5, 2, 3], **TIGHT)
    h = 1 / 16
    # of differences the eigenvalue of the wave is that of the second difference
    rate = 8 * np.pi**2 if scheme == "spectral" else 2 * (2 - 2 * np.cos(2 * np.pi * h)) / h**2
    left = 1 - rate / (16 * np.pi**2)
    sizes = 3 * np.exp(-0.02 * rate * np.array([0, 0.5, 1, 2])) * [1, 1, left, left]
    at = np.cos(2 * np.pi * data.x) * np.sin(2 * np.pi * data.y)
    for k_, size in enumerate(sizes, start=1):
        np.testing.assert_allclose(data.u[k_], 1 + size * at, atol=1e-7)


def test_a_field_fires_as_a_neuron_does_and_stops():
    """The mean of u' = I - u is 1 at multiples of log(I/(I - 1))."""
    current = sp.Symbol("I")
    neuron = sd.PDESystem({u: current - u, v: 0}, (0, 1), odes=[], initial={u: 0, v: x}, parameters={current: 1.5},
                          events=sd.Event(sd.mean(u) >= 1, {u: 0, v: v + 1}))  # fmt: skip
    currents = [1.2, 1.5, 3.0]
    data = sd.simulate(neuron, [0, 5, 10], grid=8, parameters={current: currents}, **TIGHT)
    period = np.log(np.array(currents) / (np.array(currents) - 1))
    np.testing.assert_array_equal(data.fired[:, 0], np.floor(10 / period))
    np.testing.assert_allclose(data.fired_at[:, 0, :5], period[:, None] * np.arange(1, 6), atol=1e-6)
    np.testing.assert_array_equal(data.v[:, -1], np.floor(10 / period)[:, None] + data.x.values)
    for layout in (sd.Layout(chunk=1), sd.Layout(threads=2)):
        again = sd.simulate(neuron, [0, 5, 10], grid=8, parameters={current: currents}, layout=layout, **TIGHT)
        xr.testing.assert_identical(again.drop_attrs(), data.drop_attrs())
    stopped = sd.simulate(neuron, [0, 5, 10], grid=8, until="mean(v) > 3", **TIGHT)
    assert stopped.first_passage.item() == pytest.approx(3 * np.log(3), abs=1e-6)
    assert (stopped.fired.item(), float(stopped.v[-1].mean())) == (3, 3.5)


@pytest.mark.parametrize(("method", "restitution"), [("bs32", 0.1), ("imex", 0.1), ("imex", 0.01), ("rk4", 0.5), ("rk4", 0.03)])
def test_a_ball_beside_a_field_does_not_fall_through_the_floor(method, restitution):
    """It comes to rest at 1 + 2 r/(1 - r), from where on there is no solution."""
    options = {"step": 0.1} if method == "rk4" else {}
    model = sd.PDESystem({u: D * sd.laplacian(u)}, (0, 1), odes={S: k, k: -1}, parameters={D: 0.001},
                         initial={u: 0, S: 0.5, k: 0}, events=sd.Event(S <= 0, {k: -restitution * k}))  # fmt: skip
    data = sd.simulate(model, [0, 0.9, 5], grid=4, method=method, on_failure="nan", progress=False, **options)
    assert data.status.item() == ENDLESS_EVENTS
    assert data.S[1].item() == pytest.approx(0.095, rel=1e-3)
    assert np.isnan(data.S[2])


def test_stiff_fields_are_passed_on_with_their_events():
    """The mean of a field is that of its doses, whatever diffuses."""
    drop = sp.exp(-100 * (x - 0.3) ** 2)
    model = decaying(sd.dose(u, drop, every=0.5, times=None, start=0.5), parameters={D: 5.0, k: 0.0})
    data = sd.simulate(model, [0, 0.6, 10], grid=100, progress=False)
    assert "passed on to imex" in data.stiff_trajectories
    each = np.exp(-100 * (data.x - 0.3) ** 2).mean().item()
    np.testing.assert_allclose(data.m, [0, each, 20 * each], rtol=1e-6)


def test_text_says_what_happens_to_fields():
    text = "u' = D*laplacian(u); D = 0.1; when integral(u) > 2, u = u/2 + x; at 1 every 2 times 3, u = u + 1"
    model = sd.PDESystem.from_text(text, domain=(0, 1))
    assert str(model).splitlines()[1:] == ["when integral(u) > 2, u = u/2 + x", "at 1 every 2 times 3, u = u + 1"]
    assert model.events == sd.PDESystem({u: D * sd.laplacian(u)}, (0, 1), events=[
        sd.Event(sd.integral(u) > 2, {u: u / 2 + x}), sd.dose(u, 1, every=2, times=3, start=1)]).events  # fmt: skip
    assert model.discretize(4).digest != model.replace(events=()).discretize(4).digest


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        (sd.Event(u > 1, {u: 0}), sd.DeclarationError, "differs from point to point"),
        (sd.Event(sd.mean(u) > 1, {S: u}), sd.DeclarationError, "differs from point to point"),
        (sd.Event(sd.mean(u) > 1, {u: 0}, delay=x), sd.DeclarationError, "differs from point to point"),
        (sd.Event(sp.Eq(sd.mean(u), 1), {u: 0}), sd.CompileError, "cannot be located"),
        (sd.dose(u, 1, start=sd.mean(u)), sd.CompileError, "depend on states, inputs or time"),
        (sd.Event(t > 1, {D: 1}), sd.DeclarationError, "is not a state of this system"),
        (sd.Event(t > 1, {u: sd.grad(u)}), sd.DeclarationError, "is a vector where a number belongs"),
    ],
)
def test_what_no_event_of_a_field_can_be_is_refused(event, error, message):
    with pytest.raises(error, match=message):
        sd.compile(decaying(event, odes={S: 0}).discretize(8))
