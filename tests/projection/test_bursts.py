"""Bursts of geometric size, all sizes in one recursion: closed forms, sums over sizes by hand, exact simulation."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
import xarray as xr

import symdyn as sd
from symdyn import projection as fsp
from symdyn.projection import MasterEquation
from symdyn.projection.generator import assemble
from symdyn.projection.kernel import driver
from symdyn.projection.states import Listing
from symdyn.projection.stationary import phased
from symdyn.projection.transitions import Transitions

BIRTH = sd.ReactionNetwork.from_text("0 -> geometric(b) X, k; X -> 0, 1", parameters={"b": 50, "k": 3}, initial={"X": 0})
# a burst that uses up its source, one beside a change of its own species, and another ratio
MIXED = sd.ReactionNetwork.from_text(
    "A -> geometric(4) P, 1; P -> geometric(4) P, 0.3; P -> P + geometric(0.5) A, 0.1; A + P -> 0, 0.2"
)
FEEDBACK = sd.ReactionNetwork.from_text(
    "0 => G, k_on*(1 - G); G => 0, k_off*P^2*G; G -> G + geometric(b) P, k_p; P -> 0, 1",
    parameters={"k_on": 0.05, "k_off": 0.001, "b": 70, "k_p": 200 * (0.001 * 200**2 + 0.05) / (0.05 * 70)},
    binary=("G",),
    initial={"G": 1, "P": 1},
)
START = {"A": 3, "P": 2}


def by_hand(shape, *, reflecting=False):
    """The generator of MIXED, burst by burst."""
    matrix, place = np.zeros((np.prod(shape),) * 2), lambda n: np.ravel_multi_index(n, shape)
    sizes = [(m, scipy.stats.geom(1 / 5, loc=-1).pmf(m), scipy.stats.geom(1 / 1.5, loc=-1).pmf(m)) for m in range(80)]
    for a, p in itertools.product(*map(range, shape)):
        jumps = [((a - 1, p - 1), 0.2 * a * p)]
        for m, four, half in sizes:
            jumps += [((a - 1, p + m), a * four), ((a, p - 1 + m), 0.3 * p * four), ((a + m, p), 0.1 * p * half)]
        for to, rate in jumps:
            inside = all(0 <= n < k for n, k in zip(to, shape, strict=True))
            if rate > 0 and inside:
                matrix[place(to), place((a, p))] += rate
            if rate > 0 and (inside or not reflecting):
                matrix[place((a, p)), place((a, p))] -= rate
    return matrix


def product(generator, x):
    y = np.empty(x.size)
    driver().product(generator.arrays(), x, y)
    return y


# ---- the generator -----------------------------------------------------------------------------


@pytest.mark.parametrize("reflecting", [False, True])
def test_recursion_is_the_sum_over_sizes(reflecting):
    equation = MasterEquation(MIXED, {"A": 4, "P": 6})
    generator, expected = equation.generator(reflecting=reflecting), by_hand((5, 7), reflecting=reflecting)
    np.testing.assert_allclose(generator.matrix().toarray(), expected, atol=1e-6)  # sizes beyond 80 weigh 2e-8
    x = np.random.default_rng(5).random(35)
    np.testing.assert_allclose(product(generator, x), expected @ x, atol=1e-6)
    np.testing.assert_allclose(generator.exits(), -expected.sum(axis=0), atol=1e-6)


def test_bursts_pass_gaps_in_lists():
    """From 3 the shortest burst ends in the list, and longer ones pass what is missing; from 0 and 6 it does not."""
    net = sd.ReactionNetwork.from_text("0 -> geometric(2) X, 3")
    transitions = Transitions(net)
    space = Listing(np.array([[0], [3], [4], [6], [9]]), np.array([1]))
    generator = assemble(space, transitions.propensities(space), transitions.jumps(lambda i: 20), reflecting=False)
    expected = np.diag(np.full(5, -2.0))
    expected[[2, 3, 4], 1] = 3 * (2 / 3) ** np.array([1, 3, 6]) / 3
    np.testing.assert_allclose(generator.matrix().toarray(), expected, rtol=1e-13, atol=1e-15)
    x = np.array([0.1, 0.4, 0.2, 0.2, 0.1])
    np.testing.assert_allclose(product(generator, x), expected @ x, rtol=1e-13)
    np.testing.assert_allclose(generator.exits(), -expected.sum(axis=0), rtol=1e-13)


def test_phases_leave_out_no_probability():
    generator = MasterEquation(MIXED, {"A": 4, "P": 6}).generator(reflecting=True)
    matrix = phased(generator).toarray()
    assert matrix.shape == (3 * 35, 3 * 35)
    np.testing.assert_allclose(matrix.sum(axis=0), 0.0, atol=1e-13)
    # without the phases, which are always in balance, what remains is the generator
    inner = matrix[:35, :35] - matrix[:35, 35:] @ np.linalg.solve(matrix[35:, 35:], matrix[35:, :35])
    np.testing.assert_allclose(inner, by_hand((5, 7), reflecting=True), atol=1e-6)


# ---- transient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["krylov", "uniformisation"])
def test_box_against_the_dense_exponential(method):
    p = MasterEquation(MIXED, {"A": 7, "P": 40}).transient(0.8, START, tolerance=1e-10, method=method)
    start = np.zeros((8, 41))
    start[3, 2] = 1.0
    exact = scipy.linalg.expm(0.8 * by_hand((8, 41))) @ start.ravel()
    assert abs(p.values.ravel() - exact).sum() < 1e-6


@pytest.mark.parametrize("method", ["krylov", "uniformisation"])
def test_lists_that_grow_by_bursts(method):
    exact = MasterEquation(MIXED, {"A": 40, "P": 500}).transient([0.2, 0.8], START, tolerance=1e-11)
    assert exact.attrs["error_bound"] < 1e-9
    p = MasterEquation(MIXED).transient([0.2, 0.8], START, tolerance=1e-7, method=method)
    assert p.attrs["error_bound"] < 1e-7
    p, exact = xr.align(p.reset_coords(drop=True), exact.reset_coords(drop=True), join="outer", fill_value=0.0)
    assert float(abs(p - exact).sum(("A", "P")).max()) < 1e-7


def test_modulated_bursts():
    """d<X>/dt = b k(t) - <X>, and the variance grows by (b + 2 b^2) k(t) + <X> - 2 Var X."""
    net = sd.ReactionNetwork.from_text("0 -> geometric(b) X, k*(1 + sin(t)); X -> 0, 1", parameters={"b": 8, "k": 2})

    def slope(t, y):
        k = 2 * (1 + np.sin(t))
        return [8 * k - y[0], (8 + 128) * k + y[0] - 2 * y[1]]

    exact = scipy.integrate.solve_ivp(slope, (0, 2), [0.0, 0.0], rtol=1e-11, atol=1e-11).y[:, -1]
    p = MasterEquation(net).transient(2.0, {"X": 0}, tolerance=1e-7)
    np.testing.assert_allclose([fsp.mean(p, "X"), fsp.variance(p, "X")], exact, rtol=1e-4)


def test_rare_sizes_make_the_set_grow():
    """Bursts that are nearly always empty; their numbers add up to a Poisson number of mean 10 times 0.02."""
    net = sd.ReactionNetwork.from_text("0 -> poisson(0.02) X, 10; 0 -> geometric(0.01) Y, 10")
    p = MasterEquation(net).transient(1.0, {"X": 0, "Y": 0}, tolerance=1e-9)
    assert p.attrs["error_bound"] < 1e-9
    assert float(fsp.mean(p, "X")) == pytest.approx(0.2, abs=1e-7)
    assert float(fsp.mean(p, "Y")) == pytest.approx(0.1, abs=1e-7)


def test_large_bursts_with_negative_feedback():
    """Exact simulation of 400,000 runs: mean and standard deviation of P within four standard errors."""
    runs, table = 400_000, {1: (286.52, 129.04), 2: (123.39, 106.14), 4: (46.63, 118.18), 6: (37.11, 120.11)}
    p = MasterEquation(FEEDBACK).transient(list(table), tolerance=1e-5)
    assert p.attrs["error_bound"] < 1e-5
    for row, (mean, deviation) in zip(p, table.values(), strict=True):
        variance = float(fsp.variance(row, "P"))
        fourth = float(fsp.moment(row, P=4, central=True))
        spread = np.sqrt(variance)
        assert abs(float(fsp.mean(row, "P")) - mean) < 4 * spread / np.sqrt(runs)
        assert abs(spread - deviation) < 4 * np.sqrt((fourth - variance**2) / runs) / (2 * spread)


# ---- stationary --------------------------------------------------------------------------------


@pytest.mark.parametrize("upper", [{"X": 3500}, None])
def test_large_bursts_with_linear_death_are_negative_binomial(upper):
    equation = MasterEquation(BIRTH, upper)
    for p in (equation.stationary(), equation.transient(40.0)):
        assert abs(p.values - scipy.stats.nbinom(3, 1 / 51).pmf(p.X.values)).sum() < 2e-8
    assert abs(equation.stationary().values - scipy.stats.nbinom(3, 1 / 51).pmf(equation.stationary().X.values)).sum() < 1e-12


@pytest.mark.parametrize("upper", [None, {"Off": 1, "On": 1, "P": 2500}])
def test_bursts_of_a_switching_gene(upper):
    """A conservation law, so that states are listed; moments are linear and closed."""
    a, d, k, b = 0.4, 0.9, 2.0, 30.0
    net = sd.ReactionNetwork.from_text(
        "Off <-> On, a, d; On -> On + geometric(b) P, k; P -> 0, 1", parameters={"a": a, "d": d, "k": k, "b": b}
    )
    p = MasterEquation(net, upper).stationary(initial={"Off": 1, "On": 0, "P": 0})
    on = a / (a + d)
    mean = k * b * on
    joint = (a * mean + k * b * on) / (1 + a + d)  # <On P>
    second = (mean + k * (b + 2 * b**2) * on + 2 * k * b * joint) / 2
    got = [fsp.mean(p, "On"), fsp.mean(p, "P"), fsp.moment(p, On=1, P=1), fsp.moment(p, P=2)]
    np.testing.assert_allclose(got, [on, mean, joint, second], rtol=1e-9)


def test_large_bursts_with_negative_feedback_in_balance():
    """<P> = b k_p <G>, and the gene goes on as often as off: k_on (1 - <G>) = k_off <G P^2>."""
    p = MasterEquation(FEEDBACK).stationary()
    values = {s.name: v for s, v in FEEDBACK.defaults.items()}
    on = float(fsp.mean(p, "G"))
    assert float(fsp.mean(p, "P")) == pytest.approx(values["b"] * values["k_p"] * on, rel=1e-10)
    assert 0.001 * float(fsp.moment(p, G=1, P=2)) == pytest.approx(0.05 * (1 - on), rel=1e-10)
    assert p.attrs["weight_error"] < 1e-10


def test_edge_of_bursts():
    """At n the next event is a burst with the chance k/(k + n), and leaves with the chance (b/(1+b))^(upper + 1 - n)."""
    with pytest.warns(UserWarning, match="the bounds cut off"):
        p = MasterEquation(BIRTH, {"X": 60}).stationary()
    n = np.arange(61)
    assert p.attrs["edge_mass"] == pytest.approx(float((p.values * 3 / (3 + n) * (50 / 51.0) ** (61 - n)).sum()), rel=1e-12)
