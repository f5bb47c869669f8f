"""Published matrices: eigenvalues and what follows from them, computed with other programs, to the last digit of those."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.leslie import gallery

DIGITS = 6e-7
DETERMINISTIC = {
    "loggerhead_turtle": dict(
        growth_factor=0.945031, damping_ratio=1.217837, net_reproductive_rate=0.366058, reactivity=135.2433 + 0j,
        first_step_attenuation=0.713945,
    ),
    "killer_whale": dict(growth_factor=1.025441, damping_ratio=1.045942, net_reproductive_rate=2.013144),
    "desert_tortoise": dict(
        growth_factor=0.958059, damping_ratio=1.141954, net_reproductive_rate=0.407475, reactivity=3.580154,
        first_step_attenuation=0.747344, maximal_amplification=6.829891, maximal_attenuation=0.122840,
    ),
    "teasel": dict(growth_factor=2.334006, net_reproductive_rate=14.379000),
    "united_states_1967": dict(growth_factor=1.037573, damping_ratio=1.297477, net_reproductive_rate=1.212446),
    "emperor_goose": dict(growth_factor=0.988753),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "attribute", "expected"), [(n, a, e) for n, row in DETERMINISTIC.items() for a, e in row.items()]
)
def test_scalars(name, attribute, expected):
    digits = DIGITS if not isinstance(expected, complex) else 6e-5  # printed to four places
    assert float(getattr(getattr(gallery, name)(), attribute)) == pytest.approx(expected.real, abs=digits)


VECTORS = {
    "loggerhead_turtle": (
        [0.206505, 0.669750, 0.114600, 0.006624, 0.000363, 0.000311, 0.001848],
        [1, 1.400668, 5.995523, 115.844511, 568.780852, 507.373040, 587.669314],
    ),
    "killer_whale": ([0.036972, 0.316071, 0.322910, 0.324047], [1, 1.049045, 1.571320, 0]),
    "teasel": (
        [0.637673, 0.263921, 0.012237, 0.069311, 0.012241, 0.004617],
        [1, 0.027018, 6.306048, 36.5879, 246.2266, 711.4325],
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_structure_and_reproductive_values(name):
    structure, values = VECTORS[name]
    model = getattr(gallery, name)()
    np.testing.assert_allclose(model.stable_structure, structure, atol=DIGITS)
    np.testing.assert_allclose(model.reproductive_values, values, rtol=1e-6, atol=DIGITS)


def test_loggerhead_turtle_over_a_life_and_at_first():
    model = gallery.loggerhead_turtle()
    assert np.log(model.growth_factor) == pytest.approx(-0.056538, abs=DIGITS)
    assert model.generation_time == pytest.approx(17.775, abs=5e-4)
    assert model.elasticities[0].sum() == pytest.approx(0.051002, abs=DIGITS)
    assert np.trace(model.elasticities) == pytest.approx(0.667411, abs=DIGITS)
    found = model.maximal_amplification
    assert (float(found), found.step) == (pytest.approx(190.4967, abs=6e-5), 6)
    assert model.inertia_bounds == (pytest.approx(145.1411, abs=6e-5), pytest.approx(0.246977, abs=DIGITS))


def test_loggerhead_turtle_from_survival_and_durations():
    model = sd.leslie.lefkovitch(
        [0.6747, 0.7857, 0.6758, 0.7425, 0.8091, 0.8091, 0.8091], [0, 0, 0, 0, 127, 4, 80], durations=[1, 7, 8, 6, 1, 1]
    )
    printed = np.array(gallery.loggerhead_turtle().matrix.tolist(), dtype=float)
    np.testing.assert_allclose(np.array(model.matrix.tolist(), dtype=float), printed, atol=3e-4)  # rounded in the paper


def test_killer_whale_sensitivities_also_of_zeros():
    model = gallery.killer_whale()
    expected = [
        [0.042208, 0.360837, 0.368644, 0.369943],
        [0.044278, 0.378534, 0.386724, 0.388086],
        [0.066323, 0.566990, 0.579258, 0.581298],
        [0, 0, 0, 0],
    ]
    np.testing.assert_allclose(model.sensitivities, expected, atol=DIGITS)
    assert model.generation_time == pytest.approx(27.8508, abs=6e-5)
    assert not model.irreducible
    assert not model.ergodic


@pytest.mark.parametrize(
    ("fertility", "expected"), [("low", 0.874088), ("medium low", 0.918503), ("medium high", 0.958059), ("high", 0.981896)]
)
def test_desert_tortoise(fertility, expected):
    assert gallery.desert_tortoise(fertility).growth_factor == pytest.approx(expected, abs=DIGITS)


def test_desert_tortoise_elasticities_and_transients():
    model = gallery.desert_tortoise()
    shares = model.elasticities
    assert shares[0].sum() == pytest.approx(0.043334, abs=DIGITS)
    assert np.trace(shares) == pytest.approx(0.698706, abs=DIGITS)
    assert np.trace(shares, -1) == pytest.approx(0.257960, abs=DIGITS)
    assert model.maximal_amplification.step == 5
    assert model.maximal_attenuation.step == 9
    assert model.inertia_bounds == (pytest.approx(5.123709, abs=DIGITS), pytest.approx(0.195497, abs=DIGITS))


def test_an_unknown_fertility_is_named():
    with pytest.raises(DeclarationError, match="fertility is 'hihg'; known: low, medium low, medium high, high"):
        gallery.desert_tortoise("hihg")


def test_teasel_reproduces_into_all_stages():
    model = gallery.teasel()
    assert float((model.elasticities * (np.arange(6) == 5)).sum()) - model.elasticities[5, 5] == pytest.approx(
        0.343684, abs=DIGITS
    )


def test_united_states():
    assert np.log(gallery.united_states_1967().growth_factor) == pytest.approx(0.036885, abs=DIGITS)


def test_years_of_polar_bears_and_of_heather():
    bears, heather = gallery.polar_bear(), gallery.hudsonia()
    np.testing.assert_allclose([m.growth_factor for m in bears], [1.0591, 1.0614, 1.0363, 0.7650, 0.7991], atol=6e-5)
    np.testing.assert_allclose([m.growth_factor for m in heather], [0.9593, 1.0098, 0.8453, 1.0183], atol=6e-5)
    assert _mean(bears).growth_factor == pytest.approx(0.940646, abs=DIGITS)
    assert _mean(heather).growth_factor == pytest.approx(0.965982, abs=3e-6)  # from four-digit matrices; see below


def _mean(models):
    return sd.leslie.from_matrix(sum((m.matrix for m in models), sp.zeros(6, 6)) / len(models))


def test_the_example_of_popdemo():
    model = sd.leslie.from_matrix([[0, 1, 2], [0.5, 0.1, 0], [0, 0.6, 0.6]])
    assert model.growth_factor == pytest.approx(1.246229, abs=DIGITS)
    assert model.damping_ratio == pytest.approx(2.540014, abs=DIGITS)
    assert model.net_reproductive_rate == pytest.approx(2.222222, abs=DIGITS)
    assert model.reactivity == pytest.approx(2.086294, abs=DIGITS)
    assert model.first_step_attenuation == pytest.approx(0.401210, abs=DIGITS)
    assert sd.leslie.case_reactivity(model, [1, 3, 2]) == pytest.approx(1.444357, abs=DIGITS)
    assert model.inertia([1, 3, 2]) == pytest.approx(1.347297, abs=DIGITS)
    assert sd.leslie.case_reactivity(model, [3, 1, 1]) == pytest.approx(0.930808, abs=DIGITS)
    assert model.inertia([3, 1, 1]) == pytest.approx(0.946581, abs=DIGITS)
    assert model.inertia_bounds == (pytest.approx(1.705741, abs=DIGITS), pytest.approx(0.551149, abs=DIGITS))
    assert model.kreiss_bounds == (pytest.approx(1.7057, abs=6e-5), pytest.approx(0.5512, abs=6e-5))


def test_an_imprimitive_matrix():
    model = sd.leslie.from_matrix([[0, 0, 2], [0.3, 0, 0], [0, 0.6, 0]])
    assert model.growth_factor == pytest.approx(0.711379, abs=DIGITS)
    assert model.growth_factor**3 == pytest.approx(0.36)
    assert (model.period, model.primitive, model.irreducible) == (3, False, True)
    assert model.damping_ratio == pytest.approx(1.0)


def test_rational_numbers_stay_rational():
    half, quarter = sp.Rational(1, 2), sp.Rational(1, 4)
    model = sd.leslie.from_matrix([[0, 4, 3], [half, 0, 0], [0, quarter, 0]])
    assert model.growth_factor == sp.Rational(3, 2)
    assert [25 * w for w in model.stable_structure] == [18, 6, 1]
    assert list(model.reproductive_values) == [1, 3, 2]
    assert model.net_reproductive_rate == sp.Rational(19, 8)
    assert model.elasticities.sum() == 1
    assert model.sensitivities[0, 1] == sp.Rational(3, 19)


def test_fibonacci_rabbits_grow_by_the_golden_number():
    model = sd.leslie.from_matrix([[1, 1], [1, 0]])
    golden = sp.GoldenRatio.rewrite(sp.sqrt)
    assert sp.simplify(model.growth_factor - golden) == 0
    assert sp.simplify(model.stable_structure[0] - 1 / golden) == 0
    assert sp.simplify(model.sensitivities[0, 0] - golden**2 / (golden**2 + 1)) == 0
