"""Fields on a grid as problems for `symdyn.integration.integrate`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from symdyn.codegen.drivers import plain_driver
from symdyn.errors import DeclarationError
from symdyn.grids.compiled import StencilLoop
from symdyn.grids.lifting import WallLift, moving_walls
from symdyn.grids.linear_part_terms import linear_part_of, numeric_terms
from symdyn.grids.model import GridModel
from symdyn.grids.spectral import SpectralModel
from symdyn.grids.spectral_rates import SpectralRates
from symdyn.grids.system import GridSystem
from symdyn.grids.walls import MIRROR, PERIODIC
from symdyn.integration.arrays import Arrays
from symdyn.integration.problem import DiagonalProblem, Problem
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["FieldProblem", "make_problem", "split_problem"]


class FieldProblem(Problem):
    """All rates of fields on a grid, for explicit methods; on cells their loop is compiled.

    Parameters
    ----------
    model : GridModel or SpectralModel
    p : (k,) array
        Values of the parameters.
    threads : int
        Among which steps on cells are split.
    """

    def __init__(self, model: GridModel | SpectralModel, p: np.ndarray, threads: int = 1) -> None:
        self.model, self.p, self.threads = model, np.ascontiguousarray(p, float), threads
        self.size, cells = model.size, model.cells
        fields = len(model.pde.fields)
        self.blocks = [slice(k * cells, (k + 1) * cells) for k in range(fields)]
        self.blocks += [slice(k, k + 1) for k in range(fields * cells, self.size)]

    def rates(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        return self.model.rates(y, t, self.p, out)

    def compiled(self, scheme: Any) -> StencilLoop | None:
        if isinstance(self.model, GridModel) and isinstance(scheme, ExplicitRungeKutta):
            lend = partial(self.model.workspaces.lent, threads=self.threads)
            return StencilLoop(self.model, scheme, self.p, lend, plain_driver("stencil_steps"))
        return None


class SpectralProblem(DiagonalProblem):
    """Spectral derivatives: no product is transformed twice.

    Parameters
    ----------
    linear : object
        A `LinearPart`, or the `CardModes` of one.
    bound : SpectralRates
    arrays : Arrays, optional
    """

    def __init__(self, linear: Any, bound: SpectralRates, arrays: Arrays | None = None) -> None:
        super().__init__(linear, bound.rates, arrays=arrays)
        self.bound = bound
        difference = bound.own.eigenvalues - linear.eigenvalues
        self._difference = self.arrays.kept(difference) if difference.any() else None

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        self.bound.beyond(z, t, out, y)
        return out if self._difference is None else self.arrays.combine(out, [z], [self._difference], out)


def make_problem(grid: GridSystem, scheme: Any, p: np.ndarray, threads: int | None = None) -> Problem:
    """The problem of a system on a grid for a method.

    Parameters
    ----------
    grid : GridSystem
    scheme : object
        An entry of ``symdyn.METHODS``.
    p : (k,) array
        Values of the parameters.
    threads : int, optional
        Of transforms, and of passes over the cells.

    Returns
    -------
    Problem
        Used by one thread at a time.

    Raises
    ------
    DeclarationError
        If nothing is linear with constant coefficients, and for `implicit` of the grid with an explicit method.

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = D*laplacian(u); D = 1", domain=(0, 1)).discretize(4)
    >>> [type(make_problem(grid, sd.METHODS[name], np.ones(1))).__name__ for name in ("tsit5", "imex")]
    ['FieldProblem', 'DiagonalProblem']
    """
    model = grid.model()
    if isinstance(scheme, ExplicitRungeKutta):
        if grid.implicit is not None:
            raise DeclarationError(f"implicit= belongs to implicit methods (imex, imex3, etdrk4, sbdf2), not to {scheme.name}")
        return FieldProblem(model, p, threads or 1)
    return split_problem(model, p, implicit=grid.implicit, method=scheme.name, threads=threads)


def split_problem(
    model: GridModel | SpectralModel, p: np.ndarray, *, implicit: Mapping[Any, Any] | None = None, method: str = "imex",
    threads: int | None = None,
) -> DiagonalProblem:  # fmt: skip
    """The rates of a model of a grid as a diagonal part and the rest.

    Parameters
    ----------
    model : GridModel or SpectralModel
    p : (k,) array
        Values of the parameters.
    implicit : mapping, optional
        From fields to linear expressions, such as ``{"u": "D*laplacian(u)"}``, that are treated implicitly in place of what is
        linear in their rates.
    method : str
        Named in messages.
    threads : int, optional

    Returns
    -------
    DiagonalProblem

    Raises
    ------
    DeclarationError
        If nothing is linear with constant coefficients.
    """
    pde, p = model.pde, np.ascontiguousarray(p, float)
    values = dict(zip(pde.parameters, p.tolist(), strict=True))
    spectral = isinstance(model, SpectralModel)
    walls = dict.fromkeys(pde.fields, ((PERIODIC, PERIODIC),) * pde.dimension) if spectral else model.walls(p)  # type: ignore[union-attr]
    order = None if spectral else model.order  # type: ignore[union-attr]
    linear = linear_part_of(
        pde, tuple(model.shape), walls, values, order=order, implicit=implicit, method=method,
        threads=threads or getattr(model, "threads", None),
    )  # fmt: skip
    if spectral:
        bound = model.bound(p)  # type: ignore[union-attr]
        bound.threads = linear.threads
        return SpectralProblem(linear, bound)
    terms = dict(zip(pde.fields, numeric_terms(pde, values, implicit), strict=True))
    implicit_ones = [f for f in pde.fields if terms[f]]
    corrected = any(side not in (PERIODIC, MIRROR) for f in implicit_ones for pair in walls[f] for side in pair)
    # a chain of derivatives has conditions of its own at each of its links
    lifted = tuple(f for f in implicit_ones if moving_walls(pde, f) and all(len(chain) == 1 for chain in terms[f]))
    lift = WallLift(pde, tuple(model.shape), walls, p, lifted) if lifted else None

    def rates(y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        return model.rates(y, t, p, out, threads=threads or 1)  # type: ignore[call-arg]

    return DiagonalProblem(linear, rates, lift=lift, corrected=corrected)
