"""Maps: unknown terms found again in noisy populations, and parameters fitted where runs are chaotic."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import least_squares

import symdyn as sd
from symdyn.discover.evidence import errors
from symdyn.discover.learned import formula_terms
from symdyn.discover.options import RecoverOptions
from symdyn.discover.surrogates.registry import SURROGATES
from symdyn.inference.constants import natural_size
from symdyn.inference.data import observations

N, x, y, L, P, A, r, K, a, b, h, k, t = sp.symbols("N x y L P A r K a b h k t")
f, g = sp.symbols("f g", cls=sp.Function)
RICKER = sd.DiscreteSystem({N: N * sp.exp(r * (1 - N / K))})
BEETLES = sd.DiscreteSystem({L: A * f(L, A), P: 0.7945 * L, A: P * sp.exp(-0.0047 * A) + 0.992371 * A})
SHAPES = [1, L, A, L * A, L**2, A**2, 1 / (1 + h * L), 1 / (1 + h * A), sp.exp(-h * L), sp.exp(-h * A)]
SHAPES += [1 / (1 + h * L + k * A), sp.exp(-h * L - k * A)]


def table(system, steps, initial, *, noise=0.0, seed=0, parameters=None):
    """States at 0, 1, ..., each value times 1 + noise."""
    run = sd.simulate(system, np.arange(steps + 1.0), initial=initial, parameters=parameters, progress=False)
    random = np.random.RandomState(seed)
    values = {s: run[s].values.ravel() * (1 + noise * random.randn(steps + 1)) for s in system.names}
    return {"t": np.arange(steps + 1.0), **values}


def beetles(noise, seed):
    truth = BEETLES.with_terms({f(L, A): 6.598 * sp.exp(-0.01209 * L - 0.01155 * A)})
    return table(truth, 30, {L: 250, P: 5, A: 100}, noise=noise, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_cannibalism_of_flour_beetles_is_found(seed):
    # larvae per adult, 6.598 exp(-0.01209 L - 0.01155 A), among polynomials and hyperbolas (Costantino et al. 1997)
    found = sd.recover(BEETLES, beetles(0.02, seed), library=SHAPES, surrogate=None, progress=False)
    assert found.terms[f].as_coeff_Mul()[1].func == sp.exp
    known = found.intervals.set_index("constant")
    for name, value in (("f_1", 6.598), ("h", 0.01209), ("k", 0.01155)):
        assert abs(known.loc[name, "value"] - value) < 4 * known.loc[name, "standard error"]
    assert isinstance(found.system, sd.DiscreteSystem)
    assert found.table["rms"][0] < 0.03
    run = sd.simulate(found.system, np.arange(31), **found.sample(20), progress=False)
    assert run.L.shape == (20, 31)


def test_the_default_surrogate_of_a_map_lets_a_regressor_propose():
    pytest.importorskip("sklearn", reason="regressors need the extra 'discover'")
    library = [sp.S.One, L, A]  # the shape itself is not in it
    data = beetles(0.0, 0)
    sparse = sd.recover(BEETLES, data, library=library, regressor=None, progress=False)
    samples = sparse.surrogate.terms[f(L, A)]
    exact = 6.598 * np.exp(-0.01209 * samples.arguments[:, 0] - 0.01155 * samples.arguments[:, 1])
    np.testing.assert_allclose(samples.values, exact, rtol=1e-9)
    assert len(exact) == 30
    assert samples.weights == pytest.approx(data["A"][:-1] ** 2 / np.mean(data["A"][:-1] ** 2))  # f stands beside A


def test_leslie_and_gowers_competition_is_found():
    # x[t+1] = 2.2 x / (1 + 0.004 x + 0.002 y); the other species is known
    system = sd.DiscreteSystem({x: x * f(x, y), y: 2.4 * y / (1 + 0.003 * x + 0.006 * y)})
    truth = system.with_terms({f(x, y): 2.2 / (1 + 0.004 * x + 0.002 * y)})
    shapes = [1, x, y, x * y, x**2, y**2, 1 / (1 + h * x), 1 / (1 + h * y), sp.exp(-h * x), sp.exp(-h * x - k * y)]
    for seed in range(4):
        runs = [table(truth, 15, start, noise=0.02, seed=seed) for start in ({x: 5, y: 60}, {x: 1500, y: 800})]
        found = sd.recover(system, runs, library=[*shapes, 1 / (1 + h * x + k * y)], surrogate=None, progress=False)
        load = sp.expand(1 / found.terms[f].as_coeff_Mul()[1])
        assert set(load.as_coefficients_dict()) == {sp.S.One, x, y}
        known = found.intervals.set_index("constant")
        for name, value in (("f_1", 2.2), ("h", 0.004), ("k", 0.002)):
            assert abs(known.loc[name, "value"] - value) < 4 * known.loc[name, "standard error"]


@pytest.mark.parametrize("seed", range(2))
def test_density_dependence_is_found_in_chaos(seed):
    # exp(3 (1 - N)): windows stay short, because long runs forget where they began
    system = sd.DiscreteSystem({N: N * f(N)})
    data = table(RICKER, 50, {N: 0.3}, noise=0.02, seed=seed, parameters={r: 3.0, K: 1.0})
    shapes = [1, N, N**2, N**3, 1 / (1 + h * N), sp.exp(-h * N)]
    found = sd.recover(system, data, library=shapes, surrogate=None, progress=False)
    assert found.terms[f].as_coeff_Mul()[1].func == sp.exp
    known = found.intervals.set_index("constant")["value"]
    assert known["f_1"] == pytest.approx(np.exp(3), rel=0.02)
    assert known["h"] == pytest.approx(3, rel=0.01)
    assert "windows" in found.warnings[0]


def test_a_matrix_model_stays_one():
    from symdyn.models.matrix import MatrixModel

    young, old = sp.symbols("young old")
    model = MatrixModel([[0, f(old)], [sp.Rational(1, 2), sp.Rational(3, 10)]], [young, old])
    truth = model.with_terms({f(old): 6 * sp.exp(-old / 40)})
    data = table(truth, 25, {young: 10, old: 5}, noise=0.01)
    found = sd.recover(model, data, library=[1, old, 1 / (1 + h * old), sp.exp(-h * old)], surrogate=None, progress=False)
    assert isinstance(found.system, MatrixModel)
    assert found.system.matrix[0, 1].func == sp.Mul
    assert float(found.terms[f].subs(old, 40)) == pytest.approx(6 * np.exp(-1), rel=0.03)
    declared = MatrixModel([[0, a * sp.exp(-old / K)], [sp.Rational(1, 2), b]], [young, old], clamped=True)
    fit = sd.fit(declared, data, parameters={a: (1, 20), K: (5, 500), b: (0, 1)})
    assert isinstance(fit.system, MatrixModel)
    assert fit.system.defaults == pytest.approx({a: 6, K: 40, b: 0.3}, rel=0.05)


def test_two_unknown_terms_share_a_function():
    # the same loss f in both equations, at other arguments
    system = sd.DiscreteSystem({x: 1.5 * x - f(x), y: 1.4 * y - f(y)})
    data = table(system.with_terms({f(x): x**2 / 2}), 25, {x: 0.2, y: 0.9}, noise=0.002)
    found = sd.recover(system, data, library=3, surrogate=None, progress=False)
    assert found.terms[f].as_coeff_Mul()[1] == x**2
    fit = SURROGATES["inversion"]().fit(system, observations(system, data))
    assert len(fit.terms[f(x)].values) == 50


def test_parameters_that_the_equations_tell_are_learned_by_the_inversion():
    system = sd.DiscreteSystem({x: y * f(x), y: a * x + b * y})
    data = table(system.with_terms({f(x): 3 / (1 + x)}), 20, {x: 1, y: 1}, parameters={a: 0.4, b: 0.3})
    fit = SURROGATES["inversion"]().fit(system, observations(system, data))
    assert fit.parameters == pytest.approx({a: 0.4, b: 0.3})
    found = sd.recover(system, data, library=[1, x, 1 / (1 + h * x)], regressor=None, progress=False)
    assert found.system.defaults[a] == pytest.approx(0.4, rel=1e-5)
    assert float(found.terms[f].subs(x, 1)) == pytest.approx(1.5, rel=1e-5)


def test_a_parameter_that_is_zero_is_told_like_others():
    system = sd.DiscreteSystem({x: y * f(x) + b * x, y: a * x + b + y / 2})
    data = table(system.with_terms({f(x): 3 / (1 + x)}), 20, {x: 1, y: 1}, parameters={a: 0.4, b: 0.0})
    fit = SURROGATES["inversion"]().fit(system, observations(system, data))
    assert fit.parameters == pytest.approx({a: 0.4, b: 0.0}, abs=1e-7)
    samples = fit.terms[f(x)]
    np.testing.assert_allclose(samples.values, 3 / (1 + samples.arguments[:, 0]), rtol=1e-6)


def test_given_noise_weighs_the_equations_of_the_inversion():
    # the same value seen twice: 1 with deviation 1 and 2 with deviation 1/2 have the mean (1 + 4 * 2)/5
    system = sd.DiscreteSystem({x: f(x), y: f(x)})
    data = {"t": np.arange(12), "x": np.full(12, 1.0), "y": np.full(12, 2.0)}
    options = RecoverOptions(noise={x: 1.0, y: 0.5})
    found = sd.recover(system, data, library=1, regressor=None, options=options, progress=False)
    np.testing.assert_allclose(found.surrogate.terms[f(x)].values, 9 / 5, rtol=1e-9)


def test_where_the_inversion_turns_out_impossible_recovery_goes_without():
    # the unknown term stands beside a state that is always zero
    system = sd.DiscreteSystem({x: x + y * f(x), y: y / 2})
    data = {"t": np.arange(15), "x": 1 + 0.01 * np.random.RandomState(0).randn(15), "y": np.zeros(15)}
    found = sd.recover(system, data, library=1, progress=False)
    assert found.surrogate is None
    assert "went without the surrogate 'inversion': nowhere on the data f(x)" in found.warnings[0]
    growing = table(sd.DiscreteSystem({N: 1.5 * N}), 12, {N: 1.0})
    found = sd.recover(sd.DiscreteSystem({N: f(N)}), growing, library=1, signs={f: -1}, progress=False)
    assert "no value of f(N) that the data tell has the sign -1" in found.warnings[0]


def test_terms_with_a_pole_among_the_data_are_not_proposed():
    within = np.linspace(0.1, 2.1, 9)[:, None]
    poles = [1.5 * N / (7.1 - 3.5 * N), 1 / (N - 1.0) ** 2, sp.exp(1 / (0.5 - N)), 1 / (9.0 - 1.2 * N)]
    sound = [1.5 * N / (7.1 + 3.5 * N), 2.0 / N, sp.exp(-0.7 * N), N**2 / (0.3 + N**2)]
    for pole in poles:
        assert formula_terms(f(N), [pole], [], set(), within) == []
    for term in sound:
        assert formula_terms(f(N), [term], [], set(), within) != []
    assert formula_terms(f(N), [1.0 / N], [], set(), within - 1) == []


def test_an_added_term_is_clamped_with_the_numbers():
    from symdyn.models.matrix import MatrixModel

    young, old = sp.symbols("young old")
    model = MatrixModel([[0, 2], [sp.Rational(1, 2), sp.Rational(3, 10)]], [young, old])
    # 2 old - 0.9 old**2 would be negative beyond 2.22
    truth = sd.DiscreteSystem({young: sp.Max(0, 2 * old - sp.Rational(9, 10) * old**2), old: young / 2 + 0.3 * old})
    data = table(truth, 20, {young: 3, old: 2.0})
    found = sd.recover(model.clamp(), data, unknown=["young"], library=[old, old**2], surrogate=None, progress=False)
    (term,) = found.terms.values()
    assert term.as_coeff_Mul()[1] == old**2
    assert float(term.coeff(old, 2)) == pytest.approx(-0.9, rel=1e-4)
    assert type(found.system) is sd.DiscreteSystem
    run = sd.simulate(found.system, np.arange(3), initial={young: 3, old: 5}, progress=False)
    assert run.young.values.ravel()[1] == 0  # 10 - 22.5 without the clamp
    bare = sd.recover(model, table(model, 12, {young: 3, old: 2}), unknown=["young"], library=1, surrogate=None, progress=False)
    assert not bare.system.map[0].has(sp.Max)


def test_what_cannot_be_solved_for_goes_without_a_surrogate():
    system = sd.DiscreteSystem({N: N * sp.exp(f(N))})
    data = table(system.with_terms({f(N): 1 - N / 2}), 15, {N: 0.1})
    found = sd.recover(system, data, library=2, progress=False)
    assert found.surrogate is None
    assert found.terms[f].coeff(N) == pytest.approx(-0.5, rel=1e-4)


# ---- fitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_chaotic_map_is_fitted_by_multiple_shooting_where_single_shooting_fails(seed):
    # r = 3 is chaotic; 60 counts with 5 % noise
    data = table(RICKER, 60, {N: 0.3}, noise=0.05, seed=seed, parameters={r: 3.0, K: 1.0})
    fit = sd.fit(RICKER, data, seed=seed)
    known = fit.intervals.set_index("constant")
    assert known.loc["r", "value"] == pytest.approx(3.0, abs=0.1)
    assert known.loc["K", "value"] == pytest.approx(1.0, abs=0.05)
    assert fit.windows > 1

    def residuals(p):
        run = sd.simulate(RICKER, data["t"], initial={N: p[2]}, parameters={r: p[0], K: p[1]}, on_failure="nan", progress=False)
        return np.nan_to_num(run.N.values.ravel() - data["N"], nan=1e3)

    single = least_squares(residuals, [2.5, 1.2, data["N"][0]], max_nfev=60)
    assert abs(single.x[0] - 3.0) > 0.1  # trapped, although it begins close by
    assert np.sqrt(np.mean(single.fun**2)) > 5 * fit.noise["N"]


def test_exact_data_give_exact_parameters_from_nothing():
    data = table(RICKER, 20, {N: 0.1}, parameters={r: 2.3, K: 40.0})
    fit = sd.fit(RICKER, data)
    assert fit.system.defaults == pytest.approx({r: 2.3, K: 40.0}, rel=1e-6)
    assert fit.windows == 1
    assert errors(fit.system, data)["relative"].max() < 1e-5


def test_gaps_and_missing_values_are_stepped_over():
    data = table(RICKER, 30, {N: 0.1}, parameters={r: 1.6, K: 40.0})
    kept = np.array([0, 1, 4, 5, 8, 9, 10, 15, 16, 20, 21, 22, 27, 30])
    sparse = {"t": data["t"][kept] + 3, "N": data["N"][kept].copy()}
    sparse["N"][5] = np.nan
    fit = sd.fit(RICKER, sparse, parameters={r: (0, 3), K: (1, 200)})
    assert fit.system.defaults == pytest.approx({r: 1.6, K: 40.0}, rel=1e-5)
    table_ = errors(fit.system, sparse)
    assert table_["relative"].max() < 1e-5
    assert table_["points"].tolist() == [11, 13]


def test_the_clock_of_a_map_goes_on_in_every_window():
    # seasonal births: x[t+1] = a x (1 + b cos(pi t / 2))
    system = sd.DiscreteSystem({x: a * x * (1 + b * sp.cos(sp.pi * t / 2))})
    values = [1.0]
    for i in range(5, 25):
        values.append(0.98 * values[-1] * (1 + 0.4 * np.cos(np.pi * i / 2)))
    fit = sd.fit(system, {"t": np.arange(5, 26), "x": values}, parameters={b: (0, 1), a: (0, 2)})
    assert fit.system.defaults == pytest.approx({a: 0.98, b: 0.4}, rel=1e-6)


def test_bounds_hold_and_known_beginnings_stay():
    data = table(RICKER, 20, {N: 2.0}, noise=0.01, parameters={r: 1.2, K: 40.0})
    data["N"][0] = 3.0
    free, held = (sd.fit(RICKER, data, parameters=b, windows=1) for b in ({}, {N: (2, 2), r: (0, 1.1)}))
    assert held.starts[0, 0] == 2.0
    assert held.system.defaults[r] <= 1.1
    assert (free.count, held.count) == (3, 2)
    assert list(held.intervals["constant"]) == ["K", "r"]
    exact = table(RICKER, 20, {N: 2.0}, parameters={r: 1.2, K: 40.0})
    again = sd.fit(RICKER, {**exact, "N": np.where(exact["t"] == 0, 3.0, exact["N"])}, parameters={N: (2, 2)})
    assert again.system.defaults == pytest.approx({r: 1.2, K: 40.0}, rel=1e-6)


def test_given_noise_weighs_the_states():
    # two values of one constant: the state that is known better decides
    system = sd.DiscreteSystem({x: a + 0 * x, y: a + 0 * y})
    data = {"t": np.arange(12), "x": np.full(12, 1.0), "y": np.full(12, 2.0)}
    fit = sd.fit(system, data, noise={x: 1.0, y: 0.5}, windows=1)
    assert fit.system.defaults[a] == pytest.approx((1 * 1.0 + 4 * 2.0) / 5)


def test_a_hidden_stage_does_not_trap_the_fit():
    # larvae and adults of flour beetles without the pupae: windows with beginnings of their own follow wrong parameters
    names = b, k, h, r = sp.symbols("b cel cea cpa")
    system = sd.DiscreteSystem({L: b * A * sp.exp(-k * L - h * A), P: 0.7945 * L, A: P * sp.exp(-r * A) + 0.992371 * A})
    truth = {b: 6.598, k: 0.01209, h: 0.01155, r: 0.0047}
    bounds = {b: (0, 50), **dict.fromkeys(names[1:], (0, 1))}
    exact = table(system, 38, {L: 250, P: 5, A: 100}, parameters=truth)
    del exact["P"]
    assert sd.fit(system, exact, parameters=bounds).system.defaults == pytest.approx(truth, rel=1e-5)
    for seed in (2, 6):
        rough = table(system, 38, {L: 250, P: 5, A: 100}, noise=0.03, seed=seed, parameters=truth)
        del rough["P"]
        fit = sd.fit(system, rough, parameters=bounds)
        assert fit.windows == 1
        assert fit.system.defaults == pytest.approx(truth, rel=0.25)
    adults = sd.fit(system, {"t": exact["t"], "A": exact["A"]}, parameters=bounds)
    assert adults.noise["A"] < 0.1 * np.std(exact["A"])


def test_as_many_windows_as_are_asked_for():
    data = table(RICKER, 20, {N: 0.1}, noise=0.01, parameters={r: 1.5, K: 2.0})
    assert [sd.fit(RICKER, data, windows=w).windows for w in (1, 3, 4, 10, 100)] == [1, 3, 4, 10, 10]


def test_a_late_first_time_costs_no_more_than_its_digits():
    data = table(RICKER, 20, {N: 0.1}, parameters={r: 1.5, K: 2.0})
    for first in (1900.5, 2451545.0, 1e9):
        fit = sd.fit(RICKER, {**data, "t": data["t"] + first})
        assert fit.system.defaults == pytest.approx({r: 1.5, K: 2.0}, rel=1e-5)


def test_the_plot_of_a_map_has_a_point_a_step():
    import matplotlib

    matplotlib.use("Agg")
    system = sd.DiscreteSystem({N: N * f(N)})
    data = table(system.with_terms({f(N): 2 - N / 10}), 15, {N: 0.5}, noise=0.01)
    figure = sd.recover(system, data, library=2, progress=False, heldout=0.2, surrogate=None).plot()
    lines = {line.get_label(): line.get_xdata() for line in figure.axes[0].get_lines()}
    assert lines["fit"].tolist() == list(range(13))


def test_natural_sizes_of_constants():
    sizes = {N: 200.0, A: 10.0, t: 5.0}
    assert natural_size(1 / (1 + h * N + k * A), h, sizes) == pytest.approx(1 / 200)
    assert natural_size(sp.exp(-h * N - k * A), k, sizes) == pytest.approx(0.1)
    assert natural_size(N / (h**2 + N), h, sizes) is None
    assert natural_size(A * N / (A + h * N), h, sizes) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: sd.fit(RICKER, {"t": [0, 1, 2.5], "N": [1, 2, 3]}), "whole steps apart, but the time 2.5 is 2.5"),
        (lambda d: sd.recover(sd.DiscreteSystem({N: f(N)}), d, surrogate="pinn", progress=False), "for a map leave surrogate="),
        (lambda d: sd.recover(RICKER, d, progress=False), "no unknown term"),
        (
            lambda d: sd.recover(sd.DiscreteSystem({N: N * sp.exp(f(N))}), d, surrogate="inversion", progress=False),
            r"f\(N\) enters nonlinearly; go without",
        ),
        (
            lambda d: sd.recover(sd.DiscreteSystem({N: f(N) + g(N)}), d, surrogate="inversion", progress=False),
            "2 unknown values stand in 1 equations",
        ),
        (
            lambda d: sd.recover(sd.DiscreteSystem({N: f(g(N))}), d, surrogate="inversion", progress=False),
            "an argument of another",
        ),
        (
            lambda d: SURROGATES["inversion"]().fit(
                (s := sd.DiscreteSystem({N: f(N)})), observations(s, {"t": [0, 2, 4], "N": [1, 2, 3]})
            ),
            "no two observations of all states are one step apart",
        ),
        (
            lambda d: SURROGATES["inversion"](signs={"f": -1}).fit(s := sd.DiscreteSystem({N: f(N)}), observations(s, d)),
            r"no value of f\(N\) that the data tell has the sign -1",
        ),
        (lambda d: SURROGATES["inversion"](singular=2), "the option singular of the surrogate 'inversion' is 2"),
        (
            lambda d: SURROGATES["inversion"]().fit(
                s := sd.DiscreteSystem({x: x + y * f(x), y: y}), observations(s, {"t": d["t"], "x": d["N"], "y": 0 * d["N"]})
            ),
            r"nowhere on the data f\(x\) can be told",
        ),
        (lambda d: sd.recover(sd.DiscreteSystem({N: f(g(N))}), d, progress=False), r"g\(N\) is an argument of another, f\(g"),
        (
            lambda d: sd.recover(sd.DiscreteSystem({N: f(N)}), d, library=[1, sp.exp(-sp.Symbol("dWh") * N)], progress=False),
            "the constant dWh of the library term .* is named like a random number of a map; rename it",
        ),
        (
            lambda d: sd.recover(sd.DiscreteSystem({N: N * sp.Function("dW")(N)}), d, progress=False),
            "the unknown function dW is named like a random number of a map; rename it",
        ),
        (
            lambda d: sd.fit(sd.DiscreteSystem({N: r * N}, observables={"z": K * N}), d),
            "the parameter K does not enter the equations of the states",
        ),
        (
            lambda d: sd.fit(sd.MatrixModel([[r]], [N], fecundity=[[K]]), d),
            "the parameter K does not enter the equations of the states",
        ),
        (
            lambda d: sd.recover(sd.DiscreteSystem({N: N * f(N, K)}), d, library=[1, N], surrogate=None, progress=False),
            "the parameter K does not enter the equations of the states",
        ),
        (lambda d: sd.fit(RICKER, {k: v[:5] for k, v in d.items()}), "5 data cannot tell 2 parameters and 1 initial"),
        (lambda d: sd.fit(RICKER, {k: v[:4] for k, v in d.items()}), "4 data cannot tell 2 parameters and 1 initial"),
        (lambda d: sd.fit(RICKER, {k: v[:3] for k, v in d.items()}), "3 data cannot tell 2 parameters and 1 initial"),
        (
            lambda d: sd.fit(sd.DiscreteSystem({N: a * N + x, x: b * x}), {k: v[:9] for k, v in d.items()}, windows=4),
            "9 data cannot tell 2 parameters and 8 initial values; .* fewer windows",
        ),
        (lambda d: sd.fit(sd.DiscreteSystem({N: a * sp.log(-1 - N**2)}), d), "no simulation of the system follows"),
        (
            lambda d: sd.fit(RICKER, {**d, "t": 1e6 + d["t"] + 0.4 * (d["t"] == 3)}),
            "whole steps apart, but the time 1000003.4 is 3.4 after",
        ),
        (lambda d: sd.fit(RICKER, {"t": [0, 1, 1 + 4e-7], "N": [1, 2, 3]}), "1 and 1.0000004 are in the same step"),
        (
            lambda d: errors(sd.DiscreteSystem({N: 1.1 * N * sp.exp(sp.Symbol("dW"))}, initial={N: 1}), d),
            "errors needs a map without random numbers",
        ),
        (lambda d: errors(sd.SDESystem({N: N / 10}, {N: 1}, initial={N: 1}), d), "errors needs an ODESystem or a Discrete"),
        (lambda d: sd.fit(RICKER, d, windows=0), "windows is 0; expected a number"),
        (lambda d: sd.fit(RICKER, d, noise={N: 0}), "the noise of N is 0"),
        (lambda d: sd.fit(RICKER, d, parameters={r: (1, 1)}), "first must be below the second"),
        (
            lambda d: sd.fit(sd.DiscreteSystem({N: r * N * sp.Symbol("dW")}), d),
            "fitting needs a map without random numbers, this one draws dW",
        ),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(sd.RecoveryError, match=message):
        call(table(RICKER, 10, {N: 0.5}, parameters={r: 1.0, K: 1.0}))
