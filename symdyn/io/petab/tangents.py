"""Values at parameter points that carry their derivatives by what is estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.inference.formulas import ArrayFormulas

__all__ = ["ChosenValues", "Tangent", "TangentFormulas", "Values", "joined"]


@dataclass(frozen=True)
class Tangent:
    """Values with derivatives along the directions by which they move.

    Attributes
    ----------
    value : (B,) or (B, n) float64
    slopes : mapping of int to arrays that broadcast to the same shape
        By the place of a direction; along others they are zero.
    """

    value: np.ndarray
    slopes: Mapping[int, np.ndarray] = field(default_factory=dict)

    def mapped(self, linear: Callable[[np.ndarray], np.ndarray]) -> Tangent:
        """The same of what is linear: entries, shapes."""
        shape = self.value.shape
        return Tangent(linear(self.value), {k: linear(_spread(v, shape)) for k, v in self.slopes.items()})

    def spread(self, shape: tuple[int, ...]) -> Tangent:
        """The same in another shape, to which it broadcasts."""
        return Tangent(_spread(self.value, shape), {k: _spread(v, shape) for k, v in self.slopes.items()})

    def __mul__(self, other: Tangent) -> Tangent:
        slopes = {k: v * other.value for k, v in self.slopes.items()}
        for k, v in other.slopes.items():
            slopes[k] = slopes.get(k, 0.0) + self.value * v
        return Tangent(self.value * other.value, slopes)

    def __truediv__(self, other: Tangent) -> Tangent:
        with np.errstate(all="ignore"):
            ratio = self.value / other.value
            slopes = {k: v / other.value for k, v in self.slopes.items()}
            for k, v in other.slopes.items():
                slopes[k] = slopes.get(k, 0.0) - ratio * v / other.value
        return Tangent(ratio, slopes)


def _spread(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return values if values.shape == shape else np.broadcast_to(values, shape)


#: Values of symbols, each (B,) or (B, n).
Values = MutableMapping[sp.Symbol, Tangent]


class ChosenValues(Mapping[sp.Symbol, Tangent]):
    """Values at some places along an axis, taken when they are asked for, and others that stand in their place.

    Parameters
    ----------
    known : mapping of Symbol to Tangent
        Values (B, n), or of size 1 along the axis where they are the same at all places.
    places : (m,) int
    axis : int
    own : mapping of Symbol to Tangent, optional
        Those that are taken as they are.
    """

    def __init__(
        self, known: Mapping[sp.Symbol, Tangent], places: np.ndarray, axis: int, own: Mapping[sp.Symbol, Tangent] | None = None
    ) -> None:
        self.known, self.places, self.axis, self.own = known, places, axis, dict(own or {})

    def __contains__(self, s: object) -> bool:
        return s in self.own or s in self.known

    def __getitem__(self, s: sp.Symbol) -> Tangent:
        if s not in self.own:
            found = self.known[s]
            alike = found.value.shape[self.axis] == 1
            self.own[s] = found if alike else found.mapped(lambda v: v.take(self.places, axis=self.axis))
        return self.own[s]

    def __iter__(self) -> Iterator[sp.Symbol]:
        return iter({**self.known, **self.own})

    def __len__(self) -> int:
        return len({**self.known, **self.own})


def joined(parts: Sequence[Tangent]) -> Tangent:
    """Values (B,) one after another."""
    if len(parts) == 1:
        return parts[0]
    directions = dict.fromkeys(k for p in parts for k in p.slopes)
    slopes = {
        k: np.concatenate([np.broadcast_to(p.slopes.get(k, np.zeros(())), p.value.shape) for p in parts]) for k in directions
    }
    return Tangent(np.concatenate([p.value for p in parts]), slopes)


class TangentFormulas:
    """Expressions of symbols, with the chain rule along whatever these move with.

    Parameters
    ----------
    expressions : sequence of Expr

    Attributes
    ----------
    inputs : tuple of Symbol
        Their free symbols.
    """

    def __init__(self, expressions: Sequence[sp.Expr]) -> None:
        self.expressions = list(expressions)
        self.inputs = tuple(sorted(dag.free_symbols(self.expressions), key=str))
        self._formulas: dict[tuple[sp.Symbol, ...], ArrayFormulas] = {}

    def __call__(self, values: Mapping[sp.Symbol, Tangent]) -> list[Tangent]:
        """Their values, from those of the inputs."""
        moving = tuple(s for s in self.inputs if values[s].slopes)
        if moving not in self._formulas:
            self._formulas[moving] = ArrayFormulas(self.expressions, self.inputs, moving)
        found, partials = self._formulas[moving]({s: values[s].value for s in self.inputs})
        slopes: list[dict[int, np.ndarray]] = [{} for _ in found]
        with np.errstate(all="ignore"):
            for (e, m), d in partials.items():
                for k, v in values[moving[m]].slopes.items():
                    slopes[e][k] = slopes[e][k] + d * v if k in slopes[e] else d * v
        return [Tangent(v, s) for v, s in zip(found, slopes, strict=True)]
