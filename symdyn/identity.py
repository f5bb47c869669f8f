"""Functions that remember their results for objects, by which object it is and not by whether it equals another one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar
from weakref import ref

__all__ = ["remembered"]

F = TypeVar("F", bound=Callable[..., Any])


def remembered(most: int, *, alive: bool = True) -> Callable[[F], F]:
    """Remember results of a function of an object that never changes and of hashable values, the last of them that were new.

    Systems that are equal may differ in what equality leaves out, as where they come from; and to compare two takes longer than
    to see that both are one.

    Parameters
    ----------
    most : int
        How many results are remembered.
    alive : bool
        Whether the object is kept alive with its result; else the result, which must not hold it, goes unused with the object.

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
        # with the object, or a reference that ends with it, for another one may take its place in memory
        kept: dict[tuple[Any, ...], tuple[Any, Any]] = {}

        @wraps(function)
        def call(value: Any, *further: Hashable) -> Any:
            key = (id(value), *further)
            known = kept.get(key)
            if known is not None:
                if alive or known[0]() is value:
                    return known[1]
                kept.pop(key, None)
            known = kept.setdefault(key, (value if alive else ref(value), function(value, *further)))
            for old in tuple(kept)[:-most]:  # without a lock: what goes may run code of its own, and processes are forked
                kept.pop(old, None)
            return known[1]

        return call  # type: ignore[return-value]

    return decorate
