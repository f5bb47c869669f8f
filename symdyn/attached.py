"""Bases of the public classes whose methods come from modules above them; `symdyn.verbs` attaches them, and lists them.

The classes are empty here, so that a declaration knows nothing of what is derived from it.  ``attached.pyi`` beside this file
gives editors and type checkers the signatures; ``python -m tests.house.attached_stub`` writes it from the table of verbs.
"""

from __future__ import annotations

__all__ = [
    "ColonyVerbs",
    "DiffusionRecoveryVerbs",
    "DiffusionVerbs",
    "FieldRecoveryVerbs",
    "FieldVerbs",
    "FlowVerbs",
    "FullVerbs",
    "GridVerbs",
    "MasterVerbs",
    "MatrixVerbs",
    "NetworkVerbs",
    "PropensityRecoveryVerbs",
    "RecoveryVerbs",
    "ReducedVerbs",
]


class FlowVerbs:
    """What is derived from an `ODESystem`."""


class DiffusionVerbs:
    """What is derived from an `SDESystem`."""


class NetworkVerbs:
    """What is derived from a `ReactionNetwork`."""


class MatrixVerbs:
    """What is derived from a `MatrixModel`: its demography.

    Results are exact, sympy numbers in object arrays, where the numbers of the model are and a closed form of degree two or
    less exists; formulas, where parameters have no values and the model has one or two stages; floats otherwise.  Those of a
    density-dependent model hold at low density; ``model.at(numbers)`` is the linear model at other numbers.
    """


class FieldVerbs:
    """What is derived from a `PDESystem`."""


class GridVerbs:
    """What is derived from a `PDESystem` on a grid."""


class ColonyVerbs:
    """What is derived from a `BulkCellSystem`."""


class MasterVerbs:
    """Solutions of a `MasterEquation`."""


class FullVerbs:
    """What is done with a `FullBulkCells`."""


class ReducedVerbs:
    """What is derived from a `ReducedCells`."""


class RecoveryVerbs:
    """What is drawn and written of a `Recovery`."""


class DiffusionRecoveryVerbs:
    """What is drawn otherwise of a `DiffusionRecovery`."""


class FieldRecoveryVerbs:
    """What is drawn otherwise of a `FieldRecovery`."""


class PropensityRecoveryVerbs:
    """What is drawn otherwise of a `PropensityRecovery`."""
