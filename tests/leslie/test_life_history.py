"""Life tables and traits against closed forms and identities."""

import math

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.leslie import gallery


def _simulated_lives(model, stage, lives=40_000, seed=1):
    """Ages at death, and at the first step in a stage with offspring, of individuals followed one by one."""
    T = np.array(model.transitions.tolist(), dtype=float)
    mature = (np.array(model.fecundity.tolist(), dtype=float) > 0).any(axis=0)
    rng = np.random.default_rng(seed)
    where = np.full(lives, stage)
    steps, first = np.zeros(lives), np.full(lives, np.nan)
    alive = np.ones(lives, dtype=bool)
    edges = np.vstack([T, 1 - T.sum(axis=0)]).cumsum(axis=0)
    while alive.any():
        steps[alive] += 1
        fresh = alive & np.isnan(first) & mature[np.minimum(where, len(T) - 1)]
        first[fresh] = steps[fresh]
        draws = rng.random(lives)
        to = (draws[None, :] > edges[:, np.minimum(where, len(T) - 1)]).sum(axis=0)
        where = np.where(alive, to, where)
        alive &= where < len(T)
    return steps, first


@pytest.mark.parametrize("name", ["killer_whale", "desert_tortoise", "loggerhead_turtle"])
def test_against_lives_followed_one_by_one(name):
    model = getattr(gallery, name)()
    steps, first = _simulated_lives(model, 0)
    found = sd.leslie.life_expectancy(model).iloc[0]
    error = steps.std() / math.sqrt(len(steps))
    assert found["mean"] == pytest.approx(steps.mean(), abs=4 * error)
    assert found["standard_deviation"] == pytest.approx(steps.std(), rel=0.03)
    age, probability = sd.leslie.age_at_maturity(model)
    grown = ~np.isnan(first)
    assert probability == pytest.approx(grown.mean(), abs=4 * math.sqrt(probability / len(steps)))
    assert age == pytest.approx(first[grown].mean(), abs=4 * first[grown].std() / math.sqrt(grown.sum()))


