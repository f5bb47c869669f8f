"""Maps: x[t+1] = F(x[t], p, t), which may draw random numbers in every step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.parsing import ModelText
from symdyn.system import Equation, System

__all__ = ["NOISE", "DiscreteSystem", "noise_of"]

#: Names of standard normal numbers that are drawn anew in each step; text knows them as increments of Wiener processes, and
#: over a step of length 1 they are.
NOISE = re.compile(r"dW\w*")


def noise_of(expressions: Iterable[sp.Expr]) -> tuple[sp.Symbol, ...]:
    """The random numbers in expressions, in the order of their names (dW2 before dW10)."""
    found = [s for s in dag.free_symbols(expressions) if NOISE.fullmatch(s.name)]
    return tuple(sorted(found, key=lambda s: (len(s.name), s.name)))


class DiscreteSystem(System):
    r"""A map that is iterated, such as a matrix population model.

    .. math:: x_{t+1} = F(x_t, p, t, \xi_t), \qquad t = 0, 1, 2, \ldots

    Symbols called ``dW``, ``dW1``, ``dW_rain`` ... are standard normal numbers :math:`\xi`, independent of one another and
    drawn anew in each step of each trajectory: ``x[t+1] = r*x*exp(s*dW - s**2/2)`` grows by log-normal factors of mean r.

    Parameters
    ----------
    equations : mapping
        From each state to its next value; in it a state's symbol means the present value.
    parameters, initial, observables, time :
        As for `ODESystem`.

    Attributes
    ----------
    map : tuple of Expr
        Next values in the order of `states`.
    noise : tuple of Symbol
        The random numbers in them.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, r = sp.symbols("x r")
    >>> print(sd.DiscreteSystem({x: r * x * (1 - x)}, parameters={r: 3.2}))
    x[t+1] = r*x*(1 - x)
    """

    map: tuple[sp.Expr, ...]
    kind: ClassVar[str] = "map"
    whole_steps: ClassVar[bool] = True
    sides: ClassVar[tuple[str, ...]] = ("map",)

    def __init__(
        self,
        equations: Mapping[Any, Any],
        parameters: Mapping[Any, float] | None = None,
        *,
        initial: Mapping[Any, float] | None = None,
        observables: Mapping[Any, Any] | None = None,
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        rows = self._declare(
            equations,
            parameters=parameters,
            initial=initial,
            observables=observables,
            time=time,
            provenance=provenance,
        )
        self.__dict__["map"] = tuple(rows.values())
        self._check_noise()

    def _check_noise(self) -> None:
        """Refuse random numbers where none can be drawn."""
        for name in (*self.states, self.time):
            if NOISE.fullmatch(name.name):
                raise DeclarationError(f"{name} is the name of a random number, drawn in each step; rename the state or time")
        for name, e in self.observables.items():
            if noise_of([e]):
                raise DeclarationError(
                    f"the observable {name} holds {noise_of([e])[0]}; random numbers belong to the map itself"
                )

    @classmethod
    def drawn(cls, symbol: sp.Symbol) -> bool:
        """Whether a symbol stands for a standard normal number, by its name."""
        return NOISE.fullmatch(symbol.name) is not None

    @cached_property
    def noise(self) -> tuple[sp.Symbol, ...]:
        """The standard normal numbers that a step draws."""
        return noise_of(self.expressions)

    @property
    def noises(self) -> int:
        """How many those are."""
        return len(self.noise)

    @classmethod
    def _from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        if model.style == "differential" or model.noise:
            raise DeclarationError("a DiscreteSystem is written x[t+1] = ..., or x' = ... without dW, and has no dt")
        return cls(model.equations, **options)

    def equations(self) -> list[Equation]:
        t = self.time
        sides = zip(self.states, self.map, strict=True)
        return [Equation(f"{s}[{t}+1]", str(f), rf"{sp.latex(s)}_{{{sp.latex(t)}+1}}", sp.latex(f)) for s, f in sides]
