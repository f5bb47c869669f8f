"""Chemical reaction networks: jumps of molecule numbers at rates that depend on them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.attached import NetworkVerbs
from symdyn.declaration import expression, read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.models._network_text import read_network
from symdyn.models.events import Event, listed_events
from symdyn.models.reaction import Burst, Reaction, complex_text, rate_text
from symdyn.models.registry import KINDS
from symdyn.parsing import MAX_TEXT, ModelText
from symdyn.paths import Path, PathSlope
from symdyn.system import Equation, System

__all__ = ["ReactionNetwork"]

#: Attributes from which parameters and propensities follow.
DECLARED = ("reactions", "volume", "combinatoric", "binary", "events")


class ReactionNetwork(NetworkVerbs, System):
    r"""A chemical reaction network: a Markov process of molecule numbers n.

    Reaction r changes n by :math:`S_r` with the probability :math:`a_r(n)\,\mathrm{d}t` in a time dt, so that

    .. math:: \dot P(n) = \sum_r a_r(n - S_r)\,P(n - S_r) - a_r(n)\,P(n)

    A mass-action reaction of order s with the rate constant k has the propensity
    :math:`a = k\,V^{1-s} \prod_i n_i (n_i - 1) \cdots (n_i - s_i + 1)`; with ``combinatoric=True`` it is divided by
    :math:`\prod_i s_i!`.  The results depend on the choice: ``2 A -> 0, k`` fires at rate k n (n-1)/V or at half of it.

    Parameters
    ----------
    reactions : sequence of Reaction
        Or of tuples ``(reactants, products, rate)``.  Rates may depend on species and time, and contain unknown functions.
    parameters, initial, observables, time :
        As for `ODESystem`; initial values are molecule numbers, and those that are expressions have whole numbers for values.
    volume : Symbol, str or number, optional
        The volume V of mass action; 1 by default.
    combinatoric : bool
        Whether the rate constant counts each set of equal reactants once, as in Catalyst.jl, or each ordered choice.
    binary : sequence of species, optional
        Species that are 0 or 1, such as genes: moment equations use it.
    events : sequence of Event, optional
        Instantaneous changes at given times or states; exact stochastic simulation includes them, derivations raise an error.
        The same holds of reactions with a `delay`, none of which is under way at the first time.
    species : sequence, optional
        Their order, and species that occur only in rates; by default the order of appearance.

    Attributes
    ----------
    reactions : tuple of Reaction
    propensities, macroscopic : tuple of Expr
        In molecule numbers; and their leading order in the volume.
    stoichiometry : ImmutableDenseMatrix
        Mean change of each species (row) by each reaction (column), bursts included.
    changes : (species, reactions) int64
        Fixed changes, without bursts.

    Raises
    ------
    DeclarationError
        If the reactions are a text or none, the volume is a species or time, the mean of a burst depends on the
        state, an input stands elsewhere than in rates and events, or a value is no number.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k0; 2 X + Y -> 3 X, k1; X <-> Y, k2, k3", volume="V")
    >>> net.propensities
    (V*k0, X*Y*k1*(X - 1)/V**2, X*k2, Y*k3)
    >>> print(net.rate_equations())
    X' = V*k0 - X*k2 + Y*k3 + X**2*Y*k1/V**2
    Y' = X*k2 - Y*k3 - X**2*Y*k1/V**2
    """

    reactions: tuple[Reaction, ...]
    rates: tuple[sp.Expr, ...]
    volume: sp.Expr
    combinatoric: bool
    binary: tuple[sp.Symbol, ...]
    events: tuple[Event, ...]
    kind: ClassVar[str] = "jump"
    sides: ClassVar[tuple[str, ...]] = ("rates",)
    text_options: ClassVar[tuple[str, ...] | None] = ("volume", "combinatoric")

    def __init__(
        self,
        reactions: Sequence[Reaction | tuple[Any, ...]],
        parameters: Mapping[Any, float] | None = None,
        *,
        volume: Any = None,
        combinatoric: bool = False,
        initial: Mapping[Any, Any] | None = None,
        binary: Iterable[Any] = (),
        events: Sequence[Event] = (),
        species: Iterable[Any] = (),
        observables: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        if isinstance(reactions, str):
            raise DeclarationError(
                f"got the text {reactions[:40]!r} for the reactions; text goes through ReactionNetwork.from_text"
            )
        listed = tuple(r if isinstance(r, Reaction) else _reaction(r) for r in reactions)
        if not listed:
            raise DeclarationError("the network has no reaction; give a sequence, [Reaction({X: 1}, {}, k), ...]")
        given = [sp.Symbol(s) if isinstance(s, str) else s for s in species]
        order = tuple(dict.fromkeys((*given, *(s for r in listed for s in r.species))))
        if not order:
            raise DeclarationError("no reaction of the network has a species; write one such as 0 -> X, k")
        size = _volume(volume)
        _, observed, time = read_equations(dict.fromkeys(order, 0), time, observables)
        if size in (*order, time):
            raise DeclarationError(
                f"the volume is {size}, which is {'time' if size == time else 'a species'}; expected a parameter"
            )
        means = [b.mean for r in listed for b in (r.bursts or {}).values()]
        moments = listed_events(events)
        for e in moments:
            for s in e.assignments:
                lookup(s, order, "species")
        sides = [*(r.delay for r in listed), *(v for e in moments for v in e.sides)]
        self.settle(
            order, [*(r.rate for r in listed), size, *means, *sides], observed, time,
            parameters=parameters, initial=initial, provenance=provenance,
        )  # fmt: skip
        for fixed in (size, *means, *(r.delay for r in listed)):
            if found := [s for s in fixed.free_symbols if isinstance(s, (Path, PathSlope))]:
                raise DeclarationError(f"{fixed} contains the input {found[0]}; only rates and events may depend on inputs")
        for mean in means:
            if mean.free_symbols & {*order, time}:
                raise DeclarationError(f"the mean {mean} of a burst depends on species or time; it must be of parameters alone")
        self.__dict__.update(
            reactions=listed,
            rates=tuple(r.rate for r in listed),
            volume=size,
            combinatoric=bool(combinatoric),
            binary=tuple(lookup(b, order, "species") for b in ([binary] if isinstance(binary, str) else binary)),
            events=moments,
        )

    @classmethod
    def from_text(
        cls, text: str, parameters: Mapping[Any, float] | None = None, *, characters: int = MAX_TEXT, **options: Any
    ) -> Self:
        """Read a network, one reaction a line (see `symdyn.reaction_text`); the text is never evaluated as code.

        ``->`` is followed by a rate constant of mass action, ``=>`` by a complete propensity; ``<->`` and ``<=>`` stand for
        both directions and take two rates.  Values of parameters, initial numbers and observables may be set as in other
        models; ``volume V`` names the volume.

        Parameters
        ----------
        text : str
            The reactions, separated by line breaks or semicolons.
        parameters : mapping of Symbol or str to float, optional
            Default values; they override those in the text.
        characters : int, optional
            Largest length of the text.
        **options
            Further arguments of the class, such as ``volume``, ``combinatoric``, ``initial`` and ``binary``.

        Returns
        -------
        ReactionNetwork

        Raises
        ------
        ParseError
            With the line and column that could not be read.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("A + B <-> C, k1, k2; C => 0, v*C/(1 + C); k1 = 0.1; A(0) = 5")
        >>> net.propensities
        (A*B*k1, C*k2, C*v/(C + 1))
        """
        reactions, values = read_network(text, parameters, options, characters)
        twice = [(r, s.name) for r in reactions if r.mass_action for s in r.reactants if s in r.rate.free_symbols]
        if twice:
            (reaction, name), others = twice[0], len({id(r) for r, _ in twice}) - 1
            warnings.warn(
                f"the rate constant of '{reaction}' holds its reactant {name}, and mass action multiplies by it once more"
                + (f", and so do {others} further reactions" if others else "")
                + "; a complete propensity is written with => instead of ->",
                stacklevel=2,
            )
        return cls(reactions, **values)

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        listed = [({}, {x: 1}, 5 * a), ({x: 1}, {y: 1}, b), ({x: 1, y: 1}, {x: 1}, 0.1)]
        return cls(listed, {a: 1, b: 2}, initial={x: 9, y: 4})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a network is written as reactions, A + B -> C, k; use ReactionNetwork.from_text")

    # ---- quantities derived from the reactions -----------------------------------------------------------

    def _reactions(self) -> list[Reaction]:
        """The reactions with the present rates, which `with_terms` and `map_expressions` may have changed."""
        pairs = zip(self.reactions, self.rates, strict=True)
        return [replace(r, rate=rate) for r, rate in pairs]

    def replace(self, **changes: Any) -> Self:
        """A copy with some attributes changed; other reactions, volumes or events are checked as in a new declaration.

        Parameters
        ----------
        **changes
            New values by attribute, such as ``volume="V"`` or ``combinatoric=True``.

        Returns
        -------
        ReactionNetwork

        Raises
        ------
        DeclarationError
            If there is no such attribute, or the declaration is inconsistent.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ReactionNetwork.from_text("2 X -> 0, k").replace(combinatoric=True).propensities
        (X*k*(X - 1)/2,)
        """
        if changes.keys() & DECLARED and "parameters" not in changes:
            return self._declared_anew(changes)
        new = super().replace(**changes)
        if "rates" in changes:
            new.__dict__["reactions"] = tuple(new._reactions())
        return new

    def _declared_anew(self, changes: dict[str, Any]) -> Self:
        """The network with another declaration, checked; values of parameters that no longer occur are dropped."""
        kept = {name: getattr(self, name) for name in (*DECLARED, "initial", "observables", "time", "provenance")}
        values = {**kept, "reactions": self._reactions(), "species": self.states, **changes}
        defaults = values.pop("defaults", self.numeric_defaults)
        new = type(self)(**values)
        return new.with_parameters({p: v for p, v in defaults.items() if p in new.parameters})

    @cached_property
    def propensities(self) -> tuple[sp.Expr, ...]:  # type: ignore[override]
        """Propensities in molecule numbers."""
        return tuple(r.propensity(self.volume, combinatoric=self.combinatoric) for r in self.reactions)

    @cached_property
    def macroscopic(self) -> tuple[sp.Expr, ...]:
        """Leading order of the propensities in the volume, in molecule numbers."""
        return tuple(r.macroscopic(self.volume, self.states, combinatoric=self.combinatoric) for r in self.reactions)

    @cached_property
    def changes(self) -> np.ndarray:
        """Fixed change of each species (row) by each reaction (column), int64."""
        columns = [r.change for r in self.reactions]
        return np.array([[c.get(s, 0) for c in columns] for s in self.states], dtype=np.int64)

    @cached_property
    def stoichiometry(self) -> sp.ImmutableDenseMatrix:
        """Mean change of each species (row) by each reaction (column), bursts included."""
        rows = [
            [r.change.get(s, 0) + (r.bursts[s].mean if r.bursts and s in r.bursts else 0) for r in self.reactions]
            for s in self.states
        ]
        return sp.ImmutableDenseMatrix(rows)

    @cached_property
    def delayed_reactions(self) -> tuple[Reaction, ...]:  # type: ignore[override]
        """The reactions with delays."""
        return tuple(r for r in self.reactions if r.delay != 0)

    @property
    def species(self) -> tuple[sp.Symbol, ...]:
        """The states."""
        return self.states

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the reactions and conventions (not of default values or provenance)."""
        parts = [self.kind, str(self.time), *map(str, self.states), "|", *map(str, self.parameters), "|", sp.srepr(self.volume)]
        for r, rate in zip(self.reactions, self.rates, strict=True):
            bursts = r.timing + "".join(f"{k}:{b.distribution}:{sp.srepr(b.mean)};" for k, b in (r.bursts or {}).items())
            sides = complex_text(r.reactants), complex_text(r.products)
            parts += [*sides, bursts, str(r.mass_action), sp.srepr(rate)]
        parts += [f"{k}={sp.srepr(v)}" for k, v in self.observables.items()]
        parts += [str(self.combinatoric), *map(str, self.binary), *(e.fingerprint for e in self.events)]
        parts += [p.digest for p in self.inputs]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _symbols(self) -> set[sp.Symbol]:
        further = [e for r in self.reactions for e in (r.delay, *(b.mean for b in (r.bursts or {}).values()))]
        return super()._symbols() | dag.free_symbols([self.volume, *further])

    # ---- display -----------------------------------------------------------------------------------

    def equations(self) -> list[Equation]:
        """The reactions with their rates, as text and as LaTeX.

        Returns
        -------
        list of Equation
            One for each reaction.

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.ReactionNetwork.from_text("0 <-> X, k, g").equations()]
        ['0 -> X, k', 'X -> 0, g']
        """
        written = []
        for r, rate in zip(self.reactions, self.rates, strict=True):
            sides = [_latex(r.reactants), _latex(r.products, r.bursts)]
            arrow = r"\longrightarrow" if r.mass_action else r"\Longrightarrow"
            timing = rf"\;\text{{{r.timing}}}" if r.timing else ""
            left, right = f"{sides[0]} {arrow} {sides[1]}", f"{rate_text(rate)}{r.timing}"
            written.append(Equation(_sides(r), right, left, sp.latex(rate) + timing, ", "))
        return written

    @cached_property
    def _text(self) -> str:
        size = [f"volume {self.volume}"] if self.volume.is_Symbol else []
        rows = [f"{_sides(r)}, {rate_text(rate)}{r.timing}" for r, rate in zip(self.reactions, self.rates, strict=True)]
        return "\n".join([*rows, *map(str, self.events), *size])

    def __repr__(self) -> str:
        lines = super().__repr__().split("\n")
        if self.volume != 1:
            lines.append(f"  volume: {self.volume}")
        if self.combinatoric:
            lines.append("  combinatoric: each set of equal reactants counts once")
        if self.binary:
            lines.append(f"  binary: {', '.join(s.name for s in self.binary)}")
        return "\n".join(lines)


