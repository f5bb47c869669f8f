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
from symdyn.grids.linear_part_terms import field_terms
from symdyn.grids.stencils import differences
from symdyn.grids.system import GridSystem
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["decay", "forced_to_many", "warn_of_diffusion"]

#: Steps that an explicit method may take, and steps times cells times fields that take some ten seconds.
MANY, LONG = 1_000_000, 5e9


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


def forced_to_many(grid: GridSystem, scheme: ExplicitRungeKutta, span: float, p: np.ndarray) -> bool:
    """Whether stability forces an explicit method to so many steps that one implicit for diffusion is faster.

    Parameters
    ----------
    grid : GridSystem
        With finite differences.
    scheme : ExplicitRungeKutta
    span : float
        Of time.
    p : (k,) or (rows, k) array
        Parameters.

    Returns
    -------
    bool

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = D*laplacian(u)", domain=(0, 1)).discretize(1000)
    >>> [forced_to_many(grid, sd.METHODS["bs32"], span, np.array([1.0])) for span in (0.1, 10)]
    [False, True]
    """
    steps = span * decay(grid, np.atleast_2d(p)) / scheme.stiffness_limit
    return steps > MANY or steps * float(np.prod(grid.shape)) * len(grid.fields) > LONG


def warn_of_diffusion(
    grid: GridSystem, scheme: ExplicitRungeKutta, span: float, p: np.ndarray, step: float, max_steps: int | None
) -> None:
    """Warn if an explicit method will take very long, or if its steps of one length are unstable.

    Parameters
    ----------
    grid : GridSystem
        With finite differences.
    scheme : ExplicitRungeKutta
    span : float
        Of time.
    p : (rows, k) array
        Parameters of all trajectories.
    step : float
        Length of all steps; infinite where the method chooses them.
    max_steps : int or None
    """
    rate, limit, name = decay(grid, p), scheme.stiffness_limit, scheme.name
    if not scheme.error:
        if min(step, span) * rate > 1.001 * limit:
            warnings.warn(
                f"waves as short as the cells grow in steps of {name} longer than {limit / rate:.3g}, and step is {step:g}: "
                "take a smaller step, or method='sbdf2', which no diffusion forces to small steps",
                stacklevel=4,
            )
    elif span * rate / limit > (max_steps or MANY) or forced_to_many(grid, scheme, span, p):
        warnings.warn(
            f"diffusion between cells this small forces {name} to about {span * rate / limit:.1e} steps unless the fields are "
            "uniform; method='imex' takes steps that accuracy asks for alone",
            stacklevel=4,
        )
