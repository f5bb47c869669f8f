"""Names of the states that are derivatives of others by time."""

from __future__ import annotations

__all__ = ["derivative_name"]


def derivative_name(name: str, order: int) -> str:
    """The state that is a derivative of the state `name` by time: ``x_dot``, ``x_dot2`` ...

    >>> [derivative_name("x", k) for k in range(4)]
    ['x', 'x_dot', 'x_dot2', 'x_dot3']
    """
    return f"{name}_dot{order if order > 1 else ''}" if order else name
