"""Regressors: from samples to formulas, from trajectories to systems."""

from __future__ import annotations

import itertools
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.errors import RecoveryError

pytest.importorskip("sklearn", reason="needs scikit-learn")

from symdyn.discover.regressors._criterion import effective_size, neighbours
from symdyn.discover.regressors._formula import evaluate, refit
from symdyn.discover.regressors.operon import OperonRegression
from symdyn.discover.regressors.sparse import Conserved, SparseRegression
from symdyn.discover.regressors.subsets import Reduced, Shrinking, eliminated, searched, stepwise

x, y, z = sp.symbols("x y z")
HAS_OPERON = find_spec("pyoperon") is not None


@pytest.fixture
def samples():
    rng = np.random.default_rng(1)
    points = rng.uniform(0.5, 3, (150, 2))
    return points, rng


def test_sparse_finds_support_and_coefficients_under_noise(samples):
    points, rng = samples
    a, b = points.T
    values = 2 - 0.5 * a**2 + 3 * a * b
    found = SparseRegression(names=(x, y)).fit(points, values + rng.normal(0, 0.05, len(a)))
    assert set(sp.Poly(found.expression_, x, y).monoms()) == {(0, 0), (2, 0), (1, 1)}
    np.testing.assert_allclose(found.predict(points), values, atol=0.05)
    exact = SparseRegression(names=(x, y)).fit(points, values)
    assert float(exact.expression_.coeff(x * y)) == pytest.approx(3, rel=1e-9)
    assert exact.expressions_[0].loss < 1e-20


def test_weights_of_zero_leave_samples_out(samples):
    points, _ = samples
    values = points[:, 0] * points[:, 1]
    values[::3] = 100.0
    found = SparseRegression(names=(x, y)).fit(points, values, np.arange(len(points)) % 3 != 0)
    assert (found.expression_ - x * y).subs({x: 1.3, y: 0.7}) == pytest.approx(0, abs=1e-9)


def test_a_library_of_own_terms_and_inclusion(samples):
    points, rng = samples
    values = np.sin(points[:, 0]) + rng.normal(0, 0.02, len(points))
    library = [x, y, sp.sin(x), sp.exp(-y)]
    found = SparseRegression(library, names="xy", ensemble=20).fit(points, values)
    assert found.inclusion_[2] == 1
    assert found.inclusion_[3] < 0.5
    with pytest.raises(RecoveryError, match="the library uses z"):
        SparseRegression([z], names="xy").fit(points, values)


def test_exact_search_finds_what_elimination_misses():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 60))
    design = np.stack([a, b, a + b + 0.01 * rng.normal(size=60), rng.normal(size=60)], axis=1)
    subsets = list(searched(Reduced.of(design, a + b), 0.0, 2))
    assert subsets[1] == (2,)
    assert subsets[2] == (0, 1)


def lorenz(t, start=(-8.0, 7.0, 27.0)):
    def rhs(t, u):
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    return solve_ivp(rhs, (t[0], t[-1]), start, t_eval=t, rtol=1e-11, atol=1e-11).y.T


LORENZ = {
    (0, x): -10, (0, y): 10, (1, x): 28, (1, y): -1, (1, x * z): -1, (2, x * y): 1, (2, z): -8 / 3,
}  # fmt: skip


def lorenz_matrix(terms):
    return np.array([[LORENZ.get((i, term), 0.0) for term in terms] for i in range(3)])


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 1e-8), (0.01, 0.01)])
def test_lorenz_from_one_trajectory(noise, tolerance):
    t = np.linspace(0, 10, 1000)
    states = lorenz(t)
    states = states + noise * states.std(axis=0) * np.random.default_rng(0).normal(size=states.shape)
    found = SparseRegression(2, names=(x, y, z)).fit(states, t=t)
    truth = lorenz_matrix(found.terms_)
    np.testing.assert_allclose(found.coef_, truth, rtol=tolerance, atol=1e-9)
    if noise:  # about two of three lie within a standard error, none far outside
        z_scores = (found.coef_ - truth)[truth != 0] / found.errors_[truth != 0]
        assert 0.2 < np.sqrt(np.mean(z_scores**2)) < 2.5
    right_sides = np.stack([[10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c] for a, b, c in states[:5]])
    np.testing.assert_allclose(found.predict(states[:5]), right_sides, rtol=0.05, atol=0.5)


