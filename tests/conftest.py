"""Shared by all tests: floating-point errors are errors, and figures are never shown."""

import gc
import os

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

# scripts that make references, and a worker that runs where Julia is; none is a module to look for doctests in
collect_ignore = ["references"]


@pytest.fixture(autouse=True)
def _strict_floats():
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        yield


def pytest_collection_finish():
    """What importing and collecting made lives as long as the process: collections of garbage need not look at it."""
    gc.collect()
    gc.freeze()
