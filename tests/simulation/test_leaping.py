"""Tau-leaping: moments against exact ones, never negative, bursts, rates in time, stiff equilibria, the same bits always."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from scipy.sparse import diags
from scipy.sparse.linalg import expm_multiply

import symdyn as sd
from symdyn.codegen.leap_program import orders_program, stoichiometry_facts

BRUSSELATOR = sd.ReactionNetwork.from_text(
    "2 X + Y -> 3 X, c1; X -> Y, c2; 0 -> X, c3; X -> 0, c4",
    parameters={"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 1000},
    volume="V",
)
DIMERS = sd.ReactionNetwork.from_text(
    "S1 -> 0, c1; 2 S1 <-> S2, c2, c3; S2 -> S3, c4",
    parameters={"c1": 1, "c2": 10, "c3": 1000, "c4": 0.1},
    combinatoric=True,
)


def run(net, t, initial, *, method="tau", trajectories=4000, own=None, **options):
    """Simulate; `own` are options of the method."""
    chosen = method if own is None else sd.METHODS[method].options(**own)
    return sd.simulate(net, t, initial=initial, trajectories=trajectories, seed=11, method=chosen, progress=False, **options)


def assert_moments(sample, mean, variance, *, bias=0.0, bias_variance=0.0, z=4.5):
    """Mean and variance within z standard errors and a relative bias; the error of the variance from the sample itself."""
    count = len(sample)
    assert abs(sample.mean() - mean) < z * np.sqrt(variance / count) + bias * abs(mean)
    error = np.sqrt(((sample - sample.mean()) ** 2).var() / count)
    assert abs(sample.var() - variance) < z * error + bias_variance * variance


@pytest.mark.parametrize("method", ["tau", "tau-implicit"])
def test_birth_and_death(method):
    """Linear: ``X0`` survivors are binomial, newcomers Poisson."""
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 1000, "g": 1})
    data = run(net, [0, 1, 5], {"X": 200}, method=method, trajectories=20_000)
    for t in (1, 5):
        e = np.exp(-t)
        x = data.X.sel(time=t).values
        assert_moments(x, 200 * e + 1000 * (1 - e), 200 * e * (1 - e) + 1000 * (1 - e), bias=1e-3, bias_variance=0.01)
        assert (x == np.round(x)).all()
    assert data.steps.mean() < 400  # some 10000 events
    assert data.attrs["epsilon"] == 0.03


@pytest.mark.parametrize("method", ["tau", "hybrid"])
@pytest.mark.parametrize(("burst", "square"), [("geometric", 2.0), ("poisson", 1.0)])
def test_bursts(method, burst, square):
    """Shot noise: ``Var = k <m(m-1)> (1 - exp(-2 g t))/(2 g) + mean`` from zero."""
    net = sd.ReactionNetwork.from_text(f"0 -> {burst}(b) Y, k; Y -> 0, g", parameters={"k": 300, "g": 1, "b": 20})
    data = run(net, [0, 2], {"Y": 0}, method=method)
    e = np.exp(-2.0)
    mean = 300 * 20 * (1 - e)
    bias = 0.02 if method == "tau" else 0.04
    assert_moments(data.Y.values[:, 1], mean, 300 * square * 400 * (1 - e * e) / 2 + mean, bias=2e-3, bias_variance=bias)


def test_equilibrium_at_very_large_numbers_is_stable():
    """The variance of immigration and death is z (1 + (1-z)^2) / (1 - (1 - z + z^2/2)^2) times exact at z relaxation times."""
    net = sd.ReactionNetwork.from_text("0 -> X, 1e8; X -> 0, 1")
    for epsilon, z in ((0.03, 0.3), (0.2, 0.5)):
        data = run(net, [0, 6 / z], {"X": 1e8}, trajectories=20_000, own={"epsilon": epsilon})
        assert data.steps.mean() == pytest.approx(6 / z**2, abs=1.5)
        ratio = z * (1 + (1 - z) ** 2) / (1 - (1 - z + z * z / 2) ** 2)
        assert_moments(data.X.values[:, 1], 1e8, 1e8 * ratio)


def test_few_molecules_are_simulated_exactly():
    """Pure decay of 12 molecules: all steps are exact events, the law is binomial."""
    net = sd.ReactionNetwork.from_text("A -> 0, 1")
    data = run(net, [0, 0.7], {"A": 12}, trajectories=20_000)
    p = np.exp(-0.7)
    assert_moments(data.A.values[:, 1], 12 * p, 12 * p * (1 - p))
    assert data.rejected.values.sum() == 0
    np.testing.assert_array_equal(data.steps.values, 12 - data.A.values[:, 1])


@pytest.mark.parametrize("method", ["tau", "tau-implicit"])
def test_numbers_never_become_negative_and_conservation_laws_hold(method):
    net = sd.ReactionNetwork.from_text(
        "A + B -> C, 0.01; C -> A + B, 2; 3 A -> 3 D, 1e-4; D => A, 5*D/(1 + D); C + D -> 2 D, 0.01; B -> 0, 3"
    )
    rng = np.random.default_rng(3)
    for initial in rng.integers(0, 2000, (12, 4)) // 10 ** rng.integers(0, 3, (12, 4)):
        data = run(
            net,
            np.linspace(0, 3, 7),
            dict(zip("ABCD", map(float, initial), strict=True)),
            method=method,
            trajectories=40,
            own={"epsilon": 0.2},
        )
        states = np.stack([data[s].values for s in "ABCD"])
        assert states.min() >= 0
        assert (states == np.round(states)).all()
        np.testing.assert_array_equal(states[0] + states[2] + states[3], initial[0] + initial[2] + initial[3])


def test_brusselator_agrees_with_exact_simulation():
    """From a distant state through a turn of the oscillation: 0.5 % in means, 5 % in variances besides sampling error."""
    initial = {"X": 1000, "Y": 1000}
    exact = run(BRUSSELATOR, [0, 1, 5, 10], initial, method="ssa", trajectories=4000)
    leaps = run(BRUSSELATOR, [0, 1, 5, 10], initial, trajectories=1500)
    assert leaps.steps.mean() < exact.steps.mean() / 40
    for name in "XY":
        for t in (1, 5, 10):
            reference = exact[name].sel(time=t).values
            sample = leaps[name].sel(time=t).values
            assert_moments(sample, reference.mean(), reference.var(), bias=0.005, bias_variance=0.05, z=5.5)


def test_schloegl_in_its_high_state():
    """Volume 60 of the bistable set: mean 35.2674 V and variance 160.55 V by detailed balance."""
    net = sd.ReactionNetwork.from_text(
        "2 X -> 3 X, 60; 3 X -> 2 X, 1; 0 -> X, 4600; X -> 0, 1000", parameters={"V": 60}, volume="V"
    )
    data = run(net, [0, 0.05], {"X": 2116}, trajectories=1000)
    # at t = 0.05 the slowest mode around the state (rate near 128) has died out
    assert_moments(data.X.values[:, 1], 35.2674 * 60, 160.552 * 60, bias=2e-3, bias_variance=0.05)


def test_the_bias_falls_with_epsilon():
    """``2 X -> 0`` from 2000, exactly by the master equation over the even numbers: order 2 in the length of leaps."""
    net = sd.ReactionNetwork.from_text("2 X -> 0, 1e-3")
    n = np.arange(0, 2001, 2.0)
    rate = 1e-3 * n * (n - 1)
    p = expm_multiply(diags([-rate, rate[1:]], [0, 1]).tocsc() * 1.5, np.eye(1, n.size, n.size - 1)[0])
    mean = p @ n
    variance = p @ n**2 - mean**2
    bias = []
    for epsilon in (0.5, 0.03):
        data = run(net, [0, 1.5], {"X": 2000}, trajectories=20_000, own={"epsilon": epsilon})
        bias.append(abs(data.X.values[:, 1].mean() - mean))
    error = np.sqrt(variance / 20_000)
    assert bias[0] > 10 * error  # leaps of half the number show
    assert bias[1] < 4.5 * error
    assert_moments(data.X.values[:, 1], mean, variance, bias_variance=0.02)


@pytest.mark.parametrize("rate", [4.0, 4000.0])
def test_rates_in_time(rate):
    """Immigration at ``r (1 + sin(3 t))`` with death: Poisson at all times, by exact events and by leaps."""
    net = sd.ReactionNetwork.from_text("0 -> X, r*(1 + sin(3*t)); X -> 0, 1", parameters={"r": rate})
    data = run(net, [0, 0.5, 2.0], {"X": 0}, trajectories=1000)
    for t in (0.5, 2.0):
        mean = rate * ((1 - np.exp(-t)) + (np.sin(3 * t) - 3 * np.cos(3 * t) + 3 * np.exp(-t)) / 10)
        assert_moments(data.X.sel(time=t).values, mean, mean, bias=2e-3, bias_variance=0.02)


def test_a_pulse_is_not_missed():
    """A rate that is there in [1, 1.1] alone: the number is Poisson with the integral of the rate."""
    pulse = sp.Piecewise((500, (sp.Symbol("t") > 1) & (sp.Symbol("t") < 1.1)), (0, True))
    net = sd.ReactionNetwork([sd.Reaction({}, {"X": 1}, pulse)])
    data = run(net, [0, 3], {"X": 0}, trajectories=2000)
    assert_moments(data.X.values[:, 1], 50, 50, bias=2e-3, bias_variance=0.02)


def test_a_full_propensity_is_leapt_over_as_carefully_as_mass_action():
    """The same process written both ways takes the same leaps but for rounding."""
    mass = sd.ReactionNetwork.from_text("2 X -> 0, k; 0 -> X, c", parameters={"k": 1e-3, "c": 1000})
    full = sd.ReactionNetwork.from_text("2 X => 0, k*X*(X - 1); 0 => X, c", parameters={"k": 1e-3, "c": 1000})
    one, two = (run(net, [0, 1], {"X": 3000}, trajectories=200) for net in (mass, full))
    assert abs(one.X.values[:, 1].mean() - two.X.values[:, 1].mean()) < 4.5 * np.sqrt(2 * one.X.values[:, 1].var() / 200)
    assert abs(one.steps.mean() / two.steps.mean() - 1) < 0.02


def test_fast_isomerisation_with_a_slow_exit():
    """Each molecule is a chain A <-> B -> C of its own: numbers are multinomial, by the exponential of the rates."""
    net = sd.ReactionNetwork.from_text("A <-> B, f, 2*f; B -> C, 0.3", parameters={"f": 5000})
    data = run(net, [0, 1, 2], {"A": 10_000, "B": 5000, "C": 0}, method="tau-implicit", trajectories=600)
    rates = np.array([[-5000, 5000, 0], [10_000, -10_000.3, 0.3], [0, 0, 0]])
    for t in (1, 2):
        flow = scipy.linalg.expm(rates * t)
        for k, name in enumerate("ABC"):
            p, q = flow[0, k], flow[1, k]
            mean, variance = 10_000 * p + 5000 * q, 10_000 * p * (1 - p) + 5000 * q * (1 - q)
            assert_moments(data[name].sel(time=t).values, mean, variance, bias=1e-3, bias_variance=0.05)
    # an event takes 1e-8, an explicit leap some 1e-6 of time
    assert data.steps.mean() < 100_000


def test_stiff_decaying_dimerisation():
    """The stiff set of Cao, Gillespie & Petzold (2007) against exact events: a hundredth of the steps, the same moments."""
    initial = {"S1": 400, "S2": 798, "S3": 0}
    exact = run(DIMERS, [0, 0.2], initial, method="ssa", trajectories=2000)
    leaps = run(DIMERS, [0, 0.2], initial, method="tau-implicit", trajectories=2000)
    assert leaps.steps.mean() < exact.steps.mean() / 100
    for name in ("S1", "S2", "S3"):
        reference = exact[name].values[:, 1]
        assert_moments(leaps[name].values[:, 1], reference.mean(), reference.var(), bias=1e-3, bias_variance=0.05, z=6.0)


def test_orders_are_those_of_cao_gillespie_and_petzold():
    """2 + 1/(x-1) for two molecules of a kind, 3 + 1/(x-1) + 2/(x-2) for three, their sum over the reactants."""
    x, y = sp.symbols("X Y")
    net = sd.ReactionNetwork.from_text("2 X -> 0, 1; 3 X -> 0, 1; 2 X + Y -> 0, 1; X => 0, 3*X^4/(1 + X^4); 0 -> X, 2")
    at = {x: sp.Integer(7), y: sp.Integer(5)}
    expected = [2 + 1 / 6, 3 + 1 / 6 + 2 / 5, 3 + 1 / 6, 4 / (1 + 7**4), 0]
    program = orders_program(net)
    values: list[float] = []
    order = [at[x], at[y]]
    for op, args, constant in program.operations:
        a = [values[k] for k in args] if op != "input" else []
        if op == "input":
            values.append(float(order[args[1]]))
        elif op == "const":
            values.append(constant)
        else:
            values.append(
                {
                    "add": lambda u, v: u + v, "sub": lambda u, v: u - v, "mul": lambda u, v: u * v, "div": lambda u, v: u / v,
                    "neg": lambda u: -u, "fabs": abs, "fmax": max, "gt": lambda u, v: u > v, "ne": lambda u, v: u != v,
                    "select": lambda c, u, v: u if c else v,
                }[op](*a)
            )  # fmt: skip
    np.testing.assert_allclose([values[k] for k in program.outputs], expected, rtol=1e-12)


def test_pairs_that_undo_each_other():
    net = sd.ReactionNetwork.from_text("A <-> B, 1, 1; A -> B, 2; 0 -> A, 1; B -> 0, 1; A -> 0, 3")
    assert stoichiometry_facts(net)["pair"] == [1, 0, -1, 5, -1, 3]


@pytest.mark.parametrize("method", ["tau", "tau-implicit"])
def test_same_bits_whatever_the_layout(method):
    net = DIMERS if method == "tau-implicit" else BRUSSELATOR
    initial = {"S1": 400, "S2": 798, "S3": 0} if method == "tau-implicit" else {"X": 1000, "Y": 1000}
    name = "S1" if method == "tau-implicit" else "X"
    runs = [
        run(net, [0, 0.05, 0.1], initial, method=method, trajectories=10, layout=sd.Layout(**layout))[name].values.tobytes()
        for layout in ({}, {"threads": 2}, {"chunk": 3}, {"lanes": 8}, {"lanes": 1})
    ]
    assert len(set(runs)) == 1


def test_failures_are_told():
    net = sd.ReactionNetwork.from_text("X => 0, X - 5.5; 0 -> Y, 1")
    with pytest.raises(sd.SimulationError, match="negative"):
        run(net, [0, 100], {"X": 20, "Y": 0}, trajectories=2)
    with pytest.raises(sd.SimulationError, match="max_steps"):
        run(BRUSSELATOR, [0, 10], {"X": 10, "Y": 10}, trajectories=2, own={"max_steps": 100})
    with pytest.raises(sd.DeclarationError, match="step has no effect on 'tau'; it belongs to align, etdrk4, euler"):
        run(BRUSSELATOR, [0, 1], {"X": 10, "Y": 10}, step=0.1)
    with pytest.raises(sd.CompileError, match="takes systems of reactions; this ODESystem"):
        sd.simulate(sd.ODESystem({sp.Symbol("x"): 1}), [0, 1], initial={"x": 0}, method="tau")


@pytest.mark.parametrize("method", ["tau", "tau-implicit"])
def test_leaps_end_at_doses(method):
    """Molecules of each dose are there still with probability exp(-g t), each on its own; a dose at the last time counts."""
    X = sp.Symbol("X")
    net = sd.ReactionNetwork.from_text("X -> 0, g; g = 0.1", events=sd.dose(X, 5000, every=10, times=3, start=5))
    times = np.array([0, 5, 14, 25, 50])
    data = run(net, times, {"X": 1000}, method=method)
    given = [(0, 1000), (5, 5000), (15, 5000), (25, 5000)]
    for q, t in enumerate(times[1:], 1):
        left = [(n, np.exp(-0.1 * (t - at))) for at, n in given if at <= t]
        mean, variance = sum(n * p for n, p in left), sum(n * p * (1 - p) for n, p in left)
        assert_moments(data.X[:, q].values, mean, variance, bias=2e-4, bias_variance=0.03)
    assert (data.fired == 3).all()
    assert data.fired_at[0, 0, :3].values.tolist() == [5, 15, 25]
    assert data.leaps.mean() < 500  # of 16,000 molecules
    last = run(net, [0, 5], {"X": 1000}, method=method, trajectories=3, until="X >= 5000")
    assert last.first_passage.values.tolist() == [5, 5, 5]
    assert (last.X[:, -1] > 5000).all()
    part = run(net, times, {"X": 1000}, method=method, trajectories=2)
    np.testing.assert_array_equal(part.X, data.X[:2])


def test_conditions_of_events_are_looked_at_after_leaps():
    """The n-th time at which 1000 molecules are there has a Gamma distribution; what waits acts after its delay."""
    X, Y = sp.symbols("X Y")
    waste = sd.Event(X >= 1000, {X: 0, Y: Y + 1}, delay=1, persistent=True)
    for events, period in ((sd.Event(X >= 1000, {X: 0, Y: Y + 1}), 2.0), (waste, 3.0)):
        net = sd.ReactionNetwork.from_text("0 -> X, 500; 0 -> Y, 1e-9", events=events)
        data = run(net, [0, 31], {"X": 0, "Y": 0}, trajectories=300)
        assert (data.fired[:, 0] == data.Y[:, -1]).all()
        tenth = data.fired_at[:, 0, 9].values
        assert_moments(tenth, 10 * period, 10 * 1000 / 500**2, bias=1e-3)
        assert (data.X[:, -1] <= (1000 if period == 2.0 else 1700)).all()
    net = sd.ReactionNetwork.from_text("0 -> X, 500; when X > 10, X = -1")
    with pytest.raises(sd.SimulationError, match="negative"):
        run(net, [0, 5], {"X": 0}, trajectories=2)
    assert "def turn(" in sd.compile(net, method="tau", target="cuda").source


def test_propensities_with_exponential_functions_are_leapt_over():
    """Many molecules follow x' = -x exp(-x/1000) in the mean."""
    net = sd.ReactionNetwork.from_text("A => 0, A*exp(-A/1000)")
    found = run(net, [0, 1], {"A": 1000}, trajectories=400).A[:, -1]
    x = sp.Symbol("x")
    exact = sd.simulate(sd.ODESystem({x: -x * sp.exp(-x / 1000)}), [0, 1], initial=[1000.0], progress=False).x[-1]
    assert float(found.mean()) == pytest.approx(float(exact), rel=0.01)
