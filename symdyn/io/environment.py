"""What is installed here: versions, optional packages and the extras that bring them."""

from __future__ import annotations

import sys
from importlib import metadata, util

__all__ = ["OPTIONAL", "REQUIRED", "extra_of_module", "optional_packages", "versions"]

#: Distributions that symdyn needs.
REQUIRED = (
    "sympy", "numpy", "scipy", "numba", "llvmlite", "xarray", "pandas", "matplotlib", "netCDF4", "platformdirs", "tqdm",
    "typer", "rich",
)  # fmt: skip
#: Optional modules: the distribution that holds each, and the extra that brings it.
OPTIONAL = {
    "jax": ("jax", "discover"),
    "equinox": ("equinox", "discover"),
    "optax": ("optax", "discover"),
    "pyoperon": ("pyoperon", "discover"),
    "sklearn": ("scikit-learn", "discover"),
    "numba_cuda": ("numba-cuda", "cuda"),
    "libsbml": ("python-libsbml", "sbml"),
    "distributed": ("distributed", "distributed"),
    "zarr": ("zarr", "distributed"),
    "ipykernel": ("ipykernel", "notebook"),
    "nbclient": ("nbclient", "notebook"),
    "nbformat": ("nbformat", "notebook"),
    "pysr": ("pysr", "pysr"),
}


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


def extra_of_module(module: str | None) -> tuple[str, str] | None:
    """Distribution and extra that bring a module that could not be imported; None for one that symdyn does not know.

    >>> extra_of_module("sklearn.base")
    ('scikit-learn', 'discover')
    """
    return OPTIONAL.get((module or "").partition(".")[0])
