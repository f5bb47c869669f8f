"""Surrogates: smooth models of states and unknown terms, one file each."""
