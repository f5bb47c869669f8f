"""A process that feeds readers with mutated inputs and counts what comes of it; a crash leaves its input in a file."""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import itertools
import json
import mmap
import os
import random
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import symdyn.io
from symdyn.errors import SymdynError
from symdyn.io.rules.pysb_values import TREE
from tests.fuzz.mutation import LONGEST, mutated
from tests.fuzz.targets import TARGETS, TOKENS, Target

__all__ = ["main", "tried"]

#: An input may take so many seconds of the processor, and so many bytes of memory beyond those of the imports.
SECONDS, MEMORY = 2.0, 1_000_000_000
#: The parameter of glibc's malloc that limits its arenas.
ARENAS = -8
#: Exit code of a process that no error ends.
HUNG = 86
#: Inputs that were read from which new ones are made, as many as from those that were refused in a way of their own.
MOST_VALID = 200
#: What nobody's text may lead to.
FORBIDDEN = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect", "shutil.rmtree")
#: The process in which libsbml and libantimony read: it may be started.
READER = [sys.executable, "-P", "-S", str(Path(symdyn.io.__file__).with_name("_documents.py"))]


class Hang(BaseException):
    """An input took longer than `SECONDS`."""


class CodeRan(BaseException):
    """Text of an input was compiled or executed."""


_watched = False


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and arguments[1][: len(READER)] == READER:
        return
    if not _watched:
        return
    # a tree of Python's grammar is made by `compile`, too; then nothing of that name may be executed
    compiled = event == "compile" and arguments[1] != TREE and b"CANARY" in _bytes(arguments[0])
    executed = event == "exec" and getattr(arguments[0], "co_filename", None) == TREE
    if event in FORBIDDEN or compiled or executed:
        raise CodeRan(f"{event}{arguments!r}"[:300])


def _bytes(source: object) -> bytes:
    return source if isinstance(source, bytes) else source.encode("utf-8", "replace") if isinstance(source, str) else b""


_hangs = 0


def _hang(*_: object) -> None:
    global _hangs
    _hangs += 1
    if _hangs > 1:  # the error of the first time was swallowed, or threads go on: the present input is in its file
        os._exit(HUNG)
    raise Hang


def tried(target: Target, data: bytes) -> tuple[str, str]:
    """The kind of outcome, ``"read"``, ``"refused"`` or a failure, and where it came from."""
    global _watched, _hangs
    _watched, _hangs = True, 0
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 10 * SECONDS)
    try:
        target.read(data)
        return "read", ""
    except SymdynError as error:
        return "refused", re.sub(r"\d+|'[^']*'", "", str(error))[:60]
    except Hang:
        return "hang", _place()
    except CodeRan as error:
        return "code", str(error)
    except MemoryError:
        return "memory", _place()
    except Exception as error:
        return "crash", f"{type(error).__name__} at {_place()}: {str(error)[:100]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _watched = False


def _place() -> str:
    """The innermost lines of symdyn and of all in the traceback."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    own = [f for f in frames if "symdyn" in f.filename] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def main() -> None:
    """Run until the time or the number of inputs is over; a line of JSON at the end, by reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--executions", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--current", type=Path, required=True, help="file that has the present input")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.addaudithook(_audit)
    signal.signal(signal.SIGPROF, _hang)
    ctypes.CDLL(None).mallopt(ARENAS, 2)  # each thread would take address space of its own, which is limited here
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    given.current.write_bytes(bytes(LONGEST + 8))
    with given.current.open("r+b") as file:
        current = mmap.mmap(file.fileno(), 0)
    found = {name: _fuzzed(name, given, current) for name in given.targets}
    print(json.dumps(found))


def _fuzzed(name: str, given: argparse.Namespace, current: mmap.mmap) -> dict[str, Any]:
    """What became of the inputs of a reader."""
    target, rng = TARGETS[name](), random.Random(f"{name} {given.seed}")
    pool, known, valid = list(target.seeds), set(), list(target.seeds)
    counts: dict[str, int] = {}
    failures: dict[str, dict[str, str]] = {}
    for data in target.seeds:
        kind, where = tried(target, data)
        assert kind in ("read", "refused"), f"a seed of {name}: {kind} {where}"
    end = time.monotonic() + given.seconds
    for _ in itertools.takewhile(lambda _: time.monotonic() < end, range(given.executions)):
        data = mutated(rng.choice(valid if rng.random() < 0.5 else pool), pool, TOKENS, rng)
        current[:8], current[8 : 8 + len(data)] = len(data).to_bytes(8, "little"), data
        kind, where = tried(target, data)
        counts[kind] = counts.get(kind, 0) + 1
        if kind not in ("read", "refused"):
            failures.setdefault(f"{kind} {where}", {"input": data.hex(), "digest": hashlib.sha256(data).hexdigest()[:12]})
        elif (kind, where) not in known and len(pool) < 2000 and len(data) < 5000:  # it went where none went before
            known.add((kind, where))
            pool.append(data)
        if kind == "read" and len(data) < 5000:
            valid.append(data)
            if len(valid) > MOST_VALID:  # the seeds stay
                del valid[rng.randrange(len(target.seeds), len(valid))]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"counts": counts, "failures": failures, "answers": len(known), "peak_kb": peak}


if __name__ == "__main__":
    main()
