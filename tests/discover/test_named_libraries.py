"""Libraries by kind of problem: what they hold, where they are taken, and systems that they recover."""

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.named_libraries import NAMED, fits_library, inner_names, named_terms
from symdyn.discover.options import Request
from symdyn.discover.routes import route_of
from symdyn.discover.textbooks import textbook_models
from symdyn.errors import RecoveryError
from symdyn.inference.criterion import price
from symdyn.inference.parameters import LibraryTerm

x, y, z, v = sp.symbols("x y z v")
f, g = sp.symbols("f g", cls=sp.Function)
TIMES = {"t": np.linspace(0, 1, 11)}


def measured(system, times, starts, *, noise, seed):
    """Runs with noise of a share of the standard deviation of each state."""
    random, found = np.random.default_rng(seed), []
    for start in starts:
        run = sd.simulate(system, times, initial=dict(zip(system.names, start, strict=True)), progress=False)
        values = {s: run[s].values.ravel() for s in system.names}
        noisy = {s: q + noise * q.std() * random.standard_normal(q.size) for s, q in values.items()}
        found.append(pd.DataFrame({"t": times, **noisy}))
    return found


def quick(system, data, library, **asked):
    return sd.recover(system, data, library=library, surrogate=None, progress=False, **asked)


def check(found, true, rel):
    """Whether recovered functions have as many terms as the true ones and their values on a box of the states."""
    random = np.random.default_rng(1)
    for unknown, expected in true.items():
        got = sp.expand(found.terms[unknown])
        box = random.uniform(0.1, 3.0, (len(unknown.args), 200))
        values = [np.broadcast_to(sp.lambdify(unknown.args, e)(*box), 200) for e in (got, expected)]
        assert len(sp.Add.make_args(got)) == len(sp.Add.make_args(expected)), got
        np.testing.assert_allclose(*values, atol=rel * np.ptp(values[1]))


def test_a_toggle_switch_has_two_repressing_hill_terms():
    true = {f(y): 4 / (1 + y**3), g(x): 3 / (1 + x**2)}
    hidden = sd.ODESystem({x: f(y) - x, y: g(x) - y})
    data = measured(hidden.with_terms(true), np.linspace(0, 8, 41), [(0.1, 2), (2, 0.3), (0.2, 0.2)], noise=0.01, seed=0)
    found = quick(hidden, data, "chemistry")
    check(found, true, 0.02)
    values = found.intervals.set_index("constant")["value"]
    assert (values["n_y"], values["n_x"]) == pytest.approx((3, 2), abs=0.1)


def test_powers_of_a_state_that_begins_at_zero():
    # x^n has no slope by n at 0, where the declared initial value is held
    true = {f(x): 2 / (1 + x**2)}
    hidden = sd.ODESystem({x: f(x) - x / 2}, initial={x: 0})
    data = measured(hidden.with_terms(true), np.linspace(0, 8, 41), [(0,)], noise=0.0, seed=0)
    check(quick(hidden, data, "chemistry"), true, 0.02)


def test_predators_saturate_after_rosenzweig_and_macarthur():
    hidden = sd.ODESystem({x: x * (1 - x / 4) + f(x, y), y: y * g(x, y)})
    true = {f(x, y): -x * y / (1 + x), g(x, y): x / (1 + x) - sp.Rational(1, 2)}
    data = measured(hidden.with_terms(true), np.linspace(0, 30, 76), [(1, 0.5)], noise=0.01, seed=0)
    check(quick(hidden, data, "populations"), true, 0.03)


def test_a_pendulum_with_resistance():
    hidden = sd.ODESystem({x: v, v: f(x, v)})
    true = {f(x, v): -2 * sp.sin(x) - sp.Rational(3, 10) * v * sp.Abs(v)}
    data = measured(hidden.with_terms(true), np.linspace(0, 10, 101), [(2.5, 0)], noise=0.01, seed=0)
    check(quick(hidden, data, {f: "mechanics"}), true, 0.01)


def test_a_map_with_overcompensation_after_ricker():
    true = {f(x): 12 * x * sp.exp(-2 * x)}
    hidden = sd.DiscreteSystem({x: f(x)})
    data = measured(hidden.with_terms(true), np.arange(30), [(0.1,)], noise=0.01, seed=0)
    check(quick(hidden, data, "populations"), true, 0.05)


def test_budworms_of_which_nothing_is_known():
    # logistic growth and birds that saturate after Holling's type III (Ludwig, Jones and Holling 1978)
    true = sd.ODESystem({x: x * (1 - x / 4) - 2 * x**2 / (1 + x**2)})
    data = measured(true, np.linspace(0, 10, 41), [(5,), (0.2,), (1.5,)], noise=0.01, seed=0)
    found = quick(None, data, "populations")
    check(found, {u: sp.expand(true.drift[0]) for u in found.terms}, 0.02)


def test_fifteen_noisy_points_of_predator_and_prey():
    # 30 numbers with 5 % noise and 60 terms: the models of textbooks, which were known before the data, are half of the prior
    true = sd.ODESystem({x: x * (0.6 - 0.03 * y), y: y * (0.02 * x - 0.8)}, initial={x: 30, y: 10})
    run, random = sd.simulate(true, np.linspace(0, 14, 15), rtol=1e-10, progress=False), np.random.default_rng(0)
    data = {"t": run.time.values} | {s: run[s].values * (1 + 0.05 * random.standard_normal(15)) for s in true.names}
    found = sd.recover(None, data, library="populations", progress=False)
    for u, rate in zip(found.terms, true.drift, strict=True):
        assert set(found.terms[u].as_coefficients_dict(x, y)) == set(sp.expand(rate).as_coefficients_dict(x, y))


