"""Maps: x[t+1] = F(x[t], p, t), which may draw random numbers in every step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn.attached import MapVerbs
from symdyn.declaration import read_equations
from symdyn.errors import DeclarationError
from symdyn.models.events import Event, called, declared_events, with_events_of
from symdyn.models.random_steps import SteppedSystem
from symdyn.models.registry import KINDS
from symdyn.parsing import ModelText
from symdyn.system import Equation

__all__ = ["DiscreteSystem"]


class DiscreteSystem(MapVerbs, SteppedSystem):
    r"""A map that is iterated, such as a matrix population model.

    .. math:: x_{t+1} = F(x_t, p, t, \xi_t), \qquad t = 0, 1, 2, \ldots

    Symbols called ``dW``, ``dW1``, ``dW_rain`` ... are standard normal numbers :math:`\xi`, independent of one another and
    drawn anew in each step of each trajectory: ``x[t+1] = r*x*exp(s*dW - s**2/2)`` grows by log-normal factors of mean r.

    Parameters
    ----------
    equations : mapping
        From each state to its next value; in it a state's symbol means the present value.
    parameters, initial, observables, events, time :
        As for `ODESystem`.  Events act after steps: where their condition has turned true, and at the first step at or after
        the times of a schedule.  Inputs have the values at the beginning of a step.

    Attributes
    ----------
    map : tuple of Expr
        Next values in the order of `states`.
    noise : tuple of Symbol
        The random numbers in them.

    Raises
    ------
    DeclarationError
        If there are no equations, a state has two, random numbers stand in an observable or an event, or a value is
        no number.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, r = sp.symbols("x r")
    >>> print(sd.DiscreteSystem({x: r * x * (1 - x)}, parameters={r: 3.2}))
    x[t+1] = r*x*(1 - x)
    """

    map: tuple[sp.Expr, ...]
    events: tuple[Event, ...]
    kind: ClassVar[str] = "map"
    sides: ClassVar[tuple[str, ...]] = ("map",)
    text_options: ClassVar[tuple[str, ...] | None] = ()
    eventful: ClassVar[bool] = True

    def __init__(
        self,
        equations: Mapping[Any, Any],
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, Any] | None = None,
        observables: Mapping[Any, Any] | None = None,
        events: Event | Iterable[Event] = (),
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        rows, observed, time = read_equations(equations, time, observables)
        moments, conditions = declared_events(events, called(equations, tuple(rows)), tuple(rows), observed)
        sides = [*rows.values(), *conditions]
        self.settle(tuple(rows), sides, observed, time, parameters=parameters, initial=initial, provenance=provenance)
        self.__dict__.update(map=tuple(rows.values()), events=moments)
        self._check_noise()

    @classmethod
    def example(cls) -> Self:
        x, y, a, b = sp.symbols("x y a b")
        return cls({x: a * x * (1 - x), y: x + b * y}, {a: 3.1, b: 0.5}, initial={x: 0.3, y: 0})

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style == "differential" or model.noise:
            raise DeclarationError("a DiscreteSystem is written x[t+1] = ..., or x' = ... without dW, and has no dt")
        if model.orders:
            derivative = f"{next(iter(model.orders))}'' is a second derivative by time"
            raise DeclarationError(derivative + ", and a map has steps; write y[t+1] = x and x[t+1] = ...")
        return cls(model.equations, **{**options, "events": with_events_of(model.events, options)})

    def equations(self) -> list[Equation]:
        """The map as text and as LaTeX.

        Returns
        -------
        list of Equation
            One for each state.

        Examples
        --------
        >>> import symdyn as sd
        >>> [str(e) for e in sd.DiscreteSystem.from_text("x[t+1] = r*x").equations()]
        ['x[t+1] = r*x']
        """
        t = self.time
        sides = zip(self.states, self.map, strict=True)
        return [Equation(f"{s}[{t}+1]", str(f), rf"{sp.latex(s)}_{{{sp.latex(t)}+1}}", partial(sp.latex, f)) for s, f in sides]


KINDS.register("map", DiscreteSystem)
