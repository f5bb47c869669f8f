"""Rate laws that have names, as formulas: once for expressions of sympy and for the nodes of a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["RATE_LAWS", "RateLaw"]


class RateLaw(NamedTuple):
    """A rate law of one or several species.

    Attributes
    ----------
    arguments : tuple of str
    formula : callable
        Of the arguments, from ``+ * / **`` alone.
    written : str
        The formula as text.
    """

    arguments: tuple[str, ...]
    formula: Callable[..., Any]
    written: str

    def signature(self, name: str) -> str:
        """The call with the formula.

        >>> RATE_LAWS["mm"].signature("mm")
        'mm(X, v, K) = v*X/(X + K)'
        """
        return f"{name}({', '.join(self.arguments)}) = {self.written}"


#: By name; names and arguments are those of Catalyst.jl.
RATE_LAWS: dict[str, RateLaw] = {
    "mm": RateLaw(("X", "v", "K"), lambda X, v, K: v * X / (X + K), "v*X/(X + K)"),
    "mmr": RateLaw(("X", "v", "K"), lambda X, v, K: v * K / (X + K), "v*K/(X + K)"),
    "hill": RateLaw(("X", "v", "K", "n"), lambda X, v, K, n: v * X**n / (X**n + K**n), "v*X^n/(X^n + K^n)"),
    "hillr": RateLaw(("X", "v", "K", "n"), lambda X, v, K, n: v * K**n / (X**n + K**n), "v*K^n/(X^n + K^n)"),
    "hillar": RateLaw(
        ("X", "Y", "v", "K", "n"), lambda X, Y, v, K, n: v * X**n / (X**n + Y**n + K**n), "v*X^n/(X^n + Y^n + K^n)"
    ),
}
