"""Methods that simulate reaction networks approximately, many events at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp

from symdyn.methods.jump import NetworkScheme
from symdyn.methods.options import FixedStepOptions, LeapingOptions, MethodOptions
from symdyn.methods.stochastic import StepSymbols
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = [
    "DiffusionScheme",
    "HybridScheme",
    "LeapScheme",
    "refuse_all_but_networks",
]


def refuse_all_but_networks(system: System) -> str | None:
    """None for reactions without delays, with events and inputs or without, else the reason."""
    return system.unmet(["propensities"], ["events", "shuffled", "inputs"])


@dataclass(frozen=True)
class LeapScheme(NetworkScheme):
    """A method of tau-leaping.

    Attributes
    ----------
    implicit : bool
        Whether leaps across fast equilibria are implicit.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.METHODS["tau"].implicit, sd.METHODS["tau-implicit"].implicit
    (False, True)
    """

    implicit: bool
    options: type[MethodOptions] = field(default=LeapingOptions, kw_only=True)


@dataclass(frozen=True)
class HybridScheme(NetworkScheme):
    """A method in which some reactions flow and the others jump.

    Attributes
    ----------
    name, reference, applies, options
        As of `NetworkScheme`.

    Examples
    --------
    >>> import symdyn as sd
    >>> type(sd.METHODS["hybrid"]).__name__
    'HybridScheme'
    """

    options: type[MethodOptions] = field(default=LeapingOptions, kw_only=True)


@dataclass(frozen=True)
class DiffusionScheme(NetworkScheme):
    """A scheme that takes a network for a diffusion process.

    Attributes
    ----------
    noises : callable
        ``noises(network)`` is the number of Wiener processes.
    extents : callable
        ``extents(network, symbols)`` gives pairs: a mapping from species to what a unit of an extent changes, and the extent in
        one step as an expression; extents are limited to what there is.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.METHODS["langevin"].noises(sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g"))  # one for each reaction
    2
    """

    noises: Callable[[ReactionNetwork], int]
    extents: Callable[[ReactionNetwork, StepSymbols], list[tuple[dict[sp.Symbol, sp.Expr], sp.Expr]]]
    options: type[MethodOptions] = field(default=FixedStepOptions, kw_only=True)
