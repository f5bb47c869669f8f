"""Fields on a grid at rest: their rates with a sparse Jacobian, by differences of many cells at once, or with products."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import scipy.sparse as sps
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.grids.rest_modes import ModalDerivative
from symdyn.grids.system import GridSystem
from symdyn.integration.rest import Derivative, RestProblem, differences
from symdyn.models.operators import NUMBERS, at
from symdyn.models.pde import PDESystem

__all__ = ["GridRest", "field_rest", "grid_rest"]

#: Unknowns up to which couplings of all with all are taken at each state, up to which they are taken where products do not
#: suffice, and up to which equations in three dimensions have factors.
FEW, DENSE, FACTORISED = 200, 3000, 10_000
#: Relative to the largest term of a product: disagreement that shows couplings farther away.
AGREE = 1e-6


def field_rest(pde: PDESystem) -> RestProblem:
    """Refused: a system of fields needs a grid before its stationary equations are numbers.

    Parameters
    ----------
    pde : PDESystem

    Returns
    -------
    RestProblem
        Of a system with a grid or a mesh; here none.

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> PDESystem.example().at_rest()
    Traceback (most recent call last):
    symdyn.errors.DeclarationError: nothing says how fine the grid is: pass grid=nx or a system from discretize
    """
    raise DeclarationError("nothing says how fine the grid is: pass grid=nx or a system from discretize")


def grid_rest(system: GridSystem) -> GridRest:
    """The stationary equations of fields on a grid.

    Parameters
    ----------
    system : GridSystem

    Returns
    -------
    GridRest

    Raises
    ------
    DeclarationError
        For equations that depend on time.

    Examples
    --------
    >>> grid = PDESystem.from_text("u' = laplacian(u) - u", domain=(0, 1)).discretize(4)
    >>> grid.at_rest().jacobian(np.ones(4), np.empty(0), np.ones(4)).toarray().round(6)[:2].tolist()
    [[-17.0, 16.0, 0.0, 0.0], [16.0, -33.0, 16.0, 0.0]]
    """
    return GridRest(system)


class GridRest(RestProblem):
    """The rates of fields on a grid, which stencils make local.

    Columns of the Jacobian whose cells are too far apart to touch a common rate are found by the same differences.  Whether
    the couplings that are taken suffice is checked by a product with a random vector at every state.  Where means, integrals,
    scalars or spectral derivatives couple all of many cells the Jacobian is known by its products alone; there, and in three
    dimensions where factors would be dear, equations are solved by iterations.

    Parameters
    ----------
    grid : GridSystem
    """

    def __init__(self, grid: GridSystem) -> None:
        free = set().union(*(e.free_symbols for e in (*grid.rates, *_walls(grid))))
        if grid.time in free or grid.inputs:
            raise DeclarationError(f"the equations depend on {grid.time}; steady states need an autonomous system")
        self.grid, self.model = grid, grid.model()
        self.shape, cells = self.model.shape, self.model.cells
        self.size, n = self.model.size, len(grid.fields)
        self.blocks = [slice(k * cells, (k + 1) * cells) for k in range(n)]
        self.blocks += [slice(k, k + 1) for k in range(n * cells, self.size)]
        self.weights = np.concatenate([np.full(n * cells, 1.0 / cells), np.ones(self.size - n * cells)])
        self.fields, self.cells = n, cells
        spectral = grid.scheme == "spectral"
        self.reach = 1 if spectral else max(1, self.model.passes.ghosts)
        self.everywhere = spectral or bool(grid.scalars) or any(e.has(*NUMBERS) for e in grid.rates)
        self.dear = grid.dimension == 3 and self.size > FACTORISED
        pinned = any(e.has(at) for e in grid.rates)  # values at points do not move with the fields
        self._moving = [a for a in range(grid.dimension) if a in grid.periodic and grid.space[a] not in free and not pinned]

    def residual(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return self.model.rates(y, 0.0, p)

    def shifts(self, y: np.ndarray) -> np.ndarray:
        found = []
        for axis in self._moving:
            fields, n = y[: self.fields * self.cells].reshape(self.fields, *self.shape), self.shape[axis]
            turn = 2j * np.pi * np.fft.rfftfreq(n)  # over one cell
            turn[2 * np.arange(turn.size) == n] = 0
            waves = np.moveaxis(np.fft.rfft(fields, axis=axis + 1), axis + 1, -1) * turn
            moved = np.fft.irfft(np.moveaxis(waves, -1, axis + 1), n, axis=axis + 1).ravel()
            direction = np.append(moved, np.zeros(self.size - moved.size))
            if np.linalg.norm(direction) > 1e-6 * np.linalg.norm(y):
                found.append(direction / np.linalg.norm(direction))
        return np.array(found).T if found else np.empty((self.size, 0))

    def aligned(self, y: np.ndarray, other: np.ndarray) -> np.ndarray:
        if not self._moving:
            return other
        axes, shape = tuple(a + 1 for a in self._moving), (self.fields, *self.shape)
        waves = np.meshgrid(*(np.fft.fftfreq(self.shape[a], 1 / self.shape[a]) for a in self._moving), indexing="ij")
        k = 2 * np.pi * np.stack([w.ravel() for w in waves])
        units = np.array([u or 1.0 for u in self.measure(y)[: self.fields]]).reshape([-1] + [1] * len(self.shape))
        here, there = (np.fft.fftn(v[: self.fields * self.cells].reshape(shape), axes=axes) for v in (y, other))
        others = tuple(a for a in range(len(shape)) if a not in axes)
        product = (here * there.conj() / units**2).sum(axis=others)
        best = np.unravel_index(np.fft.ifftn(product).real.argmax(), product.shape)
        shift, product = np.array(best) / product.shape, product.ravel()
        for _ in range(8):  # the largest correlation between cells, by Newton's method
            turned = product * np.exp(1j * (shift @ k))
            slope, bend = (1j * k * turned).sum(axis=1).real, -np.einsum("ak,bk,k->ab", k, k, turned.real)
            shift = shift - np.linalg.lstsq(bend, slope, rcond=1e-9)[0]
        phases = np.exp(-1j * (shift @ k)).reshape([self.shape[a] if a in self._moving else 1 for a in range(len(self.shape))])
        moved = other.copy()
        moved[: self.fields * self.cells] = np.fft.ifftn(there * phases, axes=axes).real.ravel()
        return moved

    def jacobian(self, y: np.ndarray, p: np.ndarray, sizes: np.ndarray) -> sps.csc_matrix | Derivative:
        if self.everywhere and self.size > FEW:
            few = self.size <= DENSE
            columns = partial(self._columns, y.copy(), p, sizes) if few else None
            try:
                return ModalDerivative(self.model, y, p, sizes, self.grid.implicit, columns=columns)
            except DeclarationError:  # nothing to precondition with
                if not few:
                    raise
        matrix = self._sparse(y, p, sizes)
        if self.dear and isinstance(matrix, sps.csc_matrix):
            try:
                return ModalDerivative(self.model, y, p, sizes, self.grid.implicit, matrix)
            except DeclarationError:  # nothing to precondition with: factors, dear as they are
                return matrix
        return matrix

    def _sparse(self, y: np.ndarray, p: np.ndarray, sizes: np.ndarray) -> sps.csc_matrix | Derivative:
        vector = np.random.default_rng(2).standard_normal(self.size)
        wanted = self._along(y, p, vector * sizes)
        while True:
            wide = self.everywhere or self.reach > max(8, self.model.order)
            if wide and self.size > DENSE:  # values at points, or wide stencils
                return ModalDerivative(self.model, y, p, sizes, self.grid.implicit)
            matrix = self._columns(y, p, sizes) if wide else self._stencils(y, p, sizes)
            if not np.isfinite(matrix.data).all():
                return matrix
            error = np.abs(matrix @ (vector * sizes) - wanted)
            if wide or (error <= AGREE * (abs(matrix) @ np.abs(vector * sizes) + np.abs(wanted))).all():
                return matrix
            self.reach += 1

    def _along(self, y: np.ndarray, p: np.ndarray, direction: np.ndarray) -> np.ndarray:
        return differences(lambda h: self.residual(y + h * direction, p), 1.0)

    def _columns(self, y: np.ndarray, p: np.ndarray, sizes: np.ndarray) -> sps.csc_matrix:
        found = np.empty((self.size, self.size))
        unit = np.zeros(self.size)
        for k in range(self.size):
            unit[k] = sizes[k]
            found[:, k] = self._along(y, p, unit) / sizes[k]
            unit[k] = 0.0
        return sps.csc_matrix(found)

    def _stencils(self, y: np.ndarray, p: np.ndarray, sizes: np.ndarray) -> sps.csc_matrix:
        r, shape = self.reach, self.shape
        colours = [_colours(n, 2 * r + 1, k in self.grid.periodic) for k, n in enumerate(shape)]
        counts = [int(c.max()) + 1 for c in colours]
        number = np.arange(self.cells).reshape(shape)
        colour = np.zeros(shape, int)
        for axis, c in enumerate(colours):
            colour = colour * counts[axis] + c.reshape([-1 if k == axis else 1 for k in range(len(shape))])
        colour = colour.ravel()
        moved = np.empty((int(np.prod(counts)), self.fields, self.fields, self.cells))
        for k in range(len(moved)):
            for j in range(self.fields):
                unit = np.zeros(self.size)
                here = self.blocks[j].start + np.flatnonzero(colour == k)
                unit[here] = sizes[here]
                moved[k, j] = self._along(y, p, unit).reshape(self.fields, self.cells)
        rows, columns, values = [], [], []
        reach = [range(-min(r, (n - 1) // 2), min(r, n // 2) + 1) if a in self.grid.periodic else range(-r, r + 1)
                 for a, n in enumerate(shape)]  # fmt: skip
        for offset in product(*reach):
            there, inside = number, np.ones(shape, bool)
            for axis, o in enumerate(offset):
                there = np.roll(there, -o, axis)
                if axis not in self.grid.periodic:
                    place = np.arange(shape[axis]) + o
                    ok = (place >= 0) & (place < shape[axis])
                    inside = inside & ok.reshape([-1 if k == axis else 1 for k in range(len(shape))])
            row, column = number[inside], there[inside]
            for i, j in product(range(self.fields), repeat=2):
                value = moved[colour[column], j, i, row]
                some = value != 0
                rows.append(i * self.cells + row[some])
                columns.append(j * self.cells + column[some])
                values.append(value[some] / sizes[self.blocks[j]][column[some]])
        data, row, column = (np.concatenate(x) for x in (values, rows, columns))
        return sps.csc_matrix((data, (row, column)), shape=(self.size, self.size))


def _colours(n: int, period: int, periodic: bool) -> np.ndarray:
    """A colour for each cell of an axis such that two of one colour are at least `period` apart, also around the end."""
    cells = np.arange(n)
    if not periodic:
        return cells % period
    whole = n - n % period if n >= period else 0
    return np.where(cells < whole, cells % period, period * (whole > 0) + cells - whole)


def _walls(grid: GridSystem) -> list[sp.Expr]:
    """Values of the conditions at walls."""
    return [c.value for row in grid.conditions.values() for pair in row if pair != "periodic" for c in pair]
