"""The private cache of compiled code on disk.

Layout of the cache directory (``SYMDYN_CACHE_DIR``, else the user's cache directory, created with mode 0700)::

    drivers/<name>_<digest>.driver   object code of a text that numba compiled once, and a line that describes its functions
    drivers/<function>_<digest>.o    object code of an elementary function
    cuda/<name>_<digest>.py, .json   source of a kernel for cards; its PTX and what a thread of it takes
    models/<digest>.<k>.o, .json     object code, of long functions apart, and what belongs to it
    models/<name>_<digest>.py        text that numba compiles on request; numba keeps its machine code in __pycache__ beside it
    models/<name>_<digest>.seal      names and checksums of what numba and Python keep of that text

Code in it is run, so the cache belongs to one user alone: no other may be able to write to the directory, to what is in it,
or to a folder or link on the way to it, as OpenSSH asks of its keys (access control lists are not looked at).  Every file is
written under another name and moved into place, ends with a checksum, and is compiled again where it is damaged.  A disk that
is full or read-only costs time, not results: what cannot be kept is compiled in memory.  One process compiles, others that need
the same text wait for it.  Once a day the oldest entries beyond `LARGEST` are removed, and what killed runs left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from symdyn.errors import CompileError
from symdyn.files import put

try:
    import fcntl
except ImportError:  # Windows: several processes may then compile the same text
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "FOLDERS",
    "FORMAT",
    "LARGEST",
    "cache_directory",
    "folder",
    "note",
    "one_at_a_time",
    "read",
    "seal",
    "sealed",
    "sweep",
    "unseal",
    "write",
]

LOG = logging.getLogger("symdyn")
#: Form of the files; another form is another entry.
FORMAT = 2
#: Bytes that the cache may take.
LARGEST = 1_000_000_000
#: Folders of the cache directory; other files in it are left alone.
FOLDERS = ("drivers", "models", "cuda", "jax")
#: Seconds after which the cache is swept again, and after which an unfinished file is one of a process that was killed.
DAY, HOUR = 86_400, 3_600
_MARK = b"\nblake2b "
_SIZE = len(_MARK) + 32
#: Directories that this process has found to be private.
_PRIVATE: set[Path] = set()
#: Reasons that were logged.
_NOTED: set[str] = set()


# ---- whom the cache belongs to -----------------------------------------------------------------


def cache_directory() -> Path:
    """The private cache directory, created on first use if it can be.

    Raises
    ------
    CompileError
        If it is a file, or another user can change it or a folder on the way to it.
    """
    path = Path(os.environ.get("SYMDYN_CACHE_DIR") or _users()).absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise CompileError(f"the cache directory {path} cannot be used ({error}); set SYMDYN_CACHE_DIR") from None
    except OSError as error:  # nothing is there that could be loaded
        note(path, error)
        return path
    if path not in _PRIVATE:
        _refuse_strangers(path)
        _PRIVATE.add(path)
    return path


def _users() -> str:
    import platformdirs  # only where no directory is given

    return platformdirs.user_cache_dir("symdyn", appauthor=False)


def folder(*names: str) -> Path:
    """A folder of the cache directory, one of `FOLDERS` or in one of them, created on first use.

    Raises
    ------
    CompileError
        If another user can change it.
    """
    path = cache_directory()
    for name in names:
        path /= name
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            note(path, error)
            break
        if path not in _PRIVATE:
            _refuse(path, path.lstat(), last=True, remedy="remove it by 'symdyn cache clear'")
            _PRIVATE.add(path)
    return cache_directory().joinpath(*names)


def _refuse_strangers(path: Path) -> None:
    """Refuse a directory of which another user can change any component, links followed one by one."""
    waiting = list(reversed(path.parts[1:]))
    at, links = Path(path.anchor), 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            at = at.parent
            continue
        facts = (at / name).lstat()
        remedy = f"run 'chmod go-w {at / name}' or set SYMDYN_CACHE_DIR to a directory of your own"
        _refuse(at / name, facts, last=not waiting, remedy=remedy)
        if not stat.S_ISLNK(facts.st_mode):
            at /= name
            continue
        links += 1
        if links > 40:
            raise CompileError(f"the cache directory {path} goes through too many links; set SYMDYN_CACHE_DIR")
        target = Path(os.readlink(at / name))
        at = Path(target.anchor) if target.is_absolute() else at
        waiting += reversed(target.parts[1:] if target.is_absolute() else target.parts)


def _refuse(path: Path, facts: os.stat_result, *, last: bool, remedy: str) -> None:
    """Refuse a component that is of another user, or that others can write to; a sticky folder does on the way."""
    if not hasattr(os, "getuid"):  # Windows gives each user a directory that others cannot change
        return
    own, link = os.getuid(), stat.S_ISLNK(facts.st_mode)
    if facts.st_uid not in ((own,) if last and not link else (own, 0, os.stat("/").st_uid)):
        raise CompileError(
            f"code in the cache is run, but {path} belongs to another user (number {facts.st_uid}); "
            "set SYMDYN_CACHE_DIR to a directory of your own"
        )
    if not link and facts.st_mode & 0o022 and (last or not facts.st_mode & stat.S_ISVTX):
        mode = f"mode {stat.S_IMODE(facts.st_mode):04o}"
        raise CompileError(f"code in the cache is run, but others can write to {path} ({mode}); {remedy}")


# ---- files -------------------------------------------------------------------------------------


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def write(path: Path, data: bytes) -> bool:
    """Write a file with its checksum, atomically.

    Returns
    -------
    bool
        False if it cannot be written, which is logged once for each reason.
    """
    try:
        put(path, data + _MARK + _checksum(data).encode())
    except OSError as error:
        note(path, error)
        return False
    if "swept" not in _NOTED:
        _NOTED.add("swept")
        sweep(cache_directory())
    return True


def read(path: Path) -> bytes | None:
    """What `write` wrote; None if it is not there, is damaged or belongs to another user."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            facts, data = os.fstat(file.fileno()), file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        LOG.warning("%s of the cache cannot be read (%s); compiling again", path, error)
        return None
    data, mark = data[:-_SIZE], data[-_SIZE:]
    foreign = hasattr(os, "getuid") and facts.st_uid != os.getuid()
    if foreign or mark != _MARK + _checksum(data).encode():
        LOG.warning("%s of the cache is %s; compiling again", path, "of another user" if foreign else "damaged")
        return None
    if time.time() - facts.st_mtime > DAY:
        with contextlib.suppress(OSError):
            os.utime(path)  # the entries used last are the last to be removed
    return data


