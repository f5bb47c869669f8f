"""An error at the n-th operation on files below a folder, as SQLite tests itself: the hook sees each before it is done."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Faults", "faults"]

#: Events of `sys.audit` that stand for operations on files; the position of the path in each.
EVENTS = {
    "open": 0,
    "os.rename": 0,
    "os.mkdir": 0,
    "os.remove": 0,
    "os.rmdir": 0,
    "os.truncate": 0,
    "os.listdir": 0,
    "os.scandir": 0,
}


class Faults:
    """Counts operations below a folder and lets one of them fail.

    Parameters
    ----------
    folder : Path
    at : int
        Number of the operation that fails, from 0; -1 for none.
    code : int
        Its error number.
    lasting : bool
        Whether all that follow fail as well, as on a full disk.
    """

    def __init__(self, folder: Path, at: int = -1, code: int = errno.ENOSPC, *, lasting: bool = False) -> None:
        self.folder, self.at, self.code, self.lasting = str(folder), at, code, lasting
        self.count = 0
        self.operations: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = arguments[EVENTS[event]]
        path = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if not path.startswith(self.folder) or (self.code == errno.ENOSPC and self._reads(event, arguments)):
            return
        self.count += 1
        self.operations.append(f"{event} {path[len(self.folder) :]}")
        if self.at >= 0 and (self.count - 1 == self.at or (self.lasting and self.count > self.at)):
            raise OSError(self.code, os.strerror(self.code), path)

    @staticmethod
    def _reads(event: str, arguments: tuple[Any, ...]) -> bool:
        """Whether the operation needs no room on the disk."""
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            return not (
                set(mode) & set("wax+") if isinstance(mode, str) else (flags or 0) & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
            )
        return event not in ("os.mkdir", "os.rename")


_active: list[Faults] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and event in EVENTS:
        _active[-1](event, arguments)


_hooked = False


@contextmanager
def faults(folder: Path, at: int = -1, code: int = errno.ENOSPC, *, lasting: bool = False) -> Iterator[Faults]:
    """Let an operation fail inside."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # for the life of the process; it looks at a list that is empty outside
        _hooked = True
    _active.append(Faults(folder, at, code, lasting=lasting))
    try:
        yield _active[-1]
    finally:
        _active.pop()
