"""Text and LLVM IR become functions in memory, by way of the private cache on disk (`symdyn.codegen.cache`).

Digests cover the text, the sources of the modules of `symdyn_kernels` that it links (for models those that generate them), the
versions of numba, llvmlite and numpy (for models of sympy), and the processor.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np
import symdyn_kernels
import sympy as sp

from symdyn.codegen import cache, portable, vector_math
from symdyn.codegen.allocation import FUNCTIONS, RUNTIME
from symdyn.codegen.forecast import KILOBYTES, forecast, waiting
from symdyn.codegen.machine_code import CallLayout, Driver, MachineFunction, NativeFunction, entry_text, outside
from symdyn.errors import CompileError
from symdyn.files import put
from symdyn.started import STARTED

__all__ = [
    "LOCK",
    "CompiledModule",
    "compile_ir",
    "digest",
    "edited",
    "generator",
    "host",
    "import_driver",
    "import_text",
    "linked",
    "load_object",
]

LOG = logging.getLogger("symdyn")
#: One thread at a time makes code.
LOCK = threading.RLock()
#: Kilobytes of machine code from which on the parts of a driver are optimised once: it compiles sooner, and of smaller ones the
#: code is one to three per cent faster where numba optimises each part.
LARGE = 200
_ENGINES: dict[str, CompiledModule] = {}
_DRIVERS: dict[str, Driver] = {}
#: Elementary functions; the linker knows their addresses, so they stay for the life of the process.
_FUNCTIONS: dict[tuple[str, int], CompiledModule] = {}
_KERNEL_IMPORT = re.compile(r"^\s*from symdyn_kernels\.([\w.]+) import", re.MULTILINE)


def digest(*parts: object) -> str:
    """Twenty hexadecimal digits that stand for `parts`."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:20]


@lru_cache(maxsize=1)
def host() -> tuple[str, str, str]:
    """Versions, processor and its features, on which all compiled code depends."""
    versions = f"{cache.FORMAT} {metadata.version('numba')} {llvmlite.__version__} {np.__version__} {sys.version_info[:2]}"
    return versions, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def edited(files: Iterable[Path]) -> tuple[object, ...]:
    """Nothing, or a token unique to this process if source files were edited after it began.

    The modules in memory may then differ from the files: code of the former must not be cached under the digest of the latter.
    """
    now = time.time()  # what is younger comes from a clock that is wrong
    return (STARTED, os.getpid()) if any(STARTED < p.stat().st_mtime <= now for p in files) else ()


def linked(text: str) -> str:
    """Fingerprint of the kernel modules that `text` imports, and of those that they import.

    numba itself checks only the file that it compiles: an edit of a linked module would leave stale code.
    """
    root = Path(symdyn_kernels.__file__).parent
    waiting, sources, files = set(_KERNEL_IMPORT.findall(text)), {}, []
    while waiting:
        name = waiting.pop()
        files.append(root.joinpath(*name.split(".")).with_suffix(".py"))
        sources[name] = files[-1].read_text(encoding="utf-8")
        waiting |= set(_KERNEL_IMPORT.findall(sources[name])) - set(sources)
    return digest(*sorted(sources.items()), *edited(files))


def announce() -> None:
    """Make the messages of this package visible on standard error, unless the program has set up logging itself."""
    if not LOG.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)


@lru_cache(maxsize=1)
def generator() -> str:
    """Fingerprint of the sources that turn a system into programs, on which the digest of a model depends."""
    root = Path(__file__).parent.parent
    files = [*root.glob("codegen/**/*.py"), *root.glob("methods/*.py"), *root.glob("models/*.py"), *root.glob("*.py")]
    called = linked("from symdyn_kernels.drivers.elimination import factorise")  # by the code of large models
    names = sorted(map(str, files))  # as text: paths are compared slowly, and the sources need not be decoded
    sources = hashlib.sha256()
    for name in names:
        source = Path(name).read_bytes()
        sources.update(f"{name[len(str(root)) :]} {len(source)}\0".encode() + source)
    return digest(sp.__version__, sources.hexdigest(), called, *edited(files))


# ---- text that numba compiles ------------------------------------------------------------------