def test_states_that_turn_within_few_data_need_narrow_test_functions():
    """Eight data to a turn of a clockwork of frequency 1, noise of 1 %: windows of fifty data average it away."""
    t = 0.8 * np.arange(400)
    clock = np.stack([np.cos(t), -np.sin(t)], axis=1)
    clock += 0.01 * np.random.default_rng(2).normal(size=clock.shape)
    found = SparseRegression(2, names=(x, y)).fit(clock, t=t)
    expected = [[1.0 if term == y else 0.0 for term in found.terms_], [-1.0 if term == x else 0.0 for term in found.terms_]]
    np.testing.assert_allclose(found.coef_, expected, atol=2e-3)


def test_without_refinement_the_weak_form_stands_alone():
    t = np.linspace(0, 10, 1000)
    found = SparseRegression(2, names=(x, y, z), refine=False, ensemble=5).fit([lorenz(t)], t=[t])
    np.testing.assert_allclose(found.coef_, lorenz_matrix(found.terms_), rtol=1e-4, atol=1e-6)
    assert not hasattr(found, "errors_")
    assert np.all(found.inclusion_[lorenz_matrix(found.terms_) != 0] == 1)


def test_functions_are_integrated_and_other_terms_are_refused():
    """A pendulum with x' = y and y' = -sin(x) - tanh(y)/5."""
    t = np.linspace(0, 12, 200)

    def rhs(t, u):
        return [u[1], -np.sin(u[0]) - np.tanh(u[1]) / 5]

    states = solve_ivp(rhs, (0, 12), [2.5, 0.0], t_eval=t, rtol=1e-11, atol=1e-11).y.T
    found = SparseRegression([x, y, sp.sin(x), sp.tanh(y), x / (1 + x**2)], names=(x, y)).fit(states, t=t)
    np.testing.assert_allclose(found.coef_, [[0, 1, 0, 0, 0], [0, 0, -1, -0.2, 0]], atol=1e-6)
    with pytest.raises(RecoveryError, match=r"the library term sin\(x\*y\) is not a monomial times"):
        SparseRegression([x, y, sp.sin(x * y)], names=(x, y)).fit(states, t=t)


def test_thresholds_find_what_subsets_find(samples):
    points, rng = samples
    values = 2 - 0.5 * points[:, 0] ** 2 + 3 * points[:, 0] * points[:, 1] + rng.normal(0, 0.02, len(points))
    found = SparseRegression(method="stlsq", threshold=0.05, names=(x, y)).fit(points, values)
    assert set(sp.Poly(found.expression_, x, y).monoms()) == {(0, 0), (2, 0), (1, 1)}
    with pytest.raises(RecoveryError, match="unknown method 'stlq'; known: subsets, stlsq"):
        SparseRegression(method="stlq").fit(points, values)
    with pytest.raises(RecoveryError, match="left_out is 1"):
        SparseRegression(left_out=1.0).fit(points, values)


def test_bagging_of_terms_counts_only_samples_with_the_term(samples):
    points, rng = samples
    values = points[:, 0] * points[:, 1] + rng.normal(0, 0.02, len(points))
    found = SparseRegression(2, names=(x, y), ensemble=30, left_out=0.3).fit(points, values)
    place = found.terms_.index(x * y)
    assert found.inclusion_[place] == 1
    again = SparseRegression(2, names=(x, y), ensemble=30, left_out=0.3).fit(points, values)
    np.testing.assert_array_equal(found.inclusion_, again.inclusion_)


def test_columns_may_be_derivatives():
    """Burgers' equation on samples of u, u_x and u_xx that are given as columns."""
    rng = np.random.default_rng(3)
    u, u_x, u_xx = sp.symbols("u u_x u_xx")
    table = rng.normal(size=(200, 3))
    values = -table[:, 0] * table[:, 1] + 0.1 * table[:, 2] + rng.normal(0, 1e-3, 200)
    library = [u, u_x, u_xx, u * u_x, u**2, u**2 * u_x, u * u_xx]
    found = SparseRegression(library, names=("u", "u_x", "u_xx")).fit(table, values)
    assert set(found.expression_.free_symbols) == {u, u_x, u_xx}
    assert len(sp.Add.make_args(found.expression_)) == 2
    assert float(found.expression_.coeff(u * u_x)) == pytest.approx(-1, abs=1e-3)


