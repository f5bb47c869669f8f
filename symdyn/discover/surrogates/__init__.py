"""Surrogates: smooth models of states and unknown terms, one file each."""

from symdyn.discover.surrogates.registry import FIELD_SURROGATES, SCORE_SURROGATES, SURROGATES

SURROGATES.filled_by(__name__)
FIELD_SURROGATES.filled_by(__name__)
SCORE_SURROGATES.filled_by(__name__)
