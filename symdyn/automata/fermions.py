"""Cells that move without meeting others as free fermions: their Hamiltonian, and momentum as the generator of translations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as ss

from symdyn.automata._product import cycles_of
from symdyn.automata.operators import step_operator
from symdyn.errors import DeclarationError
from symdyn.fock import jordan_wigner
from symdyn.methods.options import check_whole
from symdyn.models.automaton import Automaton

__all__ = ["FreeFermions", "free_fermions", "momentum", "wave_numbers"]

#: Modes of the largest many-body matrix.
MOST_MODES = 12


def wave_numbers(sites: int, *, odd: bool = True) -> np.ndarray:
    r"""Momenta on a ring, :math:`2\pi m/L` for an odd number of fermions and :math:`2\pi (m + 1/2)/L` for an even one.

    They lie in :math:`(-\pi, \pi]`.

    Parameters
    ----------
    sites : int
    odd : bool

    Returns
    -------
    (L,) float64
        Rising, in radians a site.

    Raises
    ------
    DeclarationError
        If the number of sites is not a positive whole number.

    Examples
    --------
    >>> (wave_numbers(4) / np.pi).tolist(), (wave_numbers(4, odd=False) / np.pi).tolist()
    ([-0.5, 0.0, 0.5, 1.0], [-0.75, -0.25, 0.25, 0.75])
    """
    check_whole(sites=sites)
    m = np.arange(sites)
    turns = 2 * m + (0 if odd else 1)
    return np.sort(np.pi * np.where(turns > sites, turns - 2 * sites, turns) / sites)


@dataclass(frozen=True, eq=False)
class FreeFermions:
    r"""A Hamiltonian of fermions that move on rings of modes, by one mode a step.

    .. math::
        H = \sum_r \sum_{\pi = \pm} P_\pi^{(r)} \Big(\sum_{k} \epsilon_k\, n_k\Big) P_\pi^{(r)}, \qquad
        \epsilon_k = \begin{cases} 2\pi m/\ell & \text{odd} \\ 2\pi (m + 1/2)/\ell & \text{even} \end{cases}

    :math:`n_k` counts the fermions in the plane wave k of a ring, and :math:`P_\pi` projects on odd or even numbers: a fermion
    that crosses the end of the ring passes all others, and its sign :math:`(-1)^{N-1}` makes the ring periodic or antiperiodic.
    With these, :math:`e^{-iH}` is the permutation of the automaton, signs included.

    Attributes
    ----------
    modes : int
    rings : tuple of (m,) int64
        The modes of each ring in the order in which a fermion passes them.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> free = sd.automata.free_fermions(sd.Automaton(s[-1], sites=6))
    >>> (free.energies(0) * 3 / np.pi).round(12).tolist()
    [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """

    modes: int
    rings: tuple[np.ndarray, ...]

    def energies(self, ring: int = 0, *, odd: bool = True) -> np.ndarray:
        """The energies of one fermion on a ring that holds an odd, or even, number of them.

        Parameters
        ----------
        ring : int
        odd : bool

        Returns
        -------
        (m,) float64
            In radians a step.

        Examples
        --------
        >>> (FreeFermions(2, (np.arange(2),)).energies(odd=False) / np.pi).tolist()
        [-0.5, 0.5]
        """
        return wave_numbers(self.rings[ring].size, odd=odd)

    def one_body(self, ring: int = 0, *, odd: bool = True) -> np.ndarray:
        r"""The matrix h of :math:`\sum_{ij} h_{ij}\, a_i^\dagger a_j` on a ring with an odd, or even, number of fermions.

        Parameters
        ----------
        ring : int
        odd : bool

        Returns
        -------
        (m, m) complex128
            Hermitian; between the modes of the ring in its order.

        Examples
        --------
        >>> (FreeFermions(2, (np.arange(2),)).one_body() / np.pi).real.round(12).tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        k, x = self.energies(ring, odd=odd), np.arange(self.rings[ring].size)
        waves = np.exp(1j * np.outer(x, k)) / np.sqrt(x.size)
        return (waves * k) @ waves.conj().T

    def matrix(self) -> ss.csr_array:
        """H on all occupations of the modes.

        Returns
        -------
        (2^n, 2^n) scipy.sparse.csr_array of complex128

        Raises
        ------
        DeclarationError
            For more than twelve modes.

        Examples
        --------
        >>> FreeFermions(1, (np.arange(1),)).matrix().toarray().tolist()  # a ring of one mode: nothing moves
        [[0j, 0j], [0j, 0j]]
        """
        if self.modes > MOST_MODES:
            raise DeclarationError(f"there are {self.modes} modes; the matrix takes {MOST_MODES} at most")
        a = jordan_wigner(self.modes)
        bits = (np.arange(2**self.modes)[:, None] >> np.arange(self.modes)[::-1]) & 1
        total = ss.csr_array(a[0].shape, dtype=complex)
        for r, ring in enumerate(self.rings):
            parity = bits[:, ring].sum(axis=1) % 2
            for odd in (0, 1):
                h = self.one_body(r, odd=bool(odd))
                part = ss.csr_array(a[0].shape, dtype=complex)
                for i, j in np.ndindex(h.shape):
                    part = part + h[i, j] * (a[ring[i]].T @ a[ring[j]])
                project = ss.diags_array((parity == odd).astype(float))
                total = total + project @ part @ project
        total = ss.csr_array(total)
        total.data[np.abs(total.data) < 1e-15] = 0.0  # what is left of sums that vanish
        total.eliminate_zeros()
        return ss.csr_array(total, dtype=complex)


def free_fermions(automaton: Automaton) -> FreeFermions:
    """The free fermions that an automaton moves.

    Parameters
    ----------
    automaton : Automaton
        One in which every 1 moves by itself, around rings of neighbouring cells.

    Returns
    -------
    FreeFermions

    Raises
    ------
    DeclarationError
        If cells that are 1 influence one another, appear or vanish, or move by more than one cell.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> R, L = sp.symbols("R L", cls=sp.IndexedBase)
    >>> free = sd.automata.free_fermions(sd.Automaton({R: R[-1], L: L[1]}, sites=3))
    >>> [ring.tolist() for ring in free.rings]
    [[0, 1, 2], [5, 4, 3]]
    """
    operator = step_operator(automaton)
    target = operator.permutation
    if target is None:
        raise DeclarationError("the automaton is random, or not reversible; free fermions are moved by a reversible one")
    n = operator.cells
    moves = np.array([_mode(int(target[1 << (n - 1 - c)]), n) for c in range(n)])
    sums = sum((operator.bits(c) << (n - 1 - int(m))) for c, m in enumerate(moves)) if (moves >= 0).all() else None
    if sums is None or not np.array_equal(sums, target):
        wrong = np.flatnonzero(sums != target)[0] if sums is not None else 1 << (n - 1 - int(np.flatnonzero(moves < 0)[0]))
        shown = format(int(wrong), f"0{n}b"), format(int(target[wrong]), f"0{n}b")
        raise DeclarationError(
            f"the automaton takes {shown[0]} to {shown[1]}: cells that are 1 influence one another, appear or vanish; "
            "hamiltonian().in_fermions() has the terms of interacting ones"
        )
    rings = []
    for ring in cycles_of(moves):
        if not _neighbouring(ring):
            raise DeclarationError(
                f"the cells {ring.tolist()} follow one another, which are no ring of neighbours; free fermions move by one cell"
            )
        left = ring.size > 2 and (ring[1] - ring[0]) % ring.size != 1
        rings.append(np.sort(ring)[::-1] if left else np.sort(ring))  # from one end on: there a fermion passes all others
    return FreeFermions(n, tuple(rings))


def _neighbouring(ring: np.ndarray) -> bool:
    """Whether modes lie side by side, and each is followed by the next one on the same side."""
    size = ring.size
    together = int(ring.max() - ring.min()) == size - 1
    steps = set((np.diff(ring) % size).tolist())
    return together and (steps <= {1} or steps <= {size - 1})


def _mode(state: int, n: int) -> int:
    """The cell that is 1 in a state in which one is, else -1."""
    return n - state.bit_length() if state and not state & (state - 1) else -1


def momentum(automaton: Automaton, name: Any = None) -> ss.csr_array:
    r"""The momentum of the cells that are 1: the generator of translations, by the Fourier transform of fermions.

    .. math:: P = \sum_k k\, n_k, \qquad n_k = a_k^\dagger a_k, \quad a_k = \frac{1}{\sqrt L} \sum_x e^{-ikx} a_x, \qquad
              e^{-iP} = \text{translation by one site}

    with the momenta of `wave_numbers`, which depend on whether the number of fermions is odd.  It is no function of the cells:
    its mean follows from wave functions, not from probabilities.

    Parameters
    ----------
    automaton : Automaton
        On a ring; its rule does not enter.
    name : Symbol or str, optional
        Of the cells, where there are several; by default of all.

    Returns
    -------
    (2^n, 2^n) scipy.sparse.csr_array of complex128
        In radians a site.

    Raises
    ------
    DeclarationError
        Without a ring, for more than twelve cells, and unknown names.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> A = sd.Automaton(s[-1], sites=4)
    >>> P = sd.automata.momentum(A)
    >>> wave = np.zeros(16, complex)
    >>> wave[[8, 4, 2, 1]] = np.exp(1j * np.pi / 2 * np.arange(4)) / 2  # one particle with momentum pi/2
    >>> round(A.wave_function(amplitudes=wave).expectation(P) / np.pi, 12)
    0.5
    """
    if automaton.boundary != "periodic":
        raise DeclarationError("momentum needs a ring; this automaton has fixed cells beyond its ends")
    names = automaton.names if name is None else (str(name),)
    if names[0] not in automaton.names:
        raise DeclarationError(f"there are no cells called {names[0]}; known: {', '.join(automaton.names)}")
    sites = automaton.sites
    rings = tuple(np.arange(sites) + sites * automaton.names.index(n) for n in names)
    return FreeFermions(sites * len(automaton.states), rings).matrix()
