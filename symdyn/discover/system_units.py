"""Units of a system: what its equations demand of them, and which candidate terms they allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.dimensions import Analysis, Form, consistent_terms, named_units
from symdyn.discover.terms import one_of_each
from symdyn.discover.unit_names import Unit, unit_text
from symdyn.errors import RecoveryError
from symdyn.inference.kinds import kind_of, right_sides
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["SystemUnits"]


class SystemUnits:
    """Units of states, time, parameters and unknown functions: those given, and those that the equations determine.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Decimal numbers in its equations may have any unit, as a rate constant written as a number does; whole numbers and
        fractions have none.
    units : mapping of Symbol or str to unit
        See `symdyn.discover.dimensions.read_unit`; what has no entry takes the unit it needs.

    Raises
    ------
    RecoveryError
        If a unit cannot be read, or the units contradict the equations.

    Examples
    --------
    >>> x, k, t = sp.symbols("x k t")
    >>> from symdyn.models.ode import ODESystem
    >>> f = sp.Function("f")
    >>> known = SystemUnits(ODESystem({x: f(x) - x * k}, {k: 1.0}), {"x": "mM", "t": "s"})
    >>> unit_text(known.units["k"]), unit_text(known.units["f"])
    ('s^-1', 'mM*s^-1')
    >>> known.allowed(f(x), [x, x / (1 + x), sp.exp(-k * x)])
    (x,)
    """

    def __init__(self, system: System, units: Mapping[Any, Any]) -> None:
        self.given = named_units(units)
        self._system = system
        analysis = Analysis(self.given)
        stepwise = kind_of(system).stepwise
        for state, side in zip(system.states, right_sides(system), strict=True):
            rate = analysis.form(state)
            if not stepwise:
                rate = rate.times(analysis.form(system.time), Fraction(-1))
            analysis.demands.append(analysis.form(_opened(side)).times(rate, Fraction(-1)))
            if analysis.solution(Form()) is None:
                said = ", ".join(f"{name}: {unit_text(unit)}" for name, unit in self.given.items())
                raise RecoveryError(
                    f"the units contradict the equation of {state}, whose right-hand side is {side} ({said}); a whole number "
                    "has no unit: write a rate as a parameter, or correct the units"
                )
        self.units: dict[str, Unit] = dict(self.given)
        for symbol in (*system.states, system.time, *system.parameters):
            self._learn(symbol.name, analysis.determined(analysis.form(symbol)))
        for unknown in one_of_each(system.unknowns):
            self._learn(unknown.func.__name__, analysis.determined(analysis.form(unknown)))

    def _learn(self, name: str, unit: Unit | None) -> None:
        if unit is not None:
            self.units[name] = unit

    def check_names(self, constants: Iterable[sp.Symbol]) -> None:
        """Refuse units of what is neither in the system nor one of the constants of the library.

        Raises
        ------
        RecoveryError
            Naming what is not known.
        """
        system = self._system
        symbols = (*system.states, system.time, *system.parameters, *constants)
        known = [s.name for s in symbols] + [u.func.__name__ for u in system.unknowns]
        for name in self.given:
            if name not in known:
                raise RecoveryError(
                    f"units names {name!r}, which is no state, parameter, unknown function or constant; known: "
                    f"{', '.join(dict.fromkeys(known))}.{suggest(name, known)}"
                )

    def allowed(self, unknown: AppliedUndef, terms: Iterable[sp.Expr]) -> tuple[sp.Expr, ...]:
        """The terms of an unknown function that do not contradict themselves, whatever the units of their coefficients.

        Raises
        ------
        RecoveryError
            If none is left.
        """
        return consistent_terms(terms, self.units, self.units.get(unknown.func.__name__, 1))

    def allows(self, term: sp.Expr) -> bool:
        """Whether a term does not contradict itself; decimal numbers in it may have any unit."""
        analysis = Analysis(self.units)
        return analysis.solution(analysis.form(_opened(term))) is not None


def _opened(e: sp.Expr) -> sp.Expr:
    """`e` with a symbol of its own for every decimal number that is no exponent."""
    if isinstance(e, sp.Float):
        return sp.Dummy()
    if not e.args or isinstance(e, AppliedUndef):
        return e
    if isinstance(e, sp.Pow):
        return sp.Pow(_opened(e.base), e.exp if e.exp.is_number else _opened(e.exp), evaluate=False)
    return e.func(*map(_opened, e.args))
