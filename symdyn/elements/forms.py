r"""Rates of fields in weak form: sums of constant matrices times functions of the values at the unknowns.

.. math:: M \dot u_i = \sum_k A_k\, g_k(u), \qquad A_k \in \{M, -K, C_x, C_y, S\}

:math:`c\,\Delta w` is :math:`-K w` and, on the boundary, :math:`S\, \partial_n w` with the normal derivative from the
conditions; functions of fields are interpolated by the elements, with an error of the order of theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sps
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.elements.matrices import ElementMatrices
from symdyn.errors import DeclarationError
from symdyn.models.operators import AXES, NUMBERS, components, laplacian, linear_form
from symdyn.models.pde import PDESystem

__all__ = ["WeakRates", "WeakTerm", "refuse_uncovered"]


class WeakTerm(NamedTuple):
    """A term of the rate of a field: a matrix by name, and what it is applied to."""

    field: int
    matrix: str
    factor: sp.Expr
    operand: sp.Expr


class WeakRates:
    """The rates of a system of fields on elements, and their derivatives.

    Parameters
    ----------
    pde : PDESystem
    matrices : ElementMatrices

    Attributes
    ----------
    forms : list of WeakTerm
    fixed : mapping of int to Expr
        Fields whose values are given on the boundary.

    Raises
    ------
    DeclarationError
        For terms that elements do not cover.
    """

    def __init__(self, pde: PDESystem, matrices: ElementMatrices) -> None:
        self.pde, self.matrices = pde, matrices
        refuse_uncovered(pde)
        self.cells, self.fields = matrices.size, len(pde.fields)
        self.size = self.cells * self.fields
        self.named = {
            "mass": matrices.mass, "stiffness": -matrices.stiffness, "x": matrices.along[0], "y": matrices.along[1],
            "wall": matrices.wall,
        }  # fmt: skip
        self.fixed: dict[int, sp.Expr] = {}
        for i, f in enumerate(pde.fields):
            c = pde.conditions[f][0][0]
            if len(c.coefficients) == 1:
                self.fixed[i] = c.value / c.coefficients[0]
        self.forms = [form for i in range(self.fields) for form in self._forms(i)]
        self._blocks = [("lane", (pde.time,)), ("y", (*pde.fields, *pde.space)), ("p", pde.parameters)]
        self.pairs = [
            (form, j, slope)
            for form in self.forms
            for j, f in enumerate(pde.fields)
            if (slope := sp.diff(form.factor * form.operand, f)) != 0
        ]
        self._values = self._lower([f.factor * f.operand for f in self.forms])
        self._slopes = self._lower([slope for _, _, slope in self.pairs])
        edge = [self.fixed[i] for i in sorted(self.fixed)]
        self._edge, self._moved = self._lower(edge), self._lower([sp.diff(e, pde.time) for e in edge])
        self.free = np.ones(self.size, bool)
        for i in self.fixed:
            self.free[i * self.cells + matrices.outer] = False
        self.mass = self._held(sps.block_diag([matrices.mass] * self.fields), identity=True)

    def _forms(self, i: int) -> list[WeakTerm]:
        pde, found = self.pde, []
        rate = components(pde.rates[i], 2)
        form = linear_form(rate, pde.fields, pde.space, 2)
        for (w, m), c in form.items():
            if w.has(*AXES, laplacian) or (c * w).has(*NUMBERS):
                raise DeclarationError(
                    f"the term {c * w} in the rate of {pde.fields[i]} has derivatives, means or integrals inside; finite "
                    "elements cover sums of c*laplacian(w), c*dx(w), c*dy(w) and w, with w of fields, positions and time"
                )
            if m == (0, 0):
                found.append(WeakTerm(i, "mass", c, w))
            elif m in ((1, 0), (0, 1)):
                found.append(WeakTerm(i, "xy"[m[1]], c, w))
            elif m in ((2, 0), (0, 2)):
                if form.get((w, (m[1], m[0])), sp.S.Zero) != c:
                    raise DeclarationError(
                        f"the rate of {pde.fields[i]} differentiates {w} twice along one axis; finite elements cover "
                        f"laplacian({w})"
                    )
                if m == (2, 0):
                    found.append(WeakTerm(i, "stiffness", c, w))
                    if i not in self.fixed and (slope := self._normal(w)) != 0:
                        found.append(WeakTerm(i, "wall", c, slope))
            else:
                raise DeclarationError(
                    f"the rate of {pde.fields[i]} has a derivative of order {sum(m)}; finite elements cover orders up to two: "
                    "make the inner laplacian a field of its own"
                )
        return found

    def _normal(self, w: sp.Expr) -> sp.Expr:
        """The normal derivative of an expression of fields, from their conditions."""
        pde, total = self.pde, sp.S.Zero
        if w.has(*pde.space):
            raise DeclarationError(
                f"laplacian({w}) has positions inside, whose normal derivative at the wall is not known; write it as a sum of "
                "terms without, or fix the field there by Dirichlet"
            )
        for f in pde.fields:
            if (slope := sp.diff(w, f)) != 0:
                c = pde.conditions[f][0][0]
                if len(c.coefficients) == 1:
                    raise DeclarationError(
                        f"laplacian({w}) in the rate of another field needs the normal derivative of {f}, whose value is fixed"
                    )
                total += slope * (c.value - c.coefficients[0] * f) / c.coefficients[1]
        return total

    def _lower(self, sides: list[sp.Expr]) -> object:
        return lower("forms", self._blocks, sides, [""] * len(sides)) if sides else None

    def _run(self, program: object, y: np.ndarray, t: float, p: np.ndarray) -> np.ndarray:
        """Values (k, N) at the unknowns."""
        if program is None:
            return np.empty((0, self.cells))
        states = [*y.reshape(self.fields, self.cells), *self.matrices.points.T]
        with np.errstate(all="ignore"):
            found = evaluate(program, [np.asarray(t)], states, list(map(np.asarray, p)))  # type: ignore[arg-type]
        return np.array([np.broadcast_to(v, (self.cells,)) for v in found], float)

    def _held(self, matrix: sps.spmatrix, *, identity: bool = False) -> sps.csc_matrix:
        """A matrix with the rows of given values cleared, or those of the identity."""
        kept = sps.diags(self.free.astype(float))
        held = kept @ matrix
        return (held + sps.diags((~self.free).astype(float))).tocsc() if identity else held.tocsc()

    def weak(self, y: np.ndarray, t: float, p: np.ndarray) -> np.ndarray:
        """The right-hand sides in weak form (size,), without regard to given values."""
        out = np.zeros((self.fields, self.cells))
        for form, g in zip(self.forms, self._run(self._values, y, t, p), strict=True):
            out[form.field] += self.named[form.matrix] @ g
        return out.ravel()

    def right(self, y: np.ndarray, t: float, p: np.ndarray) -> np.ndarray:
        """The same, and the rates of the given values at their rows: M' times the rates."""
        out = self.weak(y, t, p)
        out[~self.free] = self._of_edge(self._moved, y, t, p)
        return out

    def jacobian(self, y: np.ndarray, t: float, p: np.ndarray) -> sps.csc_matrix:
        """Derivatives of `weak` by the state, rows of given values cleared."""
        return self._held(self._sum(zip(self.pairs, self._run(self._slopes, y, t, p), strict=True)))

    def linear(self, t: float, p: np.ndarray) -> sps.csc_matrix:
        """Derivatives that do not depend on fields, time and positions, of diffusion and of reactions."""
        moving = {*self.pde.fields, *self.pde.space, self.pde.time}
        values = self._run(self._slopes, np.ones(self.size), t, p)
        constant = [(pair, v) for pair, v in zip(self.pairs, values, strict=True) if not pair[2].free_symbols & moving]
        return self._held(self._sum(constant))

    def _sum(self, terms: object) -> sps.csr_matrix:
        blocks = [[sps.csr_matrix((self.cells, self.cells)) for _ in range(self.fields)] for _ in range(self.fields)]
        for (form, j, _), slope in terms:  # type: ignore[attr-defined]
            blocks[form.field][j] = blocks[form.field][j] + self.named[form.matrix] @ sps.diags(slope)
        return sps.bmat(blocks)

    def _of_edge(self, program: object, y: np.ndarray, t: float, p: np.ndarray) -> np.ndarray:
        values = self._run(program, y, t, p)
        return values[:, self.matrices.outer].ravel()

    def given(self, y: np.ndarray, t: float, p: np.ndarray) -> np.ndarray:
        """Given values on the boundary, in the order of the unknowns that are not free."""
        return self._of_edge(self._edge, y, t, p)


