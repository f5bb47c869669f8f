"""Termination of commands: with results, or with one clear message and a documented exit code."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from symdyn.errors import DeclarationError, ParseError, RecoveryError, SimulationError, SymdynError
from symdyn.optional import named

__all__ = ["EPILOG", "Commands", "ExitCode", "argument", "fail", "note", "quieten", "reported"]

T = TypeVar("T")

#: What a message for Python asks for, which is an option here.
SPELLED = re.compile(r"pass (parameters|initial)=\{'([^']+)': \.\.\.\}")


class ExitCode(IntEnum):
    """The exit codes of commands."""

    SUCCESS = 0
    USAGE = 2
    INPUT = 3
    FAILURE = 4
    INTERRUPTED = 130


EPILOG = (
    "Exit codes: 0 success; 2 the command was not understood; 3 the model, the data or an option cannot be used, or a "
    "file cannot be read or written; 4 some trajectories failed, nothing could be recovered, or a replay is not the same; "
    "130 interrupted."
)


def _say(message: object) -> None:
    typer.echo(f"symdyn: {message}", err=True)


def fail(message: object, code: ExitCode) -> NoReturn:
    """End with a message."""
    _say(message)
    raise SystemExit(int(code))


#: What the command line is not understood with; of click, or of its copy in typer.
UsageError: type[Any] = typer.BadParameter.__bases__[0]


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """An error of usage as one line with the command whose help has more."""
    try:
        yield
    except UsageError as error:
        if type(error).show is not UsageError.show:  # that no command was given shows the help itself
            raise
        said = " ".join(error.format_message().split()).replace(": Value error, ", ": ").rstrip(".")
        command = error.ctx.command_path if error.ctx else "symdyn"
        fail(f"{said}; see '{command} --help'", ExitCode.USAGE)


class Commands(TyperGroup):
    """The commands, with errors of usage of one line."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read what stands before the command."""
        with _usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _usage():
            return super().invoke(ctx)


def note(message: str, quiet: bool) -> None:
    """Print a message on a terminal; nothing in a pipe or a log."""
    if not quiet and sys.stderr.isatty():
        _say(message)


def _option(asked: re.Match[str]) -> str:
    """The option for what a message asks for."""
    return f"give --{'set' if asked[1] == 'parameters' else 'initial'} {asked[2]}=..."


def _shown(error: SymdynError) -> str:
    """The message; the line of a text with the mark below it only where somebody looks on, so that logs have one line."""
    return str(error).splitlines()[0] if isinstance(error, ParseError) and not sys.stderr.isatty() else str(error)


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with one clear message and an exit code in the place of each traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
            try:
                with named():
                    command(*args, **kwargs)
            except KeyboardInterrupt:
                fail("interrupted", ExitCode.INTERRUPTED)
            except SimulationError as error:
                fail(f"{error} On the command line that is --on-failure nan.", ExitCode.FAILURE)
            except RecoveryError as error:
                fail(error, ExitCode.FAILURE)
            except SymdynError as error:
                fail(SPELLED.sub(_option, _shown(error)), ExitCode.INPUT)
            except BrokenPipeError:  # the reader has closed the pipe; nothing may be flushed to it at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                fail(f"{where}{error.strerror or error}", ExitCode.INPUT)

    return run


def argument(read: Callable[[Any], T], text: Any, option: str) -> T:
    """`text` as `read` understands it; what it refuses is an error of usage."""
    try:
        return read(text)
    except (DeclarationError, ParseError) as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def quieten(quiet: bool) -> None:
    """Suppress log messages of the package on standard error if `quiet`."""
    if quiet:  # a handler of our own keeps the package from setting one up that writes to standard error
        logging.getLogger("symdyn").addHandler(logging.NullHandler())
        logging.getLogger("symdyn").setLevel(logging.WARNING)
