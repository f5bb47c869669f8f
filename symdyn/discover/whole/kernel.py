"""The compiled functions that serve every candidate, and how these are integrated."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import symdyn_kernels
from symdyn_kernels.arguments.candidates import Integration, Pair
from symdyn_kernels.arguments.parts import Control

from symdyn.codegen.load import import_driver
from symdyn.codegen.machine_code import Driver
from symdyn.errors import RecoveryError
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["driver", "integration"]


@cache
def driver() -> Driver:
    """The module ``symdyn_kernels.candidates.entries``, compiled once for this machine."""
    text = (Path(symdyn_kernels.__file__).parent / "candidates" / "entries.py").read_text(encoding="utf-8")
    return import_driver("candidates", text)


def integration(
    method: str, atol: np.ndarray, *, rtol: float, largest: float = np.inf, attempts: float = np.inf
) -> Integration:
    """A method of the registry by its name, an explicit Runge-Kutta pair with one error estimate, as arguments.

    `largest` and `attempts` are the size of a state and the attempted steps that end a run.

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
    a, dense = np.zeros((stages, stages)), np.zeros((stages, max(map(len, scheme.dense))))
    for row, values in (*zip(a[1:], scheme.a, strict=True), *zip(dense, scheme.dense, strict=True)):
        row[: len(values)] = values
    control = Control(*scheme.controller.numbers(scheme.error_order + 1))
    pair = Pair(a, np.array(scheme.error[0]), dense)
    return Integration(pair, control, np.ascontiguousarray(atol, dtype=float), float(rtol), float(largest), float(attempts))
