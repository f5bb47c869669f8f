"""Lyapunov exponents against exact ones, published ones, and a computation by hand in numpy."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.analysis import lyapunov_exponents, tangent_map
from symdyn.models import zoo

x, y, z, a, b, r, s = sp.symbols("x y z a b r s")

HENON = sd.DiscreteSystem({x: 1 - a * x**2 + y, y: b * x}, {a: 1.4, b: 0.3}, initial={x: 0.1, y: 0.1})


def test_the_logistic_map_doubles_what_is_not_known():
    found = lyapunov_exponents(zoo.logistic_map(), {"r": 4}, initial={"x": 0.3}, steps=200_000)
    assert found.lyapunov.item() == pytest.approx(math.log(2), abs=1e-3)
    assert found.standard_error.item() < 1e-3
    assert found.kaplan_yorke.item() == 1


def test_the_henon_map():
    # 0.41922 (Sprott, Chaos and Time-Series Analysis, 2003); the determinant is -b at every point
    found = lyapunov_exponents(HENON, steps=1_000_000)
    first, second = found.lyapunov.values
    assert first == pytest.approx(0.41922, abs=4 * found.standard_error.values[0])
    assert first + second == pytest.approx(math.log(0.3), abs=1e-12)
    assert found.kaplan_yorke.item() == pytest.approx(1 + first / -second, abs=1e-12)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.5, 0], [0, 2.0]],
        [[0.5, 1.2], [0.6, 0]],
        [[0, 4, 3], [0.5, 0, 0], [0, 0.25, 0]],
        [[0, 0, 2], [0.3, 0, 0], [0, 0.6, 0]],  # three eigenvalues of one modulus
        [[1.1, -0.4], [0.4, 1.1]],  # a complex pair
    ],
)
def test_a_linear_map_has_the_logarithms_of_its_eigenvalues(matrix):
    # its numbers grow beyond all bounds, but the Jacobian needs none of them
    states = sp.symbols("x y z")[: len(matrix)]
    rows = {q: sum(m * p for m, p in zip(row, states, strict=True)) for q, row in zip(states, matrix, strict=True)}
    found = lyapunov_exponents(sd.DiscreteSystem(rows))
    moduli = np.sort(np.abs(np.linalg.eigvals(matrix)))[::-1]
    np.testing.assert_allclose(found.lyapunov, np.log(moduli), atol=1e-3)  # periodic terms fall as 1/steps
    assert found.lyapunov.sum().item() == pytest.approx(math.log(abs(np.linalg.det(matrix))), abs=1e-11)
    assert found.status.item() == 0


def test_states_that_drive_the_others_are_kept_and_no_more():
    driven = sd.DiscreteSystem({x: r * x * (1 - x), y: sp.exp(x) * y, z: y + 2 * z}, {r: 4})
    assert [driven.names[i] for i in tangent_map(driven).kept] == ["x", "y"]
    environment = sd.DiscreteSystem({x: r * x * (1 - x), y: 3 * y + x, z: y + z / 2}, {r: 4})
    assert [environment.names[i] for i in tangent_map(environment).kept] == ["x"]
    assert tangent_map(environment, 1, keep=True).kept == (0, 1, 2)
    found = lyapunov_exponents(environment, initial={x: 0.3}, steps=200_000)
    np.testing.assert_allclose(found.lyapunov, [math.log(3), math.log(2), -math.log(2)], atol=1e-3)


def test_long_sums_keep_their_digits():
    # the mean of equal numbers is that number, over any length
    growth = sd.DiscreteSystem({x: 3 * x})
    for steps in (100, 3_000_000):
        assert lyapunov_exponents(growth, steps=steps).lyapunov.item() == pytest.approx(math.log(3), rel=1e-14)


def test_a_sweep_runs_as_one_and_agrees_with_a_loop_in_numpy():
    rates = np.array([2.9, 3.3, 3.7, 3.95])
    found = lyapunov_exponents(zoo.logistic_map(), {"r": rates}, initial={"x": [0.2, 0.3, 0.4]}, steps=400, burn_in=10)
    assert found.lyapunov.dims == ("r", "x0", "exponent")
    value, total = np.broadcast_to([0.2, 0.3, 0.4], (4, 3)).copy(), np.zeros((4, 3))
    for step in range(410):
        if step >= 10:
            total += np.log(np.abs(rates[:, None] * (1 - 2 * value)))
        value = rates[:, None] * value * (1 - value)
    np.testing.assert_allclose(found.lyapunov[:2, :, 0], total[:2] / 400, atol=1e-12)
    np.testing.assert_allclose(found.lyapunov[2:, :, 0], total[2:] / 400, atol=0.15)  # rounding makes other orbits


def test_dims_of_the_callers_own():
    both = xr.DataArray([[3.0, 3.2], [3.5, 3.7], [3.8, 4.0]], dims=("row", "column"))
    found = lyapunov_exponents(zoo.logistic_map(), {"r": both}, initial={"x": 0.3}, steps=100)
    assert found.lyapunov.dims == ("row", "column", "exponent")
    assert dict(found.sizes) == {"row": 3, "column": 2, "exponent": 1}


def test_an_exponent_is_infinite_where_vectors_are_lost():
    # x -> 2 x (1 - x) comes to 1/2, where its derivative is zero; (x, y) -> (x + y)(1, 1)/2 forgets a direction
    found = lyapunov_exponents(zoo.logistic_map(), {"r": 2})
    assert found.lyapunov.item() == -math.inf
    assert found.kaplan_yorke.item() == 0
    once = lyapunov_exponents(zoo.logistic_map(), {"r": 3.9}, initial={"x": 0.5}, steps=100_000)
    assert once.lyapunov.item() == pytest.approx(0.496, abs=0.01)  # it starts there, and goes on
    half = sd.DiscreteSystem({x: (x + y) / 2, y: (x + y) / 2})
    np.testing.assert_array_less(lyapunov_exponents(half).lyapunov, [1e-15, -30])


def test_corners_count_on_their_sides():
    # the tent map has slope 2 everywhere; in floating point its orbits end at 0 after 53 steps
    tent = sd.DiscreteSystem({x: r * sp.Min(x, 1 - x)}, {r: 1.9}, initial={x: 0.3})
    assert lyapunov_exponents(tent).lyapunov.item() == pytest.approx(math.log(1.9), abs=1e-12)


def test_products_of_random_factors():
    # x' = r x exp(s dW): the mean logarithm is ln r; of two patches in a random environment an exact sum is known
    dW1, dW2 = sp.symbols("dW1 dW2")
    growth = sd.DiscreteSystem({x: r * x * sp.exp(s * dW1)}, {r: 1.5, s: 0.4})
    found = lyapunov_exponents(growth, {s: [0.1, 0.4]}, steps=100_000, seed=3)
    assert np.all(np.abs(found.lyapunov[:, 0] - math.log(1.5)) < 4 * found.standard_error[:, 0])
    expected = 0.4 / math.sqrt(100_000)
    assert found.standard_error.values[1, 0] == pytest.approx(expected, rel=0.5)
    patches = sd.DiscreteSystem({x: sp.exp(s * dW1) * (0.9 * x + 0.2 * y), y: sp.exp(s * dW2) * (0.1 * x + 0.8 * y)}, {s: 0.3})
    one = lyapunov_exponents(patches, steps=100_000, seed=1)
    assert one.lyapunov.sum().item() == pytest.approx(math.log(0.7), abs=4 * 0.3 * math.sqrt(2 / 1e5))
    assert one.attrs["seed"] == 1
    again = lyapunov_exponents(patches, steps=100_000, seed=1)
    xr.testing.assert_identical(one, again)


@pytest.mark.parametrize("c_pa", [0.0, 0.25, 0.35, 1.0])
def test_flour_beetles(c_pa):
    # from another computation, over 20 000 steps
    expected = {0.0: -0.2988, 0.25: 0.0251, 0.35: 0.1045, 1.0: -0.1869}[c_pa]
    found = lyapunov_exponents(zoo.flour_beetle(), {"mu_a": 0.96, "c_pa": c_pa}, steps=200_000, burn_in=20_000)
    assert found.lyapunov.values[0] == pytest.approx(expected, abs=0.003)
    assert found.lyapunov.dims == ("exponent",)


def test_the_extended_map_is_a_system_like_any_other():
    extended = tangent_map(HENON, 1)
    assert extended.names == ("x", "y", "q1_x", "q1_y", "whole1", "part1", "zeros1")
    data = sd.simulate(extended, range(51))
    length = np.hypot(data.q1_x, data.q1_y)
    np.testing.assert_allclose(length, 1, atol=1e-12)
    value, vector = np.array([0.1, 0.1]), np.array([extended.initial[q] for q in extended.states[2:4]])
    total = 0.0
    for _ in range(50):
        vector = np.array([-2.8 * value[0] * vector[0] + vector[1], 0.3 * vector[0]])
        value = np.array([1 - 1.4 * value[0] ** 2 + value[1], 0.3 * value[0]])
        total += math.log(np.hypot(*vector))
        vector = vector / np.hypot(*vector)
    assert (data.whole1 + data.part1).values.ravel()[-1] == pytest.approx(total, abs=1e-6)
    assert 0 <= data.part1.min() <= data.part1.max() < 1
    assert "q1 = w1/|w1|" in str(extended)
    assert r"w_{1} &= J q_{1}" in extended._repr_latex_()


def test_the_extended_map_travels():
    names = sp.symbols("x:6")
    ring = sd.DiscreteSystem({q: q * sp.exp(1 - q - p / 5) for q, p in zip(names, names[1:] + names[:1], strict=True)})
    extended = tangent_map(ring).with_initial(dict.fromkeys(names, 0.5))
    there = pickle.loads(pickle.dumps(extended))
    assert there == extended
    assert (there.count, there.kept, there.base) == (6, tuple(range(6)), ring)


def test_names_give_way():
    q = sp.Symbol("q1_x")
    assert tangent_map(sd.DiscreteSystem({x: q * x * (1 - x)}, {q: 3})).names == ("x", "q1_x_", "whole1", "part1", "zeros1")


def test_orbits_that_leave_have_no_exponent():
    found = lyapunov_exponents(zoo.logistic_map(), {"r": [3.9, 4.5]}, steps=1000)
    assert np.isnan(found.lyapunov.values[1, 0])
    assert np.isfinite(found.lyapunov.values[0, 0])
    assert found.status.values[1] != 0
    assert np.isnan(found.kaplan_yorke.values[1])


def test_a_dimension_that_needs_more_exponents_is_not_guessed():
    assert np.isnan(lyapunov_exponents(HENON, count=1).kaplan_yorke.item())
    assert lyapunov_exponents(HENON, {a: 0.1}, count=1).kaplan_yorke.item() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(count=3), "count is 3; expected a number of exponents from 1 to 2"),
        (dict(count=True), "count is True"),
        (dict(steps=0), "steps is 0; expected a whole number from 1"),
        (dict(burn_in=-1), "burn_in is -1; expected a whole number from 0"),
        (dict(batches=1), "batches is 1; expected a whole number from 2"),
        (dict(steps=10.5), "steps is 10.5"),
        (dict(initial={"q": 1}), "'q' is not a state"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        lyapunov_exponents(HENON, **options)


def test_tangents_of_maps_alone():
    with pytest.raises(sd.DeclarationError, match="need a map, a DiscreteSystem; got ODESystem"):
        tangent_map(zoo.lorenz())
    with pytest.raises(sd.DeclarationError, match="got int"):
        tangent_map(3)


def test_a_sweep_must_not_take_a_name_of_the_result():
    system = sd.DiscreteSystem({x: sp.Symbol("exponent") * x})
    with pytest.raises(sd.DeclarationError, match="'exponent' has the name of a variable of the result"):
        lyapunov_exponents(system, {"exponent": [1, 2]})


def test_what_shrinks_at_once_is_not_lost_in_errors():
    """y' = -200 (1 + w) y on the unit circle, where w has the mean 0, with the few normalisations that the start suggests."""
    system = sd.ODESystem.from_text(
        "c' = c - w - c*(c**2 + w**2); w' = c + w - w*(c**2 + w**2); y' = -200*(1 + w)*y; c(0) = 0; w(0) = -1; y(0) = 0"
    )
    found = sd.analysis.lyapunov_exponents(system, steps=100, burn_in=10)
    left = 2 * 200 / (100 * found.attrs["interval"])  # what a part of a period adds to the mean
    assert (np.abs(found.lyapunov - [0, -2, -200]) < [1e-9, 1e-6, left]).all()
    fast = sd.ODESystem.from_text("x' = -10000*(x - 1); x(0) = 0")
    with pytest.raises(sd.DeclarationError, match=r"vectors shrink by more .* interval=0\.0006"):
        sd.analysis.lyapunov_exponents(fast, steps=20, burn_in=0, interval=10)


