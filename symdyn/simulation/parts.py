"""Finished parts of a computation in a folder: each is written atomically, and a damaged one is computed again."""

from __future__ import annotations

import io
import logging
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.codegen.load import announce
from symdyn.errors import DeclarationError, SymdynError

__all__ = ["Parts", "put", "read_path"]

LOG = logging.getLogger("symdyn")
#: Ending of files that are being written.
UNFINISHED = ".unfinished"


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


def put(path: Path, data: bytes) -> None:
    """Write a file atomically, with the permissions of the user's mask."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}{UNFINISHED}")
    try:
        try:
            temporary.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
            data = io.BytesIO()
            np.savez(data, **arrays)  # type: ignore[arg-type]
            put(self.folder / f"{name}.npz", data.getvalue())

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """A part, or None if it is not there or damaged."""
        if self.folder is None:
            return None
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            announce()
            LOG.warning("%s is damaged (%s) and is done again", path, error)
            return None
