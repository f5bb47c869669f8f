"""Methods that simulate reaction networks: the base class of all, and of those that simulate every event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from symdyn.methods.options import JumpOptions, MethodOptions
from symdyn.system import System

__all__ = ["JumpScheme", "NetworkScheme", "refuse_all_but_networks"]


@dataclass(frozen=True)
class NetworkScheme:
    """A method for reaction networks; the type of an entry chooses the family that runs it.

    Attributes
    ----------
    name, reference : str
    applies : callable
        ``applies(system)`` gives None, or the reason why the method cannot simulate the system.
    options : type
        Of the method, a subclass of `MethodOptions`.

    Examples
    --------
    >>> import symdyn as sd
    >>> scheme = sd.METHODS["ssa"]
    >>> isinstance(scheme, NetworkScheme), scheme.applies(sd.ReactionNetwork.example())
    (True, None)
    >>> scheme.applies(sd.ODESystem.from_text("x' = -x"))
    'it takes systems of reactions; this ODESystem has rates of change'
    """

    name: str
    reference: str
    applies: Callable[[System], str | None]
    options: type[MethodOptions] = field(default=MethodOptions, kw_only=True)


@dataclass(frozen=True)
class JumpScheme(NetworkScheme):
    """A method that fires every reaction of a network at its own time.

    Attributes
    ----------
    name, reference, applies, options
        As of `NetworkScheme`.

    Examples
    --------
    >>> import symdyn as sd
    >>> type(sd.METHODS["ssa"]).__name__
    'JumpScheme'
    """

    options: type[MethodOptions] = field(default=JumpOptions, kw_only=True)


def refuse_all_but_networks(system: System) -> str | None:
    """None for a system of reactions, with events, delays and inputs or without, else the reason."""
    return system.unmet(["propensities"], also=["events", "shuffled", "delayed_reactions", "inputs"])
