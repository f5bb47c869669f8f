"""Optional packages, and one clear message where one of them is missing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from symdyn.errors import MissingPackageError

__all__ = ["OPTIONAL", "named", "require"]

#: Optional modules: the distribution of each, and the extra that installs it.
OPTIONAL = {
    "jax": ("jax", "discover"),
    "pyoperon": ("pyoperon", "discover"),
    "sklearn": ("scikit-learn", "discover"),
    "numba_cuda": ("numba-cuda", "cuda"),
    "libsbml": ("python-libsbml", "sbml"),
    "yaml": ("PyYAML", "petab"),
    "antimony": ("antimony", "antimony"),
    "distributed": ("distributed", "distributed"),
    "zarr": ("zarr", "distributed"),
    "ipykernel": ("ipykernel", "notebook"),
    "ipywidgets": ("ipywidgets", "notebook"),
    "nbclient": ("nbclient", "notebook"),
    "nbformat": ("nbformat", "notebook"),
    "pysr": ("pysr", "pysr"),
    "gmsh": ("gmsh", "gmsh"),
    "arviz": ("arviz", "sample"),
    "emcee": ("emcee", "sample"),
    "nutpie": ("nutpie", "nuts"),
    "petab_select": ("petab-select", "petab-select"),
    "SALib": ("SALib", "sensitivity"),
    "pint": ("pint", "units"),
    "anywidget": ("anywidget", "explore"),
}
#: Packages that come with one of them.
BROUGHT = {"dask": "distributed", "numcodecs": "zarr"}


@contextmanager
def named() -> Iterator[None]:
    """Say which extra installs an optional package whose import fails inside.

    Raises
    ------
    MissingPackageError

    Examples
    --------
    >>> with named():
    ...     raise ModuleNotFoundError("No module named 'zarr.storage'", name="zarr.storage")
    Traceback (most recent call last):
    symdyn.errors.MissingPackageError: this needs zarr, which is not installed: pip install "symdyn-modeling[distributed]"
    >>> with named():
    ...     raise ModuleNotFoundError("No module named 'numcodecs'", name="numcodecs")
    Traceback (most recent call last):
    symdyn.errors.MissingPackageError: this needs zarr, which is not installed: pip install "symdyn-modeling[distributed]"
    """
    try:
        yield
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        found = OPTIONAL.get(BROUGHT.get(top, top))
        if found is None or isinstance(error, MissingPackageError):
            raise
        distribution, extra = found
        raise MissingPackageError(
            f'this needs {distribution}, which is not installed: pip install "symdyn-modeling[{extra}]"', name=error.name
        ) from None


def require(module: str) -> Any:
    """An optional module.

    Raises
    ------
    MissingPackageError
    """
    with named():
        return importlib.import_module(module)
