"""Drivers made in advance: LLVM bitcode for every processor of an architecture, for which llvmlite alone makes machine code.

Nearly all of the time that numba takes for a driver goes into types and into its own translation, which depend on no
processor.  What comes out of them is kept beside the kernels, in the folder ``portable`` of `symdyn_kernels`, where
``symdyn cache warm --portable`` puts it (``make wheel`` does, before the wheel is built).  Files are found by the digest of the
text of a driver and of the sources that it links, so that one of other sources is never taken; a driver whose file is damaged,
of another architecture or of a later LLVM is compiled from its text.  The files belong to the installation, like the modules
beside them, and are trusted as those are.

A file is a line that describes it, then compressed bitcode.  The functions that allocate arrays are linked into it
(`symdyn.codegen.allocation`), so that it calls nothing of numba.
"""

from __future__ import annotations

import hashlib
import json
import logging
import lzma
import os
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import symdyn_kernels

from symdyn.codegen.allocation import FUNCTIONS, RUNTIME
from symdyn.codegen.machine_code import CallLayout, NativeFunction
from symdyn.files import put

__all__ = ["BASE", "FOLDER", "SUFFIX", "WRITTEN", "PortableFunction", "find", "keep", "self_contained", "wanted"]

LOG = logging.getLogger("symdyn")
FORMAT = 1
#: Where an installation has them.
FOLDER = Path(symdyn_kernels.__file__).parent / "portable"
SUFFIX = ".bitcode"
#: Variable of the environment: a folder in which every driver that numba compiles is kept in this form too.
WRITTEN = "SYMDYN_PORTABLE_DRIVERS"
#: What the optimiser may assume of vectors, by architecture; code for lesser processors is made of the same bitcode.
BASE = {"x86_64": "x86-64-v3", "amd64": "x86-64-v3"}
#: Bytes of bitcode that one driver may have.
_LARGEST = 1 << 26


class PortableFunction(NamedTuple):
    """A function of a driver.

    Attributes
    ----------
    symbol : str
        Its name in the bitcode.
    called : bool
        Whether Python calls it.
    layout : CallLayout
    bitcode : bytes
    """

    symbol: str
    called: bool
    layout: CallLayout
    bitcode: bytes


def self_contained(module: llvm.ModuleRef) -> bytes:
    """Bitcode of a module of numba with the functions that allocate arrays."""
    own = module.clone()
    runtime = llvm.parse_assembly(RUNTIME)
    runtime.triple, runtime.data_layout = own.triple, own.data_layout
    own.link_in(runtime)
    for name in FUNCTIONS:
        own.get_function(name).linkage = "internal"
    own.verify()
    return own.as_bitcode()


def wanted() -> bool:
    """Whether drivers that numba compiles are kept in this form."""
    return bool(os.environ.get(WRITTEN))


def keep(name: str, numbers: dict[str, float], functions: dict[str, NativeFunction]) -> None:
    """Write a driver to the folder that the environment names, if it names one."""
    if not wanted():
        return
    folder = Path(os.environ[WRITTEN])
    data = lzma.compress(b"".join(f.bitcode for f in functions.values()), preset=9)
    described = {
        "format": FORMAT,
        "llvm": llvm.llvm_version_info[0],
        "triple": llvm.get_process_triple(),
        "checksum": hashlib.sha256(data).hexdigest(),
        "numbers": numbers,
        "functions": {key: [f.symbol, f.called, f.layout, len(f.bitcode)] for key, f in functions.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / f"{name}{SUFFIX}", json.dumps(described).encode() + b"\n" + data)


def find(name: str) -> tuple[dict[str, float], dict[str, PortableFunction]] | None:
    """Numbers and functions of a driver that the installation has; None if it has none that can be used here."""
    path = FOLDER / f"{name}{SUFFIX}"
    try:
        line, _, data = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    try:
        noted = json.loads(line)
        if (
            noted["format"] != FORMAT
            or noted["llvm"] > llvm.llvm_version_info[0]
            or noted["triple"] != llvm.get_process_triple()
        ):
            return None
        if hashlib.sha256(data).hexdigest() != noted["checksum"]:
            raise ValueError("its checksum is wrong")
        unpacked = lzma.LZMADecompressor().decompress(data, _LARGEST)
        return noted["numbers"], _functions(noted["functions"], unpacked)
    except (ValueError, KeyError, TypeError, AttributeError, lzma.LZMAError) as error:
        LOG.warning("%s is damaged (%s); the driver is compiled from its text", path, error)
        return None


def _functions(listed: dict[str, Any], bitcode: bytes) -> dict[str, PortableFunction]:
    found, begin = {}, 0
    for key, (symbol, called, layout, size) in listed.items():
        found[key] = PortableFunction(symbol, called, CallLayout(*layout), bitcode[begin : begin + size])
        begin += size
    if begin != len(bitcode):
        raise ValueError(f"it has {len(bitcode)} bytes of code; expected {begin}")
    return found