class Watch:
    """A clock that goes on by a second whenever somebody looks, and interrupts once."""

    def __init__(self, interrupt=math.inf):
        self.now, self.interrupt = 0.0, interrupt

    def monotonic(self):
        self.now += 1.0
        if self.now > self.interrupt:
            self.interrupt = math.inf
            raise KeyboardInterrupt
        return self.now


#: The exponents are 1 and -2 in the first unit of time and 3 and -2 after it, in steps of half a unit.
BENT = sd.ODESystem.from_text("x' = (1 + 2*heaviside(t - 1))*x; y' = -2*y; x(0) = 0; y(0) = 0")


@pytest.mark.parametrize(("end", "done"), [("budget", 5), ("interrupt", 5), ("budget", 1)])
def test_exponents_that_are_cut_short_are_those_of_the_steps_that_were_made(monkeypatch, end, done):
    monkeypatch.setattr("symdyn.analysis.lyapunov.time", Watch() if end == "budget" else Watch(done + 0.5))
    how = {"budget": done - 0.5} if end == "budget" else {}
    said = rf"{'the budget of .* s was over' if how else 'it was interrupted'} after {done} of 20 steps"
    with pytest.warns(UserWarning, match=said):
        found = lyapunov_exponents(BENT, steps=20, burn_in=0, batches=10, interval=0.5, **how)
    assert (found.attrs["steps"], found.attrs["complete"]) == (done, 0)
    mean = (1 * min(done, 2) + 3 * max(done - 2, 0)) / done
    np.testing.assert_allclose(found.lyapunov, [mean, -2], atol=1e-7)
    if done == 5:  # of two batches, of 1 and 3
        np.testing.assert_allclose(found.standard_error, [1, 0], atol=1e-7)
    else:
        assert np.isnan(found.standard_error).all()
    whole = lyapunov_exponents(BENT, steps=4, burn_in=0, batches=2, interval=0.5, budget=60, progress=False)
    assert (whole.attrs["steps"], whole.attrs["complete"]) == (4, 1)
    np.testing.assert_allclose(whole.lyapunov, [2, -2], atol=1e-7)


