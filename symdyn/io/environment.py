"""The environment: versions, optional packages and their extras, targets, and the cache of compiled code."""

from __future__ import annotations

import shutil
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any

from symdyn.codegen.cache import FOLDERS, LARGEST, cache_directory
from symdyn.codegen.kernel import LANES
from symdyn.codegen.load import host
from symdyn.errors import SymdynError
from symdyn.optional import OPTIONAL
from symdyn.version import __version__

__all__ = [
    "REQUIRED",
    "cache_facts",
    "cache_summary",
    "card_facts",
    "clear_cache",
    "environment",
    "optional_packages",
    "summary",
    "versions",
]

#: Distributions that symdyn needs.
REQUIRED = (
    "sympy", "numpy", "scipy", "numba", "llvmlite", "xarray", "pandas", "matplotlib", "netCDF4", "platformdirs", "tqdm",
    "typer", "rich", "scikit-fem",
)  # fmt: skip
#: Features of processors from which the width of their vectors follows.
VECTORS = ("sse2", "avx", "avx2", "fma", "avx512f", "neon", "sve", "sve2")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that symdyn needs; None where one is missing."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: _version(name) for name in REQUIRED}}


def optional_packages() -> dict[str, dict[str, str | bool | None]]:
    """For each optional distribution whether it is there, its version, and its extra.  Nothing is imported."""
    return {
        name: {"present": util.find_spec(module) is not None, "version": _version(name), "extra": extra}
        for module, (name, extra) in OPTIONAL.items()
    }


def environment() -> dict[str, Any]:
    """Everything that ``symdyn info`` shows, as plain values."""
    _, cpu, features = host()
    enabled = sorted(f[1:] for f in features.split(",") if f.startswith("+"))
    return {
        "symdyn": __version__,
        "versions": versions(),
        "optional": optional_packages(),
        "targets": {
            "cpu": {"available": True, "name": cpu, "features": enabled, "lanes": list(LANES)},
            "cuda": card_facts(),
        },
        "cache": cache_facts(),
    }


def card_facts() -> dict[str, Any]:
    """Whether there is a CUDA card, and which, or why kernels for it cannot be run or not even be compiled."""
    try:
        from symdyn.codegen.cuda import toolchain  # imports CUDA's compilers, which only this function needs
    except SymdynError as error:
        return {"available": False, "reason": str(error)}
    card = toolchain.card()
    return {"available": card is not None, "reason": card or "no card is found; kernels can be compiled and looked at"}


def summary(facts: dict[str, Any]) -> str:
    """`environment` as lines for a person."""
    lines = [("symdyn", facts["symdyn"]), *((k, v or "missing") for k, v in facts["versions"].items())]
    for name, found in facts["optional"].items():
        missing = f"missing; the extra {found['extra']!r} brings it"
        lines.append((name, found["version"] or "present" if found["present"] else missing))
    cpu = facts["targets"]["cpu"]
    vectors = ", ".join(f for f in VECTORS if f in cpu["features"])
    lines.append(("target cpu", f"{cpu['name']} ({vectors}); lanes {', '.join(map(str, cpu['lanes']))}"))
    lines.append(("target cuda", facts["targets"]["cuda"]["reason"]))
    lines.append(("cache", cache_summary(facts["cache"])))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def cache_facts() -> dict[str, Any]:
    """Directory of the cache, numbers of compiled drivers and models in it, and their size in bytes."""
    root = cache_directory()
    files = [p for folder in FOLDERS for p in (root / folder).rglob("*") if p.is_file()]
    drivers = sum(p.parent == root / "drivers" and p.suffix == ".driver" for p in files)
    models = sum(p.parent == root / "models" and p.suffix == ".json" for p in files)
    return {"directory": str(root), "drivers": drivers, "models": models, "bytes": sum(p.stat().st_size for p in files)}


def cache_summary(facts: dict[str, Any]) -> str:
    """`cache_facts` as a line."""
    size = f"{facts['bytes'] / 1e6:.1f} MB of at most {LARGEST / 1e6:.0f}"
    return f"{facts['directory']}: {facts['drivers']} drivers, {facts['models']} models, {size}"


def clear_cache() -> None:
    """Remove all compiled code; other files in the cache directory are not removed."""
    root: Path = cache_directory()
    for folder in FOLDERS:
        if (root / folder).is_dir():
            shutil.rmtree(root / folder)
