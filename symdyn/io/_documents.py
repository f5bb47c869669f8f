"""SBML and Antimony through libsbml and libantimony; run as a file, a process that reads texts for another one.

libsbml and libantimony are written in C++: a text of strangers may end the process that reads it, or take all of its time and
memory.  `symdyn.io._reading` has it read in a process of its own first.  This module imports nothing of symdyn.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

try:
    import resource
except ModuleNotFoundError:  # not a Unix system: time alone is bounded
    resource = None  # type: ignore[assignment]

__all__ = ["prepared", "translated"]

#: Packages that are read: submodels, and the formulas of level 3 version 2, which libsbml lists as a package.
READ = ("comp", "l3v2extendedmath")
#: Characters of a message of libsbml or libantimony.
LONGEST = 400


def prepared(text: str, path: Path | None = None) -> Any:
    """The document of libsbml of an SBML text, which lies at a path; level 1 as level 2, submodels written out.

    Raises
    ------
    ValueError
        If it is not valid, or needs what is not read.
    """
    import libsbml as sbml

    document = sbml.readSBMLFromString(text)
    _refuse_errors(document, sbml)
    if document.getModel() is None:
        raise ValueError("the text holds no model")
    if document.getLevel() == 1 and not document.setLevelAndVersion(2, 4, False):
        _refuse_errors(document, sbml)
        raise ValueError("the model is of SBML level 1 and cannot be converted to level 2")
    # packages belong to level 3; libsbml lists some for level 2 too
    plugins = range(document.getNumPlugins() if document.getLevel() > 2 else 0)
    packages = [document.getPlugin(i).getPackageName() for i in plugins]
    if "comp" in packages:
        _flatten(document, path, sbml)
    needed = [n for n in packages if n not in READ and document.getPackageRequired(n)]
    if needed or document.getNumUnknownPackages():
        raise ValueError(f"the model needs packages of SBML that are not read: {', '.join(needed) or 'unknown ones'}")
    if "fbc" in packages and not any(r.isSetKineticLaw() for r in document.getModel().getListOfReactions()):
        raise ValueError("the model is one of flux balance (package fbc): its reactions have no rates, so that nothing changes")
    return document


def _refuse_errors(document: Any, sbml: Any) -> None:
    for i in range(document.getNumErrors()):
        error = document.getError(i)
        if error.getSeverity() >= sbml.LIBSBML_SEV_ERROR:
            raise ValueError(f"line {error.getLine()}: {' '.join(error.getMessage().split())[:LONGEST]}")


def _flatten(document: Any, path: Path | None, sbml: Any) -> None:
    """Write out the submodels of a hierarchical model; models in other files are read from its own folder alone."""
    waiting, known = [document], set[str]()
    while waiting:
        external = waiting.pop().getPlugin("comp").getListOfExternalModelDefinitions()
        for source in sorted({external.get(i).getSource() for i in range(external.size())} - known):
            known.add(source)
            if path is None or source != Path(source).name or not (path.parent / source).is_file():
                raise ValueError(f"the model needs the model of {source!r}, which is no file in the folder of its own file")
            other = sbml.readSBMLFromFile(str(path.parent / source))
            if other.getPlugin("comp") is not None:
                waiting.append(other)
    if path is not None:
        document.setLocationURI(path.resolve().as_uri())
    wanted = sbml.ConversionProperties()
    wanted.addOption("flatten comp", True)
    wanted.addOption("performValidation", False)
    if document.convert(wanted) != sbml.LIBSBML_OPERATION_SUCCESS:
        said = [" ".join(document.getError(i).getMessage().split()) for i in range(document.getNumErrors())]
        why = next((message for message in reversed(said) if message), "it does not say why")
        raise ValueError(f"the submodels cannot be written out by libsbml: {why[-LONGEST:]}")


def translated(text: str) -> str:
    """The SBML text of the main model of an Antimony text.

    Raises
    ------
    ValueError
        As libantimony says it.
    """
    import antimony

    antimony.clearPreviousLoads()
    with _no_files():
        if antimony.loadAntimonyString(text) < 0:
            raise ValueError(antimony.getLastError())
        found = antimony.getSBMLString(antimony.getMainModuleName())
    if not found:
        raise ValueError(antimony.getLastError() or "libantimony finds no model in it")
    return found


@contextmanager
def _no_files() -> Iterator[None]:
    """No file can be opened inside."""
    if resource is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _limit(memory: int) -> None:
    """Bound the address space; what the system allows at most stays as it is."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        with suppress(ValueError, OSError):  # a system without this limit
            resource.setrlimit(resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))


def _answer(request: dict[str, Any], text: str) -> str:
    _limit(request["memory"])
    if request["format"] == "Antimony":
        return translated(text)
    prepared(text, Path(request["path"]) if request["path"] else None)
    return ""


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the other process ends: each way a line of JSON, and a text of as many bytes as it says."""
    while line := requests.readline():
        request = json.loads(line)
        text = requests.read(request["size"]).decode()
        outcome = "read"
        if hasattr(signal, "alarm"):  # should the other process be gone, which bounds the time
            signal.alarm(request["alarm"])
        try:
            answer = _answer(request, text)
        except ModuleNotFoundError as error:
            outcome, answer = "missing", error.name or ""
        except (MemoryError, ImportError):  # a shared object that is there and cannot be mapped lacks memory, too
            outcome, answer = "memory", ""
        except ValueError as error:
            outcome, answer = "refused", str(error)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOMEM:  # a folder of modules that cannot be listed
                outcome, answer = "memory", ""
            else:
                outcome, answer = "failed", f"{type(error).__name__}: {error}"
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        data = answer.encode(errors="replace")
        answers.write(json.dumps({"outcome": outcome, "size": len(data)}).encode() + b"\n" + data)
        answers.flush()


def _main() -> None:
    sys.path += sys.argv[1:]
    sys.modules["symdyn"] = None  # type: ignore[assignment]  # a library's namesake that imports symdyn reads nothing again
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the other process, which ends this one
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)  # what the libraries print is no answer
    os.dup2(silent, 2)
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
