"""Reversible automata as quantum systems, against logarithms and exponentials of matrices."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.fock import jordan_wigner, normal_ordered

from .rules import L, R, configurations, domany_kinzel, movers, s

RIGHT = sd.Automaton(s[-1], 6)


def permutation(sites):
    """The matrix that moves every cell to the right."""
    states = configurations(sites)
    weights = 2 ** np.arange(sites)[::-1]
    matrix = np.zeros((2**sites, 2**sites))
    matrix[np.roll(states, 1, axis=1) @ weights, states @ weights] = 1
    return matrix


def some_distribution(size, seed=0):
    p = np.random.default_rng(seed).random(size)
    return p / p.sum()


def test_free_fermions_are_the_permutation_with_signs():
    exact = permutation(6)
    free = sd.automata.free_fermions(RIGHT)
    H = free.matrix().toarray()
    assert pytest.approx(H.conj().T, abs=1e-14) == H
    assert scipy.linalg.expm(-1j * H) == pytest.approx(exact, abs=5e-15)
    # one particle: 0, +-pi/3, +-2 pi/3 and pi, which is -pi
    assert free.energies() == pytest.approx(np.pi / 3 * np.array([-2, -1, 0, 1, 2, 3]), abs=1e-15)
    assert free.energies(odd=False) == pytest.approx(np.pi / 6 * np.array([-5, -3, -1, 1, 3, 5]), abs=1e-15)
    # a quadratic form within each parity: no terms of four operators among odd states of one particle
    terms = normal_ordered(H, 6, order=1)
    h = free.one_body()
    for (a, b), value in terms.items():
        assert value == pytest.approx(h[a[0], b[0]], abs=1e-13)


@pytest.mark.parametrize("sites", [1, 2, 3, 4])
def test_fermions_that_move_both_ways(sites):
    both = sd.Automaton({R: R[-1], L: L[1]}, sites)
    H = sd.automata.free_fermions(both).matrix().toarray()
    exact = np.kron(permutation(sites), permutation(sites).T)
    assert scipy.linalg.expm(-1j * H) == pytest.approx(exact, abs=2e-14)


def test_the_hamiltonian_by_cycles_is_the_logarithm():
    H = RIGHT.hamiltonian()
    matrix = H.matrix().toarray()
    assert pytest.approx(matrix.conj().T, abs=1e-15) == matrix
    assert scipy.linalg.expm(-1j * matrix) == pytest.approx(permutation(6), abs=2e-15)
    assert np.linalg.eigvalsh(matrix) == pytest.approx(H.energies, abs=1e-14)
    assert H.lengths == {1: 2, 2: 1, 3: 2, 6: 9}  # necklaces of six beads in two colours
    assert H.turns[Fraction(1, 2)] == 1 + 9
    assert H.turns[Fraction(1, 3)] == 2 + 9
    assert sum(H.turns.values()) == 64


def test_interacting_movers():
    automaton = movers(4)
    H = automaton.hamiltonian()
    assert H.lengths == {1: 4, 2: 18, 4: 26, 6: 4, 8: 2, 12: 6}
    assert H.order == 24
    assert {(24 * t).denominator for t in H.turns} == {1}
    expected = Counter()
    for length, count in H.lengths.items():
        expected.update({Fraction(k, length) % 1: count for k in range(length)})
    assert {t % 1: n for t, n in H.turns.items()} == dict(expected)
    chain = automaton.step_operator()
    p = some_distribution(256)
    q = automaton.wave_function(p).step(50)
    assert q.norm == pytest.approx(1, abs=1e-15)
    assert q.probabilities == pytest.approx(chain.evolve(p, 50), abs=1e-17)
    assert abs(np.sort(np.angle(chain.spectrum(256))) - np.sort(np.angle(np.exp(1j * H.energies)))).max() < 1e-14
    with pytest.raises(DeclarationError, match=r"influence one another.*in_fermions"):
        sd.automata.free_fermions(automaton)


def test_interactions_are_terms_of_more_fermions():
    """Terms by recursion add up to H in products of Jordan and Wigner's matrices; a quadratic form has no others."""
    H = movers(2).hamiltonian()
    a = [x.toarray() for x in jordan_wigner(4)]
    total = np.zeros((16, 16), complex)
    for (created, annihilated), value in H.in_fermions().items():
        term = value * np.eye(16, dtype=complex)
        for j in created:
            term = term @ a[j].T
        for j in reversed(annihilated):
            term = term @ a[j]
        total += term
    assert total == pytest.approx(H.matrix().toarray(), abs=1e-14)
    assert max(len(x) for x, _ in H.in_fermions()) == 4
    free = sum(c * a[i].T @ a[j] for i, j, c in [(0, 1, 2.0), (1, 0, 2.0), (3, 3, -1.0)])
    assert normal_ordered(free, 4) == {((0,), (1,)): 2.0, ((1,), (0,)): 2.0, ((3,), (3,)): -1.0}


