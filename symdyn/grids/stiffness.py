r"""The step size that stability under diffusion imposes on explicit methods.

The shortest waves of a grid decay at the rate :math:`\rho = \max(-\lambda)` over the eigenvalues of what is linear.  An
explicit method whose region of stability ends at :math:`-b` makes them grow in steps longer than :math:`b/\rho`, so it needs
:math:`\rho T / b` of them for a time T, however little happens.
"""

from __future__ import annotations

import warnings

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.grids.explicit import EXPLICIT
from symdyn.grids.linear_part_terms import field_terms
from symdyn.grids.stencils import differences
from symdyn.grids.system import GridSystem

__all__ = ["decay", "warn_of_diffusion"]

#: Steps times cells times fields that take some ten seconds.
LONG = 5e9


def decay(grid: GridSystem, p: np.ndarray) -> float:
    r"""The greatest :math:`\rho` over fields and over parameters (rows, k); 0 if nothing is linear.

    Examples
    --------
    >>> from symdyn.models.pde import PDESystem
    >>> grid = PDESystem.from_text("u' = D*laplacian(u)", domain=(0, 1)).discretize(10)
    >>> round(decay(grid, np.array([[1.0], [2.0]])), 9)   # 4 D / h^2
    800.0
    """
    rates = []
    for field in grid.fields:
        total = sp.S.Zero
        for chain, coefficient in field_terms(grid, field).items():
            shortest = 1.0
            for orders in chain:
                for m, h in zip(orders, grid.spacing, strict=True):
                    shortest *= sum(c * (-1) ** k for k, c in zip(*differences(grid.order).cell(m), strict=True)) / h**m
            total -= shortest * coefficient
        rates.append(total)
    program = lower("decay", [("lane", ()), ("y", ()), ("p", grid.parameters)], rates, [str(f) for f in grid.fields])
    return max(0.0, *(float(np.max(v)) for v in evaluate(program, [], [], list(p.T))))


def warn_of_diffusion(
    grid: GridSystem, method: str, span: float, p: np.ndarray, *, step: float | None = None, max_steps: int | None = None
) -> None:
    """Warn if an explicit method will take very long, or if its steps of one length are unstable.

    Parameters
    ----------
    grid : GridSystem
        With finite differences.
    method : str
        In `EXPLICIT`.
    span : float
        Of time.
    p : (rows, k) array
        Parameters of all trajectories.
    step : float, optional
        Length of all steps.
    max_steps : int, optional
    """
    rate, limit = decay(grid, p), EXPLICIT[method].limit
    if step is not None:
        if min(step, span) * rate > 1.001 * limit:
            warnings.warn(
                f"waves as short as the cells grow in steps of {method} longer than {limit / rate:.3g}, and step is {step:g}: "
                "take a smaller step, or method='sbdf2', which no diffusion forces to small steps",
                stacklevel=4,
            )
        return
    steps = span * rate / limit
    if steps > (max_steps or 1_000_000) or steps * np.prod(grid.shape) * len(grid.fields) > LONG:
        warnings.warn(
            f"diffusion between cells this small forces {method} to about {steps:.1e} steps unless the fields are uniform; "
            "method='imex' takes steps that accuracy asks for alone",
            stacklevel=4,
        )
