"""Tasks in processes of their own: symbolic work holds the interpreter's lock, so threads would not help.

A worker is a fresh interpreter that calls `work`: unlike those of `multiprocessing` it never imports the main program, so a
script or notebook needs no guard.  Tasks and results go through pipes as pickles, between these processes alone.
"""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import IO, Any

__all__ = ["Workers", "can_travel", "work"]

_LENGTH = struct.Struct("<Q")


def can_travel(task: Any) -> bool:
    """Whether another process can read `task`: functions of the main program cannot be found there."""
    try:
        return b"__main__" not in pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


class Workers:
    """Worker processes, started when they are needed and kept until `close`.

    Parameters
    ----------
    count : int
        Processes; with 1, or for tasks that cannot travel, everything runs in this process.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: list[subprocess.Popen[bytes]] = []

    def run(self, function: str, tasks: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """Call ``function(*task)`` for each task; yields (index, result) in the order of completion.

        Parameters
        ----------
        function : str
            ``'package.module:name'`` of a function of this package.
        tasks : sequence of tuple
            Arguments.

        Raises
        ------
        Exception
            What the function raised, from the first task that failed.
        """
        if self.count <= 1 or len(tasks) <= 1 or not can_travel(tasks):
            call = _find(function)
            for i, task in enumerate(tasks):
                yield i, call(*task)
            return
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, bool, Any]] = queue.SimpleQueue()
        for i in range(len(tasks)):
            todo.put(i)
        while len(self._pool) < min(self.count, len(tasks)):
            self._pool.append(_start())
        finished = False
        try:
            for p in self._pool:
                threading.Thread(target=_feed, args=(p, function, tasks, todo, done), daemon=True).start()
            for _ in tasks:
                i, good, value = done.get()
                if not good:
                    raise value
                yield i, value
            finished = True
        finally:
            if not finished:  # some are still at work on what nobody waits for
                self.close()

    def close(self) -> None:
        """End the processes."""
        for p in self._pool:
            p.kill()
            p.wait()
        self._pool = []


def _start() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    environment["SYMDYN_NUM_THREADS"] = "1"
    command = [sys.executable, "-c", "from symdyn.studies._pool import work; work()"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _feed(process: subprocess.Popen[bytes], function: str, tasks: Sequence, todo: Any, done: Any) -> None:
    """Give one worker tasks until none is left."""
    assert process.stdin is not None
    assert process.stdout is not None
    i = -1
    try:
        while True:
            i = todo.get_nowait()
            _send(process.stdin, (function, tasks[i]))
            done.put((i, *_receive(process.stdout)))
    except queue.Empty:
        return
    except (OSError, EOFError):
        error = RuntimeError(f"a worker process of the study ended unexpectedly (exit code {process.poll()})")
        done.put((i, False, error))


def _send(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    return pickle.loads(stream.read(_LENGTH.unpack(head)[0]))


def _find(function: str) -> Any:
    module, name = function.split(":")
    return getattr(importlib.import_module(module), name)


def work() -> None:
    """The loop of a worker: an interrupt from the keyboard is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not disturb the pipe
    while True:
        try:
            function, task = _receive(incoming)
        except EOFError:
            return
        try:
            answer = (True, _find(function)(*task))
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            answer = (False, error if can_travel(error) else RuntimeError(str(error)))
        _send(outgoing, answer)