def test_the_quantum_rule_gives_classical_values():
    """Products of occupations are diagonal: q A q, tr(rho A) and the sum over the distribution agree at all times."""
    automaton = movers(3)
    chain = automaton.step_operator()
    p = some_distribution(64, seed=2)
    signs = np.where(np.random.default_rng(3).random(64) < 0.5, -1, 1)
    wave = automaton.wave_function(amplitudes=signs * np.sqrt(p))
    a = jordan_wigner(6)
    for t in (0, 1, 7, 40):
        now, later = chain.evolve(p, t), wave.step(t)
        rho = later.density_matrix()
        for i, j in [(0, 0), (0, 4), (2, 5)]:
            number = (a[i].T @ a[i]) @ (a[j].T @ a[j])
            classical = now @ (chain.bits(i) * chain.bits(j))
            assert later.expectation(number) == pytest.approx(classical, abs=1e-12)
            assert later.expectation(chain.bits(i) * chain.bits(j)) == pytest.approx(classical, abs=1e-12)
            assert rho.expectation(number) == pytest.approx(classical, abs=1e-12)


def test_any_time_and_back():
    automaton = movers(3)
    q = automaton.wave_function(some_distribution(64, seed=5))
    H = automaton.hamiltonian().matrix().toarray()
    found = q.evolve(0.37).amplitudes
    assert found == pytest.approx(scipy.linalg.expm(-0.37j * H) @ q.amplitudes, abs=1e-14)
    assert q.evolve(3).amplitudes == pytest.approx(q.step(3).amplitudes, abs=1e-14)
    assert (q.step(11).step(-11).amplitudes == q.amplitudes).all()
    assert (q.step(automaton.hamiltonian().order).amplitudes == q.amplitudes).all()


def test_momentum_generates_translations():
    P = sd.automata.momentum(RIGHT)
    assert scipy.linalg.expm(-1j * P.toarray()) == pytest.approx(permutation(6), abs=5e-15)
    one = [1 << (5 - x) for x in range(6)]  # one particle at x
    for m in (-2, 0, 1, 3):
        k = 2 * np.pi * m / 6
        amplitudes = np.zeros(64, complex)
        amplitudes[one] = np.exp(1j * k * np.arange(6)) / np.sqrt(6)
        wave = RIGHT.wave_function(amplitudes=amplitudes)
        assert wave.expectation(P) == pytest.approx(k, abs=1e-14)
        assert wave.step(4).expectation(P) == pytest.approx(k, abs=1e-14)  # it is conserved
    # a real wave function of one particle has the mean (1/L) sum of k of the Fourier transform, weighted by its square
    packet = np.zeros(64)
    packet[one] = np.exp(-((np.arange(6) - 2.0) ** 2) / 2)
    packet /= np.linalg.norm(packet)
    spectrum = np.abs(np.fft.fft(packet[one]) / np.sqrt(6)) ** 2
    k = 2 * np.pi * np.fft.fftfreq(6)
    k[3] = np.pi
    assert RIGHT.wave_function(amplitudes=packet).expectation(P) == pytest.approx(spectrum @ k, abs=1e-14)
    # it is no function of the cells: states of definite cells have all momenta alike
    assert np.diag(P.toarray())[one] == pytest.approx(np.full(6, np.pi / 6), abs=1e-14)  # (0 + pi + pairs that cancel)/6


def test_momentum_of_one_of_two_names():
    """Free movers: the momentum of right movers less that of left movers is the energy."""
    both = sd.Automaton({R: R[-1], L: L[1]}, 3)
    H = sd.automata.free_fermions(both).matrix().toarray()
    right, left = (sd.automata.momentum(both, name).toarray() for name in "RL")
    # the momentum pi, of two fermions on a ring of three, is -pi, too: the exponentials agree
    assert scipy.linalg.expm(-1j * (right - left)) == pytest.approx(scipy.linalg.expm(-1j * H), abs=2e-14)
    for P in (right, left):
        assert pytest.approx(H @ P, abs=1e-12) == P @ H
    assert right + left == pytest.approx(sd.automata.momentum(both).toarray(), abs=1e-13)
    with pytest.raises(DeclarationError, match=r"no cells called Q; known: R, L"):
        sd.automata.momentum(both, "Q")
    with pytest.raises(DeclarationError, match="needs a ring"):
        sd.automata.momentum(sd.Automaton(s[0], 3, boundary=0))


def test_density_matrices_of_subsystems():
    rng = np.random.default_rng(7)
    psi = rng.normal(size=16) + 1j * rng.normal(size=16)
    psi /= np.linalg.norm(psi)
    rho = sd.automata.DensityMatrix(np.outer(psi, psi.conj()))
    # Schmidt: both halves have the squares of the singular values of the amplitudes as a matrix
    squares = np.linalg.svd(psi.reshape(4, 4), compute_uv=False) ** 2
    first, second = rho.subsystem([0, 1]), rho.subsystem([2, 3])
    for half in (first, second):
        assert half.eigenvalues == pytest.approx(np.sort(squares), abs=1e-14)
        assert half.entropy == pytest.approx(-np.sum(squares * np.log(squares)), abs=1e-13)
        assert half.purity == pytest.approx(np.sum(squares**2), abs=1e-14)
    assert rho.entropy == pytest.approx(0, abs=1e-12)
    # the order of the cells that are kept, and traces one after another
    swapped = rho.subsystem([3, 0])
    tensor = np.einsum("abcd,ebcf->dafe", psi.reshape((2,) * 4), psi.conj().reshape((2,) * 4)).reshape(4, 4)
    assert swapped.matrix == pytest.approx(tensor, abs=1e-15)
    assert rho.subsystem([0, 1, 3]).subsystem([2, 0]).matrix == pytest.approx(swapped.matrix, abs=1e-15)


