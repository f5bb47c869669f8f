"""Each operator evolves states, and the matrix iteration says where they must come."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
import sympy as sp

import symdyn as sd
from symdyn.fock import jordan_wigner, occupations
from symdyn.leslie.fermions import FermionicModel, fermionic
from symdyn.leslie.many_particles import doi_peliti, second_quantised
from symdyn.leslie.operators import generator
from symdyn.models import zoo

HALF, QUARTER = sp.Rational(1, 2), sp.Rational(1, 4)
PHI = (1 + sp.sqrt(5)) / 2
FIBONACCI = [[1, 1], [1, 0]]
SIMPLE = [[0.5, 1.2], [0.6, 0]]
THREE = [[0, 4, 3], [HALF, 0, 0], [0, QUARTER, 0]]
USHER = [[0.2, 1.5, 2.1], [0.4, 0.1, 0], [0, 0.5, 0.7]]
MATRICES = [FIBONACCI, SIMPLE, THREE, USHER]


def numbers(matrix):
    return np.array(matrix, dtype=float)


# ---- H = i log L -------------------------------------------------------------------------------


def test_fibonacci_in_closed_form():
    H = generator(FIBONACCI)
    Q = sp.Matrix([[1, 2], [2, -1]]) / sp.sqrt(5)
    expected = sp.I * sp.log(PHI) * Q - sp.pi / 2 * (sp.eye(2) - Q)
    assert (H.matrix - expected).applyfunc(sp.expand) == sp.zeros(2)
    assert H.eigenvalues == (sp.I * sp.log(sp.expand(PHI)), -sp.pi - sp.I * sp.log(sp.expand(PHI)))
    np.testing.assert_allclose(
        H.array, [[-0.868315 + 0.215204j, 1.404963 + 0.430409j], [1.404963 + 0.430409j, -2.273278 - 0.215204j]], atol=1e-6
    )
    np.testing.assert_allclose(H.array, 1j * scipy.linalg.logm(np.array(FIBONACCI, dtype=complex)), atol=1e-14)


def test_binet():
    H = generator(FIBONACCI)
    n = sp.Symbol("n", integer=True)
    binet = (PHI**n - (1 - PHI) ** n) / sp.sqrt(5)
    formula = H.propagator(n)[0, 1]
    for steps in (0, 1, 2, 7, 30):
        assert abs(sp.N((formula - binet).subs(n, steps), 30)) < 1e-20
    assert H.propagator(30) == sp.Matrix([[1346269, 832040], [832040, 514229]])
    assert H.propagator(-1) == sp.Matrix(FIBONACCI).inv()


@pytest.mark.parametrize("matrix", MATRICES)
def test_states_go_where_the_matrix_takes_them(matrix):
    H = generator(matrix)
    state = np.arange(1.0, len(matrix) + 1)
    for steps in (1, 2, 10):
        found = H.evolve(state, steps)
        expected = np.linalg.matrix_power(numbers(matrix), steps) @ state
        np.testing.assert_allclose(found.real, expected, rtol=1e-11)
        assert np.abs(found.imag).max() < 1e-11 * np.abs(expected).max()
    assert H.error(10) < 1e-12
    # half a step twice is a step, through complex numbers
    np.testing.assert_allclose(H.evolve(H.evolve(state, 0.5), 0.5), H.evolve(state, 1), rtol=1e-11, atol=1e-11)


def test_energies():
    energies = generator(SIMPLE).eigenvalues
    np.testing.assert_allclose(energies, [0.126272j, -math.pi - 0.454776j], atol=1e-6)
    exact = generator([[HALF, sp.Rational(6, 5)], [sp.Rational(3, 5), 0]])
    np.testing.assert_allclose([complex(e) for e in exact.eigenvalues], energies, atol=1e-12)
    np.testing.assert_allclose(exact.array, generator(SIMPLE).array, atol=1e-12)


def test_which_are_exact():
    assert generator(THREE).exact
    assert generator(THREE).eigenvalues[0] == sp.expand(sp.I * (sp.log(3) - sp.log(2)))
    assert not generator([[0, 1, 1], [1, 0, 0], [0, 1, 0]]).exact  # a cubic without rational roots
    assert not generator(SIMPLE).exact
    turning = generator([[0, -1], [1, 0]])  # eigenvalues i and -i
    assert turning.matrix == sp.Matrix([[0, -sp.I], [sp.I, 0]]) * sp.pi / 2
    assert generator([[3]]).matrix == sp.Matrix([[sp.I * sp.log(3)]])


def test_symbols_of_two_stages():
    f, s = sp.symbols("f s", positive=True)
    H = generator([[0, f], [s, 0]])
    assert sp.simplify(H.matrix.trace()) == sp.simplify(sp.I * (sp.log(sp.sqrt(f * s)) + sp.log(-sp.sqrt(f * s))))
    at = H.matrix.subs({f: 2, s: HALF * HALF})
    np.testing.assert_allclose(np.array(at.evalf(), dtype=complex), generator([[0, 2.0], [0.25, 0]]).array, atol=1e-12)
    with pytest.raises(sd.DeclarationError, match="no value for f, s"):
        _ = H.array


def test_eigenvalues_that_repeat():
    jordan = generator([[2, 1], [0, 2]])
    assert jordan.matrix == sp.I * sp.Matrix([[sp.log(2), HALF], [0, sp.log(2)]])
    assert jordan.propagator(3) == sp.Matrix([[8, 12], [0, 8]])
    assert jordan.error(5) < 1e-14
    assert generator([[2.0, 1.0], [0.0, 2.0]]).error(5) < 1e-12
    assert generator([[3, 0], [0, 3]]).matrix == sp.I * sp.log(3) * sp.eye(2)


def test_models_and_their_values():
    b, s = sp.symbols("b s")
    model = sd.MatrixModel([[0, b], [s, 0.5]], ["young", "old"], {b: 1.5, s: 0.4})
    np.testing.assert_allclose(generator(model).array, generator([[0, 1.5], [0.4, 0.5]]).array, atol=1e-14)
    assert generator(sd.MatrixModel(FIBONACCI)).exact


def test_printing():
    assert str(generator([[3]])) == "H = [[I*log(3)]]"
    assert (
        generator([[3]])._repr_latex_() == r"$\displaystyle H = \left[\begin{matrix}i \log{\left(3 \right)}\end{matrix}\right]$"
    )
    assert "0.215204" in str(generator(numbers(FIBONACCI)))
    assert "0.215204" in generator(numbers(FIBONACCI))._repr_latex_()


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1, 0], [HALF, 0, 0], [0, HALF, 0]], "eigenvalue 0 and so no logarithm.*; 3 contributes to no class"),
        ([[0, 1.0, 0], [0.5, 0, 0], [0, 0.5, 0]], "3 contributes to no class .post-reproductive.: leave it out"),
        ([[1, 1], [1, 1]], "eigenvalue 0 and so no logarithm"),
        ([[1, 1]], "expected a square matrix"),
        ([[1, 1], [1]], "rows of length 1, 2"),
        ("1 2", "has the text"),
    ],
)
def test_matrices_without_a_generator(matrix, message):
    with pytest.raises(sd.DeclarationError, match=message):
        generator(matrix)


def test_stages_are_named_and_densities_refused():
    old = sd.MatrixModel([[0, 2, 0], [HALF, 0, 0], [0, HALF, 0]], ["calf", "cow", "grandmother"])
    with pytest.raises(sd.DeclarationError, match="grandmother contributes to no class"):
        generator(old)
    with pytest.raises(sd.DeclarationError, match=r"depends on A, L; operators need a linear model.*model.at"):
        generator(zoo.flour_beetle())


def test_states_of_the_wrong_size():
    with pytest.raises(sd.DeclarationError, match=r"the state has the shape \(3,\); expected \(2,\)"):
        generator(FIBONACCI).evolve([1, 2, 3])


# ---- many particles ----------------------------------------------------------------------------


def permanent(matrix):
    size = len(matrix)
    return sum(np.prod([matrix[i, p[i]] for i in range(size)]) for p in itertools.permutations(range(size)))


def repeated(row):
    return [k for k, n in enumerate(row) for _ in range(n)]


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_bosons_move_by_permanents(matrix, n):
    # the symmetric power: <m| Sym L |k> = per L[m, k] / sqrt(prod m! prod k!)
    lifted, L = second_quantised(matrix), numbers(matrix)
    basis = lifted.basis(n)
    weight = [math.sqrt(math.prod(map(math.factorial, row))) for row in basis.tolist()]
    expected = [
        [permanent(L[np.ix_(repeated(a), repeated(b))]) / (u * v) for b, v in zip(basis, weight, strict=True)]
        for a, u in zip(basis, weight, strict=True)
    ]
    np.testing.assert_allclose(lifted.evolution(n), expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("matrix", MATRICES)
def test_fermions_move_by_minors(matrix):
    lifted, L = second_quantised(matrix, "fermions"), numbers(matrix)
    for n in range(len(matrix) + 1):
        sets = [repeated(row) for row in lifted.basis(n)]
        expected = [[np.linalg.det(L[np.ix_(a, b)]) if n else 1.0 for b in sets] for a in sets]
        np.testing.assert_allclose(lifted.evolution(n), expected, atol=1e-11)
    np.testing.assert_allclose(lifted.evolution(len(matrix)), [[np.linalg.det(L)]])
    assert lifted.basis(len(matrix) + 1).shape == (0, len(matrix))


@pytest.mark.parametrize("statistics", ["bosons", "fermions"])
def test_one_particle_is_the_population(statistics):
    lifted = second_quantised(USHER, statistics)
    np.testing.assert_array_equal(lifted.basis(1), np.eye(3))
    np.testing.assert_allclose(lifted.evolution(1, steps=6), np.linalg.matrix_power(numbers(USHER), 6), atol=1e-12)


@pytest.mark.parametrize("matrix", MATRICES)
def test_coherent_states_stay_coherent(matrix):
    lifted = second_quantised(matrix)
    alpha = np.linspace(0.3, 0.9, len(matrix))
    for steps in (1, 3):
        moved = lifted.coherent(alpha, steps)
        np.testing.assert_allclose(moved, np.linalg.matrix_power(numbers(matrix), steps) @ alpha, atol=1e-10)
        for n in range(6):
            found = lifted.evolution(n, steps) @ lifted.projected(alpha, n)
            expected = lifted.projected(moved, n)
            np.testing.assert_allclose(found, expected, atol=1e-9 * max(1.0, np.abs(expected).max()))
    # the norm of the whole is exp(|alpha|^2 / 2)
    total = sum(np.sum(np.abs(lifted.projected(alpha, n)) ** 2) for n in range(40 if len(matrix) == 2 else 18))
    assert total == pytest.approx(math.exp(np.sum(alpha**2)), rel=1e-9)


def test_ladder_operators_obey_their_algebra():
    a = [m.toarray() for m in jordan_wigner(3)]
    for j, k in itertools.product(range(3), repeat=2):
        np.testing.assert_array_equal(a[j] @ a[k].T + a[k].T @ a[j], np.eye(8) * (j == k))
        np.testing.assert_array_equal(a[j] @ a[k] + a[k] @ a[j], np.zeros((8, 8)))
    assert len(occupations(4, 6)) == math.comb(9, 6)
    assert len(occupations(6, 3, 1)) == math.comb(6, 3)


def test_sectors_of_fermions_are_blocks_of_the_whole():
    # the same H between all occupations by Jordan-Wigner matrices
    lifted = second_quantised(USHER, "fermions")
    a = jordan_wigner(3)
    whole = sum(1j * lifted.logarithm[j, k] * (a[j].T @ a[k]) for j in range(3) for k in range(3)).toarray()
    for n in range(4):
        index = [int("".join(map(str, row)), 2) for row in lifted.basis(n)]
        np.testing.assert_allclose(lifted.sector(n).toarray(), whole[np.ix_(index, index)], atol=1e-14)


def test_what_is_not_second_quantised():
    with pytest.raises(sd.DeclarationError, match="statistics is 'anyons'; expected 'bosons' or 'fermions'"):
        second_quantised(FIBONACCI, "anyons")
    with pytest.raises(sd.DeclarationError, match="coherent states of fermions have anticommuting amplitudes"):
        second_quantised(FIBONACCI, "fermions").coherent([1, 1])
    with pytest.raises(sd.DeclarationError, match=r"alpha has the shape \(3,\); expected \(2,\)"):
        second_quantised(FIBONACCI).coherent([1, 1, 1])
    assert "bosons in 2 modes" in str(second_quantised(FIBONACCI))
    assert r"a_j^\dagger a_k" in second_quantised(FIBONACCI)._repr_latex_()


# ---- the stochastic process --------------------------------------------------------------------

PROCESSES = [
    doi_peliti([0.5], [0.0, 1.2], [0.1, 0.3]),
    doi_peliti([0.5, 0.2], [0.3, 1.2, 0.4], [0.1, 0.3, 0.0]),
    doi_peliti([], [0.4], [0.7]),
]


@pytest.mark.parametrize("process", PROCESSES)
def test_the_hamiltonian_is_the_master_equation(process):
    upper = [5, 4, 3][: len(process.deaths)]
    network = process.network
    assert network.names == tuple(f"n{k}" for k in range(1, len(upper) + 1))
    box = network.master_equation(upper=dict(zip(network.names, upper, strict=True)))
    np.testing.assert_allclose(-process.matrix(upper).toarray(), box.generator().matrix().toarray(), atol=1e-14)


@pytest.mark.parametrize("process", PROCESSES)
def test_means_obey_the_leslie_generator(process):
    start = np.array([3.0, 1.0, 2.0])[: len(process.deaths)]
    initial = dict(zip(process.network.names, start, strict=True))
    data = sd.simulate(process.network.rate_equations(), [0, 0.7], initial=initial, rtol=1e-10, atol=1e-12, progress=False)
    expected = scipy.linalg.expm(0.7 * process.generator) @ start
    np.testing.assert_allclose([data[n].values.ravel()[-1] for n in process.network.names], expected, rtol=1e-8)


def test_probabilities_evolve_to_the_same_means():
    process = doi_peliti([0.5], [0.0, 0.8], [0.2, 0.6])
    top = 30
    P = np.zeros((top + 1, top + 1))
    P[2, 1] = 1
    P = (scipy.sparse.linalg.expm_multiply(-0.6 * process.matrix(top), P.ravel())).reshape(P.shape)
    assert 1 - 1e-9 < P.sum() <= 1 + 1e-12
    means = [np.sum(np.arange(top + 1)[:, None] * P), np.sum(np.arange(top + 1)[None] * P)]
    np.testing.assert_allclose(means, scipy.linalg.expm(0.6 * process.generator) @ [2, 1], rtol=1e-7)
    exact = process.network.master_equation(upper={"n1": top, "n2": top}).transient(0.6, {"n1": 2, "n2": 1})
    np.testing.assert_allclose(exact.transpose("n1", "n2").values, P, atol=1e-9)


def test_rates_that_are_none():
    with pytest.raises(sd.DeclarationError, match="for 2, 2 and 2 classes; expected m - 1, m and m"):
        doi_peliti([1, 1], [1, 1], [1, 1])
    with pytest.raises(sd.DeclarationError, match=r"births is .*; expected a sequence of rates, finite and not negative"):
        doi_peliti([1], [1, -1], [1, 1])
    with pytest.raises(sd.DeclarationError, match="ageing is 'slow'; expected rates"):
        doi_peliti("slow", [1], [1])
    with pytest.raises(sd.DeclarationError, match="upper is 0; expected a whole number from 1"):
        PROCESSES[0].matrix(0)
    assert r"1.2\,(1 - a_1^\dagger) a_2^\dagger a_2" in PROCESSES[0]._repr_latex_()
    assert str(doi_peliti([], [0], [0])) == "H = 0"


# ---- fermionic densities -----------------------------------------------------------------------


def test_two_modes_in_closed_form():
    w1, w2, lam = 1.3, 0.4, 0.7
    start, t = (0.9, 0.2), np.linspace(0, 9, 40)
    delta = w1 - w2
    R = math.sqrt(delta**2 + 4 * lam**2)
    share = 4 * lam**2 * np.sin(R * t / 2) ** 2 / R**2
    first = start[0] * (delta**2 + 4 * lam**2 * np.cos(R * t / 2) ** 2) / R**2 + start[1] * share
    found = fermionic([w1, w2], lam).densities(start, t)
    np.testing.assert_allclose(found[:, 0], first, atol=1e-13)
    np.testing.assert_allclose(found.sum(axis=1), sum(start), atol=1e-13)


MODEL = fermionic([1.0, 0.3, 0.7], [[0, 0.2, 0.5], [0.2, 0, 0.1], [0.5, 0.1, 0]])


def test_many_body_states_have_these_densities():
    H, a = MODEL.many_body().toarray(), jordan_wigner(3)
    np.testing.assert_array_equal(H, H.T)
    for bits in itertools.product((0, 1), repeat=3):
        psi = np.zeros(8)
        psi[int("".join(map(str, bits)), 2)] = 1
        moved = scipy.linalg.expm(-1.7j * H) @ psi
        seen = [np.vdot(moved, a_j.T @ a_j @ moved).real for a_j in a]
        np.testing.assert_allclose(MODEL.densities(bits, 1.7)[0], seen, atol=1e-13)


def test_transitions_are_a_matrix_population():
    # doubly stochastic: iterated, which forgets coherence at each step, it leads to equal densities
    L = MODEL.transition(1.1)
    np.testing.assert_allclose(L.sum(axis=0), 1)
    np.testing.assert_allclose(L.sum(axis=1), 1)
    found = MODEL.induced(lambda n: MODEL, 1.1, 40, [1, 0, 0.5])
    data = sd.simulate(sd.MatrixModel(L), range(41), initial=dict(n1=1, n2=0, n3=0.5), progress=False)
    for k in range(3):
        np.testing.assert_allclose(found[:, k], data[f"n{k + 1}"].values.ravel(), atol=1e-12)
    np.testing.assert_allclose(np.linalg.matrix_power(L, 400), 1 / 3, atol=1e-9)


def test_rules_change_parameters_and_densities():
    seen = []

    def rule(n):
        seen.append(n)
        return MODEL.with_parameters(coupling=MODEL.coupling * n[0])

    found = MODEL.induced(rule, 0.8, 3, [0.2, 0.9, 0.4])
    np.testing.assert_allclose(found.sum(axis=1), 1.5)
    n1 = MODEL.transition(0.8) @ [0.2, 0.9, 0.4]
    n2 = fermionic(MODEL.frequencies, MODEL.coupling * n1[0]).transition(0.8) @ n1
    np.testing.assert_allclose(found[1:3], [n1, n2], atol=1e-14)
    np.testing.assert_array_equal(seen, found[1:3])

    def breed(n):
        return MODEL, np.minimum(1.2 * n, 1)

    grown = MODEL.induced(breed, 0.8, 3, [0.1, 0.2, 0.1])
    np.testing.assert_allclose(grown.sum(axis=1), [0.4, 0.4, 0.48, 0.576])


def test_what_is_no_fermionic_model():
    with pytest.raises(sd.DeclarationError, match=r"the coupling has the shape \(2, 2\); expected a symmetric matrix \(2, 2\)"):
        fermionic([1, 2], [[0, 1], [0, 0]])
    with pytest.raises(sd.DeclarationError, match="with zeros on its diagonal"):
        fermionic([1, 2], [[1, 0], [0, 0]])
    with pytest.raises(sd.DeclarationError, match="frequencies are 3; expected a sequence"):
        fermionic(3, 1)
    with pytest.raises(sd.DeclarationError, match=r"densities are .*; expected 3 numbers from 0 to 1"):
        MODEL.densities([0, 1, 2], 1)
    with pytest.raises(sd.DeclarationError, match="the rule gave float; expected a FermionicModel"):
        MODEL.induced(lambda n: 1.0, 1, 2, [0, 1, 0])
    assert isinstance(MODEL, FermionicModel)
    assert str(fermionic([1, 0], 0.5)) == "H = 1*a1+*a1 + 0.5*(a1+*a2 + h.c.)"
    assert r"\mathrm{h.c.}" in MODEL._repr_latex_()
