r"""The Hamiltonian of a reversible automaton, :math:`S = e^{-iH}`, from the cycles of its states."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import scipy.sparse as ss

from symdyn.automata._product import ENTRIES, cycles_of
from symdyn.automata.operators import StepOperator, step_operator
from symdyn.errors import DeclarationError
from symdyn.fock import normal_ordered
from symdyn.models.automaton import Automaton

__all__ = ["StepHamiltonian", "hamiltonian", "reversible"]


def reversible(operator: StepOperator, what: str) -> np.ndarray:
    """The permutation of a reversible automaton.

    Raises
    ------
    DeclarationError
        If it is none, and so the norm of wave functions would not be kept.
    """
    if operator.permutation is not None:
        return operator.permutation
    tables = operator.automaton.probabilities()
    for i, table in enumerate(tables):
        if (random := np.flatnonzero((table > 0) & (table < 1))).size:
            reason = f"{operator.automaton.entry(i, int(random[0]))} is {table[random[0]]:g}"
            break
    else:
        matrix = operator.matrix()
        targets = matrix.indices  # one entry a column
        first = int(np.flatnonzero(np.bincount(targets) > 1)[0])
        pair = [format(int(k), f"0{operator.cells}b") for k in np.flatnonzero(targets == first)[:2]]
        reason = f"the states {pair[0]} and {pair[1]} both become {format(first, f'0{operator.cells}b')}"
    raise DeclarationError(f"{what} needs a reversible automaton, whose step operator is orthogonal: {reason}")


def hamiltonian(automaton: Automaton) -> StepHamiltonian:
    r"""The Hamiltonian H of a reversible automaton, :math:`S = e^{-iH}`, with energies in :math:`(-\pi, \pi]`.

    On a cycle of length :math:`\ell` the energies are :math:`2\pi k/\ell`, exactly; no logarithm of a matrix is taken.

    Parameters
    ----------
    automaton : Automaton
        Deterministic and reversible.

    Returns
    -------
    StepHamiltonian

    Raises
    ------
    DeclarationError
        If the step operator is not orthogonal.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> H = sd.Automaton(s[-1], sites=3).hamiltonian()
    >>> dict(H.lengths), H.order
    ({1: 2, 3: 2}, 3)
    """
    operator = step_operator(automaton)
    reversible(operator, "a Hamiltonian")
    return StepHamiltonian(operator)


@dataclass(frozen=True, eq=False)
class StepHamiltonian:
    """The Hamiltonian of a reversible automaton, by its cycles; ``automaton.hamiltonian()`` makes one.

    Attributes
    ----------
    operator : StepOperator

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> sd.Automaton(s[-1], sites=3).hamiltonian()
    <StepHamiltonian of 3 cells: energies are multiples of 2 pi/3>
    """

    operator: StepOperator

    @cached_property
    def cycles(self) -> tuple[np.ndarray, ...]:
        """The states of each cycle in the order in which they follow one another."""
        assert self.operator.permutation is not None
        return tuple(cycles_of(self.operator.permutation))

    @cached_property
    def lengths(self) -> Mapping[int, int]:
        """How many cycles there are of each length."""
        return dict(sorted(Counter(map(len, self.cycles)).items()))

    @property
    def order(self) -> int:
        """Number of steps after which every state returns, the least common multiple of the lengths."""
        return math.lcm(*self.lengths)

    @cached_property
    def turns(self) -> Mapping[Fraction, int]:
        """Energies as parts of 2 pi, in (-1/2, 1/2], exact, with their multiplicities."""
        found: Counter[Fraction] = Counter()
        for length, count in self.lengths.items():
            for k in range(length):
                found[Fraction(k, length) - (2 * k > length)] += count
        return dict(sorted(found.items()))

    @property
    def energies(self) -> np.ndarray:
        """All energies with their multiplicities, (2^n,) float64, rising; in radians a step."""
        return np.repeat([2 * math.pi * float(t) for t in self.turns], list(self.turns.values()))

    def matrix(self) -> ss.csr_array:
        """H as a sparse matrix: a full block for each cycle.

        Returns
        -------
        (2^n, 2^n) scipy.sparse.csr_array of complex128
            Hermitian.

        Raises
        ------
        DeclarationError
            If it has more than 33 million entries.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> H = sd.Automaton(1 - s[0], sites=1).hamiltonian().matrix()  # a bit that flips: pi (1 - sigma_x)/2
        >>> (H.toarray() / np.pi).round(12).real.tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        count = sum(length**2 * number for length, number in self.lengths.items())
        if count > ENTRIES:
            raise DeclarationError(f"the matrix has {count} entries; energies and evolve(t) need no matrix")
        rows, columns, values = [], [], []
        for cycle in self.cycles:
            k = np.arange(cycle.size)
            column = np.fft.ifft(_angles(cycle.size))  # (1/l) sum of w exp(i w j)
            block = column[(k[:, None] - k[None, :]) % cycle.size]
            rows.append(np.repeat(cycle, cycle.size))
            columns.append(np.tile(cycle, cycle.size))
            values.append(((block + block.conj().T) / 2).ravel())
        where = (np.concatenate(rows), np.concatenate(columns))
        return ss.csr_array(ss.coo_array((np.concatenate(values), where), shape=self.operator.shape))

    def propagate(self, amplitudes: np.ndarray, time: float) -> np.ndarray:
        r"""The propagator :math:`e^{-iHt}` applied to a wave function, by Fourier transforms along the cycles.

        Parameters
        ----------
        amplitudes : (2^n,) array
        time : float
            In steps.

        Returns
        -------
        (2^n,) complex128

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> H = sd.Automaton(1 - s[0], sites=1).hamiltonian()
        >>> H.propagate(np.array([1.0, 0.0]), 0.5).round(12).tolist()
        [(0.5-0.5j), (0.5+0.5j)]
        """
        found = np.array(amplitudes, dtype=complex)
        for cycle in self.cycles:
            found[cycle] = np.fft.ifft(np.fft.fft(found[cycle]) * np.exp(-1j * time * _angles(cycle.size)))
        return found

    def in_fermions(
        self, order: int | None = None, tolerance: float = 1e-12
    ) -> dict[tuple[tuple[int, ...], tuple[int, ...]], complex]:
        r"""H in creators and annihilators of fermions, normally ordered, one mode a cell (Jordan and Wigner).

        .. math:: H = \sum_{A, B} c_{AB}\; a_{A_1}^\dagger \cdots a_{A_k}^\dagger\, a_{B_l} \cdots a_{B_1}

        Parameters
        ----------
        order : int, optional
            Most creators, and most annihilators, of a term; by default all.  Lower terms do not depend on it.
        tolerance : float
            Smaller coefficients are left out.

        Returns
        -------
        dict from (A, B) to complex
            Tuples of cells, rising.

        Raises
        ------
        DeclarationError
            If the matrix has too many entries.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> H = sd.Automaton(s[-1], sites=2).hamiltonian().in_fermions()  # two cells change places
        >>> {k: round(v.real / np.pi, 12) for k, v in H.items()}
        {((0,), (0,)): 0.5, ((0,), (1,)): -0.5, ((1,), (0,)): -0.5, ((1,), (1,)): 0.5, ((0, 1), (0, 1)): -1.0}
        """
        return normal_ordered(self.matrix(), self.operator.cells, order, tolerance)

    def __repr__(self) -> str:
        return f"<StepHamiltonian of {self.operator.cells} cells: energies are multiples of 2 pi/{self.order}>"


def _angles(length: int) -> np.ndarray:
    """Energies of a cycle in the order of the Fourier transform, in (-pi, pi]."""
    k = np.arange(length)
    return 2 * np.pi * np.where(2 * k > length, k - length, k) / length
