"""The simulated card for the tests of samplers."""

from tests.cuda.conftest import simulated

__all__ = ["simulated"]
