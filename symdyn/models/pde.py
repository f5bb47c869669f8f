"""Partial differential equations on boxes: fields, coupled to each other and to scalars."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn import dag
from symdyn.attached import FieldVerbs
from symdyn.declaration import check_symbols
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of, numeric_values
from symdyn.models._pde_reading import mapped, read_domain, read_starts, read_states, wall_expressions
from symdyn.models.boundary import SIDES, Conditions, read_conditions
from symdyn.models.domains import Domain
from symdyn.models.events import Event, called, declared_events, with_events_of
from symdyn.models.operators import laplacian, read_operators
from symdyn.models.pde_checks import check, check_one_wall
from symdyn.models.reaction import rate_text
from symdyn.models.registry import KINDS
from symdyn.models.spatial import SpatialSystem
from symdyn.parsing import ModelText
from symdyn.paths import Path, PathSlope, with_paths
from symdyn.system import Equation

__all__ = ["PDESystem"]

SPACE = ("x", "y", "z")


class PDESystem(FieldVerbs, SpatialSystem):
    r"""Fields on an interval, a rectangle, a box, a disc or a polygon, and scalars that they are coupled to.

    .. math:: \partial_t u_i = f_i(u, \nabla u, \Delta u, \ldots, s, x, t), \qquad
              \dot s_k = g_k(s, \langle h(u) \rangle, t)

    Parameters
    ----------
    equations : mapping
        From each field (a symbol or a name) to its rate.  Rates are made of fields, scalars, parameters, the positions
        ``x``, ``y`` and ``z``, time, inputs over time (`symdyn.Path`), and the operators `dx`, `dy`, `dz`, `laplacian`,
        `grad`, `div`, `dot`, `mean`, `integral`.  Undefined functions such as ``f(u)`` are unknown terms.
    domain : Interval, Rectangle, Box, Disk, Polygon or (start, end)
        Grids of cells fill the first three (`discretize`), finite elements the others (`mesh`).
    odes : mapping or sequence, optional
        From each scalar to its rate, in which fields occur in `mean` or `integral` only; or the names of those states in
        `equations` that are scalars.
    boundary : optional
        "periodic", "no-flux" (the default), `Dirichlet`, `Neumann` or `Robin` for all, or a mapping from fields, axes
        ("x") or sides ("left", "right" along x, "bottom", "top" along y, "front", "back" along z) to one; the value of a
        field may again be such a mapping, and at an axis a pair is (left, right).  Keys may also be expressions: the second
        condition of equations of higher order, such as that of ``u**3 - u - laplacian(u)`` where its laplacian is taken.
    parameters, initial, observables : mapping, optional
        Default values; initial values as numbers or expressions of position and parameters; named expressions.
    events : Event or sequence of Event, optional
        Instantaneous changes of fields and scalars, at given times (`symdyn.dose`) or when a condition on scalars, parameters,
        time, and means and integrals of fields turns true.  The new value of a field is an expression of fields, their
        derivatives, scalars, parameters, position and time.  A parameter that events change is a scalar without a rate,
        ``odes={k: 0}``; between events methods take it for a number, so that they treat ``k*laplacian(u)`` implicitly.
    space : sequence, optional
        Symbols or names of the positions, ``x``, ``y`` and ``z`` unless said otherwise.
    time : Symbol or str, optional

    Attributes
    ----------
    fields, scalars : tuples of Symbol
        Concatenated in this order they are the `states`.
    rates : tuple of Expr
        One for each state.
    conditions : mapping
        From each field, and each operand that was named, to its conditions: for each axis "periodic" or a pair.

    Raises
    ------
    DeclarationError
        For domains, conditions, operators and names that do not fit.

    Examples
    --------
    >>> from symdyn.models.operators import laplacian
    >>> u, D, r = sp.symbols("u D r")
    >>> print(PDESystem({u: D * laplacian(u) + r * u * (1 - u)}, domain=(0, 10), parameters={D: 1, r: 1}))
    u' = D*laplacian(u) + r*u*(1 - u)

    Two drops of 0.3 each, which diffuse, and a harvest of half of everything once there is more than 0.5:

    >>> import symdyn as sd
    >>> x, drop = sp.Symbol("x"), 0.3 * sp.exp(-((sp.Symbol("x") - 5) ** 2)) / sp.sqrt(sp.pi)
    >>> harvest = sd.Event(sd.integral(u) > 0.5, {u: u / 2})
    >>> given = {"parameters": {D: 0.1}, "initial": {u: 0}, "observables": {"m": sd.integral(u)}}
    >>> drops = sd.dose(u, drop, every=2, times=2, start=1)
    >>> basin = PDESystem({u: D * laplacian(u)}, (0, 10), events=[drops, harvest], **given)
    >>> sd.simulate(basin, [0, 2, 4], grid=200, progress=False).m.values.round(6).tolist()
    [0.0, 0.3, 0.3]
    """

    fields: tuple[sp.Symbol, ...]
    scalars: tuple[sp.Symbol, ...]
    rates: tuple[sp.Expr, ...]
    space: tuple[sp.Symbol, ...]
    domain: Domain
    conditions: Mapping[sp.Expr, Conditions]
    initial: Mapping[sp.Symbol, Any]
    periodic: frozenset[int]
    kind: ClassVar[str] = "field"
    gridless: ClassVar[bool] = True
    sides: ClassVar[tuple[str, ...]] = ("rates",)
    eventful: ClassVar[bool] = True

    def __init__(
        self,
        equations: Mapping[Any, Any],
        domain: Any,
        *,
        odes: Mapping[Any, Any] | Sequence[Any] = (),
        boundary: Any = "no-flux",
        parameters: Mapping[Any, float] | None = None,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        space: Sequence[Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        domain = read_domain(domain)
        fields, rows, observed, time = read_states(equations, odes, observables, time)
        named = SPACE[: domain.dimension] if space is None else space
        names = [name_of(s) for s in (named if isinstance(named, Sequence) else ())]
        if len({*names}) != domain.dimension or len(names) != domain.dimension:
            raise DeclarationError(f"space is {named!r}; expected a name for each of {domain.dimension} axes")
        swap = called({**equations, **(odes if isinstance(odes, Mapping) else {})}, tuple(rows))
        moments, _ = declared_events(events, swap, tuple(rows), observed)
        moments = tuple(e.mapped(read_operators) for e in moments)
        happening = [side for e in moments for side in e.sides]
        free = {s.name: s for s in dag.free_symbols([*rows.values(), *observed.values(), *happening])}
        positions = tuple(free.get(n, sp.Symbol(n)) for n in names)
        for s in (*rows, time, *(p for p in free.values() if isinstance(p, (Path, PathSlope)))):
            if s.name in names:
                raise DeclarationError(f"{s} is the name of an axis; rename it or pass space= with other names")
        conditions, periodic = read_conditions(boundary, fields, positions)
        if not domain.boxed:
            check_one_wall(conditions, domain)
        start = read_starts(initial, rows)
        # symbols with the name of an axis or a state are replaced by that axis or state
        known = {s.name: s for s in (*positions, *rows, time)}
        swap = {s: known[s.name] for e in wall_expressions(conditions) for s in e.free_symbols if s.name in known}
        swap |= {s: known[s.name] for e in start.values() for s in e.free_symbols if s.name in known}
        conditions = {k: tuple(mapped(pair, lambda e: e.xreplace(swap)) for pair in c) for k, c in conditions.items()}
        start = {k: e.xreplace(swap) for k, e in start.items()}
        moments = tuple(e.mapped(lambda side: side.xreplace(swap)) for e in moments)
        happening = [side for e in moments for side in e.sides]
        sides = [*rows.values(), *wall_expressions(conditions), *start.values(), *(k for k in conditions if k not in rows)]
        sides += happening
        named = check_symbols((*rows, *positions), time, sides, observed)
        found, paths = with_paths(named)
        self.__dict__.update(
            states=tuple(rows),
            fields=fields,
            scalars=tuple(s for s in rows if s not in fields),
            rates=tuple(rows.values()),
            space=positions,
            domain=domain,
            conditions=MappingProxyType(conditions),
            periodic=periodic,
            parameters=found,
            defaults=MappingProxyType({**numeric_values(parameters, found, "parameter"), **paths}),
            initial=MappingProxyType(start),
            observables=MappingProxyType(observed),
            events=moments,
            time=time,
            provenance=tuple(provenance) or (f"declared as {type(self).__name__}",),
        )
        check(self)

    @classmethod
    def from_text(cls, text: str, parameters: Mapping[Any, float] | None = None, **options: Any) -> Self:
        """Read a system from text, one equation a line; domain, boundary and the names of scalars are arguments.

        Parameters
        ----------
        text : str
            Equations ``u' = ...`` with the operators ``dx``, ``laplacian``, ``mean`` ...; parameters, observables and events
            as in `ODESystem.from_text`.
        parameters : mapping of Symbol or str to float, optional
            Default values; they override those in the text.
        **options
            Further arguments of the class: ``domain`` (required), ``boundary``, ``odes`` (names of scalars, ``["S"]``),
            ``initial`` ...

        Returns
        -------
        PDESystem

        Raises
        ------
        ParseError
            With the line and column that could not be read.
        DeclarationError
            If the domain is missing, or the declaration is inconsistent.

        Examples
        --------
        >>> print(PDESystem.from_text("u' = D*laplacian(u) + u*(1-u); D = 0.1", domain=(0, 1)))
        u' = D*laplacian(u) + u*(1 - u)
        """
        if "domain" not in options:
            raise DeclarationError(
                "from_text of a PDESystem needs domain=, such as domain=(0, 1), Rectangle(2, 1) or Box(1, 1, 1)"
            )
        return super().from_text(text, parameters, **options)

    @classmethod
    def example(cls) -> Self:
        u, a, b = sp.symbols("u a b")
        rate = a * laplacian(u) + b * u * (1 - u)
        return cls({u: rate}, (0, 1), parameters={a: 0.1, b: 2}, initial={u: "0.1 + 0.05*cos(pi*x)"})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style != "prime" or model.noise:
            raise DeclarationError("a PDESystem is written u' = ..., without noise")
        if model.orders:
            derivative = f"{next(iter(model.orders))}'' is a second derivative by time"
            raise DeclarationError(derivative + ", and fields have equations of first order; write u' = v and v' = ...")
        return cls(model.equations, **{**options, "events": with_events_of(model.events, options)})

    # ---- contents -------------------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return self.domain.dimension

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of equations, domain and conditions (not of default values or provenance)."""
        walls = [str(k) + str([[str(c) for c in pair] for pair in row]) for k, row in self.conditions.items()]
        return hashlib.sha256(
            "\0".join([super().digest, repr(self.domain), *walls, str(self.space), str(self.fields)]).encode()
        ).hexdigest()

    @cached_property
    def _text(self) -> str:
        rows = [f"{s}' = {rate_text(f)}" for s, f in zip(self.states, self.rates, strict=True)]
        return "\n".join([*rows, *map(str, self.events)])

    def equations(self) -> list[Equation]:
        """The equations as text and as LaTeX, fields first.

        Returns
        -------
        list of Equation
            One for each state.

        Examples
        --------
        >>> [str(e) for e in PDESystem.from_text("u' = laplacian(u) - u", domain=(0, 1)).equations()]
        ["u' = -u + laplacian(u)"]
        """
        sides = zip(self.states, self.rates, strict=True)
        return [
            Equation(f"{s}'", rate_text(f), rf"\partial_{{{sp.latex(self.time)}}} {sp.latex(s)}" if s in self.fields
                     else rf"\dot{{{sp.latex(s)}}}", sp.latex(f))
            for s, f in sides
        ]  # fmt: skip

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {', '.join(self.names)} on {self.domain}"]
        lines += [f"    {e}" for e in (*self.equations(), *self.events)]
        for target, row in self.conditions.items():
            for axis, pair in enumerate(row):
                shown = pair if pair == "periodic" else ", ".join(f"{c} {SIDES[axis][k]}" for k, c in enumerate(pair))
                lines.append(f"    {target} along {self.space[axis]}: {shown}")
        if plain := [p for p in self.parameters if p not in self.inputs]:
            shown = ", ".join(f"{p} = {self.defaults[p]:g}" if p in self.defaults else f"{p}" for p in plain)
            lines.append(f"  parameters: {shown}")
        if self.initial:
            lines.append(f"  initial: {', '.join(f'{s} = {rate_text(v)}' for s, v in self.initial.items())}")
        if self.unknowns:
            lines.append(f"  unknown: {', '.join(map(str, self.unknowns))}")
        return "\n".join(lines)

    def _symbols(self) -> set[sp.Symbol]:
        outer = [*wall_expressions(self.conditions), *(k for k in self.conditions if k not in self.fields)]
        return super()._symbols() | dag.free_symbols(outer)

    # ---- systems from it -----------------------------------------------------------------------

    def map_expressions(self, function: Callable[[sp.Expr], sp.Expr]) -> Self:
        """The same system with a function applied to all rates, observables and conditions at walls.

        Parameters
        ----------
        function : callable, Expr -> Expr
            It may bring in no new symbols: the parameters remain those of the system.

        Returns
        -------
        PDESystem

        Examples
        --------
        >>> print(PDESystem.from_text("u' = (1 - u)*(1 + u)", domain=(0, 1)).map_expressions(sp.expand))
        u' = 1 - u**2
        """
        walls = {
            k if k in self.fields else function(k): tuple(mapped(pair, function) for pair in row)
            for k, row in self.conditions.items()
        }
        return super().map_expressions(function).replace(conditions=MappingProxyType(walls))

    def with_initial(self, values: Mapping[Any, Any] | None = None, **named: Any) -> Self:
        """The same system with other default initial values.

        Parameters
        ----------
        values : mapping of Symbol or str to number, Expr or str, optional
            In the units of the states; expressions may hold parameters and, for fields, the position.
        **named : number, Expr or str
            Values by name.

        Returns
        -------
        PDESystem

        Raises
        ------
        DeclarationError
            For unknown names, and expressions that hold anything else.

        Examples
        --------
        >>> x = sp.Symbol("x")
        >>> PDESystem.from_text("u' = laplacian(u)", domain=(0, 1)).with_initial(u=sp.cos(sp.pi * x)).initial
        mappingproxy({u: cos(pi*x)})
        """
        given = {**read_starts(values, self.states), **read_starts(named, self.states)}
        known = {s.name: s for s in (*self.space, *self.parameters)}
        given = {k: e.xreplace({s: known.get(s.name, s) for s in e.free_symbols}) for k, e in given.items()}
        changed = self.replace(initial=MappingProxyType({**self.initial, **given}))
        check(changed)
        return changed

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same system with unknown terms replaced by expressions.

        Parameters
        ----------
        terms : mapping
            From an unknown term, its function or its name to an expression, see `System.with_terms`.
        defaults : mapping of Symbol to float, optional
            Values of parameters that the expressions bring in.

        Returns
        -------
        PDESystem

        Raises
        ------
        DeclarationError
            If the system has no such unknown term, or the expression does not fit the domain.

        Examples
        --------
        >>> u = sp.Symbol("u")
        >>> print(PDESystem.from_text("u' = laplacian(u) + f(u)", domain=(0, 1)).with_terms({"f": u - u**3}))
        u' = -u**3 + u + laplacian(u)
        """
        filled = super().with_terms(terms, defaults)
        outer = [*wall_expressions(self.conditions), *self.initial.values(), *(side for e in self.events for side in e.sides)]
        free = dag.free_symbols([*filled.expressions, *filled.observables.values(), *outer])
        parameters, paths = with_paths(sorted(free - {*self.states, *self.space, self.time}, key=lambda s: s.name))
        values = {**self.defaults, **paths, **(defaults or {})}
        known = MappingProxyType({p: values[p] for p in parameters if p in values})
        changed = filled.replace(parameters=parameters, defaults=known)
        check(changed)
        return changed


KINDS.register("field", PDESystem)