def test_ties_and_fixed_coefficients_hold_exactly(samples):
    points, rng = samples
    a, b = points.T
    values = 1.5 * a - 1.5 * b + 2 * a * b + rng.normal(0, 0.3, len(a))
    found = SparseRegression(2, names=(x, y), constraints=[({x: 1, y: 1}, 0), (x * y, 2)]).fit(points, values)
    by_term = dict(zip(found.terms_, found.coef_, strict=True))
    assert by_term[x] == pytest.approx(-by_term[y], rel=1e-10)
    assert by_term[x * y] == pytest.approx(2, rel=1e-10)
    assert by_term[x] == pytest.approx(1.5, abs=0.1)


def test_symmetric_terms(samples):
    points, rng = samples
    a, b = points.T
    values = a**2 + b**2 + 0.5 * a * b + rng.normal(0, 0.1, len(a))
    swapped = SparseRegression(3, names=(x, y), symmetry=[{x: y, y: x}]).fit(points, values)
    by_term = dict(zip(swapped.terms_, swapped.coef_, strict=True))
    assert by_term[x**2] == pytest.approx(by_term[y**2], rel=1e-9)
    odd = SparseRegression(3, names=(x, y), symmetry=[({x: -x, y: -y}, -1)]).fit(points - 1.5, (points[:, 0] - 1.5) ** 3)
    assert all(sp.Poly(t, x, y).total_degree() % 2 for t, c in zip(odd.terms_, odd.coef_, strict=True) if c)


def test_lorenz_keeps_energy_and_its_symmetry():
    """The quadratic terms of the Lorenz equations keep x^2 + y^2 + z^2, and (x, y) -> (-x, -y) is a symmetry."""
    t = np.linspace(0, 10, 1000)
    states = lorenz(t) + 0.5 * np.random.default_rng(1).normal(size=(1000, 3))
    options = {"symmetry": [{x: -x, y: -y}], "constraints": [Conserved(x**2 + y**2 + z**2, degree=2)]}
    found = SparseRegression(2, names=(x, y, z), **options).fit(states, t=t)
    quadratic = [t for t in found.terms_ if sp.Poly(t, x, y, z).total_degree() == 2]
    parts = [sum(c * term for c, term in zip(row, found.terms_, strict=True) if term in quadratic) for row in found.coef_]
    gain = sp.Poly(sp.expand(x * parts[0] + y * parts[1] + z * parts[2]), x, y, z)
    assert max((abs(float(c)) for c in gain.coeffs()), default=0.0) < 1e-8
    for i, row in enumerate(found.coef_):
        for c, term in zip(row, found.terms_, strict=True):
            even = term.subs({x: -x, y: -y}, simultaneous=True) == term
            assert c == pytest.approx(0, abs=1e-9) or even == (i == 2)
    by_term = dict(zip(found.terms_, found.coef_[1], strict=True))
    assert by_term[x * z] == pytest.approx(-1, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraints": [(x, sp.sin(x))]}, "names sin.x., which is not in the library"),
        ({"constraints": [(x, 1), (x, 2)]}, "contradict each other"),
        ({"constraints": [x]}, "expected a pair"),
        ({"constraints": [((x, y), 0)]}, "expected a term of the library"),
        ({"constraints": [Conserved(x**2)]}, "needs the whole system"),
        ({"symmetry": [{z: -z}]}, "a symmetry names z"),
        ({"symmetry": ["odd"]}, "expected a mapping of columns"),
    ],
)
def test_constraints_that_cannot_be_say_why(samples, options, message):
    points, _ = samples
    with pytest.raises(RecoveryError, match=message):
        SparseRegression(2, names=(x, y), **options).fit(points, points[:, 0])


def test_single_moves_reach_the_best_subset():
    """Against all subsets of eight correlated columns."""
    rng = np.random.default_rng(5)
    design = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8))
    target = design[:, [1, 4, 6]] @ [1.0, -2.0, 0.5] + 0.3 * rng.normal(size=60)
    gram, right, power = design.T @ design, design.T @ target, target @ target

    def cost(gain, count):
        return power - gain + 0.5 * count

    def worth(subset):
        columns = design[:, list(subset)]
        residual = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0] if subset else target
        return residual @ residual + 0.5 * len(subset)

    every = [s for k in range(9) for s in itertools.combinations(range(8), k)]
    assert tuple(stepwise(gram, right, np.array([0, 2]), cost)) == min(every, key=worth)


