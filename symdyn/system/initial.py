"""Initial values of a system: numbers, or expressions of parameters and of other initial values, which follow them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

import sympy as sp

from symdyn import dag
from symdyn.declaration import check_symbols
from symdyn.errors import DeclarationError
from symdyn.given_values import initial_values, name_of, numeric_values, value_of
from symdyn.system.contents import Contents

__all__ = ["Beginning"]


class Beginning(Contents):
    """A system as far as it knows where it begins; `System` describes the attributes."""

    @property
    def initial_symbols(self) -> tuple[sp.Symbol, ...]:
        """Symbols for which a simulation takes initial values: the states, unless these follow from other symbols."""
        return self.states

    def initial_values(self, values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
        """Initial values of the states from those of `initial_symbols`.

        Parameters
        ----------
        values : mapping of Symbol to float, array or DataArray
            A value for each of `initial_symbols`, in its units.

        Returns
        -------
        dict of Symbol to float, array or DataArray
            A value for each state, in the order of the states.

        Raises
        ------
        DeclarationError
            If a value is missing.

        Examples
        --------
        >>> import symdyn as sd
        >>> x, y = (system := sd.ODESystem.from_text("x' = y; y' = -x")).states
        >>> system.initial_values({y: 0.0, x: 1.0})
        {x: 1.0, y: 0.0}
        """
        missing = [s.name for s in self.states if s not in values]
        if missing:
            raise DeclarationError(f"no value for the state {', '.join(missing)}; pass initial={{'{missing[0]}': ...}}")
        return {s: values[s] for s in self.states}

    def initial_numbers(
        self, parameters: Mapping[Any, float] | None = None, *, unknown: Iterable[Any] = ()
    ) -> dict[sp.Symbol, Any]:
        """Default initial values as numbers, as far as the parameters in them have values.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values of parameters; the others have their default values.
        unknown : iterable of Symbol or str
            Parameters that have no value, whatever their defaults.

        Returns
        -------
        dict of Symbol to float
            Without the states whose initial value is not known; distributions remain as they are.

        Raises
        ------
        DeclarationError
            For unknown names, and an initial value that is no finite number.

        Examples
        --------
        >>> import symdyn as sd
        >>> system = sd.ODESystem.from_text("x' = -k*x; y' = k*x; x(0) = 2*k; y(0) = 1 - x; k = 0.1")
        >>> system.initial_numbers(), system.initial_numbers({"k": 3})
        ({x: 0.2, y: 0.8}, {x: 6.0, y: -5.0})
        """
        left = {name_of(p) for p in unknown}
        given = {**self.defaults, **numeric_values(parameters, self.parameters, "parameter")}
        rules = {s: v for s, v in self.initial.items() if isinstance(v, sp.Expr)}
        numbers = {s: v for s, v in self.initial.items() if s not in rules}
        known = {s: v for s, v in (*given.items(), *numbers.items()) if s.name not in left and isinstance(v, float)}
        for s in dag.in_order(rules, "initial value of"):
            if dag.free_symbols([rules[s]]) <= known.keys():
                numbers[s] = known[s] = value_of(rules[s], known)
                if math.isnan(numbers[s]):
                    raise DeclarationError(f"the initial value {rules[s]} of {s} is no finite number")
        return {s: numbers[s] for s in self.initial if s in numbers}

    def with_initial(self, values: Mapping[Any, Any] | None = None, **named: Any) -> Self:
        """The same system with other default initial values.

        Parameters
        ----------
        values : mapping of Symbol or str to float or Expr, optional
            In the units of the states; others keep their values.  Expressions are of parameters, which become parameters of the
            system, and of the initial values of other states.
        **named : float or Expr
            Values by name.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            For unknown names and values that are neither finite numbers nor such expressions.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ODESystem.from_text("x' = -x").with_initial(x=3).initial[sp.Symbol("x")]
        3.0
        """
        given = initial_values({**(values or {}), **named}, self.states, self.time, timed=bool(self.history))
        return self._beginning({**self.initial, **given})

    def with_initial_numbers(self, *, unknown: Iterable[Any] = ()) -> Self:
        """The same system with numbers for the initial values that are expressions, without those that are not known.

        Parameters
        ----------
        unknown : iterable of Symbol or str
            Parameters that have no value, whatever their defaults.

        Returns
        -------
        System
            Without the parameters that occurred in initial values only.

        Raises
        ------
        DeclarationError
            For an initial value that is no finite number.

        Examples
        --------
        >>> import symdyn as sd
        >>> system = sd.ODESystem.from_text("x' = -x; x(0) = 2*k; k = 3").with_initial_numbers()
        >>> system.initial, system.parameters
        (mappingproxy({x: 6.0}), ())
        """
        return self._beginning(self.initial_numbers(unknown=unknown)) if self._formulas(self.initial) else self

    def _formulas(self, initial: Mapping[sp.Symbol, Any]) -> list[sp.Expr]:
        """The initial values that are expressions."""
        found = [e for e in initial.values() if isinstance(e, sp.Expr)]
        if drawn := [s for s in dag.free_symbols(found) if self.drawn(s)]:
            raise DeclarationError(f"an initial value contains the random number {drawn[0]}, which is drawn in every step")
        return found

    def _beginning(self, initial: Mapping[sp.Symbol, Any]) -> Self:
        """The system with other initial values, and the parameters that it then has."""
        before, after = self._formulas(self.initial), self._formulas(initial)
        if not before and not after:
            return self.replace(initial=MappingProxyType(dict(initial)))
        if self.kinetics:
            raise DeclarationError(f"cells in a bulk begin from numbers, got {after[0]}")
        dag.in_order({s: e for s, e in initial.items() if isinstance(e, sp.Expr)}, "initial value of")
        free = set(
            check_symbols(self.initial_symbols, self.time, [*self.parameters, *after], self.observables, delayed=self.delayed)
        )
        gone = dag.free_symbols(before) - dag.free_symbols(after) - self._symbols()
        parameters = tuple(sorted(free - gone, key=lambda s: s.name))
        return self.replace(
            initial=MappingProxyType(dict(initial)),
            parameters=parameters,
            defaults=MappingProxyType({p: v for p, v in self.defaults.items() if p in parameters}),
        )

    def _symbols(self) -> set[sp.Symbol]:
        """Symbols of all that is declared, apart from initial values."""
        events = [side for event in self.events for side in event.sides]
        return dag.free_symbols((*self.expressions, *self.observables.values(), *events, *self.history.values()))
