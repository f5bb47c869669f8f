"""Contributions against the differences and the variance that they explain."""

import itertools

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.leslie import gallery, ltre

# the example of the R package exactLTRE, by columns
MATRICES = [
    np.array([[0, 0.8, 0], [0, 0, 0.7], [5, 0, 0.2]]).T,
    np.array([[0, 0.9, 0], [0, 0, 0.5], [4, 0, 0.3]]).T,
    np.array([[0, 0.4, 0], [0, 0, 0.6], [6, 0, 0.25]]).T,
]
MODELS = [sd.leslie.from_matrix(m) for m in MATRICES]
PLACES = {"n1 -> n2": (1, 0), "n2 -> n3": (2, 1), "n3 -> n1": (0, 2), "n3 -> n3": (2, 2)}


def _growth(matrix):
    return np.linalg.eigvals(matrix).real.max()


def test_first_order_contributions():
    found = ltre(MODELS[0], {"second": MODELS[1], "third": MODELS[2]})
    for label, matrix in zip(("second", "third"), MATRICES[1:], strict=True):
        middle = sd.leslie.from_matrix((matrix + MATRICES[0]) / 2)
        expected = (matrix - MATRICES[0]) * middle.sensitivities
        np.testing.assert_allclose(found.contribution.sel(treatment=label), expected)
        difference = _growth(matrix) - _growth(MATRICES[0])
        assert float(found.difference.sel(treatment=label)) == pytest.approx(difference)
        assert float(found.residual.sel(treatment=label)) == pytest.approx(difference - expected.sum())
    assert float(found.contribution.sel(treatment="second", **{"from": "n3", "to": "n1"})) < 0  # fewer offspring
    assert abs(float(found.residual.sel(treatment="second"))) < 0.01 * abs(float(found.difference.sel(treatment="second")))


@pytest.mark.parametrize("design", ["symmetric", "directional"])
def test_exact_contributions_add_up(design):
    found = ltre(MODELS[0], MODELS[1:], kind="exact", design=design)
    assert found.sizes["term"] == 2**4 - 1
    np.testing.assert_allclose(
        found.contribution.sum("term"), [_growth(m) - _growth(MATRICES[0]) for m in MATRICES[1:]], atol=1e-12
    )
    np.testing.assert_allclose(found.residual, 0, atol=1e-12)


@pytest.mark.parametrize("design", ["symmetric", "directional"])
def test_exact_contributions_of_one_and_of_two(design):
    found = ltre(MODELS[0], MODELS[1], kind="exact", design=design).isel(treatment=0).contribution
    reference, treatment = MATRICES[:2]
    held = (reference + treatment) / 2 if design == "symmetric" else reference

    def response(*names):
        ahead, behind = held.copy(), held.copy()
        for name in names:
            ahead[PLACES[name]], behind[PLACES[name]] = treatment[PLACES[name]], reference[PLACES[name]]
        return _growth(ahead) - _growth(behind)

    for a in PLACES:
        assert float(found.sel(term=a)) == pytest.approx(response(a), abs=1e-14)
    for a, b in itertools.combinations(PLACES, 2):
        expected = response(a, b) - response(a) - response(b)
        assert float(found.sel(term=f"{a}, {b}")) == pytest.approx(expected, abs=1e-14)


def test_a_symmetric_design_changes_sign_with_the_direction():
    ahead = ltre(MODELS[0], MODELS[1], kind="exact").contribution
    back = ltre(MODELS[1], MODELS[0], kind="exact").contribution
    np.testing.assert_allclose(ahead, -back, atol=1e-14)


def test_variance_to_first_order():
    found = ltre(None, MODELS, kind="random")
    mean = sd.leslie.from_matrix(np.mean(MATRICES, axis=0))
    names = list(found.factor.values)
    assert names == list(PLACES)
    entries = np.array([[m[PLACES[n]] for n in names] for m in MATRICES])
    slopes = np.array([mean.sensitivities[PLACES[n]] for n in names])
    np.testing.assert_allclose(found.contribution, np.cov(entries.T, bias=True) * np.outer(slopes, slopes))
    assert float(found.variance) == pytest.approx(np.var([_growth(m) for m in MATRICES]))


def test_exact_variance():
    found = ltre(None, MODELS, kind="exact", design="random")
    assert float(found.contribution.sum()) == pytest.approx(np.var([_growth(m) for m in MATRICES]), abs=1e-14)
    mixed = [np.mean(MATRICES, axis=0) for _ in MATRICES]
    for to, m in zip(mixed, MATRICES, strict=True):
        to[1, 0] = m[1, 0]
    assert float(found.contribution.sel(term="n1 -> n2")) == pytest.approx(np.var([_growth(m) for m in mixed]))


