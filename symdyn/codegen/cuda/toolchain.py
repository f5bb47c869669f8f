"""The only module that imports numba.cuda: from generated text to kernels, PTX and machine code.

The ``numba.cuda`` of numba itself is replaced by the package numba-cuda, whose extra ``cu13`` installs the compilers.
Compilation needs neither a card nor a driver; `_without_card` names the private name of numba-cuda that is replaced for that.

On numba's simulator (``NUMBA_ENABLE_CUDASIM=1``, set before numba is imported) device functions are plain Python functions.
Numbers are then numpy scalars, so that arithmetic is that of a card: ``1/0`` is infinite, and nothing raises.
"""

from __future__ import annotations

import functools
import logging
import math as _math
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any, NamedTuple

import numba
import numpy as np

from symdyn.codegen.load import announce
from symdyn.errors import CompileError, MissingPackageError

INSTALL = 'pip install "symdyn-modeling[cuda]"'

try:
    VERSION = metadata.version("numba-cuda")
except metadata.PackageNotFoundError:
    raise MissingPackageError(
        f"target='cuda' needs the package numba-cuda and CUDA's compilers: {INSTALL}", name="numba_cuda"
    ) from None

from numba import cuda  # noqa: E402

__all__ = [
    "BLOCK",
    "INSTALL",
    "SIMULATED",
    "VERSION",
    "Resources",
    "card",
    "ceil32",
    "ceil64",
    "compile_ptx",
    "cuda",
    "device",
    "empty_on_card",
    "floor32",
    "floor64",
    "free_memory",
    "i64",
    "launch",
    "machine_code",
    "math",
    "queue",
    "real32",
    "real64",
    "to_card",
    "u64",
]

SIMULATED = bool(numba.config.ENABLE_CUDASIM)
#: What machine code is made for where there is no card: Hopper.
CAPABILITY = (9, 0)
#: Threads of a block; on the simulator each is a thread of Python.
BLOCK = 8 if SIMULATED else 128
LOG = logging.getLogger("symdyn")
_LOCK = threading.RLock()
_WORD = 2**64 - 1


# ---- what generated text is written in ---------------------------------------------------------


class _Ieee:
    """The functions of `math` on the simulator: numpy's, which do not raise."""

    nan, inf, pi = _math.nan, _math.inf, _math.pi

    def __getattr__(self, name: str) -> Callable:
        found = getattr(np, "power" if name == "pow" else re.sub("^a(?=[sct])", "arc", name), None)
        return found if found is not None else _masked(getattr(_math, name))

    @staticmethod
    def ldexp(x: Any, k: Any) -> Any:
        return np.ldexp(x, int(k))


def _masked(function: Callable) -> Callable:
    """A function of `math` that numpy has not: nan where it would raise."""

    @functools.wraps(function)
    def masked(*arguments: Any) -> Any:
        try:
            return np.float64(function(*arguments))
        except (ValueError, OverflowError):
            return np.float64(_math.nan)

    return masked


if SIMULATED:
    math: Any = _Ieee()
    real64, real32, i64 = np.float64, np.float32, int
    floor64, ceil64, floor32, ceil32 = np.floor, np.ceil, np.floor, np.ceil

    def u64(x: Any) -> int:
        """A word of 64 bits: the value modulo 2^64, as on a card."""
        return int(x) & _WORD

    def device(function: Callable) -> Callable:
        """A function of generated text: plain Python, without the floating-point warnings that a card does not have."""
        return np.errstate(all="ignore")(function)

else:
    from numba.cuda import libdevice

    math = _math
    real64, real32, i64, u64 = numba.float64, numba.float32, numba.int64, numba.uint64
    floor64, ceil64, floor32, ceil32 = libdevice.floor, libdevice.ceil, libdevice.floorf, libdevice.ceilf

    def device(function: Callable) -> Callable:
        """A function of generated text, for the card."""
        return cuda.jit(device=True)(function)


# ---- compiling ---------------------------------------------------------------------------------


class Resources(NamedTuple):
    """What a thread of a kernel takes on the card for which it was compiled.

    Attributes
    ----------
    registers : int
        Of 32 bits; a thread has 255 at most, and 65,536 are shared by the threads of a multiprocessor.
    local_bytes : int
        Local memory: arrays of its own, and what did not fit in registers.
    spilled_bytes : int
        Written to local memory for want of registers, each time that the code passes there.
    """

    registers: int
    local_bytes: int
    spilled_bytes: int