def test_unusable_input_says_why(samples):
    points, _ = samples
    with pytest.raises(RecoveryError, match="both y and t"):
        SparseRegression().fit(points, points[:, 0], t=points[:, 0])
    with pytest.raises(RecoveryError, match="both sample_weight and t"):
        SparseRegression().fit(points, sample_weight=points[:, 0], t=points[:, 0])
    with pytest.raises(RecoveryError, match="candidates is 0; expected"):
        SparseRegression(candidates=0).fit(points, points[:, 0])
    for weights in (points[:, 0] - 1, 0 * points[:, 0]):
        with pytest.raises(ValueError, match="sample_weight has negative values or no positive one"):
            SparseRegression().fit(points, points[:, 0], weights)
    with pytest.raises(RecoveryError, match=r"a trajectory has 5 values of x0; .* need 8 or more"):
        SparseRegression().fit(points[:5], t=np.arange(5.0))
    with pytest.raises(RecoveryError, match="3 entries for 2 columns"):
        SparseRegression(names="xyz").fit(points, points[:, 0])


def test_effective_size_of_white_and_smooth_residuals():
    rng = np.random.default_rng(0)
    assert effective_size(rng.normal(size=1000)) > 850
    assert effective_size(np.sin(np.linspace(0, 6, 1000))) == 10
    shuffled = rng.permutation(np.linspace(0, 6, 1000))  # the order of samples does not matter beside their neighbours
    assert effective_size(np.sin(shuffled), neighbours(shuffled[:, None])) == 10


def test_refit_polishes_inner_constants_and_prunes():
    points = np.linspace(0.1, 4, 60)[:, None]
    values = 2 * points[:, 0] / (points[:, 0] + 0.7)
    rough = sp.Float(1.8) * x / (x + sp.Float(0.9)) + sp.Float(1e-3) * x**2
    last = refit(rough, (x,), points, values, np.ones(60))[-1]
    np.testing.assert_allclose(evaluate(last, (x,), points), values, rtol=1e-5)
    assert not last.has(x**2)


@pytest.mark.skipif(not HAS_OPERON, reason="needs pyoperon")
def test_operon_is_deterministic_and_keeps_names(samples):
    points, rng = samples
    values = 1.5 * points[:, 0] * points[:, 1] + rng.normal(0, 0.01, len(points))
    a, b = (OperonRegression(names=(y, z), generations=15, random_state=4).fit(points, values) for _ in range(2))
    assert a.expressions_ == b.expressions_
    number, shape = a.expression_.as_coeff_Mul()
    assert shape == y * z
    assert float(number) == pytest.approx(1.5, rel=0.01)


def test_data_frames_name_the_columns_and_print_shows_the_equations(samples):
    points, _ = samples
    table = pd.DataFrame(points, columns=["prey", "hunter"])
    prey, hunter = sp.symbols("prey hunter")
    term = SparseRegression(2).fit(table, points[:, 0] * points[:, 1])
    assert term.symbols_ == (prey, hunter)
    assert term.expression_.as_coeff_Mul()[1] == prey * hunter
    assert str(term).splitlines()[-1] == f"f(prey, hunter) = {term.expression_}"
    t = np.linspace(0, 6, 120)
    clock = pd.DataFrame({"q": np.cos(t), "p": -np.sin(t)})
    system = SparseRegression(1).fit(clock, t=t)
    assert [line.split(" = ")[0] for line in str(system).splitlines()[-2:]] == ["q'", "p'"]
    np.testing.assert_allclose(system.predict(clock), np.stack([-np.sin(t), -np.cos(t)], axis=1), atol=1e-6)


def test_constraints_hold_as_in_the_equations_of_karush_kuhn_and_tucker():
    """Elimination under equations, against a least-squares solution with multipliers on every support of its path."""
    rng = np.random.default_rng(2)
    design, a, b = rng.normal(size=(40, 6)), np.array([[1.0, 1, 0, 0, 0, 0], [0, 0, 1, -2, 0, 0]]), np.array([0.5, 0.0])
    target = rng.normal(size=40)
    gram, right = design.T @ design, design.T @ target

    def loss(support):
        matrix = np.block([[gram[np.ix_(support, support)], a[:, support].T], [a[:, support], np.zeros((2, 2))]])
        c = np.linalg.lstsq(matrix, np.concatenate([right[support], b]), rcond=None)[0][: len(support)]
        return np.square(target - design[:, support] @ c).sum()

    path = eliminated(Shrinking.under(gram, right, a, b))
    assert [len(columns) for columns, _, _ in path] == sorted({len(columns) for columns, _, _ in path}, reverse=True)
    assert len(path[-1][0]) == 1  # one of the first two is 0.5, and cannot go
    for columns, lost, _ in path:
        assert loss(columns) - loss(np.arange(6)) == pytest.approx(lost, abs=1e-9)


# ---- controls, several trajectories and scores along time --------------------------------------------------------------


