"""Stationary distributions: closed forms, detailed balance against elimination, reference numbers, reducible chains."""

import warnings

import numpy as np
import pytest
import scipy.stats

import symdyn as sd
from symdyn import projection as fsp
from symdyn.projection import MasterEquation
from symdyn.projection.balance import Cuts, balanced
from symdyn.projection.stationary import detailed_balance, solve

BIRTH_DEATH = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
BURSTS = sd.ReactionNetwork.from_text("0 -> geometric(b) X, k; X -> 0, g", parameters={"b": 6, "k": 3, "g": 1})
MONOSTABLE = sd.ReactionNetwork.from_text("0 -> X, 1; 2 X -> 0, 1", volume="V")
SCHLOEGL = sd.ReactionNetwork.from_text(
    "2 X -> 3 X, k1; 3 X -> 2 X, k2; 0 -> X, k3; X -> 0, k4",
    volume="V",
    parameters={"k1": 60, "k2": 1, "k3": 4600, "k4": 1000},
)
BRUSSELATOR = sd.ReactionNetwork.from_text(
    "2 X + Y -> 3 X, c1; X -> Y, c2; 0 -> X, c3; X -> 0, c4",
    volume="V",
    parameters={"c1": 0.9, "c2": 2, "c3": 1, "c4": 1},
)
DIMER = sd.ReactionNetwork.from_text("2 A -> B, 0.1; B -> 2 A, 1")


def summary(p, *names):
    return np.array([[float(fsp.mean(p, s)) for s in names], [float(fsp.variance(p, s)) for s in names]])


# ---- closed forms ------------------------------------------------------------------------------


def test_birth_death_is_poisson():
    p = MasterEquation(BIRTH_DEATH, {"X": 70}).stationary()
    np.testing.assert_allclose(p.values, scipy.stats.poisson(5).pmf(np.arange(71)), rtol=1e-11)
    assert p.attrs["method"] == "detailed balance"


@pytest.mark.parametrize("upper", [{"X": 400}, None])
def test_bursts_with_linear_death_are_negative_binomial(upper):
    """Bursts at the rate k of geometric size, mean b: negative binomial with k/g successes of probability 1/(1 + b)."""
    p = MasterEquation(BURSTS, upper).stationary()
    exact = scipy.stats.nbinom(3, 1 / 7).pmf(p.X.values)
    assert abs(p.values - exact).sum() < 1e-12
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-12)


def test_product_form_in_two_dimensions():
    """Monomolecular networks are independent Poisson variables (Jahnke and Huisinga)."""
    net = sd.ReactionNetwork.from_text("0 -> X, 4; X -> Y, 2; Y -> X, 1; Y -> 0, 1.5")
    p = MasterEquation(net).stationary()
    # 4 + y = 2 x and 2 x = 2.5 y
    x, y = np.meshgrid(p.X, p.Y, indexing="ij")
    exact = scipy.stats.poisson(10 / 3).pmf(x) * scipy.stats.poisson(8 / 3).pmf(y)
    assert abs(p.values - exact).sum() < 1e-10


# ---- reference numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volume", "mean", "variance"),
    [
        (0.1, 0.504983, 0.254975), (1, 0.887818, 0.599597), (2, 1.559781, 1.126864), (5, 3.667682, 2.715793),
        (10, 7.199505, 5.366628), (100, 70.836011, 53.095591),
    ],
)  # fmt: skip
def test_monostable_network(volume, mean, variance):
    p = MasterEquation(MONOSTABLE, {"X": 300}).stationary({"V": volume})
    np.testing.assert_allclose(summary(p, "X").ravel(), [mean, variance], atol=6e-7)


@pytest.mark.parametrize(
    ("volume", "mean", "variance", "modes"),
    [
        (0.1, 7.7746, 20.105, [0]), (1, 13.4832, 146.467, [5]), (4, 17.4478, 623.142, [27, 135]),
        (5, 18.6708, 817.118, [34, 171]), (10, 25.2960, 1628.10, [72, 349]), (15, 30.5435, 1519.48, [111, 526]),
        (20, 33.2666, 959.062, [149, 703]), (30, 34.8653, 325.656, [226, 1058]), (60, 35.2674, 160.552, None),
    ],
)  # fmt: skip
def test_bistable_network(volume, mean, variance, modes):
    equation = MasterEquation(SCHLOEGL, {"X": int(150 * volume + 200)})
    p = equation.stationary({"V": volume})
    got = summary(p, "X").ravel() / volume
    np.testing.assert_allclose(got, [mean, variance], rtol=1e-5)
    if modes:
        assert sorted(m["X"] for m in fsp.modes(p)) == modes
    generator = equation.generator({"V": volume}, reflecting=True)
    by_elimination = solve(equation.box, generator, None).p
    # the wells exchange probability ever more rarely, and elimination alone would lose digits by that
    assert abs(by_elimination - detailed_balance(generator)).sum() < 1e-10


