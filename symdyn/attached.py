"""Bases of the public classes whose methods come from modules above them; `symdyn.verbs` attaches them, and lists them.

The classes are empty here, so that a declaration knows nothing of what is derived from it.  ``attached.pyi`` beside this file
gives editors and type checkers the signatures; ``python -m tests.house.attached_stub`` writes it from the table of verbs.
"""

from __future__ import annotations

__all__ = [
    "AutomatonVerbs",
    "ColonyVerbs",
    "DiffusionRecoveryVerbs",
    "DiffusionVerbs",
    "ElementVerbs",
    "FieldRecoveryVerbs",
    "FieldVerbs",
    "FitVerbs",
    "FlowVerbs",
    "FullVerbs",
    "GridVerbs",
    "LearnedVerbs",
    "MapVerbs",
    "MasterVerbs",
    "MatrixVerbs",
    "ModeVerbs",
    "NetworkVerbs",
    "PropensityRecoveryVerbs",
    "RecoveryVerbs",
    "ReducedVerbs",
]


class FitVerbs:
    """Methods of a `Fit`: profiles, the bootstrap, predictions and figures.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data)
    >>> fit.predict([0, 20]).x.round(3).values.tolist()
    [3.012, 0.0]
    """


class FlowVerbs:
    """Methods derived from an `ODESystem`: moment equations and export.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x")
    >>> isinstance(decay, FlowVerbs)
    True
    >>> print(decay.moments(2))
    E[x]' = -E[x]*k
    E[x^2]' = -2*E[x^2]*k
    """


class MapVerbs:
    """Methods derived from a `DiscreteSystem`: the differential equation that it follows.

    Examples
    --------
    >>> import symdyn as sd
    >>> steps = sd.DiscreteSystem.from_text("x[t+1] = x - h*x")
    >>> isinstance(steps, MapVerbs)
    True
    >>> print(steps.modified_equation(order=1))
    x' = -h*x/2 - x
    """


class DiffusionVerbs:
    """Methods derived from an `SDESystem`: moment equations.

    Examples
    --------
    >>> import symdyn as sd
    >>> process = sd.SDESystem.from_text("dx = -k*x*dt + s*dW")  # Ornstein-Uhlenbeck: Var' = -2 k Var + s^2
    >>> print(process.moments(2, central=True))
    E[x]' = -E[x]*k
    M[x^2]' = -2*M[x^2]*k + s**2
    """


class NetworkVerbs:
    """Methods derived from a `ReactionNetwork`: rate equations, approximations, moments, structure and composition.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d")
    >>> print(net.rate_equations())
    X' = -X*d + k
    >>> net.deficiency
    0
    """


class MatrixVerbs:
    """Methods derived from a `MatrixModel`: its demography.

    Results are exact, sympy numbers in object arrays, where the numbers of the model are and a closed form of degree two or
    less exists; formulas, where parameters have no values and the model has one or two stages; floats otherwise.  Those of a
    density-dependent model hold at low density; ``model.at(numbers)`` is the linear model at other numbers.

    Examples
    --------
    >>> import symdyn as sd
    >>> rabbits = sd.leslie.from_matrix([[0, 1], [1, 1]])  # Fibonacci: the golden ratio
    >>> rabbits.growth_factor
    1/2 + sqrt(5)/2
    """


class FieldVerbs:
    """Methods derived from a `PDESystem`: discretisation and simulation.

    Examples
    --------
    >>> import symdyn as sd
    >>> heat = sd.PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1))
    >>> heat.discretize(50, order=4).spacing
    (0.02,)
    """


class AutomatonVerbs:
    """What is derived from an `Automaton`: its Markov chain, closures, wave functions, and its simulation."""


class GridVerbs:
    """What is derived from a `PDESystem` on a grid."""


class ElementVerbs:
    """What is derived from a `PDESystem` on finite elements."""


class ColonyVerbs:
    """What is derived from a `BulkCellSystem`."""


class MasterVerbs:
    """Solutions of a `MasterEquation`."""


class FullVerbs:
    """What is done with a `FullBulkCells`."""


class ReducedVerbs:
    """What is derived from a `ReducedCells`."""


class ModeVerbs:
    """What is estimated by a `ReducedSystem`."""


class LearnedVerbs:
    """What is drawn of a `Learned` system."""


class RecoveryVerbs:
    """What is drawn, predicted, written and read of a `Recovery`."""


class DiffusionRecoveryVerbs:
    """What is drawn otherwise of a `DiffusionRecovery`."""


class FieldRecoveryVerbs:
    """What is drawn and scored otherwise of a `FieldRecovery`."""


class PropensityRecoveryVerbs:
    """What is drawn otherwise of a `PropensityRecovery`."""
