"""Functions that remember their results for objects, by which object it is and not by whether it equals another one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["remembered"]

F = TypeVar("F", bound=Callable[..., Any])


def remembered(most: int) -> Callable[[F], F]:
    """Remember results of a function of an object that never changes and of hashable values, the last of them that were new.

    Systems that are equal may differ in what equality leaves out, as where they come from; and to compare two takes longer than
    to see that both are one.

    Parameters
    ----------
    most : int
        How many results are remembered.

    Returns
    -------
    decorator

    Examples
    --------
    >>> calls = []
    >>> @remembered(2)
    ... def length(values):
    ...     calls.append(values)
    ...     return len(values)
    >>> first, equal = [1], [1]
    >>> length(first), length(first), length(equal), len(calls)
    (1, 1, 1, 2)
    """

    def decorate(function: F) -> F:
        kept: dict[tuple[Any, ...], tuple[Any, Any]] = {}  # with the object, so that no other one takes its place in memory

        @wraps(function)
        def call(value: Any, *further: Hashable) -> Any:
            key = (id(value), *further)
            known = kept.get(key)
            if known is not None:
                return known[1]
            known = kept.setdefault(key, (value, function(value, *further)))
            for old in tuple(kept)[:-most]:  # without a lock: what goes may run code of its own, and processes are forked
                kept.pop(old, None)
            return known[1]

        return call  # type: ignore[return-value]

    return decorate
