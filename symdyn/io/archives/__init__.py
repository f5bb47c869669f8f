"""COMBINE archives: models in SBML with simulation experiments in SED-ML."""

__all__: list[str] = []
