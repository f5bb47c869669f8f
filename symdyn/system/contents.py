"""Contents of a system: its parts, symbols and right-hand sides, its fingerprint, and copies with other contents."""

from __future__ import annotations

import hashlib
from abc import ABC
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.neural_terms import NetworkTerm
from symdyn.paths import Path, PathSlope
from symdyn.registry import suggest

__all__ = ["PARTS", "Contents", "delays_in"]

#: Parts of systems, by attribute, with their names in messages.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "drift": "rates of change",
        "algebraic": "algebraic equations",
        "diffusion": "Wiener noise",
        "map": "next values",
        "noise": "random numbers drawn in every step",
        "propensities": "reactions",
        "delayed_reactions": "delayed reactions",
        "offspring": "individuals with offspring",
        "rules": "cells that are 0 or 1",
        "fields": "fields",
        "kinetics": "cells with kinetics of their own",
        "events": "events",
        "shuffled": "events in random order",
        "inputs": "inputs over time",
        "delays": "delays",
        "slopes": "slopes of delayed states",
    }
)


class Contents(ABC):
    """What a system consists of, frozen; `System` describes the attributes."""

    states: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    defaults: Mapping[sp.Symbol, float]
    initial: Mapping[sp.Symbol, Any]
    observables: Mapping[sp.Symbol, sp.Expr]
    time: sp.Symbol
    provenance: tuple[str, ...]
    drift: tuple[sp.Expr, ...] | None = None
    algebraic: tuple[sp.Symbol, ...] = ()
    constraints: tuple[sp.Expr, ...] = ()
    free: tuple[sp.Symbol, ...] = ()
    diffusion: sp.ImmutableDenseMatrix | None = None
    map: tuple[sp.Expr, ...] | None = None
    noise: tuple[sp.Symbol, ...] = ()
    propensities: tuple[sp.Expr, ...] | None = None
    delayed_reactions: tuple[Any, ...] = ()
    offspring: str | None = None
    rules: tuple[sp.Expr, ...] | None = None
    fields: tuple[sp.Symbol, ...] = ()
    kinetics: tuple[Any, ...] = ()
    events: tuple[Any, ...] = ()
    history: Mapping[sp.Symbol, sp.Expr] = MappingProxyType({})
    history_span: tuple[float, float] | None = None
    binary: tuple[sp.Symbol, ...] = ()
    helpers: tuple[sp.Symbol, ...] = ()
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
    #: Whether expressions may contain states at other times.
    delayed: ClassVar[bool] = False
    #: Whether such states in a declaration become further states.
    lagged: ClassVar[bool] = False
    #: Names of the attributes that contain right-hand sides, each a tuple or matrix of expressions.
    sides: ClassVar[tuple[str, ...]]

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
        if further := self.parts & {"algebraic", "events", "inputs", "delays"}:
            hint = f"; this one has {_listed(p for p in PARTS if p in further)}"
            if self.parts == {"drift", "delays"}:
                hint += " (without_delays(system) has its steady states, characteristic_roots their stability)"
        if self.parts == {"map", "noise"}:
            hint = f"; this one draws {self.noise[0]} in every step"
        raise DeclarationError(
            f"{what} needs an ODESystem or a DiscreteSystem without random numbers, got {type(self).__name__}{hint}"
        )

    @cached_property
    def shuffled(self) -> tuple[Any, ...]:
        """The events that act in random order among those of the same time and priority."""
        return tuple(e for e in self.events if e.shuffled)

    @cached_property
    def inputs(self) -> tuple[Path, ...]:
        """The parameters that are functions of time."""
        return tuple(p for p in self.parameters if isinstance(p, Path))

    @cached_property
    def driving_slopes(self) -> frozenset[Path]:
        """The inputs whose slope occurs in right-hand sides or events."""
        used = dag.free_symbols([*self.expressions, *(side for e in self.events for side in e.sides)])
        return frozenset(path for path in self.inputs if PathSlope(path) in used)

    @property
    def numeric_defaults(self) -> dict[sp.Symbol, float]:
        """The default values of parameters that are numbers, without those of inputs."""
        return {p: v for p, v in self.defaults.items() if not isinstance(p, Path)}

    @cached_property
    def delays(self) -> tuple[AppliedUndef, ...]:
        """States at other times, such as ``x(t - 1)``, and their slopes, ``x'(t - 1)``, sorted by name."""
        if not self.delayed:
            return ()
        events = [side for event in self.events for side in event.sides]
        return delays_in((*self.expressions, *self.observables.values(), *events), self.names)

    @property
    def slopes(self) -> tuple[AppliedUndef, ...]:
        """Those of `delays` that are slopes."""
        return tuple(d for d in self.delays if d.func.__name__ not in self.names)

    @property
    def noises(self) -> int:
        """Number of independent normal random numbers of a step."""
        return len(self.noise) if self.diffusion is None else self.diffusion.shape[1]

    @cached_property
    def time_dependent(self) -> bool:
        """Whether a right-hand side depends on time."""
        return self.time in dag.free_symbols(self.expressions)

    @property
    def whole_steps(self) -> bool:
        """Whether time advances in steps of length 1, as for a map."""
        return self.map is not None or self.offspring is not None

    @cached_property
    def unknowns(self) -> tuple[AppliedUndef, ...]:
        """Applications of undefined functions, such as ``f(x, y)``: the terms to be recovered, sorted by name."""
        found: set[AppliedUndef] = set()
        for e in dag.nodes((*self.expressions, *self.observables.values())):
            if isinstance(e, AppliedUndef):
                found.add(e)
        return tuple(sorted(found.difference(self.delays), key=str))

    @cached_property
    def networks(self) -> tuple[NetworkTerm, ...]:
        """Trained networks at their arguments, sorted by name."""
        every = dag.nodes((*self.expressions, *self.observables.values()))
        return tuple(sorted((e for e in every if isinstance(e, NetworkTerm)), key=str))

    def without_networks(self) -> Self:
        """The same system with unknown terms, such as ``f(x, y)``, in the place of its networks.

        Returns
        -------
        System

        Raises
        ------
        DeclarationError
            If two networks have the same name: their terms would be those of one function.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, f = sp.symbols("x"), sd.DenseLayers("f", [([[2.0]], None, "identity")])
        >>> sd.ODESystem({x: sd.TrainedNetwork(f)(x)}).without_networks().unknowns
        (f(x),)
        """
        swap = {n: n.unknown for n in self.networks}
        names = [network.name for network in {n.network for n in swap}]
        if twice := {name for name in names if names.count(name) > 1}:
            raise DeclarationError(f"two networks are called {min(twice)}; give each a name of its own")
        return self.map_expressions(lambda e: e.xreplace(swap)) if swap else self

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the mathematics (not of default values or provenance)."""
        parts = [self.kind, str(self.time), *map(str, self.states), "|", *map(str, self.parameters), "|"]
        parts += [*map(str, self.observables), dag.fingerprint((*self.expressions, *self.observables.values()))]
        parts += [e.fingerprint for e in self.events] + [p.digest for p in self.inputs]
        parts += [f"0 = {s}" for s in self.algebraic] + [f"{s} free" for s in self.free]
        parts += [*map(str, self.history), dag.fingerprint(self.history.values())] if self.history else []
        parts += [repr(self.history_span)] if self.history_span else []
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

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
            if side == ():
                continue
            sides[name] = side.applyfunc(function) if isinstance(side, sp.MatrixBase) else tuple(map(function, side))
        observed = MappingProxyType({k: function(v) for k, v in self.observables.items()})
        return self.replace(**sides, observables=observed)


def delays_in(expressions: Iterable[sp.Basic], names: Collection[str]) -> tuple[AppliedUndef, ...]:
    """Applications of the functions of these names, and of their slopes, sorted by name.

    Parameters
    ----------
    expressions : iterable of Basic
    names : collection of str
        Names of states.

    Returns
    -------
    tuple of Function

    Examples
    --------
    >>> x, t = sp.Function("x"), sp.Symbol("t")
    >>> delays_in([x(t - 1) + sp.Function("f")(t)], ["x"])
    (x(t - 1),)
    """
    known = {*names, *(f"{name}'" for name in names)}
    return tuple(
        sorted({e for e in dag.nodes(expressions) if isinstance(e, AppliedUndef) and e.func.__name__ in known}, key=str)
    )


def _listed(parts: Iterable[str]) -> str:
    """What messages call parts, joined."""
    return " and ".join(PARTS[p] for p in parts)
