"""System, the common form of models: declared by users, mapped to other systems by derivations, compiled to kernels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import sympy as sp

from symdyn.declaration import check_symbols, read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import initial_values, numeric_values, over_text
from symdyn.network_files import networks_of_text
from symdyn.parsing import MAX_TEXT, ModelText, parse_model
from symdyn.paths import with_paths
from symdyn.system.changed import Changed

__all__ = ["System"]


class System(Changed):
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
        The same of initial values; an expression is of parameters and of the initial values of other states, and follows them;
        where there is a history, also of the first time.
    observables : mapping of Symbol to Expr
        Named functions of states, parameters and time that a simulation reports too.
    time : Symbol
        The independent variable.
    provenance : tuple of str
        One line for each step from the declaration to this system.
    drift : tuple of Expr or None
        Rates of change, :math:`\dot x = f(x, p, t)`, in the order of `states`; with `diffusion`, the drift.  Of states that
        algebraic equations determine, the residuals, which are 0.
    algebraic : tuple of Symbol
        States that algebraic equations determine.
    constraints : tuple of Expr
        What is 0 at all times besides, as a consequence of algebraic equations that were differentiated; of other states alone.
    free : tuple of Symbol
        States with rates of change whose initial values follow from the constraints.
    diffusion : ImmutableDenseMatrix or None
        States x noises, the factors of the increments of independent Wiener processes.
    map : tuple of Expr or None
        Next values, :math:`x_{t+1} = F(x_t, p, t)`.
    noise : tuple of Symbol
        Standard normal numbers in the right-hand sides that are drawn in every step.
    propensities : tuple of Expr or None
        Rates at which the reactions of a network fire.
    delayed_reactions : tuple
        The reactions of a network that are completed some time after they begin.
    offspring : str or None
        How individuals of a branching process reproduce.
    rules : tuple of Expr or None
        Probabilities that the cells of an automaton are 1 next.
    fields : tuple of Symbol
        States that are functions of position.
    kinetics : tuple
        Of each cell, where cells share a field.
    events : tuple
        Instantaneous changes of states.
    history : mapping of Symbol to Expr
        States before the first time, as functions of time and parameters; of others with delays they are the initial values.
    history_span : (float, float) or None
        From when to when the history is known, at the end of which simulations begin; None if that is at any time.
    delays : tuple of Function
        States at other times, such as ``x(t - 1)``, in right-hand sides, observables and events.
    inputs : tuple of Path
        Parameters that are functions of time; their values are numbers of courses, from 0.
    binary : tuple of Symbol
        States that are 0 or 1.
    helpers : tuple of Symbol
        States that were not declared but brought in, such as those of the past of a map; in results they are coordinates.
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

    @property
    def by_differences(self) -> bool:
        """Whether fits take difference quotients, as equations for the sensitivities would be too long.

        Returns
        -------
        bool

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ODESystem.from_text("x' = -x").by_differences
        False
        """
        return False

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
        begin = initial_values(initial, states, time, timed=bool(self.history))
        formulas = self._formulas(begin)
        symbols = check_symbols(states, time, [*sides, *formulas], observables, delayed=self.delayed)
        found, paths = with_paths(s for s in symbols if not self.drawn(s))
        self.__dict__.update(
            states=states,
            parameters=found,
            defaults=MappingProxyType({**numeric_values(parameters, found, "parameter"), **paths}),
            initial=MappingProxyType(begin),
            observables=MappingProxyType(observables),
            time=time,
            provenance=tuple(provenance) or (f"declared as {type(self).__name__}",),
            helpers=(),
        )

    @classmethod
    def from_text(
        cls, text: str, parameters: Mapping[Any, float] | None = None, *, characters: int = MAX_TEXT, networks: Any = None,
        **options: Any,
    ) -> Self:  # fmt: skip
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
        characters : int, optional
            Largest length of the text.
        networks : str, Path, or mapping of str to TrainedNetwork, optional
            The file of the networks that the text names by their weights, or themselves.
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
        model = parse_model(text, characters)
        if model.events and not cls.eventful:
            raise DeclarationError(f"{cls.__name__} has no events; ODEs, SDEs, maps, fields and networks may")
        if model.algebraic and "constraints" not in cls.sides:
            raise DeclarationError(f"{cls.__name__} has no algebraic equations, 0 = ...; an ODESystem may have them")
        if model.history and not (cls.delayed or cls.lagged):
            raise DeclarationError(f"{cls.__name__} has no delays and no history; ODEs, SDEs and maps may have them")
        if model.history_span and not cls.delayed:
            raise DeclarationError(f"a {cls.__name__} has its history before any first step; write x(t <= 0) = ...")
        values: dict[str, Any] = {
            **options,
            "parameters": over_text(model.parameters, parameters),
            "initial": over_text(model.initial, options.get("initial")),
            "observables": over_text(model.observables, options.get("observables"), ordered=False),
        }
        chosen = networks_of_text(model.networks, networks) if model.networks or networks is not None else {}
        system = cls.from_model(model, values)
        return system.with_terms(chosen) if chosen else system

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
