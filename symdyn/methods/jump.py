"""Methods that simulate reaction networks: what all have in common, and those that go event by event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    """

    name: str
    reference: str
    applies: Callable[[System], str | None]


@dataclass(frozen=True)
class JumpScheme(NetworkScheme):
    """A method that fires every reaction of a network at its own time."""


def refuse_all_but_networks(system: System) -> str | None:
    """None for a system of reactions, with events or without, else the reason that every method for networks gives."""
    return system.unmet(["propensities"], also=["events"])
