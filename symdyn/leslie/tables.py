"""Life tables by age from a model by stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError
from symdyn.leslie._stages import cohort
from symdyn.leslie._values import fecundity_of, matrix_of, numeric
from symdyn.leslie.cohorts import check_rates, fundamental_matrix
from symdyn.models.matrix import MatrixModel

__all__ = ["followed", "life_table"]

#: Surviving share at which a life table ends, unless ages are given, and its largest age.
LEFT, OLDEST = 1e-4, 1000


def life_table(model: MatrixModel, stage: Any = None, *, ages: int | None = None) -> pd.DataFrame:
    r"""Survivorship, mortality, fecundity and life expectancy by age.

    .. math:: l_x = \mathbf 1^\top T^x b, \qquad m_x = \frac{\mathbf 1^\top F\, T^x b}{l_x}, \qquad
        \sum_x l_x m_x = R_0, \qquad \sum_x \lambda^{-(x+1)} l_x m_x = 1

    for a cohort with the distribution b over stages at birth; the sums hold for newborns, the first if all are born into one
    stage.  Offspring at age x are counted at the next step, when the parent is a step older.

    Parameters
    ----------
    model : MatrixModel
    stage : Symbol, str, int, mapping or sequence, optional
        Stage at birth, or numbers by stage; newborns of the stable population, F w, unless given.
    ages : int, optional
        The last age; until a share of 0.0001 or less is alive, or age 1000, unless given.

    Returns
    -------
    pandas.DataFrame
        By ``age`` x in steps: ``lx``, surviving share; ``dx``, share that dies before the next age; ``px``, ``qx``,
        probabilities of survival to the next age and of death; ``mx``, offspring in the next step of a survivor; ``lxmx``;
        ``ex``, remaining lifetime in steps, the present one included: half a step more than by the trapezoidal rule.  Ages
        without survivors are left out.

    Raises
    ------
    DeclarationError
        If transitions are no probabilities, parameters have no values, or the last age is no integer from 0.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 5.3; Cochran & Ellner, Ecological Monographs 62 (1992) 345.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.life_table(sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25]))
            lx     dx    px    qx   mx   lxmx     ex
    age
    0    1.000  0.500  0.50  0.50  0.0  0.000  1.625
    1    0.500  0.375  0.25  0.75  4.0  2.000  1.250
    2    0.125  0.125  0.00  1.00  3.0  0.375  1.000
    """
    if ages is not None and (isinstance(ages, bool) or int(ages) != ages or ages < 0):
        raise DeclarationError(f"the last age is {ages!r}; expected a number of steps, 0 or more")
    check_rates(model)
    alive = followed(model, stage, last=OLDEST if ages is None else int(ages), left=LEFT if ages is None else 0.0)
    lx = alive.sum(axis=1)
    following = np.append(lx[1:], (numeric(matrix_of(model, "transitions")) @ alive[-1]).sum())
    births = (alive @ numeric(fecundity_of(model)).T).sum(axis=1)
    px = following / lx
    try:
        yet = alive @ np.asarray(fundamental_matrix(model), dtype=float).sum(axis=0) / lx
    except DeclarationError:  # a stage without mortality
        yet = np.full(len(lx), np.inf)
    columns = {"lx": lx, "dx": lx - following, "px": px, "qx": 1 - px, "mx": births / lx, "lxmx": births, "ex": yet}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(lx), name="age"))


def followed(model: MatrixModel, stage: Any, *, last: int, left: float) -> np.ndarray:
    """Surviving shares of a cohort by stage, (ages, n), to the age `last` or the first with `left` or less."""
    transitions = numeric(matrix_of(model, "transitions"))
    alive = cohort(model, stage)
    rows = [alive]
    while len(rows) <= last and alive.sum() > left:
        alive = transitions @ alive
        if not alive.sum() > 0:
            break
        rows.append(alive)
    return np.array(rows)
