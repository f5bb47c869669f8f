"""Files that are there as a whole or not at all, and archives of arrays, of which a damaged one ends in a `ValueError`."""

from __future__ import annotations

import glob
import io
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile, ZipFile

import numpy as np

from symdyn.errors import DeclarationError, SymdynError

try:
    import fcntl
except ImportError:  # on Windows, where files are not locked
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "ABANDONED", "UNFINISHED", "FileLock", "check_format", "clear", "numbers", "put", "put_arrays", "read_arrays", "restored",
]  # fmt: skip

T = TypeVar("T")

#: Beginning of an array in numpy's format, as numpy writes it: type, order and shape.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|]?[biufcSUmM]\d+(?:\[\w+\])?)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d+,? ?)*)\), \} *\n",
    re.DOTALL,
)
#: What damaged archives raise; an OSError is that of a place outside the file.
_DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, TypeError, OverflowError, OSError)
#: Ending of files that are being written.
UNFINISHED = ".unfinished"
#: Seconds after which an unfinished file is one of a process that was killed.
ABANDONED = 3600.0


def clear(path: Path) -> None:
    """Remove what killed processes left of a file or folder; what is young is perhaps being written by another process."""
    with suppress(OSError):  # what cannot be removed is in nobody's way
        for left in path.parent.glob(f".{glob.escape(path.name)}-*{UNFINISHED}"):
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


class FileLock:
    """A file that is held by one at a time, until `release`, or until the process ends, however it does.

    The lock is that of the operating system on a file beside; where a file system knows none, nothing is held.

    Parameters
    ----------
    path : Path
        Of the file that is held, which may be replaced meanwhile.

    Raises
    ------
    BlockingIOError
        If it is held already; its text is the number of the process.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "record.npz"
    ...     first = FileLock(path)
    ...     try:
    ...         FileLock(path)
    ...     except BlockingIOError as held:
    ...         print(str(held) == str(os.getpid()))
    ...     first.release()
    ...     second = FileLock(path)
    ...     second.release()
    True
    """

    _held = -1

    def __init__(self, path: Path) -> None:
        self._mark = path.with_name(f".{path.name}.lock")
        while fcntl is not None and self._held < 0:
            held = os.open(self._mark, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if not self._taken(held):
                    return
            finally:  # at an interrupt as well
                if self._held < 0:
                    os.close(held)

    def _taken(self, held: int) -> bool:
        """Hold an open mark unless the one before has removed it in the meantime; False on a file system without locks."""
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(os.read(held, 20).decode(errors="replace")) from None
        except OSError:
            self._mark.unlink(missing_ok=True)
            return False
        with suppress(FileNotFoundError):
            if os.fstat(held).st_ino == self._mark.stat().st_ino:
                os.ftruncate(held, 0)
                os.write(held, str(os.getpid()).encode())
                self._held = held
        return True

    def release(self) -> None:
        """Let others hold it."""
        held, self._held = self._held, -1  # first, since an interrupt must not let go twice: the number is then another file's
        if held < 0:
            return
        try:
            with suppress(OSError):  # in a folder that is gone nobody waits
                self._mark.unlink(missing_ok=True)
            fcntl.flock(held, fcntl.LOCK_UN)  # of processes that were forked as well
        finally:
            os.close(held)

    __del__ = release


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
    """The arrays of an archive in their order; nothing in it is run or compiled.

    Raises
    ------
    ValueError
        If it is no archive of arrays, or is damaged.
    OSError
        If it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with ZipFile(file) as archive:
                size = os.fstat(file.fileno()).st_size
                if any(member.compress_size > size for member in archive.infolist()):  # as much would be allocated
                    raise BadZipFile("a member is larger than the file")
                return {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
        except _DAMAGED as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def restored(path: Any, make: Callable[[dict[str, np.ndarray]], T], wrong: str) -> T:
    """What is made of the arrays of an archive.

    Raises
    ------
    DeclarationError
        If the file is damaged or of another kind, which `wrong` says of it.
    OSError
        If it cannot be read.
    """
    try:
        return make(read_arrays(Path(path)))
    except KeyError as missing:
        reason = f"no array {missing}"
    except (SymdynError, ValueError, TypeError, IndexError, OverflowError) as error:
        reason = str(error)
    raise DeclarationError(f"{Path(path).name} {wrong} ({reason})")


def check_format(arrays: Mapping[str, np.ndarray], expected: str) -> None:
    """Raise a ValueError unless the arrays of an archive say that they have this format."""
    if (said := str(arrays["format"])) != expected:
        raise ValueError(f"its format is {said[:40]!r}, expected {expected!r}")


def numbers(arrays: Mapping[str, np.ndarray], name: str, *shape: int | None, finite: bool = True) -> np.ndarray:
    """An array of floats of an archive, of a shape in which None is any length.

    >>> numbers({"x": np.ones((2, 3))}, "x", None, 2)
    Traceback (most recent call last):
    ...
    ValueError: x holds float64 of the shape (2, 3), or numbers that are not finite
    """
    found = arrays[name]
    fits = found.ndim == len(shape) and all(want in (None, size) for want, size in zip(shape, found.shape, strict=True))
    if found.dtype != np.float64 or not fits or (finite and not np.isfinite(found).all()):
        raise ValueError(
            f"{name} holds {found.dtype} of the shape {found.shape}" + (", or numbers that are not finite" if finite else "")
        )
    return found


def _array(data: bytes) -> np.ndarray:
    """An array in numpy's format, whose header numpy itself parses as Python."""
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("no array of numbers or texts")
    kind, fortran, shape = header.groups()
    sizes = tuple(map(int, shape.replace(b",", b" ").split()))
    found = np.ndarray(sizes, kind.decode(), data, header.end(), order="F" if fortran == b"True" else "C")
    if header.end() + found.nbytes != len(data):
        raise ValueError(f"{len(data) - header.end()} bytes for an array of {found.nbytes}")
    return found.copy()
