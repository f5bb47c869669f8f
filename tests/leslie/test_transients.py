"""Transients against projections, one step after the other."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.leslie import gallery


def _array(model):
    return np.array(model.matrix.tolist(), dtype=float)


def _powers(model, steps):
    matrix = _array(model) / float(model.growth_factor)
    sums = [np.ones(len(matrix))]
    for _ in range(steps):
        sums.append(sums[-1] @ matrix)
    return np.array(sums)


def _random_models():
    rng = np.random.default_rng(8)
    found = []
    while len(found) < 25:
        n = int(rng.integers(2, 6))
        matrix = rng.uniform(0, 1, (n, n)) * (rng.random((n, n)) < 0.6)
        matrix[0] *= 5
        model = sd.leslie.from_matrix(matrix)
        if (matrix > 0).any() and model.primitive:
            found.append(model)
    return found


PUBLISHED = [gallery.loggerhead_turtle(), gallery.desert_tortoise(), gallery.polar_bear()[3], gallery.hudsonia()[1]]


@pytest.mark.parametrize("model", [*PUBLISHED, *_random_models()], ids=lambda m: f"{len(m.states)}")
def test_extremes_of_a_long_projection(model):
    sizes = _powers(model, 3000)
    largest, least = model.maximal_amplification, model.maximal_attenuation
    assert float(largest) == pytest.approx(sizes.max(), rel=1e-9)
    assert float(least) == pytest.approx(sizes.min(), rel=1e-9, abs=1e-12)
    for found, place in ((largest, sizes.argmax()), (least, sizes.argmin())):
        if found.step is not None:
            assert sizes[found.step, model.names.index(found.stage)] == pytest.approx(float(found), rel=1e-9)
            assert found.step == np.unravel_index(place, sizes.shape)[0] or abs(sizes.flat[place] - float(found)) < 1e-9
    assert model.reactivity == pytest.approx(sizes[1].max())
    assert model.first_step_attenuation == pytest.approx(sizes[1].min())
    assert model.inertia_bounds == (pytest.approx(sizes[-1].max()), pytest.approx(sizes[-1].min()))


@pytest.mark.parametrize("model", _random_models()[:8], ids=lambda m: f"{len(m.states)}")
def test_one_beginning(model):
    n = np.random.default_rng(1).uniform(0, 3, len(model.states))
    sizes = _powers(model, 3000) @ (n / n.sum())
    assert float(sd.leslie.maximal_amplification(model, n)) == pytest.approx(sizes.max())
    assert float(sd.leslie.maximal_attenuation(model, n)) == pytest.approx(sizes.min())
    assert sd.leslie.case_reactivity(model, n) == pytest.approx(sizes[1])
    assert model.inertia(n) == pytest.approx(sizes[-1])
    assert sd.leslie.maximal_amplification(model, n).stage is None


@pytest.mark.parametrize("model", [*PUBLISHED, *_random_models()[:10]], ids=lambda m: f"{len(m.states)}")
def test_kreiss_bounds_by_search(model):
    matrix = _array(model) / model.growth_factor
    n = len(matrix)
    values = [
        ((r - 1) * np.linalg.inv(r * np.eye(n) - matrix)).sum(axis=0)
        for r in 1 + np.concatenate([np.geomspace(1e-7, 1, 4000), np.linspace(1, 100, 2000)])
    ]
    upper, lower = model.kreiss_bounds
    # what is attained in the limits 1 and infinity is missed by the search, by no more than this
    assert np.max(values) * (1 - 1e-7) <= upper <= max(np.max(values), 1.0) * (1 + 1e-3)
    assert min(np.min(values), 1.0) * (1 - 1e-3) <= lower <= np.min(values) * (1 + 1e-7)
    assert upper <= float(model.maximal_amplification) + 1e-9  # as the name of a bound says
    assert lower >= float(model.maximal_attenuation) - 1e-9


def test_a_stage_that_leads_nowhere_fades():
    whale = gallery.killer_whale()
    least = whale.maximal_attenuation
    assert (float(least), least.step, least.stage) == (0, None, "postreproductive")
    assert whale.maximal_amplification.step is None  # approached from below
    assert float(whale.maximal_amplification) == pytest.approx(whale.inertia_bounds[0])
    assert whale.inertia_bounds[1] == 0
    assert whale.kreiss_bounds[1] == 0


def test_an_imprimitive_matrix_goes_round():
    model = sd.leslie.from_matrix([[0, 0, 2], [0.3, 0, 0], [0, 0.6, 0]])
    sizes = _powers(model, 30)
    assert float(model.maximal_amplification) == pytest.approx(sizes.max())
    assert float(model.maximal_attenuation) == pytest.approx(sizes.min())
    assert float(model.inertia([1, 0, 0])) == pytest.approx(sizes[:3, 0].mean())
    assert model.inertia_bounds[0] == pytest.approx(sizes[:3].mean(axis=0).max())


def test_exact_numbers():
    model = sd.leslie.from_matrix([[0, 4, 3], [sp.Rational(1, 2), 0, 0], [0, sp.Rational(1, 4), 0]])
    assert model.reactivity == sp.Rational(17, 6)
    assert model.first_step_attenuation == sp.Rational(1, 3)
    assert model.maximal_amplification == sd.leslie.Transient(sp.Rational(17, 6), 1, "n2")
    assert model.inertia([1, 1, 1]) == sp.Rational(25, 19)
    assert sd.leslie.case_reactivity(model, [1, 1, 1]) == sp.Rational(31, 18)
    assert model.inertia_bounds == (sp.Rational(75, 38), sp.Rational(25, 38))
    assert sd.leslie.keyfitz_delta(model, [1, 0, 0]) == sp.Rational(7, 25)
    assert sd.leslie.maximal_amplification(model, [18, 6, 1]) == sd.leslie.Transient(1, 0, None)


def test_one_stage_has_no_transients():
    model = sd.leslie.from_matrix([[1.3]])
    assert float(model.maximal_amplification) == float(model.maximal_attenuation) == model.reactivity == 1
    assert model.maximal_amplification.step == 0
    assert model.kreiss_bounds == (1, 1)
    assert sd.leslie.convergence_time(model, [2]) == 1


def test_parts_that_grow_alike():
    apart = sd.leslie.from_matrix([[1.2, 0.0], [0.0, 1.2]])
    assert apart.inertia_bounds == (1, 1)
    assert float(apart.maximal_amplification) == 1
    for value in (1, 1.2):
        joined = sd.leslie.from_matrix([[value, 0], [1, value]])
        for attribute in ("maximal_amplification", "maximal_attenuation", "inertia_bounds", "kreiss_bounds"):
            with pytest.raises(DeclarationError, match="feeds another of the same growth factor"):
                getattr(joined, attribute)
        with pytest.raises(DeclarationError, match="no unique stable structure"):
            sd.leslie.cohen_distance(joined, [1, 1])


@pytest.mark.parametrize("attribute", ["reactivity", "maximal_amplification", "inertia_bounds", "kreiss_bounds"])
def test_growth_that_is_no_positive_number(attribute):
    turning = sd.leslie.predator_prey(1.0, 0.5, 0.9, 0.5)
    with pytest.raises(DeclarationError, match=r"growth factor is .*j, not a positive number"):
        getattr(turning, attribute)
    f, s = sp.symbols("f s")
    with pytest.raises(DeclarationError, match="no value for f, s"):
        getattr(sd.leslie.from_matrix([[0, 0, f], [s, 0, 0], [0, s, 0]]), attribute)


def _first_settled(model, n, accuracy):
    """The definition, word by word."""
    matrix, growth = _array(model), float(model.growth_factor)
    sizes = [n.sum()]
    for _ in range(2000):
        n = matrix @ n
        sizes.append(n.sum())
    factors = np.array(sizes[1:]) / np.array(sizes[:-1]) / growth
    near = np.abs(factors - 1) < accuracy
    width = 10 * len(matrix)
    return next(k for k in range(len(near)) if near[k : k + width].all()) + 1


@pytest.mark.parametrize("accuracy", [1e-2, 1e-3, 1e-5])
def test_convergence_time(accuracy):
    model = sd.leslie.from_matrix([[0, 1, 2], [0.5, 0.1, 0], [0, 0.6, 0.6]])
    expected = [_first_settled(model, e, accuracy) for e in np.eye(3)]
    assert sd.leslie.convergence_time(model, accuracy=accuracy).tolist() == expected
    assert sd.leslie.convergence_time(model, [1, 3, 2], accuracy=accuracy) == _first_settled(
        model, np.array([1.0, 3, 2]), accuracy
    )


def test_distances_from_the_stable_structure():
    model = sd.leslie.from_matrix([[0, 1, 2], [0.5, 0.1, 0], [0, 0.6, 0.6]])
    n = np.array([1.0, 3, 2]) / 6
    w, v = model.stable_structure, model.reproductive_values
    assert sd.leslie.keyfitz_delta(model, [1, 3, 2]) == pytest.approx(np.abs(n - w).sum() / 2)
    matrix, apart = _array(model) / model.growth_factor, np.zeros(3)
    for t in range(500):
        apart += np.linalg.matrix_power(matrix, t) @ n - w * (v @ n) / (v @ w)
    assert sd.leslie.cohen_distance(model, [1, 3, 2]) == pytest.approx(np.abs(apart).sum())


def test_growth_that_does_not_converge():
    imprimitive = sd.leslie.from_matrix([[0, 0, 2], [0.3, 0, 0], [0, 0.6, 0]])
    with pytest.raises(DeclarationError, match="imprimitive: growth oscillates"):
        sd.leslie.convergence_time(imprimitive)
    with pytest.raises(DeclarationError, match="growth of individuals of the stage postreproductive is not within"):
        sd.leslie.convergence_time(gallery.killer_whale(), steps=500)
    assert sd.leslie.convergence_time(gallery.killer_whale(), [1, 1, 1, 1]) > 1
    dying = sd.leslie.from_matrix([[0.5, 2, 0], [0.5, 0.5, 0], [0, 0.2, 0]])
    with pytest.raises(DeclarationError, match="the total from individuals of the stage n3 is 0 after 1 steps"):
        sd.leslie.convergence_time(dying)
    with pytest.raises(DeclarationError, match="accuracy is 2; expected a number between 0 and 1"):
        sd.leslie.convergence_time(dying, accuracy=2)


def test_a_beginning_needs_somebody():
    with pytest.raises(DeclarationError, match="add up to 0; expected a population"):
        gallery.killer_whale().inertia([0, 0, 0, 0])


def test_growth_without_bound_is_named():
    """Predators and prey whose eigenvalues meet: sizes grow like t times the power of the eigenvalue."""
    model = sd.leslie.predator_prey(1.1, 0.1, 0.9, 0.1)
    with pytest.raises(sd.DeclarationError, match="have no bound"):
        _ = model.maximal_amplification
    assert "growth_factor" in model.summary()


def test_extremes_that_come_back_have_their_step():
    model = sd.leslie.from_matrix([[0, 0, 2], [0.3, 0, 0], [0, 0.6, 0]])  # period 3
    sizes = [(np.linalg.matrix_power(np.array(model.matrix, float) / model.growth_factor, t)).sum(axis=0) for t in range(4)]
    found = model.maximal_attenuation
    assert (float(found), found.step) == (pytest.approx(np.min(sizes)), int(np.argmin(np.min(sizes, axis=1))))


def test_numbers_are_those_of_python_and_turning_growth_is_refused():
    model = sd.leslie.from_matrix([[0, 2], [0.5, 0.1]])
    assert type(model.inertia([1, 2])) is float
    assert type(sd.leslie.case_reactivity(model, [1, 2])) is float
    turning = sd.leslie.from_matrix([[-0.5, 2], [0.3, -0.1]])
    with pytest.raises(sd.DeclarationError, match="not a positive number"):
        _ = turning.reactivity
    assert turning.summary().growth_factor == pytest.approx(-1.1, abs=0.01)
    assert not sd.leslie.from_matrix([[1, -1], [1, 1]]).ergodic
    with pytest.raises(sd.DeclarationError, match="expected numbers, not symbols"):
        model.inertia([sp.Symbol("a"), 1])


def test_growth_relative_to_an_irrational_factor_is_a_number():
    # Fibonacci: column sums 2 and 1 over the golden ratio
    model = sd.leslie.from_matrix([[1, 1], [1, 0]])
    golden = (1 + np.sqrt(5)) / 2
    assert model.reactivity == pytest.approx(2 / golden)
    assert isinstance(model.reactivity, float)
