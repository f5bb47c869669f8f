"""Compiled drivers as object code: kept in the cache, loaded and called without numba, whose import would take longer.

numba compiles a driver to a native function ``i32 f(result, exception, numbers...)`` in which every tuple is taken apart and an
array is seven numbers or more.  A generated entry of the form ``i32 entry(f, places)`` takes these from one row of places of
eight bytes each: the result, the exception, then the arguments, which `MachineFunction` writes there.
"""

from __future__ import annotations

import ctypes
import pickle
import struct
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np

from symdyn.errors import CompileError

__all__ = ["CallLayout", "Driver", "MachineFunction", "NativeFunction", "entry_text", "outside"]

#: Places before those of the arguments: the result, and where numba describes an exception.
_FIRST = 2
#: numba's code of a function that raises what it describes.
_RAISES = 1
_ARRAY, _address = np.ndarray, ctypes.addressof
_first_byte: Any = ctypes.c_char.from_buffer
_CALL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class CallLayout(NamedTuple):
    """How a function takes its arguments.

    Attributes
    ----------
    arguments : list of str
        Leaves of the arguments, tuples taken apart: ``int``, ``float``, or entries and axes of an array such as ``int64 2``.
    result : str
        ``int``, ``float`` or ``none``.
    types : list of str
        LLVM types of the arguments of the native function after the first two.
    """

    arguments: list[str]
    result: str
    types: list[str]


class NativeFunction(NamedTuple):
    """A function of a driver, compiled.

    Attributes
    ----------
    symbol : str
        Its name in the object file.
    called : bool
        Whether Python calls it; else other code does, as a C function.
    layout : CallLayout
    needs : list of str
        Functions and variables outside the object file.
    code : bytes
        The object file.
    bitcode : bytes
        What is kept of it for other processors (`symdyn.codegen.portable`); empty unless that is asked for.
    """

    symbol: str
    called: bool
    layout: CallLayout
    needs: list[str]
    code: bytes
    bitcode: bytes = b""


def outside(module: llvm.ModuleRef) -> list[str]:
    """Functions and variables that a module takes from outside."""
    named = [*module.functions, *module.global_variables]
    return sorted(v.name for v in named if v.is_declaration and not v.name.startswith("llvm."))


def entry_text(types: Iterable[str], triple: str) -> str:
    """LLVM IR of the function ``entry`` for a native function of these argument types."""
    listed, lines = list(types), []
    for k, kind in enumerate(listed):
        lines.append(f"  %at{k} = getelementptr i64, ptr %places, i64 {_FIRST + k}")
        lines.append(f"  %v{k} = load {kind}, ptr %at{k}, align 8")
    handed = ", ".join(["ptr %places", "ptr %exception", *(f"{kind} %v{k}" for k, kind in enumerate(listed))])
    return "\n".join(
        [
            f'target triple = "{triple}"',
            "define i32 @entry(ptr %f, ptr %places) {",
            "  %exception = getelementptr i64, ptr %places, i64 1",
            *lines,
            f"  %code = call i32 %f({handed})",
            "  ret i32 %code",
            "}",
            "",
        ]
    )


