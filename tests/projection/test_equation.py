"""What the master equation is made of and what it refuses; initial distributions; statistics of distributions."""

import itertools

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn import projection as fsp
from symdyn.projection import MasterEquation
from symdyn.projection.states import Listing, StateBox, bounding_box

BIRTH_DEATH = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
TWO = sd.ReactionNetwork.from_text("0 -> X, 2; X -> Y, 1; Y -> 0, 1; 2 X + Y -> 3 X, 0.1")


# ---- the generator -----------------------------------------------------------------------------


def test_the_box_around_several_sets_is_the_smallest():
    scattered = Listing(np.array([[5, 1], [2, 9]]), np.zeros(2, dtype=np.int64))
    box = bounding_box(iter([StateBox((1, 2), (3, 4)), scattered]))
    assert (box.lower, box.shape) == ((1, 1), (5, 9))  # 1 to 5, 1 to 9
    assert bounding_box(iter([StateBox((3, 0), (1, 2))])) == StateBox((3, 0), (1, 2))


def by_hand(changes, rates, shape, *, reflecting=False):
    """The generator state by state."""
    matrix, place = np.zeros((np.prod(shape),) * 2), lambda n: np.ravel_multi_index(n, shape)
    for n in itertools.product(*map(range, shape)):
        for change, rate in zip(changes, rates, strict=True):
            to = tuple(np.add(n, change))
            inside = all(0 <= a < k for a, k in zip(to, shape, strict=True))
            value = rate(*n) if min(to) >= 0 else 0.0
            if inside:
                matrix[place(to), place(n)] += value
            if inside or not reflecting:
                matrix[place(n), place(n)] -= value
    return matrix


@pytest.mark.parametrize("reflecting", [False, True])
def test_generator_state_by_state(reflecting):
    changes = [(1, 0), (-1, 1), (0, -1), (1, -1)]
    rates = [lambda x, y: 2.0, lambda x, y: x, lambda x, y: y, lambda x, y: 0.1 * x * (x - 1) * y]
    generator = MasterEquation(TWO, {"X": 4, "Y": 3}).generator(reflecting=reflecting)
    expected = by_hand(changes, rates, (5, 4), reflecting=reflecting)
    np.testing.assert_allclose(generator.matrix().toarray(), expected, atol=1e-14)
    exits = 0.0 if reflecting else -expected.sum(axis=0)
    np.testing.assert_allclose(generator.exits(), exits, atol=1e-12)


def test_full_propensities_stop_where_molecules_are_missing():
    net = sd.ReactionNetwork.from_text("2 X => 0, 3; 0 => X, 1/(1 + X)")
    expected = by_hand([(-2,), (1,)], [lambda x: 3.0, lambda x: 1 / (1 + x)], (6,))
    np.testing.assert_allclose(MasterEquation(net, {"X": 5}).generator().matrix().toarray(), expected, atol=1e-14)


def test_bursts_in_the_generator():
    """The diagonal loses what becomes of all bursts but the empty one; lengths beyond the box are lost."""
    net = sd.ReactionNetwork.from_text("0 -> geometric(2) X, 3")
    matrix = MasterEquation(net, {"X": 4}).generator().matrix().toarray()
    chance = 3 * (2 / 3) ** np.arange(5) / 3
    for begin in range(5):
        np.testing.assert_allclose(matrix[begin + 1 :, begin], chance[1 : 5 - begin], rtol=1e-14)
    np.testing.assert_allclose(np.diag(matrix), -3 + chance[0], rtol=1e-14)


def test_repr_says_what_is_there():
    assert repr(MasterEquation(TWO, {"X": 4, "Y": 3})) == "MasterEquation: X 0..4, Y 0..3\n  20 states, 69 rates"
    assert repr(MasterEquation(TWO, {"X": 4})) == "MasterEquation: X 0..4, Y 0..\n  adaptive: at most 2000000 states"


# ---- initial distributions ---------------------------------------------------------------------


