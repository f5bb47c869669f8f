"""Record of a long search on disk: a search that is run again resumes where the last one ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.files import clear, put_arrays, read_arrays

__all__ = ["Journal", "digest_of"]

#: Seconds between writes.
PAUSE = 10.0
Arrays = tuple[np.ndarray, ...]


def digest_of(*parts: Any) -> str:
    """Digest of texts and of arrays by their bytes and shapes.

    >>> digest_of("a", np.arange(2.0)) == digest_of("a", np.arange(2.0))
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


class Journal:
    """Results of pure functions by digests of their arguments.

    Since a key stands for everything that its value depends on, a search that is repeated with the same seed takes the same
    way, only faster, and ends with the same numbers as one that was never interrupted; entries of other searches are not
    found.

    Parameters
    ----------
    path : Path or None
        A file of numpy's npz format, made at the first write; None keeps everything in memory.

    Raises
    ------
    RecoveryError
        If the file is no journal, or its folder does not exist.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.found = 0
        self._entries: dict[str, Arrays] = {}
        self._new, self._written = False, time.monotonic()
        if self.path is None:
            return
        if not self.path.parent.is_dir():
            raise RecoveryError(f"checkpoint {self.path}: the folder {self.path.parent} does not exist; create it first")
        clear(self.path)
        if self.path.exists():
            self._read(self.path)

    def _read(self, path: Path) -> None:
        try:
            for name, array in read_arrays(path).items():
                key, _, index = name.partition("-")
                known = self._entries.get(key, ())
                if int(index) != len(known):
                    raise ValueError(name)
                self._entries[key] = (*known, array)
        except (ValueError, OSError) as error:
            raise RecoveryError(f"checkpoint {path}: not a file of a search ({error}); delete it or name another") from None

    def __len__(self) -> int:
        return len(self._entries)

    def __call__(self, key: Iterable[Any], compute: Callable[[], Arrays], keep: Callable[[], bool] | None = None) -> Arrays:
        """The arrays known for a key, else those computed.

        Parameters
        ----------
        key : iterable
            Texts, numbers and arrays that tell what `compute` returns.
        compute : callable
            Returns a tuple of arrays.
        keep : callable, optional
            Asked after the computation; what was cut short is not kept.
        """
        if self.path is None:
            return compute()
        digest = digest_of(*key)
        if digest in self._entries:
            self.found += 1
            return self._entries[digest]
        value = compute()
        if keep is not None and not keep():
            return value
        self._entries[digest], self._new = value, True
        if time.monotonic() - self._written > PAUSE:
            self.write()
        return value

    def write(self) -> None:
        """Put everything on disk; half a file is never seen."""
        if self.path is None or not self._new:
            return
        arrays = {f"{key}-{i}": array for key, value in self._entries.items() for i, array in enumerate(value)}
        put_arrays(self.path, arrays)
        self._new, self._written = False, time.monotonic()

    def remove(self) -> None:
        """Delete the file: the search that it served is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
