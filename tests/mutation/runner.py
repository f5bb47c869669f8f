"""Runs tests on mutants, without a change of any file.

All tests are collected once.  For a mutant of a function the process is copied (fork), the code of the function is exchanged
and the tests that call it are run, fastest first, until one fails.  Mutants of statements of a module or a class, and of
modules that numba compiles, are imported anew in a copy of a process in which only other packages have been imported.  Machine
code of models is compiled again for every mutant; that of drivers, which are made from files, comes from the cache.
"""

from __future__ import annotations

import ast
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import IO, Any

import pytest

from tests.mutation.mutants import Mutant, mutated
from tests.mutation.packages import ROOT, Package

__all__ = ["KILLED", "SURVIVED", "TIMEOUT", "Runner"]

KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"
#: Bytes of memory of a process with a mutant.
MEMORY = 12 << 30
#: What a test calls: the file and the qualified name of each function.
Calls = set[tuple[str, str]]


class _Reporter:
    """A plugin that reports the first test that fails, and runs what it is given in place of the loop over tests."""

    def __init__(self, loop: Callable[[pytest.Session], Any] | None = None, order: list[str] | None = None) -> None:
        self.loop, self.order, self.failed = loop, order, ""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Put the finder first: pytest has one of its own for the files that are named on the command line."""
        sys.meta_path.sort(key=lambda finder: not isinstance(finder, _Finder))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.order is not None:
            place = {name: k for k, name in enumerate(self.order)}
            items[:] = sorted((i for i in items if i.nodeid in place), key=lambda i: place[i.nodeid])

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self.loop is None:
            return None
        self.loop(session)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def in_a_copy(work: Callable[[], Any], seconds: float, *, changed: bool = True) -> Any:
    """What `work` returns in a copy of this process; TIMEOUT beyond so many seconds of the processor, or ten times as many.

    Where the code is `changed` the copy has a cache of its own, with the drivers that are compiled.
    """
    folder = Path(tempfile.mkdtemp(prefix="symdyn-mutation-"))
    out = folder / "out"
    child = os.fork()
    if child == 0:
        try:
            _isolate(folder, seconds, changed)
            out.write_bytes(pickle.dumps(work()))
        finally:
            os._exit(0)
    end = time.monotonic() + 10 * seconds
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
            break
        time.sleep(0.01)
    late = os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) in (signal.SIGKILL, signal.SIGXCPU)
    used = out.read_bytes() if out.exists() else None
    shutil.rmtree(folder, ignore_errors=True)
    return pickle.loads(used) if used else (TIMEOUT if late else None)


def _isolate(folder: Path, seconds: float, changed: bool) -> None:
    """Give the process limits, no output, and a cache of its own."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    room = MEMORY + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()  # beside what is mapped
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tempfile.tempdir = str(folder)
    if not changed:
        return
    cache = folder / "cache"
    cache.mkdir(mode=0o700)
    known = Path(os.environ.get("SYMDYN_CACHE_DIR", "/nowhere")) / "drivers"
    if known.is_dir():
        subprocess.run(["cp", "-al", str(known), str(cache / "drivers")], check=False)
    os.environ["SYMDYN_CACHE_DIR"] = str(cache)


