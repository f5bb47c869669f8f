"""Likelihoods of data, and what is inferred from them: readers of data, optimisers, criteria, searches, information.

Recovery (`symdyn.discover`) and the fitting of parameters stand on it.
"""
