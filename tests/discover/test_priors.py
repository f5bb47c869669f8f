"""What is known of the structure of equations: conserved quantities, the interaction graph, and equations of populations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.options import RecoverOptions
from symdyn.discover.priors import shared_terms
from symdyn.errors import RecoveryError

x, y, z = sp.symbols("x y z")
f, g, h = sp.symbols("f g h", cls=sp.Function)
OPEN = sd.ODESystem({x: f(x, y), y: g(x, y)})
TWO = {"t": np.arange(11.0), "x": np.linspace(1, 2, 11), "y": np.linspace(2, 1, 11)}


def measured(system, times, start, *, noise, seed):
    """A run with noise of a share of the standard deviation of each state."""
    run = sd.simulate(system, times, initial=dict(zip(system.names, start, strict=True)), progress=False)
    random, values = np.random.default_rng(seed), {s: run[s].values.ravel() for s in system.names}
    return pd.DataFrame({"t": times, **{s: q + noise * q.std() * random.standard_normal(q.size) for s, q in values.items()}})


def quick(system, data, **asked):
    return sd.recover(system, data, surrogate=None, progress=False, **asked)


def shapes(side):
    """The terms of a right-hand side without their coefficients."""
    return {term.as_independent(x, y, z, as_Add=False)[1] for term in sp.Add.make_args(sp.expand(side))}


def changes(found, quantity):
    """The rate of change of a quantity in every recovered system."""
    return [
        sp.simplify(sum(sp.diff(quantity, s) * e for s, e in zip(system.states, system.drift, strict=True)))
        for system in found.systems
    ]


def vectors(system, quantities, terms):
    """The factors of the unknown functions in terms that keep quantities."""
    unknowns = system.unknowns
    found = shared_terms(system, quantities, dict.fromkeys(unknowns, terms))
    return {tuple(shares.get(u, 0) for u in unknowns) for shares, _ in found}


def test_terms_that_keep_totals_are_exchanges():
    three = sd.ODESystem({x: f(x, y, z), y: g(x, y, z), z: h(x, y, z)})
    assert vectors(three, [x + y + z], [x]) == {(1, -1, 0), (1, 0, -1), (0, 1, -1)}
    assert vectors(three, [x + 2 * y + z], [x]) == {(2, -1, 0), (1, 0, -1), (0, 1, -2)}
    # x and y bind to z
    assert vectors(three, [x + z, y + z], [x]) == {(1, 1, -1)}
    # what a total does not hold is free
    assert vectors(three, [x + y], [x]) == {(1, -1, 0), (0, 0, 1)}
    # factors in the equations, and an energy
    assert vectors(sd.ODESystem({x: x * f(x, y), y: y * g(x, y)}), [x + y], [x]) == {(y, -x)}
    assert vectors(OPEN, [x**2 + y**2], [x]) == {(y, -x)}
    # a map keeps what its next values have
    assert vectors(sd.DiscreteSystem({x: x + f(x, y), y: y + g(x, y)}), [x + y], [x]) == {(1, -1)}


def test_a_binding_keeps_both_totals_exactly():
    # x + y <-> z
    binding = x * y - z / 2
    true = sd.ODESystem({x: -binding, y: -binding, z: binding})
    # along one run all states are functions of z, and so are many laws the same
    data = [measured(true, np.linspace(0, 4, 25), start, noise=0.03, seed=0) for start in ((1, 0.6, 0.05), (0.3, 1.5, 0.8))]
    free = quick(None, data, library=2)
    assert 0 not in changes(free, x + z)
    found = quick(None, data, library=2, conserved=["x + z", y + z])
    assert [shapes(e) for e in found.system.drift] == [{x * y, z}] * 3
    for total in (x + z, y + z):
        assert changes(found, total) == [0] * len(found.systems)


def test_a_total_is_kept_beside_a_known_part():
    # infection is known, recovery is not
    known = x * y
    hidden = sd.ODESystem({x: -known, y: known + f(x, y, z), z: g(x, y, z)})
    true = hidden.with_terms({f(x, y, z): -y / 3, g(x, y, z): y / 3})
    data = measured(true, np.linspace(0, 12, 25), (0.95, 0.05, 0), noise=0.1, seed=0)
    found = quick(hidden, data, library=2, conserved=["x + y + z"])
    assert changes(found, x + y + z) == [0] * len(found.systems)
    assert shapes(found.terms[g(x, y, z)]) == {y}
    assert float(found.terms[g(x, y, z)].coeff(y)) == pytest.approx(1 / 3, rel=0.1)


def test_an_energy_is_kept():
    true = sd.ODESystem({x: y, y: -x})
    data = measured(true, np.linspace(0, 5, 31), (1, 0), noise=0.01, seed=0)
    assert 0 not in changes(quick(None, data, library=1), x**2 + y**2)
    found = quick(None, data, library=1, conserved=["x^2 + y^2"])
    assert changes(found, x**2 + y**2) == [0] * len(found.systems)
    # near the point (1, 0), from which all runs of the circle go down
    along = found.system.drift[1].subs(found.system.defaults).subs({x: 1, y: 0})
    assert float(along) == pytest.approx(-1, rel=0.05)


def test_only_neighbours_in_the_graph_enter_an_equation():
    true = sd.ODESystem({x: -x, y: x - y / 2, z: y / 2 - z / 4})
    data = measured(true, np.linspace(0, 6, 25), (1, 0.2, 0.1), noise=0.05, seed=0)
    found = quick(None, data, library=2, graph={"x": [], "y": ["x"], z: [y]})
    neighbours = ({x}, {x, y}, {y, z})
    for system in found.systems:
        for side, allowed in zip(system.drift, neighbours, strict=True):
            assert (side.free_symbols & {x, y, z}) <= allowed
    assert [shapes(e) for e in found.system.drift] == [{x}, {x, y}, {y, z}]


def test_the_graph_holds_for_the_formulas_of_a_regressor():
    true = sd.ODESystem({x: -x, y: x - y / 2})
    data = measured(true, np.linspace(0, 6, 40), (1, 0.2), noise=0.01, seed=0)
    hidden = sd.ODESystem({x: f(x, y), y: x - y / 2})
    asked = {"regressor": "sparse", "library": 1, "graph": {"x": []}, "options": RecoverOptions(regressor={"library": 2})}
    found = sd.recover(hidden, data, surrogate="smoothing", progress=False, **asked)
    assert all(s.drift[0].free_symbols & {x, y} <= {x} for s in found.systems)


def test_equations_of_populations_have_their_state_as_a_factor():
    true = sd.ODESystem({x: x - x**2 / 3 - x * y, y: x * y - sp.Rational(3, 5) * y})
    data = measured(true, np.linspace(0, 5, 21), (2, 0.5), noise=0.05, seed=0)
    for system in (None, sd.ODESystem({x: x - x**2 / 3 + f(x, y), y: g(x, y) - sp.Rational(3, 5) * y})):
        found = quick(system, data, library="populations")
        assert all(e.subs(s, 0) == 0 for one in found.systems for s, e in zip((x, y), one.drift, strict=True))


@pytest.mark.parametrize(
    ("system", "asked", "message"),
    [
        (OPEN, {"conserved": ["x + w"]}, "conserved names 'w'; known: x, y"),
        (OPEN, {"conserved": ["3"]}, "conserved has 3; expected an expression of states"),
        (OPEN, {"conserved": "x + y"}, "conserved is 'x \\+ y'; expected a sequence of expressions"),
        (OPEN, {"conserved": ["x"]}, r"conserved x leaves nothing to f\(x, y\), which is 0"),
        (
            sd.ODESystem({x: f(x, y) - x, y: g(x, y)}), {"conserved": ["x + y"]},
            "the known part of the equations changes x \\+ y, which is to be conserved, by -x",
        ),
        (sd.ODESystem({x: f(x), y: g(y)}), {"conserved": ["x + y"], "library": [x, y]}, "give them the same arguments"),
        (sd.ODESystem({x: sp.exp(f(x, y)), y: g(x, y)}), {"conserved": ["x + y"]}, "functions that are added or multiplied"),
        (sd.DiscreteSystem({x: f(x, y), y: g(x, y)}), {"conserved": ["x*y"]}, "has to be linear for a map"),
        (OPEN, {"conserved": ["x + y"], "selection": False}, "selection has no effect on .* beside conserved="),
        (OPEN, {"conserved": ["x + y"], "options": RecoverOptions(repeats=True)}, "options.repeats has no effect on .* beside"),
        (OPEN, {"graph": {"w": ["x"]}}, "graph names 'w'; known: x, y"),
        (OPEN, {"graph": {"x": "y"}}, "graph has 'y' for x; expected a sequence of states"),
        (OPEN, {"graph": {"x": []}, "library": [y]}, r"graph leaves no term of the library to f\(x, y\)"),
        (sd.SDESystem({x: f(x)}, {x: 1}), {"graph": {"x": []}}, "graph has no effect on an SDESystem"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(system, asked, message):
    with pytest.raises(RecoveryError, match=message):
        quick(system, TWO, **asked)
