r"""Densities of fermionic modes, after Bagarello and Oliveri: a Hermitian model of exchange between stages or places.

After arXiv 2412.19831, our formulation; see `symdyn.leslie.operators`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as ss

from symdyn.errors import DeclarationError
from symdyn.fock import jordan_wigner

__all__ = ["FermionicModel", "fermionic"]


@dataclass(frozen=True, eq=False)
class FermionicModel:
    r"""Densities of fermionic modes that exchange with one another; `fermionic` makes one.

    Attributes
    ----------
    frequencies : (m,) float64
        :math:`\omega`, the inertia of each density, per time.
    coupling : (m, m) float64
        :math:`\lambda`, symmetric with zeros on the diagonal, per time.

    Examples
    --------
    >>> model = fermionic([1, 2], 0.5)
    >>> print(model)
    H = 1*a1+*a1 + 2*a2+*a2 + 0.5*(a1+*a2 + h.c.)
    >>> model.one_body.tolist()
    [[1.0, 0.5], [0.5, 2.0]]
    """

    frequencies: np.ndarray
    coupling: np.ndarray
    _modes: tuple[np.ndarray, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_modes", np.linalg.eigh(self.one_body))

    @property
    def one_body(self) -> np.ndarray:
        r""":math:`\Omega = \mathrm{diag}(\omega) + \lambda`; operators obey :math:`\dot a = -i \Omega a`."""
        return np.diag(self.frequencies) + self.coupling

    def propagator(self, t: float) -> np.ndarray:
        r"""One-body propagator :math:`e^{-i\Omega t}`.

        Parameters
        ----------
        t : float
            Time.

        Returns
        -------
        (m, m) complex128
            Unitary, dimensionless.

        Examples
        --------
        >>> U = fermionic([0, 0], 1).propagator(np.pi / 6)  # cos t on the diagonal, -i sin t beside it
        >>> round(float(U[0, 0].real), 6), round(float(U[0, 1].imag), 6)
        (0.866025, -0.5)
        """
        values, vectors = self._modes
        return (vectors * np.exp(-1j * values * t)) @ vectors.T

    def transition(self, t: float) -> np.ndarray:
        r"""The doubly stochastic matrix :math:`|e^{-i\Omega t}|^2`, entry by entry, that maps densities over a time t.

        Parameters
        ----------
        t : float
            Time.

        Returns
        -------
        (m, m) float64
            Rows and columns add up to 1; dimensionless.

        Examples
        --------
        >>> fermionic([0, 0], 1).transition(np.pi / 6).round(9).tolist()  # cos^2 t and sin^2 t
        [[0.75, 0.25], [0.25, 0.75]]
        """
        return np.abs(self.propagator(t)) ** 2

    def densities(self, initial: Any, times: Any) -> np.ndarray:
        r"""Densities :math:`n_j(t) = \sum_k |[e^{-i\Omega t}]_{jk}|^2\, n_k(0)` at each time, from modes without coherence.

        Parameters
        ----------
        initial : (m,) array of float
            Densities at time 0, between 0 and 1, dimensionless.
        times : float or (T,) array of float

        Returns
        -------
        (T, m) float64
            Dimensionless.

        Raises
        ------
        DeclarationError
            If the initial densities have another shape or are not between 0 and 1.

        Examples
        --------
        >>> fermionic([0, 0], 1).densities([1, 0], [0, np.pi / 6]).round(9).tolist()  # cos^2 t and sin^2 t
        [[1.0, 0.0], [0.75, 0.25]]
        """
        start = self._densities(initial)
        return np.array([self.transition(float(t)) @ start for t in np.atleast_1d(times)])

    def many_body(self) -> ss.csr_array:
        """The Hamiltonian on all occupations, by the Jordan–Wigner transformation.

        Returns
        -------
        (2^m, 2^m) scipy.sparse.csr_array of float64
            Per time; the bits of an index, from the left, are the occupations of the modes in order.

        Examples
        --------
        >>> fermionic([1, 2], 0.5).many_body().toarray().tolist()  # occupations 00, 01, 10, 11
        [[0.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.0], [0.0, 0.0, 0.0, 3.0]]
        """
        a = jordan_wigner(len(self.frequencies))
        omega = self.one_body
        total = ss.csr_array(a[0].shape)
        for j, k in np.argwhere(omega):
            total = total + omega[j, k] * (a[j].T @ a[k])
        return ss.csr_array(total)

    def induced(
        self,
        rule: Callable[[np.ndarray], FermionicModel | tuple[FermionicModel, Any]],
        period: float,
        steps: int,
        initial: Any,
    ) -> np.ndarray:
        """Dynamics with resets: after every `period` a rule reads the densities and returns the model of the next period.

        Parameters
        ----------
        rule : callable
            From densities (m,) to the `FermionicModel` of the next period, or to it and new densities, which need not have the
            same sum: the only way in which the sum can change.
        period : float
            Time between resets.
        steps : int
            Number of periods.
        initial : (m,) array of float
            Densities at time 0, between 0 and 1, dimensionless.

        Returns
        -------
        (steps + 1, m) float64
            Densities at the ends of the periods, before the rule; each period begins without coherence.

        Raises
        ------
        DeclarationError
            If the rule returns anything else, or densities are not between 0 and 1.

        References
        ----------
        Bagarello, Di Salvo, Gargano & Oliveri, Appl. Math. Model. 43 (2017) 15-32.

        Examples
        --------
        >>> model = fermionic([0, 0], 1)  # exchanges its densities in pi/2
        >>> model.induced(lambda n: (model, n / 2), np.pi / 2, 2, [1, 0]).round(9).tolist()
        [[1.0, 0.0], [0.0, 1.0], [0.5, 0.0]]
        """
        model, current = self, self._densities(initial)
        found = [current]
        for step in range(steps):
            if step:
                answer = rule(current)
                model, current = answer if isinstance(answer, tuple) else (answer, current)
                if not isinstance(model, FermionicModel):
                    raise DeclarationError(
                        f"the rule gave {type(model).__name__}; expected a FermionicModel, such as model.with_parameters(...)"
                    )
                current = model._densities(current)
            current = np.clip(model.transition(period) @ current, 0.0, 1.0)
            found.append(current)
        return np.array(found)

    def with_parameters(self, *, frequencies: Any = None, coupling: Any = None) -> FermionicModel:
        """The model with other parameters.

        Parameters
        ----------
        frequencies : (m,) array of float, optional
            Per time; the present ones unless given.
        coupling : (m, m) array of float, or float, optional
            As for `fermionic`, per time; the present one unless given.

        Returns
        -------
        FermionicModel

        Raises
        ------
        DeclarationError
            As `fermionic`.

        Examples
        --------
        >>> print(fermionic([1, 2], 0.5).with_parameters(coupling=0.25))
        H = 1*a1+*a1 + 2*a2+*a2 + 0.25*(a1+*a2 + h.c.)
        """
        return fermionic(
            self.frequencies if frequencies is None else frequencies, self.coupling if coupling is None else coupling
        )

    def _densities(self, values: Any) -> np.ndarray:
        found = np.asarray(values, dtype=float)
        if found.shape != self.frequencies.shape or not ((found >= 0) & (found <= 1)).all():
            raise DeclarationError(f"densities are {values!r}; expected {len(self.frequencies)} numbers from 0 to 1")
        return found

    def __str__(self) -> str:
        terms = [f"{w:g}*a{j}+*a{j}" for j, w in enumerate(self.frequencies, 1) if w]
        pairs = [(j, k) for j, k in np.argwhere(self.coupling) if j < k]
        terms += [f"{self.coupling[j, k]:g}*(a{j + 1}+*a{k + 1} + h.c.)" for j, k in pairs]
        return f"H = {' + '.join(terms) or '0'}"

    def _repr_latex_(self) -> str:
        terms = [rf"{w:g}\,a_{j}^\dagger a_{j}" for j, w in enumerate(self.frequencies, 1) if w]
        pairs = [(j, k) for j, k in np.argwhere(self.coupling) if j < k]
        terms += [rf"{self.coupling[j, k]:g}\,(a_{j + 1}^\dagger a_{k + 1} + \mathrm{{h.c.}})" for j, k in pairs]
        return rf"$\displaystyle H = {' + '.join(terms) or '0'}$"


def fermionic(frequencies: Any, coupling: Any) -> FermionicModel:
    r"""The operatorial model of Bagarello and Oliveri: densities of fermionic modes, stages or places, that exchange.

    .. math::

        H = \sum_j \omega_j a_j^\dagger a_j + \sum_{j<k} \lambda_{jk} (a_j^\dagger a_k + a_k^\dagger a_j), \qquad
        n_j(t) = \sum_k \left|[e^{-i\Omega t}]_{jk}\right|^2 n_k(0)

    H is Hermitian, so the sum of the densities is constant; `FermionicModel.induced` adds rules that change parameters or
    densities at given times.

    Parameters
    ----------
    frequencies : (m,) of float
        Per time.
    coupling : (m, m) of float, or float
        Per time; symmetric with zeros on the diagonal; one number couples each mode to the next.

    Returns
    -------
    FermionicModel

    Raises
    ------
    DeclarationError
        If the coupling is not symmetric, of another size, or has a diagonal.

    References
    ----------
    Bagarello & Oliveri, Math. Models Methods Appl. Sci. 23 (2013) 471-492 (arXiv 1207.2873).

    Examples
    --------
    >>> model = fermionic([1.0, 1.0], 0.5)
    >>> model.densities([1, 0], [0, 3.141592653589793]).round(9).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    omega = np.asarray(frequencies, dtype=float)
    if omega.ndim != 1 or not omega.size or not np.isfinite(omega).all():
        raise DeclarationError(f"frequencies are {frequencies!r}; expected a sequence of finite numbers")
    m = omega.size
    lam = np.asarray(coupling, dtype=float)
    if lam.ndim == 0:
        lam = float(lam) * (np.eye(m, k=1) + np.eye(m, k=-1))
    if lam.shape != (m, m) or not np.isfinite(lam).all() or not np.array_equal(lam, lam.T) or np.diag(lam).any():
        raise DeclarationError(
            f"the coupling has the shape {lam.shape}; expected a symmetric matrix {(m, m)} with zeros on its diagonal, "
            "or a number"
        )
    return FermionicModel(omega, lam)
