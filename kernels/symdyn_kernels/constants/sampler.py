"""Constants of samplers."""

from __future__ import annotations

#: Vectors of states and evaluations that are in memory at once, at most.
SLOTS = 16
#: Entries of a row of the table for cards: slots of state and evaluation, output time, number of terms; then numbers that
#: depend on time alone, shifts, spreads, and terms.
STATE, VALUE, OUTPUT, TERMS, FIRST = range(5)
