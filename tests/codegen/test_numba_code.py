"""Functions of a driver are linked and optimised once, however they call each other; numba itself is left as it was."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numba.core.registry import cpu_target
from symdyn_kernels.shared.roots import soon

from symdyn.codegen.load import import_driver

TEXT = """
import numpy as np
from numba import cfunc, njit, types
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.roots import soon

SIZE = 7

@njit(**HELPER)
def least(a):
    return a[0] if a.size > 0 else 0.0

@njit(**HELPER)
def filled(x):
    a = np.zeros(SIZE)
    for i in range(SIZE):
        a[i] = x + i
    return a

@njit(**HELPER)
def summed(x):
    a = filled(x)
    return a.sum() + least(a)

@njit(error_model="numpy")
def from_python(x):
    return summed(x) + least(filled(2.0 * x))

@njit(types.float64(types.float64), **HELPER)
def chunk(x):
    return least(filled(x)) + summed(x) + from_python(x) + soon(0.5, 0.0, 1.0) - 0.5

@cfunc(types.float64(types.float64))
def doubled(x):
    return 2.0 * x
"""


def test_functions_that_share_others_make_one_driver(tmp_path, monkeypatch):
    """Of x the sum of x, ..., x + 6 is 7 x + 21: the result is x + (8 x + 21) + (8 x + 21 + 2 x)."""
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path))
    driver = import_driver("adaptive_events_delays", TEXT)
    assert driver.chunk(1.5) == pytest.approx(19 * 1.5 + 42)


def test_numba_compiles_as_before_beside_drivers(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path))
    import_driver("adaptive_events_delays", TEXT)
    codegen = cpu_target.target_context.codegen()
    assert "_library_class" not in vars(codegen)
    assert "set_env" not in vars(codegen)

    @numba.njit
    def sums(a):
        return a.sum() + soon(0.0, 0.0, 1.0)  # which the driver has compiled, and what it calls

    assert sums(np.arange(5.0)) == pytest.approx(10)
