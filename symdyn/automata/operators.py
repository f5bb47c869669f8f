"""The Markov chain of an automaton: its step operator with spectrum, stationary distribution and passage times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as ss
import scipy.sparse.linalg as ssl

from symdyn.automata._chain import DENSE, leading_eigenvalues, passage_times, stationary_distribution
from symdyn.automata._product import CellProduct
from symdyn.errors import DeclarationError
from symdyn.models.automaton import Automaton

__all__ = ["StepOperator", "step_operator"]

#: Cells of the largest chain, and eigenvalues that are found by iteration.
MOST, MOST_VALUES = 24, 200


def step_operator(automaton: Automaton, parameters: Mapping[Any, float] | None = None) -> StepOperator:
    r"""The step operator S of the Markov chain, :math:`p(t+1) = S\,p(t)`, on all :math:`2^n` states of n cells.

    Parameters
    ----------
    automaton : Automaton
        Of 24 cells at most.
    parameters : mapping of Symbol or str to float, optional
        Over the defaults.

    Returns
    -------
    StepOperator

    Raises
    ------
    DeclarationError
        For more cells, and parameters without value or that give no probabilities.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s, p = sp.IndexedBase("s"), sp.Symbol("p")
    >>> S = sd.Automaton(p * s[0], sites=2).step_operator({"p": 0.5})  # cells die, independently
    >>> (S @ S.state("11")).tolist()  # 00, 01, 10, 11
    [0.25, 0.25, 0.25, 0.25]
    """
    return StepOperator(automaton, parameters)


class StepOperator(ssl.LinearOperator):
    r"""The column-stochastic matrix :math:`S_{s's} = \prod_i P(s'_i \mid s)` as a linear operator of scipy.

    It is applied as a product of factors, one for each new cell, without a matrix.  Bit j of the number of a state, from the
    left, is cell j: the cells of the first name from site 0 on, then those of the next.

    Parameters
    ----------
    automaton : Automaton
    parameters : mapping, optional

    Attributes
    ----------
    automaton : Automaton
    cells : int
        Number of cells n.

    Raises
    ------
    DeclarationError
        If the automaton has too many cells, or a parameter has no value.

    Examples
    --------
    >>> S = Automaton.example().step_operator()
    >>> S.shape, abs(S.spectrum(3)).round(8).tolist()
    ((256, 256), [1.0, 0.97119646, 0.84079855])
    """

    def __init__(self, automaton: Automaton, parameters: Mapping[Any, float] | None = None) -> None:
        self.automaton, self.cells = automaton, automaton.sites * len(automaton.states)
        if self.cells > MOST:
            raise DeclarationError(
                f"the automaton has {self.cells} cells, and 2^{self.cells} states; expected at most {MOST} cells"
            )
        self.product = CellProduct(automaton, automaton.probabilities(parameters))
        super().__init__(np.dtype(float), (2**self.cells, 2**self.cells))

    # ---- states --------------------------------------------------------------------------------

    def index(self, state: Any) -> int:
        """The number of a state.

        Parameters
        ----------
        state : str, sequence of int, or int
            Bits of all cells in order, or the number itself.

        Returns
        -------
        int

        Raises
        ------
        DeclarationError
            If it is no state.

        Examples
        --------
        >>> Automaton.example().step_operator().index("00000101")
        5
        """
        n = self.cells
        if isinstance(state, (int, np.integer)) and not isinstance(state, bool):
            if 0 <= state < 2**n:
                return int(state)
        elif not isinstance(state, Mapping):
            bits = [str(b) for b in (state if isinstance(state, str) else map(_as_bit, np.ravel(state)))]
            if len(bits) == n and set(bits) <= {"0", "1"}:
                return int("".join(bits), 2)
        raise DeclarationError(
            f"the state is {state!r}; expected {n} bits, such as '{'0' * (n - 1)}1', or a number below 2^{n}"
        )

    def state(self, state: Any) -> np.ndarray:
        """The distribution that is concentrated on a state.

        Parameters
        ----------
        state : str, sequence of int, or int
            As for `index`.

        Returns
        -------
        (2^n,) float64

        Raises
        ------
        DeclarationError
            If the state is not a bit for each cell, nor a number below 2^n.

        Examples
        --------
        >>> Automaton.example().step_operator().state("11111111").argmax()
        np.int64(255)
        """
        found = np.zeros(self.shape[0])
        found[self.index(state)] = 1.0
        return found

    def bits(self, cell: int) -> np.ndarray:
        """The value of a cell in all states.

        Parameters
        ----------
        cell : int
            Its number, from 0.

        Returns
        -------
        (2^n,) int64

        Raises
        ------
        DeclarationError
            If there is no such cell.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> sd.Automaton(s[1], sites=2).step_operator().bits(0).tolist()
        [0, 0, 1, 1]
        """
        if not 0 <= cell < self.cells:
            raise DeclarationError(f"there is no cell {cell}; the cells are 0 to {self.cells - 1}")
        return self.product.bits(cell)

    def density(self, p: Any) -> np.ndarray:
        """Probability of 1 of each cell.

        Parameters
        ----------
        p : (2^n,) float64
            A distribution.

        Returns
        -------
        (n,) float64

        Examples
        --------
        >>> S = Automaton.example().step_operator()
        >>> (S.density(S @ S.state("11111111"))[0]).round(12)  # p2
        np.float64(0.8)
        """
        p = np.asarray(p, dtype=float)
        return np.array([float(p[self.bits(c) == 1].sum()) for c in range(self.cells)])

    def evolve(self, p: Any, steps: int) -> np.ndarray:
        r"""The distribution :math:`S^t p` after some steps.

        Parameters
        ----------
        p : (2^n,) array of float
            Non-negative numbers that add up to 1.
        steps : int

        Returns
        -------
        (2^n,) float64

        Raises
        ------
        DeclarationError
            If p is no distribution.

        Examples
        --------
        >>> S = Automaton.example().step_operator()
        >>> S.density(S.evolve(S.state("11111111"), 5))[0].round(8)
        np.float64(0.55809008)
        """
        if not isinstance(steps, (int, np.integer)) or steps < 0:
            raise DeclarationError(f"steps is {steps!r}; expected a whole number, 0 or more")
        p = self.distribution(p)
        for _ in range(steps):
            p = self.matvec(p)
        return p

    def distribution(self, p: Any) -> np.ndarray:
        """A distribution, checked.

        Parameters
        ----------
        p : (2^n,) array of float

        Returns
        -------
        (2^n,) float64

        Raises
        ------
        DeclarationError
            For another shape, negative numbers, or another sum than 1.

        Examples
        --------
        >>> float(Automaton.example().step_operator().distribution([1 / 256] * 256).sum())
        1.0
        """
        found = np.array(p, dtype=float)
        if found.shape != (self.shape[0],):
            raise DeclarationError(f"the distribution has the shape {found.shape}; expected {(self.shape[0],)}")
        if not (found >= 0).all() or abs(found.sum() - 1) > 1e-9:
            raise DeclarationError(
                f"the distribution has the minimum {found.min():g} and the sum {found.sum():g}; expected 0 and 1"
            )
        return found

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        return self.product.forward(x)

    def _rmatvec(self, x: np.ndarray) -> np.ndarray:
        return self.product.backward(x)

    @property
    def permutation(self) -> np.ndarray | None:
        """Where each state goes, (2^n,) int64, if the automaton is deterministic and reversible; else None."""
        return self.product.permutation

    # ---- matrices ------------------------------------------------------------------------------

    def matrix(self) -> ss.csc_array:
        """The sparse matrix of S.

        Returns
        -------
        (2^n, 2^n) scipy.sparse.csc_array of float64

        Raises
        ------
        DeclarationError
            If it has more than 33 million entries; products with the operator need no matrix.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> sd.Automaton(s[1], sites=2).step_operator().matrix().toarray().astype(int).tolist()
        [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
        """
        return self.product.matrix()

    # ---- what follows from it ------------------------------------------------------------------

    def spectrum(self, count: int = 6) -> np.ndarray:
        """Eigenvalues of largest modulus.

        Parameters
        ----------
        count : int
            How many; up to all of chains of at most 2,048 states and of reversible automata, of others up to 200.

        Returns
        -------
        (count,) complex128
            By falling modulus, then by rising angle; those of a reversible automaton, of modulus 1, by rising angle.  Those of
            larger chains are found by Arnoldi's iteration, which may miss copies of multiple eigenvalues.

        Raises
        ------
        DeclarationError
            For more.
        SymdynError
            If the iteration does not converge.

        Examples
        --------
        >>> Automaton.example().step_operator().spectrum(2).real.round(8).tolist()
        [1.0, 0.97119646]
        """
        most = self.shape[0] if self.shape[0] <= DENSE or self.permutation is not None else MOST_VALUES
        if not isinstance(count, (int, np.integer)) or not 1 <= count <= most:
            raise DeclarationError(f"count is {count!r}; expected a number of eigenvalues, 1 to {most}")
        return leading_eigenvalues(self, int(count))

    def stationary(self) -> np.ndarray:
        """The stationary distribution, S p = p.

        Returns
        -------
        (2^n,) float64

        Raises
        ------
        SymdynError
            If there is more than one: several sets of states are never left.

        Examples
        --------
        >>> import numpy as np
        >>> int(np.argmax(Automaton.example().step_operator().stationary()))  # the empty lattice
        0
        """
        return stationary_distribution(self)

    def first_passage(self, states: Any) -> np.ndarray:
        r"""Mean number of steps until one of some states is first reached, :math:`\tau_s = 1 + \sum_{s'} S_{s's}\,\tau_{s'}`.

        Parameters
        ----------
        states : str, int, or sequence of str
            A state as a string of bits or a number, or several as strings.

        Returns
        -------
        (2^n,) float64
            For each initial state; 0 for the states themselves, infinite where they are missed with positive probability.

        Raises
        ------
        DeclarationError
            For what is no state.
        SymdynError
            If the linear equations of a chain of more than 2,048 states cannot be solved to a relative residual of 1e-12, or
            the times are above 1e8.

        Examples
        --------
        >>> S = Automaton.example().step_operator()
        >>> S.first_passage("00000000")[S.index("11111111")].round(10)  # mean extinction time
        np.float64(43.4878781694)
        """
        listed = [states] if isinstance(states, (str, int, np.integer)) else list(states)
        if not listed:
            raise DeclarationError("there are no states to be reached; name at least one")
        if len(listed) > 1 and not all(isinstance(s, str) for s in listed):
            raise DeclarationError(f"states are {states!r}; expected strings of {self.cells} bits, or one number")
        goal = np.zeros(self.shape[0], bool)
        goal[[self.index(s) for s in listed]] = True
        return passage_times(self, goal)

    def __repr__(self) -> str:
        return f"<StepOperator of {self.cells} cells, 2^{self.cells} states>"


def _as_bit(value: Any) -> Any:
    """A number as text, whole numbers without a point."""
    return int(value) if isinstance(value, (bool, np.bool_)) or value == int(value) else value