def test_tails_are_exact_far_below_rounding():
    p = MasterEquation(SCHLOEGL, {"X": 2400}).stationary({"V": 30})
    n = np.arange(1.0, 2401.0)
    birth = 2 * (n - 1) * (n - 2) + 4600 * 30
    death = n * (n - 1) * (n - 2) / 900 + 1000 * n
    expected = np.log(birth / death)
    kept = p.values[1:] > 1e-290
    np.testing.assert_allclose(np.diff(np.log(np.maximum(p.values, 1e-320)))[kept], expected[kept], atol=1e-9)
    assert p.values[-1] < 1e-100


@pytest.mark.parametrize(
    ("volume", "mean", "variance"),
    [
        # the variances at volume 1 need a box of about 40 x 100; in one of 30 x 80 they are 4.5651 and 14.9189
        (1, (1.0, 5.4610), (4.56568, 14.91900)),
        (2, (1.0, 3.5441), (4.7434, 9.6283)),
        (5, (1.0, 2.7555), (6.0240, 10.5009)),
        (10, (1.0, 2.5133), (7.7287, 13.3385)),
    ],
)
def test_brusselator(volume, mean, variance):
    p = MasterEquation(BRUSSELATOR).stationary({"V": volume})
    np.testing.assert_allclose(summary(p, "X", "Y") / volume, [mean, variance], atol=6e-5)
    assert p.attrs["edge_mass"] < 1e-9


def test_late_transient_is_stationary():
    equation = MasterEquation(BRUSSELATOR, {"X": 45, "Y": 50})
    late = equation.transient(80.0, {"X": 1, "Y": 1}, {"V": 2})
    p = equation.stationary({"V": 2})
    assert p.attrs["edge_mass"] < 1e-8
    assert abs(late - p).sum() < late.attrs["error_bound"] + 1e-7 < 1e-5
    residual = equation.generator({"V": 2}, reflecting=True).matrix() @ p.values.ravel()
    assert abs(residual).max() < 1e-13


# ---- several recurrent classes -----------------------------------------------------------------


@pytest.mark.parametrize("upper", [None, {"A": 20, "B": 10}, {"A": 30, "B": 12}])
def test_conservation_law(upper):
    p = MasterEquation(DIMER, upper).stationary(initial={"A": 20, "B": 0})
    np.testing.assert_allclose(summary(p, "A").ravel(), [7.90080, 5.97414], atol=6e-6)
    started = MasterEquation(DIMER.with_initial({"A": 20, "B": 0}), upper).stationary()  # the network's own numbers
    np.testing.assert_array_equal(started.values, p.values)
    occupied = p.stack(n=("A", "B")).where(lambda q: q > 0, drop=True)
    assert (occupied.A + 2 * occupied.B == 20).all()


def test_distributed_start_mixes_classes():
    start = {"A": scipy.stats.binom(12, 0.5), "B": 0}
    equation = MasterEquation(DIMER, {"A": 12, "B": 6})
    p = equation.stationary(initial=start)
    parts = sum(scipy.stats.binom(12, 0.5).pmf(k) * equation.stationary(initial={"A": k, "B": 0}) for k in range(13))
    assert abs(p - parts).sum() < 1e-13


def test_absorption_probabilities():
    """Individuals beget others at the rate 1, die at 2 or leave a mark at 1: the chance of no mark solves q^2 - 4 q + 2 = 0."""
    net = sd.ReactionNetwork.from_text("X -> 2 X, 1; X -> 0, 2; X -> Z, 1")
    p = MasterEquation(net, {"X": 60, "Z": 60}).stationary(initial={"X": 1, "Z": 0})
    assert float(p.sel(X=0, Z=0)) == pytest.approx(2 - np.sqrt(2), rel=1e-10)
    assert float(p.sel(X=0).sum()) == pytest.approx(1.0, abs=1e-12)


def test_parity_needs_a_start():
    net = sd.ReactionNetwork.from_text("0 -> 2 X, 3; 2 X -> 0, 1")
    with pytest.raises(sd.SimulationError, match=r"not unique: there are 2 sets .* give initial"):
        MasterEquation(net, {"X": 40}).stationary()
    even = MasterEquation(net, {"X": 40}).stationary(initial={"X": 4})
    assert float(even.sel(X=slice(1, None, 2)).sum()) == 0.0


