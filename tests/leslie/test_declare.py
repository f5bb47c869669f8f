"""Ways to write a matrix model down, what they make, and what they say to mistakes."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd

R = sp.Rational


def test_numbers_stay_exact():
    model = sd.leslie.from_matrix([[0, 4, 3], [Fraction(1, 2), 0, 0], [0, R(1, 4), 0]])
    assert model.growth_factor == R(3, 2)
    assert model.stable_structure.tolist() == [R(18, 25), R(6, 25), R(1, 25)]
    assert model.reproductive_values.tolist() == [1, 3, 2]


def test_every_way_to_give_numbers_gives_the_same_model():
    A = [[0, 1.5], [0.5, 0.25]]
    models = [sd.leslie.from_matrix(a) for a in (A, np.array(A), sp.Matrix(A), tuple(map(tuple, A)))]
    assert all(m == models[0] for m in models)
    assert models[0].matrix[0, 0] is sp.S.Zero  # a floating zero says that there is nothing


def test_a_data_frame_names_its_stages():
    frame = pd.DataFrame([[0, 1.5], [0.5, 0.25]], index=["egg", "adult"], columns=["egg", "adult"])
    model = sd.leslie.from_matrix(frame)
    assert model.names == ("egg", "adult")
    assert model.matrix == sd.leslie.from_matrix(frame.to_numpy()).matrix
    table = pd.DataFrame({"f": [0, 4.0], "s": [0.5, 0]})
    assert sd.leslie.from_life_table(table.f, table.s[:1]).growth_factor == pytest.approx(np.sqrt(2))


def test_a_large_matrix_is_declared_and_simulated():
    rng = np.random.default_rng(0)
    A = rng.uniform(0, 0.02, (60, 60))
    model = sd.leslie.from_matrix(A, initial=[1] * 60)
    data = sd.simulate(model, [0, 5], progress=False)
    assert data.n7.values[1] == pytest.approx((np.linalg.matrix_power(A, 5) @ np.ones(60))[6], rel=1e-12)


def test_a_life_table_is_a_leslie_matrix():
    model = sd.leslie.from_life_table(fecundity=[0, 4, 3], survival=[R(1, 2), R(1, 4)])
    assert model.matrix == sp.Matrix([[0, 4, 3], [R(1, 2), 0, 0], [0, R(1, 4), 0]])
    assert model.net_reproductive_rate == R(1, 2) * 4 + R(1, 8) * 3
    stay = sd.leslie.from_life_table([1, 2], [R(1, 2), R(1, 3)])
    assert stay.matrix == sp.Matrix([[1, 2], [R(1, 2), R(1, 3)]])
    assert stay.fecundity == sp.Matrix([[1, 2], [0, 0]])


def test_loggerhead_stages_come_from_durations():
    """Crouse, Crowder & Caswell (1987), table 4, from their table 3."""
    survival = [0.6747, 0.7857, 0.6758, 0.7425, 0.8091, 0.8091, 0.8091]
    model = sd.leslie.lefkovitch(survival, [0, 0, 0, 0, 127, 4, 80], durations=[1, 7, 8, 6, 1, 1])
    A = np.array(model.matrix, dtype=float)
    assert np.diag(A)[:6] == pytest.approx([0, 0.7370, 0.6610, 0.6907, 0, 0], abs=5e-4)
    assert np.diag(A, -1) == pytest.approx([0.6747, 0.0486, 0.0147, 0.0518, 0.8091, 0.8091], abs=5e-4)
    assert model.growth_factor == pytest.approx(0.945, abs=1e-3)


def test_growth_and_durations_of_a_stage_that_lives_for_certain():
    model = sd.leslie.lefkovitch([1, R(1, 2)], [0, 1], durations=[4])
    assert model.matrix == sp.Matrix([[R(3, 4), 1], [R(1, 4), R(1, 2)]])
    same = sd.leslie.lefkovitch([1, R(1, 2)], [0, 1], growth=[R(1, 4)])
    assert same.matrix == model.matrix
    with pytest.raises(sd.DeclarationError, match="either growth"):
        sd.leslie.lefkovitch([1, 1], [0, 1])


def test_ages_by_stages_reduce_to_a_leslie_matrix():
    U, F = [0.5, 0.25], [0, 4, 3]
    model = sd.leslie.age_by_stage([[[u]] for u in U], [[[f]] for f in F])
    assert np.array(model.matrix, float).tolist() == np.array(sd.leslie.from_life_table(F, U).matrix, float).tolist()
    assert model.names == ("n1_0", "n1_1", "n1_2")


def test_the_default_fecundity_is_the_first_row():
    leslie = sd.leslie.from_matrix([[1, 2], [R(1, 2), R(1, 3)]])
    assert leslie.fecundity == sp.Matrix([[1, 2], [0, 0]])
    stages = sd.leslie.from_matrix([[R(1, 5), 2, 3], [R(1, 2), R(1, 3), 0], [0, R(1, 2), R(1, 2)]])
    assert stages.fecundity == sp.Matrix([[0, 2, 3], [0, 0, 0], [0, 0, 0]])
    own = sd.leslie.from_matrix([[0, 2], [R(1, 2), 1]], fecundity=[[0, 2], [0, R(1, 2)]])
    assert own.transitions == sp.Matrix([[0, 0], [R(1, 2), R(1, 2)]])


def test_formulas_where_rates_have_no_values():
    a, b, c = sp.symbols("a b c", positive=True)
    model = sd.leslie.from_matrix([[a, b], [c, 0]])
    assert sp.simplify(model.growth_factor - (a + sp.sqrt(a**2 + 4 * b * c)) / 2) == 0
    w = model.stable_structure
    assert sp.simplify(w[0] + w[1]) == 1
    assert sp.simplify(w[0] / w[1] - model.growth_factor / c) == 0
    three = sd.leslie.from_matrix([[a, b, b], [c, 0, 0], [0, c, 0]])
    with pytest.raises(sd.DeclarationError, match="no value for a, b, c: this has no short formula"):
        _ = three.growth_factor
    assert three.with_parameters(a=1, b=1, c=0.5).growth_factor == pytest.approx(
        max(np.roots([1, -1, -0.5, -0.25]).real), rel=1e-12
    )


def test_states_are_numbers_at_low_density_and_at_others():
    L, A = sp.symbols("L A")
    model = sd.leslie.from_matrix([[0, 10 * sp.exp(-L / 100)], [R(1, 2), R(1, 2)]], [L, A])
    assert model.density_dependent
    assert float(model.growth_factor) == pytest.approx((0.5 + np.sqrt(0.25 + 20)) / 2)
    frozen = model.at({L: 100, A: 3})
    assert not frozen.density_dependent
    assert float(frozen.growth_factor) == pytest.approx((0.5 + np.sqrt(0.25 + 20 * np.exp(-1))) / 2)
    with pytest.raises(sd.DeclarationError, match="no number for the stage A"):
        model.at({L: 100})


def test_initial_numbers_in_a_sequence():
    model = sd.leslie.from_matrix([[0, 2], [0.5, 0]], initial=[3, 1])
    assert dict(model.initial) == {sp.Symbol("n1"): 3.0, sp.Symbol("n2"): 1.0}
    assert model.with_initial([5, 6]).initial[sp.Symbol("n2")] == 6
    assert model.with_initial(n2=9).initial[sp.Symbol("n2")] == 9
    assert model.with_initial({"n": [7, 8]}).initial[sp.Symbol("n1")] == 7


def test_clamped_numbers_are_never_negative():
    model = sd.leslie.from_matrix([[1, -2], [0, 1]], initial=[3, 2])
    data = sd.simulate(model.clamp(), range(3), progress=False)
    assert data.n1.values.tolist() == [3, 0, 0]
    assert model.clamp().digest != model.digest
    assert model.clamp() != model


def test_a_model_is_a_map_that_sweeps_and_prints():
    s, f = sp.symbols("s f")
    model = sd.leslie.from_life_table([0, f], [s], parameters={s: 0.5, f: 2}, initial=[1, 1])
    data = sd.simulate(model, [0, 2], parameters={s: [0.25, 0.5, 1]}, progress=False)
    assert data.n1.sel(time=2).values.ravel().tolist() == [0.5, 1.0, 2.0]
    assert "n1[t+1] = f*n2" in str(model)
    assert r"\left[\begin{matrix}0 & f\\s & 0\end{matrix}\right]" in model._repr_latex_()
    assert sd.leslie.from_life_table([0, f], [s], parameters={s: 0.5, f: 2}, initial=[1, 1]) == model


def test_models_can_be_pickled():
    import pickle

    model = sd.leslie.from_matrix([[0, 2], [R(1, 2), 0]], initial=[1, 2])
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    assert again.growth_factor == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sd.leslie.from_matrix([[1, 2], [3]]), "2 rows of length 1, 2; expected a square matrix"),
        (lambda: sd.leslie.from_matrix([[1, 2, 3], [3, 4, 5]]), "2 rows of length 3"),
        (lambda: sd.leslie.from_matrix([1, 2]), "expected a square matrix, such as"),
        (lambda: sd.leslie.from_matrix("1 2; 3 4"), "has the text"),
        (lambda: sd.leslie.from_matrix([[1, "x"], [1, 1]]), "has the text 'x' in row 0, column 1"),
        (lambda: sd.leslie.from_matrix([[1, 2], [3, 4]], ["a"]), "2 stages, but 1 states are named"),
        (lambda: sd.leslie.from_matrix([[1, 2], [3, 4]], ["a", "a"]), "two equations|only 1 different"),
        (lambda: sd.leslie.from_matrix([[1, 2], [3, 4]], fecundity=[[1]]), "the fecundity is 1 x 1; expected 2 x 2"),
        (lambda: sd.leslie.from_matrix([[1, 2], [3, 4]], immigration=[1]), "immigration: got 1 values; expected 2"),
        (lambda: sd.leslie.from_matrix([[1, 2], [3, 4]], species={"a": ["n2"], "b": ["n1"]}), "every stage once, in the order"),
        (lambda: sd.leslie.from_life_table([1, 2, 3], [0.5]), "expected 2 survivals, from one age class to the next"),
        (lambda: sd.leslie.from_life_table([1, 2], [1.5]), "survival 1 is 1.5"),
        (lambda: sd.leslie.from_life_table([], []), "0 fecundities"),
        (lambda: sd.leslie.lefkovitch([0.5, 0.5], [0, 1], durations=[1, 2, 3]), "2 stages and 3 durations"),
        (lambda: sd.leslie.age_by_stage([], []), "there is no age"),
        (lambda: sd.MatrixModel.from_text("n[t+1] = 2*n"), "declare a matrix model with symdyn.leslie"),
        (lambda: sd.leslie.from_matrix([[0, 0], [1, 0]]).growth_factor, "all eigenvalues are 0"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, message):
    with pytest.raises(sd.DeclarationError, match=message):
        call()


def test_rows_of_a_frame_are_those_of_its_columns():
    frame = pd.DataFrame([[0, 4], [0.5, 0]], index=["young", "old"], columns=["young", "old"])
    model = sd.leslie.from_matrix(frame)
    assert sd.leslie.from_matrix(frame.loc[["old", "young"]]) == model
    assert sd.leslie.from_matrix(frame.reset_index(drop=True)) == model
    with pytest.raises(sd.DeclarationError, match="the same stages in both"):
        sd.leslie.from_matrix(frame.rename(index={"old": "x"}))


def test_rows_may_be_arrays_and_matrices_sparse():
    from scipy.sparse import csr_array

    rows = [np.array([0, 4.0]), np.array([0.5, 0])]
    assert sd.leslie.from_matrix(rows) == sd.leslie.from_matrix(csr_array(np.array(rows)))


def test_durations_of_certain_survival_have_a_limit():
    s = sp.Symbol("s")
    expected = [[R(2, 3), 3], [R(1, 3), R(1, 2)]]
    for certain, parameters in ((1, None), (1.0, None), (s, {s: 1.0})):
        model = sd.leslie.lefkovitch([certain, 0.5], [0, 3], durations=[3], parameters=parameters)
        found = model.with_numbers(["s"]).matrix if parameters else model.matrix
        assert np.array(found.evalf(), float) == pytest.approx(np.array(expected, float))
    half = sd.leslie.lefkovitch([R(1, 2), R(1, 2)], [0, 3], durations=[3]).matrix  # g = s^2 / (1 + s + s^2)
    assert half[1, 0] == R(1, 2) * R(1, 7)
    for wrong in (-3, 0, 0.5):
        with pytest.raises(sd.DeclarationError, match="a stage has the duration"):
            sd.leslie.lefkovitch([0.5, 0.6], [0, 3], durations=[wrong])
    with pytest.raises(sd.DeclarationError, match="fecundity 1 is -1"):
        sd.leslie.from_life_table([-1, 2], [0.5])


def test_places_of_entries_are_named():
    with pytest.raises(sd.DeclarationError, match="the matrix has nan in row 1, column 0"):
        sd.leslie.from_matrix([[1, 2], [np.nan, 3]])
    with pytest.raises(sd.DeclarationError, match="pass names, one for each species, not states"):
        sd.leslie.competition(1.2, 0.1, 1.1, 0.1, states=["a", "b"])
    with pytest.raises(sd.DeclarationError, match="pass stages, the names of the stages"):
        sd.leslie.age_by_stage([], [[[1]]], states=["a"])
    with pytest.raises(sd.DeclarationError, match=r"the dispersal is 0\.1; expected a matrix"):
        sd.leslie.patches([1, 1], 0.1)


def test_stages_that_all_survive_are_left_at_the_rate_one_over_their_duration():
    d = sp.Symbol("d", positive=True)
    assert sd.leslie.lefkovitch([1, R(1, 2)], [0, 3], durations=[d]).matrix[1, 0] == 1 / d
    assert sd.leslie.lefkovitch([1, 0.5], [0, 3], durations=[2.5]).matrix[1, 0] == pytest.approx(0.4)


def test_environments_have_no_events_of_their_own():
    n = sp.Symbol("n1")
    culled = sd.leslie.from_matrix([[1.2]], events=[sd.Event(n > 10, {n: n / 2})])
    with pytest.raises(sd.DeclarationError, match="a joint model"):
        sd.leslie.random_environment([culled, sd.leslie.from_matrix([[0.9]])])
