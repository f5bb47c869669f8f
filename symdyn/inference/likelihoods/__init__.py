"""Likelihoods of systems with randomness, for `symdyn.fit`: one file each."""

from symdyn.inference.likelihoods.registry import LIKELIHOODS, Evaluator, FitLikelihood, LikelihoodTerms, SmoothedPath

__all__ = ["LIKELIHOODS", "Evaluator", "FitLikelihood", "LikelihoodTerms", "SmoothedPath"]

LIKELIHOODS.filled_by(__name__)
