"""Inputs over time in fields, and conditions on them, against exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

f, D, S, t, x = sp.symbols("f D S t x")
TIGHT = {"rtol": 1e-9, "atol": 1e-12, "progress": False}
TIMES = [0, 0.5, 1, 2, 3]
#: A ramp to 2 and a record that jumps at 1 and 2.5, with their integrals at TIMES.
ramp, held = sd.Path("u", [0, 1, 3], [0, 2, 2]), sd.Path("h", [0, 1, 2.5, 3], [1, -1, 3, 3], kind="hold")
RAMPED, HELD = np.array([0, 0.25, 1, 3, 5]), np.array([0, 0.5, 1, 0, 1])


def fixed(method):
    return {"step": 0.1, "progress": False} if method in ("rk4", "sbdf2") else TIGHT


@pytest.mark.parametrize("method", ["bs32", "dop853", "imex", "imex3", "etdrk4", "sbdf2", "rk4"])
@pytest.mark.parametrize("scheme", ["finite differences", "spectral"])
def test_a_field_adds_up_its_inputs(method, scheme):
    """What is the same everywhere grows by the areas below both courses, to rounding: steps end at all knots."""
    given = {"boundary": "periodic", "initial": {f: 0}, "observables": {"sum": ramp + held, "slope": ramp.diff(t)}}
    model = sd.PDESystem({f: D * sd.laplacian(f) + ramp + held}, (0, 1), parameters={D: 0.01}, **given)
    data = sd.simulate(model.discretize(8, scheme=scheme), TIMES, method=method, **fixed(method))
    np.testing.assert_allclose(data.f, np.repeat((RAMPED + HELD)[:, None], 8, axis=1), atol=1e-12)
    assert data["sum"].values.tolist() == [1, 2, 1, 1, 5]
    assert data.slope.values.tolist() == [2, 2, 0, 0, 0]


@pytest.mark.parametrize("method", ["tsit5", "imex", "etdrk4"])
@pytest.mark.parametrize(("path", "area"), [(ramp, RAMPED), (held, HELD)])
def test_what_flows_through_a_wall_stays_in_the_field(method, path, area):
    model = sd.PDESystem({f: D * sd.laplacian(f)}, (0, 1), boundary={"left": sd.Neumann(path)}, parameters={D: 0.3},
                         initial={f: 0}, observables={"m": sd.mean(f)})  # fmt: skip
    np.testing.assert_allclose(sd.simulate(model, TIMES, grid=16, method=method, **TIGHT).m, 0.3 * area, atol=1e-12)


@pytest.mark.parametrize("scheme", ["finite differences", "spectral"])
@pytest.mark.parametrize("method", ["bs32", "imex", "etdrk4"])
def test_a_diffusivity_may_be_a_record_that_is_zero_for_a_while(method, scheme):
    """A wave decays with the integral of the diffusivity: 0.04 until 1, none until 2, 0.08 until 3."""
    record = sd.Path("D", [0, 1, 2, 3], [0.04, 0, 0.08, 0.08], kind="hold")
    model = sd.PDESystem({f: record * sd.laplacian(f)}, (0, 1), boundary="periodic", initial={f: sp.cos(2 * sp.pi * x)})
    data = sd.simulate(model.discretize(16, scheme=scheme), TIMES, method=method, **TIGHT)
    rate = 4 * np.pi**2 if scheme == "spectral" else 2 * (1 - np.cos(np.pi / 8)) * 256
    sizes = np.exp(-rate * np.array([0, 0.02, 0.04, 0.04, 0.12]))
    np.testing.assert_allclose(data.f, sizes[:, None] * np.cos(2 * np.pi * data.x.values), atol=1e-8)


def test_conditions_on_inputs_and_sweeps_over_courses():
    """The ramp passes 1 at 0.5 and the mean 2 at 1.5; the record falls at 1, which acts a quarter later."""
    events = [
        sd.Event(ramp > 1, {S: S + 1}),
        sd.Event(sd.mean(f) > 2, {S: S + 10}),
        sd.Event(held < 0, {S: S + 100}, delay=0.25),
    ]
    model = sd.PDESystem({f: ramp}, (0, 1), odes={S: 0}, initial={f: 0, S: 0}, events=events)
    data = sd.simulate(model, TIMES, grid=4, **TIGHT)
    np.testing.assert_allclose(data.fired_at[:, 0], [0.5, 1.5, 1.25], atol=1e-12)
    assert data.S.values.tolist() == [0, 0, 1, 111, 111]
    stopped = sd.simulate(model, TIMES, grid=4, until="u > 1.5", **TIGHT)
    assert stopped.first_passage.item() == pytest.approx(0.75, abs=1e-12)
    courses = {"inputs": {ramp: [ramp, sd.Path("u", [0, 3], [1, 1])]}, "grid": 4, **TIGHT}
    swept = sd.simulate(model, TIMES, **courses)
    np.testing.assert_allclose(swept.f[:, :, 0], [RAMPED, TIMES], atol=1e-12)
    assert swept.fired.values.tolist() == [[1, 1, 1], [0, 1, 1]]
    for layout in (sd.Layout(chunk=1), sd.Layout(threads=2)):
        xr.testing.assert_identical(sd.simulate(model, TIMES, layout=layout, **courses).drop_attrs(), swept.drop_attrs())


def test_rates_that_compare_an_input_jump_where_it_passes():
    """Also of ODEs: the ramp is above 1 from 0.5 on, and the other record from 0.25 to 0.75 and from 1.5 on."""
    ups = sp.Heaviside(ramp - 1)
    found = sd.simulate(sd.PDESystem({f: ups}, (0, 1), initial={f: 0}), TIMES, grid=4, **TIGHT)
    np.testing.assert_allclose(found.f[:, 0], [0, 0, 0.5, 1.5, 2.5], atol=1e-12)
    other = sd.Path("u", [0, 0.5, 1, 2, 3], [0, 2, 0, 2, 2])
    data = sd.simulate(sd.ODESystem({x: ups}, initial={x: 0}), TIMES, inputs={"u": [ramp, other]}, **TIGHT)
    np.testing.assert_allclose(data.x, [[0, 0, 0.5, 1.5, 2.5], [0, 0.25, 0.5, 1, 2]], atol=1e-12)


@pytest.mark.parametrize("method", ["bs32", "imex", "etdrk4"])
def test_an_event_changes_the_diffusivity(method):
    """A scalar without a rate is a parameter that events change, which methods treat implicitly and exactly, too."""
    model = sd.PDESystem({f: D * sd.laplacian(f)}, (0, 1), odes={D: 0}, boundary="periodic",
                         initial={f: sp.cos(2 * sp.pi * x), D: 0.02},
                         events=[sd.Event(t >= 1, {D: 0.05}), sd.Event(t >= 2, {D: D / 5})])  # fmt: skip
    data = sd.simulate(model.discretize(16, scheme="spectral"), [0, 1, 2, 3], method=method, **TIGHT)
    sizes = np.exp(-4 * np.pi**2 * np.array([0, 0.02, 0.07, 0.08]))
    np.testing.assert_allclose(data.f, sizes[:, None] * np.cos(2 * np.pi * data.x.values), atol=1e-8)
    np.testing.assert_allclose(data.D, [0.02, 0.05, 0.01, 0.01], rtol=1e-15)


@pytest.mark.parametrize("method", ["bs32", "imex", "imex3", "etdrk4", "sbdf2", "rk4"])
def test_conditions_that_are_true_for_a_moment_within_a_step_are_found(method):
    """The field grows evenly in steps of up to 30; its sine is above 0.9999 for 0.028 around ten of its maxima up to 63."""
    model = sd.PDESystem({f: 1 + D * sd.laplacian(f)}, (0, 1), odes={S: 0}, initial={f: 0, S: 0}, parameters={D: 0.001},
                         events=sd.Event(sp.sin(sd.mean(f)) > 0.9999, {S: S + 1}))  # fmt: skip
    data = sd.simulate(model, [0, 63], grid=8, method=method, **({"step": 1.0, "progress": False} if fixed(method) != TIGHT else
                                                                  {"progress": False}))  # fmt: skip
    assert data.S[-1].item() == pytest.approx(10, rel=1e-12)
    np.testing.assert_allclose(data.fired_at[0, :10], np.arcsin(0.9999) + 2 * np.pi * np.arange(10), atol=1e-10)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sd.simulate(sd.PDESystem({f: ramp}, (0, 1), initial={f: 0}), [0, 4], grid=4), "known from 0 to 3"),
        (lambda: sd.simulate(sd.PDESystem({f: ramp}, (0, 1)), [0, 1], grid=4, initial={f: ramp}), "holds u"),
        (lambda: sd.PDESystem({f: ramp}, (0, 1), initial={f: ramp}), "holds u"),
        (lambda: sd.PDESystem({f: sd.laplacian(f)}, (0, 1), boundary={"left": sd.Robin(ramp, 1)}), "parameters only"),
        (lambda: sd.PDESystem({f: ramp}, (0, 1), parameters={"u": 3}), "is an input over time"),
        (lambda: sd.PDESystem({f: held}, (0, 1), observables={"s": held.diff(t)}), "has no slope"),
    ],
)
def test_what_no_input_of_a_field_can_be_is_refused(build, message):
    with pytest.raises(sd.DeclarationError, match=message):
        build()
