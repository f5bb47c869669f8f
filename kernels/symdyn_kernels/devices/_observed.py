"""A stand-in for what is generated from the observables of a system: here the sum of two states."""

from __future__ import annotations


def store_observables(values, q, i, parameters, times):
    """Store the observables of trajectory `i` at output `q` after its states."""
    values[q, 2, i] = values[q, 0, i] + values[q, 1, i]
