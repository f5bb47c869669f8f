r"""Reversible automata as quantum systems: their wave functions.

The step operator of a reversible automaton is a permutation S of its states, and so orthogonal.  The real wave function
:math:`q_s = \pm\sqrt{p_s}` obeys :math:`q(t+1) = S\,q(t)`, its norm stays 1, and :math:`q_s^2` is the distribution.  With
:math:`S = e^{-iH}` this is a quantum system in discrete time (Wetterich, The probabilistic world, 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.automata.hamiltonians import StepHamiltonian, reversible
from symdyn.automata.operators import StepOperator, step_operator
from symdyn.automata.states import DensityMatrix, as_operator, check_rows
from symdyn.errors import DeclarationError
from symdyn.models.automaton import Automaton

__all__ = ["WaveFunction", "wave_function"]

#: Tolerance of a norm that is given.
NORM = 1e-9


def wave_function(automaton: Automaton, p: Any = None, *, amplitudes: Any = None) -> WaveFunction:
    r"""The wave function of a distribution over the states of a reversible automaton, :math:`q_s = \sqrt{p_s}`.

    Parameters
    ----------
    automaton : Automaton
        Deterministic and reversible.
    p : (2^n,) array of float, or state
        A distribution, or a string of bits, on which it is concentrated.
    amplitudes : (2^n,) array of float or complex, optional
        The wave function itself, in place of p: with signs or phases, of norm 1.

    Returns
    -------
    WaveFunction

    Raises
    ------
    DeclarationError
        If the step operator is not orthogonal, as then the norm would not be kept; and for what is no distribution, or has
        another norm than 1.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> q = sd.Automaton(s[-1], sites=3).wave_function("100")  # what moves to the right
    >>> q.step(2).probabilities.argmax(), q.step(50).norm
    (np.int64(1), 1.0)
    """
    operator = step_operator(automaton)
    reversible(operator, "a wave function")
    if (p is None) == (amplitudes is None):
        raise DeclarationError("a wave function is given by a distribution p, or by its amplitudes; expected one of them")
    if amplitudes is None:
        return WaveFunction(operator, np.sqrt(operator.state(p) if isinstance(p, str) else operator.distribution(p)))
    q = np.array(amplitudes)
    if q.shape != (operator.shape[0],) or q.dtype.kind not in "iufc" or not np.isfinite(q).all():
        raise DeclarationError(f"the amplitudes have the shape {q.shape}; expected {operator.shape[0]} finite numbers")
    if abs(float(np.sum(np.abs(q) ** 2)) - 1) > NORM:
        raise DeclarationError(f"the amplitudes have the norm {np.sqrt(np.sum(np.abs(q) ** 2)):g}; expected 1")
    return WaveFunction(operator, q.astype(complex if q.dtype.kind == "c" else float))


@dataclass(frozen=True, eq=False)
class WaveFunction:
    """A wave function of a reversible automaton; ``automaton.wave_function(p)`` makes one.

    Attributes
    ----------
    operator : StepOperator
    amplitudes : (2^n,) float64 or complex128
        q.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s = sp.IndexedBase("s")
    >>> sd.Automaton(s[-1], sites=2).wave_function([0, 0.5, 0.5, 0]).amplitudes.round(6).tolist()
    [0.0, 0.707107, 0.707107, 0.0]
    """

    operator: StepOperator
    amplitudes: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """The distribution over states, (2^n,) float64."""
        return np.abs(self.amplitudes) ** 2

    @property
    def norm(self) -> float:
        """The root of the sum of the probabilities."""
        return float(np.sqrt(self.probabilities.sum()))

    def step(self, steps: int = 1) -> WaveFunction:
        r"""The wave function some steps later, :math:`S^t q`, or before for negative numbers; no rounding occurs.

        Parameters
        ----------
        steps : int

        Returns
        -------
        WaveFunction

        Raises
        ------
        DeclarationError
            If the number of steps is not whole.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> q = sd.Automaton(s[-1], sites=4).wave_function("1000")
        >>> (q.step(3).step(-3).amplitudes == q.amplitudes).all()
        np.True_
        """
        if not isinstance(steps, (int, np.integer)):
            raise DeclarationError(f"steps is {steps!r}; expected a whole number (evolve(t) takes any time)")
        forward = self.operator.permutation
        assert forward is not None  # checked when the wave function was made
        backward, q = np.argsort(forward), self.amplitudes
        for _ in range(abs(int(steps))):
            q = q[backward] if steps > 0 else q[forward]
        return WaveFunction(self.operator, q)

    def evolve(self, time: float) -> WaveFunction:
        r"""The wave function at any time, :math:`e^{-iHt} q`; between whole times it is complex.

        Parameters
        ----------
        time : float
            In steps.

        Returns
        -------
        WaveFunction

        Raises
        ------
        DeclarationError
            If the time is not finite.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> q = sd.Automaton(s[-1], sites=3).wave_function("100")
        >>> abs(q.evolve(1.0).amplitudes - q.step().amplitudes).max() < 1e-15
        np.True_
        >>> q.evolve(0.5).probabilities[[4, 2, 1]].round(4).tolist()  # half-way: (2/3)^2, (2/3)^2, (1/3)^2
        [0.4444, 0.4444, 0.1111]
        """
        if not math.isfinite(time):
            raise DeclarationError(f"time is {time!r}; expected a finite number of steps")
        return WaveFunction(self.operator, StepHamiltonian(self.operator).propagate(self.amplitudes, float(time)))

    def expectation(self, observable: Any) -> float:
        r"""The quantum rule, :math:`\langle A \rangle = q^\dagger A\, q`.

        Parameters
        ----------
        observable : (2^n, 2^n) matrix, dense or sparse, or (2^n,) array
            A Hermitian operator, or the values of a classical observable, its diagonal.

        Returns
        -------
        float

        Raises
        ------
        DeclarationError
            For another shape, and operators that are not Hermitian.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> q = sd.Automaton(s[-1], sites=2).wave_function([0, 0.5, 0.5, 0])
        >>> round(q.expectation(q.operator.bits(0)), 12)
        0.5
        """
        operator = as_operator(observable, self.amplitudes.size)
        return float(np.real(np.vdot(self.amplitudes, operator @ self.amplitudes)))

    def density_matrix(self) -> DensityMatrix:
        r"""The pure state :math:`\rho = q\, q^\dagger`.

        Returns
        -------
        DensityMatrix

        Raises
        ------
        DeclarationError
            For more than twelve cells.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> round(sd.Automaton(s[-1], sites=2).wave_function([0.5, 0, 0, 0.5]).density_matrix().purity, 12)
        1.0
        """
        check_rows(self.amplitudes.size)  # before they are made
        return DensityMatrix(np.outer(self.amplitudes, self.amplitudes.conj()))
