"""Numerical methods as data, one file each."""

from symdyn.methods.registry import METHODS

METHODS.filled_by(__name__)
