"""Regressors: from samples to formulas, one file each; scikit-learn estimators."""

from symdyn.discover.regressors.registry import REGRESSORS

REGRESSORS.filled_by(__name__)
