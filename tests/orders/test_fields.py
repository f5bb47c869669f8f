"""Observed orders in time of every method with a form for arrays, on differences and in Fourier modes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy as sp

from symdyn.grids.problems import make_problem
from symdyn.models.operators import dx, laplacian
from symdyn.models.pde import PDESystem
from tests.integrated import SCHEMES, integrated

u, x, t = sp.symbols("u x t")
#: Numbers of steps whose errors lie above rounding and within stability.
STEPS = {"dop853": (8, 16), "tsit5": (64, 128)}


@pytest.mark.parametrize(("method", "scheme"), list(product(SCHEMES, ["finite differences", "spectral"])))
def test_half_the_step_divides_the_error_by_two_to_the_order(method, scheme):
    pde = PDESystem({u: laplacian(u) / 20 - dx(u**2) / 2 + u * sp.cos(t)}, (0, 2 * sp.pi), boundary="periodic")
    grid = pde.discretize(16, scheme=scheme)
    start, times, none = np.sin(grid.centers[0]) + 0.5, [0.0, 1.0], np.empty(0)
    exact = integrated(make_problem(grid, SCHEMES["tsit5"], none), "tsit5", start, times, rtol=1e-13, atol=1e-14).frames[-1]
    problem = make_problem(grid, SCHEMES[method], none)
    errors = []
    for n in STEPS.get(method, (32, 64)):
        found = integrated(problem, method, start, times, step=1 / n)
        assert (found.steps, found.rejected) == (n, 0)
        errors.append(np.abs(found.frames[-1] - exact).max())
    assert errors[1] > 1e-12
    # tsit5 approaches its order from above, as its leading coefficients are small
    assert -0.2 < np.log2(errors[0] / errors[1]) - SCHEMES[method].order < 0.6
