"""Terms found without a simulation, along the data."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.changes import possible_changes
from symdyn.discover.integral_matching import matched_models
from symdyn.inference.data import observations
from symdyn.inference.problem import make_problem

x, y, r = sp.symbols("x y r")


def models(system, data, library, pieces, free=(), guesses=None):
    seen = observations(system, data)
    changes = possible_changes(system, library, seen, fit=free, guesses=guesses or {}, bounds={})
    problem = make_problem(system, changes.candidates, seen, {})
    found = matched_models(problem, pieces)
    assert problem.shooting.simulations == 0
    values = [dict(zip((str(c.term) for c in changes.all), m.theta * changes.candidates.sizes, strict=False)) for m in found]
    return found, values, changes


def test_the_missing_term_has_the_coefficient_of_the_law_that_made_the_data():
    # a circle: x' = y, y' = -x, of which -x is missing
    times = np.linspace(0, 6, 61)
    found, _, changes = models(
        sd.ODESystem({x: y, y: sp.Integer(0)}), {"t": times, "x": np.sin(times), "y": np.cos(times)},
        {x: [x, y], y: [x, y, x**2]}, 4,
    )  # fmt: skip
    one = next(m for m in found if m.chosen.sum() == 1)  # further terms mend the curve through the data
    (k,) = np.flatnonzero(one.chosen)
    assert (changes.all[k].state, changes.all[k].term) == (y, x)
    assert one.theta[k] * changes.candidates.sizes[k] == pytest.approx(-1, rel=1e-4)


def test_a_declared_term_is_taken_away_and_another_put_in_its_place():
    # exp(-t) obeys x' = -x; declared is x' = x**3
    times = np.linspace(0, 3, 31)
    found, values, _ = models(sd.ODESystem({x: x**3}), {"t": times, "x": np.exp(-times)}, {x: [sp.S.One, x, x**2]}, 2)
    at = next(i for i, m in enumerate(found) if m.chosen.sum() == 2)
    assert values[at]["x**3"] == pytest.approx(-1.0, abs=1e-3)  # relative: all of it
    assert values[at]["x"] == pytest.approx(-1.0, rel=1e-3)


def test_parameters_are_fitted_along():
    # x' = r + x with r = 2 unknown and x missing: x = 3 exp(t) - 2
    times = np.linspace(0, 1, 21)
    seen = {"t": times, "x": 3 * np.exp(times) - 2}
    found, values, changes = models(sd.ODESystem({x: r}), seen, {x: [x, x**2]}, 1, free=[r], guesses={r: 0.5})
    assert values[0]["x"] == pytest.approx(1.0, rel=1e-4)
    assert found[0].theta[-1] * changes.candidates.sizes[-1] == pytest.approx(2.0, rel=1e-4)


def test_maps_are_regressed_step_by_step_where_steps_follow_each_other():
    # x[t+1] = 2 x (1 - x), of which the square is missing; one step has not been measured
    run = [0.05]
    for _ in range(12):
        run.append(2 * run[-1] * (1 - run[-1]))
    data = {"t": np.delete(np.arange(13.0), 4), "x": np.delete(run, 4)}
    found, values, _ = models(sd.DiscreteSystem({x: 2 * x}), data, {x: [sp.S.One, x**2, x**3]}, 2)
    assert found[0].chosen.sum() == 1
    assert values[0]["x**2"] == pytest.approx(-2.0, rel=1e-9)


def test_missing_data_leave_the_equations_that_can_be_written():
    # x' = -x, of which the term is missing; y is measured in the beginning alone, and one window holds nothing
    times = np.linspace(0, 4, 41)
    first, second = np.exp(-times), np.exp(-2 * times)
    first[11:21], second[6:] = np.nan, np.nan
    _, values, _ = models(sd.ODESystem({x: sp.Integer(0), y: -2 * y}), {"t": times, "x": first, "y": second}, {x: [x, x**2]}, 4)
    assert values[0]["x"] == pytest.approx(-1.0, rel=1e-3)


def test_nothing_is_matched_where_the_rest_has_no_value():
    times = np.linspace(0, 1, 11)
    nowhere = sd.ODESystem({x: sp.log(-1 - x**2) + sp.Function("f")(x)})
    with pytest.raises(sd.RecoveryError, match="no candidate could be simulated along the data"):
        sd.recover(nowhere, {"t": times, "x": times + 1}, library=[x], surrogate=None, progress=False)
