"""How candidates are integrated: a Runge-Kutta pair of the registry of methods and its step controller, as arguments."""

from __future__ import annotations

import numpy as np
from symdyn_kernels.arguments.candidates import Integration, Pair
from symdyn_kernels.arguments.parts import Control

from symdyn.errors import RecoveryError
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["integration"]


def integration(
    method: str, atol: np.ndarray, *, rtol: float, largest: float = np.inf, attempts: float = np.inf
) -> Integration:
    """Arguments for a method by its name.

    Parameters
    ----------
    method : str
        An explicit Runge-Kutta pair with one error estimate.
    atol : (d,) float64
        Error of a step that is allowed each state, in its unit.
    rtol : float
        The same relative to the state.
    largest, attempts : float
        Size of a state, and attempted steps, that end a run.

    Returns
    -------
    Integration

    Raises
    ------
    RecoveryError
        For a method of another form.

    Examples
    --------
    >>> made = integration("bs32", np.array([1e-3]), rtol=1e-6)
    >>> made.pair.a.shape, made.pair.dense.shape, round(made.control.now, 4)
    ((4, 4), (4, 3), -0.2333)
    >>> integration("rodas5p", np.array([1e-3]), rtol=1e-6)
    Traceback (most recent call last):
    symdyn.errors.RecoveryError: candidates are integrated by an explicit Runge-Kutta pair with one error estimate such as \
'tsit5', not by 'rodas5p'
    """
    scheme = METHODS[method]
    if not isinstance(scheme, ExplicitRungeKutta) or len(scheme.error) != 1 or scheme.extra:
        raise RecoveryError(
            "candidates are integrated by an explicit Runge-Kutta pair with one error estimate such as 'tsit5', "
            f"not by {method!r}"
        )
    stages = len(scheme.a) + 1
    a = np.zeros((stages, stages))
    for row, values in zip(a[1:], scheme.a, strict=True):
        row[: len(values)] = values
    dense = np.zeros((stages, max(map(len, scheme.dense))))
    for row, values in zip(dense, scheme.dense, strict=True):
        row[: len(values)] = values
    pair = Pair(a, np.array(scheme.error[0]), dense)
    control = Control(*scheme.controller.numbers(scheme.error_order + 1))
    return Integration(pair, control, np.ascontiguousarray(atol, dtype=float), float(rtol), float(largest), float(attempts))