def test_poisson_stays_poisson():
    """Independent Poisson numbers remain so under monomolecular reactions."""
    p = MasterEquation(BIRTH_DEATH, {"X": 90}).transient(0.5, {"X": scipy.stats.poisson(12)}, tolerance=1e-11)
    mean = 12 * np.exp(-0.5) + 5 * (1 - np.exp(-0.5))
    assert abs(p.values - scipy.stats.poisson(mean).pmf(np.arange(91))).sum() < 1e-10
    q = MasterEquation(BIRTH_DEATH).transient(0.5, {"X": scipy.stats.poisson(12)}, tolerance=1e-9)
    assert q.attrs["error_bound"] < 1e-9
    got = np.zeros(91)
    got[q.X.values] = q.values
    assert abs(got - p.values).sum() < 1e-9


def test_forms_of_initial_distributions():
    equation = MasterEquation(TWO, {"X": 8, "Y": 8})
    x = xr.DataArray([0.25, 0.75], dims="X", coords={"X": [2, 5]})
    joint = equation.transient(0.0, {"X": x, "Y": 3})
    assert float(joint.sel(X=5, Y=3)) == 0.75
    assert float(joint.sum()) == 1.0
    mixed = equation.transient(0.3, joint)
    parts = 0.25 * equation.transient(0.3, {"X": 2, "Y": 3}) + 0.75 * equation.transient(0.3, {"X": 5, "Y": 3})
    assert abs(mixed - parts).sum() < 1e-8
    listed = equation.transient(0.3, {"X": 2, "Y": 3}, layout="list")
    again = equation.transient(0.1, listed)
    assert abs(again - equation.transient(0.4, {"X": 2, "Y": 3})).sum() < 1e-8
    own = MasterEquation(TWO.with_initial({"X": 2, "Y": 3}), {"X": 8, "Y": 8}).transient(0.3)
    assert abs(own - equation.transient(0.3, {"X": 2, "Y": 3})).sum() < 1e-12


def test_forms_of_times_and_numbers():
    """The network's own numbers by default; whole numbers of numpy; the start among the times."""
    network = BIRTH_DEATH.with_initial({"X": 3})
    for equation in (MasterEquation(network), MasterEquation(network, np.int64(40)), MasterEquation(network, {"X": None})):
        for t in ([0, 1], np.array([0, 1]), range(2)):
            p = equation.transient(t)
            np.testing.assert_array_equal(p.time, [0, 1])
            assert float(p.sel(time=0, X=3)) == 1.0
            assert float(p.sel(time=0).sum()) == 1.0
        assert float(equation.transient(0).sel(X=3)) == 1.0
        one = equation.transient(np.int32(1), {"X": np.int64(3)}, {"k": np.int64(5)})
        assert abs(one - p.sel(time=1, drop=True)).sum() < 1e-7
        assert float(fsp.mean(one, "X")) == pytest.approx(3 * np.exp(-1) + 5 * (1 - np.exp(-1)), rel=1e-7)


# ---- statistics --------------------------------------------------------------------------------


@pytest.fixture
def joint():
    n = np.arange(40)
    x, y = scipy.stats.poisson(3).pmf(n), scipy.stats.geom(0.5, loc=-1).pmf(n)
    return xr.DataArray(np.outer(x, y), dims=("X", "Y"), coords={"X": n, "Y": n})


def test_moments_of_independent_numbers(joint):
    assert float(fsp.mean(joint, "X")) == pytest.approx(3)
    assert float(fsp.variance(joint, "Y")) == pytest.approx(2)
    assert float(fsp.covariance(joint, "X", "Y")) == pytest.approx(0, abs=1e-12)
    assert float(fsp.moment(joint, X=3, central=True)) == pytest.approx(3)  # third cumulant of Poisson
    assert float(fsp.moment(joint, X=1, Y=2)) == pytest.approx(3 * 3)
    table = fsp.moments(joint, 2)
    assert list(table) == ["E[X]", "E[Y]", "E[X^2]", "E[X*Y]", "E[Y^2]"]
    assert float(table["E[X*Y]"]) == pytest.approx(3)
    assert float(fsp.moments(joint, 2, central=True)["M[X^2]"]) == pytest.approx(3)
    poisson = scipy.stats.poisson(3).entropy() + scipy.stats.geom(0.5).entropy()
    assert float(fsp.entropy(joint)) == pytest.approx(float(poisson), rel=1e-9)
    assert float(fsp.total(joint)) == pytest.approx(1)


