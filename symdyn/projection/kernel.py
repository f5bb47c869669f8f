"""The compiled drivers of the master equation."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import symdyn_kernels

from symdyn.codegen.load import import_driver
from symdyn.codegen.machine_code import Driver

__all__ = ["driver"]


@cache
def driver() -> Driver:
    """The module ``symdyn_kernels.drivers.projection``, compiled once for this machine."""
    text = (Path(symdyn_kernels.__file__).parent / "drivers" / "projection.py").read_text(encoding="utf-8")
    return import_driver("projection", text)
