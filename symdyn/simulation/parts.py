"""Finished parts of a computation in a folder: each is written atomically, and a damaged one is computed again."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.codegen.load import announce
from symdyn.errors import DeclarationError, SymdynError
from symdyn.files import put_arrays, read_arrays

__all__ = ["Parts", "read_path"]

LOG = logging.getLogger("symdyn")


def read_path(store: Any, kinds: str) -> Path | None:
    """The path of a store, where ``~`` is the home folder, or None where none is given; `kinds` describes what it may name.

    Raises
    ------
    DeclarationError
        For what is no path, and for addresses such as ``s3://...``, which would become folders here.
    """
    if store is None:
        return None
    text = str(store) if isinstance(store, str | Path) else ""
    if not Path(text).name or "\0" in text or re.match(r"[A-Za-z][\w+.-]+:/", text):
        raise DeclarationError(f"store is {text or store!r}; expected the path of {kinds}")
    return Path(text).expanduser()


class Parts:
    """A folder of ``.npz`` files, whose archives have a checksum of every array; without a folder nothing is stored.

    Raises
    ------
    SymdynError
        If the path is that of a file or of a zarr store.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise SymdynError(f"the store {self.folder} is a file; name a folder, or a path where there is nothing")
        if self.folder is not None and (self.folder / "zarr.json").exists():
            raise SymdynError(f"the store {self.folder} holds a dataset; name another folder, or a path where there is nothing")

    def save(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store a part."""
        if self.folder is not None:
            put_arrays(self.folder / f"{name}.npz", arrays)

    def names(self) -> list[str]:
        """The names of the parts that are there."""
        if self.folder is None or not self.folder.is_dir():
            return []
        return [path.stem for path in self.folder.iterdir() if path.suffix == ".npz"]

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """A part, or None if it is not there or damaged."""
        if self.folder is None:
            return None
        path = self.folder / f"{name}.npz"
        try:
            return read_arrays(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            announce()
            LOG.warning("%s is damaged (%s) and is done again", path, error)
            return None
