"""Modules that kernels for processors and for cards share, as plain Python."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import numba
import pytest

NAMES = ["control", "roots", "formulas", "variates", "binomials", "leaps", "equilibria", "molecules", "sums", "branching"]


@pytest.fixture(scope="module")
def shared():
    """The modules, imported anew so that nothing is compiled."""
    kept = {n: m for n, m in sys.modules.items() if n.startswith(("symdyn_kernels.shared", "symdyn_kernels.networks"))}
    for name in kept:
        del sys.modules[name]
    compiled, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        yield SimpleNamespace(**{n: importlib.import_module(f"symdyn_kernels.shared.{n}") for n in NAMES})
    finally:
        numba.config.DISABLE_JIT = compiled
        for name in [n for n in sys.modules if n.startswith(("symdyn_kernels.shared", "symdyn_kernels.networks"))]:
            del sys.modules[name]
        sys.modules.update(kept)
