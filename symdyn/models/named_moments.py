"""Moments of a `MomentSystem` by species and powers, as expressions in its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index

__all__ = ["NamedMoments"]


class NamedMoments:
    """The part of moment equations that gives moments as expressions; `MomentSystem` describes the attributes."""

    species: tuple[sp.Symbol, ...]
    order: int
    moment_kind: str
    known: Mapping[Index, sp.Expr]
    close: Callable[[Index, Moments], sp.Expr] | None
    close_kind: str
    binary: tuple[int, ...]

    @cached_property
    def moments(self) -> Moments:  # type: ignore[override]
        """All moments as functions of an index: ``.raw(i)``, ``.central(i)``, ``.cumulant(i)``."""
        return Moments(
            len(self.species), self.moment_kind, self.known, close=self.close, close_kind=self.close_kind, binary=self.binary,
            order=self.order,
        )  # fmt: skip

    def mean(self, species: Any) -> sp.Expr:
        """Mean of a species as an expression in the states.

        Parameters
        ----------
        species : Symbol or str

        Returns
        -------
        Expr
            In molecules.

        Raises
        ------
        DeclarationError
            If there is no such species.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g").moments(2).mean("X")
        E[X]
        """
        return self.moments.mean(self._place(species))

    def variance(self, species: Any) -> sp.Expr:
        r"""Variance of a species as an expression in the states, :math:`\langle n^2 \rangle - \langle n \rangle^2`.

        Parameters
        ----------
        species : Symbol or str

        Returns
        -------
        Expr
            In molecules squared.

        Raises
        ------
        DeclarationError
            If there is no such species, or the system has no second moments of it.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g").moments(2).variance("X")
        -E[X]**2 + E[X^2]
        """
        return self.covariance(species, species)

    def covariance(self, first: Any, second: Any) -> sp.Expr:
        """Covariance of two species as an expression in the states.

        Parameters
        ----------
        first, second : Symbol or str

        Returns
        -------
        Expr
            In molecules squared.

        Raises
        ------
        DeclarationError
            If there is no such species, or the system has no such moments.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ReactionNetwork.from_text("X -> Y, k").moments(2).covariance("X", "Y")
        E[X*Y] - E[X]*E[Y]
        """
        return self.moments.covariance(self._place(first), self._place(second))

    def moment(self, powers: Mapping[Any, int] | None = None, **named: int) -> sp.Expr:
        r"""Raw moment as an expression in the states: ``moment(X=2, Y=1)`` is :math:`\langle X^2 Y \rangle`.

        Parameters
        ----------
        powers : mapping of Symbol or str to int, optional
            Powers of the species, 0 or more.
        **named : int
            Powers by name.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            For unknown species, and for moments above the order that no closure gives.

        Examples
        --------
        >>> import symdyn as sd
        >>> closed = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c").moments(2)
        >>> sp.expand(closed.moment(X=3))  # of a normal distribution
        -2*E[X]**3 + 3*E[X]*E[X^2]
        """
        return self.moments.raw(self._index(powers, named))

    def central_moment(self, powers: Mapping[Any, int] | None = None, **named: int) -> sp.Expr:
        r"""Central moment as an expression in the states: :math:`\langle (X - \langle X \rangle)^2 \rangle` for ``X=2``.

        Parameters
        ----------
        powers : mapping of Symbol or str to int, optional
            Powers of the deviations of the species, 0 or more.
        **named : int
            Powers by name.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            For unknown species, and for moments above the order that no closure gives.

        Examples
        --------
        >>> import symdyn as sd
        >>> closed = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c").moments(2)
        >>> closed.central_moment(X=1), closed.central_moment(X=2)
        (0, -E[X]**2 + E[X^2])
        """
        return self.moments.central(self._index(powers, named))

    def cumulant(self, powers: Mapping[Any, int] | None = None, **named: int) -> sp.Expr:
        """Joint cumulant as an expression in the states.

        Parameters
        ----------
        powers : mapping of Symbol or str to int, optional
            How often each species occurs in the cumulant, 0 or more.
        **named : int
            Powers by name.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            For unknown species, and for moments above the order that no closure gives.

        Examples
        --------
        >>> import symdyn as sd
        >>> closed = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c").moments(2)
        >>> closed.cumulant(X=2), sp.expand(closed.cumulant(X=3))  # the third cumulant of a normal distribution is 0
        (-E[X]**2 + E[X^2], 0)
        """
        return self.moments.cumulant(self._index(powers, named))

    def _place(self, species: Any) -> int:
        return self.species.index(lookup(species, self.species, "species"))

    def _index(self, powers: Mapping[Any, int] | None, named: Mapping[str, int]) -> Index:
        index = [0] * len(self.species)
        for key, power in {**(powers or {}), **named}.items():
            if not isinstance(power, int) or power < 0:
                raise DeclarationError(f"the power of {key} is {power!r}; expected a whole number >= 0")
            index[self._place(key)] += power
        return tuple(index)
