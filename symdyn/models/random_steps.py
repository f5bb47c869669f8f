"""Systems that advance in steps of length 1 and may draw random numbers in each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["NOISE", "SteppedSystem", "noise_of"]

#: Names of standard normal numbers that are drawn in each step; in texts they denote increments of Wiener processes, and
#: over a step of length 1 these are standard normal.
NOISE = re.compile(r"dW\w*")


def noise_of(expressions: Iterable[sp.Expr]) -> tuple[sp.Symbol, ...]:
    """The random numbers in expressions, in the order of their names (dW2 before dW10)."""
    found = [s for s in dag.free_symbols(expressions) if NOISE.fullmatch(s.name)]
    return tuple(sorted(found, key=lambda s: (len(s.name), s.name)))


class SteppedSystem(System):
    """Base class of maps and branching processes: symbols called ``dW...`` are standard normal numbers of a step.

    Examples
    --------
    >>> import symdyn as sd
    >>> walk = sd.DiscreteSystem.from_text("x[t+1] = x + s*dW")
    >>> isinstance(walk, SteppedSystem), walk.noise, walk.parameters
    (True, (dW,), (s,))
    """

    @classmethod
    def drawn(cls, symbol: sp.Symbol) -> bool:
        """Whether a symbol stands for a standard normal number that is drawn in each step: its name begins with ``dW``.

        Parameters
        ----------
        symbol : Symbol

        Returns
        -------
        bool

        Examples
        --------
        >>> import symdyn as sd
        >>> [sd.DiscreteSystem.drawn(s) for s in sp.symbols("dW_rain r")]
        [True, False]
        """
        return NOISE.fullmatch(symbol.name) is not None

    @cached_property
    def noise(self) -> tuple[sp.Symbol, ...]:  # type: ignore[override]
        """The standard normal numbers that a step draws."""
        return noise_of(self.expressions)

    def _check_noise(self) -> None:
        """Refuse random numbers where none can be drawn."""
        for symbol in (*self.states, self.time):
            if self.drawn(symbol):
                raise DeclarationError(f"{symbol} is the name of a random number, drawn in each step; rename the state or time")
        for name, e in self.observables.items():
            if noise_of([e]):
                raise DeclarationError(
                    f"the observable {name} holds {noise_of([e])[0]}; random numbers belong to the map or the vital rates"
                )
        for event in self.events:
            if found := noise_of(event.sides):
                raise DeclarationError(
                    f"the event '{event}' holds {found[0]}; random numbers belong to the map or the vital rates"
                )