def import_text(name: str, text: str, kind: str) -> ModuleType:
    """Import `text` as a module from a folder of the cache, where numba keeps what it compiles.

    Where nothing can be kept, for want of room or of rights, the text is compiled in memory.
    """
    full = f"{name}_{digest(text, linked(text), *host())}"
    if full in sys.modules:
        return sys.modules[full]
    path, content = cache.folder(kind, "__pycache__").parent / f"{full}.py", text.encode()
    if cache.sealed(path, content):
        return _executed(full, path)
    with cache.one_at_a_time(path, name):
        if cache.sealed(path, content):  # by the process that held the lock
            return _executed(full, path)
        try:
            cache.unseal(path)
            put(path, content)
            module = _executed(full, path)
            cache.seal(path)
        except OSError as error:
            cache.note(path, error)
            module = _executed(full, path, text)
        return module


class _Text(importlib.abc.InspectLoader):
    """Loads a module from a text in memory, of which numba keeps nothing."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("cache=True", "cache=False")

    def get_source(self, fullname: str) -> str:
        return self._text


def _executed(full: str, path: Path, text: str | None = None) -> ModuleType:
    """The module of a file, or of a text in memory."""
    spec = importlib.util.spec_from_file_location(full, path, loader=None if text is None else _Text(text))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module  # numba resolves the functions of the module by its name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        raise
    return module


# ---- drivers -----------------------------------------------------------------------------------


def import_driver(name: str, text: str) -> Driver:
    """What the text of a driver defines; log once that it is being compiled if it is not in the cache."""
    with LOCK:
        full = f"{name}_{digest(text, linked(text), *host())}"
        if full not in _DRIVERS:
            path = cache.folder("drivers") / f"{full}.driver"
            data = cache.read(path)
            _DRIVERS[full] = _loaded(full, _compiled(name, full, path, text) if data is None else data)
        return _DRIVERS[full]


def _compiled(name: str, full: str, path: Path, text: str) -> bytes:
    """A description in one line, then object code: of entries, each for functions of the same types, and of functions."""
    with cache.one_at_a_time(path, name):
        if (data := cache.read(path)) is not None:  # by the process that held the lock
            return data
        numbers, natives = _made_in_advance(name, text) or _by_numba(name, full, path, text)
        noted: dict[str, Any] = {"numbers": numbers, "functions": {}, "codes": []}
        codes: list[bytes] = []
        for key, f in natives.items():
            needed = [entry_text(f.layout.types, llvm.get_process_triple())] if f.called else []
            codes += [f.code, *map(compile_ir, needed)]
            noted["functions"][key] = [f.symbol, f.called, f.layout, f.needs]
        noted["codes"] = [len(code) for code in codes]
        data = b"".join([json.dumps(noted).encode(), b"\n", *codes])
        cache.write(path, data)
        return data


def _portable_name(name: str, text: str) -> str:
    """Name of a driver made in advance, which neither versions nor the processor decide."""
    return f"{name}_{digest(text, linked(text))}"


def _by_numba(name: str, full: str, path: Path, text: str) -> tuple[dict[str, float], dict[str, NativeFunction]]:
    """Numbers and functions of the text of a driver."""
    announce()
    said = "compiling the driver of %s (about %.0f s, once; subsequent runs take it from %s)"
    LOG.info(said, name, forecast(name), path.parent)
    begin = time.perf_counter()
    with waiting(name):
        from symdyn.codegen.numba_code import native_functions, optimised_once  # numba, which what is compiled does without

        _provide_runtime()
        with optimised_once() if KILOBYTES.get(name, 0) > LARGE else nullcontext():
            module = _executed(full, path.with_suffix(".py"), text)
            natives = native_functions(module)
    del sys.modules[full]
    numbers = {k: v for k, v in vars(module).items() if isinstance(v, int | float) and not k.startswith("_")}
    portable.keep(_portable_name(name, text), numbers, natives)
    LOG.info("compiled the driver of %s in %.1f s", name, time.perf_counter() - begin)
    return numbers, natives


def _made_in_advance(name: str, text: str) -> tuple[dict[str, float], dict[str, NativeFunction]] | None:
    """Numbers and functions of a driver that the installation has as bitcode; None if it has none that LLVM can read."""
    made = portable.find(_portable_name(name, text))
    if made is None:
        return None
    try:
        return made[0], _for_this_processor(made[1])
    except RuntimeError as error:  # of llvmlite
        LOG.warning("LLVM refuses the driver of %s made in advance (%s); it is compiled from its text", name, error)
        return None


def _for_this_processor(made: dict[str, portable.PortableFunction]) -> dict[str, NativeFunction]:
    """Machine code of the functions of a driver made in advance."""
    natives, machine = {}, _target_machine(3)  # numba's level
    for key, f in made.items():
        module = llvm.parse_bitcode(f.bitcode)
        module.verify()
        natives[key] = NativeFunction(f.symbol, f.called, f.layout, outside(module), machine.emit_object(module))
    return natives


def _loaded(full: str, data: bytes) -> Driver:
    """The driver that `_compiled` described."""
    line, _, rest = data.partition(b"\n")
    noted, codes = json.loads(line), []
    for size in noted["codes"]:
        codes.append(rest[:size])
        rest = rest[size:]
    functions: dict[str, MachineFunction] = {}
    for key, (symbol, called, layout, needs) in noted["functions"].items():
        _provide_runtime()
        owners = [load_object(f"{full}.{key}", codes.pop(0), needs)]
        if called:
            owners.append(load_object(f"{full}.{key}.entry", codes.pop(0)))
        entry = owners[-1].address("entry") if called else 0
        functions[key] = MachineFunction(key, owners[0].address(symbol), entry, CallLayout(*layout), owners)
    return Driver(full, functions, noted["numbers"])


@lru_cache(maxsize=1)
def _provide_runtime() -> CompiledModule | None:
    """Define what drivers call to allocate arrays, unless numba has done so."""
    missing = [name for name in FUNCTIONS if llvm.address_of_symbol(name) is None]
    if not missing:
        return None
    text = f'target triple = "{llvm.get_process_triple()}"\n{RUNTIME}'
    path = cache.folder("drivers") / f"runtime_{digest(text, *host())}.o"
    code = cache.read(path)
    if code is None:
        cache.write(path, code := compile_ir(text))
    module = CompiledModule(code)
    for name in missing:
        llvm.add_symbol(name, module.address(name))
    return module


# ---- LLVM IR -----------------------------------------------------------------------------------


class CompiledModule:
    """Machine code in memory; `address` finds its functions, and it must be kept as long as they are used."""

    def __init__(self, code: bytes) -> None:
        # one object each: constants of a second one in the same engine are looked for at wrong places (GOTOFF64 in RuntimeDyld)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Address of a function."""
        found = self._engine.get_function_address(name)
        if not found:
            raise CompileError(f"the compiled module has no function {name!r}")
        return found


