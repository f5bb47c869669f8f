"""Arguments about algebraic equations, and about constraints that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symdyn_kernels.arguments.parts import Integers, Numbers, Rows, Tolerances

__all__ = ["ConsistentArguments", "ConstraintTables"]


class ConstraintTables(NamedTuple):
    """The algebraic equations of a model, which determine some of its states, and constraints on the others.

    Attributes
    ----------
    function : int
        Address of a lane function of time, states and parameters: the residuals of the algebraic equations, those of the
        constraints, then entries of their Jacobians; 0 where there are none.
    unknowns : (a,) int64
        The states that the algebraic equations determine.
    others : (d,) int64
        The other states, which constraints are about.
    free : (d,) int64
        Whether constraints may change the initial value of each of these.
    constraints : int
        Their number m.
    rows, columns : (e,) int64
        Places of the entries: of an algebraic equation (a row below a) and one of the unknowns, or of a constraint (a row from
        a on) and one of the other states.

    Examples
    --------
    >>> ConstraintTables.none().function
    0
    """

    function: int
    unknowns: Integers
    others: Integers
    free: Integers
    constraints: int
    rows: Integers
    columns: Integers

    @classmethod
    def none(cls) -> ConstraintTables:
        """Those of a model without algebraic equations.

        Returns
        -------
        ConstraintTables

        Examples
        --------
        >>> ConstraintTables.none().unknowns.size
        0
        """
        empty = np.empty(0, np.int64)
        return cls(0, empty, empty, empty, 0, empty, empty)


class ConsistentArguments(NamedTuple):
    """Arguments of ``drivers/consistent.py``.

    Attributes
    ----------
    tables : ConstraintTables
    lanes : int
        1, 8, 16 or 32.
    parameters : (N, k) float64
    moments : (N,) float64
        The time of each trajectory.
    tolerances : Tolerances
    values : (N, n) float64
        In the beginning initial values, which become consistent, or NaN where there are none that are; later values of
        interpolants, which are refined.
    status : (N,) int64
        Filled in the beginning.
    begins : int
        Whether this is the beginning.
    """

    tables: ConstraintTables
    lanes: int
    parameters: Rows
    moments: Numbers
    tolerances: Tolerances
    values: Rows
    status: Integers
    begins: int