def test_mixed_states():
    automaton = movers(2)
    chain = automaton.step_operator()
    p = some_distribution(16, seed=9)
    waves = [automaton.wave_function(format(k, "04b")) for k in range(16)]
    rho = sd.automata.mixture(waves, p)
    assert rho.entropy == pytest.approx(-np.sum(p * np.log(p)), abs=1e-13)  # Shannon's
    assert rho.step(chain).probabilities == pytest.approx(chain.evolve(p, 1), abs=1e-16)
    observable = np.arange(16.0)
    assert rho.expectation(observable) == pytest.approx(p @ observable, abs=1e-12)
    uniform = sd.automata.mixture(waves, np.full(16, 1 / 16))
    assert uniform.entropy == pytest.approx(4 * np.log(2), abs=1e-14)
    assert uniform.purity == pytest.approx(1 / 16, abs=1e-15)
    # a pure state and a mixed one of the same probabilities differ in what is no function of the cells
    pure = automaton.wave_function(np.full(16, 1 / 16)).density_matrix()
    flip = np.kron([[0, 1], [1, 0]], np.eye(8))
    assert (pure.expectation(flip), uniform.expectation(flip)) == pytest.approx((1, 0), abs=1e-14)
    # subsystems of steps keep the entropy of the whole
    assert rho.step(chain).entropy == pytest.approx(rho.entropy, abs=1e-13)


def test_what_is_not_reversible_is_refused():
    with pytest.raises(
        DeclarationError, match=r"orthogonal: the probability that s is 1 next where s\[0\] = 0, s\[1\] = 1 is 0.6"
    ):
        domany_kinzel(4).wave_function("1111")
    with pytest.raises(DeclarationError, match="the states 000 and 001 both become 000"):
        sd.Automaton(s[0] * s[1], 3).hamiltonian()
    with pytest.raises(DeclarationError, match="not orthogonal"):
        sd.automata.DensityMatrix(np.eye(16) / 16).step(domany_kinzel(4).step_operator())
    with pytest.raises(DeclarationError, match="random, or not reversible"):
        sd.automata.free_fermions(domany_kinzel(4))
    with pytest.raises(DeclarationError, match="appear or vanish"):
        sd.automata.free_fermions(sd.Automaton(1 - s[0], 3))
    with pytest.raises(DeclarationError, match="no ring of neighbours"):
        sd.automata.free_fermions(sd.Automaton(s[-2], 5))


def test_wrong_input_is_refused():
    q = RIGHT.wave_function("100000")
    for bad, message in [
        (lambda: q.expectation(np.ones(3)), r"the shape \(3,\); expected \(64, 64\), or 64 real values"),
        (lambda: q.expectation(np.triu(np.ones((64, 64)))), "not Hermitian"),
        (lambda: q.step(0.5), "evolve"),
        (lambda: q.evolve(np.nan), "time is nan"),
        (lambda: RIGHT.wave_function(), "expected one of them"),
        (lambda: RIGHT.wave_function(amplitudes=np.ones(64)), "the norm 8; expected 1"),
        (lambda: RIGHT.wave_function(np.ones(64)), "the sum 64"),
        (lambda: sd.automata.DensityMatrix(np.ones((3, 3))), r"2\^n rows"),
        (lambda: sd.automata.DensityMatrix(np.diag([2.0, -1.0])), "negative eigenvalue -1"),
        (lambda: sd.automata.DensityMatrix([[0.5, 1.0], [0.0, 0.5]]), "not Hermitian"),
        (lambda: sd.automata.DensityMatrix(np.eye(4)), "trace 4"),
        (lambda: sd.automata.DensityMatrix(np.eye(4) / 4).subsystem([0, 0]), "different numbers from 0 to 1"),
        (lambda: sd.automata.mixture([q], [0.5]), "add up to 1"),
    ]:
        with pytest.raises(DeclarationError, match=message):
            bad()


def test_density_matrices_that_are_too_large_are_refused_before_they_are_made():
    wave = sd.Automaton(s[-1], 20).wave_function("1" + "0" * 19)  # 8 TB
    with pytest.raises(DeclarationError, match="at most 2\\^12"):
        wave.density_matrix()


def test_observables_that_are_not_finite_are_refused():
    with pytest.raises(DeclarationError, match="not finite"):
        sd.Automaton(s[-1], 2).wave_function("10").expectation([1, np.nan, 0, 0])
