r"""Transient dynamics before the stable structure is reached, relative to stable growth.

Definitions are those of Townley & Hodgson, Journal of Applied Ecology 45 (2008) 1836, and Stott, Townley & Hodgson, Ecology
Letters 14 (2011) 959: sizes of a population of total 1 under :math:`\hat A = A / \lambda`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.leslie._stages import shares
from symdyn.leslie._standardised import bounded, column_sums, limit_of_mean, positive_growth, standardised
from symdyn.leslie._values import exact, matrix_of, plain, simplest
from symdyn.leslie.kreiss import kreiss_bounds
from symdyn.leslie.spectrum import simple, spectrum
from symdyn.models.matrix import MatrixModel

__all__ = [
    "Transient",
    "case_reactivity",
    "first_step_attenuation",
    "inertia",
    "inertia_bounds",
    "kreiss_bounds",
    "maximal_amplification",
    "maximal_attenuation",
    "reactivity",
]

#: Relative differences of sizes that count as zero, and as an approach; largest number of steps of a search.
SAME, NEAR, STEPS = 1e-12, 1e-7, 1_000_000
#: A size that counts as divergence.
ENDLESS = 1e12
#: Largest step whose size is recomputed in exact numbers.
SHORT = 200


@dataclass(frozen=True)
class Transient:
    """An extreme population size during the approach to the stable structure.

    Attributes
    ----------
    value : number
        Size relative to stable growth of a population of total 1, dimensionless; `float` converts.
    step : int or None
        When it is reached; None if it is a limit that is only approached.
    stage : str or None
        The stage in which all individuals begin; None if the initial structure was given.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.leslie.maximal_amplification(sd.leslie.from_matrix([[0, 2], [1, 1]]))  # (2 + 1) / 2 from n2
    >>> found, float(found)
    (Transient(value=3/2, step=1, stage='n2'), 1.5)
    """

    value: Any
    step: int | None
    stage: str | None

    def __float__(self) -> float:
        return float(self.value)


def reactivity(model: MatrixModel) -> Any:
    r"""Reactivity: the largest growth in the first step, relative to :math:`\lambda`, over all initial structures.

    .. math:: \|\hat A\|_1 = \max_j \sum_i a_{ij} / \lambda

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    number
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).reactivity  # column sums 1 and 3, growth factor 2
    3/2
    """
    return plain(max(column_sums(model)))


def first_step_attenuation(model: MatrixModel) -> Any:
    r"""The smallest growth in the first step, relative to :math:`\lambda`, over all initial structures.

    .. math:: \min_j \sum_i a_{ij} / \lambda

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    number
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).first_step_attenuation  # column sums 1 and 3, growth factor 2
    1/2
    """
    return plain(min(column_sums(model)))


def case_reactivity(model: MatrixModel, initial: Any) -> Any:
    r"""Growth in the first step, relative to :math:`\lambda`, of one initial structure.

    .. math:: \mathbf 1^\top \hat A \hat n, \qquad \hat A = A / \lambda, \quad \hat n = n / \textstyle\sum_i n_i

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence
        Individuals by stage.

    Returns
    -------
    number
        Dimensionless; exact where the model and the numbers are.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive, or the numbers are those of no population.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 2], [1, 1]])  # column sums 1 and 3, growth factor 2
    >>> sd.leslie.case_reactivity(model, [1, 1]), sd.leslie.case_reactivity(model, [1, 0])
    (1, 1/2)
    """
    return plain((column_sums(model) * shares(model, initial)).sum())


def inertia(model: MatrixModel, initial: Any) -> Any:
    r"""Population inertia: the asymptotic size relative to a population of the same total with the stable structure.

    .. math:: \frac{\langle v, \hat n \rangle \sum_i w_i}{\langle v, w \rangle}

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence
        Individuals by stage.

    Returns
    -------
    number
        Dimensionless; exact where the model and the numbers are.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive, or the numbers are those of no population.

    References
    ----------
    Koons, Holmes & Grand, Ecology 88 (2007) 2857.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).inertia([1, 0])  # v = (1, 2), w = (1, 1)/2
    2/3
    """
    return plain((_inertias(model) * shares(model, initial)).sum())


def inertia_bounds(model: MatrixModel) -> tuple[Any, Any]:
    r"""Largest and smallest inertia over all initial structures, those with all individuals in one stage.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    largest, smallest : number
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).inertia_bounds  # v = (1, 2), w = (1, 1)/2
    (4/3, 2/3)
    """
    found = _inertias(model)
    return plain(max(found, key=float)), plain(min(found, key=float))


def maximal_amplification(model: MatrixModel, initial: Any = None) -> Transient:
    r"""The largest size that is ever reached, :math:`\max_{t \ge 0} \|\hat A^t\|_1`.

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence, optional
        Individuals by stage; unless given, the structure that amplifies most, with all individuals in one stage.

    Returns
    -------
    Transient
        With the step and the stage.  The search ends when the decaying part can no longer exceed the maximum found.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is not positive, or a block feeds another of the same growth factor: sizes are then unbounded.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 4, 3], [sp.Rational(1, 2), 0, 0], [0, sp.Rational(1, 4), 0]])
    >>> sd.leslie.maximal_amplification(model)
    Transient(value=17/6, step=1, stage='n2')
    """
    return _extreme(model, initial, 1.0)


def maximal_attenuation(model: MatrixModel, initial: Any = None) -> Transient:
    r"""The smallest size that is ever reached, :math:`\min_{t \ge 0} \min_j \sum_i (\hat A^t)_{ij}`.

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence, optional
        Individuals by stage; unless given, the structure that attenuates most, with all individuals in one stage.

    Returns
    -------
    Transient
        With the step and the stage.  Of a stage that leads to no growing part of the life cycle the value is 0, a limit that
        is approached and never reached.

    Raises
    ------
    DeclarationError
        As `maximal_amplification`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.maximal_attenuation(sd.leslie.from_matrix([[0, 2], [1, 1]]))  # (0 + 1) / 2 from n1
    Transient(value=1/2, step=1, stage='n1')
    """
    return _extreme(model, initial, -1.0)


def _inertias(model: MatrixModel) -> np.ndarray:
    positive_growth(model)
    if not simple(model):  # several blocks of equal growth: the stable structure depends on the initial one
        return limit_of_mean(standardised(model)).sum(axis=0)
    found = spectrum(model)
    v, w = found.reproductive_values, found.stable_structure
    return simplest(v * w.sum() / (v * w).sum())


def _extreme(model: MatrixModel, initial: Any, sign: float) -> Transient:
    form = standardised(model)
    limit, rest = bounded(form), form.matrix - form.matrix @ bounded(form)
    start = np.eye(len(limit)) if initial is None else np.asarray(shares(model, initial), dtype=float)[:, None]
    phases = sign * np.array([(np.linalg.matrix_power(form.matrix, k) @ limit @ start).sum(axis=0) for k in range(form.period)])
    scale = max(1.0, np.abs(phases).max())
    ceiling, slack = phases.max(), SAME * scale
    growth = _power_bound(rest)
    best, step, column, rise = sign, 0, 0, np.inf
    sizes, faded = np.ones(len(limit)), np.ones(len(limit)) @ (np.eye(len(limit)) - limit)
    for t in range(1, STEPS + 1):
        sizes, faded = sizes @ form.matrix, faded @ rest
        now = sign * (sizes @ start)
        if now.max() > best + slack:
            best, step, column, rise = float(now.max()), t, int(now.argmax()), now.max() - best
        reach = growth * np.abs(faded).max()
        if (ceiling + reach <= best + slack or reach <= slack) and t >= form.period:
            break
    else:
        raise DeclarationError(f"the structure is not stable after {STEPS} steps, so its largest and least sizes are not known")
    if ceiling > best + slack or (rise < NEAR * scale and best <= ceiling + 10 * slack):  # approached from one side only
        place = np.unravel_index(phases.argmax(), phases.shape)[1]
        return Transient(_exact_limit(model, initial, sign * ceiling, int(place)), None, _name(model, initial, int(place)))
    return Transient(_exact(model, initial, sign * best, step, column), step, _name(model, initial, column))


def _power_bound(rest: np.ndarray) -> float:
    """A bound on the norms of all powers of a matrix of spectral radius below 1: the largest up to the first below 1."""
    far = rest
    while np.abs(far).sum(axis=1).max() >= 1:
        far = far @ far
        if not np.abs(far).max() < ENDLESS:  # a multiple eigenvalue without eigenvectors of its own
            raise DeclarationError("sizes relative to the growth factor have no bound, so there is no largest or least one")
    power, bound = np.eye(len(rest)), 1.0
    for _ in range(STEPS):
        power = power @ rest
        norm = np.abs(power).sum(axis=1).max()
        if norm < 1:
            return bound
        bound = max(bound, norm)
    raise DeclarationError(f"the structure is not stable after {STEPS} steps, so its largest and least sizes are not known")


def _exact(model: MatrixModel, initial: Any, value: float, step: int, column: int) -> Any:
    """The size at a step in exact numbers, where the matrix and the growth factor are."""
    growth, matrix = spectrum(model).growth_factor, matrix_of(model)
    if not (exact(matrix) and getattr(growth, "is_Rational", False)) or step > SHORT:
        return float(value)
    sums = np.array((matrix**step).tolist(), dtype=object).sum(axis=0) / growth**step
    return sums[column] if initial is None else (sums * shares(model, initial)).sum()


def _exact_limit(model: MatrixModel, initial: Any, value: float, column: int) -> Any:
    found = _inertias(model)
    if found.dtype != object or standardised(model).period != 1:
        return float(value)
    return found[column] if initial is None else inertia(model, initial)


def _name(model: MatrixModel, initial: Any, column: int) -> str | None:
    return model.names[column] if initial is None else None
