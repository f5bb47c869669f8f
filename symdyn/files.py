"""Files that are there as a whole or not at all, and archives of arrays, of which a damaged one ends in a `ValueError`."""

from __future__ import annotations

import io
import os
import secrets
import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

__all__ = ["UNFINISHED", "put", "put_arrays", "read_arrays"]

#: Ending of files that are being written.
UNFINISHED = ".unfinished"


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


def put_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an archive of arrays (``.npz``) atomically."""
    data = io.BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]  # its stub takes every keyword for an option
    put(path, data.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive in their order; nothing in it is run.

    Raises
    ------
    ValueError
        If it is no archive of arrays, or is damaged.
    OSError
        If it cannot be read.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with loaded as file:
            return dict(file)
    except (EOFError, KeyError, BadZipFile, zlib.error, SyntaxError, TokenError) as error:  # numpy reads headers as Python
        raise ValueError(f"{type(error).__name__}: {error}") from None
