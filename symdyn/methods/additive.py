"""Additive Runge-Kutta methods as data: an explicit and a diagonally implicit one that share abscissae and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.methods._fields import unmet_fields
from symdyn.methods.controllers import PI_CONTROL, PID
from symdyn.methods.options import MethodOptions
from symdyn.system import System

__all__ = ["AdditiveRungeKutta", "lower_triangle"]


@dataclass(frozen=True, eq=False)
class AdditiveRungeKutta:
    r"""A pair of Runge-Kutta methods for :math:`\dot y = L y + N(y, t)`, implicit for L and explicit for N.

    .. math:: Y_i = y + h \sum_{j \le i} \hat a_{ij} L Y_j + h \sum_{j < i} a_{ij} N(Y_j, t + c_j h), \qquad
              y' = y + h \sum_i b_i (L Y_i + N_i)

    The weights of both parts are the last row of `implicit`, so the last stage is nearly the new solution.

    Attributes
    ----------
    name : str
    order : int
    error_order : int
        Of the embedded solution: the error estimate behaves like ``h**(error_order + 1)``.
    explicit, implicit : (s, s) arrays
        ``a`` and ``\hat a``; the diagonal of the latter is constant after the first stage, which is explicit.
    embedded : (s,) array
        Weights of the embedded solution.
    reference : str
    options : type
        Of the method, a subclass of `MethodOptions`.
    controller : PID
        Of the step size, where the options of the method name no other one.

    References
    ----------
    Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181.

    Examples
    --------
    >>> import symdyn as sd
    >>> scheme = sd.METHODS["imex"]
    >>> scheme.order, scheme.diagonal, float(scheme.weights.sum().round(12))
    (4, 0.25, 1.0)
    """

    name: str
    order: int
    error_order: int
    explicit: np.ndarray
    implicit: np.ndarray
    embedded: np.ndarray
    reference: str
    options: type[MethodOptions]
    controller: PID = PI_CONTROL

    @property
    def weights(self) -> np.ndarray:
        """Those of both parts, (s,)."""
        return self.implicit[-1]

    @property
    def diagonal(self) -> float:
        """The coefficient with which every stage but the first is implicit."""
        return float(self.implicit[-1, -1])

    @property
    def nodes(self) -> np.ndarray:
        """Abscissae of the stages, (s,)."""
        return self.explicit.sum(axis=1)

    def applies(self, system: System) -> str | None:
        """None if the method can be used, else the reason why not.

        Parameters
        ----------
        system : System

        Returns
        -------
        str or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["imex"].applies(sd.PDESystem.example())
        >>> sd.METHODS["imex"].applies(sd.ODESystem.from_text("x' = -x"))
        'it takes systems of fields; this ODESystem has rates of change'
        """
        return unmet_fields(system)


def lower_triangle(rows: Sequence[Sequence[float]]) -> np.ndarray:
    """The rows of a tableau after the first, which is zero, as a matrix.

    Parameters
    ----------
    rows : sequence of sequence of float
        Row k has k entries, or k + 1 with that of the diagonal.

    Returns
    -------
    (s, s) array

    Examples
    --------
    >>> lower_triangle([[0.5], [0.0, 1.0]])
    array([[0. , 0. , 0. ],
           [0.5, 0. , 0. ],
           [0. , 1. , 0. ]])
    """
    matrix = np.zeros((len(rows) + 1,) * 2)
    for k, row in enumerate(rows, 1):
        matrix[k, : len(row)] = row
    return matrix
