r"""Sensitivities of systems with delays, which have delays again.

A value :math:`x_i(s)` of the past, at the time :math:`s(t, x, p)`, moves with a parameter by

.. math:: S_{ik}(s) + \dot x_i(s) \Big(\frac{\partial s}{\partial p_k} + \sum_j \frac{\partial s}{\partial x_j} S_{jk}\Big)

where the slope :math:`\dot x_i(s)`, written ``x'(s)``, is that of the interpolant or of the history.  It is bounded only
where a state does not jump: simulations refuse initial values beside a history then.

References
----------
Baker & Paul, Advances in Computational Mathematics 7 (1997) 21-40.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["DelayedStates"]


class DelayedStates:
    """The delays of a system as far as sensitivities need them; of a system without delays nothing.

    Attributes
    ----------
    values : dict of Function to Dummy
        A symbol for each delayed state.
    """

    def __init__(self, system: System, names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol]) -> None:
        self.system, self.names = system, names
        self.states = {s.name: s for s in system.states}
        self.values: dict[AppliedUndef, sp.Dummy] = {call: sp.Dummy(str(call)) for call in system.delays}

    def written(self, e: sp.Expr) -> sp.Expr:
        """An expression with the delayed states in the place of their symbols."""
        return e.xreplace({value: call for call, value in self.values.items()})

    def slope(self, call: AppliedUndef, column: sp.Symbol) -> sp.Expr:
        """The derivative of a delayed state by a parameter or an initial value."""
        (at,), state = call.args, self.states[call.func.__name__]
        moved = sp.S.Zero if column in self.system.states else derivative(at, column)
        moved += sp.Add(*(derivative(at, s) * self.names[s, column] for s in self.system.states if at.has(s)))
        found = sp.Function(self.names[state, column].name)(at)
        if moved == 0:
            return found
        if self.system.algebraic:
            raise DeclarationError(
                f"the delay of {call} moves with {column}; beside algebraic equations, whose states may jump, sensitivities "
                "follow delays that depend on time and other parameters"
            )
        if state in self.system.history and state in self.system.initial:
            raise DeclarationError(
                f"the delay of {call} moves with {column}, and {state} may jump at the first time, as it has a history and an "
                "initial value; leave one out"
            )
        return found + self.rate(call) * moved

    def rate(self, call: AppliedUndef) -> sp.Expr:
        """The slope of a state where it is looked up."""
        return sp.Function(f"{call.func.__name__}'")(call.args[0])

    def begins(self, state: sp.Symbol, column: sp.Symbol) -> bool:
        """Whether a sensitivity begins with that of the history."""
        system = self.system
        return state in system.history and state not in system.initial and column not in system.states

    def history(self, columns: tuple[sp.Symbol, ...]) -> dict[str, Mapping[sp.Symbol, sp.Expr]]:
        """The attribute `history` of states and sensitivities, if there is one; that of an initial value changes no history."""
        found = dict(self.system.history)
        for state, e in self.system.history.items():
            for column in columns:
                found[self.names[state, column]] = sp.S.Zero if column in self.system.states else derivative(e, column)
        return {"history": MappingProxyType(found)} if found else {}
