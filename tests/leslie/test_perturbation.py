"""Derivatives of the growth factor against differences."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.leslie import gallery


def _growth(matrix):
    return np.linalg.eigvals(matrix).real.max()


def _random_matrices():
    rng = np.random.default_rng(3)
    return [rng.uniform(0, 1, (n, n)) for n in (1, 2, 3, 5)]


MATRICES = [*_random_matrices(), np.array(gallery.killer_whale().matrix.tolist(), dtype=float)]


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda m: f"{len(m)}")
def test_sensitivities(matrix):
    h = 1e-5
    n = len(matrix)
    steps = h * np.eye(n * n).reshape(n * n, n, n)
    slopes = np.array([(_growth(matrix + s) - _growth(matrix - s)) / (2 * h) for s in steps]).reshape(n, n)
    model = sd.leslie.from_matrix(matrix)
    np.testing.assert_allclose(model.sensitivities, slopes, atol=1e-8)
    assert model.elasticities.sum() == pytest.approx(1)
    np.testing.assert_allclose(model.elasticities, slopes * matrix / _growth(matrix), atol=1e-8)


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda m: f"{len(m)}")
def test_second_derivatives(matrix):
    h = 1e-5
    model, n = sd.leslie.from_matrix(matrix), len(matrix)
    for i in range(n):
        for j in range(n):
            step = np.zeros((n, n))
            step[i, j] = h
            ahead, behind = (sd.leslie.from_matrix(matrix + s).sensitivities for s in (step, -step))
            np.testing.assert_allclose(model.second_derivatives(i, j), (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)


def test_second_derivatives_of_the_united_states_have_the_sum_over_eigenvalues():
    model = gallery.united_states_1967()
    values, right = np.linalg.eig(np.array(model.matrix.tolist(), dtype=float))
    left = np.linalg.inv(right)
    first = values.real.argmax()
    rest = [m for m in range(10) if m != first]
    s = np.einsum("mi,jm->mij", left, right)
    inverse = sum(s[m] / (values[first] - values[m]) for m in rest)
    i, j = 3, 2
    expected = np.outer(inverse[:, j], s[first][i, :]) + np.outer(s[first][:, j], inverse[i, :])
    np.testing.assert_allclose(model.second_derivatives(i, j), expected.real, atol=1e-10)
    np.testing.assert_array_equal(model.second_derivatives("age_15", "age_10"), model.second_derivatives(i, j))


def test_exact_second_derivatives_are_the_derivatives_of_a_root():
    a, b = sp.symbols("a b", positive=True)
    model = sd.leslie.from_matrix([[0, 4], [sp.Rational(9, 4), 0]])  # the root of a_12 a_21
    found = model.second_derivatives(0, 1)
    growth = sp.sqrt(a * b)
    values = {a: 4, b: sp.Rational(9, 4)}
    assert found[0, 1] == growth.diff(a, a).subs(values)
    assert found[1, 0] == growth.diff(a, b).subs(values)


def test_vital_rates_of_the_emperor_goose():
    goose = gallery.emperor_goose()
    found = goose.vital_rates()
    for p, row in found.iterrows():
        h = 1e-5
        at = [goose.with_parameters({p: row.value + k * h}) for k in (-1, 0, 1)]
        low, middle, high = (_growth(np.array(m.matrix.subs(m.defaults).tolist(), dtype=float)) for m in at)
        assert row.sensitivity == pytest.approx((high - low) / (2 * h), abs=1e-8)
        assert row.elasticity == pytest.approx(row.sensitivity * row.value / middle)
        slopes = [m.vital_rates().sensitivity[p] for m in (at[0], at[2])]
        assert row.second_derivative == pytest.approx((slopes[1] - slopes[0]) / (2 * h), abs=1e-8)
    assert found.elasticity.sum() == pytest.approx(1 + found.elasticity[["f2", "f3"]].sum())  # f s1 is of degree two


def test_formulas_agree_with_numbers():
    goose = gallery.emperor_goose()
    numbers, formulas = goose.vital_rates(), goose.vital_rates(symbolic=True)
    values = {**goose.defaults, sp.Symbol("lambda"): goose.growth_factor}
    for column in ("sensitivity", "elasticity", "second_derivative"):
        found = [float(e.subs(values)) for e in formulas[column]]
        np.testing.assert_allclose(found, numbers[column], atol=1e-9)
    assert abs(formulas.attrs["characteristic_polynomial"].subs(values)) < 1e-12
    assert list(formulas.value) == list(numbers.value)


def test_formulas_of_many_stages_and_rates_are_not_expanded():
    s, f, g = sp.symbols("s1:8"), sp.symbols("f5:8"), sp.symbols("g1:7")
    values = dict(zip((*s, *f, *g), [*np.linspace(0.5, 0.9, 7), 3, 5, 4, *np.linspace(0.3, 0.6, 6)], strict=True))
    model = sd.leslie.lefkovitch(s, [0, 0, 0, 0, *f], growth=g, parameters=values)
    formulas = model.vital_rates(symbolic=True)
    assert max(sp.count_ops(e) for e in formulas.sensitivity) < 500
    at = {**model.defaults, sp.Symbol("lambda"): model.growth_factor}
    np.testing.assert_allclose([float(e.subs(at)) for e in formulas.sensitivity], model.vital_rates().sensitivity, rtol=1e-9)
    bare = model.replace(defaults={})
    assert float(bare.net_reproductive_rate.subs(model.defaults)) == pytest.approx(float(model.net_reproductive_rate))


def test_formulas_need_no_values_and_a_free_name():
    lam, s = sp.symbols("lambda s")
    found = sd.leslie.from_matrix([[0, lam], [s, 0]]).vital_rates(symbolic=True)
    assert found.sensitivity["lambda"] == s / (2 * sp.Symbol("lambda_"))
    assert np.isnan(found.value["s"])


def test_a_density_dependent_model_is_taken_at_density_zero():
    b, c, n1, n2 = sp.symbols("b c n1 n2")
    model = sd.leslie.from_matrix([[0, b * sp.exp(-c * n2)], [0.5, 0.5]], [n1, n2], {b: 2.0, c: 0.1})
    bare = sd.leslie.from_matrix([[0, b], [0.5, 0.5]], parameters={b: 2.0})
    assert model.vital_rates().sensitivity["b"] == pytest.approx(bare.vital_rates().sensitivity["b"])
    assert model.vital_rates().sensitivity["c"] == 0


def test_errors_of_vital_rates():
    with pytest.raises(DeclarationError, match="depend on no parameter; declare vital rates as symbols"):
        gallery.killer_whale().vital_rates()
    f, s = sp.symbols("f s")
    with pytest.raises(DeclarationError, match="no value for f, s"):
        sd.leslie.from_matrix([[0, 0, f], [s, 0, 0], [0, s, 0]]).vital_rates()


def test_a_multiple_growth_factor_has_no_derivative():
    for matrix in ([[1, 0], [0, 1]], [[1, 0], [1, 1]], [[1.5, 0.0], [0.2, 1.5]]):
        with pytest.raises(DeclarationError, match="multiple eigenvalue, which has no derivative"):
            sd.leslie.from_matrix(matrix).sensitivities  # noqa: B018


def test_stages_are_named_or_counted():
    model = gallery.killer_whale()
    with pytest.raises(DeclarationError, match="there is no stage number 4; expected 0 to 3, or one of yearlings"):
        model.second_derivatives(4, 0)
    with pytest.raises(DeclarationError, match="Did you mean 'mature'"):
        model.second_derivatives("mature", "matur")


def test_second_derivatives_of_two_stages_are_formulas():
    a, b, c, d = sp.symbols("a b c d", positive=True)
    model = sd.leslie.from_matrix([[a, b], [c, d]])
    growth = (a + d + sp.sqrt((a - d) ** 2 + 4 * b * c)) / 2
    point = {a: 0.3, b: 1.2, c: 0.5, d: 0.4}
    found = model.second_derivatives(0, 1)
    for k, symbol in enumerate((a, b, c, d)):
        assert float(found[divmod(k, 2)].subs(point)) == pytest.approx(float(growth.diff(b, symbol).subs(point)), rel=1e-12)
    numbers = sd.leslie.from_matrix([[0.3, 1.2], [0.5, 0.4]]).second_derivatives(0, 1)
    assert np.array([[float(e.subs(point)) for e in row] for row in found]) == pytest.approx(numbers, rel=1e-9)
