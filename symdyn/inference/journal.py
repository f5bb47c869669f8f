"""Record of a long search on disk: a search that is run again resumes where the last one ended."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.files import clear, put_arrays, read_arrays

__all__ = ["Journal", "KeptState", "digest_of"]

#: Seconds between writes, and how many times as long as a write takes they are at least.
PAUSE, RARELY = 10.0, 100.0
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
        If the file is no journal, or its folder does not exist or cannot be written.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.found = 0
        self._entries: dict[str, Arrays] = {}
        self._new, self._written, self._took = False, time.monotonic(), 0.0
        if self.path is None:
            return
        if not self.path.parent.is_dir():
            raise RecoveryError(f"checkpoint {self.path}: the folder {self.path.parent} does not exist; create it first")
        if not os.access(self.path.parent, os.W_OK):
            raise RecoveryError(
                f"checkpoint {self.path}: the folder {self.path.parent} cannot be written; name a file elsewhere"
            )
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
            raise self.refused(error) from None

    def refused(self, reason: object) -> RecoveryError:
        """What is raised where the file is damaged or another one."""
        return RecoveryError(f"checkpoint {self.path}: not a file of a search ({reason}); delete it or name another")

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
        self._put(digest, value)
        return value

    def kept(self, key: Iterable[Any]) -> KeptState:
        """What is kept of a computation while it goes on, by a key as above."""
        return KeptState(self, "" if self.path is None else digest_of(*key))

    def _put(self, digest: str, value: Arrays) -> None:
        self._entries[digest], self._new = value, True
        if time.monotonic() - self._written > max(PAUSE, RARELY * self._took):
            self.write()

    def write(self) -> None:
        """Put everything on disk; half a file is never seen.  Where that fails a warning says so, and the search goes on."""
        if self.path is None or not self._new:
            return
        began = time.monotonic()
        arrays = {f"{key}-{i}": array for key, value in self._entries.items() for i, array in enumerate(value)}
        try:
            put_arrays(self.path, arrays)
        except OSError as error:  # a full disk is no reason to lose what was found
            warnings.warn(
                f"checkpoint {self.path}: not written ({error}); what is found since is in memory alone", stacklevel=2
            )
        self._new, self._written = False, time.monotonic()
        self._took = self._written - began

    def remove(self) -> None:
        """Delete the file: the search that it served is complete."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


class KeptState:
    """What a `Journal` keeps of one long computation: its last state, until there is a result."""

    def __init__(self, journal: Journal, digest: str) -> None:
        self.journal, self._digest = journal, digest

    @property
    def known(self) -> Arrays | None:
        """The last that was kept; None at first."""
        return self.journal._entries.get(self._digest)

    def keep(self, state: Callable[[], Arrays]) -> None:
        """Keep the arrays that `state` returns, in the place of those before; without a file it is not called."""
        if self.journal.path is not None:
            self.journal._put(self._digest, state())
