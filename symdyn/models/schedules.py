"""Times that are known before a run: of events, and of steps of rates of change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError

__all__ = ["RateSteps", "Schedule"]

#: Rounding errors of the number of a time in a schedule, relative to it.
ROUNDING = 1e-15


@dataclass(frozen=True)
class Schedule:
    r"""The times :math:`t_0 + k\,\Delta`, :math:`k = 0, 1, \dots, N - 1`.

    Parameters
    ----------
    start : Expr or number
        The first, :math:`t_0`, in units of time; free of states.
    every : Expr or number, optional
        The time between them; needed unless there is one.
    times : Expr or number, optional
        Their number N; None means without end.

    Examples
    --------
    >>> print(Schedule(0, 12, 20))
    at 0 every 12 times 20
    """

    start: sp.Expr
    every: sp.Expr | None = None
    times: sp.Expr | None = sp.S.One

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", expression(self.start))
        for name in ("every", "times"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else expression(value))
        if self.every is None and self.times != 1:
            raise DeclarationError(f"{self.times or 'endless'} times from {self.start} on need every=, the time between them")
        for name, value in (("every", self.every), ("times", self.times)):
            if value is not None and value.is_number and not value.is_positive:
                raise DeclarationError(f"{name} is {value}; expected a positive number")
        if self.times is not None and self.times.is_number and self.times != int(self.times):
            raise DeclarationError(f"times is {self.times}; expected a whole number")
        if self.times == 1:  # the text of which has no every, for with it an event goes on
            object.__setattr__(self, "every", None)

    def after(self, time: sp.Symbol) -> sp.Expr:
        """The first of its times after `time`, or infinity.

        Parameters
        ----------
        time : Symbol

        Returns
        -------
        Expr

        Examples
        --------
        >>> t = sp.Symbol("t")
        >>> [Schedule(5, 2, 3).after(t).subs(t, now) for now in (0, 5, 6.5, 7, 9)]
        [5, 7, 7, 9, oo]
        """
        if self.every is None:
            return sp.Piecewise((self.start, time < self.start), (sp.oo, True))
        q = (time - self.start) / self.every
        number = sp.Max(0, sp.floor(q + ROUNDING * sp.Abs(q)) + 1)
        following = self.start + self.every * number
        return following if self.times is None else sp.Piecewise((following, number < self.times), (sp.oo, True))

    @property
    def sides(self) -> tuple[sp.Expr, ...]:
        """Its expressions."""
        return tuple(e for e in (self.start, self.every, self.times) if e is not None)

    def mapped(self, function: Callable[[Any], Any]) -> Schedule:
        """The schedule with a function applied to its expressions.

        Parameters
        ----------
        function : callable, Expr -> Expr

        Returns
        -------
        Schedule

        Examples
        --------
        >>> t0 = sp.Symbol("t0")
        >>> print(Schedule(t0).mapped(lambda e: e.xreplace({t0: sp.Integer(5)})))
        at 5
        """
        return Schedule(*(None if e is None else function(e) for e in (self.start, self.every, self.times)))

    @property
    def moments(self) -> tuple[str, tuple[sp.Expr | None, ...]]:
        """What kind of times they are, and the expressions that say which."""
        return "dose", (self.start, self.every, self.times)

    def __str__(self) -> str:
        words = {"at": self.start, "every": self.every, "times": None if self.every is None else self.times}
        return " ".join(f"{word} {dag.written_exactly(e)}" for word, e in words.items() if e is not None)


@dataclass(frozen=True)
class RateSteps(Schedule):
    r"""The times at which rates of change step: :math:`t_0`, or :math:`t_0 + k\,\Delta` for all whole numbers k.

    Parameters
    ----------
    start, every, times
        As of a `Schedule`, without end where there is `every`.
    apart : tuple of Expr, optional
        How far from these times other steps of the same functions are, which must not be too near to be told apart from them.

    Examples
    --------
    >>> print(RateSteps(0, 12, None))
    at 0 every 12
    """

    apart: tuple[sp.Expr, ...] = ()

    @property
    def sides(self) -> tuple[sp.Expr, ...]:
        """Its expressions."""
        return (*super().sides, *self.apart)

    def mapped(self, function: Callable[[Any], Any]) -> RateSteps:
        """The times with a function applied to their expressions.

        Parameters
        ----------
        function : callable, Expr -> Expr

        Returns
        -------
        RateSteps

        Examples
        --------
        >>> t0 = sp.Symbol("t0")
        >>> RateSteps(t0, apart=(t0 + 1,)).mapped(lambda e: e.xreplace({t0: sp.Integer(5)})).apart
        (6,)
        """
        plain = super().mapped(function)
        return RateSteps(plain.start, plain.every, plain.times, tuple(function(e) for e in self.apart))

    @property
    def moments(self) -> tuple[str, tuple[sp.Expr | None, ...]]:
        """What kind of times they are, and the expressions that say which."""
        return "step", (self.start, self.every, self.times, *self.apart)
