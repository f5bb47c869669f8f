"""Transient projection: closed forms, the certificate of the error, three integrators, growing sets of states."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import xarray as xr

import symdyn as sd
from symdyn import projection as fsp
from symdyn.projection import MasterEquation

BIRTH_DEATH = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
BRUSSELATOR = sd.ReactionNetwork.from_text(
    "2 X + Y -> 3 X, c1; X -> Y, c2; 0 -> X, c3; X -> 0, c4",
    volume="V",
    parameters={"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 5},
)
SINGH = sd.ReactionNetwork.from_text("X -> 2 X + Y, c1; X + Y -> Y, c2", parameters={"c1": 1, "c2": 1})
FEEDBACK = sd.ReactionNetwork.from_text(
    "G + P -> 0, s_b; 0 => G + P, s_u*(1 - G); G -> G + P, r_u; 0 => P, r_b*(1 - G); P -> 0, 1",
    parameters={"s_b": 0.004, "s_u": 0.25, "r_b": 25, "r_u": 60},
    binary=("G",),
)
DEATH = sd.ReactionNetwork.from_text("X -> 0, g", parameters={"g": 0.7})


def distance(p, q):
    """Sum of magnitudes of the differences over all states; what is missing in one counts as zero."""
    p, q = xr.align(p.reset_coords(drop=True), q.reset_coords(drop=True), join="outer", fill_value=0.0)
    return float(abs(p - q).sum())


# ---- closed forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["krylov", "uniformisation"])
def test_birth_death_from_zero_is_poisson(method):
    times = np.array([0.1, 1.0, 3.0])
    p = MasterEquation(BIRTH_DEATH, {"X": 60}).transient(times, {"X": 0}, tolerance=1e-11, method=method)
    exact = scipy.stats.poisson(5 * (1 - np.exp(-times))[:, None]).pmf(np.arange(61))
    assert abs(p.values - exact).sum(axis=1).max() < 1e-11


def test_pure_death_is_binomial():
    p = MasterEquation(DEATH, {"X": 30}).transient(1.5, {"X": 30}, tolerance=1e-11)
    exact = scipy.stats.binom(30, np.exp(-0.7 * 1.5)).pmf(np.arange(31))
    assert abs(p.values - exact).sum() < 1e-11
    assert p.attrs["error_bound"] < 3e-11  # nothing can leave


def test_telegraph_relaxes_exponentially():
    net = sd.ReactionNetwork.from_text("Off <-> On, a, b", parameters={"a": 0.3, "b": 1.1}, binary=("Off", "On"))
    p = MasterEquation(net).transient([0.5, 2.0], {"Off": 1, "On": 0}, tolerance=1e-12)
    exact = 0.3 / 1.4 * (1 - np.exp(-1.4 * np.array([0.5, 2.0])))
    np.testing.assert_allclose(fsp.mean(p, "On").values, exact, rtol=1e-11)


def test_bursts_without_death_add_up():
    """A Poisson number of geometric bursts: the variance is kt (b + 2 b^2), and P(0) = exp(-kt b/(1+b))."""
    net = sd.ReactionNetwork.from_text("0 -> geometric(b) X, k", parameters={"b": 2.5, "k": 1.5})
    p = MasterEquation(net).transient(2.0, {"X": 0}, tolerance=1e-9)
    assert p.attrs["error_bound"] < 1e-9
    assert float(p.sel(X=0)) == pytest.approx(np.exp(-3 * 2.5 / 3.5), abs=1e-9)
    assert float(fsp.mean(p, "X")) == pytest.approx(7.5, rel=1e-6)
    assert float(fsp.variance(p, "X")) == pytest.approx(3 * (2.5 + 2 * 2.5**2), rel=1e-5)


def test_modulated_birth_death_is_poisson():
    net = sd.ReactionNetwork.from_text("0 -> X, k*(1 + sin(t)); X -> 0, 1", parameters={"k": 5})
    times = np.array([1.0, 4.0])
    mean = 5 * (1 - np.exp(-times)) + 2.5 * (np.sin(times) - np.cos(times) + np.exp(-times))
    exact = scipy.stats.poisson(mean[:, None]).pmf(np.arange(61))
    p = MasterEquation(net, {"X": 60}).transient(times, {"X": 0}, tolerance=1e-9)
    assert abs(p.values - exact).sum(axis=1).max() < 1e-9
    q = MasterEquation(net).transient(times, {"X": 0}, tolerance=1e-7)
    assert q.attrs["error_bound"] < 1e-7
    assert distance(p, q) < 1e-7


def test_rates_that_jump_in_time():
    net = sd.ReactionNetwork.from_text("X -> 0, piecewise(1, t < s, 3)", parameters={"s": 0.4})
    p = MasterEquation(net, {"X": 20}).transient(1.0, {"X": 20}, tolerance=1e-9)
    exact = scipy.stats.binom(20, np.exp(-0.4 - 3 * 0.6)).pmf(np.arange(21))
    assert abs(p.values - exact).sum() < 1e-9


def test_time_begins_at_start():
    net = sd.ReactionNetwork.from_text("X -> 0, t")
    p = MasterEquation(net, {"X": 8}).transient(2.0, {"X": 8}, start=1.0, tolerance=1e-10)
    assert abs(p.values - scipy.stats.binom(8, np.exp(-1.5)).pmf(np.arange(9))).sum() < 1e-10


# ---- the integrators ---------------------------------------------------------------------------


def test_integrators_agree_with_the_dense_exponential():
    equation = MasterEquation(BRUSSELATOR, {"X": 12, "Y": 14})
    p0 = equation.transient(0.0, {"X": 5, "Y": 6}).values.ravel()
    matrix = equation.generator().matrix().toarray()
    for t in (0.05, 1.0, 20.0):
        exact = scipy.linalg.expm(matrix * t) @ p0
        for method in ("krylov", "uniformisation"):
            p = equation.transient(t, {"X": 5, "Y": 6}, tolerance=1e-10, method=method)
            assert abs(p.values.ravel() - exact).sum() < 2e-10, (t, method)


def test_several_times_in_one_sweep_are_each_alone():
    equation, start = MasterEquation(BRUSSELATOR, {"X": 40, "Y": 60}), {"X": 5, "Y": 11}
    times = np.linspace(0, 1.5, 31)
    p = equation.transient(times, start, tolerance=1e-10)
    assert p.dims == ("time", "X", "Y")
    for k in (0, 1, 17, 30):
        alone = equation.transient(times[k], start, tolerance=1e-10)
        assert abs(p[k].values - alone.values).sum() < 2e-10


def test_continuing_from_a_distribution():
    equation = MasterEquation(BRUSSELATOR, {"X": 40, "Y": 60})
    middle = equation.transient(0.7, {"X": 5, "Y": 11}, tolerance=1e-11)
    end = equation.transient(0.8, middle.transpose("Y", "X"), tolerance=1e-11)
    assert distance(end, equation.transient(1.5, {"X": 5, "Y": 11}, tolerance=1e-11)) < 1e-10


def test_lists_and_boxes_are_the_same_operator():
    """An adaptive set on which nothing leaks equals the box; bounds of one species alone are kept."""
    box = MasterEquation(BRUSSELATOR, {"X": 60, "Y": 80}).transient(1.0, {"X": 3, "Y": 8}, tolerance=1e-12)
    for upper in (None, {"X": 60}):
        p = MasterEquation(BRUSSELATOR, upper).transient(1.0, {"X": 3, "Y": 8}, tolerance=1e-9)
        assert p.attrs["error_bound"] < 1e-9
        assert distance(p, box) < 1e-9


# ---- the certificate ---------------------------------------------------------------------------


def test_the_missing_mass_bounds_the_error_and_shrinks_with_the_box():
    start, t = {"X": 5, "Y": 11}, 1.0
    exact = MasterEquation(BRUSSELATOR, {"X": 90, "Y": 120}).transient(t, start, tolerance=1e-12)
    assert exact.attrs["error_bound"] < 1e-11
    before = 1.0
    for size in (16, 20, 24, 32):
        p = MasterEquation(BRUSSELATOR, {"X": size, "Y": 2 * size}).transient(t, start, tolerance=1e-12)
        bound, error = p.attrs["error_bound"], distance(p, exact)
        assert error <= bound + 1e-12
        # all that is missing is error, and the solution is nowhere above the exact one
        assert error == pytest.approx(bound, abs=1e-11)
        assert float((p - exact).max()) < 1e-12
        assert bound <= before
        before = bound
    assert 1e-12 < before < 1e-2


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("method", ["krylov", "uniformisation"])
def test_adaptive_sets_keep_their_promise(tolerance, method):
    start = {"X": 1, "Y": 1}
    exact = MasterEquation(BRUSSELATOR, {"X": 90, "Y": 120}).transient(2.0, start, tolerance=1e-12)
    p = MasterEquation(BRUSSELATOR).transient(2.0, start, tolerance=tolerance, method=method)
    assert distance(p, exact) <= p.attrs["error_bound"] <= tolerance


def test_adaptive_sets_drop_what_is_left_behind():
    """A cloud that drifts from 400 to 0: the set at the end does not hold where it came from."""
    p = MasterEquation(DEATH).transient(8.0, {"X": 400}, tolerance=1e-6)
    exact = scipy.stats.binom(400, np.exp(-5.6)).pmf(np.arange(401))
    assert p.sizes["X"] < 200
    got = np.zeros(401)
    got[p.X.values] = p.values
    assert abs(got - exact).sum() < 1e-6


def test_conservation_laws_keep_lists_small():
    net = sd.ReactionNetwork.from_text("A + B <-> C, 0.1, 1; C -> D, 0.5")
    p = MasterEquation(net).transient(3.0, {"A": 10, "B": 15, "C": 0, "D": 0}, layout="list")
    assert p.sizes["state"] <= 66  # C + D <= 10, and A and B follow
    assert ((p.A + p.C + p.D) == 10).all()
    assert ((p.B + p.C + p.D) == 15).all()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-8)
    box = MasterEquation(net, {"A": 10, "B": 15, "C": 10, "D": 10}).transient(3.0, {"A": 10, "B": 15, "C": 0, "D": 0})
    for s in "ABCD":
        assert float(fsp.mean(p, s)) == pytest.approx(float(fsp.mean(box, s)), rel=1e-7)
    assert distance(fsp.marginal(p, "C", "A"), fsp.marginal(box, "C", "A")) < 1e-7


# ---- reference numbers -------------------------------------------------------------------------


def test_exact_moments_of_derivative_matching_example():
    """X -> 2X + Y, X + Y -> Y (Singh and Hespanha): columns t, third cumulant of Y, <X>, <Y>, Var X, Var Y."""
    table = np.array(
        [
            [0.1, 1.53237, 7.51851, 11.28999, 5.21237, 1.36908],
            [0.2, 2.17863, 2.59728, 11.75480, 2.52745, 1.89455],
            [0.3, 2.39966, 0.87172, 11.91305, 0.94705, 2.07487],
            [0.5, 2.49487, 0.09614, 11.98348, 0.11009, 2.15444],
        ]
    )
    p = MasterEquation(SINGH, {"X": 120, "Y": 120}).transient(table[:, 0], {"X": 20, "Y": 10}, tolerance=1e-11)
    assert p.attrs["error_bound"] < 1e-10
    columns = [
        fsp.moment(p, Y=3, central=True), fsp.mean(p, "X"), fsp.mean(p, "Y"), fsp.variance(p, "X"), fsp.variance(p, "Y"),
    ]  # fmt: skip
    assert abs(np.stack(columns, axis=1) - table[:, 1:]).max() < 5.1e-6


def test_exact_moments_of_feedback_loop():
    """Autoregulated gene (Cao and Grima): columns t, <p>, Var p, <g>."""
    table = np.array(
        [
            [1, 37.08199, 46.4988, 0.922609],
            [2, 48.19061, 105.5608, 0.800343],
            [4, 48.71956, 205.7296, 0.635317],
            [8, 44.50338, 243.7103, 0.544979],
            [15, 43.69163, 245.4401, 0.533780],
        ]
    )
    p = MasterEquation(FEEDBACK).transient(table[:, 0], {"G": 1, "P": 0}, tolerance=1e-9)
    got = np.stack([fsp.mean(p, "P"), fsp.variance(p, "P"), fsp.mean(p, "G")], axis=1)
    assert (abs(got - table[:, 1:]) < [6e-6, 6e-5, 6e-7]).all()
    assert p.sizes["G"] == 2


def test_entrained_brusselator():
    """Exact simulation, 200,000 runs, at t = 1, 5 and 10; within four standard errors of means, and of variances."""
    net = sd.ReactionNetwork.from_text(
        "2 X + Y -> 3 X, c1; X -> Y, c2*(1 + 0.5*sin(t)); 0 -> X, c3; X -> 0, c4",
        volume="V",
        parameters=dict(BRUSSELATOR.defaults),
    )
    p = MasterEquation(net).transient([1.0, 5.0, 10.0], {"X": 1, "Y": 1}, tolerance=1e-5)
    runs = 200_000
    table = [[1.413, 4.212, 1.570, 2.733], [5.631, 10.013, 21.74, 28.55], [5.529, 16.051, 38.56, 61.71]]
    for row, (x, y, vx, vy) in zip(p, table, strict=True):
        for s, mean, variance in (("X", x, vx), ("Y", y, vy)):
            spread = float(fsp.variance(row, s))
            fourth = float(fsp.moment(row, {s: 4}, central=True))
            assert abs(float(fsp.mean(row, s)) - mean) < 4 * np.sqrt(spread / runs) + 5e-4
            assert abs(spread - variance) < 4 * np.sqrt((fourth - spread**2) / runs) + 5e-3


def test_entrained_brusselator_settles():
    """Once the modulation ends, rates are constant and the stationary moments are reached (sparse elimination)."""
    net = sd.ReactionNetwork.from_text(
        "2 X + Y -> 3 X, c1; X -> Y, c2*piecewise(1 + 0.5*sin(t), t < 3, 1); 0 -> X, c3; X -> 0, c4",
        volume="V",
        parameters=dict(BRUSSELATOR.defaults),
    )
    p = MasterEquation(net).transient(60.0, {"X": 1, "Y": 1}, tolerance=1e-6)
    got = [fsp.mean(p, "X"), fsp.mean(p, "Y"), fsp.variance(p, "X"), fsp.variance(p, "Y")]
    np.testing.assert_allclose(got, [5.0, 13.7775, 30.1200, 52.5046], atol=2e-4)


def test_bounds_of_some_species_lose_what_leaves_them():
    """The set grows in Y alone, and what leaves through the bound of X is in the bound of the error."""
    start = {"X": 5, "Y": 11}
    exact = MasterEquation(BRUSSELATOR, {"X": 90, "Y": 120}).transient(1.0, start, tolerance=1e-12)
    p = MasterEquation(BRUSSELATOR, {"X": 22}).transient(1.0, start, tolerance=1e-7)
    q = MasterEquation(BRUSSELATOR, {"X": 22, "Y": 120}).transient(1.0, start, tolerance=1e-10)
    assert p.X.values.max() == 22
    assert 1e-4 < p.attrs["error_bound"] == pytest.approx(distance(p, exact), rel=1e-3)
    assert distance(p, q) < 1e-6


def test_same_numbers_again():
    one, two = (MasterEquation(BRUSSELATOR).transient(1.0, {"X": 1, "Y": 1}) for _ in range(2))
    assert (one.values == two.values).all()
