"""Life tables by age from a model by stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError
from symdyn.leslie._stages import cohort
from symdyn.leslie._values import fecundity_of, matrix_of, numeric
from symdyn.leslie.cohorts import check_survival, fundamental_matrix
from symdyn.models.matrix import MatrixModel

__all__ = ["followed", "life_table"]

#: Share of a cohort down to which its life table goes, unless ages are given, and the age to which it goes at most.
LEFT, OLDEST = 1e-4, 1000


def life_table(model: MatrixModel, stage: Any = None, *, ages: int | None = None) -> pd.DataFrame:
    r"""Survivorship, mortality, fecundity and life expectancy by age.

    .. math:: l_x = \mathbf 1^\top T^x b, \qquad m_x = \frac{\mathbf 1^\top F\, T^x b}{l_x}, \qquad
        \sum_x l_x m_x = R_0, \qquad \sum_x \lambda^{-(x+1)} l_x m_x = 1

    for a cohort that begins in the stages b; the sums hold for newborns, the first if all are born into one stage.  Offspring
    at age x are counted at the next step, when the parent is a step older.

    Parameters
    ----------
    model : MatrixModel
    stage : Symbol, str, int, mapping or sequence, optional
        In which stage lives begin, or numbers by stage; as newborns of the stable population, F w, unless given.
    ages : int, optional
        The last age; until a share of 0.0001 or less is alive, or age 1000, unless given.

    Returns
    -------
    pandas.DataFrame
        By ``age`` x in steps: ``lx``, share alive; ``dx``, share that dies before the next age; ``px``, ``qx``, probabilities
        to live to the next age and not to; ``mx``, offspring in the next step of an individual alive; ``lxmx``; ``ex``, steps
        yet to be lived, the present one counted: half a step more than from trapezoids.  Ages at which nobody is alive are
        left out.

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
    check_survival(model)
    alive = followed(model, stage, last=OLDEST if ages is None else int(ages), left=LEFT if ages is None else 0.0)
    lx = alive.sum(axis=1)
    following = np.append(lx[1:], (numeric(matrix_of(model, "transitions")) @ alive[-1]).sum())
    births = (alive @ numeric(fecundity_of(model)).T).sum(axis=1)
    px = following / lx
    try:
        yet = alive @ np.asarray(fundamental_matrix(model), dtype=float).sum(axis=0) / lx
    except DeclarationError:  # somebody lives for ever
        yet = np.full(len(lx), np.inf)
    columns = {"lx": lx, "dx": lx - following, "px": px, "qx": 1 - px, "mx": births / lx, "lxmx": births, "ex": yet}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(lx), name="age"))


def followed(model: MatrixModel, stage: Any, *, last: int, left: float) -> np.ndarray:
    """Shares of a cohort that are alive in each stage, (ages, n), to the age `last` or the first with `left` or less alive."""
    transitions = numeric(matrix_of(model, "transitions"))
    alive = cohort(model, stage)
    rows = [alive]
    while len(rows) <= last and alive.sum() > left:
        alive = transitions @ alive
        if not alive.sum() > 0:
            break
        rows.append(alive)
    return np.array(rows)
