"""Tasks in processes of this machine: symbolic computations need the interpreter's lock, so threads would not run in parallel.

A worker is a new interpreter that calls `attend`: unlike those of `multiprocessing` it never imports the main program, so a
script or notebook needs no guard.  Tasks and results are sent through pipes as pickles, between these processes alone.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from typing import IO, Any

from symdyn.errors import SymdynError
from symdyn.simulation.executors import RETRIES, Executor, Here

__all__ = ["Processes", "attend", "can_travel"]

_LENGTH = struct.Struct("<Q")
#: First item of a message to a worker: function and common arguments follow, or the arguments of a task.
HEAD, TASK = b"h", b"t"


def can_travel(task: Any) -> bool:
    """Whether another process can read `task`: functions of the main program cannot be found there."""
    try:
        return b"__main__" not in pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


class Processes(Executor):
    """Worker processes, started on demand and kept until `close`.

    Parameters
    ----------
    count : int
        Processes; with 1, or for tasks that cannot travel, everything runs in this process.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: list[_Worker] = []

    @property
    def slots(self) -> int:
        return self.count

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], common: tuple[Any, ...] = ()
    ) -> Generator[tuple[int, Any], None, None]:
        if self.count <= 1 or len(tasks) <= 1 or not can_travel((function, common, tasks)):
            yield from Here().run(function, tasks, common)
            return
        head = pickle.dumps((function, common))
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, bool, Any]] = queue.SimpleQueue()
        for i in range(len(tasks)):
            todo.put(i)
        while len(self._pool) < min(self.count, len(tasks)):
            self._pool.append(_Worker())
        finished = False
        try:
            for worker in self._pool:
                threading.Thread(target=worker.feed, args=(head, tasks, todo, done), daemon=True).start()
            for _ in tasks:
                i, good, value = done.get()
                if not good:
                    raise value
                yield i, value
            finished = True
        finally:
            if not finished:  # some workers are still computing tasks whose results are no longer needed
                self.close()

    def close(self) -> None:
        """End the processes."""
        for worker in self._pool:
            worker.end()
        self._pool = []


class _Worker:
    """One process, begun again when it is lost."""

    def __init__(self) -> None:
        self._process = _start()
        self._head: bytes | None = None
        self._wanted = True
        self._lock = threading.Lock()  # of what decides whether there is a process

    def feed(self, head: bytes, tasks: Sequence[Any], todo: Any, done: Any) -> None:
        """Do tasks until none is left."""
        while True:
            try:
                i = todo.get_nowait()
            except queue.Empty:
                return
            done.put((i, *self._do(head, pickle.dumps(tasks[i]))))

    def end(self) -> None:
        """End the process."""
        with self._lock:
            self._wanted = False
            self._process.kill()
            self._process.wait()

    def _do(self, head: bytes, task: bytes) -> tuple[bool, Any]:
        for _ in range(RETRIES + 1):
            try:
                if self._head is not head:
                    _send(self._process.stdin, HEAD + head)
                    self._head = head
                _send(self._process.stdin, TASK + task)
                return pickle.loads(_receive(self._process.stdout))
            except (OSError, EOFError):
                code = self._process.wait()
                if not self._again():
                    break
        return False, SymdynError(f"a task was lost with one worker process after another (exit code {code})")

    def _again(self) -> bool:
        with self._lock:
            if self._wanted:
                self._process, self._head = _start(), None
            return self._wanted


def _start() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    environment["SYMDYN_NUM_THREADS"] = "1"
    command = [sys.executable, "-c", "from symdyn.simulation.processes import attend; attend()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _send(stream: IO[bytes] | None, data: bytes) -> None:
    assert stream is not None
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    head = stream.read(_LENGTH.size)
    if len(head) == _LENGTH.size:
        (size,) = _LENGTH.unpack(head)
        data = stream.read(size)
        if len(data) == size:
            return data
    raise EOFError


def attend() -> None:
    """The loop of a worker: an interrupt from the keyboard is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not disturb the pipe
    function: Callable[..., Any] = tuple
    common: tuple[Any, ...] = ()
    while True:
        try:
            message = _receive(incoming)
        except EOFError:
            return
        if message[:1] == HEAD:
            function, common = pickle.loads(message[1:])
            continue
        try:
            answer = (True, function(*common, *pickle.loads(message[1:])))
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            answer = (False, error if can_travel(error) else RuntimeError(str(error)))
        _send(outgoing, pickle.dumps(answer))
