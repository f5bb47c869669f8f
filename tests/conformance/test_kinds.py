"""What every registered kind of system must satisfy; a new one is tested by being registered."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.registry import KINDS
from symdyn.system import PARTS


@pytest.fixture(params=KINDS)
def system(request):
    return KINDS[request.param].example()


def test_it_is_declared_whole_and_frozen(system):
    assert system.states
    assert set(system.defaults) == set(system.parameters)
    assert system.parts
    assert system.parts <= set(PARTS)
    assert not system.unknowns
    with pytest.raises(AttributeError, match="frozen"):
        system.states = ()


def test_it_shows_what_it_is(system):
    text = str(system)
    assert all(s.name in text for s in system.states)
    assert len(system.equations()) >= 1
    assert type(system).__name__ in repr(system)
    assert system._repr_latex_().startswith("$")


def test_equal_mathematics_has_one_digest(system):
    again = type(system).example()
    assert again == system
    assert hash(again) == hash(system)
    assert pickle.loads(pickle.dumps(system)) == system
    changed = system.with_parameters({system.parameters[0]: 0.77})
    assert changed != system
    assert changed.digest == system.digest


def test_expressions_are_mapped_one_by_one(system):
    p, q = system.parameters[0], sp.Symbol("q_new")
    swapped = system.map_expressions(lambda e: e.xreplace({p: q}))
    assert [e.xreplace({q: p}) for e in swapped.expressions] == list(system.expressions)


def test_its_default_method_simulates_it(system):
    grid = {"grid": 8} if system.fields else {}
    data = sd.simulate(system, [0.0, 1.0, 2.0], seed=3, progress=False, **grid)
    for state in system.states:
        assert np.isfinite(data[state.name].values).all()
        assert "trajectory" not in data[state.name].dims
    assert not np.any(data.status.values)
    several = sd.simulate(system, [0.0, 1.0], trajectories=2, seed=3, progress=False, **grid)
    assert several.sizes["trajectory"] == 2


def test_what_is_deterministic_is_studied_and_recovered(system):
    if system.unmet(["drift"]) and system.unmet(["map"]):
        pytest.skip(f"a {type(system).__name__} is neither a flow nor a map without noise")
    found = sd.analysis.steady_states(system)
    assert found.sizes["branch"] >= 1
    # the first right-hand side becomes the unknown term, of whose values there are exact ones
    f, state = sp.Function("f"), system.states[0]
    sides = system.deterministic("this test")
    if sides[0] not in system.expressions:
        pytest.skip(f"the right-hand sides of a {type(system).__name__} follow from other expressions")
    hidden = type(system).example().map_expressions(lambda e: f(*system.states) if e == sides[0] else e)
    times = np.arange(12.0) if system.whole_steps else np.linspace(0, 6, 31)
    data = sd.simulate(system, times, progress=False)[list(system.names)]
    terms = sorted({t.as_coeff_Mul()[1] for t in sp.expand(sides[0].xreplace(dict(system.defaults))).args}, key=str)
    library = [t for t in terms if t.free_symbols] or [state]
    recovery = sd.recover(hidden, data, library=library, surrogate=None, progress=False)
    exact = sp.expand(sides[0].xreplace({p: sp.Float(v) for p, v in system.defaults.items()}))
    difference = sp.expand(recovery.terms[f(*system.states)] - exact)
    point = {s: 0.37 + 0.1 * k for k, s in enumerate(system.states)}
    assert abs(float(difference.xreplace(point))) < 1e-4
    assert type(recovery.system) is type(system)


def test_what_has_a_drift_or_reactions_is_closed(system):
    if not {"drift", "propensities"} & system.parts:
        pytest.skip(f"a {type(system).__name__} has no equations of moments")
    from symdyn.derive.moments import moments

    closed = moments(system, 2)
    assert len(closed.states) == 5  # two means, two second moments and a mixed one
