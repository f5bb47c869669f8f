"""System, the common form of models: declared by users, mapped to other systems by derivations, compiled to kernels."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.declaration import (
    check_symbols,
    expression,
    initial_values,
    lookup,
    name_of,
    numeric_values,
    read_equations,
    value_of,
)
from symdyn.errors import DeclarationError
from symdyn.parsing import ModelText, parse_model
from symdyn.paths import Path, PathSlope
from symdyn.registry import suggest

__all__ = ["PARTS", "Equation", "System"]

#: Parts of systems, by attribute, with their names in messages.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "drift": "rates of change",
        "diffusion": "Wiener noise",
        "map": "next values",
        "noise": "random numbers drawn in every step",
        "propensities": "reactions",
        "offspring": "individuals with offspring",
        "fields": "fields",
        "kinetics": "cells with kinetics of their own",
        "events": "events",
        "inputs": "inputs over time",
    }
)


class Equation(NamedTuple):
    """Both sides of an equation, as text (which `System.from_text` reads back, to the digits printed) and as LaTeX.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ODESystem.from_text("x' = -k*x").equations()[0].right_latex
    '- k x'
    """

    left: str
    right: str
    left_latex: str
    right_latex: str
    join: str = " = "

    def __str__(self) -> str:
        return f"{self.left}{self.join}{self.right}"


class System(ABC):
    r"""A dynamical system in symbolic form: immutable, checked at construction, with a record of its derivation.

    Methods, derivations, analysis and recovery depend on the `parts` of a system and not on its class: a new kind
    of system with a drift can be integrated, analysed, closed and recovered wherever a drift is sufficient.

    Attributes
    ----------
    states : tuple of Symbol
        In the order of the equations.
    parameters : tuple of Symbol
        Every other free symbol, sorted by name.
    defaults : mapping of Symbol to float
        Parameter values that are used unless others are given.
    initial : mapping of Symbol to float or Expr
        The same of initial values; an expression is of parameters and of the initial values of other states, and follows them.
    observables : mapping of Symbol to Expr
        Named functions of states, parameters and time that a simulation reports too.
    time : Symbol
        The independent variable.
    provenance : tuple of str
        One line for each step from the declaration to this system.
    drift : tuple of Expr or None
        Rates of change, :math:`\dot x = f(x, p, t)`, in the order of `states`; with `diffusion`, the drift.
    diffusion : ImmutableDenseMatrix or None
        States x noises, the factors of the increments of independent Wiener processes.
    map : tuple of Expr or None
        Next values, :math:`x_{t+1} = F(x_t, p, t)`.
    noise : tuple of Symbol
        Standard normal numbers in the right-hand sides that are drawn in every step.
    propensities : tuple of Expr or None
        Rates at which the reactions of a network fire.
    offspring : str or None
        How individuals of a branching process reproduce.
    fields : tuple of Symbol
        States that are functions of position.
    kinetics : tuple
        Of each cell, where cells share a field.
    events : tuple
        Instantaneous changes of states.
    inputs : tuple of Path
        Parameters that are functions of time; their values are numbers of courses, from 0.
    binary : tuple of Symbol
        States that are 0 or 1.
    interpretation : str or None
        Of stochastic integrals, 'ito' or 'stratonovich'.
    clamped : bool
        Whether next values that would be negative are 0 instead.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 2; x(0) = 1")
    >>> isinstance(decay, sd.System), decay.states, decay.parameters, decay.drift
    (True, (x,), (k,), (-k*x,))
    """

    states: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    defaults: Mapping[sp.Symbol, float]
    initial: Mapping[sp.Symbol, Any]
    observables: Mapping[sp.Symbol, sp.Expr]
    time: sp.Symbol
    provenance: tuple[str, ...]
    drift: tuple[sp.Expr, ...] | None = None
    diffusion: sp.ImmutableDenseMatrix | None = None
    map: tuple[sp.Expr, ...] | None = None
    noise: tuple[sp.Symbol, ...] = ()
    propensities: tuple[sp.Expr, ...] | None = None
    offspring: str | None = None
    fields: tuple[sp.Symbol, ...] = ()
    kinetics: tuple[Any, ...] = ()
    events: tuple[Any, ...] = ()
    binary: tuple[sp.Symbol, ...] = ()
    interpretation: str | None = None
    clamped: bool = False

    #: Short name of the kind of system, as messages and digests call it.
    kind: ClassVar[str]
    #: Whether initial values may be distributions.
    distributions: ClassVar[bool] = False
    #: The method that simulates it where none is named; one that applies is chosen unless a kind names its own.
    default_method: ClassVar[str | None] = None
    #: Attributes that `from_text` needs besides the text that `symdyn.models.text` writes; None where no text is written.
    text_options: ClassVar[tuple[str, ...] | None] = None
    #: Whether a text of this kind may contain events.
    eventful: ClassVar[bool] = False
    #: Names of the attributes that contain right-hand sides, each a tuple or matrix of expressions.
    sides: ClassVar[tuple[str, ...]]

    def declare(
        self,
        equations: Mapping[Any, Any],
        *,
        parameters: Mapping[Any, float] | None,
        initial: Mapping[Any, Any] | None,
        observables: Mapping[Any, Any] | None,
        time: Any,
        provenance: Sequence[str],
    ) -> dict[sp.Symbol, Any]:
        """Read a mapping of equations and set the attributes that all kinds of systems have; for constructors of subclasses.

        Parameters
        ----------
        equations : mapping
            From each state (Symbol, name or ``x(t)``) to its right-hand side, an expression or a sequence of expressions
            (such as the drift of an `SDESystem` followed by its row of the diffusion matrix).
        parameters, initial : mapping or None
            Default values by symbol or name, in the units of the parameters and states; initial values also as expressions of
            parameters and of other states, which stand for their initial values.
        observables : mapping or None
            From names to expressions in states, parameters and time.
        time : Symbol or str
            The independent variable.
        provenance : sequence of str
            Origin of the system, a line for each step; empty for a system that is declared directly.

        Returns
        -------
        dict of Symbol to Expr or tuple of Expr
            The right-hand sides by state, with ``x(t)`` replaced by the symbol ``x``; the subclass stores them in the
            attributes that `sides` names.

        Raises
        ------
        DeclarationError
            For names that clash or are reserved, expressions that are not real scalars, and values of unknown parameters or
            states.

        Examples
        --------
        A constructor consists of this call and of the assignment of the right-hand sides:

        >>> import symdyn as sd
        >>> class Gradient(sd.ODESystem):
        ...     def __init__(self, potential, state):
        ...         rows = self.declare({state: -potential.diff(state)}, parameters=None, initial=None, observables=None,
        ...                              time="t", provenance=())
        ...         self.__dict__["drift"] = tuple(rows.values())
        >>> x, a = sp.symbols("x a")
        >>> print(Gradient(a * x**2, x))
        x' = -2*a*x
        """
        rows, observed, time = read_equations(equations, time, observables)
        sides = [e for row in rows.values() for e in (row if isinstance(row, tuple) else (row,))]
        self.settle(tuple(rows), sides, observed, time, parameters=parameters, initial=initial, provenance=provenance)
        return rows

    def settle(
        self,
        states: tuple[sp.Symbol, ...],
        sides: Iterable[sp.Expr],
        observables: Mapping[sp.Symbol, sp.Expr],
        time: sp.Symbol,
        *,
        parameters: Mapping[Any, float] | None,
        initial: Mapping[Any, Any] | None,
        provenance: Sequence[str],
    ) -> None:
        """Check names and expressions that have been read, and set the attributes that all kinds of systems have.

        For constructors of subclasses whose declaration is no mapping of equations, such as reactions or matrices; the others
        call `declare`.

        Parameters
        ----------
        states : tuple of Symbol
            In the order of the equations.
        sides : iterable of Expr
            All expressions of the system except observables; their free symbols become parameters.
        observables : mapping of Symbol to Expr
            Named expressions that a simulation also reports.
        time : Symbol
            The independent variable.
        parameters, initial : mapping or None
            Default values by symbol or name.
        provenance : sequence of str
            Origin of the system, a line for each step.

        Raises
        ------
        DeclarationError
            For names that clash or are reserved, expressions that are not real scalars, and values of unknown parameters or
            states.

        Examples
        --------
        >>> import symdyn as sd
        >>> class Line(sd.ODESystem):
        ...     def __init__(self, n):
        ...         x = sp.symbols(f"x:{n}")
        ...         drift = tuple(b - a for a, b in zip(x, (*x[1:], sp.Symbol("c"))))
        ...         self.settle(x, drift, {}, sp.Symbol("t"), parameters={"c": 1}, initial=None, provenance=())
        ...         self.__dict__["drift"] = drift
        >>> Line(2).drift, Line(2).parameters
        ((-x0 + x1, c - x1), (c,))
        """
        begin = initial_values(initial, states, time)
        formulas = self._formulas(begin)
        named = (s for s in check_symbols(states, time, [*sides, *formulas], observables) if not self.drawn(s))
        found = tuple(dict.fromkeys(s.path if isinstance(s, PathSlope) else s for s in named))
        paths = {s: 0.0 for s in found if isinstance(s, Path)}
        self.__dict__.update(
            states=states,
            parameters=found,
            defaults=MappingProxyType({**numeric_values(parameters, found, "parameter"), **paths}),
            initial=MappingProxyType(begin),
            observables=MappingProxyType(observables),
            time=time,
            provenance=tuple(provenance) or (f"declared as {type(self).__name__}",),
        )

    @classmethod
    def from_text(cls, text: str, parameters: Mapping[Any, float] | None = None, **options: Any) -> Self:
        """Read a system from text, one equation a line or separated by semicolons.

        The text is parsed by a grammar of its own and never evaluated.  It may also set parameters (``a = 0.5``), initial
        values (``x(0) = 30``, or ``x(0) = 2*a``, which follows the parameter) and observables (``total := x + y``).  Calls of
        other functions, ``f(x, y)``, are unknown terms.

        Parameters
        ----------
        text : str
            The equations in the notation of the kind: ``x' = ...``, ``x[t+1] = ...`` or ``dx = ...*dt + ...*dW``.
        parameters : mapping of Symbol or str to float, optional
            Default values; they override those in the text.
        **options
            Further arguments of the class, such as ``initial``, ``observables`` and ``time``; they override the text.

        Returns
        -------
        System
            Of the class on which it is called.

        Raises
        ------
        ParseError
            With the line and column that could not be read.
        DeclarationError
            If the equations are of another kind, or inconsistent.

        Examples
        --------
        >>> import symdyn as sd
        >>> print(sd.ODESystem.from_text("x' = a*x - x*y; y' = x*y - b*y; a = 1; b = 0.5", {"a": 2}).defaults)
        {a: 2.0, b: 0.5}
        """
        model = parse_model(text)
        if model.events and not cls.eventful:
            raise DeclarationError(f"{cls.__name__} has no events; ODESystem and ReactionNetwork may have them")
        values: dict[str, Any] = {
            **options,
            "parameters": {**model.parameters, **{name_of(k): v for k, v in (parameters or {}).items()}},
            "initial": {**model.initial, **{name_of(k): v for k, v in (options.get("initial") or {}).items()}},
            "observables": {**model.observables, **(options.get("observables") or {})},
        }
        return cls.from_model(model, values)

    @classmethod
    @abstractmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        """Build the system from a parsed text; `from_text` calls it.

        Parameters
        ----------
        model : ModelText
            What the grammar has read: ``equations`` by state, ``noise`` (coefficients of the Wiener increments by state), and
            the ``style`` of the equations, 'prime', 'next' or 'differential'.
        options : dict
            Arguments of the class: ``parameters``, ``initial`` and ``observables``, those of the text included, and the rest of
            the options of `from_text`.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            If the text is written in the style of another kind, or the kind cannot be written as equations.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.parsing import parse_model
        >>> print(sd.ODESystem.from_model(parse_model("x' = -k*x"), {"parameters": {"k": 2}}))
        x' = -k*x
        """

    @abstractmethod
    def equations(self) -> list[Equation]:
        """The equations as text and as LaTeX, in the order of the states (of the reactions for a network).

        Returns
        -------
        list of Equation

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.ODESystem.from_text("x' = y; y' = -x").equations()]
        ["x' = y", "y' = -x"]
        """

    @classmethod
    def example(cls) -> Self:
        """A small system of this kind with values for everything, which the conformance tests simulate.

        Returns
        -------
        System
            Of the class on which it is called, with parameters and initial values.

        Raises
        ------
        NotImplementedError
            For kinds that are derived and not declared.

        Examples
        --------
        >>> import symdyn as sd
        >>> print(sd.ODESystem.example())
        x' = a*x*(1 - x) - x*y
        y' = -b*y + x*y
        """
        raise NotImplementedError(f"{cls.__name__} has no example; a kind that is registered needs one")

    @classmethod
    def drawn(cls, symbol: sp.Symbol) -> bool:
        """Whether a symbol stands for a random number that is drawn in each step, and not for a parameter.

        Parameters
        ----------
        symbol : Symbol

        Returns
        -------
        bool

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> sd.ODESystem.drawn(sp.Symbol("dW")), sd.DiscreteSystem.drawn(sp.Symbol("dW"))
        (False, True)
        """
        return False

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a system is frozen: {name} cannot be set; with_parameters, with_terms ... return a changed copy")

    def __getstate__(self) -> dict[str, Any]:
        return {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({k: MappingProxyType(v) if isinstance(v, dict) else v for k, v in state.items()})

    # ---- contents -------------------------------------------------------------------------

    @cached_property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Every right-hand side, in a fixed order."""
        return tuple(e for side in self.sides for e in getattr(self, side))

    @cached_property
    def parts(self) -> frozenset[str]:
        """Names of the parts that the system has, keys of `PARTS`.

        >>> import sympy as sp, symdyn as sd
        >>> x = sp.Symbol("x")
        >>> sorted(sd.SDESystem({x: -x}, {x: 1}).parts)
        ['diffusion', 'drift']
        """
        found = {name: getattr(self, name) for name in PARTS}
        return frozenset(name for name, part in found.items() if not (part is None or part == ()))

    def unmet(self, needs: Iterable[str], also: Iterable[str] = ()) -> str | None:
        """Why a method or derivation does not apply to this system, or None if it does.

        Parameters
        ----------
        needs : iterable of str
            Names in `PARTS` that the system must have.
        also : iterable of str
            Names in `PARTS` that the system may have in addition.

        Returns
        -------
        str or None
            What is needed and what the system has, for a message.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x = sp.Symbol("x")
        >>> sd.SDESystem({x: -x}, {x: 1}).unmet(["drift"])
        'it takes systems of rates of change; this SDESystem has rates of change and Wiener noise'
        """
        needs = tuple(needs)
        if self.parts.issuperset(needs) and self.parts.issubset({*needs, *also}):
            return None
        own = _listed([p for p in PARTS if p in self.parts]) or "none"
        return f"it takes systems of {_listed(needs)}; this {type(self).__name__} has {own}"

    def part(self, name: str) -> Any:
        """One of the parts of the system, such as its drift.

        Parameters
        ----------
        name : str
            A key of `PARTS`, also the name of the attribute.

        Returns
        -------
        tuple of Expr, Matrix or str
            The value of that attribute.

        Raises
        ------
        DeclarationError
            If the system has no such part.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ODESystem.from_text("x' = -k*x").part("drift")
        (-k*x,)
        """
        if name not in self.parts:
            own = _listed([p for p in PARTS if p in self.parts]) or "none"
            raise DeclarationError(f"expected a system of {PARTS[name]}; this {type(self).__name__} has {own}")
        return getattr(self, name)

    def deterministic(self, what: str) -> tuple[sp.Expr, ...]:
        """Right-hand sides of a flow or a map without noise: `drift` or `map`.

        Parameters
        ----------
        what : str
            What needs them, as the message names it.

        Returns
        -------
        tuple of Expr
            One for each state.

        Raises
        ------
        DeclarationError
            For systems with noise, reactions, fields, offspring or events.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.DiscreteSystem.from_text("x[t+1] = r*x*(1 - x)").deterministic("a fixed point")
        (r*x*(1 - x),)
        """
        sides = self.map if self.drift is None else self.drift
        if sides is not None and self.parts <= {"drift", "map"}:
            return sides
        hint = "; take its rate_equations() or moments(order)" if self.propensities is not None else ""
        if self.inputs or self.events:
            hint = f"; this one has {'inputs over time' if self.inputs else 'events'}"
        if self.parts == {"map", "noise"}:
            hint = f"; this one draws {self.noise[0]} in every step"
        raise DeclarationError(
            f"{what} needs an ODESystem or a DiscreteSystem without random numbers, got {type(self).__name__}{hint}"
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The parameters that are functions of time."""
        return tuple(p for p in self.parameters if isinstance(p, Path))

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
            If the system has no such input.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, u = sp.Symbol("x"), sd.Path("u", [0, 1], [0, 1])
        >>> other = sd.ODESystem({x: u - x}).with_inputs({u: sd.Path("u", [0, 5], [3, 3])})
        >>> other.inputs[0].curves[0].times.tolist()
        [0.0, 5.0]
        """
        swap: dict[sp.Basic, sp.Basic] = {}
        for key, value in paths.items():
            old = lookup(key, self.inputs, "input")
            swap[old] = old.with_curves(value)
            swap[PathSlope(old)] = PathSlope(swap[old])
        new = self.map_expressions(lambda e: e.xreplace(swap))
        changed = {"events": tuple(e.mapped(lambda side: side.xreplace(swap)) for e in self.events)} if self.events else {}
        return new.replace(
            parameters=tuple(swap.get(p, p) for p in self.parameters),
            defaults=MappingProxyType({swap.get(p, p): v for p, v in self.defaults.items()}),
            **changed,
        )

    @property
    def noises(self) -> int:
        """Number of independent normal random numbers of a step."""
        return len(self.noise) if self.diffusion is None else self.diffusion.shape[1]

    @property
    def time_dependent(self) -> bool:
        """Whether a right-hand side depends on time."""
        return any(self.time in e.free_symbols for e in self.expressions)

    @property
    def whole_steps(self) -> bool:
        """Whether time advances in steps of length 1, as for a map."""
        return self.map is not None or self.offspring is not None

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

    @cached_property
    def unknowns(self) -> tuple[AppliedUndef, ...]:
        """Applications of undefined functions, such as ``f(x, y)``: the terms to be recovered, sorted by name."""
        found: set[AppliedUndef] = set()
        for e in dag.nodes((*self.expressions, *self.observables.values())):
            if isinstance(e, AppliedUndef):
                found.add(e)
        return tuple(sorted(found, key=str))

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the mathematics (not of default values or provenance)."""
        parts = [self.kind, str(self.time), *map(str, self.states), "|", *map(str, self.parameters), "|"]
        parts += [*map(str, self.observables), dag.fingerprint((*self.expressions, *self.observables.values()))]
        parts += [e.fingerprint for e in self.events] + [p.digest for p in self.inputs]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(s.name for s in self.states)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        values = [(dict(s.defaults), dict(s.initial)) for s in (self, other)]
        return self.digest == other.digest and values[0] == values[1]

    def __hash__(self) -> int:
        return hash(self.digest)

    # ---- systems from it -----------------------------------------------------------------------

    def replace(self, **changes: Any) -> Self:
        """A copy with some attributes changed; the values are not checked, which is the task of the constructors.

        Parameters
        ----------
        **changes
            New values by attribute, such as ``drift=(...)``; quantities that are derived from attributes are computed anew.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            If there is no such attribute.

        Examples
        --------
        >>> import symdyn as sd
        >>> system = sd.ODESystem.from_text("x' = -k*x")
        >>> print(system.replace(drift=(-2 * system.states[0],)))
        x' = -2*x
        """
        new = object.__new__(type(self))
        wrong = sorted(changes.keys() - self.__dict__.keys())
        if wrong:
            raise DeclarationError(
                f"{type(self).__name__} has no attribute {wrong[0]!r} to be replaced.{suggest(wrong[0], self.__dict__)}"
            )
        # cached properties are computed anew; a class may override a cached property of its parent by a plain attribute
        derived = {k for cls in type(self).__mro__ for k, v in vars(cls).items() if isinstance(v, cached_property)}
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in derived}, **changes)
        return new

    def map_expressions(self, function: Callable[[sp.Expr], sp.Expr]) -> Self:
        """The same system with a function applied to all right-hand sides and observables.

        Parameters
        ----------
        function : callable, Expr -> Expr
            It may bring in no new symbols: the parameters remain those of the system.

        Returns
        -------
        System

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> print(sd.ODESystem.from_text("x' = (1 - x)*(1 + x)").map_expressions(sp.expand))
        x' = 1 - x**2
        """
        sides = {}
        for name in self.sides:
            side = getattr(self, name)
            sides[name] = side.applyfunc(function) if isinstance(side, sp.MatrixBase) else tuple(map(function, side))
        observed = MappingProxyType({k: function(v) for k, v in self.observables.items()})
        return self.replace(**sides, observables=observed)

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
        return self._beginning({**self.initial, **initial_values({**(values or {}), **named}, self.states, self.time)})

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
        free = set(check_symbols(self.initial_symbols, self.time, [*self.parameters, *after], self.observables))
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
        return dag.free_symbols((*self.expressions, *self.observables.values(), *events))

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same system with unknown terms replaced by expressions.

        Parameters
        ----------
        terms : mapping
            From an unknown term (``f(x, y)``), its function (``f``, then the expression is in the arguments of
            each application) or its name to the expression that takes its place.
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
        by_name = {u.func.__name__: u for u in reversed(self.unknowns)}
        for key, value in terms.items():
            name = key if isinstance(key, str) else getattr(key, "__name__", None) or key.func.__name__
            if name not in by_name:
                known = ", ".join(map(str, self.unknowns)) or "none"
                raise DeclarationError(f"{key} is not an unknown term of this system; its unknown terms: {known}")
            found[name] = (key if isinstance(key, AppliedUndef) else by_name[name], expression(value))

        def fill(e: sp.Expr) -> sp.Expr:
            swap = {}
            for u in e.atoms(AppliedUndef):
                if u.func.__name__ in found:
                    pattern, value = found[u.func.__name__]
                    swap[u] = value.subs(dict(zip(pattern.args, u.args, strict=True)), simultaneous=True)
            return e.xreplace(swap)

        filled = self.map_expressions(fill)
        line = "with " + ", ".join(f"{k} = {v}" for k, v in found.values())
        symbols = filled._symbols() | dag.free_symbols(self._formulas(self.initial))
        symbols = {s.path if isinstance(s, PathSlope) else s for s in symbols}
        free = symbols - set(self.initial_symbols) - {self.time}
        parameters = tuple(sorted((s for s in free if not self.drawn(s)), key=lambda s: s.name))
        values = {**self.defaults, **(defaults or {})}
        return filled.replace(
            parameters=parameters,
            defaults=MappingProxyType({p: values[p] for p in parameters if p in values}),
            provenance=(*self.provenance, line),
        )

    # ---- display -------------------------------------------------------------------------------

    @cached_property
    def _text(self) -> str:
        """The equations as text, printed once: of large systems that takes longer than to simulate them."""
        return "\n".join(map(str, self.equations()))

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {', '.join(self.names)}"]
        lines += [f"    {e}" for e in self.equations()]
        lines += [f"    {e}" for e in self.events]
        if self.parameters:
            plain = [p for p in self.parameters if p not in self.inputs]
            shown = (f"{p} = {self.defaults[p]:g}" if p in self.defaults else f"{p}" for p in plain)
            lines.append(f"  parameters: {', '.join(shown)}")
        if self.initial:
            shown = (f"{s} = {v if isinstance(v, sp.Expr) else format(v, 'g')}" for s, v in self.initial.items())
            lines.append(f"  initial: {', '.join(shown)}")
        if self.unknowns:
            lines.append(f"  unknown: {', '.join(map(str, self.unknowns))}")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        rows = [rf"{e.left_latex} &= {e.right_latex}" for e in self.equations()]
        rows += [rf"\text{{{e}}} &" for e in self.events]
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$"


def _listed(parts: Iterable[str]) -> str:
    """What messages call parts, joined."""
    return " and ".join(PARTS[p] for p in parts)
