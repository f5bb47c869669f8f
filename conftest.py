"""Imports symdyn before modules are collected one by one for their doctests, and closes the figures of each."""

import importlib
import sys
from pathlib import Path

import pytest

import symdyn  # noqa: F401
from symdyn.errors import MissingPackageError
from symdyn.optional import named

ROOT = Path(__file__).parent
#: Modules of symdyn that are not collected, with the reason.
LEFT_OUT: dict[str, str] = {}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out modules of symdyn that need an optional package which is not installed; the summary names them."""
    parts = collection_path.relative_to(ROOT).with_suffix("").parts if collection_path.is_relative_to(ROOT) else ()
    if parts[:1] != ("symdyn",) or collection_path.suffix != ".py" or parts[-1] == "__main__":
        return None
    name = ".".join(parts).removesuffix(".__init__")
    try:
        with named():
            importlib.import_module(name)
    except MissingPackageError as error:
        LEFT_OUT[name] = str(error)
        return True
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the modules that were left out."""
    for name, reason in LEFT_OUT.items():
        terminalreporter.write_line(f"not collected: {name}: {reason}")


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
