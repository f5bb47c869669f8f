"""Object code of the functions that numba compiles from a text; imported where a driver is compiled, since numba takes long.

numba optimises every function with all that it calls, and makes machine code of it: of a driver, the same code at each level
of its two hundred functions.  Within `optimised_once` functions stay as they were lowered, and those that are wanted are linked
with what they call and optimised as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from numba import types
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target

from symdyn.codegen.machine_code import CallLayout, NativeFunction, outside
from symdyn.codegen.portable import self_contained, wanted
from symdyn.errors import CompileError

__all__ = ["native_functions", "optimised_once"]

#: Names of functions that Python calls begin so.
_FROM_PYTHON = "_ZN7cpython"


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """A function as it was lowered, without what it calls, unless Python may call it."""

    _whole: Any = None

    def _optimize_functions(self, ll_module: Any) -> None:
        """Only say what the layout of data is: what is linked is optimised together."""
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        if any(f.name.startswith(_FROM_PYTHON) for f in self._final_module.functions):
            self.complete()
            self._finalize_final_module()
        self._finalized = True

    def complete(self) -> None:
        """Link all that it calls, and optimise."""
        self._link(self._final_module)
        self._optimize_final_module()
        self._final_module.verify()
        self._verify_declare_only_symbols()

    def _get_module_for_linking(self) -> Any:
        """Its module with all that it calls, for functions that are no parts."""
        if self._whole is None:
            self._whole = self._alone().clone()
            self._link(self._whole)
        return self._whole

    def _alone(self) -> Any:
        """Its module."""
        return super()._get_module_for_linking()

    def _link(self, module: Any) -> None:
        """Link all that it calls into a module that holds it."""
        found: dict[Any, None] = {}
        self._collect(found)
        _, *called = reversed(found)
        for library in called:  # callers first: of a library the linker takes what is wanted by then
            one = library._alone() if isinstance(library, _Part) else library._get_module_for_linking()
            module.link_in(one, preserve=True)

    def _collect(self, found: dict[Any, None]) -> None:
        """Add the libraries that it needs to those that are found, after what these need, and itself."""
        for library in self._linking_libraries:
            if library not in found:
                if isinstance(library, _Part):
                    library._collect(found)
                found[library] = None
        found[self] = None


@contextmanager
def optimised_once() -> Iterator[None]:
    """Compile functions that are called by those of `native_functions` alone without machine code of their own."""
    codegen = cpu_target.target_context.codegen()
    engine, with_address = codegen._engine, codegen.set_env

    def set_env(name: str, environment: Any) -> None:
        if engine.is_symbol_defined(name):
            with_address(name, environment)

    with global_compiler_lock:  # which other threads take, too
        codegen._library_class, codegen.set_env = _Part, set_env
        try:
            yield
        finally:
            del codegen._library_class, codegen.set_env


def native_functions(module: ModuleType) -> dict[str, NativeFunction]:
    """The functions of a module that were compiled for a signature, by their names: those that Python calls and C functions.

    Those of a module that was executed within `optimised_once` are linked and optimised here.
    """
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
    if isinstance(library, _Part):
        library.complete()
        code = library.codegen._tm.emit_object(library._final_module)
    else:
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
