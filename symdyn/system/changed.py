"""Systems that follow from one: with other inputs, other values, and expressions for unknown terms."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, numeric_values
from symdyn.neural_terms import NetworkTerm, TrainedNetwork
from symdyn.paths import PathSlope, with_paths
from symdyn.system.display import Displayed

__all__ = ["Changed"]


class Changed(Displayed):
    """A system as far as other systems of its kind follow from it; `System` describes the attributes."""

    def with_inputs(self, paths: Mapping[Any, Any]) -> Self:
        """The same system with other courses of its inputs.

        Parameters
        ----------
        paths : mapping of Path or str to Path or sequence of Path
            Of several courses a simulation takes each.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            If the system has no such input, or its slope occurs and the new courses have none.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, u = sp.Symbol("x"), sd.Path("u", [0, 1], [0, 1])
        >>> other = sd.ODESystem({x: u - x}).with_inputs({u: sd.Path("u", [0, 5], [3, 3])})
        >>> other.inputs[0].curves[0].times.tolist()
        [0.0, 5.0]
        """
        swap: dict[sp.Basic, Any] = {}
        used = self._symbols()
        for key, value in paths.items():
            old = lookup(key, self.inputs, "input")
            swap[old] = old.with_curves(value)
            swap[PathSlope(old)] = PathSlope(swap[old])
            if PathSlope(old) in used:
                swap[old].check_slope()
        new = self.map_expressions(lambda e: e.xreplace(swap))
        changed = {"events": tuple(e.mapped(lambda side: side.xreplace(swap)) for e in self.events)} if self.events else {}
        return new.replace(
            parameters=tuple(swap.get(p, p) for p in self.parameters),
            defaults=MappingProxyType({swap.get(p, p): v for p, v in self.defaults.items()}),
            **changed,
        )

    def ito(self) -> Self:
        """The same process with stochastic integrals in the sense of Itô; a system without such integrals is unchanged.

        Returns
        -------
        System

        Examples
        --------
        >>> import symdyn as sd
        >>> system = sd.ODESystem.from_text("x' = -x")
        >>> system.ito() is system
        True
        """
        return self

    def with_parameters(self, values: Mapping[Any, float] | None = None, **named: float) -> Self:
        """The same system with other default values of parameters.

        Parameters
        ----------
        values : mapping of Symbol or str to float, optional
            In the units of the parameters; others keep their values.
        **named : float
            Values by name.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            For unknown names and values that are not finite numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ODESystem.from_text("x' = a - k*x; a = 1; k = 2").with_parameters(k=3).defaults[sp.Symbol("k")]
        3.0
        """
        given = numeric_values({**(values or {}), **named}, self.parameters, "parameter")
        return self.replace(defaults=MappingProxyType({**self.defaults, **given}))

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same system with unknown terms replaced by expressions.

        Parameters
        ----------
        terms : mapping
            From an unknown term (``f(x, y)``), its function (``f``, then the expression is in the arguments of
            each application) or its name to the expression that takes its place.  A trained network counts as an unknown
            term, and may take the place of one.
        defaults : mapping of Symbol to float, optional
            Values of parameters that the expressions bring in.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            If the system has no such unknown term.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, y, f = *sp.symbols("x y"), sp.Function("f")
        >>> print(sd.ODESystem({x: x - f(x, y), y: f(x, y) - y}).with_terms({f(x, y): x * y}))
        x' = -x*y + x
        y' = x*y - y
        """
        found = {}
        by_name = {u.func.__name__: u for u in reversed((*self.unknowns, *(n.unknown for n in self.networks)))}
        for key, value in terms.items():
            key = key.unknown if isinstance(key, NetworkTerm) else key
            name = key if isinstance(key, str) else getattr(key, "__name__", None) or key.func.__name__
            if len({n.network for n in self.networks if n.network.name == name}) > 1:
                raise DeclarationError(f"two networks are called {name}; give each a name of its own")
            if name not in by_name:
                known = ", ".join(map(str, by_name.values())) or "none"
                raise DeclarationError(f"{key} is not an unknown term of this system; its unknown terms: {known}")
            pattern = key if isinstance(key, AppliedUndef) else by_name[name]
            found[name] = (pattern, value if isinstance(value, TrainedNetwork) else expression(value))

        def fill(e: sp.Expr) -> sp.Expr:
            swap = {}
            for u in e.atoms(AppliedUndef, NetworkTerm):
                term = u.unknown if isinstance(u, NetworkTerm) else u
                if term.func.__name__ in found:
                    pattern, value = found[term.func.__name__]
                    if isinstance(value, TrainedNetwork):  # whatever the arguments of the pattern, such as those of f(x, x)
                        swap[u] = value(*term.args)
                    else:
                        swap[u] = value.subs(dict(zip(pattern.args, term.args, strict=True)), simultaneous=True)
            return e.xreplace(swap)

        filled = self.map_expressions(fill)
        line = "with " + ", ".join(str(v) if isinstance(v, TrainedNetwork) else f"{k} = {v}" for k, v in found.values())
        symbols = filled._symbols() | dag.free_symbols(self._formulas(self.initial))
        free = symbols - set(self.initial_symbols) - {self.time}
        parameters, paths = with_paths(sorted((s for s in free if not self.drawn(s)), key=lambda s: s.name))
        values = {**self.defaults, **paths, **(defaults or {})}
        return filled.replace(
            parameters=parameters,
            defaults=MappingProxyType({p: values[p] for p in parameters if p in values}),
            provenance=(*self.provenance, line),
        )
