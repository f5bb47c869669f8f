"""Matrix population models: n[t+1] = A(n, p, t) n[t] + m."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn import dag
from symdyn.attached import MatrixVerbs
from symdyn.declaration import expression, read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import initial_values, lookup, name_of
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.events import Event, called, declared_events
from symdyn.models.matrix_reading import guessed_fecundity, read_matrix, read_vector
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText

__all__ = ["MatrixModel"]

#: Above so many stages LaTeX shows equations instead of the matrix.
SHOWN = 10


class MatrixModel(MatrixVerbs, DiscreteSystem):
    r"""A structured population: numbers by stage, advanced one step by a matrix of vital rates.

    .. math:: n(t+1) = A(n, p, t)\,n(t) + m, \qquad A = T + F

    T moves individuals between stages (survival and growth), F is reproduction; :math:`a_{ij}` is the contribution of an
    individual of stage j to stage i.  Entries may be numbers, exact or floating, or expressions of parameters (vital rates),
    of the states (density dependence), of time, and of random numbers ``dW`` (a random environment, see `DiscreteSystem`).
    The functions of `symdyn.leslie` make such models; their results are available as attributes and methods.

    Parameters
    ----------
    matrix : Matrix, array, DataFrame or nested sequence, n x n
        A; integers, fractions and sympy numbers are exact.
    states : sequence of Symbol or str, optional
        Stages in order; the columns of a frame, else ``n1, n2, ...`` by default.
    parameters, initial, observables, time :
        As for `ODESystem`.
    events : Event or sequence of Event, optional
        As for `DiscreteSystem`, such as a harvest in every fifth year.
    fecundity : Matrix, array or nested sequence, optional
        F, the part of A that is reproduction.  By default the first row.  If its first entry is not 0 and A is no Leslie
        matrix, because individuals can remain in a stage other than the last, that entry may be reproduction, survival or
        both: it is left out, and what depends on it, such as the net reproductive rate, is refused until F is given.
    immigration : sequence, optional
        m, the immigrants of each step.
    species : mapping of str to sequence of states, optional
        Stages of each species or patch; one called ``n`` by default.
    clamped : bool
        Whether numbers that would become negative are 0 instead.

    Attributes
    ----------
    matrix, fecundity, transitions : ImmutableDenseMatrix
        A, F and T = A - F.
    immigration : tuple of Expr
    species : mapping of str to tuple of Symbol
    clamped : bool
    split : bool
        Whether it is known which entries are reproduction.

    Raises
    ------
    DeclarationError
        If the matrix is not square, the names of stages do not fit it, or a value is no number.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 4, 3], [sp.Rational(1, 2), 0, 0], [0, sp.Rational(1, 4), 0]])
    >>> print(model)
    n1[t+1] = 4*n2 + 3*n3
    n2[t+1] = n1/2
    n3[t+1] = n2/4
    >>> model.growth_factor, model.stable_structure.tolist()
    (3/2, [18/25, 6/25, 1/25])
    """

    matrix: sp.ImmutableDenseMatrix
    fecundity: sp.ImmutableDenseMatrix
    immigration: tuple[sp.Expr, ...]
    species: Mapping[str, tuple[sp.Symbol, ...]]
    clamped: bool
    split: bool
    sides: ClassVar[tuple[str, ...]] = ("matrix", "fecundity", "immigration")

    def __init__(
        self,
        matrix: Any,
        states: Sequence[Any] | None = None,
        parameters: Mapping[Any, float] | None = None,
        *,
        fecundity: Any = None,
        immigration: Sequence[Any] | None = None,
        species: Mapping[str, Sequence[Any]] | None = None,
        clamped: bool = False,
        initial: Any = None,
        observables: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        full = read_matrix(matrix, "the matrix")
        size = full.shape[0]
        labels = list(map(str, matrix.columns)) if hasattr(matrix, "columns") else [f"n{i}" for i in range(1, size + 1)]
        names = labels if states is None else list(states)
        if len(names) != size:
            raise DeclarationError(f"the matrix has {size} stages, but {len(names)} states are named: {names}")
        rows, observed, time = read_equations(dict.fromkeys(names, 0), time, observables)
        if len(rows) != size:
            raise DeclarationError(f"the matrix has {size} stages, but only {len(rows)} different states are named")
        stages = tuple(rows)
        moments, conditions = declared_events(events, called(names, stages), stages, observed)
        births, split = guessed_fecundity(full) if fecundity is None else (read_matrix(fecundity, "the fecundity", size), True)
        arrivals = tuple(read_vector(immigration, "immigration", size)) if immigration is not None else (sp.S.Zero,) * size
        self.__dict__.update(
            states=stages,
            matrix=full,
            fecundity=births,
            immigration=arrivals,
            clamped=bool(clamped),
            split=split,
            species=MappingProxyType(_species(species, stages)),
            events=moments,
        )
        self.settle(
            stages, [*full, *births, *arrivals, *conditions], observed, time,
            parameters=parameters, initial=self.read_initial(initial), provenance=provenance,
        )  # fmt: skip
        self._check_noise()

    @cached_property
    def map(self) -> tuple[sp.Expr, ...]:  # type: ignore[override]
        """Next numbers in the order of `states`."""
        # sums at once: a product of matrices adds term by term, in quadratic time
        following = [
            sp.Add(*(a * s for a, s in zip(self.matrix.row(i), self.states, strict=True) if a != 0), m)
            for i, m in enumerate(self.immigration)
        ]
        return tuple(sp.Max(0, e) for e in following) if self.clamped else tuple(following)

    @property
    def transitions(self) -> sp.ImmutableDenseMatrix:
        """T = A - F: survival, growth and movement."""
        return self.matrix - self.fecundity

    @property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the mathematics (not of default values or provenance)."""
        return super().digest + ("clamped" if self.clamped else "")

    @property
    def density_dependent(self) -> bool:
        """Whether vital rates depend on numbers."""
        return bool(self.matrix.free_symbols & set(self.states))

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls([[0, a], [b, 0.5]], [x, y], {a: 1.5, b: 0.4}, initial={x: 9, y: 4})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a text makes a DiscreteSystem; declare a matrix model with symdyn.leslie, from_matrix(A) ...")

    def read_initial(self, values: Any) -> dict[Any, Any]:
        """Numbers by state, from the forms in which initial numbers may be given.

        Parameters
        ----------
        values : mapping, sequence or None
            Numbers of individuals: by state; by species, one sequence each; a sequence in the order of the states; or a
            sequence of one sequence for each species.

        Returns
        -------
        dict of Symbol to number
            Empty for None.

        Raises
        ------
        DeclarationError
            For unknown names and sequences of the wrong length.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.leslie.from_matrix([[0, 4], [0.5, 0]]).read_initial([10, 20])
        {n1: 10, n2: 20}
        """
        if values is None:
            return {}
        groups = list(self.species.values())
        if isinstance(values, Mapping):
            found: dict[Any, Any] = {}
            for key, value in values.items():
                name = name_of(key)
                if name in self.species and not (len(self.species[name]) == 1 and not hasattr(value, "__len__")):
                    found |= dict(zip(self.species[name], read_vector(value, name, len(self.species[name])), strict=True))
                else:
                    stage = self.species[name][0] if name in self.species else lookup(key, self.states, "state")
                    found[stage] = value
            return found
        parts = list(values)
        if len(parts) == len(groups) > 1 and all(hasattr(p, "__len__") for p in parts):
            rows = [read_vector(p, name, len(g)) for p, (name, g) in zip(parts, self.species.items(), strict=True)]
            parts = [v for row in rows for v in row]
        return dict(zip(self.states, read_vector(parts, "the numbers", len(self.states)), strict=True))

    # ---- systems from it -----------------------------------------------------------------------

    def with_initial(self, values: Any = None, **named: float) -> Self:
        """The same model with other default initial numbers.

        Parameters
        ----------
        values : mapping or sequence, optional
            Numbers of individuals in one of the forms of `read_initial`.
        **named : float
            Numbers by name of the state.

        Returns
        -------
        MatrixModel

        Raises
        ------
        DeclarationError
            For unknown names, sequences of the wrong length, and values that are not finite numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.leslie.from_matrix([[0, 4], [0.5, 0]]).with_initial([10, 20], n2=5).initial
        mappingproxy({n1: 10.0, n2: 5.0})
        """
        return super().with_initial({**self.read_initial(values), **named})

    def clamp(self) -> Self:
        r"""The same model in which numbers that would become negative are set to 0, :math:`n(t+1) = \max(0, A n(t) + m)`.

        Returns
        -------
        MatrixModel

        Examples
        --------
        >>> import symdyn as sd
        >>> print(sd.MatrixModel([[2]], ["n"], immigration=[-3]).clamp())  # a harvest of 3 in each step
        n[t+1] = Max(0, 2*n - 3)
        """
        return self.replace(clamped=True, provenance=(*self.provenance, "numbers clamped at 0"))

    def at(self, numbers: Any) -> Self:
        """The linear model whose vital rates are those at given numbers.

        Parameters
        ----------
        numbers : mapping or sequence
            Numbers of individuals in one of the forms of `read_initial`, one for each stage.

        Returns
        -------
        MatrixModel

        Raises
        ------
        DeclarationError
            If a number is missing.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> N = sp.Symbol("N")
        >>> sd.MatrixModel([[3 / (1 + N)]], [N]).at([2]).growth_factor
        1
        """
        values = {s: expression(v) for s, v in self.read_initial(numbers).items()}
        missing = [s.name for s in self.states if s not in values]
        if missing:
            raise DeclarationError(f"no number for the stage {missing[0]}; give one for each of {', '.join(self.names)}")
        return self._frozen(values, f"vital rates at {', '.join(f'{s} = {v}' for s, v in values.items())}")

    def with_numbers(self, parameters: Sequence[Any]) -> Self:
        """The same model with the default values of some parameters substituted for them.

        Parameters
        ----------
        parameters : sequence of Symbol or str

        Returns
        -------
        MatrixModel
            Without those parameters.

        Raises
        ------
        DeclarationError
            For unknown names and parameters without a value.

        Examples
        --------
        >>> import symdyn as sd
        >>> f, s = sp.symbols("f s")
        >>> model = sd.leslie.from_matrix([[0, f], [s, 0]], parameters={f: 4, s: 0.5})
        >>> print(model.with_numbers(["f"]))
        n1[t+1] = 4.0*n2
        n2[t+1] = n1*s
        """
        chosen = [lookup(p, self.parameters, "parameter") for p in parameters]
        if over_time := [p for p in chosen if p in self.inputs]:
            raise DeclarationError(f"{over_time[0]} is an input over time and has no single value")
        missing = [p.name for p in chosen if p not in self.defaults]
        if missing:
            raise DeclarationError(f"the parameter {missing[0]} has no value; give it one with with_parameters")
        if not chosen:
            return self
        values = {p: expression(self.defaults[p]) for p in chosen}
        return self._frozen(values, f"with {', '.join(f'{p} = {v}' for p, v in values.items())}")

    def _frozen(self, values: Mapping[sp.Symbol, sp.Expr], line: str) -> Self:
        held = {p: v for p, v in values.items() if p in self.parameters}
        start = {s: v.xreplace(held) if isinstance(v, sp.Expr) else v for s, v in self.initial.items()}
        start = initial_values(start, self.states, self.time)
        new = self.map_expressions(lambda e: e.subs(values, simultaneous=True) if e.free_symbols & values.keys() else e)
        events = tuple(e.mapped(lambda side: side.xreplace(held)) for e in self.events)
        left = new.matrix.free_symbols | {s for m in new.immigration for s in m.free_symbols}
        left |= dag.free_symbols([side for e in events for side in e.sides])
        left |= dag.free_symbols(self._formulas(start))
        parameters = tuple(p for p in self.parameters if p in left)
        return new.replace(
            initial=MappingProxyType(start),
            events=events,
            observables=self.observables,
            parameters=parameters,
            defaults=MappingProxyType({p: v for p, v in self.defaults.items() if p in parameters}),
            provenance=(*self.provenance, line),
        )

    # ---- display -------------------------------------------------------------------------------

    def _repr_latex_(self) -> str:
        if len(self.states) > SHOWN:
            return super()._repr_latex_()
        vector = sp.latex(sp.Matrix(self.states))
        right = f"{sp.latex(self.matrix)} {vector}"
        if any(self.immigration):
            right += f" + {sp.latex(sp.Matrix(self.immigration))}"
        if self.clamped:
            right = rf"\max\left(0,\; {right}\right)"
        return rf"$\displaystyle {vector}_{{{sp.latex(self.time)}+1}} = {right}$"


KINDS.register("matrix", MatrixModel)


def _species(given: Mapping[str, Sequence[Any]] | None, stages: tuple[sp.Symbol, ...]) -> dict[str, tuple[sp.Symbol, ...]]:
    """Stages of each species, in order and complete."""
    if given is None:
        return {"n": stages}
    found = {str(name_of(k)): tuple(lookup(s, stages, "state") for s in v) for k, v in given.items()}
    if tuple(s for group in found.values() for s in group) != stages:
        raise DeclarationError(
            f"the species hold {found}; expected every stage once, in the order {', '.join(map(str, stages))}"
        )
    return found