KINDS.register("jump", ReactionNetwork)


def _reaction(value: Any) -> Reaction:
    if not isinstance(value, tuple) or not 3 <= len(value) <= 4:
        raise DeclarationError(f"a reaction is {value!r}; expected Reaction({{X: 1}}, {{Y: 1}}, k) or such a tuple")
    return Reaction(*value)


def _volume(value: Any) -> sp.Expr:
    if value is None:
        return sp.S.One
    if isinstance(value, str) and value.isidentifier():
        return sp.Symbol(value)
    size = value if isinstance(value, str) else expression(value)
    if isinstance(size, sp.Expr) and (size.is_Symbol or (size.is_number and size.is_positive)):
        return size
    raise DeclarationError(f"the volume is {value!r}; expected a symbol, its name or a positive number")


def _sides(reaction: Reaction) -> str:
    """A reaction as text without its rate."""
    return str(reaction).removesuffix(f", {rate_text(reaction.rate)}{reaction.timing}")


def _latex(counts: Mapping[sp.Symbol, int], bursts: Mapping[sp.Symbol, Burst] | None = None) -> str:
    terms = [(f"{k}\\," if k != 1 else "") + sp.latex(s) for s, k in counts.items()]
    terms += [rf"\mathrm{{{b.distribution}}}({sp.latex(b.mean)})\,{sp.latex(s)}" for s, b in (bursts or {}).items()]
    return " + ".join(terms) or r"\emptyset"