@pytest.mark.parametrize(
    "name", ["killer_whale", "desert_tortoise", "loggerhead_turtle", "united_states_1967", "teasel", "hudsonia"]
)
def test_identities_of_life_tables(name):
    model = getattr(gallery, name)()
    model = model[0] if isinstance(model, list) else model
    table = model.life_table(ages=8000)
    lam = model.growth_factor
    assert (table.lxmx * lam ** -(table.index + 1.0)).sum() == pytest.approx(1)  # Euler and Lotka
    if sum(any(row) for row in model.fecundity.tolist()) == 1:
        assert table.lxmx.sum() == pytest.approx(model.net_reproductive_rate)
    np.testing.assert_allclose(table.ex * table.lx, table.lx[::-1].cumsum()[::-1], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(table.px + table.qx, 1)
    np.testing.assert_allclose(table.dx, table.lx * table.qx, atol=1e-15)
    assert table.ex[0] == pytest.approx(model.life_history().life_expectancy)


def test_a_life_table_goes_into_a_leslie_matrix_and_comes_back():
    births, lives = [0, 1.2, 0.9, 0.3], [0.5, 0.8, 0.4]
    table = sd.leslie.from_life_table(births, lives).life_table()
    np.testing.assert_allclose(table.lx, np.cumprod([1, *lives]))
    np.testing.assert_allclose(table.mx, births)
    np.testing.assert_allclose(table.px, [*lives, 0])


def test_the_age_at_which_a_life_table_ends():
    model = gallery.killer_whale()
    table = model.life_table()
    assert table.lx.iloc[-1] <= 1e-4 < table.lx.iloc[-2]
    assert len(model.life_table(ages=5)) == 6
    np.testing.assert_allclose(model.life_table("mature", ages=3).lx[1], 0.9534 + 0.0452)
    shared = model.life_table({"juveniles": 1, "mature": 3}, ages=3)
    np.testing.assert_allclose(shared.lx[1], 0.25 * (0.9111 + 0.0736) + 0.75 * (0.9534 + 0.0452))
    np.testing.assert_allclose(model.life_table(1, ages=3).mx[0], 0.0043)


def test_life_begins_where_the_stable_population_gives_birth():
    model = gallery.teasel()
    births = np.array(model.fecundity.tolist(), dtype=float)[:, -1]
    table = model.life_table(births.tolist(), ages=4)
    np.testing.assert_allclose(model.life_table(ages=4), table)


def test_one_stage_in_closed_form():
    s, f = 0.8, 0.3
    model = sd.leslie.from_matrix([[s + f]], fecundity=[[f]])
    traits = model.life_history()
    assert traits.net_reproductive_rate == pytest.approx(f / (1 - s))
    assert traits.life_expectancy == pytest.approx(1 / (1 - s))
    assert traits.life_expectancy_sd == pytest.approx(math.sqrt(s) / (1 - s))
    assert traits.cohort_generation_time == pytest.approx(1 / (1 - s))
    assert traits.mean_age_of_mothers == pytest.approx((s + f) / f)
    assert traits.generation_time == pytest.approx(math.log(f / (1 - s)) / math.log(s + f))
    assert traits.keyfitz_entropy == pytest.approx(-math.log(s) * s / (1 - s))
    q = s / (s + f)  # ages of mothers are geometric
    assert traits.demetrius_entropy == pytest.approx(-math.log(1 - q) - q * math.log(q) / (1 - q))
    assert (traits.age_at_maturity, traits.probability_of_maturity) == (1, 1)
    assert traits.longevity == math.ceil(math.log(0.01) / math.log(s))


@pytest.mark.parametrize("name", ["killer_whale", "united_states_1967", "loggerhead_turtle", "teasel"])
def test_ages_of_mothers(name):
    model = getattr(gallery, name)()
    fecundity = np.array(model.fecundity.tolist(), dtype=float)
    shares = (np.asarray(model.sensitivities) * fecundity).sum() / model.growth_factor
    assert sd.leslie.mean_age_of_mothers(model) == pytest.approx(1 / shares)
    if name == "united_states_1967":
        table = model.life_table(ages=20)
        ages = table.index + 1.0
        assert sd.leslie.mean_age_of_mothers(model) == pytest.approx((ages * model.growth_factor**-ages * table.lxmx).sum())
        assert sd.leslie.cohort_generation_time(model) == pytest.approx((ages * table.lxmx).sum() / table.lxmx.sum())


def test_generation_time_of_a_population_that_stays_the_same():
    model = sd.leslie.from_life_table([0, 2, 2], [sp.Rational(1, 3), sp.Rational(1, 2)])
    assert model.growth_factor == 1
    assert model.net_reproductive_rate == 1
    assert model.generation_time == pytest.approx(2 * 2 / 3 + 3 * 1 / 3)
    near = sd.leslie.from_life_table([0, 2, 2 + 1e-5], [1 / 3, 0.5])
    assert near.generation_time == pytest.approx(model.generation_time, rel=1e-4)


def test_net_reproductive_rate_as_a_formula():
    goose = gallery.emperor_goose().replace(defaults={})
    s0, s1, f2, f3 = sp.symbols("s0 s1 f2 f3")
    assert sp.simplify(goose.net_reproductive_rate - s0 * s1**2 * (f2 + f3 * s1 / (1 - s1))) == 0
    with pytest.raises(DeclarationError, match="no value for"):
        goose.generation_time  # noqa: B018


def test_exact_kinds_of_newborns():
    half = sp.Rational(1, 2)
    births = [[0, 0, 3], [0, 0, 0], [half, 0, 0]]
    model = sd.leslie.from_matrix([[0, 0, 3], [half, 0, 0], [half, half, 0]], fecundity=births)
    # of one newborn of the first kind there come 1/2 and 3/4, of the third kind 3 of the first
    generation = sp.Matrix([[sp.Rational(3, 4), 3], [half, 0]])
    expected = max(generation.eigenvals(), key=lambda e: abs(complex(e)))
    assert sp.simplify(model.net_reproductive_rate - expected) == 0


def test_nobody_reproduces():
    model = sd.leslie.from_matrix([[0, 0], [0.5, 0.5]])
    assert model.net_reproductive_rate == 0
    assert math.isnan(model.generation_time)
    assert sd.leslie.mean_age_of_mothers(model) == math.inf
    assert sd.leslie.age_at_maturity(model, "n1")[1] == 0
    assert math.isnan(sd.leslie.cohort_generation_time(model, "n1"))
    with pytest.raises(DeclarationError, match="the fecundity is 0, so there are no newborns; name the stage"):
        model.life_table()
    assert model.life_table("n1", ages=2).lx.tolist() == [1, 0.5, 0.25]


def test_lives_without_end():
    model = sd.leslie.from_matrix([[0, 1], [0.5, 1.0]], ["young", "old"])
    for attribute in ("net_reproductive_rate", "generation_time"):
        with pytest.raises(DeclarationError, match=r"no mortality in old \(T has the eigenvalue 1 there\)"):
            getattr(model, attribute)
    exact = sd.leslie.from_matrix([[0, 1], [sp.Rational(1, 2), 1]])
    with pytest.raises(DeclarationError, match="if part of these entries is reproduction, declare it: fecundity="):
        sd.leslie.fundamental_matrix(exact)
    assert model.life_table(ages=2).ex.tolist() == [math.inf] * 3
    assert sd.leslie.longevity(model) == math.inf


def test_fundamental_matrix_is_the_sum_of_powers():
    model = gallery.teasel()
    T = np.array(model.transitions.tolist(), dtype=float)
    np.testing.assert_allclose(
        sd.leslie.fundamental_matrix(model), sum(np.linalg.matrix_power(T, k) for k in range(400)), atol=1e-14
    )


def test_longevity():
    model = gallery.killer_whale()
    table = model.life_table(ages=500)
    for share in (0.01, 0.1, 0.5):
        assert sd.leslie.longevity(model, share=share) == table.index[table.lx <= share][0]
    assert sd.leslie.longevity(sd.leslie.from_life_table([0, 1, 1], [1.0, 1.0])) == 3
    with pytest.raises(DeclarationError, match="share alive is 2; expected a number between 0 and 1"):
        sd.leslie.longevity(model, share=2)


def test_errors_of_life_tables():
    model = gallery.killer_whale()
    with pytest.raises(DeclarationError, match="not a state of this system"):
        model.life_table("babies")
    with pytest.raises(DeclarationError, match="last age is -1; expected a number of steps, 0 or more"):
        model.life_table(ages=-1)
    with pytest.raises(DeclarationError, match="add up to 0; expected a population"):
        model.life_table([0, 0, 0, 0])
    turning = sd.leslie.predator_prey(1.0, 0.5, 0.9, 0.5)
    with pytest.raises(DeclarationError, match=r"growth factor is complex"):
        sd.leslie.mean_age_of_mothers(turning)
    with pytest.raises(DeclarationError, match=r"transitions out of the stage y add up to -0\.5 or are negative"):
        turning.life_table()


def test_summary():
    found = gallery.desert_tortoise().summary()
    assert found.growth_factor == pytest.approx(0.958059, abs=6e-7)
    assert found.maximal_amplification == pytest.approx(6.829891, abs=6e-7)
    assert (found.stages, found.period, found.primitive, found.ergodic) == (8, 1, True, True)
    turning = sd.leslie.predator_prey(1.0, 0.5, 0.9, 0.5).summary()
    assert isinstance(turning.growth_factor, complex)
    assert math.isnan(turning.reactivity)
    immortal = sd.leslie.from_matrix([[0, 1], [0.5, 1.0]]).summary()
    assert math.isnan(immortal.net_reproductive_rate)
    assert immortal.growth_factor == pytest.approx((1 + math.sqrt(3)) / 2)


def test_survival_of_more_than_one_is_reproduction_in_the_wrong_place():
    model = sd.leslie.from_matrix([[0, 0.3], [2, 0.5]])
    for ask in (sd.leslie.life_expectancy, sd.leslie.life_table):
        with pytest.raises(DeclarationError, match=r"transitions out of the stage n1 add up to 2 .* declare it: fecundity=..."):
            ask(model)
    told = sd.leslie.from_matrix([[0, 0.3], [2, 0.5]], fecundity=[[0, 0.3], [2, 0]])
    assert sd.leslie.life_expectancy(told)["mean"].tolist() == [1.0, 2.0]
    for ask in ("net_reproductive_rate", "generation_time"):
        with pytest.raises(DeclarationError, match=r"transitions out of the stage n1 add up to 2 "):
            getattr(model, ask)
    with pytest.raises(DeclarationError, match=r"transitions out of the stage n2 add up to -0\.1 or are negative"):
        _ = sd.leslie.from_matrix([[0.5, 2], [0.3, -0.1]]).net_reproductive_rate
    with pytest.raises(DeclarationError, match=r"fecundity of the stage n1 has the entry -0\.5"):
        _ = sd.leslie.from_matrix([[-0.5, 2], [0.3, 0.1]]).net_reproductive_rate
    s = sp.Symbol("s")
    with pytest.raises(DeclarationError, match=r"transitions out of the stage n2 add up to 1\.5"):
        _ = sd.leslie.from_matrix([[0, 2], [s, 1.5]]).net_reproductive_rate


#: Its first entry may be reproduction or survival, because individuals can remain in the second stage.
MIXED = [[0.2, 1.5, 1.0], [0.5, 0.3, 0.0], [0.0, 0.4, 0.0]]


@pytest.mark.parametrize(("first", "expected"), [(0.2, 0.2 + 0.75 / 0.7 + 0.2 / 0.7), (0.0, (0.75 + 0.2) / 0.7 / 0.8)])
def test_the_first_entry_as_reproduction_and_as_survival(first, expected):
    model = sd.leslie.from_matrix(MIXED, fecundity=[[first, 1.5, 1.0], [0, 0, 0], [0, 0, 0]])
    assert model.net_reproductive_rate == pytest.approx(expected, rel=1e-14)


def test_an_entry_that_may_be_reproduction_or_survival_is_not_guessed():
    model = sd.leslie.from_matrix(MIXED)
    n1 = model.states[0]
    for ask in (
        lambda m: m.net_reproductive_rate, lambda m: m.generation_time, sd.leslie.life_expectancy, sd.leslie.fundamental_matrix,
        lambda m: m.life_table(), lambda m: m.demographic(), lambda m: m.at([1, 1, 1]).net_reproductive_rate,
        lambda m: m.with_initial([1, 0, 0]).net_reproductive_rate,
        lambda m: sd.leslie.density_dependent(m, 1 / (1 + n1)),
        lambda m: sd.leslie.density_dependent(m, 1 / (1 + n1), on="all").net_reproductive_rate,
    ):  # fmt: skip
        with pytest.raises(
            DeclarationError, match=r"entry 0\.2.* from n1 to n1 may be reproduction, survival or both.*fecundity="
        ):
            ask(model)
    both = MIXED[0][0] + MIXED[1][0]  # what does not depend on it is there
    assert both < model.growth_factor < 1.5
    lower = sd.leslie.from_matrix(MIXED, fecundity=[[0.1, 1.5, 1.0], [0, 0, 0], [0, 0, 0]])
    assert lower.growth_factor == pytest.approx(model.growth_factor, rel=1e-14)


def test_coupled_species_and_fitted_matrices_do_not_decide_it_either():
    pair = sd.leslie.community({"fox": MIXED, "hare": MIXED}, {})
    numbers = [np.linalg.matrix_power(np.array(MIXED), t) @ [10.0, 1.0, 3.0] for t in range(8)]
    fitted = sd.leslie.from_series(numbers, np.array(MIXED) != 0)
    np.testing.assert_allclose(np.array(fitted.matrix, float), MIXED, atol=1e-9)
    for model in (pair, fitted):
        with pytest.raises(DeclarationError, match=r"may be reproduction, survival or both"):
            _ = model.net_reproductive_rate
