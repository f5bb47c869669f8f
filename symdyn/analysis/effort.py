"""A limit on the work of exact computations that does not depend on the machine: what fails to finish fails everywhere."""

from __future__ import annotations

__all__ = ["Effort"]

#: Operations of each kind that take about a second on one core.
RATES = {
    "elimination": 3e4,
    "resultant": 2e8,
    "isolation": 2e8,
    "paths": 5e6,
    "counting": 1e8,
    "expansion": 3e5,
    "polishing": 1e3,
    "roots": 1.5e5,
}


class Effort:
    """Work done so far, in seconds of a typical core.

    Examples
    --------
    >>> effort = Effort(1.0)
    >>> effort.spend("resultant", 1e8, "the resultant")
    >>> effort.spend("resultant", 2e8, "the resultant")
    Traceback (most recent call last):
        ...
    OverflowError: the resultant takes too long
    """

    def __init__(self, limit: float) -> None:
        self.left = limit

    def spend(self, kind: str, operations: float, what: str) -> None:
        """Count operations, before they are done.

        Raises
        ------
        OverflowError
            If the limit would be exceeded; the operation is then not counted.
        """
        seconds = operations / RATES[kind]
        if seconds > self.left:
            raise OverflowError(f"{what} takes too long")
        self.left -= seconds