def test_lists_and_times_have_the_same_statistics():
    equation = MasterEquation(TWO, {"X": 12, "Y": 10})
    box = equation.transient([0.5, 1.0], {"X": 3, "Y": 0})
    listed = equation.transient([0.5, 1.0], {"X": 3, "Y": 0}, layout="list")
    assert listed.dims == ("time", "state")
    for s in "XY":
        np.testing.assert_allclose(fsp.mean(listed, s), fsp.mean(box, s), rtol=1e-12)
    np.testing.assert_allclose(fsp.covariance(listed, "X", "Y"), fsp.covariance(box, "X", "Y"), rtol=1e-12)
    np.testing.assert_allclose(fsp.marginal(listed, "Y"), fsp.marginal(box, "Y"), atol=1e-15)
    assert fsp.modes(listed[0]) == fsp.modes(box[0])
    assert fsp.marginal(box, "Y").dims == ("time", "Y")


def test_modes_of_a_bimodal_surface():
    n = np.arange(30)
    one = np.outer(scipy.stats.binom(29, 0.21).pmf(n), scipy.stats.binom(29, 0.72).pmf(n))
    two = np.outer(scipy.stats.binom(29, 0.83).pmf(n), scipy.stats.binom(29, 0.31).pmf(n))
    p = xr.DataArray(0.7 * one + 0.3 * two, dims=("X", "Y"), coords={"X": n, "Y": n})
    # the mode of a binomial distribution is floor((n + 1) p)
    assert fsp.modes(p) == [{"X": 6, "Y": 21}, {"X": 24, "Y": 9}]
    assert fsp.modes(p, "Y") == [{"Y": 21}, {"Y": 9}]


# ---- what is refused ---------------------------------------------------------------------------


def refuse(call, message, kind=sd.DeclarationError):
    with pytest.raises(kind, match=message):
        call()


def test_bounds_are_checked():
    refuse(lambda: MasterEquation(TWO, {"Z": 3}), "'Z' is not a species of this system; its speciess?: X, Y")
    refuse(lambda: MasterEquation(TWO, {"X": 3.5}), "the upper bound of X is 3.5; expected a whole number")
    refuse(lambda: MasterEquation(TWO, {"X": "many"}), "the upper bound of X is 'many'; expected a whole number")
    refuse(lambda: MasterEquation(TWO, {"X": np.inf}), "the upper bound of X is inf; .* leave out bounds that are not wanted")
    refuse(lambda: MasterEquation(TWO, [40]), r"upper is \[40\]; expected a mapping from species")
    refuse(lambda: MasterEquation(TWO, max_states="big"), "max_states is 'big'; expected a whole number from 1")
    refuse(lambda: MasterEquation("0 -> X, 1"), "got str; write one as ReactionNetwork.from_text")
    refuse(lambda: MasterEquation(TWO, {"X": 3}, {"X": 5}), "the bounds of X are 5 and 3")
    refuse(lambda: MasterEquation(TWO, 100_000), "the box has 10000200001 states, more than max_states=2000000")
    refuse(lambda: MasterEquation(TWO).generator(), "needs a fixed box of states: give upper bounds of X, Y")
    refuse(lambda: MasterEquation(sd.ODESystem({sp.Symbol("x"): 1})), "expected a ReactionNetwork, got ODESystem")