def test_models_of_textbooks_are_half_of_the_prior_and_have_signs():
    assert price([], terms=4, library=10, textbook=3) == pytest.approx(2 * np.log(3))
    assert price([], terms=0, library=10, textbook=3) == 0  # no term is no dearer for being a textbook's
    system = sd.ODESystem({x: f(x, y), y: y * g(x, y)})
    terms = [LibraryTerm(u, t) for u in system.unknowns for t in named_terms(system, u, "populations")]
    models = textbook_models(system, terms)
    (both,) = (np.flatnonzero(m) for m in models["Lotka-Volterra"][:1])
    assert [(terms[k].shape, models["Lotka-Volterra"][0][k]) for k in both] == [(x, 1), (x * y, -1), (1, -1), (x, 1)]
    assert len(models["Lotka-Volterra"]) == 2  # either may be the prey
    assert len(models["general Lotka-Volterra"]) == 1
    # nothing is taken for known of a system of which something is
    assert textbook_models(sd.ODESystem({x: x - f(x)}), [LibraryTerm(f(x), x)]) == {}
    # a state may be called like the constant of a term: y c/(1 + c^2) is no response of the second type
    c = sp.Symbol("c")
    u = f(c, y), g(c, y)
    terms = [LibraryTerm(u[0], t) for t in (c, c**2, c * y / (1 + c**2))] + [
        LibraryTerm(u[1], t) for t in (y, c * y / (1 + c**2))
    ]
    assert "Rosenzweig-MacArthur" not in textbook_models(sd.ODESystem({c: u[0], y: u[1]}), terms)


def test_formulas_of_a_regressor_let_no_population_come_from_nothing():
    system = sd.ODESystem({x: f(x, y), y: x * y * g(x, y)})
    allowed = fits_library(system, f(x, y), "populations")
    assert [allowed(t) for t in (x * y, x / (1 + y), sp.S.One, y, sp.exp(-x))] == [True, True, False, False, False]
    assert fits_library(system, g(x, y), "populations")(sp.S.One)
    assert fits_library(system, f(x, y), "chemistry")(sp.S.One)


def test_terms_of_populations_have_the_state_of_the_equation_as_a_factor():
    system = sd.ODESystem({x: x * f(x, y) - g(x, y), y: sp.Function("w")(x, y) + 2 * g(x, y)})
    per_capita, shared, own = (named_terms(system, u, "populations") for u in system.unknowns)
    assert {1, x, y} < set(per_capita)
    assert {y, x * y, y**2} < set(own)
    assert all(term.subs(y, 0) == 0 for term in own)
    # what stands in both equations has both as factors, unless the system brings one
    assert {x * y, x**2 * y / (1 + x**2 * sp.Symbol("g_x"))} < set(shared)
    assert all(term.subs(s, 0) == 0 for term in shared for s in (x, y))
    half = named_terms(sd.ODESystem({x: x * f(x, y), y: f(x, y)}), f(x, y), "populations")
    assert {y, y**2, x * y} < set(half)
    assert all(term.subs(y, 0) == 0 for term in half)


def test_constants_have_names_of_their_own():
    system = sd.ODESystem({x: f(x) - sp.Symbol("K_x") * x})
    assert inner_names(system, "chemistry") == ["K_x_", "k_x", "n_x"]
    bounds = {"n_x": (1, 2), "K_x": (0, 3), "f_K_x_": (0, 1)}
    route_of(system, TIMES | {"x": np.ones(11)}, Request(library="chemistry", bounds=bounds))


@pytest.mark.parametrize("name", NAMED)
def test_nothing_known_leads_to_terms_of_all_states(name):
    system, _ = route_of(None, {**TIMES, "x": TIMES["t"], "y": TIMES["t"] ** 2}, Request(library=name))
    assert [str(u) for u in system.unknowns] == ["f_x(x, y)", "f_y(x, y)"]


@pytest.mark.parametrize(
    ("system", "library", "message"),
    [
        (sd.ODESystem({x: f(x)}), "population", "library names 'population'; known: populations, mechanics, chemistry"),
        (sd.ODESystem({x: f(x)}), {f: "chemstry"}, "library names 'chemstry'.*Did you mean 'chemistry'"),
        (sd.SDESystem({x: f(x)}, {x: 1}), "chemistry", "library has no effect on an SDESystem.* with a name"),
        (sd.ODESystem({x: f(sp.Symbol("t"))}), "chemistry", "no argument of .* is one; give its terms"),
        (sd.ODESystem({x: x - f(y), y: -y}), "populations", r"no term of f\(y\) has x; make .* as in x\*f\(y\)"),
        (sd.ODESystem({x: f(x)}), "chemistry", "x goes down to -1 in the data.* nowhere negative"),
    ],
)
def test_what_is_no_library_is_refused(system, library, message):
    with pytest.raises(RecoveryError, match=message):
        quick(system, TIMES | {"x": np.linspace(1, -1, 11)}, library)
