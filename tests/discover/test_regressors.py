"""Regressors: from samples to formulas, from trajectories to systems."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from symdyn.errors import RecoveryError

pytest.importorskip("sklearn", reason="needs scikit-learn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from symdyn.discover.regressors._formula import effective_size, evaluate, refit
from symdyn.discover.regressors._subsets import best_subsets
from symdyn.discover.regressors.operon import OperonRegression
from symdyn.discover.regressors.pysr import PySRRegression, read_hall_of_fame
from symdyn.discover.regressors.sparse import SparseRegression

x, y, z = sp.symbols("x y z")
HAS_OPERON = find_spec("pyoperon") is not None
CHECKED = [SparseRegression(library=1)]
if HAS_OPERON:
    CHECKED.append(OperonRegression(population_size=50, generations=3))


def exempt(estimator):
    """Checks that an estimator fails by design, with the reason."""
    copies = "a repeated row is correlated with its neighbour, a doubled weight is not: the criterion tells them apart"
    sparse = isinstance(estimator, SparseRegression)
    return {"check_sample_weight_equivalence_on_dense_data": copies} if sparse else {}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(CHECKED, expected_failed_checks=exempt)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


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
    subsets = best_subsets(design, a + b, threshold=0.0, exact=2)
    assert subsets[1] == (2,)
    assert subsets[2] == (0, 1)


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 1e-6), (0.01, 0.05)])
def test_lorenz_from_one_trajectory(noise, tolerance):
    def rhs(t, u):
        return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    t = np.linspace(0, 10, 1000)
    states = solve_ivp(rhs, (0, 10), [-8, 7, 27], t_eval=t, rtol=1e-10, atol=1e-10).y.T
    states = states + noise * states.std(axis=0) * np.random.default_rng(0).normal(size=states.shape)
    system = SparseRegression(2, names=(x, y, z)).fit(states, t=t).system_
    truth = {x: 10 * (y - x), y: x * (28 - z) - y, z: x * y - sp.Rational(8, 3) * z}
    for state, found in zip(system.states, system.drift, strict=True):
        for monomial in (x, y, z, x * y, x * z, y * z, x**2, y**2, z**2):
            got, expected = (float(sp.Poly(e, x, y, z).coeff_monomial(monomial)) for e in (found, truth[state]))
            assert got == pytest.approx(expected, rel=tolerance, abs=1e-9)


def test_unusable_input_says_why(samples):
    points, _ = samples
    with pytest.raises(RecoveryError, match="both y and t"):
        SparseRegression().fit(points, points[:, 0], t=points[:, 0])
    with pytest.raises(RecoveryError, match="8 or more increasing"):
        SparseRegression().fit(points[:5], t=np.arange(5.0))
    with pytest.raises(RecoveryError, match="3 entries for 2 columns"):
        SparseRegression(names="xyz").fit(points, points[:, 0])


def test_effective_size_of_white_and_smooth_residuals():
    rng = np.random.default_rng(0)
    assert effective_size(rng.normal(size=1000)) > 850
    assert effective_size(np.sin(np.linspace(0, 6, 1000))) == 10


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


def test_hall_of_fame_is_parsed_not_evaluated(tmp_path):
    table = tmp_path / "hall_of_fame.csv"
    table.write_text('Complexity,Loss,Equation\n1,2.0,"x0"\n3,0.1,"0.9 * (x0 * x1)"\n5,0.05,"__import__(\'os\').x"\n')
    assert read_hall_of_fame(table) == [sp.Symbol("x0"), sp.Float(0.9) * sp.Symbol("x0") * sp.Symbol("x1")]
    table.write_text("a,b\n1,2\n")
    with pytest.raises(RecoveryError, match="no column Equation"):
        read_hall_of_fame(table)


@pytest.mark.skipif(find_spec("pysr") is not None, reason="pysr is installed")
def test_missing_pysr_says_how_to_install_it(samples):
    points, _ = samples
    with pytest.raises(RecoveryError, match="pip install pysr"):
        PySRRegression().fit(points, points[:, 0])


@pytest.mark.skipif(find_spec("pysr") is None, reason="needs pysr")
def test_keywords_are_those_of_the_installed_pysr():
    assert find_spec("pysr").origin is not None
    tree = ast.parse((Path(find_spec("pysr").origin).parent / "sr.py").read_text())
    accepted = {
        a.arg
        for c in ast.walk(tree) if isinstance(c, ast.ClassDef) and c.name == "PySRRegressor"
        for f in c.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"
        for a in (*f.args.args, *f.args.kwonlyargs)
    }  # fmt: skip
    assert set(PySRRegression().keywords()) | {"output_directory"} <= accepted
