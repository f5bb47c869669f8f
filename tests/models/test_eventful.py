"""Events that are added to systems which are there already."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, y, k, s, D = sp.symbols("x y k s D")
DOSE = sd.dose(x, D, every=1, times=2, start=1)


def test_a_dose_is_added_to_an_ode_as_if_it_had_been_declared():
    plain = sd.ODESystem({x: -k * x}, {k: 1}, initial={x: 2}, observables={"twice": 2 * x})
    dosed = plain.with_events(DOSE, {D: 3})
    assert dosed == sd.ODESystem(
        {x: -k * x}, {k: 1, D: 3}, initial={x: 2}, observables={"twice": 2 * x}, events=DOSE, provenance=dosed.provenance
    )
    found = sd.simulate(dosed, [0, 1, 2, 3], rtol=1e-10, progress=False)
    e = np.exp(-1.0)
    np.testing.assert_allclose(found.x, [2, 2 * e + 3, (2 * e + 3) * e + 3, ((2 * e + 3) * e + 3) * e], rtol=1e-8)
    more = dosed.with_events([sd.Event(x > 5, {x: 0})])
    assert [type(e.trigger).__name__ for e in more.events] == ["Schedule", "StrictGreaterThan"]
    assert not plain.events


def test_algebraic_equations_histories_and_inputs_stay():
    held = sd.ODESystem({x: -y}, algebraic={y: y - x}, initial={x: 1, y: 1}).with_events(DOSE, {D: 1})
    assert held.algebraic == (y,)
    X = sp.Function("x")
    late = sd.ODESystem({x: -X(sp.Symbol("t") - 1)}, history={x: 1}).with_events(DOSE, {D: 1})
    assert late.history == {x: 1}
    u = sd.Path("u", [0, 5], [1, 1])
    assert sd.ODESystem({x: u - x}).with_events(DOSE, {D: 1}).inputs == (u,)


def test_stochastic_systems_and_networks_take_them_too():
    noisy = sd.SDESystem({x: -k * x}, {x: s * x}, {k: 1, s: 1}, interpretation="stratonovich").with_events(DOSE, {"D": 2})
    assert (noisy.interpretation, noisy.defaults[D]) == ("stratonovich", 2)
    network = sd.ReactionNetwork.from_text("x -> 0, k; k = 1; x(0) = 3").with_events(DOSE, {"D": 2})
    assert (network.initial[x], network.defaults) == (3, {k: 1, D: 2})


def test_what_is_no_state_is_named():
    with pytest.raises(sd.DeclarationError, match="q is not a state of this system; its states: x"):
        sd.ODESystem({x: -x}).with_events(sd.dose("q", 1))
