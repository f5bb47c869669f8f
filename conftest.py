"""Imports symdyn before modules are collected one by one for their doctests, and closes the figures of each."""

import sys

import pytest

import symdyn  # noqa: F401


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
