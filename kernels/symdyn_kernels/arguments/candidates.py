"""Arguments of the functions that fit and compare candidates; `symdyn_kernels.candidates` says what tables and models mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symdyn_kernels.arguments.parts import Control, Frames, IntegerRows, Integers, Numbers, Rows

__all__ = ["ArrowEquations", "CandidateModel", "FitArguments", "Integration", "Pair", "Points", "SensitivitySums", "Table"]


class Table(NamedTuple):
    """Terms of d states.

    Attributes
    ----------
    exponents : (T, d) int64
        E.
    functions : (T, 2) int64
        TY.
    weights, offsets : (T, 2, d), (T, 2) float64
        W and B.
    powers : (T, 2) int64
        M.
    """

    exponents: IntegerRows
    functions: IntegerRows
    weights: Frames
    offsets: Rows
    powers: IntegerRows


class CandidateModel(NamedTuple):
    """A table of K terms with the equation of each, (K,), and the places (Q, 4) of its inner constants."""

    equations: Integers
    constants: IntegerRows
    table: Table


class Points(NamedTuple):
    """Data: times (n,), values and weights (n, d); a weight of zero means that nothing was measured."""

    times: Numbers
    values: Rows
    weights: Rows


class Pair(NamedTuple):
    """An explicit Runge-Kutta pair whose last stage, of s, is the derivative at the new point.

    Attributes
    ----------
    a : (s, s) float64
        Coefficients of the stages; those of the last are the weights of the solution.
    error : (s,) float64
        Weights of the error estimate.
    dense : (s, m) float64
        Coefficients of the interpolant: of theta, theta**2, ...
    """

    a: Rows
    error: Numbers
    dense: Rows


class Integration(NamedTuple):
    """How candidates are integrated.

    Attributes
    ----------
    pair, control : Pair, Control
    atol : (d,) float64
        Error of a step that is allowed each state.
    rtol : float
        The same relative to the state.
    largest : float
        Size of a state that ends a run.
    attempts : float
        Attempted steps over all windows that end it.
    """

    pair: Pair
    control: Control
    atol: Numbers
    rtol: float
    largest: float
    attempts: float

    def scaled(self, share: float, attempts: float = 1.0) -> Integration:
        """The same with tolerances of this share, and so many times the attempts.

        Parameters
        ----------
        share, attempts : float

        Returns
        -------
        Integration

        Examples
        --------
        >>> pair = Pair(np.zeros((2, 2)), np.zeros(2), np.zeros((2, 1)))
        >>> made = Integration(pair, Control(-0.5, 0.0, 0.0, -0.5, 0.9, 0.2, 5.0), np.array([1e-3]), 1e-4, 50.0, 4000.0)
        >>> made.scaled(0.01, attempts=10).attempts
        40000.0
        """
        return self._replace(atol=share * self.atol, rtol=share * self.rtol, attempts=attempts * self.attempts)


class ArrowEquations(NamedTuple):
    """Normal equations of p parameters and d initial values of each of v windows.

    Attributes
    ----------
    parameters : (p, p) float64
        The matrix of the parameters; `gradient`, (p,), belongs to it.
    gradient : (p,) float64
    mixed : (v, p, d) float64
    starts, start_gradient : (v, d, d), (v, d) float64
        The matrix of the initial values of each window, and its gradient.
    """

    parameters: Rows
    gradient: Numbers
    mixed: Frames
    starts: Frames
    start_gradient: Rows

    @classmethod
    def empty(cls, p: int, d: int, windows: int) -> ArrowEquations:
        """Zeros.

        Parameters
        ----------
        p, d, windows : int

        Returns
        -------
        ArrowEquations

        Examples
        --------
        >>> ArrowEquations.empty(3, 2, windows=5).mixed.shape
        (5, 3, 2)
        """
        return cls(np.zeros((p, p)), np.zeros(p), np.zeros((windows, p, d)), np.zeros((windows, d, d)), np.zeros((windows, d)))


class SensitivitySums(NamedTuple):
    """Products of P sensitivities, summed over the points of the data.

    Attributes
    ----------
    products : (q, P) float64
        Of the first q sensitivities with all.
    gradient : (P,) float64
        With the residuals.
    diagonal : (P,) float64
        Squares; of size 0 where they are not wanted.
    """

    products: Rows
    gradient: Numbers
    diagonal: Numbers

    @classmethod
    def empty(cls, rows: int, columns: int) -> SensitivitySums:
        """Zeros, the squares included.

        Parameters
        ----------
        rows, columns : int

        Returns
        -------
        SensitivitySums

        Examples
        --------
        >>> SensitivitySums.empty(2, 5).products.shape
        (2, 5)
        """
        return cls(np.zeros((rows, columns)), np.zeros(columns), np.zeros(columns))


class FitArguments(NamedTuple):
    """Arguments of ``candidates.entries.fit``.

    Attributes
    ----------
    points, integration, model, library :
        As their classes describe.  A fit has a library without terms; the tables of the model are written to.
    cut : (v, 2) int64
        First point of each window, and the one after its last.
    theta, starts : (K + Q,), (v, d) float64
        Parameters and initial values; those of a fit are replaced.
    settings : (4,) float64
        Of a fit: most iterations; the fall of the sum of squares, and its fall relative to it, below both of which the fit
        ends; and a sum of squares above which a fit that converges slowly is abandoned.  Of a sweep of the library: -1 first.
    arrow : ArrowEquations
        Filled by a fit.
    sums : SensitivitySums
        Filled by a sweep, see `candidates.sweeping.sweep`.
    rss : (d,) float64
        Filled: sums of squares.
    run : (n, d) float64
        Filled: the states at the times of the data.
    info : (4,) int64
        Filled: 1 if the first run succeeded, iterations, runs, attempted steps.
    """

    points: Points
    integration: Integration
    model: CandidateModel
    library: Table
    cut: IntegerRows
    theta: Numbers
    starts: Rows
    settings: Numbers
    arrow: ArrowEquations
    sums: SensitivitySums
    rss: Numbers
    run: Rows
    info: Integers