def driven(t, start=1.0):
    """x' = -x + 2 sin(2 t), from its closed form."""
    rest = 2 * (np.sin(2 * t) - 2 * np.cos(2 * t)) / 5
    return rest + (start + 4 / 5) * np.exp(-t)


def test_controls_are_columns_without_an_equation():
    t = np.linspace(0, 10, 401)
    u = np.sin(2 * t)
    model = SparseRegression(library=2, names=["x", "u"]).fit(driven(t)[:, None], t=t, u=u)
    assert {str(term) for term, c in zip(model.terms_, model.coef_[0], strict=True) if c} == {"x", "u"}
    np.testing.assert_allclose(model.coef_[0][[1, 2]], [-1, 2], rtol=2e-3)  # the control is linear between the times
    assert model.score(driven(t, 3.0)[:, None], t=t, u=u) > 0.9999
    run = sd.simulate(model.system_, t, progress=False).x
    np.testing.assert_allclose(run, driven(t), atol=5e-3)
    pair = SparseRegression(library=1, names=["x", "u"]).fit([driven(t)[:, None], driven(t, 2.0)[:, None]], t=t, u=[u, u])
    np.testing.assert_allclose(pair.coef_[0], [0, -1, 2], atol=2e-3)
    assert pair.predict([[1.0, 2.0]]).round(2).tolist() == [[3.0]]


def test_one_array_of_times_serves_all_trajectories():
    t = np.linspace(0, 5, 101)
    runs = [a * np.stack([np.cos(t), -np.sin(t)], axis=1) for a in (1, 2, 3)]
    model = SparseRegression(library=1, names=["x", "v"]).fit(runs, t=t)
    np.testing.assert_allclose(model.coef_, [[0, 0, 1], [0, -1, 0]], atol=1e-6)
    assert model.score(runs, t=t) == pytest.approx(1, abs=1e-6)


def test_what_does_not_go_with_times_and_controls():
    t = np.linspace(0, 5, 101)
    X = np.stack([np.cos(t), -np.sin(t)], axis=1)
    with pytest.raises(RecoveryError, match="give t, the times, too"):
        SparseRegression().fit(X, u=t)
    with pytest.raises(RecoveryError, match="got 5 of them for 101 times"):
        SparseRegression().fit(X, t=t, u=t[:5])
    for strange in (1.0, 1j * t, ["on"] * len(t)):
        with pytest.raises(RecoveryError, match="controls are real numbers"):
            SparseRegression().fit(X, t=t, u=strange)
    with pytest.raises(RecoveryError, match="give t"):
        SparseRegression().fit(X, t[: len(X)]).score(X, t[: len(X)], u=t)
    with pytest.raises(RecoveryError, match="2 trajectories have 1 arrays of times; give one of each"):
        SparseRegression().fit([X, X], t=[t])
    with pytest.raises(RecoveryError, match="without controls"):
        SparseRegression(symmetry=[{"x0": -1}]).fit(X, t=t, u=t)
    model = SparseRegression(library=1).fit(X, t=t)
    with pytest.raises(RecoveryError, match="neither y nor weights"):
        model.score(X, X[:, 0], t=t)
    with pytest.raises(RecoveryError, match="neither y nor weights"):
        SparseRegression(library=1).fit(X, X[:, 0]).score(X, t=t)


def test_rates_that_were_measured_belong_to_their_trajectories():
    t = np.linspace(0, 2, 41)
    states, times = [np.exp(-t[:30, None]), 2 * np.exp(-t[:, None])], [t[:30], t]
    model = SparseRegression(library=2).fit(states, t=times)
    assert np.allclose(model.coef_, [[0, -1, 0]], atol=1e-6)
    assert model.errors_.shape == (1, 3)
    model.fit(states, t=times, x_dot=[-2 * states[0], -2 * states[1]])
    alike = [states[0], 2 * states[0]]  # rates of as many times each may be one array
    model.fit(alike, t=t[:30], x_dot=-3 * np.array(alike))
    assert np.allclose(model.coef_, [[0, -3, 0]])
    model.fit(states, t=times, x_dot=[-2 * states[0], -2 * states[1]])
    assert np.allclose(model.coef_, [[0, -2, 0]])
    assert not hasattr(model, "errors_")
    with pytest.raises(RecoveryError, match=r"shape \(41, 1\), \(30, 1\) for states \(30, 1\), \(41, 1\)"):
        model.fit(states, t=times, x_dot=[-states[1], -states[0]])
