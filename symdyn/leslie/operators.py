r"""Operators of a linear population: three ways to write :math:`x_{n+1} = L x_n` as :math:`e^{-iH} x_n`.

After arXiv 2412.19831, in our formulation: that paper treats the Hamiltonian of a simple Leslie system by quantum operators,
but its own construction is not known here.

- `generator`, here: :math:`H = i \ln L`, a matrix on numbers by stage.  Growth makes it non-Hermitian.
- `symdyn.leslie.many_particles`: the same for many particles, :math:`H = i \sum_{jk} (\ln L)_{jk} a_j^\dagger a_k`, and the
  stochastic process in continuous time.
- `symdyn.leslie.fermions`: a Hermitian model of densities between 0 and 1, which therefore conserves their sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.leslie._logarithm import closed_eigenvalues, exact_logarithm, tidy
from symdyn.leslie._values import matrix_of
from symdyn.models.matrix import MatrixModel

__all__ = ["Hamiltonian", "generator"]

#: Modulus of an eigenvalue, relative to the largest, up to which it is taken for zero.
SINGULAR = 1e-13
#: Condition of the eigenvectors beyond which they lose too many digits.
DEFECTIVE = 1e8


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """A matrix H with :math:`e^{-iH} = L`; `generator` makes one.

    Attributes
    ----------
    matrix : ImmutableDenseMatrix or (n, n) complex128
        H, exact or in numbers, per step.
    source : ImmutableDenseMatrix or (n, n) float64
        L, dimensionless.
    modes : tuple of (Expr, Matrix)
        Eigenvalues of H and the spectral projectors that belong to them, where H is exact and diagonalisable.

    Examples
    --------
    >>> H = generator([[2]])
    >>> H.matrix, H.exact, H.eigenvalues
    (Matrix([[I*log(2)]]), True, (I*log(2),))
    """

    matrix: Any
    source: Any
    modes: tuple[tuple[sp.Expr, sp.Matrix], ...] = ()

    @property
    def exact(self) -> bool:
        """Whether H is a formula."""
        return isinstance(self.matrix, sp.MatrixBase)

    @cached_property
    def array(self) -> np.ndarray:
        """H in numbers, (n, n) complex128.

        Raises
        ------
        DeclarationError
            If symbols have no value.
        """
        return _numbers(self.matrix)

    @property
    def eigenvalues(self) -> Any:
        r"""Energies :math:`E = i \ln \lambda`, that of the fastest growth first.

        The imaginary part is the growth rate per step; the real part is minus the phase angle per step.
        """
        if self.modes:
            return tuple(energy for energy, _ in self.modes)
        values = np.linalg.eigvals(self.array)
        return values[np.lexsort((values.real, -values.imag))]

    def propagator(self, steps: Any) -> Any:
        """The propagator :math:`e^{-iHn}` over n steps, which for integer n is :math:`L^n`.

        Parameters
        ----------
        steps : int, float or Expr
            n, dimensionless; a symbol gives a formula where H is exact.

        Returns
        -------
        ImmutableDenseMatrix or (n, n) complex128
            Exact if H and `steps` are; dimensionless.

        Raises
        ------
        DeclarationError
            If `steps` is a float and symbols of H have no value.

        Examples
        --------
        >>> generator([[1, 1], [1, 0]]).propagator(10).tolist()  # Fibonacci numbers
        [[89, 55], [55, 34]]
        """
        if self.exact and not isinstance(steps, float):
            n = expression(steps)
            if not self.modes:
                return sp.ImmutableDenseMatrix((-sp.I * n * self.matrix).exp())
            parts = [sp.exp(sp.expand(-sp.I * n * energy)) * p for energy, p in self.modes]
            total = sp.ImmutableDenseMatrix(sum(parts, sp.zeros(*self.matrix.shape)))
            return total.applyfunc(tidy) if n.is_Integer and not total.free_symbols else total
        return scipy.linalg.expm(-1j * float(steps) * self.array)

    def evolve(self, state: Any, steps: float = 1) -> np.ndarray:
        """The state after a number of steps, :math:`e^{-iHn} x_0`; it is not real between integer steps.

        Parameters
        ----------
        state : (n,) array of complex
            :math:`x_0`, individuals by stage.
        steps : float
            n, dimensionless.

        Returns
        -------
        (n,) complex128
            Individuals by stage.

        Raises
        ------
        DeclarationError
            If the state has another shape, or symbols of H have no value.

        Examples
        --------
        >>> generator([[1, 1], [1, 0]]).evolve([1, 0], 10).real.round(9).tolist()
        [89.0, 55.0]
        """
        start = np.asarray(state, dtype=complex)
        if start.shape != (len(self.array),):
            raise DeclarationError(f"the state has the shape {start.shape}; expected {(len(self.array),)}, one number a stage")
        return scipy.linalg.expm(-1j * float(steps) * self.array) @ start

    def error(self, steps: int = 1) -> float:
        """Numerical error: the largest entry of :math:`e^{-iHn} - L^n`, relative to the largest of :math:`L^n`.

        Parameters
        ----------
        steps : int
            n, dimensionless.

        Returns
        -------
        float
            Dimensionless.

        Raises
        ------
        DeclarationError
            If the matrix has entries without a value.

        Examples
        --------
        >>> generator([[1, 1], [1, 0]]).error(10) < 1e-13
        True
        """
        iterated = np.linalg.matrix_power(_numbers(self.source), steps)
        return float(np.abs(scipy.linalg.expm(-1j * steps * self.array) - iterated).max() / np.abs(iterated).max())

    def __str__(self) -> str:
        return f"H = {self.matrix.tolist()}" if self.exact else f"H =\n{np.array2string(self.matrix, precision=6)}"

    def _repr_latex_(self) -> str:
        shown = self.matrix if self.exact else sp.Matrix(self.matrix.round(6))
        return rf"$\displaystyle H = {sp.latex(shown)}$"


def generator(model: Any) -> Hamiltonian:
    r"""The Hamiltonian :math:`H = i \ln L` of a linear population, :math:`x_{n+1} = L x_n = e^{-iH} x_n`.

    With the spectral projectors P of L, :math:`H = i \sum_k \ln \lambda_k\, P_k` on the principal branch: of a negative
    eigenvalue :math:`\ln \lambda = \ln |\lambda| + i\pi`.  After arXiv 2412.19831, our formulation.

    Parameters
    ----------
    model : MatrixModel, or matrix (n, n)
        Linear.  The result is exact where the entries are and the eigenvalues are rational or hold a single square root: two
        stages, with symbols too, and more where the characteristic polynomial has factors of degree 1 and 2 alone.

    Returns
    -------
    Hamiltonian

    Raises
    ------
    DeclarationError
        If the matrix has the eigenvalue 0 and so no logarithm, naming classes that contribute to none; if it is not square, or
        depends on numbers, time or parameters without value.

    Examples
    --------
    >>> H = generator([[1, 1], [1, 0]])  # Fibonacci's rabbits
    >>> H.eigenvalues
    (I*log(1/2 + sqrt(5)/2), -pi - I*log(1/2 + sqrt(5)/2))
    >>> H.array.round(6).tolist()[0]
    [(-0.868315+0.215204j), (1.404963+0.430409j)]
    """
    matrix = _matrix_of(model)
    names = getattr(model, "names", None) or tuple(str(k + 1) for k in range(matrix.shape[0]))
    if isinstance(matrix, sp.MatrixBase):
        values = closed_eigenvalues(matrix)
        if matrix.det().is_zero:
            raise _no_logarithm(np.array([[e.is_zero is True for e in row] for row in matrix.tolist()]), names)
        if values is not None:
            logarithm, modes = exact_logarithm(matrix, values)
            energies = tuple((sp.expand(sp.I * log), p) for log, p in modes)
            return Hamiltonian(sp.ImmutableDenseMatrix((sp.I * logarithm).applyfunc(sp.expand)), matrix, energies)
    array = _numbers(matrix)
    found, vectors = np.linalg.eig(array)
    if np.abs(found).min() <= SINGULAR * np.abs(found).max():
        raise _no_logarithm(array == 0, names)
    if np.linalg.cond(vectors) < DEFECTIVE:
        numeric = (vectors * np.log(found.astype(complex))) @ np.linalg.inv(vectors)
    else:
        numeric = scipy.linalg.logm(array.astype(complex))
    return Hamiltonian(1j * np.asarray(numeric, dtype=complex), array)


def _no_logarithm(zero: np.ndarray, names: Sequence[str]) -> DeclarationError:
    idle = [names[k] for k in np.flatnonzero(zero.all(axis=0)).tolist()]
    hint = f"; {', '.join(idle)} contributes to no class (post-reproductive): leave it out" if idle else ""
    return DeclarationError(f"the matrix has the eigenvalue 0 and so no logarithm, H = i log L{hint}")


def _matrix_of(model: Any) -> Any:
    """A matrix, of a model with its values: exact (with symbols that have no value) or in numbers."""
    own = model if isinstance(model, MatrixModel) else MatrixModel(model)
    crowd = sorted(map(str, own.matrix.free_symbols & set(own.states)))
    if crowd:
        raise DeclarationError(
            f"the matrix depends on {', '.join(crowd)}; operators need a linear model with constant rates, such as "
            "model.at({...}), that with the rates at given numbers"
        )
    matrix = matrix_of(own)
    return _numbers(matrix) if matrix.has(sp.Float) else matrix


def _numbers(matrix: Any) -> np.ndarray:
    """The matrix in floats, complex if need be."""
    if isinstance(matrix, np.ndarray):
        return matrix
    free = sorted(map(str, matrix.free_symbols))
    if free:
        raise DeclarationError(f"no value for {', '.join(free)}; give numbers, such as matrix.subs({{{free[0]}: ...}})")
    found = np.array([[complex(sp.N(e, 30)) for e in row] for row in matrix.tolist()])
    return found.real.copy() if not found.imag.any() else found
