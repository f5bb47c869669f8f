"""Regressors: from samples to formulas, one file each; scikit-learn estimators."""
