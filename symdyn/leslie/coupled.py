"""What coupled linear populations do: exact evolution, growth factor at weak coupling, and which species is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._values import as_array, exact, matrix_of, numeric, row_of
from symdyn.leslie.spectrum import spectrum
from symdyn.leslie.structure import primitive
from symdyn.models.matrix import MatrixModel

__all__ = [
    "GrowthFactor",
    "LastStanding",
    "complex_matrix",
    "evolution",
    "growth_factor_approximation",
    "last_standing",
    "modes",
    "prey_gone_after",
]

#: Steps after which a loser that has not come to zero is no longer followed.
MOST_STEPS = 100_000


@dataclass(frozen=True)
class LastStanding:
    """Which of two competing species is left in the end.

    Attributes
    ----------
    species : str or None
        Its name; None on the separatrix, where both go on.
    index : int or None
        0 or 1.
    margin : number
        :math:`p^T x_0 - q^T y_0`: positive where the first species is left, negative where the second.
    critical_ratio : number
        :math:`p^T x_0 / q^T y_0`: the second species, made so many times as numerous, would be on the separatrix.
    growth_factor : number
        :math:`\\lambda` of the linear model; after the loser is gone the winner grows with its own, which is not larger.
    separatrix : (n,) array
        :math:`(p, -q)`: both go on where the numbers are orthogonal to it.
    extinct_after : int or None
        The step at which a number of the loser first becomes negative in the linear model.
    """

    species: str | None
    index: int | None
    margin: Any
    critical_ratio: Any
    growth_factor: Any
    separatrix: np.ndarray
    extinct_after: int | None

    def __str__(self) -> str:
        if self.species is None:
            return "on the separatrix: both species go on"
        end = f"; the other comes to zero at step {self.extinct_after}" if self.extinct_after is not None else ""
        return f"{self.species} is left (margin {float(self.margin):.4g}){end}"


def last_standing(model: MatrixModel, initial: Any = None) -> LastStanding:
    r"""Which of two species that compete linearly is left in the end, and where the separatrix is.

    With :math:`S = \mathrm{diag}(I, -I)` the matrix :math:`S M S` is not negative.  Where it is primitive, with the Perron root
    :math:`\lambda`, right vector (u, v) and left vector (p, q),

    .. math:: \lambda^{-n} (x_n, y_n) \to c\,(u, -v), \qquad c = \frac{p^T x_0 - q^T y_0}{p^T u + q^T v}

    so that the sign of :math:`p^T x_0 - q^T y_0` decides.  The linear theorem is about unclamped numbers: the loser becomes
    negative in finite time.

    Parameters
    ----------
    model : MatrixModel
        Of two species whose effects on each other are negative, as `competition` makes it.
    initial : mapping or sequence, optional
        Numbers at the beginning; those of the model by default.

    Raises
    ------
    DeclarationError
        For three species or more, where there is no such theorem, since their signs cannot be turned at once; for effects that
        are not negative, and where the flipped matrix is not primitive.

    Examples
    --------
    >>> import symdyn as sd
    >>> A, C = [[0.5, 1.2], [0.6, 0]], [[0.4, 1.0], [0.7, 0]]
    >>> B, D = [[0.05, 0.02], [0.01, 0.03]], [[0.03, 0.02], [0.02, 0.04]]
    >>> found = sd.leslie.competition(A, B, C, D).last_standing({"x": [1, 1], "y": [1, 1]})
    >>> found.species, round(float(found.critical_ratio), 6)
    ('x', 1.872753)
    """
    names = list(model.species)
    if len(names) != 2:
        known = "two species that compete" if len(names) < 2 else "exactly two species"
        raise DeclarationError(
            f"the model has {len(names)} species ({', '.join(names)}), and the theorem holds for {known}: of three or more the "
            "signs of all effects cannot be turned at once, and who is left depends on the order of extinctions; "
            "simulate model.clamp() instead"
        )
    matrix = matrix_of(model)
    a = len(model.species[names[0]])
    sign = sp.diag(*([1] * a + [-1] * (matrix.shape[0] - a)))
    flipped = MatrixModel(sign * matrix * sign)
    if any(e.is_number and e < 0 for e in flipped.matrix):
        raise DeclarationError(
            "the theorem needs competition: vital rates that are not negative and effects on each other that are not positive; "
            "the model has entries of the other sign"
        )
    if not primitive(flipped):
        raise DeclarationError(
            "the flipped matrix is not primitive: some stage does not feel another in time, or all loops have lengths with a "
            "common divisor, and who is left then depends on more than the sign of one number"
        )
    found = spectrum(flipped)
    n0 = row_of(model, initial)
    values = found.reproductive_values
    first, second = (values[:a] * n0[:a]).sum(), (values[a:] * n0[a:]).sum()
    margin = first - second
    ratio = first / second if second != 0 else sp.oo
    tied = margin == 0 or (values.dtype != object and abs(margin) <= 1e-13 * (abs(first) + abs(second)))
    index = None if tied else int(float(margin) < 0)
    separatrix = np.concatenate([values[:a], -values[a:]])
    loser = None if index is None else slice(a, None) if index == 0 else slice(0, a)
    ended = None if loser is None else _first_negative(numeric(matrix), n0.astype(float), loser)
    return LastStanding(
        None if index is None else names[index], index, margin, ratio, found.growth_factor, separatrix, ended
    )  # fmt: skip


def _first_negative(matrix: np.ndarray, numbers: np.ndarray, part: slice) -> int | None:
    """The first step at which a number of some stages is negative."""
    for step in range(MOST_STEPS):
        if (numbers[part] < 0).any():
            return step
        numbers = matrix @ numbers
        numbers = numbers / np.abs(numbers).max()
    return None


@dataclass(frozen=True)
class GrowthFactor:
    """Growth factor at weak coupling.

    Attributes
    ----------
    value : float
        To second order in the coupling.
    error : float
        The term of fourth order that was left out: halving the coupling divides it by 16.
    exact : number
        The eigenvalue itself.
    """

    value: float
    error: float
    exact: Any


def growth_factor_approximation(model: MatrixModel) -> GrowthFactor:
    r"""The growth factor of two coupled populations to second order in their coupling.

    For :math:`M = \begin{pmatrix} A & E \\ G & C \end{pmatrix}` with :math:`\lambda_A = \rho(A) > \rho(C)`, and u, p the right
    and left Perron vectors of A,

    .. math:: \lambda \approx \lambda_A + \frac{p^T \Sigma(\lambda_A)\, u}{p^T u}, \qquad
        \Sigma(\lambda) = E\, (\lambda I - C)^{-1} G

    for predators and prey :math:`\Sigma = -B (\lambda I - C)^{-1} D`.  The next term, of fourth order, is the attribute
    `error`.
    The population with the larger growth factor of its own takes the part of A.

    Raises
    ------
    DeclarationError
        Unless there are two populations whose own growth factors differ.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.leslie.predator_prey(1.2, 0.1, 0.8, 0.1).growth_factor_approximation()
    >>> round(found.value, 9), round(found.error, 9), round(found.exact, 9)
    (1.175, -0.0015625, 1.173205081)
    """
    names = list(model.species)
    if len(names) != 2:
        raise DeclarationError(f"the model has {len(names)} species ({', '.join(names)}); the approximation is for two")
    matrix = numeric(matrix_of(model))
    a = len(model.species[names[0]])
    blocks = [matrix[:a, :a], matrix[:a, a:], matrix[a:, :a], matrix[a:, a:]]
    own, other = (max(np.abs(np.linalg.eigvals(b))) for b in (blocks[0], blocks[3]))
    if abs(own - other) <= 1e-9 * max(own, other):
        raise DeclarationError(
            f"both species grow by the factor {own:.6g} of their own; the approximation needs factors that differ, "
            "for it divides by their difference"
        )
    A, E, G, C = blocks if own > other else (blocks[3], blocks[2], blocks[1], blocks[0])
    base = spectrum(MatrixModel(A))
    value, u, p = float(base.growth_factor), base.stable_structure.astype(float), base.reproductive_values.astype(float)
    p = p / (p @ u)
    inverse = np.linalg.inv(value * np.eye(len(C)) - C)
    sigma = E @ inverse @ G
    first = float(p @ sigma @ u)
    slope = -float(p @ E @ inverse @ inverse @ G @ u)
    # (lambda - A) has an inverse on the complement of its null space
    reduced = np.linalg.pinv(value * np.eye(len(A)) - A + np.outer(u, p)) - np.outer(u, p)
    second = slope * first + float(p @ sigma @ reduced @ sigma @ u)
    return GrowthFactor(value + first, second, spectrum(model).growth_factor)


def evolution(model: MatrixModel, initial: Any, steps: int) -> np.ndarray:
    """Numbers after so many steps of a linear model, M^n z_0, by repeated squaring: exact where matrix and numbers are.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.evolution(sd.leslie.from_matrix([[1, 1], [1, 0]]), [1, 0], 100)[0]
    573147844013817084101
    """
    if not isinstance(steps, (int, np.integer)) or steps < 0:
        raise DeclarationError(f"steps is {steps!r}; expected a whole number from 0")
    if model.density_dependent or any(model.immigration) or model.clamped:
        raise DeclarationError("the evolution is a power of the matrix for linear models alone; simulate this one")
    matrix, n0 = matrix_of(model), row_of(model, initial)
    if exact(matrix) and n0.dtype == object:
        return as_array(matrix ** int(steps) * sp.Matrix(n0))[:, 0]
    return np.linalg.matrix_power(numeric(matrix), int(steps)) @ n0.astype(float)


def modes(model: MatrixModel, initial: Any) -> pd.DataFrame:
    r"""The solution as a sum over modes, :math:`z_n = \sum_k \lambda_k^n\, c_k v_k`.

    Returns
    -------
    DataFrame
        A row for each eigenvalue, largest modulus first: ``eigenvalue``, ``modulus``, ``angle`` per step, and :math:`c_k v_k`
        by stage.

    Raises
    ------
    DeclarationError
        If the matrix has no full set of eigenvectors.
    """
    matrix = numeric(matrix_of(model))
    values, vectors = np.linalg.eig(matrix)
    if np.linalg.cond(vectors) > 1e12:
        raise DeclarationError("the matrix has no full set of eigenvectors; see symdyn.leslie.evolution for its powers")
    weights = np.linalg.solve(vectors, row_of(model, initial).astype(complex))
    order = np.lexsort((-values.imag, -np.abs(values)))
    rows = [{"eigenvalue": values[k], "modulus": abs(values[k]), "angle": float(np.angle(values[k]))} for k in order]
    parts = (vectors * weights)[:, order].T
    return pd.DataFrame([row | dict(zip(model.names, part, strict=True)) for row, part in zip(rows, parts, strict=True)])


def complex_matrix(model: MatrixModel) -> sp.ImmutableDenseMatrix:
    """A + iB of a model that `complex_predator_prey` made.

    Raises
    ------
    DeclarationError
        If its blocks are not those of one complex population.
    """
    n = len(model.states) // 2
    m = model.matrix
    A, B = m[:n, :n], m[n:, :n]
    if len(model.species) != 2 or 2 * n != len(model.states) or m[n:, n:] != A or m[:n, n:] != -B:
        raise DeclarationError("the matrix has no blocks [[A, -B], [B, A]], as symdyn.leslie.complex_predator_prey makes them")
    return sp.ImmutableDenseMatrix(A + sp.I * B)


def prey_gone_after(model: MatrixModel, initial: Any) -> float:
    r"""Steps until the prey of a complex-valued model comes to zero, :math:`(\pi/2 - \arg \zeta_0) / \theta`.

    with :math:`\theta` the angle of the dominant eigenvalue of A + iB and :math:`\zeta_0` the part of the beginning along its
    eigenvector; infinite if it does not turn.
    """
    matrix = numeric_complex(complex_matrix(model))
    n = len(matrix)
    numbers = row_of(model, initial).astype(float)
    values, left = np.linalg.eig(matrix.T)
    k = int(np.argmax(np.abs(values)))
    _, right = np.linalg.eig(matrix)
    w = right[:, int(np.argmin(np.abs(np.linalg.eigvals(matrix) - values[k])))]
    along = (left[:, k] @ (numbers[:n] + 1j * numbers[n:])) / (left[:, k] @ w) * w.sum()
    angle = float(np.angle(values[k]))
    return float((np.pi / 2 - np.angle(along)) / angle) if angle else float("inf")


def numeric_complex(matrix: sp.MatrixBase) -> np.ndarray:
    """The matrix in complex floats."""
    return np.array(matrix.tolist(), dtype=complex)
