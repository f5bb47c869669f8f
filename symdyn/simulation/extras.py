"""Optional packages of runs beyond one process."""

from __future__ import annotations

import importlib
from typing import Any

from symdyn.errors import SymdynError

__all__ = ["require"]


def require(module: str) -> Any:
    """An optional module.

    Raises
    ------
    SymdynError
        If it is not installed, with the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise SymdynError(
            f'{module} is not installed, which this needs; the extra installs it: pip install "symdyn-modeling[distributed]"'
        ) from None
