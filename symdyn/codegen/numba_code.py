"""Object code of the functions that numba compiles from a text; imported where a driver is compiled, since numba takes long."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from numba import types
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher

from symdyn.codegen.machine_code import CallLayout, NativeFunction, outside
from symdyn.codegen.portable import self_contained, wanted
from symdyn.errors import CompileError

__all__ = ["native_functions"]


def native_functions(module: ModuleType) -> dict[str, NativeFunction]:
    """The functions of a module that were compiled for a signature, by their names: those that Python calls and C functions."""
    found: dict[str, NativeFunction] = {}
    for name, value in vars(module).items():
        if isinstance(value, CFunc):
            library = value._library  # type: ignore[attr-defined]
            found[name] = _native(library, value.native_name, CallLayout([], "none", []), called=False)
        elif isinstance(value, Dispatcher) and value.__module__ == module.__name__ and not value._can_compile:  # type: ignore[attr-defined]
            (compiled,) = value.overloads.values()
            symbol = compiled.fndesc.llvm_func_name
            native = compiled.library.get_function(symbol)
            _, _, *kinds = (str(a.type) for a in native.arguments)
            leaves = [leaf for argument in compiled.signature.args for leaf in _leaves(argument)]
            found[name] = _native(
                compiled.library, symbol, CallLayout(leaves, _leaf(compiled.signature.return_type), kinds), called=True
            )
    return found


def _native(library: Any, symbol: str, layout: CallLayout, *, called: bool) -> NativeFunction:
    """A function in a library of numba."""
    _, _, (code, _) = library.serialize_using_object_code()
    module = library._final_module
    return NativeFunction(symbol, called, layout, outside(module), code, self_contained(module) if wanted() else b"")


def _leaves(kind: types.Type) -> list[str]:
    if isinstance(kind, types.BaseTuple):
        return [leaf for part in kind for leaf in _leaves(part)]
    return [_leaf(kind)]


def _leaf(kind: types.Type) -> str:
    names = {types.int64: "int", types.float64: "float", types.none: "none"}
    if isinstance(kind, types.Array) and kind.layout == "C":
        return f"{kind.dtype} {kind.ndim}"
    if kind not in names:
        raise CompileError(f"functions that Python calls take no {kind}")
    return names[kind]
