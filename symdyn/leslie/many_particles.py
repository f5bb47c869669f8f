r"""Populations as many particles: second quantisation of a Leslie matrix, and the Hamiltonian of Doi and Peliti.

After arXiv 2412.19831, our formulation; see `symdyn.leslie.operators`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as ss
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.fock import box_ladders, exchanged, occupations, projected
from symdyn.leslie.operators import generator
from symdyn.models.reactions import ReactionNetwork

__all__ = ["DoiPeliti", "SecondQuantised", "doi_peliti", "second_quantised"]


@dataclass(frozen=True, eq=False)
class SecondQuantised:
    r"""The Hamiltonian :math:`H = i \sum_{jk} (\ln L)_{jk} a_j^\dagger a_k` in sectors of n particles.

    `second_quantised` makes one.

    Attributes
    ----------
    logarithm : (m, m) complex128
        The principal logarithm of L, per step.
    statistics : str
        'bosons' or 'fermions'.

    Examples
    --------
    >>> print(second_quantised([[1, 1], [1, 0]]))
    H = i*sum_jk (log L)_jk a+_j a_k of bosons in 2 modes
    """

    logarithm: np.ndarray
    statistics: str

    def basis(self, n: int) -> np.ndarray:
        """Occupation numbers of the basis states with `n` particles, in the order of the matrices.

        Parameters
        ----------
        n : int
            Number of particles.

        Returns
        -------
        (D, m) int64
            One row a state; for one particle these are the stages in order.

        Examples
        --------
        >>> second_quantised([[1, 1], [1, 0]]).basis(2).tolist()
        [[2, 0], [1, 1], [0, 2]]
        >>> second_quantised([[1, 1], [1, 0]], "fermions").basis(2).tolist()
        [[1, 1]]
        """
        return occupations(len(self.logarithm), n, 1 if self.statistics == "fermions" else None)

    def sector(self, n: int) -> ss.csr_array:
        """The Hamiltonian on `n` particles; it conserves their number, so that no truncation is involved.

        Parameters
        ----------
        n : int
            Number of particles.

        Returns
        -------
        (D, D) scipy.sparse.csr_array of complex128
            Per step.

        Examples
        --------
        >>> H = second_quantised([[2, 0], [0, 3]])  # ln 2 and ln 3; ln 4, ln 6 and ln 9
        >>> H.sector(1).toarray().imag.diagonal().round(6).tolist(), H.sector(2).toarray().imag.diagonal().round(6).tolist()
        ([0.693147, 1.098612], [1.386294, 1.791759, 2.197225])
        """
        return 1j * exchanged(self.logarithm, self.basis(n), fermions=self.statistics == "fermions")

    def evolution(self, n: int, steps: float = 1) -> np.ndarray:
        """The propagator :math:`e^{-iHt}` on `n` particles.

        For one step it is the n-th symmetric power of L for bosons, the exterior power for fermions.

        Parameters
        ----------
        n : int
            Number of particles.
        steps : float
            t, dimensionless.

        Returns
        -------
        (D, D) complex128
            Dimensionless.

        Examples
        --------
        >>> second_quantised([[2]]).evolution(3).real.round(9).tolist()  # 2^3
        [[8.0]]
        >>> second_quantised([[1, 1], [1, 0]], "fermions").evolution(2).real.round(9).tolist()  # det L
        [[-1.0]]
        """
        return scipy.linalg.expm(-1j * float(steps) * self.sector(n).toarray())

    def coherent(self, alpha: Any, steps: float = 1) -> np.ndarray:
        r"""The amplitudes :math:`L^n \alpha` of the coherent state into which :math:`|\alpha\rangle` evolves, up to its norm.

        Parameters
        ----------
        alpha : (m,) array of complex
            Amplitudes by stage.
        steps : float
            n, dimensionless.

        Returns
        -------
        (m,) complex128

        Raises
        ------
        DeclarationError
            For fermions, whose coherent states have anticommuting amplitudes, and for amplitudes of another shape.

        Examples
        --------
        >>> second_quantised([[1, 1], [1, 0]]).coherent([1, 0], 10).real.round(9).tolist()
        [89.0, 55.0]
        """
        return scipy.linalg.expm(float(steps) * self.logarithm) @ self._amplitudes(alpha)

    def projected(self, alpha: Any, n: int) -> np.ndarray:
        r"""The component of :math:`e^{\sum_j \alpha_j a_j^\dagger} |0\rangle` with `n` particles, :math:`\alpha^n / \sqrt{n!}`.

        Parameters
        ----------
        alpha : (m,) array of complex
            Amplitudes by stage.
        n : int
            Number of particles.

        Returns
        -------
        (D,) complex128
            Amplitudes in the order of `basis`.

        Raises
        ------
        DeclarationError
            As `coherent`.

        Examples
        --------
        >>> second_quantised([[2]]).projected([2], 3).real.round(9).tolist()  # 2^3 / sqrt(6)
        [3.265986324]
        """
        return projected(self._amplitudes(alpha), self.basis(n))

    def _amplitudes(self, alpha: Any) -> np.ndarray:
        if self.statistics == "fermions":
            raise DeclarationError("coherent states of fermions have anticommuting amplitudes, no numbers; take bosons")
        found = np.asarray(alpha, dtype=complex)
        if found.shape != (len(self.logarithm),):
            raise DeclarationError(
                f"alpha has the shape {found.shape}; expected {(len(self.logarithm),)}, one amplitude a stage"
            )
        return found

    def __str__(self) -> str:
        return f"H = i*sum_jk (log L)_jk a+_j a_k of {self.statistics} in {len(self.logarithm)} modes"

    def _repr_latex_(self) -> str:
        shown = sp.latex(sp.Matrix(self.logarithm.round(6)))
        return rf"$\displaystyle H = i \sum_{{jk}} (\ln L)_{{jk}}\, a_j^\dagger a_k, \qquad \ln L = {shown}$"


def second_quantised(model: Any, statistics: str = "bosons") -> SecondQuantised:
    r"""Second quantisation of a linear population, :math:`H = i \sum_{jk} (\ln L)_{jk} a_j^\dagger a_k`.

    :math:`e^{-iH}` acts as L on one particle, as products of it on many, and maps the coherent state :math:`|\alpha\rangle`
    to :math:`|L\alpha\rangle` up to its norm; on fermions that fill all modes it is :math:`\det L`.  After arXiv 2412.19831,
    our formulation.

    Parameters
    ----------
    model : MatrixModel, or matrix (m, m)
        As for `generator`.
    statistics : {'bosons', 'fermions'}

    Returns
    -------
    SecondQuantised

    Raises
    ------
    DeclarationError
        For other statistics, and as `generator`.

    Examples
    --------
    >>> H = second_quantised([[1, 1], [1, 0]])
    >>> H.evolution(1).real.round(9).tolist()
    [[1.0, 1.0], [1.0, 0.0]]
    >>> H.basis(2).tolist(), H.evolution(2).real.round(6).tolist()[0]
    ([[2, 0], [1, 1], [0, 2]], [1.0, 1.414214, 1.0])
    """
    if statistics not in ("bosons", "fermions"):
        raise DeclarationError(f"statistics is {statistics!r}; expected 'bosons' or 'fermions'")
    return SecondQuantised(-1j * generator(model).array, statistics)


@dataclass(frozen=True, eq=False)
class DoiPeliti:
    r"""The Hamiltonian of births, ageing and deaths, :math:`\dot P = -H P`; `doi_peliti` makes one.

    Attributes
    ----------
    ageing : (m - 1,) float64
    births, deaths : (m,) float64
        Rates, per individual and time.

    Examples
    --------
    >>> process = doi_peliti(ageing=[], births=[2], deaths=[1])
    >>> print(process)
    H = 2*(1 - a1+)*a1+*a1 + 1*(a1+ - 1)*a1
    >>> process.generator.tolist()  # birth minus death
    [[1.0]]
    """

    ageing: np.ndarray
    births: np.ndarray
    deaths: np.ndarray

    @property
    def generator(self) -> np.ndarray:
        r"""G, (m, m): the means obey :math:`\dot n = G n`."""
        found = np.diag(self.ageing, -1) - np.diag(self.deaths + np.append(self.ageing, 0.0))
        found[0] += self.births
        return found

    @property
    def network(self) -> ReactionNetwork:
        """The same process as reactions of the species n1, n2, ... with rates s (ageing), b (births) and d (deaths)."""
        lines, values = [], {}
        for k, (birth, death) in enumerate(zip(self.births, self.deaths, strict=True), 1):
            lines.append(f"n{k} -> 0, d{k}")
            values[f"d{k}"] = death
            if birth:
                lines.append(f"n{k} -> n{k} + n1, b{k}" if k > 1 else "n1 -> 2 n1, b1")
                values[f"b{k}"] = birth
            if k <= len(self.ageing):
                lines.append(f"n{k} -> n{k + 1}, s{k}")
                values[f"s{k}"] = self.ageing[k - 1]
        return ReactionNetwork.from_text("\n".join(lines), values, provenance=("doi_peliti: ageing, births and deaths",))

    def matrix(self, upper: Sequence[int] | int) -> ss.csr_array:
        """The Hamiltonian on a truncated state space: numbers from 0 to `upper` in each class, the first class slowest.

        Parameters
        ----------
        upper : int or sequence of m int
            Largest number of individuals, of all classes or of each.

        Returns
        -------
        (D, D) scipy.sparse.csr_array of float64
            H, per time, with D the product of ``upper + 1``; probability that leaves the box is lost.

        Raises
        ------
        DeclarationError
            If `upper` is not a positive integer, or one for each class.

        Examples
        --------
        >>> doi_peliti(ageing=[], births=[0], deaths=[2]).matrix(2).toarray().tolist()  # 2 n from n to n - 1
        [[0.0, -2.0, 0.0], [0.0, 2.0, -4.0], [0.0, 0.0, 4.0]]
        """
        m = len(self.deaths)
        tops = [upper] * m if isinstance(upper, (int, np.integer)) else list(upper)
        if len(tops) != m or any(not isinstance(u, (int, np.integer)) or u < 1 for u in tops):
            raise DeclarationError(f"upper is {upper!r}; expected a whole number from 1, or one for each of the {m} classes")
        a, up = box_ladders([u + 1 for u in tops])
        total = ss.csr_array(a[0].shape)
        for k in range(m):
            numbers = up[k] @ a[k]
            total = total + self.deaths[k] * (numbers - a[k])
            total = total + self.births[k] * (numbers - up[0] @ numbers)
            if k < m - 1:
                total = total + self.ageing[k] * (numbers - up[k + 1] @ a[k])
        return ss.csr_array(total)

    def __str__(self) -> str:
        terms = [f"{s:g}*(a{k}+ - a{k + 1}+)*a{k}" for k, s in enumerate(self.ageing, 1) if s]
        terms += [f"{b:g}*(1 - a1+)*a{k}+*a{k}" for k, b in enumerate(self.births, 1) if b]
        terms += [f"{d:g}*(a{k}+ - 1)*a{k}" for k, d in enumerate(self.deaths, 1) if d]
        return f"H = {' + '.join(terms) or '0'}"

    def _repr_latex_(self) -> str:
        terms = [rf"{s:g}\,(a_{k}^\dagger - a_{k + 1}^\dagger) a_{k}" for k, s in enumerate(self.ageing, 1) if s]
        terms += [rf"{b:g}\,(1 - a_1^\dagger) a_{k}^\dagger a_{k}" for k, b in enumerate(self.births, 1) if b]
        terms += [rf"{d:g}\,(a_{k}^\dagger - 1) a_{k}" for k, d in enumerate(self.deaths, 1) if d]
        return rf"$\displaystyle H = {' + '.join(terms) or '0'}$"


def doi_peliti(ageing: Any, births: Any, deaths: Any) -> DoiPeliti:
    r"""Doi and Peliti's Hamiltonian of a population with ageing, births and deaths at random times.

    .. math::

        H = \sum_i s_i (a_i^\dagger - a_{i+1}^\dagger) a_i + \sum_i b_i (1 - a_1^\dagger) a_i^\dagger a_i
            + \sum_i d_i (a_i^\dagger - 1) a_i, \qquad \dot P = -H P,

    with :math:`a |n\rangle = n |n-1\rangle` and :math:`a^\dagger |n\rangle = |n+1\rangle`.  Means obey :math:`\dot n = G n`
    with the generator G of a Leslie model in continuous time.

    Parameters
    ----------
    ageing : (m - 1,) of float
        Rates from each class to the next, per individual and time.
    births : (m,) of float
        Rates of births, into class 1, of an individual of each class, per time.
    deaths : (m,) of float
        Per individual and time.

    Returns
    -------
    DoiPeliti

    Raises
    ------
    DeclarationError
        For rates that are negative, or of other shapes.

    References
    ----------
    Doi, J. Phys. A 9 (1976) 1465-1477; Peliti, J. Physique 46 (1985) 1469-1483.

    Examples
    --------
    >>> process = doi_peliti(ageing=[0.5], births=[0, 1.2], deaths=[0.1, 0.3])
    >>> print(process)
    H = 0.5*(a1+ - a2+)*a1 + 1.2*(1 - a1+)*a2+*a2 + 0.1*(a1+ - 1)*a1 + 0.3*(a2+ - 1)*a2
    >>> process.generator.tolist()
    [[-0.6, 1.2], [0.5, -0.3]]
    """
    s, b, d = (_rates(v, name) for v, name in ((ageing, "ageing"), (births, "births"), (deaths, "deaths")))
    if not len(b) == len(d) == len(s) + 1:
        raise DeclarationError(
            f"got rates of ageing, births and deaths for {len(s)}, {len(b)} and {len(d)} classes; expected m - 1, m and m"
        )
    return DoiPeliti(s, b, d)


def _rates(values: Any, name: str) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"{name} is {values!r}; expected rates") from None
    if found.ndim != 1 or not np.isfinite(found).all() or (found < 0).any():
        raise DeclarationError(f"{name} is {values!r}; expected a sequence of rates, finite and not negative")
    return found
