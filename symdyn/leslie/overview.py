"""Summary table of a matrix model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError
from symdyn.leslie._stages import newborns
from symdyn.leslie._values import matrix_of, numeric
from symdyn.leslie.cohorts import fundamental_matrix, net_reproductive_rate
from symdyn.leslie.spectrum import damping_ratio, spectrum
from symdyn.leslie.structure import ergodic, irreducible, period, primitive
from symdyn.leslie.traits import generation_time
from symdyn.leslie.transients import (
    first_step_attenuation,
    inertia_bounds,
    maximal_amplification,
    maximal_attenuation,
    reactivity,
)
from symdyn.models.matrix import MatrixModel

__all__ = ["summary"]


def summary(model: MatrixModel) -> pd.Series:
    r"""Growth, life history, transients and structure of a matrix model; NaN where something is not defined.

    Parameters
    ----------
    model : MatrixModel
        With values of all parameters; a density-dependent one is taken at density 0.

    Returns
    -------
    pandas.Series
        ``stages``; ``growth_factor`` and ``growth_rate`` :math:`\ln \lambda`; ``damping_ratio``; ``net_reproductive_rate``,
        ``generation_time`` and ``life_expectancy`` of newborns; transients; ``irreducible``, ``primitive``, ``ergodic``,
        ``period``.

    Raises
    ------
    DeclarationError
        If parameters have no values.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.leslie.summary(sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25]))
    >>> round(found["growth_factor"], 6), found["primitive"], round(found["maximal_amplification"], 4)
    (1.5, True, 2.8333)
    """
    numeric(matrix_of(model))
    growth = spectrum(model).growth_factor
    shown = complex(growth) if not np.isreal(complex(growth)) else float(complex(growth).real)
    bounds = _or_nan(lambda: inertia_bounds(model), (math.nan, math.nan))
    return pd.Series(
        {
            "stages": len(model.states),
            "growth_factor": shown,
            "growth_rate": math.log(abs(shown)),
            "damping_ratio": damping_ratio(model),
            "net_reproductive_rate": _or_nan(lambda: float(net_reproductive_rate(model))),
            "generation_time": _or_nan(lambda: generation_time(model)),
            "life_expectancy": _or_nan(lambda: _expectancy(model)),
            "reactivity": _or_nan(lambda: float(reactivity(model))),
            "first_step_attenuation": _or_nan(lambda: float(first_step_attenuation(model))),
            "maximal_amplification": _or_nan(lambda: float(maximal_amplification(model))),
            "maximal_attenuation": _or_nan(lambda: float(maximal_attenuation(model))),
            "upper_inertia": float(bounds[0]),
            "lower_inertia": float(bounds[1]),
            "irreducible": irreducible(model),
            "primitive": primitive(model),
            "ergodic": ergodic(model),
            "period": period(model),
        },
        name="summary",
        dtype=object,
    )


def _expectancy(model: MatrixModel) -> float:
    return float(np.asarray(fundamental_matrix(model), dtype=float).sum(axis=0) @ newborns(model))


def _or_nan(value: Callable[[], Any], otherwise: Any = math.nan) -> Any:
    try:
        return value()
    except DeclarationError:  # such as a stage without mortality, or complex growth
        return otherwise
