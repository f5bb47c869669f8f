"""Shared by all tests: floating-point errors are errors, and figures are never shown."""

import os

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def _strict_floats():
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        yield