def test_arguments_are_checked():
    equation = MasterEquation(BIRTH_DEATH, {"X": 20})
    refuse(lambda: equation.transient(1.0), "no initial number of X; give initial={'X': 0}")
    refuse(lambda: equation.transient(1.0, {"X": 1.5}), "the initial number of X is 1.5; expected a whole number")
    refuse(lambda: equation.transient(1.0, {"X": -1}), "the initial number of X may be -1")
    refuse(lambda: equation.transient(1.0, {"X": "a"}), "the initial number of X is 'a'; expected")
    refuse(lambda: equation.transient(1.0, {"X": 30}), "the initial state X = 30 lies outside the bounds; raise upper")
    refuse(lambda: equation.transient(1.0, 3), "initial is int; expected a mapping")
    refuse(lambda: equation.transient([1.0, 0.5], {"X": 1}), "begin at 0 or later; 1 is followed by 0.5")
    refuse(lambda: equation.transient("soon", {"X": 1}), "the time is 'soon'; expected a number")
    refuse(lambda: equation.transient([], {"X": 1}), "the times are .*; expected a finite number or an increasing sequence")
    refuse(lambda: equation.transient(1.0, {"X": 1}, start="x"), "start is 'x'; expected a finite number")
    refuse(lambda: equation.transient(1.0, {"X": scipy.stats.norm(4)}), "expected a whole number, a discrete distribution")
    refuse(lambda: equation.transient(1.0, {"X": np.nan}), "the initial number of X is nan; expected")
    refuse(lambda: equation.transient(1.0, {"X": 1}, [5]), r"parameters is \[5\]; expected a mapping")
    refuse(lambda: equation.stationary(tolerance=2), "tolerance is 2; expected")
    refuse(lambda: equation.transient_sensitivity(1.0, None, {"X": 1}), "wrt is missing")
    refuse(lambda: equation.transient(-1.0, {"X": 1}), "begin at 0 or later")
    refuse(lambda: equation.transient(1.0, {"X": 1}, method="krylow"), "unknown method 'krylow'; .* Did you mean 'krylov'")
    refuse(lambda: equation.transient(1.0, {"X": 1}, tolerance=0), "tolerance is 0; expected")
    refuse(lambda: equation.transient(1.0, {"X": 1}, layout="tree"), "layout is 'tree'; expected 'box' or 'list'")
    refuse(lambda: equation.transient(1.0, {"X": 1}, {"q": 1}), "'q' is not a parameter of this system")
    half = xr.DataArray([0.5], dims="X", coords={"X": [1]})
    refuse(lambda: equation.transient(1.0, half), "has the sum 0.5 .*; expected probabilities that add up to 1")
    refuse(lambda: equation.transient(1.0, half.rename(X="Z")), r"has the dims \('Z',\); expected \('X',\)")
    bare = sd.ReactionNetwork.from_text("0 -> X, k")
    refuse(lambda: MasterEquation(bare, {"X": 9}).stationary(), "no value for k; give parameters={'k': ...}")
    moving = sd.ReactionNetwork.from_text("0 -> X, 1 + t; X -> 0, 1")
    refuse(lambda: MasterEquation(moving, {"X": 9}).stationary(), "needs rates that do not depend on time; fix t in them")


def test_rates_are_checked():
    negative = sd.ReactionNetwork.from_text("0 => X, 3 - X; X -> 0, 1")
    message = "the propensity of '0 => X, .*' is -1 at X = 4, time 0; it must not be negative"
    refuse(lambda: MasterEquation(negative, {"X": 6}).transient(1.0, {"X": 0}), message, sd.SimulationError)
    p = MasterEquation(negative, {"X": 3}).transient(1.0, {"X": 0})
    assert float(p.sum()) == pytest.approx(1.0)
    unknown = sd.ReactionNetwork.from_text("0 => X, f(X); X -> 0, 1")
    refuse(lambda: MasterEquation(unknown, {"X": 3}).stationary(), "unknown terms .*with_terms", sd.CompileError)


def test_sets_that_grow_too_large_are_refused():
    growth = sd.ReactionNetwork.from_text("X -> 2 X, 1")
    equation = MasterEquation(growth, max_states=5000)
    refuse(lambda: equation.transient(12.0, {"X": 1}), r"has grown to \d+ states \(X 1..\d+\)", sd.SimulationError)


def test_conservation_without_a_start_is_refused():
    net = sd.ReactionNetwork.from_text("A <-> B, 1, 2")
    refuse(lambda: MasterEquation(net).stationary(), "obey a conservation law, .* give initial")


def test_statistics_name_what_they_do_not_know(joint):
    refuse(lambda: fsp.mean(joint, "Z"), "'Z' is not a species of the distribution; known: X, Y")
    refuse(lambda: fsp.moment(joint, X=-1), "the power of X is -1; expected a whole number from 0")
    refuse(lambda: fsp.moments(joint, 0), "the order of moments is 0; expected a whole number from 1")
    refuse(lambda: fsp.modes(joint.expand_dims(time=[0.0])), r"pick one with .sel or .isel")
