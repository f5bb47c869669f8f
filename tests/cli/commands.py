"""The command line, in this process and as a script runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from symdyn.cli import app

ROOT = Path(__file__).parents[2]
DECAY = "x' = -a*x\na = 2\nx(0) = 3\nhalf := x/2\n"


def run(*args: str):
    """The command in this process."""
    return CliRunner().invoke(app, list(args), prog_name="symdyn")


def python(*args: str, check: bool = False, **options) -> subprocess.CompletedProcess:
    """Another Python with the modules of this one."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", "NO_COLOR": "1"}
    whole = [sys.executable, *args]
    return subprocess.run(whole, capture_output=True, text=True, env=environment, timeout=300, check=check, **options)


def command(*args: str, **options) -> subprocess.CompletedProcess:
    """The command as a script runs it."""
    return python("-m", "symdyn", *args, **options)


def words(text: str) -> str:
    """Text without the frames and line breaks of a terminal."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)
