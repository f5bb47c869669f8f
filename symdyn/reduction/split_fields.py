"""The right-hand sides of fields on a grid by degree and by parameter.

Every part is a system on the same grid with a part of the rates, so that its derivatives are those of the grid itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.grids.interpolation import with_weights
from symdyn.grids.system import GridSystem
from symdyn.models.operators import (
    NUMBERS,
    Operator,
    components,
    derivative_of,
    linear_form,
)
from symdyn.reduction.coefficients import polynomial_coefficients
from symdyn.reduction.monomials import Monomials
from symdyn.reduction.split import Part, Sample, Split

__all__ = ["GridSplit"]

#: Highest degree of polynomials whose coefficients are found from values.
HIGHEST = 3
#: How many cells a stencil reaches at most, and what is rounding relative to the largest coefficient.
REACH, ROUNDING = 6, 1e-12


class GridSplit(Split):
    """The rates of fields on a grid, split.

    Parameters
    ----------
    grid : GridSystem
    degree : int
        Polynomials in the fields up to it are parts; others are atoms, one in every cell.
    parameters : (P,) float64
        Values at which first derivatives choose their side at walls.
    """

    def __init__(self, grid: GridSystem, degree: int, parameters: np.ndarray) -> None:
        self.grid, self.degree, self.numbers = grid, degree, parameters
        if grid.advection != "central":
            raise DeclarationError(f"advection={grid.advection!r} is not smooth in the fields; discretize with 'central'")
        pairs = [pair for row in grid.conditions.values() for pair in row if pair != "periodic"]
        walls = {s for pair in pairs for c in pair for e in (*c.coefficients, c.value) for s in e.free_symbols} - set(
            grid.space
        )
        if walls:
            name = min(map(str, walls))
            raise DeclarationError(f"a condition at the walls contains {name}; a reduction needs it as a number")
        self.cells, self.fields = int(np.prod(grid.shape)), len(grid.fields)
        self.size = self.fields * self.cells + len(grid.scalars)
        self._operands = {components(k, grid.dimension) for k in grid.conditions if k not in grid.fields}
        self._parts: dict[tuple[sp.Expr, int], dict[int, list[sp.Expr]]] = defaultdict(lambda: defaultdict(list))
        self._atoms: dict[sp.Expr, dict[tuple[sp.Expr, int], float]] = defaultdict(dict)
        self._fluxes: dict[sp.Expr, int] = {}
        self._terms: dict[sp.Expr, _Rates] = {}
        weighted = with_weights(grid.pde, grid.shape, None if grid.scheme == "spectral" else grid.order)
        for row, rate in enumerate(grid.rates):
            self._read(row, components(weighted(rate), grid.dimension))
        self.parts = tuple(
            Part(factor, d, _Rates(self, {row: sp.Add(*terms) for row, terms in rows.items()}, factor))
            for (factor, d), rows in self._parts.items()
        )
        self._pointwise = tuple(self._atoms)
        rows = [next(iter(c))[1] for c in self._atoms.values()]
        lengths = [self.cells if row < self.fields else 1 for row in rows]
        self._begins = np.concatenate([[0], np.cumsum(lengths, dtype=int)])
        self.count = int(self._begins[-1])
        self.factors = tuple(dict.fromkeys(q for c in self._atoms.values() for q, _ in c))

    # ---- reading -------------------------------------------------------------------------------

    def _read(self, row: int, rate: sp.Expr) -> None:
        """Sort the terms of one rate."""
        grid, zero = self.grid, (0,) * self.grid.dimension
        if row >= self.fields:
            self._read_term(row, rate, zero, {sp.S.One: 1.0})
            return
        known = {*grid.fields, *self._operands}
        for (w, m), c in linear_form(rate, known, grid.space, grid.dimension).items():
            self._read_term(row, w * self._space_factor(c)[0], m, self._space_factor(c)[1])

    def _space_factor(self, c: sp.Expr) -> tuple[sp.Expr, dict[sp.Expr, float]]:
        """What of a coefficient is made of scalars and means, and the rest by factor."""
        reader = Monomials({s: i for i, s in enumerate(self.grid.scalars)}, 0)
        if reader.varies(c) or c.has(*NUMBERS):
            return c, {sp.S.One: 1.0}
        return sp.S.One, reader.form(c)[()]

    def _read_term(self, row: int, w: sp.Expr, m: tuple[int, ...], factors: Mapping[sp.Expr, float]) -> None:
        grid, constants = self.grid, {*self.grid.parameters, self.grid.time}
        if w in self._operands:
            found = self._degree(w)
            if found is None or found > HIGHEST or w.free_symbols & constants:
                raise DeclarationError(
                    f"{w}, which has a condition at the walls, is not reduced: it contains a parameter or is no polynomial"
                )
            self._put(row, found, derivative_of(w, m), factors)
            return
        reader = Monomials(self._generators(w), self.degree)
        for key, coefficients in reader.form(w).items():
            for factor, value in coefficients.items():
                theta, shape = factor.as_independent(*grid.space)
                if shape.free_symbols & constants:
                    theta, shape = sp.S.One, factor
                scaled = {sp.Mul(q, theta): c * value for q, c in factors.items()}
                if isinstance(key, tuple) and not shape.free_symbols & constants:
                    generators = [*reader.places]
                    term = sp.Mul(shape, *(generators[i] for i in key))
                    self._put(row, len(key), derivative_of(term, m), scaled)
                    continue
                term = shape * (sp.Mul(*([*reader.places][i] for i in key)) if isinstance(key, tuple) else key)
                self._atom(row, derivative_of(term, m), scaled)

    def _atom(self, row: int, e: sp.Expr, factors: Mapping[sp.Expr, float]) -> None:
        """A term that is interpolated; of what is no function of one cell the polynomial in its neighbours is found later."""
        if self.grid.scheme == "spectral":
            raise DeclarationError(f"{e} is to be interpolated, which needs finite differences; raise exact= or take these")
        if e.atoms(Operator) - set(self._generators(e)):
            found = self._degree(e)
            if found is None or found > HIGHEST or e.has(*NUMBERS) or e.free_symbols & {*self.grid.parameters, self.grid.time}:
                raise DeclarationError(
                    f"{e} takes a derivative or mean of what contains a parameter or has a degree above {HIGHEST}, and "
                    "is not interpolated; write it out, or make that a field of its own"
                )
            self._fluxes[e] = found
        for q, c in factors.items():
            self._atoms[e][q, row] = self._atoms[e].get((q, row), 0.0) + c

    def _put(self, row: int, degree: int, term: sp.Expr, factors: Mapping[sp.Expr, float]) -> None:
        for factor, value in factors.items():
            if value:
                self._parts[factor, degree][row].append(value * term)

    def _generators(self, w: sp.Expr) -> dict[sp.Expr, int]:
        """Fields, scalars, and operators of linear expressions in `w`."""
        found: dict[sp.Expr, int] = {s: i for i, s in enumerate(self.grid.states)}
        for node in sorted(w.atoms(Operator), key=str):
            if self._degree(node.args[0]) == 1 and not node.free_symbols & set(self.grid.parameters):
                found[node] = len(found)
        return found

    def _degree(self, e: sp.Expr) -> int | None:
        """The degree of a polynomial in fields and scalars, None of anything else."""
        if e in self.grid.states:
            return 1
        if not e.has(*self.grid.states):
            return 0
        if isinstance(e, Operator):
            return self._degree(e.args[0])
        found = [self._degree(a) for a in e.args]
        if None in found:
            return None
        if e.is_Add:
            return max(found)  # type: ignore[type-var]
        if e.is_Mul:
            return sum(found)  # type: ignore[arg-type]
        if e.is_Pow and e.exp.is_Integer and e.exp > 0:
            return found[0] * int(e.exp)  # type: ignore[operator]
        return None

    # ---- values --------------------------------------------------------------------------------

    def model(self, rates: Mapping[int, sp.Expr]) -> Any:
        """The model of the grid with other rates, 0 unless given."""
        rows = tuple(rates.get(k, sp.S.Zero) for k in range(len(self.grid.states)))
        inner = {components(node.args[0], self.grid.dimension) for e in rows for node in e.atoms(Operator)}
        kept = {
            k: c
            for k, c in self.grid.conditions.items()
            if k in self.grid.fields or components(k, self.grid.dimension) in inner
        }
        return self.grid.replace(rates=rows, conditions=MappingProxyType(kept), observables=MappingProxyType({})).model()

    @cached_property
    def _models(self) -> list[tuple[Any, list[int], list[int]]]:
        """Models that compute the atoms, and the atoms of each, a field for each."""
        spread = [k for k, c in enumerate(self._atoms.values()) if next(iter(c))[1] < self.fields]
        single = [k for k in range(len(self._pointwise)) if k not in spread]
        found = []
        while spread or single:
            chosen = spread[: self.fields], single[: len(self.grid.scalars)]
            rates = {i: self._pointwise[k] for i, k in enumerate(chosen[0])}
            rates |= {self.fields + i: self._pointwise[k] for i, k in enumerate(chosen[1])}
            found.append((self.model(rates), list(rates), [*chosen[0], *chosen[1]]))
            spread, single = spread[self.fields :], single[len(self.grid.scalars) :]
        return found

    def rows(self, row: int) -> slice:
        """Where the values of a field or scalar are in a state."""
        if row < self.fields:
            return slice(row * self.cells, (row + 1) * self.cells)
        place = self.fields * self.cells + row - self.fields
        return slice(place, place + 1)

    def values(self, states: np.ndarray, times: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        found = np.empty((self.count, states.shape[1]))
        for k, state in enumerate(np.ascontiguousarray(states.T)):
            for model, places, chosen in self._models:
                rates = model.rates(state, float(times[k]), np.ascontiguousarray(parameters[:, k]))
                for place, atom in zip(places, chosen, strict=True):
                    found[self._begins[atom] : self._begins[atom + 1], k] = rates[self.rows(place)]
        return found

    def carried(self, factor: sp.Expr, columns: np.ndarray) -> np.ndarray:
        found = np.zeros((self.size, columns.shape[1]))
        for k, column in enumerate(self._atoms.values()):
            for (q, row), value in column.items():
                if q == factor:
                    found[self.rows(row)] += value * columns[self._begins[k] : self._begins[k + 1]]
        return found

    def sample(self, chosen: Sequence[int]) -> Sample:
        symbols: dict[tuple[sp.Expr, int], sp.Symbol] = {}
        places = [self._place(point) for point in chosen]
        near = self._neighbours([place for place in places if place[0] in self._fluxes])
        atoms = []
        for e, cell in places:
            atoms.append(
                self._polynomial(e, cell, near[e, cell], symbols) if e in self._fluxes else self._local(e, cell, symbols)
            )
        return Sample(tuple(atoms), tuple(symbols.values()), _Points(self, list(symbols)))

    def _place(self, point: int) -> tuple[sp.Expr, int]:
        """The expression and the cell of an atom."""
        k = int(np.searchsorted(self._begins, point, side="right")) - 1
        return self._pointwise[k], point - int(self._begins[k])

    def _local(self, e: sp.Expr, cell: int, symbols: dict[tuple[sp.Expr, int], sp.Symbol]) -> sp.Expr:
        """A function of what is in one cell."""
        grid = self.grid
        where = np.unravel_index(cell, grid.shape)
        swap: dict[sp.Basic, sp.Basic] = {s: sp.Float(float(grid.centers[a][where[a]])) for a, s in enumerate(grid.space)}
        for node in self._generators(e):
            if e.has(node):
                at = 0 if node in grid.scalars or isinstance(node, NUMBERS) else cell
                swap[node] = symbols.setdefault((node, at), sp.Dummy(f"{node}_{at}", real=True))
        return dag.replace([e], swap)[0]

    def _polynomial(self, e: sp.Expr, cell: int, near: Sequence[int], symbols: dict[tuple[sp.Expr, int], sp.Symbol]) -> sp.Expr:
        """The polynomial in neighbouring values that a term is in one cell."""
        test, basis = np.zeros((self.size, 1)), np.zeros((self.size, len(near)))
        test[cell], basis[near, range(len(near))] = 1.0, 1.0
        found = polynomial_coefficients(self._term(e), basis, np.zeros(self.size), self._fluxes[e], test)
        largest = max(abs(float(c[0])) for c in found.values())
        names = []
        for place in near:
            spread = self.fields * self.cells
            row = place // self.cells if place < spread else self.fields + place - spread
            key = self.grid.states[row], place - self.rows(row).start
            names.append(symbols.setdefault(key, sp.Dummy(f"{key[0]}_{key[1]}", real=True)))
        kept = {key: float(c[0]) for key, c in found.items() if abs(c[0]) > ROUNDING * largest}
        return sp.Add(*(value * sp.Mul(*(names[i] for i in key)) for key, value in kept.items()))

    def _term(self, e: sp.Expr) -> _Rates:
        """A term in all cells."""
        if e not in self._terms:
            self._terms[e] = _Rates(self, {0: e}, sp.S.One)
        return self._terms[e]

    def _neighbours(self, places: list[tuple[sp.Expr, int]]) -> dict[tuple[sp.Expr, int], list[int]]:
        """The values on which terms depend in some cells: all cells of one colour are changed at once."""
        shape = self.grid.shape
        found: dict[tuple[sp.Expr, int], list[int]] = {place: [] for place in places}
        period = [min(2 * REACH + 1, n) if n % (2 * REACH + 1) == 0 or n <= 2 * REACH + 1 else 2 * REACH + 1 for n in shape]
        where = np.indices(shape).reshape(len(shape), -1)
        base = 1.0 + 0.5 * np.cos(np.arange(self.size))
        for e in dict.fromkeys(e for e, _ in places):
            term, cells = self._term(e), [cell for known, cell in places if known == e]
            before = term(base[:, None])[cells, 0]
            scale = np.abs(before).max() + 1.0
            for row in range(len(self.grid.states)):
                spread = row < self.fields
                for colour in np.ndindex(*period) if spread else [()]:
                    fits = [where[a] % period[a] == k for a, k in enumerate(colour)]
                    chosen = np.flatnonzero(np.all(fits, axis=0)) if spread else np.array([0])
                    state = base.copy()
                    state[self.rows(row).start + chosen] += 0.7
                    moved = np.abs(term(state[:, None])[cells, 0] - before) > ROUNDING * scale
                    for cell in np.array(cells)[moved]:
                        apart = np.abs(where[:, chosen] - where[:, [cell]]) if spread else np.zeros((1, 1))
                        apart = np.minimum(apart, np.array(shape)[:, None] - apart) if spread else apart
                        nearest = int(chosen[apart.max(axis=0).argmin()])
                        found[e, int(cell)].append(self.rows(row).start + nearest)
        return found


class _Rates:
    """A part of the rates at many states."""

    def __init__(self, split: GridSplit, rates: Mapping[int, sp.Expr], factor: sp.Expr) -> None:
        self.split, self.scale, known = split, 1.0, split.grid.parameters
        value = float(factor.xreplace(dict(zip(known, split.numbers.tolist(), strict=True)))) if (
            factor.free_symbols and factor.free_symbols <= set(known)
        ) else 0.0  # fmt: skip
        if value and np.isfinite(value):  # with their factor, whose sign decides where advection leaves the domain
            rates, self.scale = {k: factor * e for k, e in rates.items()}, 1 / value
        self.model = split.model(rates)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        p = self.split.numbers
        return np.stack([self.model.rates(u, 0.0, p) for u in np.ascontiguousarray(states.T)], axis=1) * self.scale


class _Points:
    """Values of fields and of linear expressions in some cells."""

    def __init__(self, split: GridSplit, wanted: list[tuple[sp.Expr, int]]) -> None:
        self.split, self.wanted = split, wanted
        self.models = {e: split.model({0: e}) for e in dict.fromkeys(e for e, _ in wanted) if e not in split.grid.states}

    def __call__(self, states: np.ndarray) -> np.ndarray:
        split, p = self.split, self.split.numbers
        columns = np.ascontiguousarray(states.T)
        made = {e: np.stack([m.rates(u, 0.0, p) for u in columns], axis=1)[split.rows(0)] for e, m in self.models.items()}
        rows = []
        for e, cell in self.wanted:
            rows.append(made[e][cell] if e in made else states[split.rows(split.grid.states.index(e))][cell])
        return np.stack(rows)
