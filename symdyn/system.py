"""System: the narrow waist.  Whatever can be declared becomes one; derivations map one to another; kernels come from one."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.declaration import check_symbols, expression, name_of, numeric_values, read_equations
from symdyn.errors import DeclarationError
from symdyn.parsing import ModelText, parse_model
from symdyn.registry import suggest

__all__ = ["PARTS", "Equation", "System"]

#: What a system may consist of, by the attribute that holds it, and what messages call it.
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
    }
)


class Equation(NamedTuple):
    """Both sides of an equation, as text (which `from_text` reads back, to the digits printed) and as LaTeX."""

    left: str
    right: str
    left_latex: str
    right_latex: str
    join: str = " = "

    def __str__(self) -> str:
        return f"{self.left}{self.join}{self.right}"


class System(ABC):
    """A dynamical system as mathematics: frozen, checked once, knowing where it came from.

    Methods, derivations, analysis and recovery ask what a system consists of, its `parts`, and not for its class: a new kind
    of system with a drift can be integrated, studied, closed and recovered wherever a drift is enough.

    Attributes
    ----------
    states : tuple of Symbol
        In the order of the equations.
    parameters : tuple of Symbol
        Every other free symbol, sorted by name.
    defaults, initial : mapping of Symbol to float
        Parameter values and initial values that are used unless others are given.
    observables : mapping of Symbol to Expr
        Named functions of states, parameters and time that a simulation reports too.
    time : Symbol
        The independent variable.
    provenance : tuple of str
        One line for each step from the declaration to this system.
    drift : tuple of Expr or None
        Rates of change, :math:`\\dot x = f(x, p, t)`, in the order of `states`; with `diffusion`, the drift.
    diffusion : ImmutableDenseMatrix or None
        States x noises, the factors of the increments of independent Wiener processes.
    map : tuple of Expr or None
        Next values, :math:`x_{t+1} = F(x_t, p, t)`.
    noise : tuple of Symbol
        Standard normal numbers in the right-hand sides that are drawn anew in every step.
    propensities : tuple of Expr or None
        Rates at which the reactions of a network fire.
    offspring : str or None
        How individuals of a branching process reproduce.
    fields : tuple of Symbol
        States that are functions of position.
    kinetics : tuple
        Of each cell, where cells share a field.
    events : tuple
        Sudden changes of states.
    binary : tuple of Symbol
        States that are 0 or 1.
    interpretation : str or None
        Of stochastic integrals, 'ito' or 'stratonovich'.
    """

    states: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    defaults: Mapping[sp.Symbol, float]
    initial: Mapping[sp.Symbol, float]
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

    #: Short name of the kind of system, as messages and digests call it.
    kind: ClassVar[str]
    #: Whether initial values may be distributions.
    distributions: ClassVar[bool] = False
    #: The method that simulates it where none is named; one that applies is chosen unless a kind names its own.
    default_method: ClassVar[str | None] = None
    #: Names of the attributes that hold right-hand sides, each a tuple or matrix of expressions.
    sides: ClassVar[tuple[str, ...]]

    def declare(
        self,
        equations: Mapping[Any, Any],
        *,
        parameters: Mapping[Any, float] | None,
        initial: Mapping[Any, float] | None,
        observables: Mapping[Any, Any] | None,
        time: Any,
        provenance: Sequence[str],
    ) -> dict[sp.Symbol, Any]:
        """Set everything that all kinds share; return the right-hand sides by state."""
        rows, seen, time = read_equations(equations, time, observables)
        sides = [e for row in rows.values() for e in (row if isinstance(row, tuple) else (row,))]
        self.settle(tuple(rows), sides, seen, time, parameters=parameters, initial=initial, provenance=provenance)
        return rows

    def settle(
        self,
        states: tuple[sp.Symbol, ...],
        sides: Iterable[sp.Expr],
        seen: Mapping[sp.Symbol, sp.Expr],
        time: sp.Symbol,
        *,
        parameters: Mapping[Any, float] | None,
        initial: Mapping[Any, float] | None,
        provenance: Sequence[str],
    ) -> None:
        """Check names and expressions, and set the attributes that all kinds have."""
        found = tuple(s for s in check_symbols(states, time, sides, seen) if not self.drawn(s))
        self.__dict__.update(
            states=states,
            parameters=found,
            defaults=MappingProxyType(numeric_values(parameters, found, "parameter")),
            initial=MappingProxyType(numeric_values(initial, states, "state")),
            observables=MappingProxyType(seen),
            time=time,
            provenance=tuple(provenance) or (f"declared as {type(self).__name__}",),
        )

    @classmethod
    def from_text(cls, text: str, parameters: Mapping[Any, float] | None = None, **options: Any) -> Self:
        """Read a model from text, one equation a line; the text is parsed by a grammar of its own, never evaluated.

        The text may also set parameters (``a = 0.5``), initial values (``x(0) = 30``) and observables
        (``total := x + y``); values given as arguments win.  Calls of other functions, ``f(x, y)``, are unknown terms.

        Raises
        ------
        ParseError
            Pointing at the line and column that could not be read.
        """
        model = parse_model(text)
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
        """Build the system from a parsed text."""

    @abstractmethod
    def equations(self) -> list[Equation]:
        """The equations as a person would write them, in text and in LaTeX."""

    @classmethod
    def example(cls) -> Self:
        """A small system of this kind with values for everything, which the conformance tests simulate.

        >>> import symdyn as sd
        >>> print(sd.ODESystem.example())
        x' = a*x*(1 - x) - x*y
        y' = -b*y + x*y
        """
        raise NotImplementedError(f"{cls.__name__} has no example; a kind that is registered needs one")

    @classmethod
    def drawn(cls, symbol: sp.Symbol) -> bool:
        """Whether a symbol stands for a random number, drawn anew in each step, rather than for a parameter."""
        return False

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a system is frozen: {name} cannot be set; with_parameters, with_terms ... return a changed copy")

    def __getstate__(self) -> dict[str, Any]:
        return {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({k: MappingProxyType(v) if isinstance(v, dict) else v for k, v in state.items()})

    # ---- what is in it -------------------------------------------------------------------------

    @cached_property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Every right-hand side, in a fixed order."""
        return tuple(e for side in self.sides for e in getattr(self, side))

    @cached_property
    def parts(self) -> frozenset[str]:
        """Which of `PARTS` it consists of.

        >>> import sympy as sp, symdyn as sd
        >>> x = sp.Symbol("x")
        >>> sorted(sd.SDESystem({x: -x}, {x: 1}).parts)
        ['diffusion', 'drift']
        """
        found = {name: getattr(self, name) for name in PARTS}
        return frozenset(name for name, part in found.items() if not (part is None or part == ()))

    def unmet(self, needs: Iterable[str], also: Iterable[str] = ()) -> str | None:
        """Why something cannot work with this system, or None if it can.

        Parameters
        ----------
        needs : iterable of str
            Names in `PARTS` of what it works with; all must be there.
        also : iterable of str
            What may be there besides.

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
        """One of its parts, by its name in `PARTS`.

        Raises
        ------
        DeclarationError
            If it has none such.
        """
        if name not in self.parts:
            own = _listed([p for p in PARTS if p in self.parts]) or "none"
            raise DeclarationError(f"expected a system of {PARTS[name]}; this {type(self).__name__} has {own}")
        return getattr(self, name)

    def deterministic(self, what: str) -> tuple[sp.Expr, ...]:
        """Right-hand sides of a flow or a map without noise: `drift` or `map`.

        Raises
        ------
        DeclarationError
            For other systems; `what` is what needs them, as the message calls it.
        """
        sides = self.map if self.drift is None else self.drift
        if sides is not None and self.parts <= {"drift", "map"}:
            return sides
        hint = "; take its rate_equations() or moments(order)" if self.propensities is not None else ""
        if self.parts == {"map", "noise"}:
            hint = f"; this one draws {self.noise[0]} in every step"
        raise DeclarationError(
            f"{what} needs an ODESystem or a DiscreteSystem without random numbers, got {type(self).__name__}{hint}"
        )

    @property
    def noises(self) -> int:
        """Number of independent normal numbers that drive it in a step."""
        return len(self.noise) if self.diffusion is None else self.diffusion.shape[1]

    @property
    def time_dependent(self) -> bool:
        """Whether a right-hand side depends on time."""
        return any(self.time in e.free_symbols for e in self.expressions)

    @property
    def whole_steps(self) -> bool:
        """Whether time goes in whole steps, as that of a map."""
        return self.map is not None or self.offspring is not None

    def ito(self) -> Self:
        """The same process with stochastic integrals in the sense of Itô."""
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
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def initial_symbols(self) -> tuple[sp.Symbol, ...]:
        """What a simulation takes initial values of: the states, unless they follow from something else."""
        return self.states

    def initial_values(self, values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
        """Initial values of the states from those of `initial_symbols`, as numbers, arrays or DataArrays.

        Raises
        ------
        DeclarationError
            If values are missing.
        """
        missing = [s.name for s in self.states if s not in values]
        if missing:
            raise DeclarationError(f"no value for the state {', '.join(missing)}; pass initial={{'{missing[0]}': ...}}")
        return {s: values[s] for s in self.states}

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
        """A copy with some attributes changed and nothing checked again; the constructors check."""
        new = object.__new__(type(self))
        wrong = sorted(changes.keys() - self.__dict__.keys())
        if wrong:
            raise DeclarationError(
                f"{type(self).__name__} has no attribute {wrong[0]!r} to be replaced.{suggest(wrong[0], self.__dict__)}"
            )
        # what was derived is derived anew; a class may have put something else over a cached property of its parent
        derived = {k for cls in type(self).__mro__ for k, v in vars(cls).items() if isinstance(v, cached_property)}
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in derived}, **changes)
        return new

    def map_expressions(self, function: Callable[[sp.Expr], sp.Expr]) -> Self:
        """The same system with `function` applied to every right-hand side and observable."""
        sides = {}
        for name in self.sides:
            side = getattr(self, name)
            sides[name] = side.applyfunc(function) if isinstance(side, sp.MatrixBase) else tuple(map(function, side))
        seen = MappingProxyType({k: function(v) for k, v in self.observables.items()})
        return self.replace(**sides, observables=seen)

    def with_parameters(self, values: Mapping[Any, float] | None = None, **named: float) -> Self:
        """The same system with other default parameter values; keys are symbols or their names."""
        given = numeric_values({**(values or {}), **named}, self.parameters, "parameter")
        return self.replace(defaults=MappingProxyType({**self.defaults, **given}))

    def with_initial(self, values: Mapping[Any, float] | None = None, **named: float) -> Self:
        """The same system with other default initial values; keys are symbols or their names."""
        given = numeric_values({**(values or {}), **named}, self.states, "state")
        return self.replace(initial=MappingProxyType({**self.initial, **given}))

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same system with unknown terms filled in.

        Parameters
        ----------
        terms : mapping
            From an unknown term (``f(x, y)``), its function (``f``, then the expression is in the arguments of
            each application) or its name to the expression that takes its place.
        defaults : mapping of Symbol to float, optional
            Values of parameters that the expressions bring in.

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
        symbols = set().union(*(e.free_symbols for e in (*filled.expressions, *filled.observables.values())))
        free = symbols - set(self.states) - {self.time}
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
        if self.parameters:
            shown = (f"{p} = {self.defaults[p]:g}" if p in self.defaults else f"{p}" for p in self.parameters)
            lines.append(f"  parameters: {', '.join(shown)}")
        if self.initial:
            lines.append(f"  initial: {', '.join(f'{s} = {v:g}' for s, v in self.initial.items())}")
        if self.unknowns:
            lines.append(f"  unknown: {', '.join(map(str, self.unknowns))}")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        rows = [rf"{e.left_latex} &= {e.right_latex}" for e in self.equations()]
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$"


def _listed(parts: Iterable[str]) -> str:
    """What messages call parts, joined."""
    return " and ".join(PARTS[p] for p in parts)