class _Finder(importlib.abc.MetaPathFinder):
    """Imports one module from a tree."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.name, self.path = ".".join(parts[1:] if parts[0] == "kernels" else parts), path
        self.code = compile(tree, str(path), "exec", dont_inherit=True)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        code = self.code

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return code

        return importlib.util.spec_from_file_location(name, self.path, loader=Loader(name, str(self.path)))


def _codes(code: CodeType) -> list[CodeType]:
    return [code, *(c for inner in code.co_consts if isinstance(inner, CodeType) for c in _codes(inner))]


def _exchange(mutant: Mutant, tree: ast.Module, *, try_only: bool = False) -> bool:
    """Give a function that is in memory the code of a tree; False if it is not there or cannot have it."""
    path = str(ROOT / mutant.path)
    gc.unfreeze()  # what the tests have frozen is not listed
    new = [c for c in _codes(compile(tree, path, "exec", dont_inherit=True)) if c.co_qualname == mutant.function]
    old = [
        f
        for f in gc.get_objects()
        if type(f) is FunctionType and f.__code__.co_filename == path and f.__code__.co_qualname == mutant.function
    ]
    if not old or len(new) != 1 or any(f.__code__.co_freevars != new[0].co_freevars for f in old):
        return False
    for function in () if try_only else old:
        function.__code__ = new[0]
    return True


def collect(loop: Callable[[pytest.Session], Any] | None, paths: list[str], order: list[str] | None = None) -> str:
    """Collect tests and run them, or the loop in their place; the first that failed, or why none was run."""
    reporter = _Reporter(loop, order)
    code = pytest.main(["-q", "-s", "-x", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *paths], plugins=[reporter])
    return reporter.failed or ("" if code == 0 or loop is not None else "collection")


def _first_failure(items: list[pytest.Item]) -> str:
    for item in items:
        if _fails(item):
            return item.nodeid
    return ""


def _fails(item: pytest.Item) -> bool:
    before = item.session.testsfailed
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return item.session.testsfailed > before


def _traced(item: pytest.Item) -> tuple[bool, Calls, float]:
    """Whether a test fails, what it calls, and its seconds."""
    calls: Calls = set()
    root = f"{ROOT}{os.sep}"

    def trace(frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(root):
            calls.add((code.co_filename[len(root) :], code.co_qualname))

    begin = time.process_time()
    threading.settrace(trace)
    sys.settrace(trace)
    failed = _fails(item)
    sys.settrace(None)
    return failed, calls, time.process_time() - begin


def _imported(mutant: Mutant, order: list[str]) -> str:
    """The first test that fails where the module is imported with the change."""
    tree = mutated((ROOT / mutant.path).read_text(encoding="utf-8"), mutant.number)
    sys.meta_path.insert(0, _Finder(ROOT / mutant.path, tree))
    return collect(None, sorted({name.split("::")[0] for name in order}), order)


def _outcome(failed: str | None) -> tuple[str, str]:
    if failed == TIMEOUT:
        return TIMEOUT, ""
    return (SURVIVED, "") if failed == "" else (KILLED, failed or "end of the process")


def _next(pipe: IO[bytes]) -> Any:
    try:
        return pickle.load(pipe)
    except EOFError:
        return None


class Runner:
    """Tests of a package, and what each of them calls.

    Parameters
    ----------
    package : Package
    record : Path
        File that keeps what tests call, and how long they take.
    limit, slowest : float
        Seconds of the processor that the tests of one mutant may take as long as nothing is changed, and a single test.
    """

    def __init__(self, package: Package, record: Path, limit: float, slowest: float) -> None:
        self.package, self.record, self.limit, self.slowest = package, record, limit, slowest
        self.paths = [p for p in package.tests if (ROOT / p).exists()]
        self.paths += [str(p.relative_to(ROOT)) for p in package.files() if p.is_relative_to(ROOT / "symdyn")]
        known = pickle.loads(record.read_bytes()) if record.exists() else {}
        self.calls: dict[str, Calls] = known.get("calls", {})
        self.seconds: dict[str, float] = known.get("seconds", {})
        self.names: list[str] = []

    def run(self, mutants: list[Mutant], report: Callable[[Mutant, str, str, int], None], until: float) -> bool:
        """Report the outcome, the test that failed and the number of tests of each mutant; False if the time was over."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            try:
                with os.fdopen(write, "wb") as pipe:
                    collect(lambda session: self._collected(session, mutants, pipe, until), self.paths)
            finally:
                os._exit(0)
        os.close(write)
        waiting: list[Mutant] = []
        with os.fdopen(read, "rb") as pipe:
            while (message := _next(pipe)) is not None:
                if message[0] == "record":
                    _, self.names, self.calls, self.seconds = message
                elif message[0] == "wait":
                    waiting.append(message[1])
                elif message[0] == "outcome":
                    report(*message[1:])
        os.waitpid(child, 0)
        for mutant in waiting:
            if time.time() > until:
                return False
            order = self.order(mutant)
            failed = in_a_copy(lambda m=mutant, o=order: _imported(m, o), self._time(order))
            report(mutant, *_outcome(failed), len(order))
        return time.time() <= until

    def _collected(self, session: pytest.Session, mutants: list[Mutant], pipe: IO[bytes], until: float) -> None:
        """What is done in the process that has collected the tests."""
        items = {i.nodeid: i for i in session.items}
        for name, item in items.items():
            if name in self.calls:
                continue
            if time.time() > until:
                return
            found = in_a_copy(lambda i=item: _traced(i), self.slowest, changed=False)
            if found == TIMEOUT:
                print(f"left out, as it is slow: {name}", flush=True)
                found = False, set(), float("inf")
            elif found is None or found[0]:
                print(f"left out, as it fails: {name}", flush=True)
                continue
            _, self.calls[name], self.seconds[name] = found
            self.record.write_bytes(pickle.dumps({"calls": self.calls, "seconds": self.seconds}))
        self.names = [n for n in items if self.seconds.get(n, float("inf")) < float("inf")]
        pickle.dump(("record", self.names, self.calls, self.seconds), pipe)
        for mutant in mutants:
            tree = mutated((ROOT / mutant.path).read_text(encoding="utf-8"), mutant.number)
            if self.package.compiled or not mutant.function or not _exchange(mutant, tree, try_only=True):
                pickle.dump(("wait", mutant), pipe)
                continue
            if time.time() > until:
                return
            order = self.order(mutant)
            failed = in_a_copy(
                lambda m=mutant, t=tree, o=order: _exchange(m, t) and _first_failure([items[n] for n in o]), self._time(order)
            )
            pickle.dump(("outcome", mutant, *_outcome(failed), len(order)), pipe)
            pipe.flush()

    # ---- what tests call ---------------------------------------------------------------------------

    def order(self, mutant: Mutant) -> list[str]:
        """Tests that call the function, any function of its module if it is none, or else all; fastest first.

        Of compiled modules these are all tests, and those that are known to call the function come first; of a statement of a
        module those that have the name of the module in their own.
        """
        module = Path(mutant.path).stem
        direct = {n for n in self.names if (mutant.path, mutant.function) in self.calls[n]}
        called = [n for n in self.names if n in direct]
        if not called or not mutant.function:
            called = [n for n in self.names if module in n or any(path == mutant.path for path, _ in self.calls[n])]
        if not called or self.package.compiled:
            called = list(self.names)
        called.sort(key=lambda n: (n not in direct, not mutant.function and module not in n, self.seconds[n]))
        total, kept = 0.0, []
        for name in called:
            total += self.seconds[name]
            if total > self.limit and kept:
                break
            kept.append(name)
        return kept

    def _time(self, order: list[str]) -> float:
        return 30 + 5 * sum(self.seconds[n] for n in order)
