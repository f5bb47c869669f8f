"""Moment equations: ordinary differential equations whose states are moments of a stochastic process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from types import MappingProxyType
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of
from symdyn.models.initial_moments import checked, initial_moments
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import KINDS, Index, latex_name, moment_symbol
from symdyn.models.named_moments import NamedMoments
from symdyn.models.ode import ODESystem
from symdyn.parsing import ModelText
from symdyn.system import Equation

__all__ = ["MomentSystem"]

#: Equations that `repr` shows.
SHOWN = 14
#: Attributes that contain expressions.
EXPRESSIONS = ("drift", "open_sides", "known", "relations", "observables")


class MomentSystem(NamedMoments, ODESystem):  # type: ignore[misc]
    r"""Equations of moments; made by ``moments``, ``cumulants``, ``linear_noise`` and ``system_size`` of a network.

    States are ``E[X]``, and of higher order raw moments ``E[X^2*Y]``, central moments ``M[X^2*Y]`` or cumulants ``K[X^2*Y]``.
    Every species has observables ``X_mean`` and ``X_var``.

    A simulation starts from species, ``initial={"X": 10}``: numbers are deterministic, lists are sweeps (named ``X0``), and a
    distribution with a method ``moment(k)``, such as ``scipy.stats.poisson(10)``, is one of independent
    species.  Joint moments may be given in addition by the name of the state.

    Parameters
    ----------
    equations : mapping
        From each state to its right-hand side.
    parameters, initial, observables, time, provenance :
        As for `ODESystem`; values of parameters that do not occur are left out, initial values may be of species or states.
    species : sequence of Symbol
    indices : mapping of Symbol to index
        Which moment each state is, as powers of the species; states without an entry start from zero.
    known : mapping of index to Expr
        Moments as expressions in the states: the states themselves, and those above the order that were closed.
    kind : {'raw', 'central', 'cumulant'}
        Kind of the moments in `known`; order 1 is the mean in all of them.
    order : int
    closure : str, optional
        Name of the closure, None where nothing was closed.
    open_sides : sequence of Expr, optional
        Right-hand sides before closing, and
    relations : mapping of Symbol to Expr, optional
        the expressions of the closure for moments, in moments of its own kind: both for display.
    close : callable, optional
        The closure itself, ``close(index, moments)``, for moments above the order that no equation needs; a function that
        cannot be imported is lost in pickling.
    close_kind : {'raw', 'central', 'cumulant'}
        Kind of the moments that it gives.
    positive_means : bool
        Whether the equations divide by means, so that zero is no initial value.
    binary : sequence of int
        Positions of species that are 0 or 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> closed = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c").moments(2)
    >>> closed.variance("X"), closed.moment(X=2)
    (-E[X]**2 + E[X^2], E[X^2])
    """

    species: tuple[sp.Symbol, ...]
    order: int
    closure: str | None
    moment_kind: str
    indices: Mapping[sp.Symbol, Index]
    known: Mapping[Index, sp.Expr]
    open_sides: tuple[sp.Expr, ...]
    relations: Mapping[sp.Symbol, sp.Expr]
    close: Callable[[Index, Moments], sp.Expr] | None
    close_kind: str
    positive_means: bool
    binary: tuple[int, ...]
    distributions: ClassVar[bool] = True
    text_options: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self,
        equations: Mapping[Any, Any],
        parameters: Mapping[Any, float] | None = None,
        *,
        species: Sequence[sp.Symbol],
        indices: Mapping[sp.Symbol, Index],
        known: Mapping[Index, sp.Expr],
        kind: str,
        order: int,
        closure: str | None = None,
        open_sides: Sequence[sp.Expr] | None = None,
        relations: Mapping[sp.Symbol, sp.Expr] | None = None,
        close: Callable[[Index, Moments], sp.Expr] | None = None,
        close_kind: str = "raw",
        positive_means: bool = False,
        binary: Sequence[int] = (),
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        if kind not in KINDS:
            raise DeclarationError(f"the moments are of kind {kind!r}; expected one of {', '.join(KINDS)}")
        self.__dict__.update(
            species=tuple(species),
            order=order,
            closure=closure,
            moment_kind=kind,
            indices=MappingProxyType(dict(indices)),
            known=MappingProxyType(dict(known)),
            relations=MappingProxyType(dict(relations or {})),
            close=close,
            close_kind=close_kind,
            positive_means=positive_means,
            binary=tuple(binary),
        )
        observed = {**_moments_observed(self, equations), **(observables or {})}
        super().__init__(equations, None, observables=observed, time=time, provenance=provenance)
        begun = self._beginning(checked(initial, self.initial_symbols, self.time))
        self.__dict__.update(initial=begun.initial, parameters=begun.parameters)
        names = {p.name for p in self.parameters}
        defaults = {lookup(k, self.parameters, "parameter"): v for k, v in (parameters or {}).items() if name_of(k) in names}
        self.__dict__.update(
            open_sides=self.drift if open_sides is None else tuple(open_sides),
            defaults=self.with_parameters(defaults).defaults,
        )

    @classmethod
    def example(cls) -> Self:
        raise NotImplementedError("moment equations are derived, not declared")

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("moment equations are derived, not written: ReactionNetwork.from_text(...).moments(order)")

    def __getstate__(self) -> dict[str, Any]:
        cached = {k for k in self.__dict__ if isinstance(getattr(type(self), k, None), cached_property)}
        state = {k: v for k, v in super().__getstate__().items() if k not in cached}
        sides = {k: state.pop(k) for k in EXPRESSIONS}
        keys = {k: list(v) if isinstance(v, dict) else len(v) for k, v in sides.items()}
        found = [e for v in sides.values() for e in (v.values() if isinstance(v, dict) else v)]
        inside = getattr(sys.modules.get(getattr(self.close, "__module__", "")), getattr(self.close, "__qualname__", ""), None)
        return {**state, "close": self.close if inside is self.close else None, "graph": (keys, dag.pack(found))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        keys, packed = state.pop("graph")
        found = iter(dag.unpack(packed))
        sides = {k: tuple(islice(found, v)) if isinstance(v, int) else {key: next(found) for key in v} for k, v in keys.items()}
        super().__setstate__({**state, **sides})

    def map_expressions(self, function) -> Self:
        """The same system with a function applied to all right-hand sides and observables.

        Parameters
        ----------
        function : callable, Expr -> Expr
            It may bring in no new symbols: the parameters remain those of the system.

        Returns
        -------
        MomentSystem

        Examples
        --------
        >>> import symdyn as sd
        >>> means = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g").moments(1)
        >>> print(means.map_expressions(lambda e: e.subs("k", 0)))
        E[X]' = -E[X]*g
        """
        return super().map_expressions(function).replace(open_sides=tuple(map(function, self.open_sides)))

    # ---- initial values ----------------------------------------------------------------------------

    @property
    def initial_symbols(self) -> tuple[sp.Symbol, ...]:
        """Species, and states for those who give moments themselves."""
        return self.species + self.states

    def initial_values(self, values: Mapping[sp.Symbol, Any]) -> dict[sp.Symbol, Any]:
        """Initial moments from values or distributions of independent species; moments that are given take precedence.

        Parameters
        ----------
        values : mapping of Symbol to float, array or distribution
            Of species, in molecules, or of states; a distribution has a method ``moment(k)``, as those of ``scipy.stats`` do.

        Returns
        -------
        dict of Symbol to float or array
            A value for each state.

        Raises
        ------
        DeclarationError
            If a value is missing.

        Examples
        --------
        >>> import symdyn as sd
        >>> closed = sd.ReactionNetwork.from_text("X -> 0, k").moments(2)
        >>> closed.initial_values({closed.species[0]: 3.0})
        {E[X]: 3.0, E[X^2]: 9.0}
        """
        return initial_moments(values, self.states, self.species, self.indices, self.moment_kind)

    def with_initial(self, values: Mapping[Any, Any] | None = None, **named: Any) -> Self:
        """The same system with other default initial values, of species or of states.

        Parameters
        ----------
        values : mapping of Symbol or str to float, Expr or distribution, optional
            Of species, numbers (in molecules), expressions of parameters or distributions; of states, numbers or expressions.
        **named : float, Expr or distribution
            Values by name.

        Returns
        -------
        MomentSystem

        Raises
        ------
        DeclarationError
            For unknown names and values that are neither finite numbers nor distributions.

        Examples
        --------
        >>> import symdyn as sd
        >>> closed = sd.ReactionNetwork.from_text("X -> 0, k").moments(2).with_initial(X=3)
        >>> closed.initial_values(closed.initial)
        {E[X]: 3.0, E[X^2]: 9.0}
        """
        given = checked({**(values or {}), **named}, self.initial_symbols, self.time)
        return self._beginning({**self.initial, **given})

    # ---- display -----------------------------------------------------------------------------------

    def equations(self) -> list[Equation]:
        """The equations of the moments, followed by the relations of the closure, as text and as LaTeX.

        Returns
        -------
        list of Equation

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.ReactionNetwork.from_text("2 X -> 0, c").moments(1).equations()]
        ["E[X]' = 2*E[X]*c - 2*E[X^2]*c", 'K[X^2] = 0']
        """
        return list(self._rows())

    def _rows(self, most: int | None = None) -> Iterator[Equation]:
        """The equations and the relations of the closure, or only the first of them."""
        names = self._latex_names()
        change = r"\tfrac{\mathrm{d}}{\mathrm{d}t} "
        sides = [(f"{s}'", change + names[s], f) for s, f in zip(self.states, self.open_sides, strict=True)]
        sides += [(str(s), names[s], f) for s, f in self.relations.items()]
        for text, latex, f in sides[:most]:
            yield Equation(text, str(f), latex, partial(sp.latex, f, symbol_names=names))

    def _latex_names(self) -> dict[sp.Symbol, str]:
        """Moments in angle brackets, central moments with the deviation, cumulants with a subscript c."""
        symbols = dag.free_symbols((*self.states, *self.open_sides, *self.relations, *self.relations.values()))
        return {s: latex_name(s.name) if "[" in s.name else sp.latex(s) for s in symbols}

    @cached_property
    def _text(self) -> str:
        rows = [f"{s}' = {f}" for s, f in zip(self.states, self.open_sides, strict=True)]
        return "\n".join([*rows, *(f"{s} = {f}" for s, f in self.relations.items())])

    def _repr_latex_(self) -> str:
        rows = [rf"{e.left_latex} &= {e.right_latex}" for e in self._rows(SHOWN)]
        if len(self.states) + len(self.relations) > SHOWN:
            rows.append(rf"& \;\,\vdots \quad \text{{({len(self.states)} equations in all)}}")
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$"

    def __repr__(self) -> str:
        words = {"raw": "raw moments", "central": "means and central moments", "cumulant": "means and cumulants"}
        more = f" and {len(self.species) - SHOWN} more" if len(self.species) > SHOWN else ""
        species = ", ".join(s.name for s in self.species[:SHOWN]) + more
        title = f"{type(self).__name__}: {words[self.moment_kind]} of {species} up to order {self.order}"
        closed = ", ".join(moment_symbol(self.species, i, self.moment_kind).name for i in self._closed()[:SHOWN])
        more = f" and {len(self._closed()) - SHOWN} more" if len(self._closed()) > SHOWN else ""
        how = f"{self.closure} closure of {closed}{more}" if closed else f"{self.closure or 'nothing closed'}"
        lines = [f"{title}; {how}", *(f"    {e}" for e in self._rows(SHOWN))]
        if len(self.states) + len(self.relations) > SHOWN:
            lines.append(f"    ... {len(self.states)} equations in all")
        if self.parameters:
            shown = (f"{p} = {self.defaults[p]:g}" if p in self.defaults else f"{p}" for p in self.parameters)
            lines.append(f"  parameters: {', '.join(shown)}")
        if self.initial:
            lines.append(f"  initial: {', '.join(f'{s}: {_shown(v)}' for s, v in self.initial.items())}")
        return "\n".join(lines)

    def _closed(self) -> list[Index]:
        """Indices of the moments that were closed."""
        kept = set(self.indices.values())
        return [i for i, e in self.known.items() if i not in kept and sum(i) > self.order]


def _moments_observed(system: MomentSystem, equations: Mapping[Any, Any]) -> dict[sp.Symbol, sp.Expr]:
    """Mean and variance of every species under names that are not in use."""
    taken = {name_of(s) for s in equations}
    taken |= {s.name for s in dag.free_symbols(e for e in equations.values() if isinstance(e, sp.Expr))}
    observed = {}
    for k, s in enumerate(system.species):
        for word in ("mean", "var"):
            if word == "var" and system.order < 2 and not _has_variance(system, k):
                continue
            name = f"{s.name}_{word}"
            while name in taken:
                name += "_"
            taken.add(name)
            observed[sp.Symbol(name)] = system.moments.mean(k) if word == "mean" else system.moments.covariance(k, k)
    return observed


def _has_variance(system: MomentSystem, k: int) -> bool:
    index = tuple(2 * int(j == k) for j in range(len(system.species)))
    return index in system.known or k in system.binary


def _shown(value: Any) -> str:
    if isinstance(value, sp.Expr):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else type(getattr(value, "dist", value)).__name__.removesuffix("_gen")
