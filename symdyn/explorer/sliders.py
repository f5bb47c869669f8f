"""The sliders of an explorer: which values can be changed, and over which ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.system import System

__all__ = ["Slider", "make_sliders"]

#: Sliders of positive values go from a tenth of the value to ten times the value.
FACTOR = 10.0


@dataclass(frozen=True)
class Slider:
    """A value that can be changed: a 'parameter', an 'initial' value or the last 'time'.

    It goes from `low` to `high`, in equal ratios if `logarithmic`, through whole numbers if `whole`.
    """

    kind: str
    name: str
    value: float
    low: float
    high: float
    logarithmic: bool
    whole: bool

    @classmethod
    def of(cls, kind: str, name: str, value: float, *, whole: bool = False) -> Slider:
        """The slider with the range that suits its value.

        >>> Slider.of("parameter", "k", 0.5).low, Slider.of("initial", "X", 30.0, whole=True).high
        (0.05, 120.0)
        """
        if whole:
            return cls(kind, name, value, 0.0, max(10.0, 4 * value), False, True)
        if value > 0:
            return cls(kind, name, value, value / FACTOR, value * FACTOR, True, False)
        return cls(kind, name, value, 2 * value, -2 * value or 1.0, False, False)


def make_sliders(
    system: System, parameters: Mapping[Any, float], initial: Mapping[Any, float], stop: float,
    ranges: Mapping[Any, Any] | None, *, counted: bool, first: float = 0.0,
) -> tuple[Slider, ...]:  # fmt: skip
    """A slider for each parameter, each initial value that is a number, and the last time, after `first`.

    Raises
    ------
    DeclarationError
        For ranges of what has no slider, and ranges that are none.
    """
    found = [Slider.of("parameter", s.name, v) for s, v in parameters.items()]
    found += [Slider.of("initial", s.name, v, whole=counted) for s, v in initial.items()]
    last = Slider.of("time", system.time.name, stop - first, whole=system.whole_steps)
    found.append(
        last if first == 0 else replace(last, value=stop, low=first + last.low, high=first + last.high, logarithmic=False)
    )
    if ranges is not None and not isinstance(ranges, Mapping):
        raise DeclarationError(f"ranges are {ranges!r}; expected a mapping from names to (low, high)")
    given = {}
    for key, pair in (ranges or {}).items():
        symbol = lookup(key, (*parameters, *initial), "slider")
        try:
            low, high = (float(v) for v in pair)
        except (TypeError, ValueError):
            raise DeclarationError(f"the range of {symbol} is {pair!r}; expected (low, high)") from None
        if not -1e300 < low < high < 1e300:
            raise DeclarationError(f"the range of {symbol} is {pair!r}; expected two finite numbers, the lower one first")
        given[symbol.name] = low, high
    return tuple(
        Slider(c.kind, c.name, c.value, *given[c.name], given[c.name][0] > 0 and not c.whole, c.whole) if c.name in given else c
        for c in found
    )
