"""The compiled functions that serve every candidate."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

import symdyn_kernels

from symdyn.codegen.load import import_driver

__all__ = ["driver"]


@cache
def driver() -> ModuleType:
    """The module ``symdyn_kernels.candidates.entries``, compiled once for this machine."""
    text = (Path(symdyn_kernels.__file__).parent / "candidates" / "entries.py").read_text(encoding="utf-8")
    return import_driver("candidates", text)