def refuse_uncovered(pde: PDESystem) -> None:
    """Refuse what finite elements do not cover.

    Parameters
    ----------
    pde : PDESystem

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> refuse_uncovered(PDESystem.from_text("u' = laplacian(u)", domain=(0, 1)))
    Traceback (most recent call last):
    symdyn.errors.DeclarationError: finite elements fill a Disk or a Polygon; Interval(start=0.0, end=1.0) has grids
    """
    if pde.domain.boxed:
        raise DeclarationError(f"finite elements fill a Disk or a Polygon; {pde.domain} has grids")
    for what, some in (("scalars", pde.scalars), ("events", pde.events), ("inputs over time", pde.inputs)):
        if some:
            raise DeclarationError(f"finite elements do not cover {what} yet; this system has {', '.join(map(str, some))}")
    for target, row in pde.conditions.items():
        c = row[0][0]
        if target not in pde.fields:
            raise DeclarationError(f"finite elements have conditions for fields alone, not for {target}; make it a field")
        if len(c.coefficients) > 2 or c.value.has(*AXES, laplacian, *NUMBERS):
            raise DeclarationError(
                f"the condition {c} of {target} is not covered by finite elements: take Dirichlet, Neumann or Robin"
            )
    if pde.unknowns:
        raise DeclarationError(f"{pde.unknowns[0]} is an unknown term; give it an expression with with_terms")