def test_budgets_that_are_over_at_once_and_of_maps_are_refused(monkeypatch):
    with pytest.raises(sd.DeclarationError, match="budget= belongs to flows"):
        lyapunov_exponents(HENON, budget=1)
    with pytest.raises(sd.DeclarationError, match="budget is -1; expected a positive number of seconds"):
        lyapunov_exponents(BENT, budget=-1)
    monkeypatch.setattr("symdyn.analysis.lyapunov.time", Watch())
    with pytest.raises(sd.DeclarationError, match="the budget of 2 s was over within the 50 steps of burn_in; give more time"):
        lyapunov_exponents(BENT, steps=20, burn_in=50, interval=0.5, budget=2)
    monkeypatch.setattr("symdyn.analysis.lyapunov.time", Watch(4))
    with pytest.raises(KeyboardInterrupt):
        lyapunov_exponents(BENT, steps=20, burn_in=50, interval=0.5)


def test_a_budget_ends_a_step_that_is_taken_in_parts(monkeypatch):
    """The first step takes one part, the second, in which e^-40 is lost, is cut short in its parts."""
    steep = sd.ODESystem.from_text("x' = -80*heaviside(t - 0.5)*x; x(0) = 0")
    monkeypatch.setattr("symdyn.analysis.lyapunov.time", Watch())
    with pytest.warns(UserWarning, match="was over after 1 of 20 steps"):
        found = lyapunov_exponents(steep, steps=20, burn_in=0, interval=0.5, budget=2.5)
    np.testing.assert_allclose(found.lyapunov, [0], atol=1e-9)