def note(path: Path, error: OSError) -> None:
    """Log once for each reason that what is compiled is not kept."""
    if (reason := error.strerror or str(error)) not in _NOTED:
        _NOTED.add(reason)
        LOG.warning(
            "compiled code is not kept: %s: %s; make room (symdyn cache clear) or set SYMDYN_CACHE_DIR. "
            "The results are not affected, but every process compiles again",
            path,
            reason,
        )


# ---- what numba keeps --------------------------------------------------------------------------


def _parts(text: Path) -> dict[str, str]:
    """What numba and Python keep of a text: names and checksums."""
    files = (text.parent / "__pycache__").glob(f"{text.stem}.*")
    return {p.name: _checksum(p.read_bytes()) for p in files if not p.is_symlink()}


def sealed(text: Path, content: bytes) -> bool:
    """Whether the text and all that was compiled from it are on disk as `seal` left them."""
    try:
        known = json.loads(read(text.with_suffix(".seal")) or b"null")
        return known is not None and text.read_bytes() == content and _parts(text) == known
    except OSError:
        return False


def seal(text: Path) -> None:
    """Record what was compiled from a text, so that nothing else is loaded in its place."""
    with contextlib.suppress(OSError):  # it was removed meanwhile
        write(text.with_suffix(".seal"), json.dumps(_parts(text)).encode())


def unseal(text: Path) -> None:
    """Remove all that was compiled from a text."""
    for path in [text.with_suffix(".seal"), *(text.parent / "__pycache__").glob(f"{text.stem}.*")]:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def one_at_a_time(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file of the cache; the end of the process releases it, however it ends."""
    try:
        file = open(path.with_name(f".{path.name}.lock"), "wb")  # noqa: SIM115  (closed below: it may not open at all)
    except OSError:
        yield
        return
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                LOG.info("waiting for another process that compiles %s", what)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a network file system without locks
                pass
        yield


# ---- size --------------------------------------------------------------------------------------


def sweep(root: Path, largest: int = LARGEST) -> None:
    """Remove what killed runs left, and the oldest entries beyond `largest` bytes; at most once a day."""
    stamp, now = root / ".swept", time.time()
    try:
        if now - stamp.stat().st_mtime < DAY:
            return
    except FileNotFoundError:
        pass
    with contextlib.suppress(OSError):
        stamp.touch()
        files = [(p, p.stat()) for name in FOLDERS for p in (root / name).rglob("*") if p.is_file()]
        taken = sum(facts.st_size for _, facts in files)
        for path, facts in sorted(files, key=lambda f: f[1].st_mtime):
            old = now - facts.st_mtime
            if (path.name.startswith(".") and old > HOUR) or (taken > largest and old > HOUR):
                path.unlink(missing_ok=True)
                taken -= facts.st_size