# ---- bounds ------------------------------------------------------------------------------------


def test_tight_bounds_warn_and_report_the_edge():
    with pytest.warns(UserWarning, match="widen them, or leave upper out"):
        p = MasterEquation(BIRTH_DEATH, {"X": 9}).stationary()
    truncated = scipy.stats.poisson(5).pmf(np.arange(10))
    np.testing.assert_allclose(p.values, truncated / truncated.sum(), rtol=1e-12)
    # at 9 a birth has the rate 5 and a death the rate 9
    assert p.attrs["edge_mass"] == pytest.approx(float(p[-1]) * 5 / 14, rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MasterEquation(BIRTH_DEATH, {"X": 60}).stationary()


def test_lower_bounds():
    with pytest.warns(UserWarning, match="the bounds cut off"):
        p = MasterEquation(BIRTH_DEATH, {"X": 60}, {"X": 3}).stationary()
    exact = scipy.stats.poisson(5).pmf(np.arange(3, 61))
    np.testing.assert_allclose(p.values, exact / exact.sum(), rtol=1e-12)
    assert p.X.values[0] == 3


def test_solutions_do_not_hang_on_a_state_that_is_never_visited():
    """Mass at the far end of a box, 1e-19 of it at the near one."""
    net = sd.ReactionNetwork.from_text("0 -> X, 1; X -> 2 X, 1; X -> 0, 0.5; 0 -> Y, 1; Y -> 0, 1")
    with pytest.warns(UserWarning, match="the bounds cut off"):
        p = MasterEquation(net, {"X": 90, "Y": 20}).stationary()
    weights = 2.0 ** np.arange(91)  # births at n - 1 have the rate n, deaths at n the rate n/2
    np.testing.assert_allclose(p.sum("Y").values, weights / weights.sum(), rtol=1e-9)


def test_growth_has_no_stationary_state():
    net = sd.ReactionNetwork.from_text("0 -> X, 1; X -> 2 X, 1; X -> 0, 0.5; 0 -> Y, 1; Y -> 0, 1")
    with pytest.raises(sd.SimulationError, match="is there one"):
        MasterEquation(net, max_states=20_000).stationary()


# ---- separate wells ----------------------------------------------------------------------------


@pytest.mark.parametrize("volume", [20, 40])
def test_weights_of_wells_that_exchange_next_to_nothing(volume):
    """A bistable species beside an independent Poisson one: a product of detailed balance and Poisson."""
    network = sd.ReactionNetwork(
        [*SCHLOEGL.reactions, *sd.ReactionNetwork.from_text("0 => Y, 300; Y -> 0, 100").reactions],
        dict(SCHLOEGL.defaults) | {"V": volume},
        volume="V",
    )
    top = 80 * volume + 200
    p = MasterEquation(network, {"X": top, "Y": 16}).stationary()
    x = detailed_balance(MasterEquation(SCHLOEGL, {"X": top}).generator({"V": volume}, reflecting=True))
    y = scipy.stats.poisson(3).pmf(np.arange(17))
    assert abs(p.values - np.outer(x, y / y.sum())).sum() < 1e-11
    assert p.attrs["weight_error"] < 1e-12


def test_weight_error_is_seen_and_mended():
    """Half the weight of one well moved to the other: no residual, and yet out of balance."""
    equation = MasterEquation(SCHLOEGL, {"X": 2400})
    generator = equation.generator({"V": 20}, reflecting=True)
    exact, n = detailed_balance(generator), np.arange(2401)
    valley = int(np.argmin(np.where((n > 149) & (n < 703), exact, 1.0)))
    wrong = exact * np.where(n <= valley, 0.5, 1.0)
    wrong /= wrong.sum()
    assert abs(generator.matrix() @ wrong).sum() < 1e-6 * np.abs(generator.rates[0]) @ wrong
    shift = abs(wrong - exact).sum()
    assert Cuts.of(generator.matrix(), n).ratios(wrong)[1] == pytest.approx(shift, rel=1.0)
    mended, error = balanced(generator.matrix(), wrong, n[:, None])
    assert error < 1e-12
    assert abs(mended - exact).sum() < 1e-11


def test_moments_of_the_stationary_distribution_need_no_argument():
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    found = net.master_equation(upper={"X": 60}).moments(central=True)  # Poisson with mean 5
    assert float(found["E[X]"]) == pytest.approx(5, rel=1e-12)
    assert float(found["M[X^2]"]) == pytest.approx(5, rel=1e-12)
