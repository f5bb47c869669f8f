"""The registry of numerical methods; each lives in a file of its own in this package."""

from __future__ import annotations

from symdyn.registry import Registry

__all__ = ["METHODS"]

METHODS: Registry = Registry("method")