def test_small_differences_are_explained_to_first_order():
    base = gallery.desert_tortoise()
    matrix = np.array(base.matrix.tolist(), dtype=float)
    residuals = []
    for size in (0.02, 0.01):
        found = ltre(base, sd.leslie.from_matrix(matrix * (1 + size * np.sin(np.arange(64)).reshape(8, 8)), base.names))
        residuals.append(abs(float(found.residual[0])))
    assert residuals[0] / residuals[1] == pytest.approx(8, rel=0.05)  # the midpoint leaves the third order


def test_the_mean_of_all_is_the_reference_unless_given():
    bears = dict(zip(range(2001, 2006), gallery.polar_bear(), strict=True))
    found = ltre(None, bears)
    mean = sum((m.matrix for m in bears.values()), sp.zeros(6, 6)) / 5
    given = ltre(sd.leslie.from_matrix(mean, bears[2001].names), bears)
    np.testing.assert_allclose(found.contribution, given.contribution, atol=1e-12)
    assert list(found.treatment.values) == [2001, 2002, 2003, 2004, 2005]
    # poor ice: mothers with yearlings and breeding matter
    assert (found.difference.values < 0).tolist() == [False, False, False, True, True]


def test_parameters():
    goose = gallery.emperor_goose()
    poor = goose.with_parameters(s1=0.85, f2=0.5, f3=0.7)
    first = ltre(goose, poor, by="parameters")
    assert list(first.parameter.values) == ["f2", "f3", "s0", "s1"]
    assert float(first.contribution.sel(parameter="s0")[0]) == 0
    middle = goose.with_parameters(s1=(0.8926 + 0.85) / 2, f2=(0.6388 + 0.5) / 2, f3=(0.8943 + 0.7) / 2)
    slope = middle.vital_rates().sensitivity["s1"]
    assert float(first.contribution.sel(parameter="s1")[0]) == pytest.approx((0.85 - 0.8926) * slope)
    whole = ltre(goose, poor, kind="exact", by="parameters")
    assert set(whole.term.values[whole.order.values == 1]) == {"f2", "f3", "s1"}
    assert float(whole.contribution.sum()) == pytest.approx(poor.growth_factor - goose.growth_factor, abs=1e-12)
    spread = ltre(None, [goose, poor, goose.with_parameters(s0=0.2)], kind="random", by="parameters")
    assert list(spread.factor.values) == ["f2", "f3", "s0", "s1"]


def test_interactions_up_to_an_order():
    bears = gallery.polar_bear()
    found = ltre(bears[0], bears[4], kind="exact", order=2)
    whole = ltre(bears[0], bears[4], kind="exact")
    np.testing.assert_allclose(found.contribution, whole.contribution.sel(term=found.term), atol=1e-12)
    assert float(found.residual[0]) == pytest.approx(
        float(whole.contribution.where(whole.order > 2, drop=True).sum()), abs=1e-12
    )


def test_equal_models_have_nothing_to_explain():
    found = ltre(MODELS[0], MODELS[0], kind="exact")
    assert found.sizes["term"] == 0
    assert float(found.difference[0]) == float(found.residual[0]) == 0


def test_errors():
    first, second = MODELS[:2]
    with pytest.raises(DeclarationError, match=r"kind is 'exakt'; known: fixed, random, exact. Did you mean 'exact'"):
        ltre(first, second, kind="exakt")
    with pytest.raises(DeclarationError, match="by is 'rates'; known: entries, parameters"):
        ltre(first, second, by="rates")
    with pytest.raises(DeclarationError, match="design of kind 'fixed' is 'random'; known: one-way"):
        ltre(first, second, design="random")
    with pytest.raises(DeclarationError, match="random design has no reference; pass None"):
        ltre(first, [second], kind="random")
    with pytest.raises(DeclarationError, match="one matrix, which has no variance"):
        ltre(None, [second], kind="random")
    with pytest.raises(DeclarationError, match="there are no treatments"):
        ltre(first, [])
    with pytest.raises(DeclarationError, match=r"(?s)treatment 1 is array.*expected a matrix model"):
        ltre(first, [MATRICES[0]])
    with pytest.raises(DeclarationError, match="different stages, a, b, c and n1, n2, n3"):
        ltre(first, sd.leslie.from_matrix(MATRICES[0], ["a", "b", "c"]))
    with pytest.raises(DeclarationError, match="need one matrix of vital rates with other values"):
        ltre(first, second, by="parameters")
    with pytest.raises(DeclarationError, match="holds no parameters"):
        ltre(first, first, by="parameters")
    with pytest.raises(DeclarationError, match="order of interactions is 0; expected a number from 1"):
        ltre(first, second, kind="exact", order=0)
    rng = np.random.default_rng(0)
    many = [sd.leslie.from_matrix(rng.random((5, 5))) for _ in range(2)]
    with pytest.raises(DeclarationError, match="25 factors differ, and their sets of up to 25 are more than"):
        ltre(*many, kind="exact")
    turning = sd.leslie.predator_prey(1.0, 0.5, 0.9, 0.5)
    with pytest.raises(DeclarationError, match="growth factor is complex"):
        ltre(None, [turning, turning], kind="exact")