@contextmanager
def _without_card() -> Iterator[None]:
    """Let device functions be compiled where no card is: numba-cuda asks the present card for its capability."""
    from numba.cuda import dispatcher

    class Hopper:
        compute_capability = CAPABILITY

    with _LOCK:
        name = "get_current_device"
        if not hasattr(dispatcher, name):
            raise CompileError(
                f"numba-cuda {VERSION} compiles in a way that symdyn does not know; install the version of constraints.txt"
            )
        asked = getattr(dispatcher, name)
        setattr(dispatcher, name, Hopper)
        try:
            yield
        finally:
            setattr(dispatcher, name, asked)


@contextmanager
def _compilers() -> Iterator[None]:
    """Say what to install where CUDA's compilers fail."""
    try:
        yield
    except (ImportError, OSError, RuntimeError) as error:
        raise CompileError(f"CUDA's compilers are not there or do not work ({error}): {INSTALL}") from error
    except AttributeError as error:  # of modules of numba-cuda, which are imported now
        raise CompileError(
            f"numba-cuda {VERSION} does not work with numpy {np.__version__} ({error}); install the versions of constraints.txt"
        ) from error


def compile_ptx(function: Callable, arguments: str) -> str:
    """PTX of a kernel for arguments of the given types, in numba's notation.

    Raises
    ------
    CompileError
        On the simulator, which has no compiler, and where the compilers are missing.
    """
    if SIMULATED:
        raise CompileError("the CUDA simulator runs kernels as Python and compiles nothing; unset NUMBA_ENABLE_CUDASIM")
    with _without_card(), _compilers(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cuda.compile_ptx(function, f"void({arguments})", cc=CAPABILITY)[0]


def machine_code(ptx: str) -> tuple[bytes, Resources]:
    """Machine code (sm_90) of PTX, and what a thread of its kernel takes."""
    with _compilers():
        from cuda.core import Linker, LinkerOptions, ObjectCode

        options = LinkerOptions(arch="sm_{}{}".format(*CAPABILITY), ptxas_options=["-v"])
        linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
        code = bytes(linker.link("cubin").code)
    return code, _resources(linker.get_info_log())


_ENTRY = re.compile(
    r"Compiling entry function '(?P<name>\S+)'.*?properties for (?P=name)\n"
    r".*?(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores.*?Used (?P<registers>\d+) registers",
    re.DOTALL,
)


def _resources(log: str) -> Resources:
    """What the assembler says about the kernel."""
    found = _ENTRY.search(log)
    if not found:
        raise CompileError(f"the assembler of CUDA wrote what symdyn cannot read: {log[:200]!r}")
    return Resources(int(found["registers"]), int(found["stack"]), int(found["stores"]))


# ---- running -----------------------------------------------------------------------------------


def card() -> str | None:
    """The name of the card in use, or None where there is none."""
    if SIMULATED:
        return "simulator"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not cuda.is_available():
            return None
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def free_memory() -> int:
    """Bytes of the card's memory that are free; a hundred million on the simulator."""
    return 100_000_000 if SIMULATED else int(cuda.current_context().get_memory_info().free)


def to_card(array: np.ndarray) -> Any:
    """A copy of an array on the card."""
    return cuda.to_device(np.ascontiguousarray(array))


def empty_on_card(shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """An array on the card with any content."""
    return cuda.device_array(shape, dtype)


def launch(function: Callable, arguments: str, threads: int, values: tuple[Any, ...]) -> float:
    """Run a kernel in so many threads and wait for it; returns the seconds that it ran."""
    _compiled(function, arguments)
    cuda.synchronize()
    begin = time.perf_counter()
    queue(function, arguments, threads, values)
    cuda.synchronize()
    return time.perf_counter() - begin


def queue(function: Callable, arguments: str, threads: int, values: tuple[Any, ...]) -> None:
    """Run a kernel in so many threads, after what was queued before; copies from the card wait for it."""
    compiled = _compiled(function, arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba warns where there are fewer threads than a card could run
        compiled[-(-threads // BLOCK), BLOCK](*values)


@functools.cache
def _compiled(function: Callable, arguments: str) -> Any:
    with _LOCK:
        if SIMULATED:
            return cuda.jit(function)
        begin = time.perf_counter()
        with _compilers():
            compiled = cuda.jit(f"void({arguments})")(function)
        announce()
        LOG.info("compiled a kernel for %s in %.1f s", card(), time.perf_counter() - begin)
        return compiled
