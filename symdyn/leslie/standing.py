"""The outcome of linear competition between two species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._values import matrix_of, numeric, plain, require_linear, row_of
from symdyn.leslie.spectrum import spectrum
from symdyn.leslie.structure import primitive
from symdyn.models.matrix import MatrixModel

__all__ = ["LastStanding", "last_standing"]

#: Largest number of steps in the search for the exclusion.
MOST_STEPS = 100_000


@dataclass(frozen=True)
class LastStanding:
    r"""The outcome of competition between two species.

    Attributes
    ----------
    species : str or None
        The survivor; None on the separatrix, where both persist.
    index : int or None
        0 or 1.
    margin : number
        :math:`p^T x_0 - q^T y_0`: positive where the first species survives, negative where the second does.
    critical_ratio : number
        :math:`p^T x_0 / q^T y_0`: the factor on the numbers of the second species that places the state on the separatrix.
    growth_factor : number
        :math:`\lambda` of the linear model; after the exclusion the survivor grows by its own factor, which is not larger.
    separatrix : (n,) array
        :math:`(p, -q)`: both species persist where the numbers are orthogonal to it.
    extinct_after : int or None
        The step at which a number of the excluded species first becomes negative in the linear model.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.leslie.competition(1.2, 0.1, 1.2, 0.1).last_standing({"x": 3, "y": 1})
    >>> print(found)  # y after n steps is 2 * 1.1^n - 1.3^n, below 0 from n = 5
    x is left (margin 2); the other comes to zero at step 5
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
    r"""Which of two linearly competing species survives, and the separatrix between both outcomes.

    With :math:`S = \mathrm{diag}(I, -I)` the matrix :math:`S M S` is not negative.  Where it is primitive, with the Perron root
    :math:`\lambda`, right vector (u, v) and left vector (p, q),

    .. math:: \lambda^{-n} (x_n, y_n) \to c\,(u, -v), \qquad c = \frac{p^T x_0 - q^T y_0}{p^T u + q^T v}

    so that the sign of :math:`p^T x_0 - q^T y_0` decides.  The theorem is about unclamped numbers: those of the excluded
    species become negative in finite time.

    Parameters
    ----------
    model : MatrixModel
        Of two species whose effects on each other are negative, as `competition` makes it.
    initial : mapping or sequence, optional
        Individuals by stage at step 0; those of the model by default.

    Returns
    -------
    LastStanding

    Raises
    ------
    DeclarationError
        For three species or more, whose signs cannot be reversed simultaneously, so that the theorem does not hold; for
        effects that are not negative, and where :math:`S M S` is not primitive.

    Examples
    --------
    >>> import symdyn as sd
    >>> A, C = [[0.5, 1.2], [0.6, 0]], [[0.4, 1.0], [0.7, 0]]
    >>> B, D = [[0.05, 0.02], [0.01, 0.03]], [[0.03, 0.02], [0.02, 0.04]]
    >>> found = sd.leslie.competition(A, B, C, D).last_standing({"x": [1, 1], "y": [1, 1]})
    >>> found.species, round(float(found.critical_ratio), 6)
    ('x', 1.872753)
    """
    require_linear(model, "the theorem")
    names = list(model.species)
    if len(names) < 2:
        raise DeclarationError(f"the model has one species ({names[0]}); the theorem is about two that compete")
    if len(names) > 2:
        raise DeclarationError(
            f"the model has {len(names)} species ({', '.join(names)}), and the theorem holds for exactly two species: of three "
            "or more the signs of all effects cannot be turned at once, and who is left depends on the order of extinctions; "
            "simulate model.clamp() instead"
        )
    matrix = matrix_of(model)
    numeric(matrix)  # the outcome needs values
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
    if any(v < 0 for v in n0) or not any(v > 0 for v in n0):
        raise DeclarationError(f"the numbers are {', '.join(map(str, n0))}; expected none below 0 and some above")
    values = found.reproductive_values
    first, second = (values[:a] * n0[:a]).sum(), (values[a:] * n0[a:]).sum()
    margin = plain(first - second)
    ratio = plain(first / second) if second != 0 else sp.oo
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