class MachineFunction:
    """A compiled function: called from Python, which lets other threads run meanwhile, or by other code at its `address`.

    Parameters
    ----------
    address : int
    entry : int
        Address of the function of `entry_text`, or 0 where only other code calls it.
    layout : CallLayout
    owners : object
        What keeps the code in memory.
    """

    def __init__(self, name: str, address: int, entry: int, layout: CallLayout, owners: Any) -> None:
        self.name, self.address, self._owners = name, address, owners
        self._call = _CALL(entry) if entry else None
        self._leaves, self._result = layout.arguments, layout.result
        #: By place and type of a tuple that is always the same, of a part which a model lacks or of numbers alone: the tuple,
        #: its numbers, and the place after it.
        self._fixed: dict[tuple[int, type], tuple[Any, list[Any], int]] = {}

    @cached_property
    def _form(self) -> tuple[struct.Struct, list[tuple[Any, int, int, int]]]:
        """The format of the places, and of each leaf the entries of an array, its axes, bytes and alignment, or None."""
        letters: list[str] = ["qq"]
        kinds: list[tuple[Any, int, int, int]] = []
        for leaf in self._leaves:
            entries, _, axes = leaf.partition(" ")
            if axes:
                letters.append("q" * (5 + 2 * int(axes)))
                kind = np.dtype(entries)
                kinds.append((kind, int(axes), kind.itemsize, kind.alignment))
            else:
                letters.append("d" if leaf == "float" else "q")
                kinds.append((None, 0, 0, 0))
        return struct.Struct("=" + "".join(letters)), kinds

    def __call__(self, *arguments: Any) -> Any:
        if self._call is None:
            raise CompileError(f"{self.name} is called by compiled code alone")
        form, kinds = self._form
        numbers: list[Any] = [0, 0]
        count = self._gather(arguments, kinds, 0, numbers)
        if count != len(kinds):
            raise self._refused(count, kinds)
        places = bytearray(form.pack(*numbers))
        code = self._call(self.address, _address(_first_byte(places)))
        if code > 0 or code == -1:
            raise _raised(places, code)
        return None if self._result == "none" else struct.unpack_from("=d" if self._result == "float" else "=q", places)[0]

    def _gather(self, values: Iterable[Any], kinds: list[tuple[Any, int, int, int]], k: int, numbers: list[Any]) -> int:
        """Append the numbers of some values, whose leaves are those from `k` on; returns the place after them."""
        most, fixed = len(kinds), self._fixed
        for value in values:
            if type(value) is _ARRAY:
                if k == most:
                    raise self._refused(k + 1, kinds)
                entries, axes, width, alignment = kinds[k]
                dtype, shape, size = value.dtype, value.shape, value.size
                if (dtype is not entries and dtype != entries) or len(shape) != axes:
                    raise self._misfit(value, entries, axes)
                try:  # which fails where it is not writeable and in C order; an interface dict would take ten times as long
                    place = _address(_first_byte(value)) if size else 0
                except (TypeError, ValueError):
                    raise self._misfit(value, entries, axes) from None
                if place % alignment:
                    raise self._misfit(value, entries, axes)
                numbers += (0, 0, size, width, place, *shape, *(value.strides if axes > 1 else (width,)))
                k += 1
            elif isinstance(value, tuple):
                known = fixed.get((k, type(value)))
                if known is not None and known[0] is value:
                    numbers += known[1]
                    k = known[2]
                    continue
                begin, first = len(numbers), k
                k = self._gather(value, kinds, k, numbers)
                if known is None:
                    fixed[first, type(value)] = (value, numbers[begin:], k) if _steady(value) else (None, [], k)
            else:
                if k == most:
                    raise self._refused(k + 1, kinds)
                if kinds[k][0] is not None:
                    raise self._misfit(value, *kinds[k][:2])
                numbers.append(value)
                k += 1
        return k

    def _refused(self, count: int, kinds: list[tuple[Any, int, int, int]]) -> TypeError:
        more = "more" if count > len(kinds) else count
        return TypeError(f"{self.name} got {more} numbers and arrays; expected {len(kinds)}")

    def _misfit(self, value: Any, entries: Any, axes: int) -> TypeError:
        got = f"{value.dtype} with {value.ndim} axes" if isinstance(value, np.ndarray) else type(value).__name__
        wanted = "a number" if entries is None else f"writeable {entries} with {axes} axes in C order"
        return TypeError(f"{self.name} got {got}; expected {wanted}")


def _steady(values: tuple[Any, ...]) -> bool:
    """Whether a tuple says that it lasts, has numbers alone, or stands for a part that a model lacks.

    Of such a part some arrays are empty, and the others have one entry.
    """
    if getattr(values, "lasting", False):
        return True
    sizes = [v.size for v in values if isinstance(v, np.ndarray)]
    if not sizes:
        return all(isinstance(v, int | float) for v in values)
    return 0 in sizes and max(sizes) <= 1 and all(type(v) is int for v in values if not isinstance(v, np.ndarray))


def _raised(places: bytearray, code: int) -> Exception:
    """What a compiled function raised, which its code describes: such as a MemoryError."""
    (described,) = struct.unpack_from("=q", places, 8)
    if code != _RAISES or not described:
        return CompileError(f"a compiled function ended with the code {code}")
    data, size = struct.unpack("=qi", ctypes.string_at(described, 12))
    kind, arguments, *_ = pickle.loads(ctypes.string_at(data, size))  # a constant of our own code
    return kind(*(arguments or ()))


class Driver:
    """What a text of a driver defines: its compiled functions and its numbers, as attributes.

    Parameters
    ----------
    functions : mapping of str to MachineFunction
    numbers : mapping of str to float or int
    """

    def __init__(self, name: str, functions: Mapping[str, MachineFunction], numbers: Mapping[str, float]) -> None:
        self.__name__, self.functions = name, dict(functions)
        vars(self).update(numbers)
        vars(self).update(functions)

    def __getattr__(self, name: str) -> Any:  # for type checkers: which attributes there are, the text says
        raise AttributeError(f"the driver {self.__name__} has no {name!r}")
