"""Texts of strangers, read by libsbml and libantimony in a process of their own, within limits of time and memory."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symdyn.errors import DeclarationError
from symdyn.optional import require

__all__ = ["Limits", "read_apart", "source_text"]

#: Folders in which packages are installed.
PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Limits:
    """What reading a text may take.

    Attributes
    ----------
    seconds : float
        Wall time in the process that reads.
    memory : int
        Its address space in bytes; on Unix systems.
    characters : int
        Of the text.
    """

    seconds: float = 20.0
    memory: int = 4_000_000_000
    characters: int = 20_000_000

    def __post_init__(self) -> None:
        for name in ("seconds", "memory", "characters"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                raise DeclarationError(f"{name} is {value!r}; expected a positive number")

    def fit(self, text: str) -> None:
        """Refuse a text that is too long."""
        if len(text) > self.characters:
            raise DeclarationError(f"it has {len(text)} characters, more than characters={self.characters}; raise characters=")


def source_text(source: Any, is_text: bool) -> tuple[str, str, Path | None]:
    """What a source is called in messages, its text, and its path if it is a file.

    Raises
    ------
    DeclarationError
        If it is neither a path nor a text, or the file is not UTF-8.
    OSError
        If the file cannot be read.
    """
    if not isinstance(source, (str, Path)):
        raise DeclarationError(f"the source is of type {type(source).__name__}; expected a path or the text of a model")
    if not str(source).strip("\ufeff \t\r\n;"):
        raise DeclarationError("the source is empty; expected a path or the text of a model")
    if isinstance(source, str) and is_text:
        return "the text", source.removeprefix("\ufeff"), None
    path = Path(source)
    try:
        return str(path), path.read_text(encoding="utf-8-sig"), path
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None


class _Process:
    """The process that reads, which lives as long as this one unless a text ends it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any], text: bytes, seconds: float) -> tuple[str, str]:
        """The outcome and the text of the answer; 'time' or 'ended' without one."""
        with self.lock:
            process = self.started()
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Event()

            def stop() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), stop)
            timer.daemon = True
            timer.start()
            complete = False
            try:
                with _errors_of_pipes():
                    process.stdin.write(json.dumps({**request, "size": len(text)}).encode() + b"\n" + text)
                    process.stdin.flush()
                head = process.stdout.readline()
                if head:
                    answer = json.loads(head)
                    found = process.stdout.read(answer["size"])
                    complete = len(found) == answer["size"]
            except OSError:  # it ended while it was written to
                pass
            finally:
                timer.cancel()
                timer.join()  # it may be ending the process right now, which then reads nothing more
                if not complete or late.is_set():
                    self.end()
            if complete:
                return answer["outcome"], found.decode()
            return ("time", "") if late.is_set() else ("ended", str(-process.returncode))

    def started(self) -> subprocess.Popen[bytes]:
        if self.running is None or self.running.poll() is not None:
            # folders of packages come first: a script beside which this was called may be named antimony.py or json.py
            folders = sorted(map(os.path.abspath, sys.path), key=lambda p: Path(p).name not in PACKAGES)
            self.running = subprocess.Popen(
                [sys.executable, "-P", "-S", str(Path(__file__).with_name("_documents.py")), *folders],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parent,  # the present folder may be gone before this process
                env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            )
        return self.running

    def end(self) -> None:
        """End it; the next text starts another one."""
        process, self.running = self.running, None
        if process is not None:
            process.kill()
            process.wait()
            with _errors_of_pipes():
                for pipe in (process.stdin, process.stdout):
                    try:
                        if pipe is not None:
                            pipe.close()
                    except OSError:  # what was not written is of no use
                        pass


@contextmanager
def _errors_of_pipes() -> Iterator[None]:
    """Writing to a process that has ended raises, also where this one has given SIGPIPE back its default, which ends it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no such signal
        yield
        return
    pipe = {signal.SIGPIPE}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, pipe)
    try:
        yield
    finally:
        if not pipe & before and pipe & signal.sigpending():
            signal.sigwait(pipe)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_process = _Process()
atexit.register(lambda: _process.end())


def _forked() -> None:
    """A copy of this process starts its own."""
    global _process
    _process = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def read_apart(text: str, form: str, limits: Limits, path: Path | None = None) -> str:
    """Have a text read in the other process: the SBML text of Antimony, or nothing for SBML that libsbml reads.

    Parameters
    ----------
    text : str
    form : {'SBML', 'Antimony'}
    limits : Limits
    path : Path, optional
        Where the text lies, for submodels in other files of that folder.

    Raises
    ------
    DeclarationError
        If the library refuses the text, ends with it, or takes more than the limits.
    MissingPackageError
    """
    library = {"SBML": "libsbml", "Antimony": "libantimony"}[form]
    request = {
        "format": form, "memory": int(min(limits.memory, sys.maxsize)), "path": None if path is None else str(path.resolve()),
        "alarm": int(min(limits.seconds, 2e9)) + 2,
    }  # fmt: skip
    outcome, answer = _process.ask(request, text.encode(errors="replace"), limits.seconds)
    if outcome == "read":
        return answer
    if outcome == "missing":
        require(answer)
    reasons = {
        "refused": answer,
        "time": f"{library} took more than seconds={limits.seconds:g} to read it; raise seconds= if you trust its author",
        "memory": f"{library} needs more than memory={limits.memory} bytes to read it; raise memory= if you trust its author",
        "failed": f"{library} cannot read it: {answer}",
        "ended": f"{library} crashed on it (signal {answer}), perhaps for want of memory={limits.memory} bytes",
    }
    raise DeclarationError(reasons.get(outcome, f"{library} cannot be started here ({outcome})"))
