"""Record of a long search on disk: a search that is run again resumes where the last one ended."""

from __future__ import annotations

import hashlib
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.files import FileLock, clear, put_arrays, read_arrays

__all__ = ["Journal", "KeptState", "digest_of"]

#: Seconds between writes, and how many times as long as a write takes they are at least.
PAUSE, RARELY = 10.0, 100.0
#: Characters of a digest.
DIGITS = 64
#: Keys of a file: a digest, or a question's and a digest.
WRITTEN = re.compile(rf"([0-9a-f]{{{DIGITS}}}){{1,2}}")
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
    found, and stay.  A file serves one search at a time: ``with Journal(path) as journal: ...`` writes it and lets it go.

    Parameters
    ----------
    path : Path or None
        A file of numpy's npz format, made at the first write; None keeps everything in memory.

    Raises
    ------
    RecoveryError
        If the file is no journal, another search has it open, or its folder does not exist or cannot be written.
    """

    _lock: FileLock | None = None

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.found = 0
        self._entries: dict[str, Arrays] = {}
        self._own: set[str] = set()  # digests that this search has asked for
        self._new, self._written, self._took = False, time.monotonic(), 0.0
        if self.path is None:
            return
        if self.path.is_dir():
            raise RecoveryError(f"checkpoint {self.path}: a folder; name a file, such as {self.path / 'search.npz'}")
        if not self.path.parent.is_dir():
            raise RecoveryError(f"checkpoint {self.path}: the folder {self.path.parent} does not exist; create it first")
        if not os.access(self.path.parent, os.W_OK):
            raise RecoveryError(
                f"checkpoint {self.path}: the folder {self.path.parent} cannot be written; name a file elsewhere"
            )
        try:
            self._lock = FileLock(self.path)
        except BlockingIOError as holder:
            raise RecoveryError(
                f"checkpoint {self.path}: another search that is going on (process {holder}) keeps its record there; name "
                "another file for this one, or wait until that one has ended"
            ) from None
        except (OSError, ValueError) as error:  # of a name with a character that none has
            raise RecoveryError(
                f"checkpoint {str(self.path)!r}: it cannot be locked ({error}); name a file elsewhere"
            ) from None
        try:
            clear(self.path)
            if self.path.exists():
                self._read(self.path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.write()
        self.close()

    def close(self) -> None:
        """Let other searches have the file."""
        if self._lock is not None:
            self._lock.release()

    def _read(self, path: Path) -> None:
        try:
            for name, array in read_arrays(path).items():
                key, _, index = name.partition("-")
                known = self._entries.get(key, ())
                if not WRITTEN.fullmatch(key) or int(index) != len(known):
                    raise ValueError(name)
                self._entries[key] = (*known, array)
        except (ValueError, OSError) as error:
            raise self.refused(error) from None

    def refused(self, reason: object) -> RecoveryError:
        """What is raised where the file is damaged or another one."""
        return RecoveryError(f"checkpoint {self.path}: not a file of a search ({reason}); delete it or name another")

    def __len__(self) -> int:
        return len(self._entries)

    def __call__(
        self, key: Iterable[Any], compute: Callable[[], Arrays], keep: Callable[[], bool] | None = None, *, question: str = ""
    ) -> Arrays:  # fmt: skip
        """The arrays known for a key, else those computed.

        Parameters
        ----------
        key : iterable
            Texts, numbers and arrays that tell what `compute` returns.
        compute : callable
            Returns a tuple of arrays.
        keep : callable, optional
            Asked after the computation; what was cut short is not kept.
        question : str
            A digest that all entries of a search have in common, so that `remove` knows those that it did not ask for again.
        """
        if self.path is None:
            return compute()
        digest = question + digest_of(*key)
        if (known := self._known(digest)) is not None:
            self.found += 1
            return known
        value = compute()
        if keep is not None and not keep():
            return value
        self._put(digest, value)
        return value

    def kept(self, key: Iterable[Any], *, question: str = "") -> KeptState:
        """What is kept of a computation while it goes on, by a key and a question as above."""
        return KeptState(self, "" if self.path is None else question + digest_of(*key))

    def _known(self, digest: str) -> Arrays | None:
        self._own.add(digest)
        return self._entries.get(digest)

    def _put(self, digest: str, value: Arrays) -> None:
        self._own.add(digest)
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
        """Delete what the file holds of this search, which is complete, and the file unless another has left its record there.

        Warns
        -----
        UserWarning
            Where the file stays.
        """
        if self.path is None:
            return
        questions = {digest[:-DIGITS] for digest in self._own} - {""}
        self._entries = {k: v for k, v in self._entries.items() if k not in self._own and k[:-DIGITS] not in questions}
        self._new = bool(self._entries)
        if not self._entries:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
            return
        self.write()
        warnings.warn(
            f"checkpoint {self.path}: this search is complete, and the file keeps what one with another question, other data, "
            "options or budget has left there; delete the file unless that one is to go on",
            stacklevel=2,
        )


class KeptState:
    """What a `Journal` keeps of one long computation: its last state, until there is a result."""

    def __init__(self, journal: Journal, digest: str) -> None:
        self.journal, self._digest = journal, digest

    @property
    def known(self) -> Arrays | None:
        """The last that was kept; None at first."""
        return self.journal._known(self._digest)

    def keep(self, state: Callable[[], Arrays]) -> None:
        """Keep the arrays that `state` returns, in the place of those before; without a file it is not called."""
        if self.journal.path is not None:
            self.journal._put(self._digest, state())
