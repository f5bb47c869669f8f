"""Coupled populations: the matrices that they make, their exact evolution, and who is left."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

# the test case of two species with two age classes each
A, C = [[0.5, 1.2], [0.6, 0]], [[0.4, 1.0], [0.7, 0]]
B, D = [[0.05, 0.02], [0.01, 0.03]], [[0.03, 0.02], [0.02, 0.04]]


def rates(model):
    return np.array(model.matrix, dtype=float)


# ---- matrices ----------------------------------------------------------------------------------------


def test_blocks_of_predators_and_prey():
    model = sd.leslie.predator_prey(A, B, C, D)
    assert rates(model) == pytest.approx(np.block([[np.array(A), -np.array(B)], [np.array(D), np.array(C)]]))
    assert model.names == ("x1", "x2", "y1", "y2")
    assert {k: len(v) for k, v in model.species.items()} == {"x": 2, "y": 2}
    eigenvalues = np.sort_complex(model.eigenvalues)[::-1]
    assert eigenvalues[:2] == pytest.approx([1.097422 + 0.039868j, 1.097422 - 0.039868j], abs=1e-6)
    assert eigenvalues[2:] == pytest.approx([-0.647422 + 0.014231j, -0.647422 - 0.014231j], abs=1e-6)


def test_species_of_different_sizes():
    model = sd.leslie.predator_prey([[0, 2], [0.5, 0]], [[0.1], [0.2]], 0.8, [[0.05, 0.1]], names=("hare", "lynx"))
    assert rates(model).tolist() == [[0, 2, -0.1], [0.5, 0, -0.2], [0.05, 0.1, 0.8]]
    assert model.names == ("hare1", "hare2", "lynx")


def test_scalar_predation_has_the_closed_form():
    a, b, c, d = (sp.Rational(*v) for v in ((6, 5), (1, 10), (4, 5), (1, 10)))
    model = sd.leslie.predator_prey(a, b, c, d)
    assert sp.simplify(model.growth_factor - ((a + c) + sp.sqrt((a - c) ** 2 - 4 * b * d)) / 2) == 0
    cycles = sd.leslie.predator_prey(1.0, 0.3, 1.0, 0.2)  # 4bd > (a-c)^2: |lambda| = sqrt(ac + bd)
    assert abs(cycles.growth_factor) == pytest.approx(np.sqrt(1.06), rel=1e-12)


def test_the_spectrum_of_a_complex_population():
    model = sd.leslie.complex_predator_prey(A, B)
    small = np.array(sd.leslie.complex_matrix(model).tolist(), dtype=complex)
    own = np.linalg.eigvals(small)
    assert np.sort_complex(own) == pytest.approx([-0.634573 + 0.023608j, 1.134573 + 0.056392j], abs=1e-6)
    both = np.concatenate([own, own.conj()])
    assert np.sort_complex(model.eigenvalues) == pytest.approx(np.sort_complex(both), abs=1e-12)
    with pytest.raises(sd.DeclarationError, match=r"no blocks \[\[A, -B\], \[B, A\]\]"):
        sd.leslie.complex_matrix(sd.leslie.predator_prey(A, B, C, D))


def test_prey_of_a_commuting_complex_model_come_to_zero_when_the_angle_says():
    model = sd.leslie.complex_predator_prey(1.1, 0.02)
    after = sd.leslie.prey_gone_after(model, [1.0, 0.0])
    assert after == pytest.approx((np.pi / 2) / np.arctan2(0.02, 1.1), rel=1e-12)
    x = sd.simulate(model, range(100), initial={"x": 1, "y": 0}, progress=False).x.values
    assert np.flatnonzero(x < 0)[0] == int(np.ceil(after))


def test_any_number_of_competitors():
    model = sd.leslie.competition([A, 1.1], [[None, [[0.1], [0]]], [[[0.2, 0.3]], None]], names=("tree", "grass"))
    assert rates(model).tolist() == [[0.5, 1.2, -0.1], [0.6, 0, 0], [-0.2, -0.3, 1.1]]
    three = sd.leslie.competition([1.2] * 3, 0.1)
    assert rates(three).tolist() == [[1.2, -0.1, -0.1], [-0.1, 1.2, -0.1], [-0.1, -0.1, 1.2]]
    with pytest.raises(sd.DeclarationError, match="no 2 rows of 2 entries"):
        sd.leslie.competition([1, 1], [[0.1]])
    with pytest.raises(sd.DeclarationError, match="A, B, C, D of two species, or a sequence"):
        sd.leslie.competition(1.2, 0.1)


def test_effects_have_the_shape_of_their_species():
    with pytest.raises(
        sd.DeclarationError, match="B, the prey lost for each predator, has 1 rows of length 1; expected 2 rows"
    ):
        sd.leslie.predator_prey(A, 0.1, C, D)
    with pytest.raises(sd.DeclarationError, match="pair of different species of fox, hare"):
        sd.leslie.community({"fox": 1, "hare": 1}, {("fox", "hen"): 1})
    with pytest.raises(sd.DeclarationError, match="there are 2 species, but the names x"):
        sd.leslie.predator_prey(A, B, C, D, names=("x",))


# ---- evolution ---------------------------------------------------------------------------------------


def test_the_simulation_is_the_power_of_the_matrix():
    model = sd.leslie.predator_prey(A, B, C, D)
    data = sd.simulate(model, range(31), initial=dict(x1=1, x2=2, y1=0.5, y2=0.1), progress=False)
    found = np.array([data[n].values[30] for n in model.names])
    exact = sd.leslie.evolution(model, [[1, 2], [0.5, 0.1]], 30)
    assert found == pytest.approx(exact, rel=1e-12)
    parts = sd.leslie.modes(model, [1, 2, 0.5, 0.1])
    again = sum(row.eigenvalue**30 * np.array([row[n] for n in model.names]) for _, row in parts.iterrows())
    assert again == pytest.approx(exact, rel=1e-10)


def test_evolution_is_exact_where_the_model_is():
    fibonacci = sd.leslie.from_matrix([[1, 1], [1, 0]])
    assert sd.leslie.evolution(fibonacci, [1, 0], 90).tolist() == [sp.fibonacci(91), sp.fibonacci(90)]
    with pytest.raises(sd.DeclarationError, match="steps is -1"):
        sd.leslie.evolution(fibonacci, [1, 0], -1)
    with pytest.raises(sd.DeclarationError, match="for linear models alone"):
        sd.leslie.evolution(fibonacci.clamp(), [1, 0], 3)
    with pytest.raises(sd.DeclarationError, match="no full set of eigenvectors"):
        sd.leslie.modes(sd.leslie.from_matrix([[1, 1], [0, 1]]), [1, 1])


# ---- growth factor at weak coupling --------------------------------------------------------------------


def weak(eps, make=sd.leslie.predator_prey):
    rng = np.random.default_rng(1)
    prey = np.array([[0.4, 1.1, 0.8], [0.6, 0, 0], [0, 0.5, 0]])
    predators = np.array([[0.1, 0.5, 0.4], [0.5, 0, 0], [0, 0.6, 0]])
    loss, gain = rng.uniform(0, 1, (2, 3, 3))
    return make(prey, eps * loss, predators, eps * gain)


@pytest.mark.parametrize("make", [sd.leslie.predator_prey, sd.leslie.competition])
def test_the_error_of_the_growth_factor_falls_with_the_fourth_power(make):
    errors, corrected = [], []
    for eps in (0.04, 0.02, 0.01):
        found = weak(eps, make).growth_factor_approximation()
        errors.append(found.exact - found.value)
        corrected.append(found.exact - found.value - found.error)
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert ratios == pytest.approx([16, 16], rel=0.05)
    assert (np.abs(corrected) < 0.05 * np.abs(errors)).all()
    assert corrected[0] / corrected[1] == pytest.approx(64, rel=0.1)  # the error term is of the order it says


def test_the_population_that_grows_faster_takes_the_part_of_A():
    one = weak(0.05)
    a = rates(one)
    swapped = sd.leslie.community(
        {"u": a[3:, 3:], "v": a[:3, :3]}, {("u", "v"): a[3:, :3], ("v", "u"): a[:3, 3:]}
    ).growth_factor_approximation()
    assert swapped.value == pytest.approx(one.growth_factor_approximation().value, rel=1e-13)


def test_the_approximation_needs_two_species_that_differ():
    with pytest.raises(sd.DeclarationError, match="needs factors that differ"):
        sd.leslie.complex_predator_prey(A, B).growth_factor_approximation()
    with pytest.raises(sd.DeclarationError, match=r"the model has 1 species \(n\)"):
        sd.leslie.from_matrix(A).growth_factor_approximation()


# ---- last species standing -----------------------------------------------------------------------------


def test_the_theorem_on_its_test_case():
    model = sd.leslie.competition(A, B, C, D)
    found = model.last_standing({"x": [1, 1], "y": [1, 1]})
    assert (found.species, found.index) == ("x", 0)
    assert found.growth_factor == pytest.approx(1.163386, abs=1e-6)
    assert found.critical_ratio == pytest.approx(1.872753, abs=1e-6)
    p = found.separatrix / np.abs(found.separatrix).sum()
    assert p == pytest.approx([0.316530, 0.335372, -0.179617, -0.168481], abs=1e-6)
    assert model.last_standing([[1, 1], [1.9, 1.9]]).species == "y"
    assert "is left" in str(found)


def test_an_ensemble_finds_the_separatrix():
    """Bisection by simulation alone: 4096 values of s between two bounds, each followed until one species is negative."""
    model = sd.leslie.competition(A, B, C, D)
    low, high = 0.5, 4.0
    for _ in range(3):
        s = np.linspace(low, high, 4096)
        starts = np.stack([np.ones_like(s), np.ones_like(s), s, s], axis=1)
        run = sd.compile(model, trajectories=s.size)(starts, np.zeros((s.size, 0)), [0.0, 400.0])
        first = run.values[:, 1, 0] > 0
        k = int(np.flatnonzero(~first)[0])
        low, high = s[k - 1], s[k]
    assert 0.5 * (low + high) == pytest.approx(1.872753, abs=1e-6)
    assert model.last_standing([1, 1, 1, 1]).critical_ratio == pytest.approx(0.5 * (low + high), abs=1e-8)


def test_clamped_simulations_agree_with_the_theorem_at_weak_coupling():
    model = sd.leslie.competition(A, B, C, D)
    starts = np.random.default_rng(0).uniform(0, 2, (200, 4))
    run = sd.compile(model.clamp(), trajectories=200)(starts, np.zeros((200, 0)), [0.0, 200.0])
    last = run.values[:, 1]
    for n0, end in zip(starts, last, strict=True):
        found = model.last_standing(list(n0))
        loser = end[2:] if found.index == 0 else end[:2]
        assert (loser == 0).all()
        assert end.max() > 0


def test_the_loser_is_gone_at_the_step_that_is_said():
    model = sd.leslie.competition(A, B, C, D)
    found = model.last_standing([1, 1, 1.5, 1.5])
    data = sd.simulate(model, range(400), initial=dict(x1=1, x2=1, y1=1.5, y2=1.5), progress=False)
    negative = np.flatnonzero((data.y1.values < 0) | (data.y2.values < 0))
    assert negative[0] == found.extinct_after


def test_exact_numbers_give_an_exact_separatrix():
    R = sp.Rational
    model = sd.leslie.competition(R(6, 5), R(1, 10), R(6, 5), R(1, 10))
    found = model.last_standing([3, 3])
    assert found.species is None
    assert found.critical_ratio == 1
    assert model.last_standing([R(3), R(29, 10)]).margin == R(1, 10)


def test_three_species_have_no_such_theorem():
    model = sd.leslie.competition([1.2] * 3, 0.1)
    with pytest.raises(sd.DeclarationError, match="of three or more the signs of all effects cannot be turned at once"):
        model.last_standing([5, 4, 3])
    # their clamped map leaves one: alive 3 -> 2 at the 6th step, 1 at the 12th
    data = sd.simulate(model.clamp(), range(20), initial=dict(x=5, y=4, z=3), progress=False)
    alive = sum((data[n].values > 0).astype(int) for n in model.names)
    assert np.flatnonzero(alive == 2)[0] == 6
    assert np.flatnonzero(alive == 1)[0] == 12
    assert data.x.values[-1] > 0


def test_the_theorem_refuses_what_it_is_not_about():
    with pytest.raises(sd.DeclarationError, match="the theorem needs competition"):
        sd.leslie.predator_prey(A, B, C, D).last_standing([1, 1, 1, 1])
    with pytest.raises(sd.DeclarationError, match="not primitive"):
        sd.leslie.competition(1.2, 0, 1.1, 0.1).last_standing([1, 1])
    with pytest.raises(sd.DeclarationError, match="no number for the stage y1"):
        sd.leslie.competition(A, B, C, D).last_standing({"x": [1, 1]})
    with pytest.raises(sd.DeclarationError, match="y: got 3 values; expected 2"):
        sd.leslie.competition(A, B, C, D).last_standing({"x": [1, 1], "y": [1, 2, 3]})


# ---- migration -----------------------------------------------------------------------------------------


def test_patches_are_the_vec_permutation_product():
    rng = np.random.default_rng(2)
    k, s = 3, 2
    local = rng.uniform(0, 1, (k, s, s))
    moves = rng.uniform(0, 1, (s, k, k))
    moves /= moves.sum(axis=1, keepdims=True)
    model = sd.leslie.patches([m.tolist() for m in local], [m.tolist() for m in moves])
    # the permutation takes numbers by patch to numbers by stage
    P = np.zeros((k * s, k * s))
    for i in range(k):
        for a in range(s):
            P[a * k + i, i * s + a] = 1
    from scipy.linalg import block_diag

    expected = P.T @ block_diag(*moves) @ P @ block_diag(*local)
    assert rates(model) == pytest.approx(expected, rel=1e-14)
    assert list(model.species) == ["p1", "p2", "p3"]


def test_migration_alone_conserves_numbers():
    model = sd.leslie.patches([1.0, 1.0], [[0.9, 0.3], [0.1, 0.7]])
    data = sd.simulate(model, range(200), initial={"p1_n1": 8, "p2_n1": 0}, progress=False)
    total = data.p1_n1 + data.p2_n1
    assert np.asarray(total) == pytest.approx(8)
    assert data.p1_n1.values[-1] == pytest.approx(6)  # balance: 0.1 p1 = 0.3 p2
    with pytest.raises(sd.DeclarationError, match=r"dispersal of stage 1 from patch 1 adds up to 1\.2"):
        sd.leslie.patches([1, 1], [[0.9, 0], [0.3, 1]])
    with pytest.raises(sd.DeclarationError, match="models of the same stages"):
        sd.leslie.patches([1, A], [[1, 0], [0, 1]])


def test_immigration_comes_to_its_balance():
    L = np.array([[0.2, 0.5], [0.4, 0.3]])
    model = sd.leslie.from_matrix(L, immigration=[3, 1], initial=[0, 0])
    rest = np.linalg.solve(np.eye(2) - L, [3, 1])
    data = sd.simulate(model, range(200), progress=False)
    assert [data.n1.values[-1], data.n2.values[-1]] == pytest.approx(rest)
    found = sd.analysis.steady_states(model)
    assert [found.n1.item(), found.n2.item()] == pytest.approx(rest)


def test_theorems_of_linear_models_refuse_others():
    x = sp.Symbol("x")
    crowded = sd.leslie.density_dependent(sd.leslie.competition(1.2, 0.1, 1.1, 0.1), sd.leslie.ricker(x, 0.1))
    for ask in (
        lambda m: m.last_standing([1, 1]),
        lambda m: m.growth_factor_approximation(),
        lambda m: sd.leslie.modes(m, [1, 1]),
    ):
        with pytest.raises(sd.DeclarationError, match="vital rates depend on numbers"):
            ask(crowded)
    with pytest.raises(sd.DeclarationError, match="expected none below 0 and some above"):
        sd.leslie.competition(1.2, 0.1, 1.1, 0.1).last_standing([-1, 1])
    with pytest.raises(sd.DeclarationError, match=r"has one species \(n\)"):
        sd.leslie.from_matrix(A).last_standing([1, 1])
    a, b = sp.symbols("a b")
    with pytest.raises(sd.DeclarationError, match="no value for a, b"):
        sd.leslie.competition(a, b, a, b).last_standing([1, 1])


def test_populations_that_turn_the_other_way():
    back = sd.leslie.complex_predator_prey(1.1, -0.02)
    assert sd.leslie.prey_gone_after(back, [1.0, 0.0]) == pytest.approx((np.pi / 2) / np.arctan2(0.02, 1.1), rel=1e-12)
    assert sd.leslie.prey_gone_after(sd.leslie.complex_predator_prey(1.1, 0.1), [-1, 0.2]) == 0


def test_the_eigenvalue_compared_with_is_that_of_the_population_meant():
    model = sd.leslie.predator_prey([[0, 2], [0.5, 0]], [[0.1], [0.1]], 0.5, [[0.1, 0.1]])  # -1 is as large as 1
    found = model.growth_factor_approximation()
    assert found.exact == pytest.approx(found.value, abs=0.01)


def test_powers_are_exact_only_where_the_numbers_are():
    model = sd.leslie.from_matrix([[1, 1], [1, 0]])
    assert sd.leslie.evolution(model, [0.5, 0], 3).dtype == float
    assert sd.leslie.evolution(sd.leslie.from_matrix([[0.5]]), [4], 2).tolist() == [1.0]
