"""Work whose objects nearly all stay alive is not searched for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection inside, if it is on; nested and with several threads it ends on as it was.

    Importing modules and building the expressions of a large model make hundreds of thousands of objects that are retained.
    Searching them, and those of sympy and xarray beside them, takes half of the time of the latter and 70 ms of the first
    result of a process.

    Examples
    --------
    >>> with uncollected():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