@lru_cache(maxsize=1)
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _target_machine(opt: int = 2):
    _initialise()
    _, cpu, features = host()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=opt, reloc="pic", codemodel="jitdefault", jit=True)


def compile_ir(text: str, *, quick: bool = False) -> bytes:
    """Object code of a module of LLVM IR; `quick` for long functions, whose scheduling would take seconds."""
    with LOCK:
        module = llvm.parse_assembly(text)
        module.verify()
        return _target_machine(0 if quick else 2).emit_object(module)


def load_object(key: str, code: bytes, needs: Iterable[str] = ()) -> CompiledModule:
    """The module of object code `code`, loaded once a process under `key`.

    Raises
    ------
    CompileError
        If one of the functions and variables that it `needs` is not there: LLVM would end the process.
    """
    with LOCK:
        if key not in _ENGINES:
            _provide(vector_math.functions_in(code) - set(_FUNCTIONS))
            if missing := [name for name in needs if llvm.address_of_symbol(name) is None]:
                raise CompileError(f"compiled code {key} needs {', '.join(missing)}, which this process does not have")
            _ENGINES[key] = CompiledModule(code)
        return _ENGINES[key]


def _provide(functions: Iterable[tuple[str, int]]) -> None:
    """Make elementary functions known to subsequently loaded code; each is compiled once and cached on disk."""
    for op, width in functions:
        name, text = vector_math.function_name(op, width), vector_math.module_text(op, width, llvm.get_process_triple())
        path = cache.folder("drivers") / f"{op}_{digest(text, *host())}.o"
        code = cache.read(path)
        if code is None:
            cache.write(path, code := compile_ir(text))
        _FUNCTIONS[op, width] = module = CompiledModule(code)
        llvm.add_symbol(name, module.address(name))
