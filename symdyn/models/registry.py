"""The registry of kinds of system: every class that can be declared, by a short name."""

from __future__ import annotations

from symdyn.registry import Registry
from symdyn.system import System

__all__ = ["KINDS"]

#: What is registered is simulated, printed and read back by the conformance tests, from its `System.example`.
KINDS: Registry[type[System]] = Registry("kind of system")
