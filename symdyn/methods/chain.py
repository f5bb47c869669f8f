"""Methods that simulate Markov chains in discrete time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symdyn.methods.options import MethodOptions
from symdyn.system import System

__all__ = ["ChainScheme", "LatticeScheme"]


@dataclass(frozen=True)
class ChainScheme:
    """A method for branching processes.

    Attributes
    ----------
    name, reference : str
    applies : callable
        ``applies(system)`` gives None, or the reason why the method cannot simulate the system.
    options : type
        Of the method, a subclass of `MethodOptions`.
    """

    name: str
    reference: str
    applies: Callable[[System], str | None]
    options: type[MethodOptions] = MethodOptions


@dataclass(frozen=True)
class LatticeScheme:
    """A method for automata, whose cells are 0 or 1.

    Attributes
    ----------
    name, reference : str
    applies : callable
        As of `ChainScheme`.
    options : type
        Of the method, a subclass of `MethodOptions`.
    """

    name: str
    reference: str
    applies: Callable[[System], str | None]
    options: type[MethodOptions] = MethodOptions
