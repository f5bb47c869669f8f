"""Compiled drivers are called without numba: the numbers, the memory that they allocate, what they raise and refuse."""

import os
import subprocess
import sys

import numpy as np
import pytest
from symdyn_kernels.arguments.parts import Control

from symdyn.codegen.load import import_driver

TEXT = """
import numpy as np
from numba import njit, types

from symdyn_kernels.arguments.parts import Control, numba_type
from symdyn_kernels.options import HELPER

LIMIT = 7


@njit("float64(int64, float64[:, ::1])", **HELPER)
def traced(n, table):
    kept, room = [0], np.zeros(n)
    for k in range(1, n):
        kept.append(kept[k - 1] + k)
        room[k] = kept[k]
    table[0, 0] = room.sum()
    return table.sum()


@njit(types.int64(numba_type(Control), types.int64[::1]), **HELPER)
def grown(control, out):
    out[0] = int(control.grow)
    return out.size


@njit("void(int64)", **HELPER)
def refuse(n):
    if n < 0:
        raise ValueError("a negative size")
"""
#: In a process of its own, which finds all compiled code in the cache the second time.
PROCESS = f"""
import sys
import numpy as np
import symdyn as sd
from symdyn.codegen.load import import_driver

made = import_driver("traced", {TEXT!r})
table = np.ones((2, 3))
assert made.traced(1000, table) == 5 + sum(k * (k + 1) // 2 for k in range(1000)) == table.sum()
try:
    made.refuse(-1)
except ValueError as error:
    assert str(error) == "a negative size"
decay = sd.ODESystem.from_text("x' = -k*x", parameters={{"k": 1}}, initial={{"x": 1}})
assert abs(float(sd.simulate(decay, [0.0, 1.0], method="tsit5", rtol=1e-9, progress=False).x.values[1]) - np.exp(-1)) < 1e-8
death = sd.ReactionNetwork.from_text("X -> 0, 1; X(0) = 100")
assert sd.simulate(death, [0.0, 50.0], seed=1, progress=False).X.values.tolist() == [100, 0]
print(*sys.modules)
"""
GROWN = Control(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0)


@pytest.fixture(scope="module")
def driver():
    return import_driver("traced", TEXT)


def test_functions_take_tuples_and_arrays_and_return_numbers(driver):
    out = np.zeros(4, np.int64)
    assert driver.grown(GROWN, out) == 4
    assert out.tolist() == [3, 0, 0, 0]
    assert driver.traced(5, np.zeros((1, 1))) == 0 + 1 + 3 + 6 + 10
    assert driver.refuse(1) is None
    assert driver.LIMIT == 7


def test_what_they_raise_is_raised(driver):
    with pytest.raises(ValueError, match="a negative size"):
        driver.refuse(-1)


@pytest.mark.parametrize(
    ("table", "got"),
    [
        (np.ones((2, 2), np.float32), "float32 with 2 axes"),
        (np.ones(4), "float64 with 1 axes"),
        (np.ones((4, 4))[:, ::2], "float64 with 2 axes"),
        (np.broadcast_to(1.0, (2, 2)), "float64 with 2 axes"),
        (np.frombuffer(bytearray(33), offset=1).reshape(2, 2), "float64 with 2 axes"),
        ([[1.0]], "list"),
    ],
    ids=["single", "flat", "strided", "read-only", "unaligned", "list"],
)
def test_arrays_of_another_form_are_refused(driver, table, got):
    with pytest.raises(TypeError, match=f"traced got {got}; expected writeable float64 with 2 axes in C order"):
        driver.traced(3, table)


def test_so_is_another_number_of_arguments(driver):
    with pytest.raises(TypeError, match="grown got int64 with 1 axes; expected a number"):
        driver.grown(tuple(GROWN)[:6], np.zeros(1, np.int64))
    with pytest.raises(TypeError, match="refuse got 0 numbers and arrays; expected 1"):
        driver.refuse()
    with pytest.raises(TypeError, match="refuse got more numbers and arrays; expected 1"):
        driver.refuse(1, 2)


def test_a_process_with_cached_code_imports_no_compiler_and_no_library_that_it_does_not_need():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("COVERAGE_PROCESS_START", None)
    runs = [subprocess.run([sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[1].stderr
    found = set(runs[1].stdout.split())
    assert "symdyn.simulation.run" in found
    assert not found & {"numba", "dask", "distributed", "netCDF4", "zarr", "matplotlib", "jax", "numba_cuda", "scipy", "yaml"}
