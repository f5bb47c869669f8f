"""Life-history traits: generation times, maturity, longevity, entropies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._stages import cohort
from symdyn.leslie._values import fecundity_of, matrix_of, numeric
from symdyn.leslie.cohorts import fundamental_matrix, life_expectancy, net_reproductive_rate
from symdyn.leslie.spectrum import spectrum
from symdyn.leslie.tables import followed, life_table
from symdyn.models.matrix import MatrixModel

__all__ = [
    "age_at_maturity",
    "cohort_generation_time",
    "fundamental_matrix",
    "generation_time",
    "life_expectancy",
    "life_history",
    "life_table",
    "longevity",
    "mean_age_of_mothers",
    "net_reproductive_rate",
]

#: Logarithm of the growth factor below which the quotient loses its digits and the generation time is its limit.
STILL = 1e-8
#: Surviving share at which sums over a cohort are truncated, and largest age.
TRUNCATED, OLDEST = 1e-15, 100_000


def generation_time(model: MatrixModel) -> float:
    r"""Generation time :math:`\ln R_0 / \ln \lambda`: the time in which the population grows by the factor R0.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    float
        Steps; at :math:`\lambda = 1` the limit, the mean age of mothers; NaN without reproduction.

    Raises
    ------
    DeclarationError
        If R0 or :math:`\lambda` is negative or complex, or parameters have no values.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 5.3.5.

    Examples
    --------
    >>> import symdyn as sd
    >>> round(sd.leslie.from_life_table([0, 8], [0.5]).generation_time, 9)  # R0 = 4, growth factor 2
    2.0
    """
    rate = _number(net_reproductive_rate(model), "the net reproductive rate")
    growth = _number(spectrum(model).growth_factor, "the growth factor")
    if rate <= 0:
        return math.nan
    if abs(math.log(growth)) < STILL:
        return mean_age_of_mothers(model)
    return math.log(rate) / math.log(growth)


def mean_age_of_mothers(model: MatrixModel) -> float:
    r"""Mean age at which mothers of the stable population give birth, their offspring weighted by reproductive value.

    .. math:: T_a = \lambda \frac{\langle v, w \rangle}{\langle v, F w \rangle}

    It is 1 over the sum of the elasticities of fecundities; in a Leslie model :math:`\sum_x (x + 1) \lambda^{-(x+1)} l_x m_x`.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    float
        Steps; infinite without reproduction.

    Raises
    ------
    DeclarationError
        If :math:`\lambda` is negative or complex, or parameters have no values.

    References
    ----------
    Bienvenu & Legendre, American Naturalist 185 (2015) 834, eq. 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> round(sd.leslie.mean_age_of_mothers(sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25])), 6)  # 2 * 8/9 + 3 * 1/9
    2.111111
    """
    found = spectrum(model)
    growth = _number(found.growth_factor, "the growth factor")
    v, w = np.asarray(found.reproductive_values, dtype=float), np.asarray(found.stable_structure, dtype=float)
    births = v @ numeric(fecundity_of(model)) @ w
    return float(growth * (v @ w) / births) if births > 0 else math.inf


def cohort_generation_time(model: MatrixModel, stage: Any = None) -> float:
    r"""Mean age of the mothers at the births of all offspring of a cohort, :math:`\sum_x (x + 1)\, l_x m_x / \sum_x l_x m_x`.

    With the distribution b of the cohort over stages at birth it is
    :math:`\mathbf 1^\top F N^2 b / \mathbf 1^\top F N b`.

    Parameters
    ----------
    model : MatrixModel
    stage : optional
        Stage at birth, as in `life_table`.

    Returns
    -------
    float
        Steps; NaN if the cohort has no offspring.

    Raises
    ------
    DeclarationError
        If parameters have no values, or a stage has no mortality.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 5.3.5, :math:`\mu_1`.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25])
    >>> round(sd.leslie.cohort_generation_time(model), 6)  # (2 * 2 + 3 * 0.375) / 2.375
    2.157895
    """
    births = numeric(fecundity_of(model)).sum(axis=0)
    N = np.asarray(fundamental_matrix(model), dtype=float)
    begun = N @ cohort(model, stage)
    offspring = births @ begun
    return float(births @ N @ begun / offspring) if offspring > 0 else math.nan


def age_at_maturity(model: MatrixModel, stage: Any = None) -> tuple[float, float]:
    r"""Mean age at first reproduction, given survival to it, and the probability of that survival.

    .. math:: p = r^\top N' b, \qquad \bar a = r^\top N'^2 b / p, \qquad N' = (I - T')^{-1}

    where r is the indicator of the stages that reproduce, and :math:`T'` is T without the transitions out of them.  The age is
    that at which the first offspring are counted.

    Parameters
    ----------
    model : MatrixModel
    stage : optional
        Stage at birth, as in `life_table`.

    Returns
    -------
    age, probability : float
        In steps, NaN if the probability is 0; dimensionless.

    Raises
    ------
    DeclarationError
        If entries without a value remain where the formula is too long, or vital rates hold random numbers, depend on
        time or are not finite.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 5.3.3.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.age_at_maturity(sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25]))
    (2.0, 0.5)
    """
    mature = (numeric(fecundity_of(model)) > 0).any(axis=0)
    before = np.where(mature, 0.0, numeric(matrix_of(model, "transitions")))
    fundamental_matrix(model)  # raises for stages without mortality
    steps = np.linalg.inv(np.eye(len(before)) - before)
    begun = steps @ cohort(model, stage)
    probability = float(mature @ begun)
    return (float(mature @ steps @ begun) / probability if probability > 0 else math.nan), probability


def longevity(model: MatrixModel, stage: Any = None, *, share: float = 0.01) -> float:
    """The age at which the surviving share of a cohort has fallen to a given share.

    Parameters
    ----------
    model : MatrixModel
    stage : optional
        Stage at birth, as in `life_table`.
    share : float
        Between 0 and 1, dimensionless.

    Returns
    -------
    float
        Steps; infinite beyond 100000.

    Raises
    ------
    DeclarationError
        If the share is not between 0 and 1, or parameters have no values.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.longevity(sd.leslie.from_matrix([[0, 4], [0.5, 0.75]]))  # 0.5 * 0.75^14 = 0.0089
    15.0
    """
    if not 0 < share < 1:
        raise DeclarationError(f"the share alive is {share!r}; expected a number between 0 and 1, such as 0.01")
    lx = followed(model, stage, last=OLDEST, left=share).sum(axis=1)
    if lx[-1] <= share:
        return float(len(lx) - 1)
    return float(len(lx)) if len(lx) <= OLDEST else math.inf  # the last age class has no survivors


def life_history(model: MatrixModel, stage: Any = None) -> pd.Series:
    r"""Life-history traits of a cohort that begins in a stage.

    Parameters
    ----------
    model : MatrixModel
    stage : optional
        Stage at birth, as in `life_table`.

    Returns
    -------
    pandas.Series
        ``growth_factor``, ``net_reproductive_rate``, ``generation_time``, ``cohort_generation_time``, ``mean_age_of_mothers``,
        ``life_expectancy`` and ``life_expectancy_sd`` at the beginning, ``age_at_maturity``, ``probability_of_maturity``,
        ``longevity`` (1 % alive), ``keyfitz_entropy`` :math:`-\sum l_x \ln l_x / \sum l_x`, ``demetrius_entropy``
        :math:`-\sum p_x \ln p_x` with :math:`p_x \propto \lambda^{-(x+1)} l_x m_x`, ages of mothers in the stable population.

    Raises
    ------
    DeclarationError
        If the matrix has negative or complex entries, or parameters without a value.

    References
    ----------
    Keyfitz, Applied Mathematical Demography (1977); Demetrius, Nature 275 (1978) 213; Caswell (2001), ch. 5.

    Examples
    --------
    >>> import symdyn as sd
    >>> traits = sd.leslie.life_history(sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25]))
    >>> traits[["net_reproductive_rate", "life_expectancy", "longevity"]]
    net_reproductive_rate    2.375
    life_expectancy          1.625
    longevity                3.000
    Name: life history, dtype: float64
    """
    begin = cohort(model, stage)
    N = np.asarray(fundamental_matrix(model), dtype=float)
    mean = N.sum(axis=0) @ begin
    square = (2 * N @ N - N).sum(axis=0) @ begin
    age, probability = age_at_maturity(model, begin)
    keyfitz, demetrius = _entropies(model, begin)
    return pd.Series(
        {
            "growth_factor": _number(spectrum(model).growth_factor, "the growth factor"),
            "net_reproductive_rate": _number(net_reproductive_rate(model), "the net reproductive rate"),
            "generation_time": generation_time(model),
            "cohort_generation_time": cohort_generation_time(model, begin),
            "mean_age_of_mothers": mean_age_of_mothers(model),
            "life_expectancy": mean,
            "life_expectancy_sd": math.sqrt(max(square - mean**2, 0.0)),
            "age_at_maturity": age,
            "probability_of_maturity": probability,
            "longevity": longevity(model, begin),
            "keyfitz_entropy": keyfitz,
            "demetrius_entropy": demetrius,
        },
        name="life history",
    )


def _entropies(model: MatrixModel, begin: np.ndarray) -> tuple[float, float]:
    alive = followed(model, begin, last=OLDEST, left=TRUNCATED)
    lx = alive.sum(axis=1)
    births = (alive @ numeric(fecundity_of(model)).T).sum(axis=1)
    ages = np.arange(1, len(lx) + 1)
    fertile = births > 0
    if not fertile.any():
        return _entropy(lx) / lx.sum(), math.nan
    growth = _number(spectrum(model).growth_factor, "the growth factor")
    weights = np.exp(np.log(births[fertile]) - ages[fertile] * math.log(growth))
    return _entropy(lx) / lx.sum(), _entropy(weights / weights.sum())


def _entropy(p: np.ndarray) -> float:
    return float(-(p * np.log(p)).sum()) + 0.0  # never -0.0


def _number(value: Any, what: str) -> float:
    if isinstance(value, complex) or (isinstance(value, sp.Expr) and not value.is_real and not value.free_symbols):
        raise DeclarationError(f"{what} is complex, {value}: life-history traits need a matrix without negative entries")
    if isinstance(value, sp.Expr) and value.free_symbols:
        free = ", ".join(sorted(s.name for s in value.free_symbols))
        raise DeclarationError(f"no value for {free}; give values, model.with_parameters(...)")
    if float(value) < 0:
        raise DeclarationError(
            f"{what} is {float(value):.6g}, below 0: life-history traits need a matrix without negative entries"
        )
    return float(value)
